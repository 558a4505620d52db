"""The lab as a whole: found a free number, booted, reset between tests, removed; leftovers of dead sessions too."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live.lab.access import Access, User
from tests.live.lab.build import base_machine
from tests.live.lab.machine import Machine, Process, until
from tests.live.lab.nameserver import NameServer, dig
from tests.live.lab.network import LINKS, Network, taken_octets
from tests.live.lab.zones import SERIALS, ZONES, primary_files, secondary_files

RUN = Path("/run/opsconsole-lab")
"""One directory a lab, named by its octet. Root only."""

KEPT = "kept"
"""Content of `owner` in a lab that `make lab` left running."""

PROGRAMS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "dig": "bind9-dnsutils",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
"""What the lab runs on this machine, and the Debian package of each."""

NEEDED = {12: "CAP_NET_ADMIN", 18: "CAP_SYS_CHROOT", 21: "CAP_SYS_ADMIN"}

TREES = ("etc/bind", "var/lib/bind")
"""Put back by `reset`."""

SCRATCH = ("var/cache/bind", "var/cache/bind-second", "var/log/named")
"""Emptied by `reset`."""


class LabUnavailable(Exception):
    """This machine cannot run the lab; the message says what is missing."""


def missing() -> list[str]:
    """Everything that keeps the lab from running here, in plain words; empty when nothing does."""
    if os.geteuid() != 0:
        return ["root: the lab makes network namespaces, mounts and machines"]
    effective = int(Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0], 16)
    lacks = [f"the capability {name}" for bit, name in NEEDED.items() if not effective >> bit & 1]
    lacks += [f"{name} (package {package})" for name, package in PROGRAMS.items() if shutil.which(name) is None]
    return lacks


class Lab:
    """A booted lab. `primary` and `secondary` are machines; `ns1`, `ns2` and `ns3` are their name servers."""

    def __init__(self, octet: int) -> None:
        self.directory = RUN / str(octet)
        self.network = Network(octet)
        self.at = self.network.at
        self.access = Access(self.directory / "access")
        self.primary = self._machine("primary")
        self.secondary = self._machine("secondary")
        self.ns1 = NameServer("ns1", self.primary, self.at.ns1, "named", "", self.at)
        self.ns2 = NameServer("ns2", self.secondary, self.at.ns2, "named", "/etc/bind/named.conf.local", self.at)
        second = ("-s", "127.0.0.1", "-p", "954", "-k", "/etc/bind/second/rndc.key")
        conf = "/etc/bind/second/named.conf"
        self.ns3 = NameServer("ns3", self.secondary, self.at.ns3, "named-second", conf, self.at, second)

    def _machine(self, name: str) -> Machine:
        return Machine(name, self.network.machines[name], self.directory / name)

    # Life

    @classmethod
    def boot(cls, *, keep: bool = False) -> Lab:
        """Builds the base machine if need be, boots both machines, and returns once every zone is served everywhere.

        Args:
            keep: The lab outlives this process, until `down` is called for it.

        Raises:
            LabUnavailable: this machine cannot run it.
        """
        if lacks := missing():
            raise LabUnavailable("the lab needs " + "; ".join(lacks))
        base = base_machine()
        lab = cls(_claim(keep))
        try:
            lab._boot(base)
        except BaseException:
            lab.down()
            raise
        return lab

    @classmethod
    def running(cls) -> list[Lab]:
        """Every lab on this machine whose machines run, whoever started it."""
        labs = [cls(int(path.name)) for path in sorted(RUN.glob("[0-9]*"))]
        return [lab for lab in labs if lab.primary.attach() and lab.secondary.attach()]

    @property
    def kept(self) -> bool:
        """`make lab` left it running."""
        return (self.directory / "owner").read_text() == KEPT

    def _boot(self, base: Path) -> None:
        self.network.up()
        for machine in (self.primary, self.secondary):
            machine.prepare(base)
            machine.write("/etc/hostname", f"{machine.name}\n")
            machine.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        self._lay_primary()
        self._lay_secondary()
        for machine in (self.primary, self.secondary):
            for tree in TREES:
                pristine = machine.directory / "pristine" / tree
                pristine.mkdir(parents=True)
                _copy(machine.root / tree, pristine)
            machine.boot()
        until(lambda: _answers_ssh(self.address), "sshd of the primary answers")
        self._until_pristine()

    def _lay_primary(self) -> None:
        at = self.at
        self.primary.write(
            "/etc/network/interfaces",
            "auto lo\niface lo inet loopback\n\n"
            f"auto host0\niface host0 inet static\n\taddress {at.ns1}/25\n"
            f"\tup ip address add {at.ns1_alias}/25 dev host0\n\n"
            f"auto host1\niface host1 inet static\n\taddress {at.admin}/25\n",
        )
        self.primary.write("/etc/hosts", f"127.0.0.1 localhost\n{at.ns1} ns1.lab.example ns1 primary\n")
        self.access.create(self.primary.root, at.admin, (at.ns1, at.ns1_alias))
        _lay(self.primary, primary_files(at, (at.ns2, at.ns3)))

    def _lay_secondary(self) -> None:
        at = self.at
        self.secondary.write(
            "/etc/network/interfaces",
            "auto lo\niface lo inet loopback\n\n"
            f"auto host0\niface host0 inet static\n\taddress {at.ns2}/25\n\tup ip address add {at.ns3}/25 dev host0\n",
        )
        self.secondary.write("/etc/hosts", f"127.0.0.1 localhost\n{at.ns2} ns2.lab.example ns2 secondary\n")
        units = self.secondary.root / "etc/systemd/system"
        (units / "multi-user.target.wants/ssh.service").unlink()
        (units / "multi-user.target.wants/named-second.service").symlink_to("../named-second.service")
        _lay(self.secondary, secondary_files(at, {"ns2": at.ns1, "ns3": at.ns1}))

    def down(self) -> None:
        """Removes every trace; fine to call twice."""
        for machine in (self.primary, self.secondary):
            machine.down()
        self.network.down()
        if self.directory.exists():
            shutil.rmtree(self.directory)

    # For tests

    @property
    def address(self) -> str:
        """Where SSH to the primary goes, port 22."""
        return self.at.admin

    @property
    def users(self) -> dict[str, User]:
        return self.access.users()

    @property
    def known_hosts(self) -> Path:
        return self.access.known_hosts

    @property
    def ssh_config(self) -> Path:
        """For `ssh -F`: `lab-ops`, `lab-root`, …, `lab-behind` (through a jump)."""
        return self.access.ssh_config

    @property
    def key(self) -> Path:
        """Private key without a passphrase that all users with `key` accept."""
        return self.access.key

    @property
    def environment(self) -> dict[str, str]:
        """This process's, with an `ssh` first in PATH that knows `lab-ops` and the others: for `opsconsole lab-ops`."""
        return {**os.environ, "PATH": f"{self.access.bin}:{os.environ['PATH']}"}

    def cut(self, link: str) -> None:
        """Pulls a wire: `admin` (SSH to the primary), `primary`, `secondary` or `console` (DNS)."""
        self.network.cut(link)

    def mend(self, link: str) -> None:
        self.network.mend(link)

    def servers(self, zone: str) -> tuple[NameServer, ...]:
        """The name servers that carry `zone`, the primary first."""
        return (self.ns1, self.ns2, self.ns3) if zone == "shop.example" else (self.ns1, self.ns2)

    def until_served(self, zone: str, serial: int, *servers: NameServer, deadline: float = 20.0) -> None:
        """Waits until each of `servers` (all that carry the zone, when none is named) serves exactly `serial`."""
        for server in servers or self.servers(zone):
            what = f"{server.name} serves {zone} {serial}"
            until(lambda server=server: server.serial(zone) == serial, what, deadline)  # type: ignore[misc]

    def dig(self, *args: str, server: str = "") -> str:
        """dig(1) from the console's side, at the primary unless told otherwise."""
        return dig(*args, server=server or self.at.ns1)

    def reset(self) -> None:
        """Wires in, configuration and zones as at the boot, secondaries in step; under a second."""
        for link in LINKS:
            self.mend(link)
        self.secondary.run("systemctl stop named named-second; systemctl reset-failed named named-second")
        self.primary.run("systemctl stop named; systemctl reset-failed named")
        for machine in (self.primary, self.secondary):
            for tree in (*TREES, *SCRATCH):
                _empty(machine.root / tree)
            for tree in TREES:
                _copy(machine.directory / "pristine" / tree, machine.root / tree)
        self.primary.run("systemctl start named")
        self.secondary.run("systemctl start named named-second")
        self._until_pristine()

    def _until_pristine(self) -> None:
        for zone in ZONES:
            self.until_served(zone, SERIALS[zone])


