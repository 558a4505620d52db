# The file protocol. Every function works in the directory of the step that `load` entered, on $name (./base name).

look() { # $held: sha256 of the file, or none. Fails with $why when it is nothing we may replace
    held=none
    if [ -L "$name" ]; then
        why="$path is a symbolic link to $(readlink "$name" || echo '?'): plan the change for the real file"
        return 1
    fi
    [ -e "$name" ] || return 0
    if [ ! -f "$name" ]; then
        why="$path is not a regular file"
        return 1
    fi
    owner_and_mode "$name"
    if [ "$links" != 1 ]; then
        why="$path has $links names (hard links): replacing one would part it from the others"
        return 1
    fi
    held=$(digest <"$name") && [ -n "$held" ] || {
        why="$path cannot be read"
        return 1
    }
}

owner_and_mode() { # file -> $permissions, $links, $owner
    permissions='' links='' owner=''
    read -r permissions links uid gid _ <<END
$(ls -ldn -- "$1" | head -n 1)
END
    owner=$uid:$gid
}

mark() { # name: an empty file that tells who comes later. Not with `:`, whose failed redirection ends the whole shell
    true >"$tx/$1" || {
        why="the console's state directory $state cannot be written"
        return 1
    }
}

same_inode() { [ "$1" -ef "$2" ]; }

create() { # name: an empty file of ours, never through something that is there
    said=$( (set -C && : >"$1") 2>&1) || {
        why="cannot write in $(pwd): ${said##*: }"
        return 1
    }
}

