import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.dns.namedlog import Follower, Kind, LogEvent, follow_script, parse_line, parse_lines
from console.dns.state import LogSource
from console.findings import Severity

CAPTURES = Path(__file__).parents[2] / "captures" / "named"
CLIENTS = st.text(max_size=80).map(lambda t: f"client @0x1 1.2.3.4#5 ({t}): {t}".encode("utf-8", "surrogatepass"))
ENTRIES = st.text(max_size=60).map(lambda t: json.dumps({"MESSAGE": t}).encode())
CLIENT = "client @0x7f7b07ca6c98 127.0.50.2#42383/key xfer-key (good.test): "


@pytest.mark.parametrize(
    ("text", "kind", "zone", "peer", "serial"),
    [
        ("zone a.test/IN: loaded serial 7", Kind.LOADED, "a.test", "", 7),
        ("zone a.test/IN/inside: loaded serial 7 (DNSSEC signed)", Kind.LOADED, "a.test", "", 7),
        ("zone a.test/IN (signed): sending notifies (serial 9)", Kind.NOTIFIES, "a.test", "", 9),
        ("zone a.test/IN: not loaded due to errors.", Kind.NOT_LOADED, "a.test", "", None),
        ("zone a.test/IN: loading from master file f failed: bad dotted quad", Kind.NOT_LOADED, "a.test", "", None),
        ("zone a.test/IN: zone serial (5) unchanged. zone may fail to", Kind.SERIAL_SAME, "a.test", "", 5),
        ("zone a.test/IN: zone serial (4/5) has gone backwards", Kind.SERIAL_BACK, "a.test", "", 4),
        (
            "zone a.test/IN: serial number (5) received from primary 192.0.2.1#53 < ours (9)",
            Kind.SERIAL_BACK,
            "a.test",
            "192.0.2.1",
            None,
        ),
        ("zone a.test/IN: notify from 192.0.2.1#53: serial 8", Kind.NOTIFY_SERIAL, "a.test", "192.0.2.1", 8),
        ("zone a.test/IN: notify from ::1#53: zone is up to date", Kind.UP_TO_DATE, "a.test", "::1", None),
        (
            "zone a.test/IN: refused notify from non-primary: 192.0.2.1#53",
            Kind.NOTIFY_REFUSED,
            "a.test",
            "192.0.2.1",
            None,
        ),
        ("zone a.test/IN: notify to 192.0.2.1#53: retries exceeded", Kind.NOTIFY_FAILED, "a.test", "192.0.2.1", None),
        (
            CLIENT + "transfer of 'good.test/IN': AXFR started: TSIG xfer-key (serial 3)",
            Kind.XFR_STARTED,
            "good.test",
            "127.0.50.2",
            3,
        ),
        (
            CLIENT + "transfer of 'good.test/IN': IXFR started (serial 2 -> 3)",
            Kind.XFR_STARTED,
            "good.test",
            "127.0.50.2",
            3,
        ),
        (
            CLIENT + "transfer of 'good.test/IN': IXFR version not in journal, falling back to AXFR",
            Kind.XFR_FALLBACK,
            "good.test",
            "127.0.50.2",
            None,
        ),
        (
            CLIENT + "view in: transfer of 'good.test/IN/in': AXFR ended: 1 messages (serial 3)",
            Kind.XFR_ENDED,
            "good.test",
            "127.0.50.2",
            3,
        ),
        (CLIENT + "zone transfer 'good.test/AXFR/IN' denied", Kind.XFR_DENIED, "good.test", "127.0.50.2", None),
        (
            CLIENT + "bad zone transfer request: 'x.test/IN': non-authoritative zone (NOTAUTH)",
            Kind.XFR_REFUSED,
            "x.test",
            "127.0.50.2",
            None,
        ),
        (
            CLIENT + "transfer of 'good.test/IN': send: connection reset",
            Kind.XFR_FAILED,
            "good.test",
            "127.0.50.2",
            None,
        ),
        (
            "client 192.0.2.1#24089 (a.test): transfer of 'a.test/IN': AXFR started",
            Kind.XFR_STARTED,
            "a.test",
            "192.0.2.1",
            None,
        ),
        ("client 2001:db8::1#24089: received notify for zone 'a.test'", Kind.NOTIFY_GOT, "a.test", "2001:db8::1", None),
        (
            "client @0x1 ::1#2: request has invalid signature: TSIG k: tsig verify failure (BADSIG)",
            Kind.TSIG_FAILED,
            "",
            "::1",
            None,
        ),
        (
            "transfer of 'a.test/IN' from 192.0.2.1#53: Transfer status: REFUSED",
            Kind.FETCH_FAILED,
            "a.test",
            "192.0.2.1",
            None,
        ),
        ("thawing zone 'a.test/IN': success", Kind.THAWED, "a.test", "", None),
    ],
)
def test_lines_of_named(text: str, kind: Kind, zone: str, peer: str, serial: int | None) -> None:
    event = parse_line(text)
    assert (event.kind, event.zone, event.peer, event.serial) == (kind, zone, peer, serial)
    assert event.text == text


