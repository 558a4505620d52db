# What the scripts of one transaction share. Goes in front of apply.sh, worker.sh and reconcile.sh.
# $1 transaction  $2 nonce  $3 run dir  $4 state dir  $5 backup dir (empty: the defaults)
# PATH is the one that the connection set.
set -u
set -f
umask_login=$(umask)
umask 077
LC_ALL=C
export LC_ALL
transaction=$1 nonce=$2 run=$3 state=$4 backups=$5
if [ "$(id -u)" = 0 ]; then
    : "${run:=/run/opsconsole}" "${state:=/var/lib/opsconsole}" "${backups:=/var/backups/opsconsole}"
else
    own=${XDG_STATE_HOME:-${HOME:?}/.local/state}/opsconsole
    : "${run:=${XDG_RUNTIME_DIR:-$own}/opsconsole-locks}" "${state:=$own}" "${backups:=$own/backups}"
fi
tx=$state/transactions/$transaction
remembered=200 # transactions that are kept, the newest by their names
boot=unknown
if [ -r /proc/sys/kernel/random/boot_id ]; then read -r boot </proc/sys/kernel/random/boot_id; fi

encode() { # text -> one token; the empty text is a dot
    if [ -z "$1" ]; then printf .; else printf %s "$1" | base64 | tr -d '\n'; fi
}

encode_file() { # file -> one token; none or empty is a dot
    if [ -n "$1" ] && [ -s "$1" ]; then base64 <"$1" | tr -d '\n'; else printf .; fi
}

decode() { # token -> $text, trailing newlines kept
    text=
    if [ "$1" != . ]; then
        text=$(printf %s "$1" | base64 -d && printf x) || return 1
        text=${text%x}
    fi
}

if command -v sha256sum >/dev/null; then
    digest() { sha256sum | cut -c 1-64; }
elif command -v openssl >/dev/null; then
    digest() { openssl dgst -sha256 -r | cut -c 1-64; }
elif command -v sha256 >/dev/null; then
    digest() { sha256 -q; }
else
    digest() { return 1; }
fi

private_dir() { # a directory nobody else can reach into; made when missing
    [ -d "$1" ] || mkdir -p -- "$1" || return 1
    [ ! -L "$1" ] && [ -O "$1" ] && chmod 700 -- "$1"
}

now() { # $at: hundredths of a second since boot (since 1970 where there is no /proc/uptime)
    if [ -r /proc/uptime ]; then
        read -r at _ </proc/uptime
        at=${at%.*}${at#*.}
    else
        at=$(date +%s)00
    fi
}

pause() { # seconds; hosts whose sleep knows whole seconds only wait one
    sleep "$1" 2>/dev/null || sleep 1
}

birth_of() { # pid -> $birth: when that process began; fails when there is none
    birth=0
    if [ -d /proc/self ]; then
        read -r birth 2>/dev/null <"/proc/$1/stat" || return 1
        set -- ${birth##*) }
        [ "$1" != Z ] || return 1
        birth=${20}
    else
        kill -0 "$1" 2>/dev/null
    fi
}

alive() { # does the worker with nonce $2 of transaction $1 live? sets $worker_boot
    worker_boot=''
    [ -r "$state/transactions/$1/id.$2" ] || return 1
    read -r pid born worker_boot <"$state/transactions/$1/id.$2" || return 1
    [ "$worker_boot" = "$boot" ] && birth_of "$pid" && [ "$birth" = "$born" ]
}

in_charge() { # $worker: nonce of the worker that holds, or held last, the lock of transaction $1
    worker=
    [ -r "$state/transactions/$1/worker" ] && read -r worker <"$state/transactions/$1/worker"
}

tell_result() { # $1: nonce of the worker whose events were told already
    read -r author <"$tx/result"
    if [ "$author" != "$1" ] && [ -r "$tx/events.$author" ]; then
        printf 'OPSC1 %s N %s\n' "$nonce" "$author"
        cat "$tx/events.$author"
    fi
    printf 'OPSC1 %s R ' "$nonce"
    tail -n +2 "$tx/result"
}

claim() { # word and payload hash: who decides what becomes of the transaction; the first one does. $claimed: what holds
    printf '%s %s\n' "$1" "$2" >"$tx/claim.$nonce" && ln "$tx/claim.$nonce" "$tx/claim" 2>/dev/null
    rm -f "$tx/claim.$nonce"
    claimed='' claimed_payload=''
    [ -r "$tx/claim" ] && read -r claimed claimed_payload <"$tx/claim"
}

answer() { # state, step, reason: the last word of a script that has no result file to show
    printf 'OPSC1 %s R %s %s %s %s\n' "$nonce" "$1" "$2" "$(encode "$3")" .
}

case $transaction in
'' | *[!0-9A-Za-z-]*)
    answer refused -1 "the transaction id is not one of ours"
    exit 0
    ;;
esac