def sweep() -> list[int]:
    """Removes the labs of sessions that are dead; the octets of those."""
    with registry():
        return sweep_held()


def sweep_held() -> list[int]:
    """`sweep` for who holds the registry."""
    dead = [int(path.name) for path in RUN.glob("[0-9]*") if not _owned(path)]
    for octet in dead:
        Lab(octet).down()
    return dead


def _owned(directory: Path) -> bool:
    try:
        owner = (directory / "owner").read_text()
    except FileNotFoundError:
        return False
    if owner == KEPT:
        return True
    pid, started = owner.split()
    return Process(int(pid), started).alive


def _claim(keep: bool) -> int:
    """Sweeps, then takes the lowest octet that nobody uses."""
    me = Process(os.getpid())
    with registry():
        sweep_held()
        taken = taken_octets() | {int(path.name) for path in RUN.glob("[0-9]*")}
        octet = next(number for number in range(1, 255) if number not in taken)
        (RUN / str(octet)).mkdir(mode=0o700)
        (RUN / str(octet) / "owner").write_text(KEPT if keep else f"{me.pid} {me.started}")
    return octet


@contextmanager
def registry() -> Iterator[None]:
    """While it is held, no lab on this machine is claimed or swept by another process."""
    RUN.mkdir(mode=0o700, exist_ok=True)
    with (RUN / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lay(machine: Machine, files: dict[str, str]) -> None:
    """Writes what BIND reads, owned as Debian and a careful admin have it."""
    passwd = (machine.root / "etc/passwd").read_text().splitlines()
    bind = next(line.split(":") for line in passwd if line.startswith("bind:"))
    uid, gid = int(bind[2]), int(bind[3])
    for name, text in files.items():
        path = machine.root / name.lstrip("/")
        if not path.parent.exists():
            path.parent.mkdir(mode=0o755)
            os.chown(path.parent, 0, gid)
        path.write_text(text)
        secret = path.suffix == ".key"
        os.chown(path, uid if secret or "var/lib" in name else 0, gid)
        path.chmod(0o640 if secret else 0o644)


def _empty(directory: Path) -> None:
    if directory.exists():
        command = ["find", str(directory), "-mindepth", "1", "-delete"]
        subprocess.run(command, check=True)


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "--archive", f"{source}/.", str(target)], check=True)


def _answers_ssh(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), 0.3) as link:
            return link.recv(4) == b"SSH-"
    except OSError:
        return False