def test_views_come_from_the_client_part_or_the_zone() -> None:
    assert parse_line("client 1.2.3.4#5: view out: received notify for zone 'a'").view == "out"
    assert parse_line("zone a/IN/out: expired").view == "out"


@pytest.mark.parametrize(
    ("prefix", "stamp", "category", "severity"),
    [
        ("", "", "", Severity.ERROR),
        ("23-Nov-2026 05:12:49.748 ", "23-Nov-2026 05:12:49.748", "", Severity.ERROR),
        ("2026-11-23T05:12:49.748Z warning: ", "2026-11-23T05:12:49.748Z", "", Severity.WARNING),
        ("2026-11-23T05:12:24.972 zoneload: error: ", "2026-11-23T05:12:24.972", "zoneload", Severity.ERROR),
        ("zoneload: debug 1: ", "", "zoneload", Severity.INFO),
        ("Mar 23 17:02:54 named[11923]: ", "Mar 23 17:02:54", "", Severity.ERROR),
        ("Nov  3 05:12:49 ns1 named[812]: ", "Nov  3 05:12:49", "", Severity.ERROR),
        ("2026-11-23T05:12:49.748123+0000 ns1 named[8]: ", "2026-11-23T05:12:49.748123+0000", "", Severity.ERROR),
        (
            "2026-11-23T05:12:49.748123+00:00 ns1 named[8]: info: ",
            "2026-11-23T05:12:49.748123+00:00",
            "",
            Severity.INFO,
        ),
    ],
)
def test_every_prefix(prefix: str, stamp: str, category: str, severity: Severity) -> None:
    event = parse_line((prefix + "zone a.test/IN: not loaded due to errors.\n").encode())
    assert (event.kind, event.time, event.category, event.severity) == (Kind.NOT_LOADED, stamp, category, severity)


def test_journal_objects_with_text_or_bytes() -> None:
    entry: dict[str, object] = {"MESSAGE": "zone a/IN: expired", "PRIORITY": "4", "__REALTIME_TIMESTAMP": "17"}
    event = parse_line(json.dumps(entry))
    assert (event.kind, event.zone, event.severity, event.time) == (Kind.EXPIRED, "a", Severity.WARNING, "17")
    entry["MESSAGE"] = list(b"zone \xff/IN: loaded serial 1")
    assert parse_line(json.dumps(entry)).serial == 1


@pytest.mark.parametrize("path", sorted(CAPTURES.rglob("*.log")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_captures_hold_no_transfer_line_that_is_not_understood(path: Path) -> None:
    events = list(parse_lines(path.read_bytes().splitlines()))
    assert len(events) >= 8
    for event in events:
        if event.kind is Kind.OTHER:
            assert (
                "connected using" in event.text or "Transfer completed: 0" in event.text or event.category != "xfer-out"
            )
        if event.kind in (Kind.XFR_STARTED, Kind.XFR_ENDED, Kind.XFR_DENIED):
            assert event.zone
            assert event.peer
        assert not event.text.startswith(("general: ", "info: ", "20", "May "))


def test_a_stream_cut_anywhere_gives_the_same_events() -> None:
    data = (CAPTURES / "9.18" / "primary-iso8601.log").read_bytes()
    whole = list(parse_lines(data.splitlines()))
    for size in (1, 7, 4096):
        follower = Follower()
        cut = [event for start in range(0, len(data), size) for event in follower.feed(data[start : start + size])]
        assert cut == whole


def test_a_line_without_end_does_not_grow_for_ever() -> None:
    follower = Follower()
    assert follower.feed(b"x" * 70000) != []
    assert follower.feed(b"") == []


def test_what_follows_a_journal_or_files() -> None:
    script, args = follow_script(LogSource("journal", "named.service"), last=5)
    assert "journalctl" in script
    assert args == ("5", "named.service")
    script, args = follow_script(LogSource("file", "/a b"), LogSource("file", "/c"), LogSource("file", "/a b"))
    assert "-F" in script
    assert args == ("200", "/a b", "/c")


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), CLIENTS, ENTRIES))
def test_any_bytes_parse(line: bytes) -> None:
    assert isinstance(parse_line(line), LogEvent)


def test_hostile_lines_take_linear_time() -> None:
    began = time.perf_counter()
    for text in (
        "zone " + "a/" * 30000,
        "client 1#1 (" + "\\" * 60000,
        "transfer of '" + "a/A" * 20000,
        "zone transfer " * 5000,
    ):
        parse_line(text)
    assert time.perf_counter() - began < 2
