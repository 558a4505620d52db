"""Our own zone rules: each with text that breaks it and text that only looks so."""

from __future__ import annotations

import shutil
import subprocess
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.dns import checkzone
from console.dns.lint import RULES, lint
from console.dns.zonefile import parse
from console.findings import Finding, Severity

TODAY = date(2026, 11, 23)
TOP = "$TTL 3600\n@ IN SOA ns1 hostmaster 2026112301 3600 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n"
"""Four lines."""

FORWARD = r"""; example.com, kept by hand
$TTL 1d
@       IN SOA  ns1.example.com. hostmaster.example.com. (
                2026112301      ; serial
                4h 1h 2w 5m )
        IN NS   ns1
        IN NS   ns2.example.net.
        IN MX   10 mail
        IN MX   20 backup.example.net.
        IN A    192.0.2.80
        IN AAAA 2001:db8::80
        IN TXT  "v=spf1 mx ip4:192.0.2.0/24 " "include:_spf.example.net -all"
        IN TXT  "google-site-verification=abc;def"
        IN CAA  0 issue "letsencrypt.org; validationmethods=dns-01"
ns1     IN A    192.0.2.53
mail    IN A    192.0.2.25
        IN AAAA 2001:db8::25
www     300 IN CNAME @
cdn     IN CNAME www.example.org.
_dmarc  IN TXT  "v=DMARC1; p=reject; rua=mailto:postmaster@example.com"
mail2026._domainkey IN TXT ( "v=DKIM1; h=sha256; k=rsa; "
          "p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0"
          "5C1gQIDAQAB" )  ; ----- DKIM key mail2026 for example.com
_sip._tcp IN SRV 0 5 5060 mail
*.apps  IN A    192.0.2.81
db      60 IN A 192.0.2.90
        60 IN A 192.0.2.91
"""

BY_NAMED = """$ORIGIN .
$TTL 300	; 5 minutes
example.com		IN SOA	ns1.example.com. hostmaster.example.com. (
				2026112301 ; serial
				3600       ; refresh (1 hour)
				900        ; retry (15 minutes)
				1209600    ; expire (2 weeks)
				300        ; minimum (5 minutes)
				)
			NS	ns1.example.com.
			MX	10 ns1.example.com.
$ORIGIN example.com.
ns1			A	192.0.2.1
"""
"""As named writes the file of a dynamic zone."""

REVERSE = """$TTL 86400
@ IN SOA ns1.example.com. hostmaster.example.com. 2026112301 14400 3600 1209600 300
  IN NS ns1.example.com.
  IN NS ns2.example.net.
25 IN PTR mail.example.com.
53 PTR ns1.example.com.
64/26 NS ns.customer.example.
65 CNAME 65.64/26
$GENERATE 100-110 $ PTR dhcp-$.example.com.
"""

DELEGATING = """$ORIGIN example.org.
$TTL 3600
example.org. 3600 IN SOA ns1.example.org. host\\.master.example.org. 17 3600 900 1209600 300
example.org. IN NS ns1.example.org.
ns1 IN A 198.51.100.1
$ORIGIN dept.example.org.
@ NS ns.dept
@ NS ns1
@ NS ns1.example.org.
@ NS ns.elsewhere.example.
ns1 A 198.51.100.2
$ORIGIN dept.dept.example.org.
ns A 198.51.100.3
$ORIGIN example.org.
$INCLUDE hosts.inc
_services._dns-sd._udp PTR _http._tcp
"""


def found(text: str, origin: str = "example.com") -> tuple[Finding, ...]:
    return lint(parse(text.encode("latin-1"), origin), "/etc/bind/db", TODAY)


def ids(text: str, origin: str = "example.com") -> list[tuple[str, int]]:
    return [(finding.id, finding.where.line) for finding in found(text, origin)]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        (FORWARD, "example.com"),
        (BY_NAMED, "example.com"),
        (REVERSE, "2.0.192.in-addr.arpa"),
        (DELEGATING, "example.org"),
    ],
)
def test_healthy_zones_have_no_finding(text: str, origin: str, tmp_path: Path) -> None:
    assert found(text, origin) == ()
    tool = shutil.which("named-checkzone")
    if tool is not None:
        (tmp_path / "z").write_text(text)
        (tmp_path / "hosts.inc").write_text("extra A 198.51.100.9\n")
        done = subprocess.run(checkzone.check_argv(origin, "z", str(tmp_path), tool), capture_output=True, check=False)
        assert done.stdout.decode().splitlines()[-1] == "OK", done.stdout.decode()


