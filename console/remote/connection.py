"""What it means to reach a host: one Protocol, and the values it answers with.

Every implementation (`Ssh`, `Local`, `Replay`, the sandbox) behaves alike; `tests/unit/remote/test_contract.py`
holds them to it. All methods block: call them from a worker thread, never from the UI loop.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

DEADLINE = 20.0
"""Seconds a run may take, exit status included, unless told otherwise."""

LIMIT = 8 << 20
"""Bytes kept of stdout (1/8 of it for stderr) before a run is cut and marked `truncated`."""


class Privilege(Enum):
    """How the connection acts as root."""

    ROOT = "root"
    """The login itself is root."""
    SUDO = "sudo"
    """Through sudo, with a password that the prompter gives."""
    SUDO_FREE = "sudo, no password"
    """Through sudo, without one."""
    NONE = "none"
    """Not at all: reading what the login may read is all there is."""
    UNKNOWN = "unknown"
    """Not connected yet."""


class LinkState(Enum):
    """What is known of the way to the host."""

    IDLE = "not connected"
    CONNECTING = "connecting"
    UP = "up"
    STALE = "stale"
    """The heartbeat got no answer within its deadline; what is shown may be old."""
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Result:
    """One finished run, kept whole as evidence."""

    script: str
    """The POSIX sh text that ran, as written (not its transport form)."""
    args: tuple[str, ...]
    """`$1`… of the script."""
    title: str
    """A short human form of what ran, such as `named-checkzone example.com …`."""
    sudo: bool
    host: str
    stdout: bytes
    stderr: bytes
    exit_status: int
    """Exit status of the script."""
    started: datetime
    """Timezone-aware, this machine's clock."""
    duration: float
    """Seconds from sending to the last byte."""
    truncated: bool = False
    """Output passed the byte limit; what is here is its beginning."""
    noise: bytes = b""
    """What the host said before our begin marker (banners, rc files): shown, never parsed."""

    @property
    def ok(self) -> bool:
        """Exit status 0 and nothing cut off."""
        return self.exit_status == 0 and not self.truncated


class Stream(Protocol):
    """Output that arrives while the script runs. A context manager; leaving it closes it."""

    title: str

    def __iter__(self) -> Iterator[bytes]:
        """Chunks of stdout as they come, of any size; ends with the script or `close()`.

        Raises:
            LinkLost: the connection went before the script's end was seen.
        """

    def __enter__(self) -> Stream: ...
    def __exit__(self, *exc: object) -> None: ...

    def close(self) -> None:
        """Ends it from any thread; the process on the host is ended too, if `follow` was asked."""

    @property
    def exit_status(self) -> int | None:
        """None until the end was seen."""

    @property
    def stderr(self) -> bytes:
        """What has come on stderr so far (the last 64 KiB)."""


class Connection(Protocol):
    """One host. Thread-safe; reads may run side by side."""

    name: str
    """As the user calls the host."""

    @property
    def address(self) -> str:
        """`user@192.0.2.1:22`, `this machine`, …: what the host bar shows."""

    @property
    def user(self) -> str: ...

    @property
    def privilege(self) -> Privilege: ...

    @property
    def state(self) -> LinkState: ...

    def connect(self) -> None:
        """Opens the link and finds out user and privilege. Does nothing when it is up.

        Raises:
            RemoteError: one of its children, which says what went wrong and what to do.
        """

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
        """Runs POSIX sh `script` with `args` as `$1`…, LC_ALL=C, and returns all it said.

        `sudo=True` means "as root": nothing is added when the login is root already. Never repeated by itself.
        A link that is down before anything was sent is opened again first.

        Raises:
            LinkLost: the link went before the end marker came; `sent` tells whether it may have run.
            DeadlineExceeded: not finished in time; carries the partial Result.
            SudoRefused: wrong password, not allowed, or no sudo.
        """

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
        """Like `run`, output as it comes, no deadline. `follow`: end the remote process when we close."""

    def tunnel(self, address: str, port: int) -> socket.socket:
        """A connected byte stream to `address:port` as the host reaches it (TCP from the host).

        The value quacks like a socket as far as sendall, recv, settimeout and close go.

        Raises:
            TunnelRefused: the host or its sshd would not.
        """

    def close(self) -> None:
        """Ends everything at once; blocked reads in other threads return with LinkLost."""
