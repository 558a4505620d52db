"""The pure core: what is heard and logged, and the reason each server ends with."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from console.dns import zonefile
from console.dns.ask import Answer
from console.dns.namedlog import LogEvent, parse_line
from console.dns.propagation import State, Target, Tracker, may_transfer, notified
from console.dns.state import Zone
from console.dns.watch import primary_of, refresh_of, targets, watch
from console.remote.connection import Connection, Result

ZONE = Zone("a.test", "", "primary", None, 7, 7)
NS2 = Target("ns2.a.test", "192.0.2.2", 53, "zone data")
NS3 = Target("ns3.a.test", "2001:db8::3", 53, "zone data")
GOOD = Answer("a.test", "SOA", "192.0.2.2", 53, "here", "udp", "NOERROR", True, 7)
OLD = replace(GOOD, serial=6)
SILENT = replace(GOOD, transport="", rcode="", authoritative=False, serial=None, problem="no answer in time")
LOADED = parse_line("zone a.test/IN: loaded serial 7")
SENT = parse_line("zone a.test/IN: sending notifies (serial 7)")
PEER = "client @0x1 192.0.2.2#5 (a.test): "


def tracker(zone: Zone = ZONE, *, to: tuple[Target, ...] = (NS2,), has_log: bool = True, refresh: int = 0) -> Tracker:
    return Tracker(zone, 7, to, notified=notified(zone, to, "ns1.a.test"), has_log=has_log, refresh=refresh)


def reason(log: list[LogEvent], answer: Answer | None, zone: Zone = ZONE, has_log: bool = True) -> tuple[State, str]:
    core = tracker(zone, has_log=has_log, refresh=3600)
    for event in log:
        core.logged(event, 1.0)
    if answer is not None:
        core.heard(NS2, answer, 2.0)
    (update,) = core.finish(3.0)
    assert update.final
    assert core.done
    return update.state, update.text


def test_the_new_serial_is_the_end_of_it() -> None:
    core = tracker(to=(NS2, NS3))
    (first,) = core.heard(NS2, OLD, 0.1)
    assert (first.state, first.serial, first.final) == (State.WAITING, 6, False)
    assert core.heard(NS2, OLD, 0.2) == []
    (second,) = core.heard(NS2, GOOD, 0.3)
    assert (second.state, second.final, second.at) == (State.FOLLOWED, True, 0.3)
    assert core.settled(NS2)
    assert not core.done
    assert core.heard(NS2, OLD, 0.4) == []
    (third,) = core.heard(NS3, replace(GOOD, vantage="host"), 0.5)
    assert "the host" in third.text
    assert core.done
    assert core.finish(9.0) == []


def test_a_higher_serial_is_ahead_also_around_the_wrap() -> None:
    (update,) = tracker().heard(NS2, replace(GOOD, serial=8), 1.0)
    assert (update.state, update.final) == (State.AHEAD, True)
    core = Tracker(ZONE, 4294967295, (NS2,))
    (update,) = core.heard(NS2, replace(GOOD, serial=1), 1.0)
    assert update.state is State.AHEAD
    (update,) = tracker().heard(NS2, replace(GOOD, serial=4294967295), 1.0)
    assert update.state is State.WAITING


@pytest.mark.parametrize("zone", [replace(ZONE, dynamic=True, serial_served=5), replace(ZONE, signed=True)])
def test_a_zone_that_named_counts_itself_may_be_further_on(zone: Zone) -> None:
    core = tracker(zone)
    core.logged(LOADED, 0.1)
    assert core.logged(parse_line("zone a.test/IN (signed): sending notifies (serial 9)"), 0.2)
    assert core.logged(parse_line(PEER + "transfer of 'a.test/IN': IXFR ended: 1 (serial 9)"), 0.3)
    (update,) = core.heard(NS2, replace(GOOD, serial=9), 0.4)
    assert (update.state, update.serial, update.final) == (State.FOLLOWED, 9, True)
    assert core.proven


def test_a_signed_serial_from_before_the_change_is_no_proof() -> None:
    core = tracker(replace(ZONE, signed=True, serial_served=30))
    (update,) = core.heard(NS2, replace(GOOD, serial=30), 0.1)
    assert (update.state, update.final) == (State.WAITING, False)
    (update,) = core.heard(NS2, replace(GOOD, serial=31), 0.2)
    assert (update.state, update.final) == (State.FOLLOWED, True)


@pytest.mark.parametrize(
    ("zone", "log", "answer", "state", "words"),
    [
        (ZONE, [LOADED, SENT], OLD, State.NOTIFY_REFUSED, "has not asked"),
        (ZONE, [], OLD, State.WAITING, "3600 s"),
        (replace(ZONE, notify="no"), [LOADED], OLD, State.NOT_NOTIFIED, "`notify no`"),
        (replace(ZONE, notify="explicit"), [LOADED], OLD, State.NOT_NOTIFIED, "also-notify"),
        (replace(ZONE, allow_transfer=("192.0.2.9/32",)), [LOADED, SENT], OLD, State.DENIED, "not in allow-transfer"),
        (ZONE, [LOADED, parse_line(PEER + "zone transfer 'a.test/IXFR/IN' denied")], OLD, State.DENIED, "IXFR"),
        (
            ZONE,
            [LOADED, parse_line(PEER + "transfer of 'a.test/IN': AXFR started (serial 7)")],
            OLD,
            State.WAITING,
            "under way",
        ),
        (ZONE, [LOADED, parse_line(PEER + "transfer of 'a.test/IN': send: reset")], OLD, State.FAILED, "send: reset"),
        (
            ZONE,
            [LOADED, parse_line(PEER + "transfer of 'a.test/IN': AXFR ended: 1 (serial 7)")],
            OLD,
            State.FAILED,
            "own log",
        ),
        (
            ZONE,
            [LOADED, parse_line("zone a.test/IN: notify to 192.0.2.2#53: retries exceeded")],
            OLD,
            State.NOTIFY_REFUSED,
            "retries",
        ),
        (ZONE, [LOADED, SENT], SILENT, State.UNREACHABLE, "this machine"),
        (ZONE, [LOADED, SENT], replace(SILENT, vantage="host"), State.UNREACHABLE, "the host"),
        (ZONE, [LOADED, SENT], replace(SILENT, asked=False, vantage="host"), State.WAITING, "could not be asked"),
        (ZONE, [], replace(SILENT, rcode="REFUSED", problem="REFUSED"), State.LAME, "does not have the zone"),
        (ZONE, [], replace(SILENT, rcode="SERVFAIL", problem="SERVFAIL"), State.LAME, "expired"),
        (ZONE, [], replace(OLD, problem="not authoritative"), State.LAME, "not authoritative"),
        (ZONE, [], None, State.WAITING, "not asked"),
    ],
)
def test_the_reason_at_the_deadline(zone: Zone, log: list[LogEvent], answer: Answer, state: State, words: str) -> None:
    found, text = reason(log, answer, zone)
    assert found is state
    assert words in text


def test_without_a_log_nobody_is_blamed_for_refusing_notify() -> None:
    assert reason([], OLD, has_log=False)[0] is State.WAITING


def test_a_log_that_ended_blames_nobody_either() -> None:
    core = tracker()
    for event in (LOADED, SENT):
        core.logged(event, 0.0)
    core.heard(NS2, OLD, 0.0)
    assert core.log_ended(1.0) == []
    assert core.finish(2.0)[0].state is State.WAITING


def test_lines_from_before_the_change_and_of_other_zones_do_not_count() -> None:
    core = tracker()
    denied = parse_line(PEER + "zone transfer 'a.test/AXFR/IN' denied")
    assert core.logged(denied, 0.0) == []
    assert core.logged(parse_line("zone a.test/IN: loaded serial 6"), 0.0) == []
    assert core.logged(parse_line("zone b.test/IN: loaded serial 7"), 0.0) == []
    assert [update.target for update in core.logged(LOADED, 0.0)] == [None]
    assert [update.target for update in core.logged(denied, 0.0)] == [NS2]
    stranger = parse_line("client 198.51.100.1#5 (a.test): zone transfer 'a.test/AXFR/IN' denied")
    assert [(update.target, update.state) for update in core.logged(stranger, 0.0)] == [(None, State.DENIED)]


def test_another_view_is_another_zone() -> None:
    core = tracker(replace(ZONE, view="in"))
    assert core.logged(parse_line("zone a.test/IN/out: loaded serial 7"), 0.0) == []
    assert len(core.logged(parse_line("zone a.test/IN/in: loaded serial 7"), 0.0)) == 1


def test_a_peer_is_known_in_any_spelling() -> None:
    core = tracker(to=(NS3,))
    core.logged(LOADED, 0.0)
    line = parse_line("client 2001:0db8:0::3#5 (a.test): zone transfer 'a.test/AXFR/IN' denied")
    assert core.logged(line, 0.0)[0].target == NS3


def test_whom_named_notifies() -> None:
    primary = Target("ns1.a.test", "192.0.2.1")
    servers = (primary, NS2)
    assert notified(ZONE, servers, "NS1.a.test") == {"192.0.2.2"}
    also = replace(ZONE, also_notify=("192.0.2.9#5300",))
    assert notified(also, servers, "ns1.a.test") == {"192.0.2.2", "192.0.2.9"}
    assert notified(replace(also, notify="explicit"), servers, "ns1.a.test") == {"192.0.2.9"}
    assert notified(replace(also, notify="no"), servers, "ns1.a.test") == frozenset()


@pytest.mark.parametrize(
    ("allowed", "address", "may"),
    [
        (None, "192.0.2.1", None),
        (("any",), "192.0.2.1", True),
        (("none",), "192.0.2.1", False),
        (("192.0.2.0/24",), "192.0.2.1", True),
        (("!192.0.2.1", "192.0.2.0/24"), "192.0.2.1", False),
        (("192.0.2.0/24",), "2001:db8::1", False),
        (("2001:db8::/32",), "2001:db8::1", True),
        (("key k",), "192.0.2.1", None),
        (("key k", "192.0.2.1"), "192.0.2.1", True),
        (("nonsense",), "192.0.2.1", False),
    ],
)
def test_address_match_lists(allowed: tuple[str, ...] | None, address: str, may: bool | None) -> None:
    assert may_transfer(allowed, address) is may


TEXT = zonefile.parse(
    b"$TTL 1h\n@ SOA ns1 h 7 1h30m 600 1d 60\n NS ns1\n NS NS2.a.test.\n NS ns.invalid.\nsub NS ns9\nns1 A 192.0.2.1\n"
    b"ns2 A 192.0.2.2\nns2 AAAA 2001:db8::2\n",
    "a.test",
)


def test_targets_come_from_the_zone_itself_and_say_so() -> None:
    extra = (Target("hidden", "192.0.2.77", 53, "inventory"), Target("again", "192.0.2.2", 53, "inventory"))
    found = targets(None, ZONE, TEXT, extra=extra)
    assert [(each.name, each.address, each.source) for each in found[:3]] == [
        ("ns1.a.test", "192.0.2.1", "zone data"),
        ("NS2.a.test", "192.0.2.2", "zone data"),
        ("NS2.a.test", "2001:db8::2", "zone data"),
    ]
    assert (found[3].name, found[3].address) == ("ns.invalid", "")
    assert "No address for ns.invalid" in found[3].problem
    assert found[4:] == (extra[0],)
    assert (primary_of(TEXT), refresh_of(TEXT)) == ("ns1.a.test", 5400)


class Resolver:
    """A host whose /etc/hosts knows the host itself."""

    def run(self, script: str, args: tuple[str, ...], *, title: str) -> Result:
        said = b"@ns1.b.test\n127.0.1.1 STREAM ns1.b.test\n192.0.2.9 STREAM\n192.0.2.9 DGRAM\n@localhost\n::1 STREAM\n"
        return Result(script, args, title, False, "h", said, b"", 0, datetime.now(UTC), 0.0)


def test_what_etc_hosts_says_of_the_host_itself_is_no_name_server() -> None:
    text = zonefile.parse(b"@ SOA ns1.b.test. h 7 1 1 1 1\n NS ns1.b.test.\n NS localhost.\n", "a.test")
    found = targets(cast(Connection, Resolver()), ZONE, text)
    assert [each.address for each in found] == ["192.0.2.9", "::1"]
    assert {each.source for each in found} == {"the host's resolver"}


def test_a_watch_with_nothing_to_ask_ends_at_once() -> None:
    nowhere = Target("ns.invalid", "", problem="No address.")
    (update,) = watch(ZONE, 7, (nowhere,), deadline=30)
    assert (update.state, update.final, update.text) == (State.UNREACHABLE, True, "No address.")


def test_who_is_silent_here_is_asked_from_the_host_and_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fake(address: str, port: int, name: str, rdtype: str, *, vantage: str = "here", **more: object) -> Answer:
        asked.append(vantage)
        if vantage == "here":
            return SILENT
        return replace(OLD if len(asked) < 4 else GOOD, vantage="host")

    monkeypatch.setattr("console.dns.watch.ask", fake)
    updates = list(watch(ZONE, 7, (NS2,), connection=object(), deadline=20))  # type: ignore[arg-type]
    assert asked == ["here", "host", "host", "host"]
    assert [(update.state, update.final) for update in updates] == [(State.WAITING, False), (State.FOLLOWED, True)]


def test_silence_from_both_sides_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(address: str, port: int, name: str, rdtype: str, *, vantage: str = "here", **more: object) -> Answer:
        return replace(SILENT, vantage=vantage, problem=f"nothing {vantage}")  # type: ignore[arg-type]

    monkeypatch.setattr("console.dns.watch.ask", fake)
    updates = list(watch(ZONE, 7, (NS2,), connection=object(), deadline=0.3))  # type: ignore[arg-type]
    assert updates[-1].final
    assert updates[-1].text == "No answer, asked from the host: nothing host; from this machine: nothing here."


def test_a_watch_can_be_stopped_from_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def fake(*args: object, **more: object) -> Answer:
        stop.set()
        return OLD

    monkeypatch.setattr("console.dns.watch.ask", fake)
    began = time.monotonic()
    updates = list(watch(ZONE, 7, (NS2,), deadline=60, stop=stop))
    assert time.monotonic() - began < 10
    assert updates[-1].final


def test_log_events_reach_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = threading.Event()

    def fake(*args: object, **more: object) -> Answer:
        return GOOD if seen.is_set() else OLD

    def events() -> Iterator[LogEvent]:
        yield LOADED
        yield SENT
        seen.set()

    monkeypatch.setattr("console.dns.watch.ask", fake)
    updates = list(watch(ZONE, 7, (NS2,), events=events(), deadline=20))
    assert [update.event for update in updates if update.event] == [LOADED, SENT]
    assert updates[-1].state is State.FOLLOWED


def test_the_log_may_tell_of_a_transfer_after_the_answer_that_came_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.dns.watch.ask", lambda *args, **more: GOOD)
    followed = threading.Event()
    ended = parse_line(PEER + "transfer of 'a.test/IN': AXFR ended: 1 messages, 9 records, 300 bytes (serial 7)")

    def events() -> Iterator[LogEvent]:
        assert followed.wait(20)
        yield from (LOADED, SENT, ended)
        threading.Event().wait(20)

    text = zonefile.parse(b"@ 60 IN SOA ns1.a.test. h.a.test. 7 1 1 1 1\n", "a.test")
    seen = []
    for update in watch(ZONE, 7, (NS2,), text=text, events=events(), deadline=20):
        seen.append((update.state, update.event))
        followed.set()
    assert seen[0] == (State.FOLLOWED, None)
    assert [event for _, event in seen[1:]] == [LOADED, SENT, ended], "the watch ends once the proof is there"


def test_a_name_that_dns_does_not_know_is_raised_where_the_watch_is_read() -> None:
    with pytest.raises(ValueError, match="not a DNS question"):
        list(watch(replace(ZONE, name="a..b"), 7, (NS2,), deadline=20))