BREAKS = {
    "Z003": "$TTL 1\n@ SOA a b 20261123011 1 2 3 4\n",
    "Z004": TOP.replace("2026112301", "2062112301"),
    "Z006": TOP + "@ MX 10 mail.example.com\n",
    "Z007": TOP + "www.example.com A 192.0.2.1\n",
    "Z009": TOP + f'x TXT "{"a" * 256}"\n',
    "Z010": TOP + '@ TXT "v=spf1 ip4:192.0.2.1" "ip4:192.0.2.2 -all"\n',
    "Z011": TOP + "k._domainkey TXT v=DKIM1; k=rsa; p=MIIB\n",
    "Z019": TOP + "x 300 A 192.0.2.1\nX 200 A 192.0.2.2\n",
    "Z020": TOP + "www.example.org. A 192.0.2.1\n",
    "Z024": TOP.replace("hostmaster", "hostmaster@example.org."),
    "Z029": TOP.replace("$TTL 3600\n", ""),
    "Z031": TOP + '@ SPF "v=spf1 -all"\n',
    "Z032": TOP + '@ TXT "v=spf1 -all"\n@ TXT "V=SPF1" " mx -all"\n',
    "Z035": TOP + "sub NS ns.sub\n",
}


@pytest.mark.parametrize("rule", sorted(BREAKS))
def test_a_broken_zone_has_just_that_finding(rule: str) -> None:
    (finding,) = found(BREAKS[rule])
    assert finding.id == rule
    assert finding.subject == "example.com"
    assert finding.where.file == "/etc/bind/db"
    assert finding.where.line == {"Z003": 2, "Z004": 2, "Z024": 2, "Z029": 1, "Z019": 6, "Z032": 6}.get(rule, 5)
    assert finding.why
    assert finding.source
    assert finding.hint


def test_every_rule_is_tried() -> None:
    assert {rule.id for rule in RULES} == {*BREAKS, "Z008"}
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_pointer_without_dot() -> None:
    top = TOP.replace("ns1 A 192.0.2.1\n", "").replace("ns1", "ns1.example.com.")
    assert ids(top + "1 PTR mail.example.com\n2 PTR mail.example.com.\n", "2.0.192.in-addr.arpa") == [
        ("Z006", 4),
        ("Z008", 4),
    ]
    assert ids(top + "$ORIGIN example.com.\n1.2.0.192.in-addr.arpa. PTR mail\n", "2.0.192.in-addr.arpa") == []
    assert ids(top + "1 PTR mail\nb._dns-sd._udp PTR @\n", "8.b.d.0.1.0.0.2.ip6.arpa") == [("Z008", 4)]
    assert ids(TOP + "_services._dns-sd._udp PTR _http._tcp\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "@ MX 10 www.sub\nwww.sub A 192.0.2.1",
        "@ MX 10 mail.example.com.",
        "x CNAME @",
        "x CNAME a.com\na.com A 192.0.2.1",
        "*.net A 192.0.2.1\nx CNAME a.b.net",
        "com NS ns.out.org.\nx CNAME a.com",
        "$INCLUDE more\nx CNAME a.com",
        "$ORIGIN .\nwww.example.com A 192.0.2.1\n MX 10 www.example.com",
        "www.example.com. A 192.0.2.1",
        "wwwexample.com A 192.0.2.1",
        "example.com.x A 192.0.2.1",
        f'x TXT "{"a" * 255}" "{"b" * 255}"',
        'x TXT "' + "\\097" * 255 + '"',
        '@ TXT "v=spf1 ip4:192.0.2.1 " "ip4:192.0.2.2 -all"',
        '@ TXT "v=spf1 ip4:192.0.2.1" " ip4:192.0.2.2 -all"',
        '@ TXT "v=spf1 include:_spf.exa" "mple.net -all"',
        '@ TXT "v=spf1 include:" "all.example.net -all"',
        '@ TXT "v=spf1 mx -" "all"',
        '@ TXT "not spf" "all"',
        "x TXT v=DKIM1\\; k=rsa",
        "x TXT word ; a plain comment",
        'x TXT "v=DKIM1; k=rsa" ; k=rsa',
        "x TXT ( word ) ;k=rsa",
        "x 300 A 192.0.2.1\nx 200 AAAA ::1",
        "x 300 RRSIG A 8\nx 200 RRSIG MX 8",
        "EXAMPLE.COM. TXT x",
        '@ TXT "v=spf1 -all"\nx TXT "v=spf1 -all"',
        '@ TXT "v=spf1 -all"\n@ TXT "v=spf1 -all"',
        '@ TXT "v=spf1 -all"\n@ TXT "v=spf10"',
        "sub NS ns.sub\nns.sub AAAA ::1",
        "sub NS ns.out.org.\nsub NS ns1",
        "sub NS ns.sub\n$GENERATE 1-2 ns.sub A 192.0.2.$",
        "$ORIGIN sub.example.com.\nx A 192.0.2.1",
    ],
)
def test_what_looks_alike_but_is_right(line: str) -> None:
    assert ids(TOP + line + "\n") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("@ MX 10 aspmx.l.google.com", [("Z006", 5)]),
        ("_s._tcp SRV 0 0 1 a.example.com", [("Z006", 5)]),
        ("x CNAME EXAMPLE.COM", [("Z006", 5)]),
        ("x NS ns.example.net", [("Z006", 5)]),
        ("$ORIGIN sub.example.com\nx A 192.0.2.1", [("Z007", 5)]),
        ("x.EXAMPLE.com 300 IN A 192.0.2.1\n  AAAA ::1", [("Z007", 5)]),
        ("x TXT ( v=DKIM1;k=rsa\n p )", [("Z011", 5)]),
        ("x TXT abc;def", [("Z011", 5)]),
        ('@ TXT "v=spf1" "mx -all"', [("Z010", 5)]),
        ('@ TXT "v=spf1 mx" "~all"', [("Z010", 5)]),
        ("$ORIGIN .\nx A 192.0.2.1\nexample.com A 192.0.2.1", [("Z020", 6)]),
    ],
)
def test_more_that_is_wrong(line: str, expected: list[tuple[str, int]]) -> None:
    assert ids(TOP + line + "\n") == expected


