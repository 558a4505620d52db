"""Dynamic zones with a journal, views that share a file, and zones that named signs: saved for real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dns.query
import dns.update
import pytest

from console.change.outcome import State
from console.dns import changes, served, zoneread
from console.remote.local import Local
from tests.unit.dns.dns_lab import NOW, OLD, carry_out, look, save, zone_of
from tests.unit.dns.private_named import PrivateNamed, free_port, tool

pytestmark = pytest.mark.skipif(tool("named") is None, reason="named is not installed (apt install bind9)")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateNamed]:
    named = PrivateNamed(tmp_path_factory.mktemp("plain"))
    for name in ("dyn.test", "signed.test", "hand.test", "both.test"):
        named.write_zone(name, OLD)
    named.configure(
        """zone "dyn.test" { type primary; file "dyn.test"; allow-update { 127.0.0.1; }; notify no; };
zone "both.test" {
 type primary; file "both.test"; notify no; allow-update { 127.0.0.1; }; dnssec-policy default; inline-signing no;
};
zone "hand.test" { type primary; file "hand.test"; notify no; };
zone "signed.test" { type primary; file "signed.test"; inline-signing yes; dnssec-policy default; notify no; };"""
    )
    try:
        named.start()
        yield named
    finally:
        named.stop()


@pytest.fixture
def views(tmp_path: Path) -> Iterator[PrivateNamed]:
    named = PrivateNamed(tmp_path / "views")
    named.directory.mkdir()
    named.write_zone("shared.test", OLD)
    zone = 'zone "shared.test" { type primary; file "shared.test"; notify no; };'
    named.configure(
        f"""view "in" {{ match-clients {{ 127.0.0.2; }}; {zone}
 zone "Copy.TEST." {{ type secondary; file "copy.test"; primaries {{ 127.0.0.1 port {free_port()}; }}; }}; }};
