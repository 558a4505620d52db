# Carries out the plan that apply.sh stored. Nobody listens to it: it writes events and a result, and cares for no terminal.
# $6 payload sha256  $7 bytes before the manifest at the payload's end  $8 umask of the login
trap '' HUP PIPE INT TERM
umask_login=$8
payload_hash=$6
skip=$7
events=$tx/events.$nonce
payload=$tx/payload
out=$tx/out.0
claimed='' sequence=0 runs=0 conflict='' verdict='' why='' status=- has_flock=yes launcher='' sync_files=yes
command -v flock >/dev/null || has_flock=no
if env --default-signal true 2>/dev/null; then launcher='env --default-signal'; fi
command -v sync >/dev/null || sync_files=no

emit() { # step, phase, exit status or -, message [, file with output]
    now
    sequence=$((sequence + 1))
    printf 'OPSC1 %s E %s %s %s %s %s %s %s\n' "$nonce" "$sequence" "$1" "$2" "$3" "$at" "$(encode "$4")" \
        "$(encode_file "${5-}")" >>"$events"
}

finish() { # state, step, reason: the last thing a worker does
    if [ "$claimed" = begun ]; then put_away; fi
    {
        printf '%s\n%s %s %s ' "$nonce" "$1" "$2" "$(encode "$3")"
        encode_file "$conflict"
        echo
    } >"$tx/result.$nonce" && sync_file "$tx/result.$nonce" && mv -f "$tx/result.$nonce" "$tx/result" && sync_file "$tx"
    rm -f "$tx/payload" "$tx"/in."$nonce" "$tx/worker.$nonce.sh" "$out" "$out.fifo" "$out.done"
    forget_old_transactions
    exit 0
}

sync_file() { # file or directory: on the disk, or fails. Without sync(1) a file is, to say that there is none
    if [ "$sync_files" = yes ]; then
        sync -- "$1"
    else
        [ -f "$1" ] && dd if=/dev/null of="$1" conv=notrunc,fsync oflag=append 2>/dev/null
    fi
}

lock_take() { # 8 or 9, lock file, seconds. The kernel drops a flock with its holder; a link lock is broken when its holder is dead
    if [ "$has_flock" = yes ]; then
        if [ "$1" = 9 ]; then exec 9>>"$2"; else exec 8>>"$2"; fi
        flock -w "$3" "$1" || return 1
        printf %s "$transaction" >"$2"
        return 0
    fi
    tries=0
    birth_of $$
    while ! ln -s "$$ $birth $boot $transaction" "$2.held" 2>/dev/null; do
        break_dead_lock "$2"
        tries=$((tries + 1))
        [ "$tries" -le $(($3 * 10)) ] || return 1
        pause 0.1
    done
}

break_dead_lock() { # one breaker at a time, so that nobody takes away a lock that was just taken
    ln -s $$ "$1.breaker" 2>/dev/null || return 0
    read -r holder born holder_boot _ <<END
$(readlink "$1.held")
END
    if [ -n "$holder" ] && { [ "$holder_boot" != "$boot" ] || ! birth_of "$holder" || [ "$birth" != "$born" ]; }; then
        rm -f "$1.held"
    fi
    rm -f "$1.breaker"
}

lock_drop() { # 8, lock file
    if [ "$has_flock" = yes ]; then exec 8>&-; else rm -f "$2.held"; fi
}

load() { # step: its lines of the manifest, into variables
    path='' argv='' check='' accepts='' verify='' undo='' undo_verify='' kind='' always=0 nothing=0 deadline=30 mode=644
    while read -r at_step key rest; do
        [ "$at_step" = "$1" ] || continue
        case $key in
        kind) kind=$rest ;;
        path) decode "$rest" && path=$text ;;
        hashes) base=${rest% *} new=${rest#* } ;;
        blob) offset=${rest% *} length=${rest#* } ;;
        mode) mode=$rest ;;
        accepts) accepts=$rest ;;
        check) check=$rest ;;
        argv) argv=$rest ;;
        deadline) deadline=$rest ;;
        always) always=$rest ;;
        nothing) nothing=$rest ;;
        verify) verify=$rest ;;
        undo) undo=$rest ;;
        undo-verify) undo_verify=$rest ;;
        esac
    done <"$tx/manifest"
    temp=.opsc-$transaction-$1.tmp
    kept=.opsc-$transaction-$1.bak
    original=$backups/$transaction/$1
    if [ "$kind" = file ]; then
        directory=${path%/*} name=./${path##*/}
        cd -P -- "${directory:-/}" 2>/dev/null || {
            why="the directory ${directory:-/} is not there or cannot be entered"
            return 1
        }
    fi
}

accepted() { # status, list
    case " $2 " in *" $1 "*) return 0 ;; esac
    return 1
}

run() { # seconds, directory, tokens of argv. $status; the first 32 KiB of what it said are in $out
    seconds=$1 where=$2 status=125
    shift 2
    left=$#
    while [ "$left" -gt 0 ]; do
        decode "$1" || return 1
        shift
        set -- "$@" "$text"
        left=$((left - 1))
    done
    run_plain "$seconds" "$where" "$@"
}

run_plain() { # seconds, directory, argv. Without our locks, our umask and our ignored signals: it may start a daemon
    seconds=$1 where=$2
    shift 2
    rm -f "$out" "$out.fifo" "$out.done"
    runs=$((runs + 1))
    out=$tx/out.$nonce.$runs
    mkfifo "$out.fifo" || return 1
    (
        cd /
        head -c 32768 >"$out"
        cat >/dev/null
        : >"$out.done"
    ) <"$out.fifo" 8>&- 9>&- &
    (
        trap - HUP PIPE INT TERM
        umask "$umask_login"
        cd -- "$where" || exit 125
        exec 8>&- 9>&-
        exec $launcher timeout -k 5 "$seconds" "$@"
    ) </dev/null >"$out.fifo" 2>&1
    status=$?
    # A daemon it left behind may hold the pipe for ever: that is read on for its sake, and not waited for.
    tries=0
    while [ ! -e "$out.done" ] && [ "$tries" -lt 25 ]; do
        tries=$((tries + 1))
        pause 0.02
    done
    return 0
}

probe() { # step, phase, what, seconds, token of the script, tokens of its arguments
    probe_step=$1 phase=$2 probe_seconds=$4
    decode "$3"
    what=$text
    shift 4
    script=$1
    shift
    now
    until=$((at + probe_seconds * 100))
    wait_for=0.1
    while :; do
        now
        remaining=$(((until - at + 99) / 100))
        [ "$remaining" -ge 1 ] || remaining=1
        run "$remaining" / "$(encode /bin/sh)" "$(encode -c)" "$script" "$(encode opsconsole)" "$@"
        if [ "$status" = 0 ]; then
            emit "$probe_step" "$phase" 0 "seen: $what" "$out"
            return 0
        fi
        now
        if [ "$status" = 2 ] || [ "$at" -ge "$until" ]; then break; fi
        pause "$wait_for"
        case $wait_for in 0.1) wait_for=0.2 ;; 0.2) wait_for=0.5 ;; *) wait_for=1 ;; esac
    done
    if [ "$status" = 2 ]; then why="not reached: $what"; else why="not seen within $probe_seconds s: $what"; fi
    emit "$probe_step" "$phase" "$status" "$why" "$out"
    return 1
}
