"""What stands behind a fact: the command or question, when, how long it took, and its raw answer."""

from __future__ import annotations

import shlex
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from console.remote.connection import DEADLINE, LIMIT

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from console.remote.connection import Connection, LinkState, Privilege, Result, Stream

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


class EvidenceBook:
    """The last pieces of evidence of one host, newest last. Thread-safe."""

    def __init__(self) -> None:
        self._items: deque[Evidence] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, item: Evidence) -> None:
        with self._lock:
            self._items.append(item)

    def newest_first(self) -> list[Evidence]:
        with self._lock:
            return list(reversed(self._items))


class Recorded:
    """A Connection that keeps the evidence of every run in a book."""

    def __init__(self, inner: Connection, book: EvidenceBook) -> None:
        self.inner = inner
        self.book = book
        self.name = inner.name

    @property
    def address(self) -> str:
        return self.inner.address

    @property
    def user(self) -> str:
        return self.inner.user

    @property
    def privilege(self) -> Privilege:
        return self.inner.privilege

    @property
    def state(self) -> LinkState:
        return self.inner.state

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
        self.inner.close()
