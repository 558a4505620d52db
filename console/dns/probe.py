"""Looks at a BIND server once: one script, one round trip, one pure parser.

Costs about ten processes on the host plus one `rndc zonestatus` (20 ms) for each dynamic zone and each zone in a view,
at most `STATUS_CALLS`; zone files are read once for their hash.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate
from importlib import resources
from time import time

from console.dns import namedconf
from console.dns.namedconf import Config, ZoneStatement
from console.dns.state import LogSource, Snapshot, Zone, ZoneFile
from console.findings import Finding, Place, Severity
from console.remote.connection import Connection, Privilege

STATUS_CALLS = 50
"""Most `rndc zonestatus` calls of one probe."""

DEADLINE = 90.0
LIMIT = 64 << 20
"""Bytes; a zone takes about 400 of them."""

_PLACE = re.compile(r"^(?P<file>/?[^:\n]+):(?P<line>\d+): (?P<why>.*)$")
_WATCHED = ("xfer-out", "notify", "zoneload", "general", "default")


@dataclass(frozen=True, slots=True)
class Paths:
    """What differs from the Debian defaults on a host; from the inventory. Empty: found on the host."""

    config: str = ""
    chroot: str = ""
    rndc: tuple[str, ...] = ()
    """More rndc arguments, such as `-s 127.0.0.1 -p 9953 -k /etc/bind/other.key`."""
    log: str = ""
    """A log file to follow, or `journal:UNIT`."""


def script(name: str) -> str:
    """Text of a script of this package."""
    return resources.files("console.dns").joinpath(name).read_text(encoding="utf-8")


def read_snapshot(connection: Connection, paths: Paths | None = None) -> Snapshot:
    """Looks once, as root where that is possible.

    Raises:
        RemoteError: the connection's own reasons.
    """
    paths = paths or Paths()
    connection.connect()
    result = connection.run(
        script("probe.sh"),
        (paths.config, paths.chroot, str(STATUS_CALLS), *paths.rndc),
        sudo=connection.privilege is not Privilege.NONE,
        deadline=DEADLINE,
        limit=LIMIT,
        title="named-checkconf -p, rndc status, zone files",
    )
    return parse(result.stdout, connection.name, time(), paths)


def parse(data: bytes, host: str, now: float, paths: Paths | None = None) -> Snapshot:
    """Snapshot from the output of probe.sh. Never raises; what is missing is said in `findings` and `warnings`."""
    paths = paths or Paths()
    said = _Said(data)
    warnings = list(said.warnings)
    config = namedconf.parse("\n".join(said.lines("config")).encode("utf-8", "surrogateescape"))
    warnings.extend(f"named.conf: {text}" for text in config.warnings)
    named = said.pairs("named")
    tools = said.pairs("tools")
    chroot = named.get("root", "")
    directory = chroot + namedconf.absolute(named.get("cwd", ""), config.directory or named.get("cwd", ""))
    files = _Files(said)
    zones = tuple(_zone(each, directory, chroot, files, said) for each in config.zones if each.zone_class == "IN")
    strange = [each for each in config.zones if each.zone_class != "IN"]
    warnings.extend(f"zone {each.name} of class {each.zone_class} is not shown" for each in strange)
    logs = _logs(config, named, tools, said, directory, chroot, paths)
    if said.unasked:
        warnings.append(f"{said.unasked} more zones were not asked about with rndc zonestatus")
    version = next(iter(said.lines("version")), "")
    if version and not version.startswith("BIND"):
        version = "BIND " + version
    return Snapshot(
        host=host,
        zones=zones,
        directory=directory,
        version=version.partition(" <id")[0],
        running=bool(named.get("pid")) or any("server is up" in line for line in said.lines("rndc")),
        listens=config.listens,
        log=logs[0] if logs else None,
        tools=tools,
        taken=now,
        warnings=tuple(warnings),
        findings=tuple(_server_findings(said, named, tools, config)),
        config=named.get("config", ""),
        chroot=chroot,
        rndc=(tools["rndc"], *paths.rndc) if "rndc" in tools else (),
        logs=logs,
        views=config.views,
    )


def soa_serial(lines: list[str]) -> int | None:
    """Serial of the first SOA among zone file lines (RFC 1035 section 5.1); None: none that can be read."""
    text = " ".join(re.sub(r"""("(?:[^"\\]|\\.)*")|;.*""", lambda match: match.group(1) or "", line) for line in lines)
    match = re.search(r"(?i)(?:^|\s)SOA[\s(]+[^\s()]+[\s(]+[^\s()]+[\s(]+(\d{1,10})(?=[\s)]|$)", text)
    if match is None:
        return None
    serial = int(match.group(1))
    return serial if serial < 1 << 32 else None


