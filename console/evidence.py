"""What stands behind a fact: the command or question, when, how long it took, and its raw answer."""

from __future__ import annotations

import shlex
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from console.dns.ask import Answer
    from console.remote.connection import Result

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
