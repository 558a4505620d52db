"""The late secondary: some seconds after a load it asks the primary, and takes the zone if its serial is newer."""

from __future__ import annotations

import fcntl
import os
import select
import threading
import time
from datetime import datetime
from pathlib import Path

from console.sandbox.files import COPIED, SECONDARY, copy_of, loads, zone_names

LAG = 3.0
"""Seconds between NOTIFY and transfer."""


def serial_of(canonical: bytes) -> int:
    """Serial in the first SOA of a canonical zone text."""
    for line in canonical.splitlines():
        words = line.split()
        if len(words) > 6 and words[3] == b"SOA":
            return int(words[6])
    raise ValueError("no SOA")


def newer(left: int, right: int) -> bool:
    """RFC 1982 section 3.2."""
    return 0 < (left - right) % (1 << 32) < 1 << 31


class Secondary:
    """Follows the loads in `root`, on a thread of its own that sleeps until a load rings the bell."""

    def __init__(self, root: Path, lag: float = LAG, address: str = SECONDARY) -> None:
        self._root = root
        self._lag = lag
        self._address = address
        self._bell = os.open(root / "state/bell", os.O_RDWR | os.O_NONBLOCK)
        self._stop, self._stopper = os.pipe()
        self._thread = threading.Thread(target=self._follow, name="sandbox-secondary", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        os.write(self._stopper, b"x")
        self._thread.join()
        for descriptor in (self._bell, self._stop, self._stopper):
            os.close(descriptor)

    def settle(self, now: float) -> float | None:
        """Does all transfers that are due at `now` (Unix time); seconds until the next one, None: none is waiting."""
        with (self._root / "state/lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waits = [self._settle(zone, now) for zone in zone_names(self._root) if zone not in COPIED]
        return min((wait for wait in waits if wait is not None), default=None)

    def _settle(self, zone: str, now: float) -> float | None:
        seen = self._root / "state/zones" / zone / f"seen-by-{self._address}"
        done = int(seen.read_text()) if seen.exists() else 1
        waiting = [(path.stat().st_mtime + self._lag, number) for number, path in loads(self._root, zone)]
        due = [number for when, number in waiting if number > done and when <= now]
        later = [when - now for when, number in waiting if number > done and when > now]
        if due:
            number, current = loads(self._root, zone)[-1]
            self._transfer(zone, current.read_bytes())
            seen.write_text(str(number))
            later = []
        return min(later, default=None)

    def _transfer(self, zone: str, offered: bytes) -> None:
        copy = copy_of(self._root, self._address, zone)
        serial = serial_of(offered)
        if copy.exists() and not newer(serial, serial_of(copy.read_bytes())):
            return
        beside = copy.with_name(f".{zone}.new")
        beside.write_bytes(offered)
        beside.replace(copy)
        self._log(zone, serial, offered.count(b"\n") + 1, len(offered))

    def _log(self, zone: str, serial: int, records: int, size: int) -> None:
        client = f"xfer-out: info: client @0x7ff4e0e1f898 {self._address}#44301 ({zone}): transfer of '{zone}/IN': "
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")[:23]
        lines = (
            "IXFR version not in journal, falling back to AXFR",
            f"AXFR-style IXFR started (serial {serial})",
            f"AXFR-style IXFR ended: 1 messages, {records} records, {size} bytes, 0.001 secs ({size * 1000} bytes/sec)"
            f" (serial {serial})",
        )
        with (self._root / "var/log/named/named.log").open("a", encoding="utf-8") as log:
            log.write("".join(f"{now} {client}{line}\n" for line in lines))

    def _follow(self) -> None:
        while True:
            wait = self.settle(time.time())
            ready, _, _ = select.select([self._bell, self._stop], [], [], wait)
            if self._stop in ready:
                return
            if self._bell in ready:
                os.read(self._bell, 4096)
