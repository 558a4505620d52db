# What /bin/sh runs on the host before and after a script. wire.py sets opsc_nonce, opsc_script, opsc_life
# and opsc_follow; "$1" is this text, the rest are the encoded arguments.
LC_ALL=C
export LC_ALL
shift
opsc_left=$#
while [ "$opsc_left" -gt 0 ]; do
    case $1 in
        b*) opsc_value=$(printf %s "${1#b}" | base64 -d) && opsc_value=${opsc_value%_} || exit 125 ;;
        *) opsc_value=${1#p} ;;
    esac
    shift
    set -- "$@" "$opsc_value"
    opsc_left=$((opsc_left - 1))
done
set -- /bin/sh -c "$opsc_script" opsc "$@"
[ -z "$opsc_life" ] || set -- timeout -k 60 "$opsc_life" "$@"
printf 'opsc-begin-%s\n' "$opsc_nonce" >&2
printf 'opsc-begin-%s\n' "$opsc_nonce"
if [ -z "$opsc_follow" ]; then
    "$@"
    opsc_status=$?
else
    # The script gets its own process group; once our stdin ends (the console closed it, or died) the group is ended.
    command -v setsid >/dev/null 2>&1 && set -- setsid "$@"
    exec 3<&0
    "$@" </dev/null 3<&- &
    opsc_child=$!
    {
        trap '' TERM HUP PIPE
        cat
        kill -TERM "-$opsc_child" || kill -TERM "$opsc_child"
        sleep 2
        kill -KILL "-$opsc_child" || kill -KILL "$opsc_child"
    } <&3 3<&- >/dev/null 2>&1 &
    opsc_watch=$!
    wait "$opsc_child"
    opsc_status=$?
    kill -KILL "$opsc_watch" 2>/dev/null
fi
printf 'opsc-end-%s \n' "$opsc_nonce" >&2
printf 'opsc-end-%s %s\n' "$opsc_nonce" "$opsc_status"
