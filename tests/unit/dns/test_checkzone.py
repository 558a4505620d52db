"""named-checkzone's words: each line a finding on the right source line."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.dns.checkzone import STRICT, check_argv, compile_argv, parse
from console.dns.zonefile import parse as parse_zone
from console.findings import Place, Severity

CAPTURES = Path(__file__).parents[2] / "captures" / "named-checkzone" / "9.18"
CASES = sorted(path.stem for path in CAPTURES.glob("*.zone"))
ORIGINS = {"reverse": "2.0.192.in-addr.arpa"}


def capture(case: str, kind: str) -> bytes:
    return (CAPTURES / f"{case}.{kind}").read_bytes()


def told(case: str, output: bytes, checked: str = "z") -> list[str]:
    zone = parse_zone(capture(case, "zone"), ORIGINS.get(case, "example.com"))
    verdict = parse(output, zone, checked, "/etc/bind/db", "/var/cache/bind")
    lines = [f"{'loads' if verdict.loadable else 'refused'} {verdict.serial}"]
    return lines + [f"{f.severity.name} {f.where} {f.why}" for f in verdict.findings]


def test_there_are_captures() -> None:
    assert len(CASES) > 30


@pytest.mark.parametrize("case", CASES)
def test_capture(case: str) -> None:
    assert told(case, capture(case, "out")) == capture(case, "findings").decode().splitlines()


@pytest.mark.parametrize("case", CASES)
def test_captures_are_what_the_tool_says(case: str, tmp_path: Path) -> None:
    tool = shutil.which("named-checkzone")
    if tool is None:
        pytest.skip("named-checkzone is not installed (Debian: bind9-utils)")
    if b"9.18." not in subprocess.run([tool, "-v"], capture_output=True, check=True).stdout:
        pytest.skip("the captures are of named-checkzone 9.18")
    (tmp_path / "z").write_bytes(capture(case, "zone"))
    shutil.copy(CAPTURES / "included.inc", tmp_path)
    argv = check_argv(ORIGINS.get(case, "example.com"), "z", tool=tool)
    done = subprocess.run(argv, capture_output=True, cwd=tmp_path, check=False)
    assert _steady(done.stdout) == _steady(capture(case, "out"))
    assert done.stderr == b""
    assert (done.returncode == 0) == (told(case, done.stdout)[0].startswith("loads"))


def _steady(output: bytes) -> bytes:
    """Without the address of $GENERATE's buffer."""
    return re.sub(rb"buffer-0x[0-9a-f]+", b"buffer", output)


def test_argv_is_strict_and_never_asks_the_resolver() -> None:
    assert check_argv("example.com.", "/tmp/x") == ("named-checkzone", *STRICT, "example.com", "/tmp/x")
    assert check_argv(".", "f", "/var/cache/bind", "/usr/bin/named-checkzone") == (
        "/usr/bin/named-checkzone", *STRICT, "-w", "/var/cache/bind", ".", "f",
    )  # fmt: skip
    assert "-i local" in " ".join(STRICT)
    for flag in "kmMnrS":
        assert f"-{flag} fail" in " ".join(STRICT)


def test_canonical_view_of_a_zone_with_faults(tmp_path: Path) -> None:
    tool = shutil.which("named-compilezone")
    if tool is None:
        pytest.skip("named-compilezone is not installed (Debian: bind9-utils)")
    (tmp_path / "z").write_bytes(capture("mx-without-address", "zone"))
    argv = compile_argv("example.com", "z", str(tmp_path), tool)
    done = subprocess.run(argv, capture_output=True, check=True)
    assert done.stdout.splitlines()[-1].split() == [b"ns1.example.com.", b"3600", b"IN", b"A", b"192.0.2.1"]
    zone = parse_zone(capture("mx-without-address", "zone"), "example.com")
    verdict = parse(done.stderr, zone, "z", "db")
    assert (verdict.loadable, verdict.serial, verdict.findings) == (True, 1, ())


def test_temp_path_becomes_the_real_one() -> None:
    zone = parse_zone(b"a A 1\n", "example.com")
    said = b"dns_rdata_fromtext: /etc/bind/.db: 1.tmp:1: near '1': bad dotted quad\n"
    (finding,) = parse(said, zone, "/etc/bind/.db: 1.tmp", "/etc/bind/db").findings
    assert finding.where == Place("/etc/bind/db", 1)
    assert finding.why == "near '1': bad dotted quad"
    assert (finding.id, finding.subject) == ("named", "example.com")
    assert finding.evidence.startswith("dns_rdata_fromtext: ")


