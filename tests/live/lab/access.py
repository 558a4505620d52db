"""Who may log in to the primary, with what: made anew at each boot, readable by root alone."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class User:
    """One login on the primary."""

    name: str
    password: str
    """Of the account; sudo asks for it too. Empty for root, whose account is locked."""
    key: bool
    """The lab's key lets it in."""
    about: str


ABOUT = {
    "root": "key",
    "ops": "key; sudo asks for the password",
    "opsfree": "key; sudo without a password",
    "opspw": "password or keyboard-interactive, no key; sudo asks for the password",
    "opskbd": "keyboard-interactive only; sudo asks for the password",
    "opstwo": "key and then keyboard-interactive, both; sudo asks for the password",
    "opsnone": "key; not in sudoers",
    "opscsh": "key; login shell tcsh; sudo asks for the password",
}
WITHOUT_KEY = ("opspw", "opskbd")


class Access:
    """Keys, passwords and the client files, in `directory` (0700)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.key = directory / "id_ed25519"
        self.known_hosts = directory / "known_hosts"
        self.ssh_config = directory / "ssh_config"
        self.passwords = directory / "passwords.json"
        self.bin = directory / "bin"
        """First in PATH, its `ssh` knows the lab's names: `PATH=…/bin:$PATH opsconsole lab-ops`."""

    def create(self, primary_root: Path, admin: str, others: tuple[str, ...]) -> None:
        """Makes all of it and lays the machine's part into `primary_root`, before it boots.

        Args:
            admin: The address to log in at.
            others: More addresses of the same machine.
        """
        self.directory.mkdir(mode=0o700)
        passwords = {name: secrets.token_urlsafe(12) for name in ABOUT if name != "root"}
        _private(self.passwords, json.dumps(passwords, indent=1) + "\n")
        chpasswd = "".join(f"{name}:{password}\n" for name, password in passwords.items())
        _run("chroot", str(primary_root), "chpasswd", stdin=chpasswd)
        _keygen(self.key, "ed25519", "lab")
        self._authorise(primary_root)
        self._host_keys(primary_root, (admin, *others))
        _private(self.ssh_config, self._config(admin, others[0]))
        self.bin.mkdir(mode=0o700)
        ssh = self.bin / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {self.ssh_config} "$@"\n')
        ssh.chmod(0o700)

    def users(self) -> dict[str, User]:
        passwords = json.loads(self.passwords.read_text())
        return {
            name: User(name, passwords.get(name, ""), name not in WITHOUT_KEY, about) for name, about in ABOUT.items()
        }

    def _authorise(self, root: Path) -> None:
        for name in ABOUT:
            if name in WITHOUT_KEY:
                continue
            home = root / ("root" if name == "root" else f"home/{name}")
            ssh = home / ".ssh"
            ssh.mkdir(mode=0o700, exist_ok=True)
            shutil.copyfile(f"{self.key}.pub", ssh / "authorized_keys")
            owner = home.stat()
            for path in (ssh, ssh / "authorized_keys"):
                shutil.chown(path, owner.st_uid, owner.st_gid)

    def _host_keys(self, root: Path, addresses: tuple[str, ...]) -> None:
        lines = []
        for kind in ("ed25519", "ecdsa"):
            path = root / f"etc/ssh/ssh_host_{kind}_key"
            _keygen(path, kind, "lab host")
            public = " ".join(Path(f"{path}.pub").read_text().split()[:2])
            lines.append(f"{','.join(addresses)} {public}\n")
        _private(self.known_hosts, "".join(lines))

    def _config(self, admin: str, behind: str) -> str:
        """`lab-USER` for each user, and `lab-behind`: the primary's other address, reached through `lab-ops`."""
        hosts = [self._host(f"lab-{name}", admin, name) for name in ABOUT]
        hosts.append(self._host("lab-behind", behind, "opsfree", "    ProxyJump lab-ops\n"))
        return "".join(hosts)

    def _host(self, alias: str, address: str, user: str, more: str = "") -> str:
        wanted = (
            f"    IdentityFile {self.key}\n    IdentitiesOnly yes\n"
            if user not in WITHOUT_KEY
            else "    PubkeyAuthentication no\n"
        )
        return (
            f"Host {alias}\n    HostName {address}\n    User {user}\n{wanted}{more}"
            f"    IdentityAgent none\n    UserKnownHostsFile {self.known_hosts}\n    GlobalKnownHostsFile /dev/null\n"
            f"    StrictHostKeyChecking yes\n\n"
        )


def _keygen(path: Path, kind: str, comment: str) -> None:
    _run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", comment, "-f", str(path))


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _run(*command: str, stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
