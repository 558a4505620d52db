"""A host made of recordings: what scripts once said on a real one, given again word for word."""

from __future__ import annotations

import json
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.remote.connection import DEADLINE, LIMIT, LinkState, Privilege, Result
from console.remote.errors import LinkLost, TunnelRefused
from console.remote.exchange import ExchangeStream

SCHEMA = "opsconsole.recording/1"

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""When every replayed run seems to have been started, so that what is rendered of it is always the same."""


class NotRecorded(Exception):
    """Nobody recorded what this script says. A fault of the test, not of a host."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One answer. `stdin` and `sudo` are part of the question, as script and arguments are."""

    script: str
    args: tuple[str, ...] = ()
    stdin: bytes = b""
    sudo: bool = False
    stdout: bytes = b""
    stderr: bytes = b""
    exit_status: int = 0

    @property
    def question(self) -> tuple[str, tuple[str, ...], bytes, bool]:
        return self.script, self.args, self.stdin, self.sudo


class Replay:
    """A connection that answers from recordings and fails on what it does not know.

    Several recordings of one question are given in their order; the last of them again and again.
    """

    def __init__(
        self,
        recordings: Iterable[Recording],
        *,
        name: str = "replay",
        user: str = "root",
        privilege: Privilege = Privilege.ROOT,
    ) -> None:
        self.name = name
        self._user = user
        self._privilege = privilege
        self._state = LinkState.IDLE
        self._closed = False
        self._answers: dict[tuple[str, tuple[str, ...], bytes, bool], list[Recording]] = {}
        for recording in recordings:
            self._answers.setdefault(recording.question, []).append(recording)

    @property
    def address(self) -> str:
        return "a recording"

    @property
    def user(self) -> str:
        return self._user

    @property
    def privilege(self) -> Privilege:
        return self._privilege

    @property
    def state(self) -> LinkState:
        return self._state

    def connect(self) -> None:
        self._closed = False
        self._state = LinkState.UP

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
        found = self._find(script, args, stdin, sudo)
        out, err = found.stdout[:limit], found.stderr[: max(limit // 8, 1)]
        cut = (out, err) != (found.stdout, found.stderr)
        status = -1 if cut else found.exit_status
        title = title or script.strip().partition("\n")[0]
        return Result(script, tuple(args), title, sudo, self.name, out, err, status, EPOCH, 0.0, cut)

    def stream(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sudo: bool = False,
        follow: bool = False,
        title: str = "",
    ) -> ReplayStream:
        found = self._find(script, args, stdin, sudo)
        return ReplayStream(found, title or script.strip().partition("\n")[0])

    def tunnel(self, address: str, port: int) -> socket.socket:
        raise TunnelRefused(f"{self.name} is a recording: it reaches nobody, not {address} port {port} either")

    def close(self) -> None:
        self._closed = True
        self._state = LinkState.IDLE

    def _find(self, script: str, args: Sequence[str], stdin: bytes, sudo: bool) -> Recording:
        if self._closed:
            raise LinkLost(f"{self.name} is closed", sent=False)
        self.connect()
        answers = self._answers.get((script, tuple(args), stdin, sudo))
        if answers is None:
            raise NotRecorded(f"{self.name}: not recorded: {script!r} with {tuple(args)!r}, sudo={sudo}, {stdin!r}")
        return answers.pop(0) if len(answers) > 1 else answers[0]


class ReplayStream:
    """A stream whose output has all come already."""

    def __init__(self, recording: Recording, title: str) -> None:
        self.title = title
        self._recording = recording
        self._status: int | None = None
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._recording.stdout), 4096):
            if self._closed:
                return
            yield self._recording.stdout[start : start + 4096]
        if not self._closed:
            self._status = self._recording.exit_status
            self._closed = True

    def __enter__(self) -> ReplayStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._closed = True

    @property
    def exit_status(self) -> int | None:
        return self._status

    @property
    def stderr(self) -> bytes:
        return self._recording.stderr[-ExchangeStream.STDERR_KEPT :]


def load(path: Path) -> tuple[Recording, ...]:
    """Reads a file that `dump` wrote.

    Raises:
        ValueError: it is something else.
    """
    document = json.loads(path.read_text("utf-8"))
    if document.get("schema") != SCHEMA:
        raise ValueError(f"{path} is not a recording")
    return tuple(
        Recording(
            each["script"],
            tuple(each["args"]),
            _bytes(each["stdin"]),
            each["sudo"],
            _bytes(each["stdout"]),
            _bytes(each["stderr"]),
            each["exit_status"],
        )
        for each in document["runs"]
    )


def dump(recordings: Iterable[Recording], path: Path) -> None:
    """Writes recordings as JSON that is good to read in a diff: text as lines where it is UTF-8, else base64."""
    runs = [
        {
            "script": each.script,
            "args": each.args,
            "stdin": _text(each.stdin),
            "sudo": each.sudo,
            "stdout": _text(each.stdout),
            "stderr": _text(each.stderr),
            "exit_status": each.exit_status,
        }
        for each in recordings
    ]
    path.write_text(json.dumps({"schema": SCHEMA, "runs": runs}, indent=1, ensure_ascii=True) + "\n", "utf-8")


def _text(data: bytes) -> list[str] | dict[str, str]:
    try:
        return data.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode("ascii")}


def _bytes(value: Any) -> bytes:
    return b64decode(value["base64"]) if isinstance(value, dict) else "".join(value).encode("utf-8")
