"""What stands behind a fact: the command or question, when, how long it took, and its raw answer."""

from __future__ import annotations

import shlex
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.remote.connection import DEADLINE, LIMIT, LinkState, Privilege
from console.remote.errors import LinkLost

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Sequence

    from console.dns.ask import Answer
    from console.remote.connection import Connection, Result, Stream

KEPT = 200
"""Pieces of evidence kept a host."""


@dataclass(frozen=True, slots=True)
class Evidence:
    title: str
    """One line: what was asked or run."""
    command: str
    """The whole command, script or question; host text in it is not yet made safe."""
    when: datetime
    duration: float
    """Seconds."""
    outcome: str
    """`exit 0`, `NOERROR`, …"""
    output: bytes
    """Raw, as it came."""


def of_result(result: Result) -> Evidence:
    """Of one run over a connection: stdout first, stderr after it."""
    command = result.script.rstrip("\n")
    if result.args:
        command += "\n# arguments: " + shlex.join(result.args)
    output = result.stdout + (b"\n--- stderr ---\n" + result.stderr if result.stderr else b"")
    outcome = f"exit {result.exit_status}" + (", cut off" if result.truncated else "")
    title = ("sudo: " if result.sudo else "") + (result.title or command.partition("\n")[0])
    return Evidence(title, command, result.started, result.duration, outcome, output)


def of_answer(answer: Answer) -> Evidence:
    """Of one DNS question, with the vantage it was asked from."""
    where = "this machine" if answer.vantage == "here" else "the host"
    command = f"dig +norecurse @{answer.address} -p {answer.port} {answer.name} {answer.rdtype}   # from {where}"
    said = "\n".join((*answer.records, answer.problem)).strip()
    outcome = answer.rcode or "no answer"
    when = datetime.now(UTC)
    return Evidence(
        f"{answer.rdtype} {answer.name} at {answer.address}", command, when, answer.duration, outcome, said.encode()
    )


class EvidenceBook:
    """The last pieces of evidence of one host, newest last. Thread-safe."""

    def __init__(self) -> None:
        self._items: deque[Evidence] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, item: Evidence) -> None:
        with self._lock:
            self._items.append(item)

    def extend(self, items: Iterable[Evidence]) -> None:
        for item in items:
            self.add(item)

    def newest_first(self) -> list[Evidence]:
        with self._lock:
            return list(reversed(self._items))


class Recorded:
    """A Connection that keeps the evidence of every run in a book, and is made only when it is first used.

    `make` imports and resolves what reaching the host needs (paramiko, `ssh -G`): it runs on the thread of the first
    call, so that nothing of it stands before the first frame.
    """

    def __init__(self, name: str, make: Callable[[], Connection], book: EvidenceBook) -> None:
        self.name = name
        self.book = book
        self._make = make
        self._made: Connection | None = None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def inner(self) -> Connection:
        """The connection itself.

        Raises:
            RemoteError: it cannot be made, or was closed.
        """
        with self._lock:
            if self._made is None:
                if self._closed:
                    raise LinkLost("The connection was closed.", sent=False)
                self._made = self._make()
            return self._made

    @property
    def address(self) -> str:
        return self._made.address if self._made is not None else ""

    @property
    def user(self) -> str:
        return self._made.user if self._made is not None else ""

    @property
    def privilege(self) -> Privilege:
        return self._made.privilege if self._made is not None else Privilege.UNKNOWN

    @property
    def state(self) -> LinkState:
        return self._made.state if self._made is not None else LinkState.IDLE

    def connect(self) -> None:
        self.inner.connect()

    def run(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sudo: bool = False,
        deadline: float = DEADLINE,
        limit: int = LIMIT,
        title: str = "",
    ) -> Result:
        result = self.inner.run(script, args, stdin=stdin, sudo=sudo, deadline=deadline, limit=limit, title=title)
        self.book.add(of_result(result))
        return result

    def stream(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sudo: bool = False,
        follow: bool = False,
        title: str = "",
    ) -> Stream:
        return self.inner.stream(script, args, stdin=stdin, sudo=sudo, follow=follow, title=title)

    def tunnel(self, address: str, port: int) -> socket.socket:
        return self.inner.tunnel(address, port)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        if self._made is not None:
            self._made.close()
