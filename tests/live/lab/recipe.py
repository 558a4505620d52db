"""What the lab's base machine is made of, and where its packages come from."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "libpam-systemd",
    "iproute2",
    "ifupdown",
    "netbase",
    "procps",
    "openssh-server",
    "sudo",
    "cron",
    "less",
    "tcsh",
    "bind9",
    "bind9-utils",
    "bind9-dnsutils",
)

SETUP = Path(__file__).with_name("setup.sh")
"""Runs once inside the new root, in a chroot."""


@dataclass(frozen=True, slots=True)
class Source:
    """One archive of the running machine's own apt sources."""

    uri: str
    suite: str
    keyring: Path | None


class NoMirror(Exception):
    """The machine's apt sources name no archive of its own suite."""


def own_suite(os_release: Path = Path("/etc/os-release")) -> str:
    """Codename of the running Debian, such as `bookworm`."""
    for line in os_release.read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "VERSION_CODENAME":
            return value.strip('"')
    raise NoMirror(f"{os_release} has no VERSION_CODENAME: the lab is built from a Debian machine's own suite")


def own_source(suite: str, apt: Path = Path("/etc/apt")) -> Source:
    """The first archive in the machine's apt sources that carries `suite` itself (not -updates, not -security)."""
    for source in _sources(apt):
        if source.suite == suite:
            return source
    raise NoMirror(f"no apt source under {apt} carries {suite}")


def recipe_hash(suite: str) -> str:
    """Names the cache directory: changes with everything that shapes the base machine."""
    parts = [suite, platform.machine(), *PACKAGES, SETUP.read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def cache_dir() -> Path:
    """Where base machines are kept: outside of the work tree, shared by all clones of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "opsconsole-lab"


def apt_proxy() -> str:
    """The HTTP proxy that apt uses, or an empty string."""
    command = ["apt-config", "shell", "proxy", "Acquire::http::Proxy"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return out.strip().removeprefix("proxy=").strip("'\"")


def _sources(apt: Path) -> Iterator[Source]:
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        yield from _deb822(path.read_text())
    for path in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))):
        if path.exists():
            yield from _one_line(path.read_text())


def _deb822(text: str) -> Iterator[Source]:
    """Stanzas as sources.list(5) has them; continuation lines carry nothing we need."""
    for stanza in text.split("\n\n"):
        pairs = (line.partition(":") for line in stanza.splitlines() if line[:1] not in ("#", " ", "\t"))
        fields = {key.strip().lower(): value.split() for key, _, value in pairs}
        if "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
            continue
        signed = fields.get("signed-by", [])
        keyring = Path(signed[0]) if signed and signed[0].startswith("/") else None
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield Source(uri, suite, keyring)


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        head, _, rest = line.partition("[") if "[" in line else (line, "", "")
        options, _, tail = rest.partition("]")
        words = (head + " " + tail).split()
        if len(words) < 3 or words[0] != "deb":
            continue
        signed = [o.removeprefix("signed-by=") for o in options.split() if o.startswith("signed-by=/")]
        yield Source(words[1], words[2], Path(signed[0]) if signed else None)