@pytest.mark.parametrize(
    ("say", "line"),
    [
        ("sub.example.com/NS 'ns.sub.example.com' has no REQUIRED GLUE address records (A or AAAA)", 6),
        ("EXAMPLE.com/MX 'b.example.com' has no address records (A or AAAA)", 5),
        ("example.com/MX 'elsewhere.example.com' is a CNAME (illegal)", 4),
        ("NS 'ns1.example.com' has no address records (A or AAAA)", 3),
        ("'example.com' found type SPF record but no SPF TXT record found, add matching type TXT record", 7),
        ("sub.example.com/NS has semantically identical records", 6),
        ("has no NS records", 2),
        ("gone.example.com/MX 'x' is a CNAME (illegal)", 0),
    ],
)
def test_messages_without_a_line_find_theirs(say: str, line: int) -> None:
    text = b"$TTL 1\n@ SOA a b 1 2 3 4 5\n NS ns1\n MX 5 a\n MX 9 b\nsub NS ns.sub\n@ SPF x\n"
    zone = parse_zone(text, "example.com")
    finding = parse(f"zone example.com/IN: {say}\n".encode(), zone, "z", "db").findings[0]
    assert finding.where == Place("db", line)
    assert finding.why == say


def test_what_is_not_understood_is_kept() -> None:
    zone = parse_zone(b"", "example.com")
    verdict = parse(b"something new\nzone example.com/IN: loaded serial 7\nOK\n", zone, "z", "db")
    assert verdict.loadable
    assert [(f.severity, f.why) for f in verdict.findings] == [(Severity.INFO, "something new")]


def test_silence_is_not_a_good_zone() -> None:
    verdict = parse(b"", parse_zone(b"", "example.com"), "z", "db")
    assert not verdict.loadable
    assert [f.why for f in verdict.findings] == ["the checker did not say whether the zone loads"]


def test_missing_file_is_told() -> None:
    output = (
        b"zone example.com/IN: loading from master file z failed: file not found\n"
        b"zone example.com/IN: not loaded due to errors.\n"
    )
    verdict = parse(output, parse_zone(b"", "example.com"), "z", "/etc/bind/db")
    assert [(f.severity, str(f.where), f.why) for f in verdict.findings] == [
        (Severity.ERROR, "/etc/bind/db", "file not found")
    ]


def test_a_zone_that_loads_has_no_errors() -> None:
    output = b"z:4: a_b.example.com: bad owner name (check-names)\nzone example.com/IN: loaded serial 7\nOK\n"
    verdict = parse(output, parse_zone(b"", "example.com"), "z", "db")
    assert [f.severity for f in verdict.findings] == [Severity.WARNING]
    assert verdict.serial == 7


def test_generated_records_are_told_where_their_line_is() -> None:
    zone = parse_zone(b"", "example.com")
    buffer = b"dns_rdata_fromtext: buffer-0x7f:1: near 'x': bad\n"
    (finding,) = parse(buffer + b"$GENERATE: z:6: bad\n", zone, "z", "db").findings
    assert (finding.where, finding.why) == (Place("db", 6), "bad (near 'x': bad)")
    (finding,) = parse(buffer, zone, "z", "db").findings
    assert (finding.where, finding.why) == (Place("db"), "near 'x': bad")


WORDS = st.sampled_from(
    b"zone |example.com/IN: |loaded serial |not loaded due to errors.|dns_rdata_fromtext: |z:|9|: |\n|\x1b]0;|\xff"
    b"|$GENERATE: |buffer-0x12:1: |OK|a/MX '|' |\r|99999999999999999999999".split(b"|")
)


@given(st.one_of(st.binary(max_size=200), st.lists(WORDS, max_size=20).map(b"".join)))
def test_any_output_is_read_and_nothing_is_dropped(output: bytes) -> None:
    verdict = parse(output, parse_zone(b"@ SOA a b 1 2 3 4 5\n", "example.com"), "z", "db")
    assert verdict.loadable or verdict.findings
