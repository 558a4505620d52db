# Reads a master file (RFC 1035 section 5) and says about it what named-checkzone 9.18 would say.
#
# In the environment: ZONE (no final dot), FILE (as named in messages), SOURCE (what to read), OUT (canonical
# records go there, or nowhere when empty), CHECK_NAMES, CHECK_MX, CHECK_MX_CNAME, CHECK_SRV_CNAME, CHECK_NS,
# CHECK_WILDCARD (fail, warn or ignore). Messages go to stdout. Exit status 1 when the zone would not load.

BEGIN {
    zone = tolower(ENVIRON["ZONE"]); sub(/\.$/, "", zone); apex = zone "."
    origin = apex; ttl = ""; owner = ""; bad = 0; count = 0
    split("A AAAA NS CNAME PTR DNAME MX SRV SOA TXT SPF HINFO CAA TLSA SSHFP DS CDS DNSKEY CDNSKEY NAPTR LOC RP URI " \
          "SVCB HTTPS OPENPGPKEY SMIMEA RRSIG NSEC NSEC3 NSEC3PARAM", words, " ")
    for (i in words) known[words[i]] = 1
    read_file(ENVIRON["SOURCE"], ENVIRON["FILE"])
    if (!bad) whole_zone()
    if (!bad && ENVIRON["OUT"] != "") write_zone()
    if (bad) print "zone " zone "/IN: not loaded due to errors."
    else print "zone " zone "/IN: loaded serial " serial
    exit bad
}

function fail(text, reason) {
    print text
    print "zone " zone "/IN: loading from master file " ENVIRON["FILE"] " failed: " reason
    bad = 1
}

function rdata_error(name, line, near, reason) {
    fail("dns_rdata_fromtext: " name ":" line ": " (near == "" ? "" : near ": ") reason, reason)
}

function read_file(source, name,    line, text, state, status) {
    line = 0; n = 0; depth = 0; blank = 0
    while (!bad && (status = (getline text < source)) > 0) {
        line++
        sub(/\r$/, "", text)
        tokens(text, line, name)
        if (!bad && depth == 0 && n > 0) { record(name); n = 0 }
    }
    close(source)
    if (bad) return
    if (status < 0) fail_open(name)
    else if (depth > 0) rdata_error(name, line + 1, "near eof", "unbalanced parentheses")
}

function fail_open(name) {
    print "zone " zone "/IN: loading from master file " name " failed: file not found"
    bad = 1
}

# Adds the tokens of one line to tok[1..n]; quoted[i] tells "…" from bare words, at[i] is the line.
function tokens(text, line, name,    i, c, word, inside, has) {
    if (n == 0) blank = (text ~ /^[ \t]/)
    word = ""; has = 0; inside = 0
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\\") { word = word c substr(text, ++i, 1); has = 1; continue }
        if (inside) {
            if (c == "\"") { push(word, 1, line); word = ""; has = 0; inside = 0 } else word = word c
            continue
        }
        if (c == "\"") { if (has) push(word, 0, line); word = ""; has = 0; inside = 1; continue }
        if (c == ";") break
        if (c ~ /[ \t()]/) {
            if (has) { push(word, 0, line); word = ""; has = 0 }
            if (c == "(") depth++
            if (c == ")" && --depth < 0) { rdata_error(name, line, "", "unbalanced parentheses"); return }
            continue
        }
        word = word c; has = 1
    }
    if (inside) { rdata_error(name, line, "", "unbalanced quotes"); return }
    if (has) push(word, 0, line)
}

function push(word, is_quoted, line) { n++; tok[n] = word; quoted[n] = is_quoted; at[n] = line }

function absolute(name) {
    if (name == "@") return origin
    if (name ~ /\.$/ && name !~ /\\\.$/) return tolower(name)
    return tolower(origin == "." ? name "." : name "." origin)
}

function shown(name) { sub(/\.$/, "", name); return name == "" ? "." : name }

function below(name) { return name == apex || substr(name, length(name) - length(apex)) == "." apex }

function is_ttl(word) { return word ~ /^[0-9]+$/ || word ~ /^([0-9]+[smhdwSMHDW])+$/ }

