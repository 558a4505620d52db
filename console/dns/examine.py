"""Judges every editable zone of a server as it lies on disk, in one run: our rules, and the host's named-checkzone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from console.dns import checkzone, zonefile
from console.dns.check import judge
from console.dns.probe import script
from console.dns.state import Snapshot, Zone
from console.remote.connection import Connection, Privilege

MOST = 200
"""Zones examined at once; each costs the host about 20 ms."""
LIMIT = 4 << 20
"""Bytes of zone text read for it."""
DEADLINE = 120.0


def examine(connection: Connection, snapshot: Snapshot, today: date) -> Snapshot:
    """The snapshot with the findings of the zones' texts. Zones beyond the limits stay `examined=False`.

    Raises:
        RemoteError: the connection's own reasons.
    """
    wanted = [zone for zone in snapshot.zones if zone.editable][:MOST]
    if not wanted:
        return snapshot
    pairs = [word for zone in wanted for word in (zone.name, zone.file.path if zone.file else "")]
    result = connection.run(
        script("examine.sh"),
        (
            str(LIMIT),
            snapshot.directory,
            snapshot.tools.get("named-checkzone", ""),
            " ".join(checkzone.STRICT),
            *pairs,
        ),
        sudo=connection.privilege is not Privilege.NONE,
        deadline=DEADLINE,
        limit=LIMIT * 2,
        title=f"read and named-checkzone {len(wanted)} zones",
    )
    judged = {zone.key: zone for zone in _judged(result.stdout, wanted, snapshot.directory, today)}
    return replace(snapshot, zones=tuple(judged.get(zone.key, zone) for zone in snapshot.zones))


def _judged(data: bytes, wanted: Sequence[Zone], directory: str, today: date) -> list[Zone]:
    """From the output of examine.sh; pure, stops where the output was cut."""
    found: list[Zone] = []
    while data.startswith(b"@zone "):
        first, _, rest = data.partition(b"\n")
        words = first.split()
        if len(words) != 3 or not (words[1] + words[2]).isdigit() or int(words[1]) >= len(wanted):
            break
        zone, size = wanted[int(words[1])], int(words[2])
        content, tail = rest[:size], rest[size:]
        if not tail.startswith(b"\n@said "):
            break
        status, _, said = tail[1:].partition(b"\n")
        lines: list[bytes] = []
        while said.startswith(b"|"):
            line, _, said = said.partition(b"\n")
            lines.append(line[1:])
        data = said
        path = zone.file.path if zone.file else ""
        text = zonefile.parse(content, zone.name)
        verdict = None
        if status.split()[1:] != [b"-"]:
            verdict = checkzone.parse(b"\n".join(lines), text, path, path, directory)
        findings = judge(zone, text, verdict, today)
        found.append(replace(zone, findings=zone.findings + findings, examined=True))
    return found
