"""Many zones judged in one run: what is read, what is cut, what named-checkzone and our rules say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from console.dns.examine import examine
from console.dns.rows import rows
from console.dns.state import Snapshot, Zone, ZoneFile
from console.findings import Severity
from console.remote.local import Local
from console.remote.prompter import HostKeyQuestion, Question

TODAY = date(2026, 11, 23)
GOOD = b"""$TTL 3600
@ IN SOA ns1 hostmaster 2026112301 14400 3600 1209600 600
  IN NS ns1
ns1 IN A 192.0.2.1
"""
DOTLESS = GOOD + b"www.b.example IN A 192.0.2.2\n"
BROKEN = GOOD + b"x IN A 192.0.2.777\n"


class Nobody:
    def ask(self, question: Question) -> None:
        raise AssertionError(question)

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        raise AssertionError(question)


def zone_at(folder: Path, name: str, text: bytes | None) -> Zone:
    path = folder / f"db {name}"
    if text is not None:
        path.write_bytes(text)
    file = ZoneFile(str(path), len(text or b""), 0.0, "", "root", 0o644)
    return Zone(name, "", "primary", file, 2026112301, 2026112301)


@pytest.fixture
def server(tmp_path: Path) -> Snapshot:
    zones = (
        zone_at(tmp_path, "a.example", GOOD),
        zone_at(tmp_path, "gone.example", None),
        zone_at(tmp_path, "b.example", DOTLESS),
        zone_at(tmp_path, "c.example", BROKEN + b"; \xff\x1b]52;c;x\x07 no final line end"),
        replace(zone_at(tmp_path, "s.example", GOOD), kind="secondary"),
    )
    tools = {"named-checkzone": "/usr/bin/named-checkzone"}
    return Snapshot("local", zones, str(tmp_path), "BIND 9.18", True, (), None, tools, 0.0)


def test_each_text_is_judged_by_both(server: Snapshot) -> None:
    seen = examine(Local(Nobody()), server, TODAY)
    by_name = {zone.name: zone for zone in seen.zones}
    assert [zone.name for zone in seen.zones] == [zone.name for zone in server.zones]
    assert by_name["a.example"].examined
    assert by_name["a.example"].findings == ()
    assert not by_name["gone.example"].examined
    assert not by_name["s.example"].examined
    assert [(f.id, f.where.line) for f in by_name["b.example"].findings] == [("Z007", 5)]
    broken = [f for f in by_name["c.example"].findings if f.id == "named" and f.severity >= Severity.ERROR]
    assert [(f.where.line, f.where.file) for f in broken] == [(5, by_name["c.example"].file.path)]  # type: ignore[union-attr]


def test_without_named_checkzone_our_rules_still_judge(server: Snapshot) -> None:
    seen = examine(Local(Nobody()), replace(server, tools={}), TODAY)
    assert [f.id for f in seen.zones[2].findings] == ["Z007"]
    assert seen.zones[0].examined


def test_a_row_says_ok_only_of_what_was_examined(server: Snapshot) -> None:
    before = {row.key: row.state for row in rows(server)}
    after = {row.key: row.state for row in rows(examine(Local(Nobody()), server, TODAY))}
    assert before["a.example"] == "✔ served"
    assert after["a.example"] == "✔ ok"
    assert after["gone.example"] == "✔ served"
    assert after["b.example"] == "✖ 1 error"
