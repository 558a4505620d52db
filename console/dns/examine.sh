# The texts of many zones and what named-checkzone says of them.
# $1 most bytes in all  $2 named's directory  $3 named-checkzone or empty  $4 its options, by blanks  $5… pairs: zone, file
# Prints per zone "@zone INDEX SIZE", the bytes, a line end, "@said STATUS", and lines that begin with "|".
# Zones past the limit, or not readable, are left out.
left=$1 directory=$2 tool=$3 options=$4
shift 4
cd "${directory:-/}" || exit 1
index=0
while [ $# -gt 1 ]; do
    zone=$1 file=$2 at=$index
    shift 2
    index=$((index + 1))
    [ -f "$file" ] && [ -r "$file" ] || continue
    size=$(wc -c <"$file" | tr -d ' ')
    [ "$size" -le "$left" ] || continue
    left=$((left - size))
    printf '@zone %s %s\n' "$at" "$size"
    head -c "$size" -- "$file"
    if [ -n "$tool" ]; then
        # shellcheck disable=SC2086 # the options are words of ours
        said=$("$tool" $options -w "${directory:-/}" "$zone" "$file" </dev/null 2>&1)
        printf '\n@said %s\n' $?
        printf '%s\n' "$said" | sed 's/^/|/'
    else
        printf '\n@said -\n'
    fi
done