def test_serials() -> None:
    def with_number(serial: str) -> list[tuple[str, int]]:
        return ids(TOP.replace("2026112301", serial))

    assert with_number("4294967295") == []
    assert with_number("4294967296") == [("Z003", 2)]
    assert with_number("12x") == [("Z003", 2)]
    assert with_number("2026112401") == []
    assert with_number("2026112501") == [("Z004", 2)]


def test_own_ttls_need_no_default() -> None:
    assert ids("@ 300 SOA a b 1 2 3 4 5\n@ 300 NS ns.out.org.\n") == []
    assert ids("@ 300 SOA a b 1 2 3 4 5\n@ NS ns.out.org.\n$TTL 5\n") == [("Z029", 2)]


def test_findings_come_in_the_order_of_lines_with_their_evidence() -> None:
    findings = found(TOP + "z.example.org. A 192.0.2.1\nk TXT v=DKIM1; p=MIIB\n")
    assert [finding.id for finding in findings] == ["Z020", "Z011"]
    assert findings[1].evidence == "; p=MIIB"
    assert findings[1].severity is Severity.CRITICAL


@given(st.binary(max_size=300), st.sampled_from(["example.com", ".", "com"]))
def test_any_bytes_can_be_judged(data: bytes, origin: str) -> None:
    lint(parse(data, origin), "f", TODAY)


PIECES = st.sampled_from(
    [
        *'@x \n1";()\\.=',
        "SOA",
        "TXT",
        "NS",
        "MX",
        "PTR",
        "SRV",
        "CNAME",
        "SPF",
        "300",
        "v=spf1",
        "a@b",
        "..",
        "\\.",
        "all",
        *TOP.split(),
    ]
)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_zone_like_text_can_be_judged(text: str) -> None:
    for finding in found(text, "example.com"):
        assert 1 <= finding.where.line <= text.count("\n") + 1


def test_time_grows_with_the_zone_and_no_faster() -> None:
    """Every record in sight of the slow paths: relative targets that do not exist, delegations, strings, TTLs."""

    def cost(count: int) -> float:
        lines = [
            f'h{n} NS ns.out.org.\nc{n} CNAME gone{n}.com\nt{n} TXT "v=spf1" "mx"\nd{n} 1 A 1.2.3.4\nd{n} 2 A 1.2.3.5\n'
            for n in range(count // 5)
        ]
        zone = parse((TOP + "".join(lines)).encode(), "example.com")
        start = time.process_time()
        assert len(lint(zone, "f", TODAY)) == count // 5 * 3
        return time.process_time() - start

    cost(2_500)
    assert cost(25_000) < 30 * cost(2_500)
