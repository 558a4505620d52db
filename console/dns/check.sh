# Runs a checker on a copy of the text that came on stdin, beside the file it is meant for.
# $1 directory of the zone file  $2 its base name  $3 directory to run in  $4… the checker's argv; {temp} is the copy
umask 077
dir=$1 name=$2 cwd=$3
shift 3
temp=$(mktemp "$dir/.$name.opsc-check.XXXXXX" 2>/dev/null) || temp=$(mktemp) || exit 125
trap 'rm -f -- "$temp"' EXIT
trap 'exit 129' HUP INT TERM PIPE
cat >"$temp" || exit 125
cd "$cwd" || exit 125
printf '%s\n' "$temp"
for word in "$@"; do
    shift
    [ "$word" = '{temp}' ] && word=$temp
    set -- "$@" "$word"
done
"$@" </dev/null
