# Does named serve the serial that is wanted? Exit 0: yes, 1: not yet, 2: it never will.
# $1 zone  $2 view or empty  $3 serials that count, or empty: any state will do.
#   `!N`: any but N, or the one in the file. `+N`: N, or a newer one where the file loads. `+`: any where the file loads.
# $4 `thawed`: must not be frozen, or empty
# $5 zone file  $6 directory of named  $7 named-checkzone  $8 dig or empty  $9 address, ${10} port; then the rndc command
LC_ALL=C
export LC_ALL
zone=$1 view=$2 wanted=$3 ice=$4 file=$5 directory=$6 checkzone=$7 dig=$8 address=$9 port=${10}
shift 10
set -- "$@" zonestatus "$zone"
[ -z "$view" ] || set -- "$@" IN "$view"
status=$("$@" 2>&1)
printf '%s\n' "$status"
serial=$(printf '%s\n' "$status" | sed -n 's/^serial: //p')
frozen=$(printf '%s\n' "$status" | sed -n 's/^frozen: //p')
signed=$(printf '%s\n' "$status" | sed -n 's/^signed serial: //p')
[ -n "$wanted" ] || exit 0

answered=$serial
if [ -n "$dig" ] && [ -z "$signed" ]; then
    answer=$("$dig" +short +norecurse +time=2 +tries=1 "@$address" -p "$port" "$zone" SOA 2>&1)
    printf 'SOA at %s: %s\n' "$address" "$answer"
    # Where queries from here are refused, named's own word counts.
    answered=$(printf '%s\n' "$answer" | awk 'NF == 7 && $3 ~ /^[0-9]+$/ { print $3; exit }')
    answered=${answered:-$serial}
fi
check() { "$checkzone" -w "$directory" -k ignore -m ignore -M ignore -n ignore -r ignore -S ignore -i none "$zone" "$file"; }
in_file() { [ -z "$checkzone" ] || check | sed -n 's/.*: loaded serial \([0-9]*\).*/\1/p'; }

since() { [ -n "$2" ] && [ $((($2 - $1 + 4294967296) % 4294967296)) -lt 2147483648 ]; }

thawed=yes
[ "$ice" != thawed ] || [ "$frozen" != yes ] || thawed=no
for each in $wanted; do
    told=$answered
    case $each in
    '!'*) if [ "$serial" != "${each#!}" ] || [ "$serial" = "$(in_file)" ]; then each=${serial:-none}; fi ;;
    '+'*)
        # An update or a signature counts on from what was loaded, between two questions too.
        from=${each#+}
        if since "${from:-$serial}" "$serial" && since "$serial" "$answered" && [ -n "$(in_file)" ]; then
            each=$serial told=$serial
        fi
        ;;
    esac
    if [ "$serial" = "$each" ] && [ "$told" = "$each" ] && [ $thawed = yes ]; then
        exit 0
    fi
done
# A file that the same loader refuses will not be served, however long one waits.
size=$(wc -c <"$file" 2>/dev/null || echo 0)
if [ -n "$checkzone" ] && [ "$size" -lt 8388608 ]; then
    check || exit 2
fi
exit 1
