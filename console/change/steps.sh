# The order of things. Going forward: every file is prepared and checked, then the steps happen one by one.
# Going back after a failure, in this order, which suits [freeze, edit, reload, thaw]:
#   1. `always` steps that had run are taken back, last first (a zone that was thawed is frozen again);
#   2. files, last first, with a fresh time;
#   3. all other commands that had begun, last first (the reload, now of the old file);
#   4. every `always` step, in plan order (the thaw).
step_count() { sed -n 's/^- steps //p' "$tx/manifest"; }

forget_old_transactions() {
    for old in $(ls "$state/transactions" | sort -r | tail -n +$((remembered + 1))); do
        in_charge "$old" && alive "$old" "$worker" || rm -rf "${state:?}/transactions/$old"
    done
}

run_step() { # step: its command, and what shows that it worked
    load "$1"
    mark "ran.$1" || return 1
    run "$deadline" / $argv
    decode "${argv%% *}"
    if ! accepted "$status" "$accepts"; then
        why="$text ended with exit status $status"
        [ "$status" != 124 ] || why="$text did not end within $deadline s"
        emit "$1" failed "$status" "$why" "$out"
        # By its plan it then did nothing; only one that was cut off may have.
        if [ "$nothing" = 1 ] && [ "$status" -lt 124 ]; then rm -f "$tx/ran.$1"; fi
        return 1
    fi
    emit "$1" run "$status" "$text ended" "$out"
    [ -z "$verify" ] || probe "$1" verify $verify
}

undo_step() { # step: take a command back; with `unproven` as $2 its proof is left to a later step
    load "$1"
    if [ -z "$undo" ] && [ -z "$undo_verify" ] && [ -n "$verify" ] && [ "${2-}" != unproven ]; then
        decode "${argv%% *}"
        why="nothing takes back what $text did"
        emit "$1" undo - "$why"
        return 1
    fi
    proven=0
    if [ -n "$undo" ]; then
        run "$deadline" / $undo
        decode "${undo%% *}"
        emit "$1" undo "$status" "$text ended" "$out"
        if [ -z "$undo_verify" ] && [ "${2-}" != unproven ]; then
            why="nothing shows that $text took it back"
            proven=1
        fi
    fi
    if [ -n "$undo_verify" ] && [ "${2-}" != unproven ]; then
        probe "$1" undo-verify $undo_verify
        return
    fi
    return $proven
}

close_step() { # step that is run in any case: a failed attempt of it is tried again
    load "$1"
    mark "ran.$1"
    run "$deadline" / $argv
    decode "${argv%% *}"
    emit "$1" undo "$status" "$text ended" "$out"
    if ! accepted "$status" "$accepts"; then
        why="$text ended with exit status $status"
        return 1
    fi
    if [ -n "$undo_verify" ]; then
        probe "$1" undo-verify $undo_verify
    elif [ -n "$verify" ]; then
        probe "$1" undo-verify $verify
    fi
}

each() { # up or down, function: for the index of every step
    if [ "$1" = up ]; then each_index=0 by=1; else each_index=$((count - 1)) by=-1; fi
    while [ "$each_index" -ge 0 ] && [ "$each_index" -lt "$count" ]; do
        load "$each_index" || :
        "$2" "$each_index" || {
            trouble=$trouble${trouble:+; }$why
            emit "$each_index" failed - "$why"
        }
        each_index=$((each_index + by))
    done
}

reopen() {
    [ "$kind$always" = run1 ] && [ -e "$tx/ran.$1" ] || return 0
    undo_step "$1" unproven
}

restore() {
    [ "$kind" = file ] && [ -e "$tx/wrote.$1" ] || return 0
    restore_file "$1" || return 1
    emit "$1" undo - "$path is as it was before"
}

take_back() {
    [ "$kind$always" = run0 ] && [ -e "$tx/ran.$1" ] || return 0
    undo_step "$1"
}

close_again() {
    [ "$kind$always" = run1 ] || return 0
    close_step "$1"
}