function seconds(word,    total, unit) {
    if (word ~ /^[0-9]+$/) return word + 0
    total = 0
    while (match(word, /^[0-9]+[smhdwSMHDW]/)) {
        unit = tolower(substr(word, RLENGTH, 1))
        total += substr(word, 1, RLENGTH - 1) * (unit == "w" ? 604800 : unit == "d" ? 86400 : unit == "h" ? 3600 : unit == "m" ? 60 : 1)
        word = substr(word, RLENGTH + 1)
    }
    return total
}

function record(name,    i) {
    if (!quoted[1] && tok[1] ~ /^\$/ && !blank) { directive(name); return }
    i = 1
    if (!blank) owner = absolute(tok[i++])
    if (owner == "") { fail(name ":" at[1] ": no current owner name", "no owner"); return }
    if (owner ~ /\.\./) { fail("dns_master_load: " name ":" at[1] ": empty label", "empty label"); return }
    resource(name, owner, i)
}

function directive(name,    word, kept_origin, kept_owner, path) {
    word = toupper(tok[1])
    if (word == "$ORIGIN" && n >= 2) origin = absolute(tok[2])
    else if (word == "$TTL" && n >= 2 && is_ttl(tok[2])) ttl = seconds(tok[2])
    else if (word == "$INCLUDE" && n >= 2) {
        path = tok[2]; kept_origin = origin; kept_owner = owner
        if ((getline word < path) < 0) {
            fail("dns_master_load: " name ":" at[1] ": " path ": file not found", "file not found"); return
        }
        close(path)
        if (n >= 3) origin = absolute(tok[3])
        read_file(path, path)
        origin = kept_origin; owner = kept_owner
    }
    else if (word == "$GENERATE" && n >= 5) generate(name)
    else fail("dns_master_load: " name ":" at[1] ": unknown $ directive '" tok[1] "'", "syntax error")
}

function generate(name,    bounds, step, i, k, m, kept, row, line) {
    split(tok[2], step, "/"); split(step[1], bounds, "-")
    if (step[2] == "") step[2] = 1
    m = n; line = at[1]
    for (k = 3; k <= m; k++) { kept[k] = tok[k]; row[k] = quoted[k] }
    for (i = bounds[1] + 0; i <= bounds[2] + 0 && !bad; i += step[2]) {
        n = 0
        for (k = 3; k <= m; k++) push(substitute(kept[k], i), row[k], line)
        resource(name, absolute(tok[1]), 2)
    }
}

# $ is the number, ${offset,width,base} a formatted one, \$ a dollar sign (BIND's manual, "$GENERATE").
function substitute(word, i,    out, c, end, part) {
    out = ""
    while (word != "") {
        c = substr(word, 1, 1)
        if (c == "\\") { out = out (substr(word, 2, 1) == "$" ? "$" : substr(word, 1, 2)); word = substr(word, 3) }
        else if (substr(word, 1, 2) == "${" && (end = index(word, "}"))) {
            split(substr(word, 3, end - 3), part, ",")
            out = out sprintf("%0" (part[2] == "" ? 0 : part[2]) (part[3] ~ /[xXo]/ ? part[3] : "d"), i + part[1])
            word = substr(word, end + 1)
        }
        else { out = out (c == "$" ? i : c); word = substr(word, 2) }
    }
    return out
}

function resource(name, who, i,    own, class, type, data, line) {
    own = ""; class = 0
    while (i <= n && !quoted[i]) {
        if (!class && toupper(tok[i]) == "IN") { class = 1; i++ }
        else if (own == "" && is_ttl(tok[i])) { own = seconds(tok[i]); i++ }
        else break
    }
    line = i <= n ? at[i] : at[n]
    if (i > n) { fail("dns_master_load: " name ":" line ": unexpected end of line", "unexpected end of input"); return }
    type = toupper(tok[i])
    if (quoted[i] || !(type in known) && type !~ /^TYPE[0-9]+$/) {
        fail(name ":" line ": unknown RR type '" tok[i] "'", "unknown class/type"); return
    }
    if (own == "") own = ttl
    data = rdata(name, type, i + 1)
    if (bad) return
    if (own == "" && type == "SOA") {
        own = ttl = minimum
        print name ":" line ": no TTL specified; using SOA MINTTL instead"
    }
    if (own == "") { fail(name ":" line ": no TTL specified; zone rejected", "no ttl"); return }
    if (!below(who)) { print name ":" line ": ignoring out-of-zone data (" shown(who) ")"; return }
    if (who ~ /.\.\*\./ && ENVIRON["CHECK_WILDCARD"] != "ignore")
        print name ":" line ": warning: ownername '" shown(who) "' contains an non-terminal wildcard"
    if (ENVIRON["CHECK_NAMES"] != "ignore" && type ~ /^(A|AAAA|MX)$/ && who !~ /^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+$/) {
        if (ENVIRON["CHECK_NAMES"] == "fail") {
            fail(name ":" line ": " shown(who) ": bad owner name (check-names)", "bad owner name (check-names)"); return
        }
        print name ":" line ": " shown(who) ": bad owner name (check-names)"
    }
    add(name, line, who, own, type, data)
}