clear_leftovers() { # what dead runs left in this directory
    for leftover in $(ls -a | grep '^\.opsc-[0-9A-Za-z-]*-[0-9]*\.\(tmp\|old\|bak\)$'); do
        of=${leftover#.opsc-}
        number=${of##*-}
        of=${of%-*}
        if [ "$of" != "$transaction" ]; then
            [ -d "$state/transactions/$of" ] || continue
            in_charge "$of" && alive "$of" "$worker" && continue
        fi
        case $leftover in
        *.bak)
            if [ -L "./$leftover" ] || [ ! -f "./$leftover" ]; then
                : # not of our making, and nothing to keep
            elif ! cmp -s "$backups/$of/${number%.bak}" "./$leftover"; then
                private_dir "$backups/$of" && cp -p -- "./$leftover" "$backups/$of/${number%.bak}.late" || continue
            fi
            ;;
        esac
        rm -f -- "./$leftover"
    done
}

conflict_with() { # what the file holds now, for the three-way view; up to 1 MiB
    verdict=conflict
    conflict=
    why="$path is not what the change was planned against"
    [ "$held" != none ] || why="$path is not there any more"
    if [ "$base" = none ]; then why="$path exists already"; fi
    if [ "$held" != none ] && [ "$(wc -c <"$name" | tr -d ' ')" -le 1048576 ]; then
        cp -- "$name" "$tx/conflict" && conflict=$tx/conflict
    fi
    return 1
}

like() { # old file, new name: an empty file with the owner, mode, ACL and attributes of the old one
    create "$2" || return 1
    cp -p --attributes-only --preserve=all -- "$1" "$2" 2>/dev/null || cp -p -- "$1" "$2" || return 1
    owner_and_mode "$1"
    wanted="$permissions $owner"
    owner_and_mode "$2"
    if [ "$permissions $owner" != "$wanted" ]; then
        why="owner and mode of $path ($wanted) cannot be kept, only $permissions $owner"
        return 1
    fi
}

fill() { # file, source, sha256: the content, proven and on the disk
    cat <"$2" >"$1" 2>/dev/null || {
        why="cannot write beside $path: $(df -k . | tail -n 1)"
        return 1
    }
    if [ "$(digest <"$1")" != "$3" ]; then
        why="what was written beside $path is not what was sent"
        return 1
    fi
    sync_file "$1" || {
        why="the disk would not take the new $path (fsync failed)"
        return 1
    }
}

keep_original() { # the old text, out of the way of everybody, with what it takes to put it back by hand
    [ "$base" != none ] && [ ! -e "$original" ] || return 0
    why="the original of $path cannot be kept in $backups"
    private_dir "$backups" && private_dir "$backups/$transaction" || return 1
    rm -f "$original.new"
    { cp --preserve=all -- "$name" "$original.new" 2>/dev/null || cp -p -- "$name" "$original.new"; } || return 1
    [ "$(digest <"$original.new")" = "$base" ] || return 1
    printf 'path %s\nsha256 %s\n%s\n' "$(encode "$path")" "$base" "$(ls -ldn -- "$name" | head -n 1)" >"$original.meta" &&
        sync_file "$original.new" && mv -f "$original.new" "$original" && sync_file "$backups/$transaction" || return 1
    index=$backups/$(printf %s "$path" | digest).list
    printf '%s/%s\n' "$transaction" "$1" >>"$index" || return 1
    extra=$(($(wc -l <"$index" | tr -d ' ') - 30))
    if [ "$extra" -gt 0 ]; then
        for old in $(head -n "$extra" "$index"); do
            rm -f "$backups/$old" "$backups/$old.meta"
            rmdir "$backups/${old%/*}" 2>/dev/null
        done
        tail -n 30 "$index" >"$index.new" && mv -f "$index.new" "$index"
    fi
    why=
}

prepare_file() { # step: everything short of the commit. Nothing that anybody uses has changed when this fails
    verdict=refused
    load "$1" || return 1
    owner_and_mode .
    case $permissions in
    ????????w?*) # after the mode there may be a + (an ACL) or a dot (a security context)
        why="the directory of $path can be written by everybody"
        return 1
        ;;
    esac
    look || return 1
    [ "$held" != "$new" ] || return 0
    [ "$held" = "$base" ] || conflict_with || return 1
    lock_take 8 "$run/commit.lock" 10 || {
        why="another commit on this host does not end"
        return 1
    }
    keep_original "$1"
    kept_status=$?
    lock_drop 8 "$run/commit.lock"
    [ "$kept_status" = 0 ] || return 1
    [ "$new" != none ] || return 0
    if [ "$base" = none ]; then
        create "$temp" || return 1
    else
        like "$name" "$temp" || return 1
    fi
    tail -c +$((offset + 1)) "$payload" | head -c "$length" >"$tx/blob"
    fill "$temp" "$tx/blob" "$new" || return 1
    rm -f "$tx/blob"
    if [ "$base" = none ]; then chmod "$mode" "$temp" || return 1; fi
    [ -z "$check" ] || check_file "$1"
}

check_file() { # step: the tool's own opinion of the temp file
    set -- "$1" $check
    check_step=$1
    decode "$2"
    where=${text:-.}
    shift 2
    run 60 "$where" "$@"
    decode "$1"
    if [ -z "$accepts" ]; then
        emit "$check_step" check "$status" "$text was asked; its answer does not decide" "$out"
    elif accepted "$status" "$accepts"; then
        emit "$check_step" check "$status" "$text accepts it" "$out"
    else
        why="$text does not accept it"
        case $status in
        124) why="$text did not end within 60 s" ;;
        125) why="$text could not be run in $where" ;;
        esac
        emit "$check_step" check "$status" "$why" "$out"
        return 1
    fi
    if [ "$(digest <"$temp")" != "$new" ]; then
        why="$text changed the file it was asked to check"
        return 1
    fi
}

commit_file() { # step: compare and swap
    verdict=refused
    load "$1" || return 1
    lock_take 8 "$run/commit.lock" 10 || {
        why="another commit on this host does not end"
        return 1
    }
    swap "$1"
    swapped=$?
    lock_drop 8 "$run/commit.lock"
    return $swapped
}

