"""Which hosts there are, how each is reached, and where its files are.

Three sources: the inventory file (`hosts.toml`), the aliases of `~/.ssh/config`, and two names that are always
there: `local` (this machine, no SSH) and `sandbox` (the make-believe host). A name that none of them knows is
taken as what `ssh NAME` would make of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from console.remote.connection import DEADLINE, LIMIT


class Kind(Enum):
    """How a host is reached."""

    SSH = "ssh"
    LOCAL = "local"
    SANDBOX = "sandbox"


class Vantage(Enum):
    """From where DNS questions are asked unless told otherwise."""

    HOST = "host"
    """The host itself, through the connection."""
    HERE = "here"
    """This machine."""


class Mode(Enum):
    """What the console may do when a host is opened."""

    OBSERVE = "observe"
    ACT = "act"


_T = TypeVar("_T")

COLOURS = ("red", "yellow", "green", "blue", "magenta", "cyan", "white")


class InventoryError(Exception):
    """The file cannot be used. `str()` names the file, the table and the key, and says what is expected."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What every run on a slow or talkative host is granted at least."""

    deadline: float = DEADLINE
    """Seconds a run may take."""
    bytes: int = LIMIT
    """Bytes of output kept of a run."""


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """What differs from a Debian BIND. Empty: found on the host, or the Debian default."""

    vantage: Vantage = Vantage.HOST
    secondaries: tuple[tuple[str, int], ...] = ()
    """Address and port of name servers to ask besides the NS set."""
    named_conf: str = ""
    chroot: str = ""
    """named's -t directory."""
    rndc_options: tuple[str, ...] = ()
    """Arguments that every rndc call gets: `-s 127.0.0.1 -p 9953 -k /etc/bind/other.key`."""
    log_file: str = ""
    log_unit: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    """As the user calls it."""
    kind: Kind = Kind.SSH
    ssh: str = ""
    """What `ssh` is asked for: an alias or a host name. Empty unless `kind` is SSH."""
    user: str = ""
    """Overrides ssh_config when not empty."""
    port: int = 0
    """Overrides ssh_config when not 0."""
    source: str = ""
    """Where the name comes from: a file, `built in`, or `command line`."""
    label: str = ""
    """Shown beside the name: `production`."""
    colour: str = ""
    """One of COLOURS; empty: none."""
    mode: Mode = Mode.OBSERVE
    tool_directories: tuple[str, ...] = ()
    """Searched for programs (`named-checkzone`, `rndc`, …) before the usual directories."""
    remember: bool = False
    """Login passwords that were accepted are kept in the desktop's keyring."""
    limits: Limits = field(default_factory=Limits)
    dns: DnsSettings = field(default_factory=DnsSettings)


@dataclass(frozen=True, slots=True)
class Inventory:
    hosts: tuple[Host, ...]
    """In the order of the file, then ssh aliases, then `local` and `sandbox`."""
    path: Path
    """Where the file is, or would be."""
    present: bool
    """The file exists."""

    def find(self, name: str) -> Host:
        """The host of that name; an unknown one is left to ssh.

        Raises:
            InventoryError: the name is empty or starts with `-`, which ssh would take for an option.
        """
        for host in self.hosts:
            if host.name == name:
                return host
        if not name or name.startswith("-"):
            raise InventoryError(f"{name!r} is not a host name.")
        return Host(name=name, ssh=name, source="command line")


BUILT_IN = (
    Host(name="local", kind=Kind.LOCAL, source="built in", label="this machine, no SSH"),
    Host(name="sandbox", kind=Kind.SANDBOX, source="built in", label="make-believe host", colour="cyan", mode=Mode.ACT),
)


