"""A snapshot as rows of text: what the zones table and `zone list` show. Pure; host text not yet made safe."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from console.dns.state import Snapshot, Zone
from console.findings import Severity, worst

if TYPE_CHECKING:
    from console.dns.ask import Answer
    from console.dns.propagation import Target

GLYPHS = {
    Severity.INFO: "·",
    Severity.NOTICE: "·",
    Severity.WARNING: "▲",
    Severity.ERROR: "✖",
    Severity.CRITICAL: "✖",
}


class ZoneRow(NamedTuple):
    zone: Zone
    state: str
    """Glyph and word: `✔ ok`, `▲ 2 warnings`, `✖ not served`."""
    severity: Severity | None
    secondaries: str
    """`2/2 equal`, `1/2 behind`, … or empty when nobody has asked yet."""

    @property
    def key(self) -> str:
        return self.zone.key


def served(zone: Zone) -> str:
    """The served serial, or why there is none."""
    if zone.serial_served is not None:
        return str(zone.serial_served)
    return zone.served_problem or ("…" if zone.serves else "-")


def _state(zone: Zone) -> tuple[str, Severity | None]:
    severity = worst(zone.findings) if zone.findings else None
    if severity is None and not zone.serves:
        return f"· {zone.kind}", None
    if severity is None or severity < Severity.WARNING:
        if zone.serial_served is None:
            return "· not asked", severity
        return ("✔ ok" if zone.examined else "✔ served"), severity
    floor, word = (Severity.ERROR, "error") if severity >= Severity.ERROR else (Severity.WARNING, "warning")
    count = sum(1 for finding in zone.findings if finding.severity >= floor)
    return f"{GLYPHS[severity]} {count} {word}{'s' if count > 1 else ''}", severity


def rows(snapshot: Snapshot, secondaries: Mapping[str, str] | None = None) -> tuple[ZoneRow, ...]:
    """One row a zone, in the configuration's order. `secondaries`: by zone key, what their name servers answered."""
    known = secondaries or {}
    made = []
    for zone in snapshot.zones:
        state, severity = _state(zone)
        made.append(ZoneRow(zone, state, severity, known.get(zone.key, "")))
    return tuple(made)


def standing(zone: Zone, wanted: Collection[Target], answers: Mapping[Target, Answer]) -> str:
    """How many name servers serve what this server serves: `✔ 3/3 equal`, `▲ 1/3 equal`."""
    equal = sum(1 for answer in answers.values() if answer.serial is not None and answer.serial == zone.serial_served)
    return f"{'✔' if equal == len(wanted) else '▲'} {equal}/{len(wanted)} equal"