function add(name, line, who, own, type, data,    set) {
    if (type == "SOA" && (who, "SOA") in rrset) {
        fail("dns_master_load: " name ":" line ": " shown(who) ": multiple RRs of singleton type", "multiple RRs of singleton type"); return
    }
    if ((type == "CNAME") ? (who in any) : ((who, "CNAME") in rrset)) {
        fail("dns_master_load: " name ":" line ": " shown(who) ": CNAME and other data", "CNAME and other data"); return
    }
    if ((who, type) in rrset && rrset[who, type] != own) {
        print name ":" line ": TTL set to prior TTL (" rrset[who, type] ")"
        own = rrset[who, type]
    }
    if ((who, type, data) in seen) return
    seen[who, type, data] = 1; rrset[who, type] = own; any[who] = 1
    count++
    owners[count] = who; ttls[count] = own; types[count] = type; datas[count] = data
    if (type == "SOA" && who == apex) { has_soa = 1; serial = soa_serial }
}

# The canonical text of the rdata that starts at token i.
function rdata(name, type, i,    data, k, want, last) {
    last = n > 0 ? at[n] : 0
    want = split(type == "MX" ? "number name" : type == "SRV" ? "number number number name" : \
                 type ~ /^(NS|CNAME|PTR|DNAME)$/ ? "name" : type == "A" ? "v4" : type == "AAAA" ? "v6" : \
                 type == "SOA" ? "name name serial period period period period" : \
                 type == "CAA" ? "number word string" : "", form, " ")
    data = ""
    if (!want) {
        if (i > n) rdata_error(name, last, "near eol", "unexpected end of input")
        for (; i <= n && !bad; i++) data = data (data == "" ? "" : " ") (type ~ /^(TXT|SPF|HINFO)$/ ? string(name, i) : tok[i])
        return data
    }
    for (k = 1; k <= want && !bad; k++) {
        if (i > n) { rdata_error(name, last, "near eol", "unexpected end of input"); return "" }
        data = data (data == "" ? "" : " ") field(name, type, form[k], i++)
    }
    if (!bad && i <= n) rdata_error(name, at[i], "near '" tok[i] "'", "extra input text")
    return data
}

function field(name, type, kind, i,    word) {
    word = tok[i]
    if (kind == "name") {
        if (type == "MX" && word ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+\.?$/)
            is_address(name, i, "CHECK_MX", "'" word "': MX is an address", "MX is an address")
        if (type == "NS" && word ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+\.?$/)
            is_address(name, i, "CHECK_NS", "NS record '" word "' appears to be an address", "NS is an address")
        return absolute(word)
    }
    if (kind == "v4" && !dotted_quad(word)) rdata_error(name, at[i], "near '" word "'", "bad dotted quad")
    if (kind == "v6" && !(word ~ /^[0-9A-Fa-f:.]+$/ && word ~ /:.*:/)) rdata_error(name, at[i], "near '" word "'", "bad IPv6 address")
    if (kind == "number" && word !~ /^[0-9]+$/) rdata_error(name, at[i], "near '" word "'", "not a valid number")
    if (kind == "number" && word ~ /^[0-9]+$/ && word + 0 > 65535) rdata_error(name, at[i], "near '" word "'", "out of range")
    if (kind == "serial" && word !~ /^[0-9]+$/) rdata_error(name, at[i], "near '" word "'", "not a valid number")
    if (kind == "serial" && word ~ /^[0-9]+$/ && word + 0 > 4294967295) rdata_error(name, at[i], "near '" word "'", "out of range")
    if (kind == "period" && !is_ttl(word)) rdata_error(name, at[i], "near '" word "'", "unknown class/type")
    if (kind == "serial") soa_serial = word
    if (kind == "period") { minimum = seconds(word); return minimum }
    return kind == "string" ? string(name, i) : kind ~ /^v/ ? tolower(word) : word
}

