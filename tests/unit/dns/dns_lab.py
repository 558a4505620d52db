"""What the tests with a real named do again and again: look, plan a save, carry it out."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from console.change.apply import Mode, Places, apply
from console.change.journal import Journal
from console.change.outcome import Outcome
from console.change.plan import Plan
from console.dns import changes, zoneread
from console.dns.probe import Paths, read_snapshot
from console.dns.state import Snapshot, Zone
from console.remote.local import Local
from tests.unit.dns.private_named import PrivateNamed

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
OLD = 2026112301


def look(connection: Local, named: PrivateNamed) -> Snapshot:
    return read_snapshot(connection, Paths(config=str(named.config), rndc=named.rndc_args))


def zone_of(snapshot: Snapshot, name: str) -> Zone:
    zone = snapshot.zone(name)
    assert zone is not None
    return zone


def carry_out(plan: Plan, connection: Local, tmp_path: Path) -> Outcome:
    places = Places(*(str(tmp_path / name) for name in ("state", "run", "backups")))
    tmp_path.chmod(0o700)
    sudo = os.geteuid() == 0
    return apply(replace(plan, sudo=sudo), connection, Journal(tmp_path / "journal"), mode=Mode.ACT, places=places)


def save(connection: Local, named: PrivateNamed, name: str, old: bytes, new: bytes, **more: bool) -> Plan:
    snapshot = look(connection, named)
    zone = zone_of(snapshot, name)
    read = zoneread.read_zone(connection, snapshot, zone)
    assert read.file.problem == ""
    assert old in read.content
    return changes.plan_save(snapshot, zone, read.content, read.content.replace(old, new), served={}, now=NOW, **more)