def path() -> Path:
    """`$XDG_CONFIG_HOME/opsconsole/hosts.toml`; a relative XDG_CONFIG_HOME is ignored, as its specification says."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".config"
    return root / "opsconsole" / "hosts.toml"


def load(file: Path | None = None, aliases: Iterable[str] = ()) -> Inventory:
    """Reads the inventory; a missing file is an empty one.

    Args:
        file: Instead of `path()`.
        aliases: Names from ssh_config; those that the file has already are left out.

    Raises:
        InventoryError: the file cannot be read or something in it is not as it should be.
    """
    where = file or path()
    try:
        data = where.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Inventory(_with_others((), aliases), where, present=False)
    except OSError as error:
        raise InventoryError(f"{where} cannot be read: {error.strerror}.") from error
    return Inventory(_with_others(parse(data, str(where)), aliases), where, present=True)


def parse(data: bytes, where: str = "hosts.toml") -> tuple[Host, ...]:
    """The hosts that an inventory file's bytes declare, in their order.

    Raises:
        InventoryError: not TOML, or a key that is unknown, of the wrong type, or out of range.
    """
    # Not needed where there is no inventory file, and not free.
    import tomllib

    try:
        document = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise InventoryError(f"{where} is not UTF-8 (byte {error.start}).") from error
    except tomllib.TOMLDecodeError as error:
        raise InventoryError(f"{where}: {error}.") from error
    top = _Table(where, "", document)
    hosts = tuple(_host(name, table) for name, table in top.tables("hosts"))
    top.finish()
    return hosts


def _with_others(hosts: tuple[Host, ...], aliases: Iterable[str]) -> tuple[Host, ...]:
    known = {host.name for host in hosts} | {host.name for host in BUILT_IN}
    found = tuple(Host(name=name, ssh=name, source="~/.ssh/config") for name in aliases if name not in known)
    return hosts + found + tuple(host for host in BUILT_IN if host.name not in {host.name for host in hosts})


def _host(name: str, table: _Table) -> Host:
    if name == "sandbox":
        raise table.error("", "the sandbox is built in and takes no settings")
    if not name or name.startswith("-") or any(not char.isprintable() or char.isspace() for char in name):
        raise table.error("", "a host name is printable, has no blanks, and does not start with '-'")
    kind = Kind.LOCAL if name == "local" else Kind.SSH
    ssh, user, port = _way(name, kind, table)
    limits, dns = table.table("limits"), table.table("dns")
    host = Host(
        name=name,
        kind=kind,
        ssh=ssh,
        user=user,
        port=port,
        source=table.where,
        label=table.text("label"),
        colour=table.choice("colour", COLOURS),
        mode=Mode(table.choice("mode", [mode.value for mode in Mode]) or Mode.OBSERVE.value),
        tool_directories=table.items("tool_directories", _directory, "absolute directories"),
        remember=table.flag("remember"),
        limits=_limits(limits),
        dns=_dns(dns),
    )
    for each in (limits, dns, table):
        each.finish()
    return host


def _way(name: str, kind: Kind, table: _Table) -> tuple[str, str, int]:
    """The ssh target, user and port; `ssh` and `hostname` exclude each other, `local` takes none of them."""
    if kind is Kind.LOCAL:
        return "", "", 0
    alias, hostname = table.text("ssh"), table.text("hostname")
    if alias and hostname:
        raise table.error("hostname", "give either ssh (an alias) or hostname, not both")
    for key, value in (("ssh", alias), ("hostname", hostname)):
        if value.startswith("-") or any(char.isspace() for char in value):
            raise table.error(key, "must be a host name or an ssh alias")
    user = table.text("user")
    if user.startswith("-"):
        raise table.error("user", "must be a user name")
    return alias or hostname or name, user, table.whole("port", 0, 1, 65535)


def _limits(table: _Table) -> Limits:
    return Limits(
        deadline=table.number("deadline", DEADLINE, 1, 3600),
        bytes=table.whole("bytes", LIMIT, 64 << 10, 1 << 30),
    )


def _dns(table: _Table) -> DnsSettings:
    paths = {key: table.absolute(key) for key in ("named_conf", "chroot", "log_file")}
    unit = table.text("log_unit")
    if unit and paths["log_file"]:
        raise table.error("log_unit", "give either log_file or log_unit, not both")
    return DnsSettings(
        vantage=Vantage(table.choice("vantage", [vantage.value for vantage in Vantage]) or Vantage.HOST.value),
        secondaries=table.items("secondaries", parse_server, 'addresses such as "192.0.2.53" or "192.0.2.53#5353"'),
        rndc_options=table.items("rndc_options", str, "arguments"),
        log_unit=unit,
        **paths,
    )


def parse_server(text: str) -> tuple[str, int]:
    """`192.0.2.53`, `2001:db8::53#5353` → address and port (53 when there is none).

    Raises:
        ValueError: not an address, or not a port.
    """
    address, hash_mark, port = text.partition("#")
    number = int(port) if hash_mark else 53
    if not 1 <= number <= 65535:
        raise ValueError(text)
    return str(ip_address(address)), number


def _directory(text: str) -> str:
    if not text.startswith("/") or ":" in text or not text.isprintable():
        raise ValueError(text)
    return text


class _Table:
    """One TOML table: keys are taken out with a check of type and range; what is left over is an error."""

    def __init__(self, where: str, name: str, values: Mapping[str, object]) -> None:
        self.where = where
        self._name = name
        self._values = dict(values)
        self._known: list[str] = []

    def error(self, key: str, problem: str) -> InventoryError:
        place = f"{self._name}.{key}" if self._name and key else self._name or key
        return InventoryError(f"{self.where}: {place}: {problem}.")

    def _take(self, key: str) -> object:
        self._known.append(key)
        return self._values.pop(key, None)

    def text(self, key: str) -> str:
        value = self._take(key)
        if value is None:
            return ""
        if not isinstance(value, str) or not value.isprintable():
            raise self.error(key, f"must be a printable text in quotes, not {value!r}")
        return value

    def choice(self, key: str, allowed: Iterable[str]) -> str:
        value, names = self.text(key), list(allowed)
        if value and value not in names:
            raise self.error(key, f"must be one of {', '.join(names)}, not {value!r}")
        return value

    def absolute(self, key: str) -> str:
        value = self.text(key)
        if value and not value.startswith("/"):
            raise self.error(key, f"must be an absolute path, not {value!r}")
        return value

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool | None):
            raise self.error(key, f"must be true or false, not {value!r}")
        return bool(value)

    def number(self, key: str, default: float, least: float, most: float) -> float:
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise self.error(key, f"must be a number from {least:g} to {most:g}, not {value!r}")
        return float(value)

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(key, f"must be a whole number from {least} to {most}, not {value!r}")
        return value

    def items(self, key: str, convert: Callable[[str], _T], expected: str) -> tuple[_T, ...]:
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, f"must be a list of {expected}, not {value!r}")
        try:
            return tuple(convert(item) for item in value)
        except ValueError as error:
            raise self.error(key, f"must be a list of {expected}, not {value!r}") from error

    def table(self, key: str) -> _Table:
        value = self._take(key)
        if value is not None and not isinstance(value, dict):
            raise self.error(key, "must be a table")
        return _Table(self.where, f"{self._name}.{key}" if self._name else key, value or {})

    def tables(self, key: str) -> list[tuple[str, _Table]]:
        inner = self.table(key)
        return [(name, inner.table(name)) for name in list(inner._values)]

    def finish(self) -> None:
        for key in self._values:
            raise self.error(key, f"is not a setting; known here: {', '.join(self._known)}")
