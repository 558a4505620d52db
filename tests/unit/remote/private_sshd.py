"""A real sshd for one test run: loopback, a free port, its own keys, its own processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from console.remote.prompter import HostKeyQuestion, Question
from console.remote.secret import Secret
from console.remote.target import Target

SSHD = "/usr/sbin/sshd"


class Answers:
    """A prompter that gives what it was told to, and remembers what it was asked."""

    def __init__(self, *secrets: str | None, host_keys: bool = False) -> None:
        self._secrets = list(secrets)
        self._host_keys = host_keys
        self.asked: list[Question] = []
        self.host_keys: list[HostKeyQuestion] = []

    def ask(self, question: Question) -> Secret | None:
        self.asked.append(question)
        answer = self._secrets.pop(0) if self._secrets else None
        return None if answer is None else Secret(answer)

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        self.host_keys.append(question)
        return self._host_keys


class PrivateSshd:
    """Listens once `start` returns. `key` logs root in; `known_hosts` knows it."""

    def __init__(self, where: Path, *options: str, address: str = "127.0.0.1") -> None:
        self.where = where
        self.address = address
        where.mkdir(parents=True, exist_ok=True)
        for name in ("host_key", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", where / name], check=True)
        (where / "authorized_keys").write_bytes((where / "key.pub").read_bytes())
        with socket.socket() as probe:
            probe.bind((address, 0))
            self.port = int(probe.getsockname()[1])
        kind, blob, _ = (where / "host_key.pub").read_text().split()
        (where / "known_hosts").write_text(f"[{address}]:{self.port} {kind} {blob}\n")
        (where / "sshd_config").write_text(
            "\n".join(
                (
                    *options,
                    f"Port {self.port}",
                    f"ListenAddress {address}",
                    f"HostKey {where}/host_key",
                    f"AuthorizedKeysFile {where}/authorized_keys",
                    f"PidFile {where}/sshd.pid",
                    "StrictModes no",
                    "UsePAM no",
                    "PasswordAuthentication no",
                    "KbdInteractiveAuthentication no",
                    "PermitRootLogin prohibit-password",
                    "UseDNS no",
                    "MaxStartups 100",
                    "SetEnv SHLVL=5",
                    "LogLevel VERBOSE",
                    "",
                )
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> PrivateSshd:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with (self.where / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self.where / "sshd_config")], stdin=subprocess.DEVNULL, stderr=log
            )
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection((self.address, self.port), 1).close()
                return self
            except ConnectionRefusedError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError((self.where / "log").read_text()) from None
                time.sleep(0.01)

    @property
    def target(self) -> Target:
        return Target(
            "box",
            self.address,
            self.port,
            "root",
            identity_files=(str(self.where / "key"),),
            user_known_hosts=(str(self.where / "known_hosts"),),
        )

    def sessions(self) -> list[int]:
        """Process ids of the sshd processes that serve a connection."""
        assert self._process is not None
        listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        pairs = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
        return [pid for pid, parent in pairs if parent == self._process.pid]

    def signal_sessions(self, number: signal.Signals) -> None:
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        """Ends the listener and the sessions it has, by their ids."""
        if self._process is not None:
            self.signal_sessions(signal.SIGKILL)
            self._process.terminate()
            self._process.wait(10)
            self._process = None