function is_address(name, i, check, text, reason) {
    if (ENVIRON[check] == "ignore") return
    if (ENVIRON[check] == "fail" && check == "CHECK_MX") rdata_error(name, at[i], "near '" tok[i] "'", reason)
    else if (ENVIRON[check] == "fail") fail(name ":" at[i] ": " text, reason)
    else print name ":" at[i] ": " (check == "CHECK_MX" ? "warning: " : "") text
}

function string(name, i,    plain) {
    plain = tok[i]
    gsub(/\\[0-9][0-9][0-9]/, "x", plain); gsub(/\\./, "x", plain)
    if (length(plain) > 255) rdata_error(name, at[i], "", "syntax error")
    return "\"" tok[i] "\""
}

function dotted_quad(word,    part, k) {
    if (word !~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/) return 0
    split(word, part, ".")
    for (k = 1; k <= 4; k++) if (part[k] + 0 > 255 || length(part[k]) > 3) return 0
    return 1
}

# Says `text` unless the check is off; true when it must also fail.
function flagged(check, text) {
    if (ENVIRON[check] == "ignore") return 0
    print text
    return ENVIRON[check] == "fail"
}

function has_address(name) { return ((name, "A") in rrset) || ((name, "AAAA") in rrset) }

function covered(name) {
    while (name != apex && index(name, ".")) {
        name = substr(name, index(name, ".") + 1)
        if (("*." name) in any) return 1
    }
    return 0
}

function whole_zone(    i) {
    if (!has_soa) { print "zone " zone "/IN: has 0 SOA records"; bad = 1 }
    if (!((apex, "NS") in rrset)) { print "zone " zone "/IN: has no NS records"; bad = 1 }
    for (i = 1; i <= count; i++) {
        if (types[i] == "NS") name_server(owners[i], datas[i])
        if (types[i] == "MX") target(owners[i], "MX", substr(datas[i], index(datas[i], " ") + 1), "CHECK_MX_CNAME", "CHECK_MX")
        if (types[i] == "SRV") target(owners[i], "SRV", last_word(datas[i]), "CHECK_SRV_CNAME", "CHECK_SRV")
    }
}

function last_word(text,    part) { return part[split(text, part, " ")] }

function name_server(who, host) {
    if (!below(host) || has_address(host) || covered(host)) return
    if ((host, "CNAME") in rrset) { print "zone " zone "/IN: NS '" shown(host) "' is a CNAME (illegal)"; if (who == apex) bad = 1; return }
    if (who == apex) { print "zone " zone "/IN: NS '" shown(host) "' has no address records (A or AAAA)"; bad = 1 }
    else if (host == who || substr(host, length(host) - length(who)) == "." who)
        print "zone " zone "/IN: " shown(who) "/NS '" shown(host) "' has no REQUIRED GLUE address records (A or AAAA)"
    else print "zone " zone "/IN: " shown(who) "/NS '" shown(host) "' has no address records (A or AAAA)"
}

function target(who, type, host, cname_check, address_check,    about) {
    if (host == "." || !below(host) || has_address(host) || covered(host)) return
    about = "zone " zone "/IN: " shown(who) "/" type " '" shown(host) "' "
    if ((host, "CNAME") in rrset) { if (flagged(cname_check, about "is a CNAME (illegal)")) bad = 1 }
    else { print about "has no address records (A or AAAA)"; if (ENVIRON[address_check] == "fail") bad = 1 }
}

function write_zone(    i, k, part, parts, key, sorter, tab) {
    tab = sprintf("%c", 9)
    sorter = "LC_ALL=C sort -s -t '" tab "' -k1,1 | cut -f2- >\"$OUT\""
    for (i = 1; i <= count; i++) {
        key = ""; parts = split(owners[i], part, ".")
        for (k = parts; k >= 1; k--) key = key part[k] "\001"
        key = key (types[i] == "SOA" ? 0 : types[i] == "NS" ? 1 : 2)
        printf "%s\t%s %d IN %s %s\n", key, owners[i], ttls[i], types[i], datas[i] | sorter
    }
    if (close(sorter) != 0) bad = 1
}
