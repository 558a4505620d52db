"""What the tests of reaching a host share: people who answer, client files, a host that is set otherwise."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from console.remote.prompter import HostKeyQuestion, Question
from console.remote.secret import Secret
from console.remote.ssh import Ssh
from console.remote.ssh_config import resolve
from tests.live.lab import Lab, User, until

QUICK = {"idle": 0.4, "silence": 0.5, "grace": 0.5}
"""A heartbeat that notices within two seconds what takes it half a minute as shipped."""


@dataclass
class Person:
    """Answers in order; None, or nothing left: turned away."""

    answers: list[str | None] = field(default_factory=list)
    accepts: bool = False
    asked: list[Question] = field(default_factory=list)
    shown: list[HostKeyQuestion] = field(default_factory=list)

    def ask(self, question: Question) -> Secret | None:
        self.asked.append(question)
        answer = self.answers.pop(0) if self.answers else None
        return None if answer is None else Secret(answer)

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        self.shown.append(question)
        return self.accepts


class Client:
    """The lab's ssh_config and known_hosts, copied for one test that changes them. Takes a Lab's place for `Cli`."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        directory.mkdir()
        self.users: dict[str, User] = lab.users
        self.known_hosts = directory / "known_hosts"
        self.known_hosts.write_bytes(lab.known_hosts.read_bytes())
        self.ssh_config = directory / "ssh_config"
        self.ssh_config.write_text(lab.ssh_config.read_text().replace(str(lab.known_hosts), str(self.known_hosts)))
        binaries = directory / "bin"
        binaries.mkdir()
        (binaries / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {self.ssh_config} "$@"\n')
        (binaries / "ssh").chmod(0o700)
        self.environment = {**lab.environment, "PATH": f"{binaries}:{lab.environment['PATH']}"}

    def add(self, text: str) -> None:
        """Puts text at the end of ssh_config."""
        with self.ssh_config.open("a") as config:
            config.write(text)


@contextmanager
def reach(
    where: Lab | Client, user: str, person: Person | None = None, *, connect: bool = True, **changes: object
) -> Iterator[Ssh]:
    """A connection to `lab-USER`. `changes`: fields of its Target, and settings of the heartbeat."""
    timing = {name: changes.pop(name) for name in ("idle", "silence", "grace", "open_tcp") if name in changes}
    target = replace(resolve(f"lab-{user}", config=where.ssh_config), **changes)  # type: ignore[arg-type]
    connection = Ssh(f"lab-{user}", target, person or Person(), **timing)  # type: ignore[arg-type]
    try:
        if connect:
            connection.connect()
        yield connection
    finally:
        connection.close()


@contextmanager
def sudoers(lab: Lab, *rules: str) -> Iterator[None]:
    """With these lines last in sudoers."""
    file = "/etc/sudoers.d/zz-test"
    lab.primary.run('umask 227; cat >"$1"; visudo -c -q || { rm "$1"; exit 1; }', file, stdin="\n".join(rules) + "\n")
    try:
        yield
    finally:
        lab.primary.run('rm "$1"', file)


@contextmanager
def sshd(lab: Lab, *settings: str) -> Iterator[None]:
    """With these lines first in sshd_config."""
    file = "/etc/ssh/sshd_config.d/00-test.conf"
    lab.primary.write(file, "\n".join(settings) + "\n")
    restart_sshd(lab)
    try:
        yield
    finally:
        lab.primary.run('rm "$1"', file)
        restart_sshd(lab)


def restart_sshd(lab: Lab) -> None:
    """Returns once it listens; sessions that are open stay."""
    lab.primary.run("systemctl reset-failed ssh; systemctl restart ssh")


class Log:
    """What a machine's whole journal says from now on."""

    def __init__(self, lab: Lab) -> None:
        self._machine = lab.primary
        self._from = lab.primary.cursor()

    def lines(self, *words: str) -> list[str]:
        """Lines that hold every word."""
        text = self._machine.run('journalctl -q -o short --after-cursor="$1"', self._from).stdout
        return [line for line in text.splitlines() if all(word in line for word in words)]

    def until(self, *words: str) -> list[str]:
        """The journal is written a moment after the event."""
        until(lambda: self.lines(*words), f"the journal says {words}", 10)
        return self.lines(*words)


@contextmanager
def agent(directory: Path, *keys: Path) -> Iterator[str]:
    """The socket of an ssh-agent that holds these keys."""
    path = directory / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        until(path.exists, "the agent listens", 10)
        for key in keys:
            subprocess.run(["ssh-add", "-q", str(key)], check=True, env={"SSH_AUTH_SOCK": str(path)})
        yield str(path)
    finally:
        process.terminate()
        process.wait(10)


def outcome(call: Callable[[], object]) -> object:
    """What it returned, or the exception that it raised."""
    try:
        return call()
    except Exception as problem:
        return problem


def median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def trial(what: Callable[[], object], seconds: float, problem: type[Exception]) -> float:
    """Seconds until `what` stops raising `problem`."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        with suppress(problem):
            what()
            return time.monotonic() - began
    raise AssertionError(f"not within {seconds:g} s")