class _Said:
    """The sections of the probe's output."""

    def __init__(self, data: bytes) -> None:
        self.sections: list[tuple[str, list[str]]] = []
        self.warnings: list[str] = []
        strange = 0
        for line in data.decode("utf-8", "surrogateescape").split("\n"):
            if line.startswith("@"):
                self.sections.append((line[1:], []))
            elif line.startswith("|") and self.sections:
                self.sections[-1][1].append(line[1:])
            elif line:
                strange += 1
        if strange:
            self.warnings.append(f"{strange} lines of the probe were not understood")
        if not self.sections or self.sections[-1][0] != "end":
            self.warnings.append("the probe's answer is not complete")
        self.unasked = int(next((w[1] for w in self._words("unasked") if len(w) > 1 and w[1].isdigit()), "0"))

    def _words(self, name: str) -> Iterator[list[str]]:
        return (title.split(" ") for title, _ in self.sections if title.split(" ")[0] == name)

    def lines(self, name: str) -> list[str]:
        return [line for title, body in self.sections if title.split(" ")[0] == name for line in body]

    def status(self, name: str) -> int | None:
        word = next((words[1] for words in self._words(name) if len(words) > 1), "")
        return int(word) if word.isdigit() else None

    def pairs(self, name: str) -> dict[str, str]:
        """`key value` lines; the first of a key counts."""
        found: dict[str, str] = {}
        for line in self.lines(name):
            key, _, value = line.partition(" ")
            if value:
                found.setdefault(key, value)
        return found

    def zone_status(self) -> dict[tuple[str, str], dict[str, str]]:
        """(zone, view) to the `key: value` lines of rndc zonestatus; `failed` holds rndc's reason."""
        found = {}
        for title, body in self.sections:
            words = title.split(" ")
            if words[0] == "zonestatus" and len(words) == 3:
                found[(namedconf.zone_name(words[1]), words[2])] = dict(_status_pairs(body))
        return found


def _status_pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, colon, value = line.partition(": ")
        if key == "rndc":
            if value.startswith("'zonestatus' failed: "):
                yield "failed", value.rpartition("failed: ")[2]
        elif colon:
            yield key, value


class _Files:
    """What the host said about zone files, by absolute path."""

    def __init__(self, said: _Said) -> None:
        self.stats: dict[str, tuple[int, int, str, int]] = {}
        self.refused: dict[str, str] = {}
        for line in said.lines("stat"):
            words = line.split(" ", 4)
            if len(words) == 5 and words[0].isdigit() and re.fullmatch(r"[0-7]+", words[3]):
                self.stats[words[4]] = (int(words[0]), int(words[1]), words[2], int(words[3], 8))
            elif match := re.match(r".*stat[a-z]* '(.*)': (.*)$", line):
                self.refused[match.group(1)] = match.group(2)
        self.sums = {line[66:]: line[:64] for line in said.lines("sums") if re.match(r"[0-9a-f]{64} [ *]", line)}
        self.journals = {line.removesuffix(".jnl") for line in said.lines("journals")}
        self.soa: dict[str, list[str]] = {}
        path = ""
        for line in said.lines("soa"):
            if line.startswith("F "):
                path = line[2:]
            elif line.startswith(":"):
                self.soa.setdefault(path, []).append(line[1:])
        self.status = said.zone_status()

    def file(self, path: str, *, text: bool) -> ZoneFile:
        if path not in self.stats:
            reason = self.refused.get(path, "missing").replace("No such file or directory", "missing")
            return ZoneFile(path, 0, 0.0, "", "", 0, problem=reason)
        size, mtime, owner, mode = self.stats[path]
        digest = self.sums.get(path, "")
        problem = "" if text else "raw format: not text"
        if not digest:
            problem = problem or "unreadable"
        return ZoneFile(path, size, float(mtime), digest, owner, mode, problem=problem)


