"""One machine: the base root under a tmpfs overlay, booted with systemd as PID 1 by systemd-nspawn."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")

START = 'for group in $GROUPS_OF_LAB; do echo $$ >"$group/cgroup.procs"; done; exec "$@"'
"""nspawn takes its cgroups from the caller's: without its own, two machines would share them."""


def until(seen: Callable[[], object], what: str, deadline: float = 20.0) -> None:
    """Polls until `seen()` is true.

    Raises:
        TimeoutError: it was not, within `deadline` seconds; the message says `what`.
    """
    end = time.monotonic() + deadline
    while not seen():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {deadline:g} s: {what}")
        time.sleep(0.02)


class Process:
    """A pid that cannot be mistaken for a later process of the same number."""

    def __init__(self, pid: int, started: str | None = None) -> None:
        self.pid = pid
        self.started = started or self._stat(21) or ""

    def _stat(self, field: int) -> str | None:
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        after_name = text.rpartition(")")[2].split()
        return after_name[field - 2]

    @property
    def alive(self) -> bool:
        return self._stat(21) == self.started and self._stat(2) not in ("Z", "X", None)

    @property
    def child(self) -> Process | None:
        try:
            pids = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return Process(int(pids[0])) if pids else None

    def kill(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)


class Machine:
    """A booted machine, and the judge's way into it: root by nsenter, independent of SSH and of the console."""

    def __init__(self, name: str, netns: str, directory: Path) -> None:
        self.name = name
        self.netns = netns
        self.directory = directory
        self.root = directory / "root"
        """Its file system as this machine sees it; writable while it runs."""
        self._overlay = directory / "overlay"
        self._nspawn: Process | None = None
        self._popen: subprocess.Popen[bytes] | None = None
        self._leader: Process | None = None

    # Life

    def prepare(self, base: Path) -> None:
        """Mounts the overlay, so that files can be laid into `root` before the boot."""
        self._overlay.mkdir(parents=True)
        self.root.mkdir()
        _run("mount", "-t", "tmpfs", "-o", "size=512m,mode=755", self.netns, str(self._overlay))
        (self._overlay / "upper").mkdir()
        (self._overlay / "work").mkdir()
        layers = f"lowerdir={base},upperdir={self._overlay}/upper,workdir={self._overlay}/work"
        _run("mount", "-t", "overlay", self.netns, "-o", layers, str(self.root))

    def boot(self) -> None:
        """Starts it and returns at once; `run` waits for PID 1."""
        groups = _cgroups(self.netns)
        for group in groups:
            group.mkdir(exist_ok=True)
        command = [
            *("/bin/sh", "-c", START, "lab", "systemd-nspawn", "--quiet", "--boot"),
            *("--directory", str(self.root), "--machine", self.netns),
            *("--register=no", "--keep-unit", "--console=pipe", "--link-journal=no"),
            *("--resolv-conf=off", "--timezone=off"),
            *("--network-namespace-path", f"/run/netns/{self.netns}", "--capability=CAP_NET_ADMIN"),
        ]
        with (self.directory / "console.log").open("wb") as log:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "GROUPS_OF_LAB": " ".join(map(str, groups))},
            )
        self._nspawn = Process(self._popen.pid)
        (self.directory / "pid").write_text(f"{self._nspawn.pid} {self._nspawn.started}\n")

    def attach(self) -> bool:
        """Takes over a machine that another process booted. False: it does not run."""
        try:
            pid, started = (self.directory / "pid").read_text().split()
        except FileNotFoundError:
            return False
        self._nspawn = Process(int(pid), started)
        return self._nspawn.alive

    def down(self) -> None:
        """Pulls the plug and removes what there is of the machine; fine to call twice, and after a half boot."""
        if self._nspawn is None:
            self.attach()
        if self._nspawn is not None:
            leader = self._nspawn.child
            if leader is not None and self._nspawn.alive:
                leader.kill()
            if self._popen is not None:
                self._popen.wait(20)
            until(lambda: self._nspawn is None or not self._nspawn.alive, f"{self.name} halted")
            self._nspawn = None
        for mount in (self.root, self._overlay):
            while os.path.ismount(mount):
                _unmount(mount)
        for group in _cgroups(self.netns):
            _remove_cgroup(group)
        if self.directory.exists():
            shutil.rmtree(self.directory)

    # The judge

    @property
    def leader(self) -> Process:
        """PID 1 of the machine, as this machine numbers it."""
        if self._leader is None or not self._leader.alive:
            if self._nspawn is None:
                raise RuntimeError(f"{self.name} is not booted")
            until(lambda: self._nspawn is not None and self._nspawn.child, f"PID 1 of {self.name}")
            self._leader = self._nspawn.child
        assert self._leader is not None
        return self._leader

    def run(
        self, script: str, *args: str, stdin: str = "", check: bool = True, deadline: float = 30.0
    ) -> subprocess.CompletedProcess[str]:
        """Runs sh `script` with `args` as `$1`… as root inside.

        Raises:
            AssertionError: a status other than 0, unless `check` is False; with all that it said.
            subprocess.TimeoutExpired: not finished within `deadline` seconds.
        """
        command = ["nsenter", "--target", str(self.leader.pid), "--all", "/bin/sh", "-c", script, "lab", *args]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=deadline,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root", "TERM": "dumb"},
        )
        assert not check or done.returncode == 0, (
            f"{self.name}: {script} {shlex.join(args)}: status {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def write(self, path: str, text: str | bytes) -> None:
        """Replaces a file's content from outside; owner and mode stay when it exists (0644 root otherwise)."""
        (self.root / path.lstrip("/")).write_bytes(text.encode() if isinstance(text, str) else text)

    def read(self, path: str) -> bytes:
        return (self.root / path.lstrip("/")).read_bytes()

    def cursor(self) -> str:
        """The journal's present end, for `journal(after=…)`."""
        return self.run("journalctl -n 0 --show-cursor -q").stdout.partition("cursor: ")[2].strip()

    def journal(self, unit: str = "named", after: str = "") -> list[str]:
        """Messages of `unit`, oldest first, without date and name."""
        since = [f"--after-cursor={after}"] if after else []
        return self.run('journalctl -q -o cat "$@"', "-u", unit, *since).stdout.splitlines()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}: {done.stderr.strip()}")


def _unmount(mount: Path) -> None:
    """The mounts of a killed machine go with its last process, a moment after its death."""

    def gone() -> bool:
        return subprocess.run(["umount", str(mount)], capture_output=True, check=False).returncode == 0

    until(gone, f"{mount} unmounted", 10)


def _cgroups(name: str) -> list[Path]:
    """The machine's own group in each hierarchy that nspawn uses: hybrid has two, unified one."""
    hybrid = [CGROUPS / part for part in ("systemd", "unified") if (CGROUPS / part / "cgroup.procs").exists()]
    return [base / name for base in hybrid or [CGROUPS]]


def _remove_cgroup(group: Path) -> None:
    """rmdir from the leaves up; a group stays busy until the kernel has reaped its last process."""
    for path, _, _ in os.walk(group, topdown=False):

        def gone(path: str = path) -> bool:
            try:
                os.rmdir(path)
            except OSError:
                return not os.path.exists(path)
            return True

        until(gone, f"{path} removed", 10)
