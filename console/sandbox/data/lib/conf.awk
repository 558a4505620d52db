# Prints a named.conf as `named-checkconf -p` does: includes followed, comments gone, one clause a line, tabs.
# In the environment: CONF, HIDE (1: secrets as question marks). Exit status 1 when braces do not match.

BEGIN {
    depth = 0; bad = 0; comment = 0; line = ""; hide_next = 0
    read_conf(ENVIRON["CONF"])
    if (!bad && depth > 0) { print last ":" lines ": unexpected end of input" >"/dev/stderr"; bad = 1 }
    if (!bad) printf "%s", text
    exit bad
}

function read_conf(file,    row, number, status) {
    number = 0
    while (!bad && (status = (getline row < file)) > 0) { number++; last = file; lines = number; scan(row, file, number) }
    close(file)
    if (status < 0) { print file ": file not found" >"/dev/stderr"; bad = 1 }
}

function scan(row, file, number,    i, c, two, word, quote) {
    word = ""; quote = 0
    for (i = 1; i <= length(row); i++) {
        c = substr(row, i, 1); two = substr(row, i, 2)
        if (comment) { if (two == "*/") { comment = 0; i++ } continue }
        if (quote) { word = word c; if (c == "\"") { quote = 0; token(word, file, number); word = "" } continue }
        if (two == "/*") { comment = 1; i++; continue }
        if (two == "//" || c == "#" && word == "") break
        if (c == "\"") { quote = 1; word = "\""; continue }
        if (c ~ /[ \t{};]/) {
            if (word != "") { token(word, file, number); word = "" }
            if (c ~ /[{};]/) token(c, file, number)
            continue
        }
        word = word c
    }
    if (word != "") token(word, file, number)
}

function token(word, file, number,    name) {
    if (word == "{") { emit(line " {"); line = ""; depth++ }
    else if (word == "}") {
        if (depth == 0) { print file ":" number ": unexpected token near '}'" >"/dev/stderr"; bad = 1; return }
        depth--; line = "}"
    }
    else if (word == ";") {
        if (line ~ /^include "/) { name = line; sub(/^include "/, "", name); sub(/"$/, "", name); line = ""; read_conf(name) }
        else if (line != "") emit(line ";")
        line = ""
    }
    else {
        if (hide_next && ENVIRON["HIDE"]) word = "\"????????????????\""
        hide_next = (word == "secret")
        line = line (line == "" ? "" : " ") word
    }
}

function emit(what,    i) {
    for (i = 0; i < depth; i++) text = text "\t"
    text = text what "\n"
}