def _zone(statement: ZoneStatement, directory: str, chroot: str, files: _Files, said: _Said) -> Zone:
    file = None
    serial = None
    if statement.file:
        base = chroot if statement.file.startswith("/") else directory + "/"
        path = base + statement.file
        file = files.file(path, text=statement.text)
        if statement.text:
            serial = soa_serial(files.soa.get(path, []))
    status = files.status.get((statement.name, statement.view), {})
    served = status.get("signed serial", status.get("serial", ""))
    loaded = parsedate(status.get("last loaded", ""))
    return Zone(
        name=statement.name,
        view=statement.view,
        kind=statement.kind,
        file=file,
        serial_disk=serial,
        serial_served=int(served) if served.isdigit() else None,
        served_problem=status.get("failed", ""),
        dynamic=statement.dynamic,
        frozen=status.get("frozen") == "yes",
        signed=statement.signed and statement.kind in ("primary", "secondary"),
        primaries=statement.primaries,
        also_notify=statement.also_notify,
        allow_transfer=statement.allow_transfer,
        notify=statement.notify,
        in_view=statement.in_view,
        journal=file is not None and file.path in files.journals,
        loaded=float(timegm(loaded)) if loaded else None,
    )


def _logs(
    config: Config,
    named: Mapping[str, str],
    tools: Mapping[str, str],
    said: _Said,
    directory: str,
    chroot: str,
    paths: Paths,
) -> tuple[LogSource, ...]:
    """Where notify, transfer and load lines go: named.conf(5) logging, else named's default, syslog."""
    if paths.log.startswith("journal:"):
        return (LogSource("journal", paths.log.removeprefix("journal:")),)
    if paths.log:
        return (LogSource("file", paths.log),)
    unit = named.get("unit", "").rpartition("/")[2] or "named.service"
    syslog = [line.removeprefix("syslog ") for line in said.lines("named") if line.startswith("syslog ")]
    if "journalctl" in tools and "systemd" in named:
        system = LogSource("journal", unit)
    elif syslog:
        system = LogSource("file", syslog[0])
    else:
        system = None
    options = [line.split(" ", 2)[1:] for line in said.lines("named") if line.startswith("option L ")]
    if options:
        return (LogSource("file", namedconf.absolute(named.get("cwd", ""), options[0][1])),)
    names = dict.fromkeys(
        name
        for category in _WATCHED
        for name in config.categories.get(category, ("default_syslog",) * (category == "default"))
    )
    found: list[LogSource] = []
    for name in names:
        channel = config.channels.get(name)
        if channel is not None and channel.kind == "file" and channel.path:
            base = chroot if channel.path.startswith("/") else directory + "/"
            found.append(LogSource("file", base + channel.path))
        elif name == "default_syslog" or (channel is not None and channel.kind in ("syslog", "stderr")):
            found.extend([system] if system else [])
        elif name == "default_debug":
            continue
    return tuple(dict.fromkeys(found))


def _server_findings(
    said: _Said, named: Mapping[str, str], tools: Mapping[str, str], config: Config
) -> Iterator[Finding]:
    if not any(tool in tools for tool in ("named", "named-checkconf")):
        yield Finding("N101", Severity.ERROR, "named", Place(fact="tools"), "There is no BIND on this host.")
        return
    failed = said.status("checkconf") not in (None, 0)
    for line in said.lines("checkconf"):
        match = _PLACE.match(line)
        yield Finding(
            "named",
            Severity.ERROR if failed else Severity.WARNING,
            "named.conf",
            Place(match["file"], int(match["line"])) if match else Place(file=named.get("config", "")),
            match["why"] if match else line,
            evidence=line,
            hint="Readable by root only: connect with sudo." if "permission denied" in line else "",
        )
    if not named.get("pid"):
        yield Finding("N102", Severity.ERROR, "named", Place(fact="processes"), "named is not running.")
    elif said.status("rndc") not in (None, 0):
        yield Finding(
            "N103", Severity.ERROR, "named", Place(fact="rndc status"), "rndc does not reach named.",
            evidence="\n".join(said.lines("rndc")), source="rndc(8)",
        )  # fmt: skip
    if config.grows:
        yield Finding(
            "N104", Severity.NOTICE, "named", Place(file=named.get("config", "")),
            "Zones may exist that named.conf does not name (catalog-zones or allow-new-zones); they are not listed.",
        )  # fmt: skip