swap() { # under the commit lock. The rename (or link, or unlink) is the one moment at which the change happens
    look || return 1
    if [ "$held" = "$new" ]; then
        emit "$1" write - "$path already holds this"
        return 0
    fi
    [ "$held" = "$base" ] || conflict_with || return 1
    why="$path could not be replaced"
    if [ "$base" = none ]; then
        mark "wrote.$1" || return 1
        said=$(ln -- "$temp" "$name" 2>&1) || {
            why="$path could not be made: $said"
            rm -f "$tx/wrote.$1"
            look || return 1
            [ "$held" = none ] || conflict_with
            return 1
        }
        rm -f -- "$temp"
    else
        said=$(ln -- "$name" "$kept" 2>&1) || {
            why="$path cannot be replaced: $said"
            return 1
        }
        held=$(digest <"$kept")
        same_inode "$name" "$kept" && [ "$held" = "$base" ] || conflict_with || return 1
        mark "wrote.$1" || return 1
        if [ "$new" = none ]; then
            said=$(rm -f -- "$name" 2>&1) || {
                why="$path could not be removed: $said"
                return 1
            }
        else
            said=$(mv -f -- "$temp" "$name" 2>&1) || {
                why="$path could not be replaced: $said"
                return 1
            }
        fi
        if late_write; then
            rm -f "$tx/wrote.$1"
            return 1
        fi
    fi
    sync_file . || {
        why="the disk would not take the new name of $path (fsync failed)"
        return 1
    }
    look || return 1
    if [ "$held" != "$new" ]; then
        why="$path is not what we wrote"
        return 1
    fi
    mark "done.$1" || return 1
    case $base:$new in
    none:*) emit "$1" write - "$path is made" ;;
    *:none) emit "$1" write - "$path is removed; the original is in $original" ;;
    *) emit "$1" write - "$path is replaced; the original is in $original" ;;
    esac
}

late_write() { # somebody wrote into the old file while we replaced it: theirs goes back, nothing of it is lost
    [ "$(digest <"$kept")" != "$base" ] || return 1
    look || return 0
    if [ "$held" = "$new" ]; then
        if [ "$new" = none ]; then ln -- "$kept" "$name" && rm -f -- "$kept"; else mv -f -- "$kept" "$name"; fi
        look
    fi
    conflict_with
    return 0
}

restore_file() { # step: the old content with a fresh time, if the file still is what we wrote
    load "$1" || return 1
    lock_take 8 "$run/commit.lock" 10 || {
        why="another commit on this host does not end; $path still is the new one"
        return 1
    }
    put_back "$1"
    put_status=$?
    lock_drop 8 "$run/commit.lock"
    return $put_status
}

put_back() {
    if same_inode "$name" "$kept"; then rm -f -- "$kept"; fi # the rename never came
    look || return 1
    [ "$held" != "$base" ] || return 0
    if [ "$held" != "$new" ]; then
        why="$path was changed by somebody else after we wrote it: it is left as it is, the original is in $original"
        return 1
    fi
    why="the old $path could not be put back; it is in $original"
    if [ "$base" = none ]; then
        rm -f -- "$name" || return 1
    else
        back=.opsc-$transaction-$1.old
        attributes=$original
        if [ -e "$kept" ]; then attributes=./$kept; fi
        rm -f -- "$back"
        like "$attributes" "$back" && fill "$back" "$original" "$base" || return 1
        if [ "$new" = none ]; then
            ln -- "$back" "$name" && rm -f -- "$back" || return 1
        else
            mv -f -- "$back" "$name" || return 1
        fi
    fi
    sync_file . && look && [ "$held" = "$base" ] || return 1
    why=
}

put_away() { # temp files, and old inodes that nobody wrote to since
    count=$(step_count)
    index=0
    while [ "$index" -lt "$count" ]; do
        if load "$index" && [ "$kind" = file ]; then
            rm -f -- "$temp" ".opsc-$transaction-$index.old"
            if [ -e "$kept" ]; then
                if [ "$(digest <"$kept")" != "$base" ] && cp -p -- "$kept" "$original.late"; then
                    emit "$index" write - "somebody wrote into the old $path after it was replaced; that is in $original.late"
                fi
                rm -f -- "$kept"
            fi
        fi
        index=$((index + 1))
    done
}
