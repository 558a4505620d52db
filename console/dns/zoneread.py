"""Reads one zone file whole, in one run, and proves that it did not move meanwhile."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from console.dns import checkzone
from console.dns.probe import script
from console.dns.state import Snapshot, Zone, ZoneFile
from console.remote.connection import Connection, Privilege

LIMIT = 64 << 20
"""Bytes of a zone file that are still read; a million records take about 40 MB."""


_RAW = b"\0\0\0\2\0\0\0"
"""How a file in raw format begins (lib/dns/include/dns/masterdump.h): what secondaries keep unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Include:
    path: str
    """Absolute, as named finds it."""
    size: int | None
    """None: it is not there."""
    mtime: float | None


@dataclass(frozen=True, slots=True)
class ZoneContent:
    file: ZoneFile
    """`problem` says why there is no content."""
    content: bytes
    includes: tuple[Include, ...] = ()
    """`$INCLUDE`d files, in order; they are not read."""


def read_zone(connection: Connection, snapshot: Snapshot, zone: Zone, *, limit: int = LIMIT) -> ZoneContent:
    """The zone's file as it is now; one in raw format as the text that named-compilezone makes of it.

    Raises:
        RemoteError: the connection's own reasons.
        ValueError: the zone has no file.
    """
    if zone.file is None:
        raise ValueError(f"zone {zone.key} has no file")
    result = connection.run(
        script("read_zone.sh"),
        (zone.file.path, str(limit), snapshot.directory),
        sudo=connection.privilege is not Privilege.NONE,
        deadline=60.0,
        limit=limit + (1 << 20),
        title=f"read {zone.file.path}",
    )
    read = parse(result.stdout, zone.file.path)
    return _as_text(connection, snapshot, zone, read, limit) if read.content.startswith(_RAW) else read


def _as_text(connection: Connection, snapshot: Snapshot, zone: Zone, read: ZoneContent, limit: int) -> ZoneContent:
    path, tool = read.file.path, snapshot.tools.get("named-compilezone")
    if not tool:
        return _without(path, "in raw format, and the host has no named-compilezone (Debian: bind9-utils)")
    result = connection.run(
        'exec "$@"',
        checkzone.compile_argv(zone.name, path, snapshot.directory, tool, raw=True),
        sudo=connection.privilege is not Privilege.NONE,
        deadline=60.0,
        limit=limit,
        title=f"{tool} {zone.name} (from raw)",
    )
    if result.exit_status != 0 or result.truncated:
        said = result.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return _without(path, f"in raw format, and named-compilezone does not read it: {said}")
    return replace(read, content=result.stdout)


def parse(data: bytes, path: str) -> ZoneContent:
    """From the output of read_zone.sh; pure, never raises."""
    first, _, rest = data.partition(b"\n")
    words = first.decode("utf-8", "replace").split(" ")
    if words[0] == "@problem":
        return _without(path, " ".join(words[1:]).replace("No such file or directory", "missing"))
    content, again, tail = rest.rpartition(b"\n@again ")
    if words[0] != "@file" or len(words) != 6 or not again or not (words[1] + words[2]).isdigit():
        return _without(path, "the answer is not complete")
    size, digest = int(words[1]), words[5]
    second = tail.partition(b"\n")[0].decode("utf-8", "replace").split(" ")
    if second[-1] != digest or len(content) != size or hashlib.sha256(content).hexdigest() != digest:
        return _without(path, "it changed while it was read")
    mode = int(words[4], 8) if set(words[4]) <= set("01234567") else 0
    file = ZoneFile(path, size, float(words[2]), digest, words[3], mode)
    return ZoneContent(file, content, tuple(_includes(tail.decode("utf-8", "surrogateescape").split("\n")[1:])))


def _includes(lines: list[str]) -> list[Include]:
    found = []
    for line in lines:
        words = line.split(" ", 3)
        if words[0] == "@include" and len(words) == 4:
            there = words[1].isdigit() and words[2].isdigit()
            found.append(Include(words[3], int(words[1]) if there else None, float(words[2]) if there else None))
    return found


def _without(path: str, problem: str) -> ZoneContent:
    return ZoneContent(ZoneFile(path, 0, 0.0, "", "", 0, problem=problem), b"")