view "out" {{ match-clients {{ any; }}; {zone} }};
view "also" {{ match-clients {{ none; }}; zone "shared.test" {{ in-view "in"; }}; }};
view "odd" chaos {{ match-clients {{ none; }}; zone "bind" {{ type primary; file "chaos"; }}; }};"""
    )
    try:
        named.start()
        yield named
    finally:
        named.stop()


def test_an_update_in_the_journal_is_a_conflict_until_it_is_written(
    plain: PrivateNamed, local: Local, tmp_path: Path
) -> None:
    update = dns.update.UpdateMessage("dyn.test")
    update.add("added", 60, "A", "192.0.2.50")
    assert dns.query.tcp(update, "127.0.0.1", port=plain.port, timeout=5).rcode() == 0
    seen = zone_of(look(local, plain), "dyn.test")
    assert seen.journal
    assert (seen.serial_disk, seen.serial_served) == (OLD, OLD + 1)

    conflict = carry_out(save(local, plain, "dyn.test", b"192.0.2.1", b"192.0.2.9"), local, tmp_path)
    assert conflict.state is State.CONFLICT, conflict
    assert b"192.0.2.50" in (plain.directory / "dyn.test").read_bytes()
    assert "frozen: no" in plain.rndc("zonestatus", "dyn.test")

    snapshot = look(local, plain)
    synced = carry_out(changes.plan_sync(snapshot, zone_of(snapshot, "dyn.test")), local, tmp_path)
    assert synced.state is State.APPLIED, synced
    saved = carry_out(save(local, plain, "dyn.test", b"192.0.2.1\n", b"192.0.2.9\n"), local, tmp_path)
    assert saved.state is State.APPLIED, saved
    zone = zone_of(look(local, plain), "dyn.test")
    assert zone.serial_disk == zone.serial_served == OLD + 2
    assert not zone.frozen
    assert b"192.0.2.50" in (plain.directory / "dyn.test").read_bytes()


def test_a_zone_that_named_signs_is_verified_by_its_own_serial(
    plain: PrivateNamed, local: Local, tmp_path: Path
) -> None:
    before = zone_of(served.ask_server(look(local, plain), local), "signed.test")
    assert before.signed
    assert before.serial_served is not None
    assert before.serial_served >= OLD
    assert before.findings == ()
    outcome = carry_out(save(local, plain, "signed.test", b"192.0.2.1", b"192.0.2.9"), local, tmp_path)
    assert outcome.state is State.APPLIED, outcome
    after = zone_of(served.ask_server(look(local, plain), local), "signed.test")
    assert after.serial_served is not None
    assert after.serial_served > before.serial_served


def test_a_dynamic_zone_that_named_signs_counts_on_from_what_was_saved(
    plain: PrivateNamed, local: Local, tmp_path: Path
) -> None:
    plain.rndc("sync", "-clean", "both.test")
    outcome = carry_out(save(local, plain, "both.test", b"192.0.2.1\n", b"192.0.2.9\n"), local, tmp_path)
    assert outcome.state is State.APPLIED, outcome
    snapshot = look(local, plain)
    zone = zone_of(snapshot, "both.test")
    assert not zone.frozen
    served_now = zone.serial_served
    assert served_now is not None

    # The signatures are in the journal only: freezing writes them, and thawing counts on to the number we would write.
    read = zoneread.read_zone(local, snapshot, zone)
    plan = changes.plan_bump(snapshot, zone, read.content, served={"ns": served_now}, now=NOW)
    assert plan.facts["new_serial"] == str(served_now + 1)
    outcome = carry_out(plan, local, tmp_path)
    assert outcome.state is State.CONFLICT, outcome
    assert not zone_of(look(local, plain), "both.test").frozen


def test_every_view_that_shares_the_file_follows(views: PrivateNamed, local: Local, tmp_path: Path) -> None:
    snapshot = look(local, views)
    assert [(zone.view, zone.kind) for zone in snapshot.zones] == [
        ("in", "primary"), ("in", "secondary"), ("out", "primary"), ("also", "in-view"),
    ]  # fmt: skip
    assert snapshot.warnings == ("zone bind of class CHAOS is not shown",)
    # A question from here sees the view `out` only, where there is no such zone: named's own word counts.
    assert zone_of(served.ask_server(snapshot, local), "copy.test").served_problem == "zone not loaded"
    outcome = carry_out(save(local, views, "shared.test", b"192.0.2.1", b"192.0.2.9"), local, tmp_path)
    assert outcome.state is State.APPLIED, outcome
    for view in ("in", "out"):
        assert f"serial: {OLD + 1}" in views.rndc("zonestatus", "shared.test", "IN", view)
    both = [zone.serial_served for zone in look(local, views).zones if zone.kind == "primary"]
    assert both == [OLD + 1, OLD + 1]


def test_a_file_edited_by_hand_is_seen_and_reloaded(plain: PrivateNamed, local: Local, tmp_path: Path) -> None:
    path = plain.write_zone("hand.test", OLD + 5)
    snapshot = served.ask_server(look(local, plain), local)
    zone = zone_of(snapshot, "hand.test")
    assert [(finding.id, finding.fix) for finding in zone.findings] == [("S001", "reload")]
    outcome = carry_out(changes.plan_reload(snapshot, zone), local, tmp_path)
    assert outcome.state is State.APPLIED, outcome
    assert zone_of(served.ask_server(look(local, plain), local), "hand.test").findings == ()

    plain.write_zone("hand.test", OLD + 6)
    path.write_bytes(path.read_bytes() + b"bad A 1.2.3\n")
    snapshot = served.ask_server(look(local, plain), local)
    outcome = carry_out(changes.plan_reload(snapshot, zone_of(snapshot, "hand.test")), local, tmp_path)
    assert outcome.state is State.ROLLED_BACK, outcome
    assert zone_of(served.ask_server(look(local, plain), local), "hand.test").serial_served == OLD + 5
