# Takes a plan in on stdin, starts its worker once all of it has arrived, and tells what the worker does.
# $6 payload bytes  $7 payload sha256  $8 bytes of the worker script at its start  $9 bytes before the manifest at its end
refuse() {
    rm -f "$tx/in.$nonce"
    answer refused -1 "$1"
    exit 0
}

follow() { # the events of the worker with nonce $1, until there is a result or it is gone
    if [ "$1" != "$nonce" ]; then printf 'OPSC1 %s N %s\n' "$nonce" "$1"; fi
    exec 3<"$tx/events.$1"
    while [ ! -e "$tx/result" ] && alive "$transaction" "$1"; do
        cat <&3
        pause 0.03
    done
    cat <&3
    if [ -e "$tx/result" ]; then tell_result "$1"; else printf 'OPSC1 %s D\n' "$nonce"; fi
    exit 0
}

private_dir "$state" && private_dir "$state/transactions" && private_dir "$tx" ||
    refuse "the console's state directory $state cannot be used"
problem=
if ! cat >"$tx/in.$nonce"; then
    problem="the plan could not be stored in $tx (is the disk full?)"
elif [ "$(wc -c <"$tx/in.$nonce" | tr -d ' ')" != "$6" ]; then
    problem="the plan did not arrive whole; nothing was begun"
elif [ "$(digest <"$tx/in.$nonce")" != "$7" ]; then
    problem="the plan arrived damaged; nothing was begun"
fi
claimed=
if [ -r "$tx/claim" ]; then
    read -r claimed claimed_payload <"$tx/claim"
    [ "$claimed_payload" = "$7" ] || [ "$claimed" != begun ] || refuse "this transaction id belongs to another plan"
fi
if [ -e "$tx/result" ]; then
    rm -f "$tx/in.$nonce"
    tell_result "$nonce"
    exit 0
fi
case $claimed in
'' | begun) ;;
*) refuse "the transaction was given up before it began; nothing was changed" ;;
esac
if in_charge "$transaction" && alive "$transaction" "$worker"; then
    rm -f "$tx/in.$nonce"
    follow "$worker"
fi
if [ -n "$problem" ]; then
    if [ -z "$claimed" ]; then refuse "$problem"; fi
    printf 'OPSC1 %s D\n' "$nonce"
    exit 0
fi

true >"$tx/events.$nonce" &&
    head -c "$8" <"$tx/in.$nonce" >"$tx/worker.$nonce.sh" ||
    refuse "the plan could not be stored in $tx"
start() { # out of our session and our process group, with nothing of ours open
    set -- /bin/sh "$tx/worker.$nonce.sh" "$transaction" "$nonce" "$run" "$state" "$backups" "$7" "$9" "$umask_login"
    if setsid -f true 2>/dev/null; then
        setsid -f "$@"
    elif command -v setsid >/dev/null; then
        setsid "$@" &
    else
        "$@" &
    fi
}
start "$@" </dev/null >/dev/null 2>"$tx/stderr.$nonce"

tries=0
while [ ! -e "$tx/id.$nonce" ] && [ "$tries" -lt 300 ]; do
    tries=$((tries + 1))
    pause 0.03
done
if [ ! -e "$tx/id.$nonce" ]; then
    claim abandoned -
    if [ "$claimed" = abandoned ]; then refuse "the worker did not start: $(head -c 500 "$tx/stderr.$nonce")"; fi
fi
follow "$nonce"