roll_back() { # step that failed
    failed_step=$1 reason=$why trouble=''
    touched=no
    for mark in $(ls "$tx" | grep '^\(wrote\|ran\)\.'); do touched=yes; done
    if [ "$touched" = no ]; then finish "${verdict:-refused}" "$failed_step" "$reason"; fi
    each down reopen
    each down restore
    # With somebody else's text in the file there is nothing of ours to load again.
    if [ -z "$trouble" ]; then each down take_back; fi
    each up close_again
    if [ -n "$trouble" ]; then
        finish broken "$failed_step" "$reason; and the old state is not proven to be back: $trouble"
    elif [ "$verdict" = conflict ]; then
        finish conflict "$failed_step" "$reason"
    fi
    finish rolled-back "$failed_step" "$reason; the old state is back"
}

missing_tool() { # step: a command that is not on this host
    load "$1" || :
    for tokens in "$argv" "$undo" "${check#* }"; do
        [ -n "$tokens" ] || continue
        [ "$tokens" != "${check#* }" ] || [ -n "$accepts" ] || continue
        decode "${tokens%% *}"
        command -v -- "$text" >/dev/null || {
            why="$text is not on this host"
            return 0
        }
    done
    return 1
}

decline() { # reason: not begun, and it will not be; unless an earlier worker had begun, which decides then
    claim refused "$payload_hash"
    if [ "$claimed" = refused ]; then finish refused -1 "$1"; fi
    exit 0
}

take_charge() { # the lock, then the right to begin
    lock_name=$(sed -n 's/^- lock //p' "$tx/manifest.$nonce")
    decode "$lock_name"
    lock=$run/$(printf %s "$text" | digest).lock
    if ! lock_take 9 "$lock" 10; then
        other=$(head -c 60 "$lock")
        decline "another change of the same thing is under way (${other:-unknown})"
    fi
    [ ! -e "$tx/result" ] || exit 0
    [ "$(digest <"$tx/in.$nonce")" = "$payload_hash" ] || decline "the plan was damaged on the host; nothing was begun"
    mv -f "$tx/in.$nonce" "$payload" && mv -f "$tx/manifest.$nonce" "$tx/manifest" &&
        printf '%s\n' "$nonce" >"$tx/worker.$nonce" && sync_file "$tx/manifest" && mv -f "$tx/worker.$nonce" "$tx/worker" ||
        decline "the console's state directory $state cannot be written"
    claim begun "$payload_hash"
    case $claimed in
    begun) [ "$claimed_payload" = "$payload_hash" ] || exit 0 ;;
    *) finish refused -1 "the transaction was given up before it began; nothing was changed" ;;
    esac
    sync_file "$tx"
}

main() {
    birth_of $$
    printf '%s %s %s\n' $$ "$birth" "$boot" >"$tx/id.new.$nonce" && mv -f "$tx/id.new.$nonce" "$tx/id.$nonce" || exit 1
    for tool in base64 cat chmod cp cut grep head id ln ls mkfifo mv rm sed sort sync tail timeout tr wc; do
        command -v "$tool" >/dev/null || decline "the host lacks $tool"
    done
    digest </dev/null >/dev/null || decline "the host has no tool for sha256"
    private_dir "$run" || decline "the lock directory $run cannot be used"
    tail -c +$((skip + 1)) "$tx/in.$nonce" >"$tx/manifest.$nonce" || decline "the plan could not be stored in $tx"
    take_charge
    count=$(step_count)

    step=0
    while [ "$step" -lt "$count" ]; do
        if load "$step" && [ "$kind" = file ]; then clear_leftovers; fi
        step=$((step + 1))
    done
    step=0
    while [ "$step" -lt "$count" ]; do
        verdict=refused why=''
        if missing_tool "$step"; then roll_back "$step"; fi
        if [ "$kind" = file ]; then prepare_file "$step" || roll_back "$step"; fi
        step=$((step + 1))
    done
    step=0 changed=no files=no
    while [ "$step" -lt "$count" ]; do
        verdict='' why=''
        load "$step" || roll_back "$step"
        if [ "$kind" = file ]; then
            files=yes
            emit "$step" start - "$path"
            commit_file "$step" || roll_back "$step"
            [ ! -e "$tx/done.$step" ] || changed=yes
        else
            emit "$step" start - ''
            run_step "$step" || roll_back "$step"
        fi
        emit "$step" 'done' - ''
        step=$((step + 1))
    done
    if [ "$files" = yes ] && [ "$changed" = no ]; then finish already -1 "the host was as wanted before"; fi
    finish applied -1 "every step was done and seen"
}

main
