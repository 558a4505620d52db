"""The sandbox's directory tree: laid out from the package's data, with the zones loaded as named would have."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

PRIMARY = ("127.0.0.1", "192.0.2.1")
"""Addresses of the make-believe named."""

SECONDARY = "192.0.2.53"
"""The name server that follows late."""

PARTNER = "203.0.113.9"
"""The primary of the zone that this host only keeps a copy of."""

PRIMARIES = ("example.net", "example.org", "shop.example", "home.example")
DYNAMIC = ("home.example",)
COPIED = ("partner.example",)

BUILT = datetime(2026, 11, 2, 4, 12, 7, tzinfo=UTC).timestamp()
"""Files and loads seem to be from then, so that screens look the same every day."""

_MARK = "state/made-by-opsconsole"


class NotOurs(Exception):
    """The directory holds something that the sandbox did not put there."""


def build(root: Path) -> None:
    """Lays the tree out in `root`; one that is there already is left as it is.

    Raises:
        NotOurs: `root` has other content.
        OSError: it cannot be written.
    """
    if (root / _MARK).exists():
        return
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise NotOurs(f"{root} is not empty and was not made by the sandbox")
    for source, name in _data(resources.files("console.sandbox").joinpath("data"), ""):
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes().replace(b"@ROOT@", os.fsencode(root)))
        target.chmod(0o755 if name.startswith("bin/") else 0o644)
    (root / "bin/named-compilezone").symlink_to("named-checkzone")
    for name in ("tmp", "run", "proc/53", "var/lib", "var/backups", "var/log/named", f"state/secondaries/{SECONDARY}"):
        (root / name).mkdir(parents=True, exist_ok=True)
    conf = root / "etc/bind/named.conf"
    (root / "proc/53/comm").write_text("named\n")
    (root / "proc/53/cmdline").write_text(f"/usr/sbin/named\0-f\0-c\0{conf}\0")
    os.mkfifo(root / "state/bell", 0o600)
    _load(root)
    (root / "lib/first.log").replace(root / "var/log/named/named.log")
    _age(root)
    (root / _MARK).write_text("")


def zone_names(root: Path) -> list[str]:
    return sorted(entry.name for entry in (root / "state/zones").iterdir())


def loads(root: Path, zone: str) -> list[tuple[int, Path]]:
    """Every load of a zone, oldest first, as number and canonical text."""
    return sorted((int(path.name), path) for path in (root / "state/zones" / zone / "loads").iterdir())


def copy_of(root: Path, address: str, zone: str) -> Path:
    """What the secondary at `address` holds of a zone; the file may not exist."""
    return root / "state/secondaries" / address / zone


def _data(directory: Traversable, prefix: str) -> Iterator[tuple[Traversable, str]]:
    for entry in directory.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _data(entry, f"{name}/")
        else:
            yield entry, name


def _load(root: Path) -> None:
    for zone in PRIMARIES + COPIED:
        state = root / "state/zones" / zone
        (state / "loads").mkdir(parents=True)
        kind = "secondary" if zone in COPIED else "primary"
        source = root / "var/cache/bind" / f"db.{zone}" if zone in COPIED else root / "etc/bind/zones" / f"db.{zone}"
        (state / "kind").write_text(f"{kind}\n")
        (state / "file").write_text(f"{source}\n")
        if zone in DYNAMIC:
            (state / "dynamic").write_text("")
        first = state / "loads/000001"
        argv = [str(root / "bin/named-compilezone"), "-q", "-o", str(first), zone, str(source)]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        if zone not in COPIED:
            copy_of(root, SECONDARY, zone).write_bytes(first.read_bytes())


def _age(root: Path) -> None:
    """Gives everything one old time: what is edited later is newer than what was loaded."""
    now = datetime.now(UTC).timestamp()
    then = min(BUILT, now - 3600)
    for path in root.rglob("*"):
        os.utime(path, (then, then), follow_symlinks=False)
