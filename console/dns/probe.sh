# One look at a BIND server. $1 config path or empty, $2 chroot or empty, $3 most zonestatus calls, $4… more rndc arguments.
# Prints sections: a line "@name words", then content lines that begin with "|". Nothing of the host can look like "@".
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
config=$1 root=$2 most=$3
shift 3
bar() { awk '{ print "|" $0 }'; }

echo "@tools"
for tool in named named-checkconf named-checkzone named-compilezone rndc dig journalctl getent; do
    found=$(command -v "$tool") && printf '|%s %s\n' "$tool" "$found"
done

# The running named: one that was given our config; else, in our own mount namespace (not a container's), one that runs
# with the default config, or the first of the others.
pid='' options='' jail='' wanted=$config ours=$(readlink /proc/self/ns/mnt)
for comm in $(grep -lx named /proc/[0-9]*/comm 2>/dev/null); do
    proc=${comm%/comm}
    said=$(tr '\000' '\n' <"$proc/cmdline" 2>/dev/null | awk '
        wanted { print wanted, $0; wanted = ""; next }
        /^-[ctL]$/ { wanted = substr($0, 2, 1); next }
        /^-[ctL]./ { print substr($0, 2, 1), substr($0, 3) }
        /^-[fg]$/ { print substr($0, 2, 1), "" }')
    given=$(printf '%s\n' "$said" | sed -n 's/^c //p')
    case $given in '' | /etc/bind/named.conf | /etc/named.conf) default=yes ;; *) default=no ;; esac
    if [ -n "$wanted" ]; then
        [ "$given" = "$wanted" ] || { [ -z "$given" ] && [ "$wanted" = /etc/bind/named.conf ]; } || continue
    else
        theirs=$(readlink "$proc/ns/mnt")
        [ "$theirs" = "$ours" ] || [ -z "$theirs" ] || continue
        [ -z "$pid" ] || [ $default = yes ] || continue
        config=$given
    fi
    pid=${proc#/proc/} options=$said jail=$(printf '%s\n' "$said" | sed -n 's/^t //p')
    [ -z "$wanted" ] && [ $default = no ] || break
done
root=${root:-$jail}
if [ -z "$config" ]; then
    for config in /etc/bind/named.conf /etc/named.conf /usr/local/etc/namedb/named.conf; do
        [ -e "$root$config" ] && break
    done
    [ -e "$root$config" ] || config=''
fi
case $config in '' | /*) ;; *) config=$(readlink "/proc/$pid/cwd")/$config ;; esac
echo "@named"
printf '|pid %s\n|config %s\n|root %s\n|uid %s\n' "$pid" "$config" "${root%/}" "$(id -u)"
if [ -n "$pid" ]; then
    printf '|cwd %s\n' "$(readlink "/proc/$pid/cwd")"
    printf '%s\n' "$options" | sed 's/^/|option /'
    sed -n 's/^[^/]*\(\/.*\.service\).*/|unit \1/p' "/proc/$pid/cgroup" 2>/dev/null | head -n 1
fi
[ -d /run/systemd/system ] && echo '|systemd yes'
for log in /var/log/syslog /var/log/messages /var/log/daemon.log; do
    [ -f "$log" ] && printf '|syslog %s\n' "$log"
done
command -v named-checkconf >/dev/null || { echo "@end"; exit 0; }
echo "@version"
{ named -v || named-checkconf -v; } 2>/dev/null | bar

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
named-checkconf -p -x ${root:+-t "$root"} ${config:+"$config"} >"$work/conf" 2>"$work/error"
status=$?
echo "@checkconf $status"
bar <"$work/error"
[ $status = 0 ] || bar <"$work/conf"
if [ $status = 0 ]; then
    echo "@config"
    bar <"$work/conf"
fi
if [ -n "$pid" ] && command -v rndc >/dev/null; then
    rndc "$@" status >"$work/rndc" 2>&1
    echo "@rndc $?"
    bar <"$work/rndc"
fi
[ $status = 0 ] || { echo "@end"; exit 0; }

# From the regular form that -p prints: file names of zones, and the zones whose state only rndc knows.
awk -v base="$root" -v cwd="$(readlink "/proc/$pid/cwd" 2>/dev/null)" -v files="$work/files" -v ask="$work/ask" '
    function text(line) { sub(/^[^"]*"/, "", line); sub(/";?.*$/, "", line); gsub(/\\/, "", line); return line }
    /^\tdirectory "/ && section == "options" { directory = text($0) }
    /^[a-z]/ { section = $1; view = "" }
    /^view / { view = text($0) }
    /^\t?zone "/ { zone = text($0); kind = ""; path = ""; dynamic = 0; tabs = /^\t/ ? "\t" : "" }
    zone != "" && $1 == "type" { kind = $2 }
    zone != "" && $1 == "file" && $0 ~ "^" tabs "\tfile " { path = text($0) }
    zone != "" && ($1 == "allow-update" || $1 == "update-policy") { dynamic = 1 }
    zone != "" && $0 == tabs "};" {
        if (path != "" && !seen[path]++) { names[++count] = path }
        if (dynamic && kind ~ /^(primary|master)/ || view != "" && kind ~ /^(primary|master|secondary|slave|mirror)/) {
            print zone "\t" view >ask
        }
        zone = ""
    }
    END {
        if (directory == "") directory = cwd
        for (i = 1; i <= count; i++) {
            path = names[i]
            print base (path ~ /^\// ? path : directory "/" path) >files
        }
    }' "$work/conf"
touch "$work/files" "$work/ask"
echo "@stat"
tr '\n' '\000' <"$work/files" | xargs -0 -r stat -L -c '%s %Y %U %a %n' 2>&1 | bar
echo "@journals"
sed 's/$/.jnl/' "$work/files" | tr '\n' '\000' | xargs -0 -r ls -d -- 2>/dev/null | bar
echo "@sums"
tr '\n' '\000' <"$work/files" | xargs -0 -r sha256sum -- 2>/dev/null | bar
# The lines around the SOA: from the first that names it, at most 12, looked for in the first 64 KiB.
echo "@soa"
awk '{
    path = $0; read = 0; shown = 0
    print "|F " path
    while (shown < 12 && read < 65536 && (getline line <path) > 0) {
        read += length(line) + 1
        if (!shown) {
            bare = line
            sub(/;.*/, "", bare)
            if (toupper(bare) !~ /[ \t]SOA([ \t]|\(|$)/) continue
        }
        shown++
        print "|:" substr(line, 1, 400)
    }
    close(path)
}' "$work/files"
zone_status() {
    zone=$1 view=$2
    shift 2
    if [ -n "$view" ]; then rndc "$@" zonestatus "$zone" IN "$view"; else rndc "$@" zonestatus "$zone"; fi
}
if [ -n "$pid" ] && command -v rndc >/dev/null; then
    head -n "$most" "$work/ask" | while IFS='	' read -r zone view; do
        printf '@zonestatus %s %s\n' "$zone" "$view"
        zone_status "$zone" "$view" "$@" </dev/null 2>&1 | bar
    done
    printf '@unasked %s\n' "$(awk -v most="$most" 'NR > most' "$work/ask" | wc -l)"
fi
echo "@end"
