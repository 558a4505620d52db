# One zone file, whole. $1 path  $2 most bytes  $3 directory of relative $INCLUDEs
# Prints "@file size mtime owner mode sha256", the bytes, then on a line of its own "@again size sha256" and the includes.
LC_ALL=C
export LC_ALL
path=$1 most=$2 directory=$3
sum() { sha256sum <"$path" | cut -c 1-64; }
seen=$(stat -L -c '%s %Y %U %a' -- "$path" 2>&1) || { printf '@problem %s\n' "${seen##*: }"; exit 0; }
[ -f "$path" ] || { echo '@problem not a file'; exit 0; }
[ -r "$path" ] || { echo '@problem unreadable'; exit 0; }
size=${seen%% *}
[ "$size" -le "$most" ] || { printf '@problem %s bytes, more than %s\n' "$size" "$most"; exit 0; }
printf '@file %s %s\n' "$seen" "$(sum)"
cat -- "$path"
printf '\n@again %s %s\n' "$(wc -c <"$path" | tr -d ' ')" "$(sum)"
awk 'toupper($1) == "$INCLUDE" && NF > 1 { gsub(/"/, "", $2); print $2 }' "$path" | while IFS= read -r include; do
    case $include in /*) file=$include ;; *) file=$directory/$include ;; esac
    printf '@include %s %s\n' "$(stat -L -c '%s %Y' -- "$file" 2>/dev/null || echo '- -')" "$file"
done
