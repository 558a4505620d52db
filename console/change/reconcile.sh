# Tells what became of a transaction. One that has not begun is given up here, so that the answer stays true.
say() { printf 'OPSC1 %s %s\n' "$nonce" "$*"; }

forgotten() { # older than everything that is kept: whether it ever began is not known any more
    [ ! -d "$tx" ] && [ -d "$state/transactions" ] && [ "$(ls "$state/transactions" | wc -l)" -ge "$remembered" ] &&
        [ "$({ ls "$state/transactions" && echo "$transaction"; } | sort | head -n 1)" = "$transaction" ]
}

if forgotten; then
    say X "$(encode "the host remembers only its newest $remembered transactions, and this is not one of them")"
    exit 0
fi
private_dir "$state" && private_dir "$state/transactions" && private_dir "$tx" || {
    say X "$(encode "the console's state directory $state cannot be used")"
    exit 0
}
claim abandoned -
if [ "$claimed" != begun ] && [ ! -e "$tx/result" ]; then
    say S abandoned
    say Z
    exit 0
fi
in_charge "$transaction"
running=no
if alive "$transaction" "$worker"; then running=yes; fi
if [ -e "$tx/result" ]; then
    tell_result "$nonce"
    exit 0
fi
if [ "$running" = yes ]; then
    say S running
    say Z
    exit 0
fi
if [ "$worker_boot" = "$boot" ]; then say S dead; else say S rebooted; fi
if [ -r "$tx/events.$worker" ]; then
    say N "$worker"
    cat "$tx/events.$worker"
fi
if [ -r "$tx/manifest" ]; then
    while read -r index key first second _; do
        case $key in
        path)
            decode "$first"
            path=$text
            ;;
        hashes)
            held=none
            if [ -L "$path" ] || { [ -e "$path" ] && [ ! -f "$path" ]; }; then
                held=other
            elif [ -e "$path" ]; then
                held=$(digest <"$path")
            fi
            say F "$index" "$first" "$second" "${held:-other}"
            ;;
        argv)
            ran=no
            [ -e "$tx/ran.$index" ] && ran=yes
            say C "$index" "$ran"
            ;;
        esac
    done <"$tx/manifest"
fi
say Z
