"""What a BIND server has: its zones, their files, the serials on disk and as served.

The probe is one script and one round trip; the parser is pure. A `Snapshot` is what screens and CLI render.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.findings import Finding


@dataclass(frozen=True, slots=True)
class ZoneFile:
    """A file on the host as it was when it was read."""

    path: str
    """Absolute."""
    size: int
    mtime: float
    """Unix time."""
    sha256: str
    owner: str
    mode: int
    problem: str = ""
    """Why there is no content: missing, unreadable, raw format, too big."""


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone statement of the running configuration."""

    name: str
    """Without the final dot; `.` for the root."""
    view: str
    """Empty when the configuration has no views."""
    kind: str
    """`primary`, `secondary`, `hint`, `forward`, `mirror`, `stub`, …: BIND's word, old spellings translated."""
    file: ZoneFile | None
    """None when the statement names none."""
    serial_disk: int | None
    serial_served: int | None
    """What the server itself answers; None: not asked yet, or no answer (see `served_problem`)."""
    served_problem: str = ""
    """`SERVFAIL`, `REFUSED`, `no answer`, … when there is no served serial."""
    dynamic: bool = False
    """Has allow-update or update-policy."""
    frozen: bool = False
    signed: bool = False
    """inline-signing or dnssec-policy."""
    primaries: tuple[str, ...] = ()
    """For a secondary: where it fetches from, `address#port` where given."""
    also_notify: tuple[str, ...] = ()
    allow_transfer: tuple[str, ...] | None = None
    """None: the server's default."""
    notify: str = ""
    """`yes`, `no`, `explicit`, `primary-only`; empty: default (yes)."""
    in_view: str = ""
    """For kind `in-view`: the view whose zone this one shares."""
    journal: bool = False
    """There is a `.jnl` beside the file: changes may be waiting in it."""
    loaded: float | None = None
    """Unix time of named's `last loaded`; None: not asked."""
    findings: tuple[Finding, ...] = ()
    examined: bool = False
    """Its text was read and judged; False: nobody has looked."""

    @property
    def editable(self) -> bool:
        return self.kind == "primary" and self.file is not None and not self.file.problem

    @property
    def serves(self) -> bool:
        """The server answers for it from a copy of its own."""
        return self.kind in ("primary", "secondary", "mirror")

    @property
    def key(self) -> str:
        """Identity within a snapshot."""
        return f"{self.name}/{self.view}" if self.view else self.name


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where named writes what it does."""

    kind: str
    """`journal` or `file`."""
    where: str
    """Unit name or absolute path."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    host: str
    zones: tuple[Zone, ...]
    directory: str
    """named's working directory, where relative file names start."""
    version: str
    """`BIND 9.18.49-…`; empty when unknown."""
    running: bool
    listens: tuple[tuple[str, int], ...]
    """Addresses and ports named answers DNS on, loopback first."""
    log: LogSource | None
    tools: dict[str, str]
    """Absolute paths of `named-checkzone`, `named-compilezone`, `rndc`, … found on the host."""
    taken: float
    """Unix time on this machine."""
    warnings: tuple[str, ...] = ()
    """What the parser did not understand, one line each."""
    findings: tuple[Finding, ...] = ()
    """About the server as a whole."""
    config: str = ""
    """named.conf, absolute (inside `chroot`, if there is one)."""
    chroot: str = ""
    """named's -t directory; paths of zone files include it."""
    rndc: tuple[str, ...] = ()
    """argv that starts every rndc command on this host; empty: there is no rndc."""
    logs: tuple[LogSource, ...] = ()
    """Every place that gets notify, transfer or load lines; the first is `log`."""
    views: tuple[str, ...] = ()

    def zone(self, name: str, view: str | None = None) -> Zone | None:
        """The first zone of that name (with or without its final dot), in any view unless one is named."""
        wanted = name.rstrip(".").lower() or "."
        return next((zone for zone in self.zones if zone.name == wanted and view in (None, zone.view)), None)

    def sharing(self, zone: Zone) -> tuple[Zone, ...]:
        """Every zone statement that loads the same file, `zone` itself included."""
        if zone.file is None:
            return (zone,)
        return tuple(other for other in self.zones if other.file is not None and other.file.path == zone.file.path)
