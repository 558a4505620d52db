"""A real sshd for one connection, on a socket pair: no port, no daemon, gone when the socket closes."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from pathlib import Path

import pytest

SSHD = "/usr/sbin/sshd"
USER = getpass.getuser()


def need_sshd() -> None:
    if not Path(SSHD).exists():
        if os.environ.get("CI"):
            pytest.fail("openssh-server is needed here")
        pytest.skip("no sshd on this machine: install openssh-server")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "", *options: str) -> Path:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path), *options]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def public(path: Path) -> str:
    """`type base64` of a key pair."""
    return " ".join(Path(f"{path}.pub").read_text().split()[:2])


class PipedSshd:
    """A configuration; `connect()` starts one sshd on it."""

    def __init__(self, directory: Path, host_keys: list[Path], authorized: list[Path], *more: str) -> None:
        need_sshd()
        self.config = directory / "sshd_config"
        keys = directory / "authorized_keys"
        keys.write_text("".join(Path(f"{key}.pub").read_text() for key in authorized))
        lines = [f"HostKey {key}" for key in host_keys]
        lines += [f"AuthorizedKeysFile {keys}", "PidFile none", "StrictModes no", "UsePAM no", "PermitRootLogin yes"]
        lines += ["PasswordAuthentication no", "KbdInteractiveAuthentication no", "UseDNS no", "LogLevel VERBOSE"]
        self.config.write_text("\n".join([*more, *lines]) + "\n")
        self.log = directory / "sshd.log"
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def command(self) -> str:
        return f"{SSHD} -i -e -f {self.config}"

    def connect(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with self.log.open("ab") as log:
            self._running.append(subprocess.Popen(self.command.split(), stdin=theirs, stdout=theirs, stderr=log))
        theirs.close()
        return ours

    def close(self) -> None:
        for process in self._running:
            process.terminate()
            process.wait()
