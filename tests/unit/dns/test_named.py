"""The probe, the questions, the plans and the watch against a real named, through `Local` and the real engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.change.outcome import State
from console.dns import ask, changes, propagation, served, watch, zonefile, zoneread
from console.dns.namedlog import Kind
from console.remote.local import Local
from tests.unit.dns.dns_lab import OLD, carry_out, look, save, zone_of
from tests.unit.dns.private_named import PrivateNamed, free_port, tool

pytestmark = pytest.mark.skipif(tool("named") is None, reason="named is not installed (apt install bind9)")
NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrivateNamed, PrivateNamed]]:
    primary = PrivateNamed(tmp_path_factory.mktemp("primary"))
    secondary = PrivateNamed(tmp_path_factory.mktemp("secondary"))
    for name in ("good.test", "silent.test", "denied.test", "dyn.test"):
        primary.write_zone(name, OLD)
    (primary.directory / "broken.test").write_text("$TTL 60\n@ SOA ns h 2026010101 1 1 1 1\n NS ns\nns A 1.2.3\n")
    to = f"also-notify {{ 127.0.0.1 port {secondary.port}; }}; notify explicit;"
    primary.configure(
        f"""zone "good.test" {{ type primary; file "good.test"; {to} }};
zone "silent.test" {{ type primary; file "silent.test"; notify no; }};
zone "denied.test" {{ type primary; file "denied.test"; {to} allow-transfer {{ 192.0.2.99; }}; }};
zone "dyn.test" {{ type master; file "dyn.test"; allow-update {{ 127.0.0.1; }}; notify no; }};
zone "broken.test" {{ type primary; file "broken.test"; notify no; }};
zone "missing.test" {{ type primary; file "missing.test"; notify no; }};
zone "fwd.test" {{ type forward; forwarders {{ 127.0.0.1; }}; }};"""
    )
    fetch = f"type secondary; primaries {{ 127.0.0.1 port {primary.port}; }};"
    secondary.configure(
        f"""view "main" {{
zone "good.test" {{ {fetch} file "good.test"; }};
zone "silent.test" {{ {fetch} file "silent.test"; }};
zone "denied.test" {{ {fetch} file "denied.test"; }}; }};""",
        "notify no;",
    )
    try:
        primary.start()
        secondary.start()
        yield primary, secondary
    finally:
        primary.stop()
        secondary.stop()


def test_the_probe_sees_what_is_there(pair: tuple[PrivateNamed, PrivateNamed], local: Local) -> None:
    primary, secondary = pair
    snapshot = look(local, primary)
    assert snapshot.running
    assert snapshot.version.startswith("BIND 9.")
    assert snapshot.directory == str(primary.directory)
    assert snapshot.listens == (("127.0.0.1", primary.port),)
    assert snapshot.log is not None
    assert snapshot.log.where == str(primary.directory / "named.log")
    assert snapshot.warnings == ()
    assert {zone.name: zone.kind for zone in snapshot.zones}["fwd.test"] == "forward"
    good = zone_of(snapshot, "good.test")
    assert good.editable
    assert good.serial_disk is not None
    dyn = zone_of(snapshot, "dyn.test")
    assert dyn.dynamic
    assert dyn.serial_served is not None
    missing = zone_of(snapshot, "missing.test")
    assert missing.file is not None
    assert missing.file.problem == "missing"
    other = look(local, secondary)
    assert {(zone.name, zone.view, zone.kind) for zone in other.zones} == {
        (name, "main", "secondary") for name in ("good.test", "silent.test", "denied.test")
    }


def test_the_server_is_asked_from_the_host(pair: tuple[PrivateNamed, PrivateNamed], local: Local) -> None:
    snapshot = served.ask_server(look(local, pair[0]), local)
    good = zone_of(snapshot, "good.test")
    assert good.serial_served == good.serial_disk
    broken = zone_of(snapshot, "broken.test")
    assert (broken.serial_served, broken.served_problem) == (None, "SERVFAIL")
    assert [finding.id for finding in broken.findings] == ["S003"]
    assert [finding.id for finding in zone_of(snapshot, "missing.test").findings] == ["S006", "S003"]
    assert good.findings == ()


def test_questions_say_how_they_failed(pair: tuple[PrivateNamed, PrivateNamed], local: Local) -> None:
    port = pair[0].port
    here = ask.ask("127.0.0.1", port, "good.test", "SOA")
    assert (here.problem, here.vantage, here.transport, here.authoritative) == ("", "here", "udp", True)
    host = ask.ask("127.0.0.1", port, "good.test.", "NS", vantage="host", connection=local)
    assert (host.problem, host.vantage, host.transport) == ("", "host", "tcp")
    assert host.records == ("3600 IN NS ns1.good.test.",)
    assert ask.ask("127.0.0.1", port, "nope.test", "SOA").problem == "REFUSED"
    nobody = ask.ask("127.0.0.1", free_port(), "good.test", "SOA")
    assert nobody.silent
    assert nobody.problem == "connection refused over UDP, connection refused over TCP"
    there = ask.ask("127.0.0.1", free_port(), "good.test", "SOA", vantage="host", connection=local)
    assert there.silent
    assert there.problem
    names = ["good.test", "broken.test", *(f"x{number}.test" for number in range(200))]
    many = ask.serials("127.0.0.1", port, names, connection=local)
    assert list(many) != []
    assert set(many) == set(names)
    assert many["x199.test"].problem == "REFUSED"
    assert many["good.test"].serial is not None


def test_a_save_reaches_the_secondary(pair: tuple[PrivateNamed, PrivateNamed], local: Local, tmp_path: Path) -> None:
    primary, secondary = pair
    plan = save(local, primary, "good.test", b"192.0.2.1", b"192.0.2.7")
    wanted = int(plan.facts["new_serial"])
    snapshot = look(local, primary)
    zone = zone_of(snapshot, "good.test")
    targets = (propagation.Target("ns2", "127.0.0.1", secondary.port, "inventory"),)
    with watch.LogFeed(local, snapshot.logs) as feed:
        outcome = carry_out(plan, local, tmp_path)
        assert outcome.state is State.APPLIED, outcome
        updates = list(watch.watch(zone, wanted, targets, connection=local, events=feed, deadline=20))
    final = [update for update in updates if update.final]
    assert [(update.state, update.serial) for update in final] == [(propagation.State.FOLLOWED, wanted)]
    kinds = {update.event.kind for update in updates if update.event}
    assert kinds <= {Kind.LOADED, Kind.NOTIFIES, Kind.XFR_FALLBACK, Kind.XFR_STARTED, Kind.XFR_ENDED}
    assert b"192.0.2.7" in (primary.directory / "good.test").read_bytes()


def test_the_raw_file_of_a_secondary_is_read_as_text(pair: tuple[PrivateNamed, PrivateNamed], local: Local) -> None:
    deadline = time.monotonic() + 15
    while not (pair[1].directory / "good.test").exists():
        assert time.monotonic() < deadline, pair[1].log()
        time.sleep(0.02)
    snapshot = look(local, pair[1])
    zone = zone_of(snapshot, "good.test")
    assert (zone.file.problem if zone.file else "") == "raw format: not text"
    read = zoneread.read_zone(local, snapshot, zone)
    assert read.file.problem == ""
    records = zonefile.parse(read.content, "good.test").records
    assert ("ns1.good.test.", "A", "127.0.0.1") in {(record.owner, record.type, record.rdata) for record in records}
    bare = zoneread.read_zone(local, replace(snapshot, tools={}), zone)
    assert "no named-compilezone" in bare.file.problem


def test_a_broken_zone_is_refused_and_forced_it_is_rolled_back(
    pair: tuple[PrivateNamed, PrivateNamed], local: Local, tmp_path: Path
) -> None:
    primary, _ = pair
    path = primary.directory / "silent.test"
    before = path.read_bytes()
    refused = carry_out(save(local, primary, "silent.test", b"192.0.2.1", b"192.0.2"), local, tmp_path)
    assert refused.state is State.REFUSED, refused
    assert path.read_bytes() == before
    forced = carry_out(save(local, primary, "silent.test", b"192.0.2.1", b"192.0.2", force=True), local, tmp_path)
    assert forced.state is State.ROLLED_BACK, forced
    assert path.read_bytes() == before
    assert ask.ask("127.0.0.1", primary.port, "silent.test", "SOA").serial == OLD


def test_those_who_do_not_follow_are_named_with_the_reason(
    pair: tuple[PrivateNamed, PrivateNamed], local: Local, tmp_path: Path
) -> None:
    primary, secondary = pair
    for name, expected in (
        ("silent.test", propagation.State.NOT_NOTIFIED),
        ("denied.test", propagation.State.LAME),
    ):
        plan = save(local, primary, name, b"192.0.2.1", b"192.0.2.8")
        snapshot = look(local, primary)
        nobody = free_port()
        targets = (
            propagation.Target("ns2", "127.0.0.1", secondary.port, "NS"),
            propagation.Target("ns3", "127.0.0.1", nobody, "NS"),
        )
        text = zonefile.parse((primary.directory / name).read_bytes(), name)
        with watch.LogFeed(local, snapshot.logs) as feed:
            outcome = carry_out(plan, local, tmp_path)
            assert outcome.state is State.APPLIED, outcome
            zone = zone_of(snapshot, name)
            serial = int(plan.facts["new_serial"])
            found = list(watch.watch(zone, serial, targets, text=text, connection=local, events=feed, deadline=1.5))
        final = {update.target.name: update for update in found if update.final and update.target}
        assert final["ns3"].state in (propagation.State.UNREACHABLE, propagation.State.DENIED), final["ns3"]
        if name == "silent.test":
            assert final["ns2"].state is expected
            assert "notify no" in final["ns2"].text
        else:
            denied = [update for update in found if update.event and update.event.kind is Kind.XFR_DENIED]
            assert denied
            assert final["ns2"].state is propagation.State.DENIED


def test_a_dynamic_zone_is_frozen_saved_and_thawed(
    pair: tuple[PrivateNamed, PrivateNamed], local: Local, tmp_path: Path
) -> None:
    primary, _ = pair
    good = carry_out(save(local, primary, "dyn.test", b"192.0.2.1", b"192.0.2.9"), local, tmp_path)
    assert good.state is State.APPLIED, good
    assert "frozen: no" in primary.rndc("zonestatus", "dyn.test")
    before = (primary.directory / "dyn.test").read_bytes()
    plan = save(local, primary, "dyn.test", b"192.0.2.9", b"192.0.2", force=True)
    bad = carry_out(plan, local, tmp_path)
    assert bad.state is State.ROLLED_BACK, bad
    assert (primary.directory / "dyn.test").read_bytes() == before
    assert "frozen: no" in primary.rndc("zonestatus", "dyn.test")


def test_a_frozen_zone_is_seen_refused_and_thawed(
    pair: tuple[PrivateNamed, PrivateNamed], local: Local, tmp_path: Path
) -> None:
    primary, _ = pair
    primary.rndc("freeze", "dyn.test")
    snapshot = served.judged(look(local, primary))
    zone = zone_of(snapshot, "dyn.test")
    assert zone.frozen
    assert [finding.fix for finding in zone.findings] == ["thaw"]
    with pytest.raises(changes.PlanRefused, match="frozen"):
        changes.plan_bump(snapshot, zone, b"", served={}, now=NOW)
    outcome = carry_out(changes.plan_thaw(snapshot, zone), local, tmp_path)
    assert outcome.state is State.APPLIED, outcome
    assert "frozen: no" in primary.rndc("zonestatus", "dyn.test")


def test_a_config_that_named_would_refuse_is_shown_with_its_line(local: Local, tmp_path: Path) -> None:
    named = PrivateNamed(tmp_path)
    named.config.write_text('options {\n\tdirectory "/tmp";\n\tno-such-option yes;\n};\n')
    snapshot = look(local, named)
    assert not snapshot.running
    finding = next(finding for finding in snapshot.findings if finding.id == "named")
    assert (finding.where.file, finding.where.line) == (str(named.config), 3)
    assert "no-such-option" in finding.why
