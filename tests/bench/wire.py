"""SSH on a line of 100 ms: what connecting, looking and saving cost in round trips, beside `ssh host cmd`.

Round trips = (time at a round trip of 100 ms - time at 0) / 100 ms; the sshd and the named are real and private.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from console.change.apply import Mode, Places, apply
from console.change.journal import Journal
from console.change.plan import Plan
from console.dns import changes, desk
from console.dns.probe import Paths
from console.remote.link import load_paramiko
from console.remote.ssh import Ssh
from tests.bench.delay import line
from tests.bench.report import Row
from tests.unit.dns.private_named import PrivateNamed, tool
from tests.unit.remote.private_sshd import SSHD, Answers, PrivateSshd

ROUND_TRIP = 0.1
ZONE = "example.net"
ZONES = 20


@dataclass(slots=True)
class Lab:
    """A private sshd and named, and a way to log in at any port that leads to them."""

    place: Path
    sshd: PrivateSshd
    named: PrivateNamed

    def ssh(self, port: int) -> Ssh:
        target = replace(self.sshd.target, port=port, user_known_hosts=(str(self._known_hosts(port)),))
        return Ssh("box", target, Answers())

    def command(self, port: int) -> list[str]:
        """The same login with OpenSSH's own client."""
        options = {
            "IdentityFile": self.sshd.where / "key",
            "UserKnownHostsFile": self._known_hosts(port),
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-F", "none", *words, "-p", str(port), "root@127.0.0.1", "echo data"]

    @property
    def view(self) -> desk.View:
        return desk.View(Paths(config=str(self.named.config), rndc=self.named.rndc_args))

    @property
    def places(self) -> Places:
        return Places(*(str(self.place / name) for name in ("run", "state", "backups")))

    def _known_hosts(self, port: int) -> Path:
        kind, blob, _ = (self.sshd.where / "host_key.pub").read_text().split()
        path = self.place / f"known_hosts.{port}"
        path.write_text(f"[127.0.0.1]:{port} {kind} {blob}\n")
        return path


def missing() -> str:
    """What is not here that this needs; empty when all is."""
    if os.geteuid() != 0 or not Path(SSHD).exists() or shutil.which("ssh") is None:
        return "needs root, sshd and ssh"
    return "" if tool("named") and tool("rndc-confgen") else "needs named"


def _lab(stack: ExitStack) -> Lab:
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opsconsole-bench-")))
    lab = Lab(place, PrivateSshd(place / "sshd"), PrivateNamed(place / "named"))
    lab.named.directory.mkdir()
    names = [ZONE, *(f"zone{number}.example" for number in range(1, ZONES))]
    for name in names:
        lab.named.write_zone(name, 2026112301)
    zones = "".join(f'zone "{name}" {{ type primary; file "{name}"; notify no; }};\n' for name in names)
    lab.named.configure(zones)
    stack.callback(lab.named.stop)
    lab.named.start()
    stack.callback(lab.sshd.stop)
    lab.sshd.start()
    return lab


@dataclass(slots=True)
class Trip:
    """Seconds of each thing, once a round."""

    lab: Lab
    port: int
    times: dict[str, list[float]]

    def _time(self, what: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        self.times.setdefault(what, []).append(time.perf_counter() - began)

    def go(self) -> None:
        connection = self.lab.ssh(self.port)
        try:
            self._time("connect", lambda: self._connect(connection))
            self._time("run", lambda: connection.run("echo data"))
            first = desk.survey(connection, self.lab.view)
            self._time("survey", lambda: desk.survey(connection, self.lab.view, first))
            snapshot = desk.survey(connection, self.lab.view, first)
            zone = snapshot.zone(ZONE)
            assert zone is not None
            assert zone.serial_served is not None
            self._time("open", lambda: desk.open_zone(connection, snapshot, zone))
            opened = desk.open_zone(connection, snapshot, zone)
            edited = opened.content + f"h{time.time_ns()} A 192.0.2.9\n".encode()
            plan = changes.plan_save(snapshot, zone, opened.content, edited, served={}, now=datetime.now(UTC))
            journal = Journal(self.lab.place / "journal")
            self._time("save", lambda: self._apply(plan, connection, journal))
        finally:
            connection.close()
        self._time("ssh", lambda: subprocess.run(self.lab.command(self.port), check=True, stdout=subprocess.DEVNULL))

    @staticmethod
    def _connect(connection: Ssh) -> None:
        connection.connect()
        connection.run("echo data")

    def _apply(self, plan: Plan, connection: Ssh, journal: Journal) -> None:
        outcome = apply(plan, connection, journal, mode=Mode.ACT, places=self.lab.places)
        assert outcome.good, outcome


def trips(rounds: int, round_trip: float = ROUND_TRIP) -> dict[str, tuple[float, float]]:
    """What it is to (seconds without a line between, round trips), of the least each took: load only ever adds."""
    load_paramiko()
    with ExitStack() as stack:
        lab = _lab(stack)
        direct = Trip(lab, lab.sshd.port, {})
        near, far = (Trip(lab, stack.enter_context(line(lab.sshd.port, delay)), {}) for delay in (0.0, round_trip))
        direct.go()
        direct.times.clear()
        for _ in range(rounds):
            for each in (direct, near, far):
                each.go()
    return {
        what: (min(times), (min(far.times[what]) - min(near.times[what])) / round_trip)
        for what, times in direct.times.items()
    }


def measure(rounds: int) -> Iterator[Row]:
    reason = missing()
    if reason:
        yield Row("SSH round trips", "≤ 9, 1–2", f"not measured: {reason}", good=False)
        return
    found = trips(rounds)
    ssh = f"`ssh host cmd` {_told(found['ssh'])}"
    fixed, count = found["connect"]
    good = count <= 9.2 and fixed <= 0.04
    yield Row("connect and first data", "≤ 9 (± 0.2) round trips + 40 ms", _told(found["connect"]), ssh, good)
    for what, title in (
        ("run", "a command on an open connection"),
        ("survey", f"refresh of {ZONES} zones and their served serials"),
        ("open", "a zone's text"),
        ("save", "save: checked, written, reloaded, served"),
    ):
        yield Row(title, "≤ 2 (± 0.2) round trips", _told(found[what]), "exec as it comes: 3", found[what][1] <= 2.2)


def _told(figure: tuple[float, float]) -> str:
    return f"{figure[1]:.1f} round trips + {figure[0] * 1000:.0f} ms"
