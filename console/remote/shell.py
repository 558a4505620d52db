"""What every connection that reaches a POSIX shell has in common: run, stream and privilege over a started process."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from console.remote.connection import DEADLINE, LIMIT, Privilege, Result
from console.remote.errors import DeadlineExceeded
from console.remote.exchange import Exchange, ExchangeStream, Kept, Process, collect
from console.remote.prompter import Prompter
from console.remote.sudo import SudoGate, SudoPassword
from console.remote.wire import PATH, command, new_markers

LIFE_BEYOND_DEADLINE = 15
"""Seconds after its deadline at which the host ends a run that was given up; what must live on leaves its group."""

SPARE_WINDOW = 2 << 20
"""Beyond the byte limit of a run: stderr, markers and noise."""

STREAM_WINDOW = 16 << 20
"""A stream that is read slowly holds the host back, rather than fill this machine's memory."""

PROBE = """
uid=$(id -u)
echo "$uid"
id -un
if timeout -k 1 1 true; then echo timeout; else echo; fi 2>/dev/null
[ "$uid" != 0 ] && command -v sudo >/dev/null || exit 0
if said=$(sudo -k -n true 2>&1); then echo free; else printf '%s\\n' "$said"; fi
"""


class ShellConnection(ABC):
    """Base of `Ssh` and `Local`; they say how a command line is started and how the link is kept."""

    def __init__(self, name: str, prompter: Prompter, *, path: str = PATH) -> None:
        self.name = name
        self._path = path
        self._user = ""
        self._privilege = Privilege.UNKNOWN
        self._has_timeout = False
        self._password = SudoPassword(name, prompter)
        self._live: set[Exchange] = set()
        self._live_lock = threading.Lock()

    @property
    def user(self) -> str:
        return self._user

    @property
    def privilege(self) -> Privilege:
        return self._privilege

    @abstractmethod
    def connect(self) -> None: ...

    @abstractmethod
    def _ready(self) -> None:
        """As `connect`, but a connection that was closed stays closed: then LinkLost."""

    @abstractmethod
    def _start(self, line: str, window: int) -> Process:
        """Starts the command line; `window`: bytes that may be on the way here unread. Raises when nothing was sent."""

    def _lifetime(self, deadline: float) -> int | None:
        if not self._has_timeout or not math.isfinite(deadline):
            return None
        return math.ceil(deadline) + LIFE_BEYOND_DEADLINE

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
        self._ready()
        return self._run(script, args, stdin=stdin, sudo=sudo, deadline=deadline, limit=limit, title=title)

    def _run(
        self,
        script: str,
        args: Sequence[str],
        *,
        stdin: bytes = b"",
        sudo: bool = False,
        deadline: float = DEADLINE,
        limit: int = LIMIT,
        title: str = "",
    ) -> Result:
        out, err = Kept(limit), Kept(max(limit // 8, 1))
        started, clock = datetime.now(UTC), time.monotonic()
        exchange = self._exchange(
            script, args, stdin, sudo=sudo, lifetime=self._lifetime(deadline), window=limit + SPARE_WINDOW
        )

        def result() -> Result:
            status = exchange.status
            return Result(
                script,
                tuple(args),
                title or _title(script),
                sudo,
                self.name,
                bytes(out),
                bytes(err),
                -1 if status is None else status,
                started,
                time.monotonic() - clock,
                out.over or err.over,
                exchange.noise,
            )

        with self._alive(exchange):
            try:
                collect(exchange, out, err, deadline)
            except DeadlineExceeded as late:
                raise DeadlineExceeded(f"{self.name}: {late} of {title or _title(script)}", result()) from None
        return result()

    def stream(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sudo: bool = False,
        follow: bool = False,
        title: str = "",
    ) -> ExchangeStream:
        if follow and stdin:
            raise ValueError("a followed script has no stdin: its end is how the script is told to end")
        self._ready()
        exchange = self._exchange(script, args, None if follow else stdin, sudo=sudo, follow=follow)

        def forget() -> None:
            with self._live_lock:
                self._live.discard(exchange)

        with self._live_lock:
            self._live.add(exchange)
        return ExchangeStream(exchange, title or _title(script), forget)

    def _exchange(
        self,
        script: str,
        args: Sequence[str],
        stdin: bytes | None,
        *,
        sudo: bool,
        follow: bool = False,
        lifetime: int | None = None,
        window: int = STREAM_WINDOW,
    ) -> Exchange:
        sudo = sudo and self._privilege is not Privilege.ROOT
        markers = new_markers()
        line = command(script, args, markers, sudo=sudo, follow=follow, lifetime=lifetime, path=self._path)
        gate = SudoGate(markers.asked, self._password.attempt()) if sudo else None
        return Exchange(self._start(line, window), markers, stdin, gate, self.name)

    @contextlib.contextmanager
    def _alive(self, exchange: Exchange) -> Iterator[None]:
        with self._live_lock:
            self._live.add(exchange)
        try:
            yield
        finally:
            with self._live_lock:
                self._live.discard(exchange)
            exchange.close()

    def _close_all(self) -> None:
        """Ends every run and stream, and forgets the sudo password."""
        with self._live_lock:
            live, self._live = self._live, set()
        for each in live:
            each.close()
        self._password.forget()

    def _probe(self) -> None:
        """Finds out who we are on the host and how we act as root."""
        answer = self._run(PROBE, (), title="who am I, and may I use sudo?").stdout.decode("utf-8", "replace")
        uid, user, timeout, said = (*answer.split("\n", 3), "", "", "", "")[:4]
        self._user = user
        self._has_timeout = timeout == "timeout"
        self._privilege = _privilege(uid, said.strip())


def _privilege(uid: str, said: str) -> Privilege:
    """`said` is what `sudo -n` said; a hint only, since a host may rule otherwise for single commands."""
    if uid == "0":
        return Privilege.ROOT
    if said == "free":
        return Privilege.SUDO_FREE
    asks = "password is required" in said or "interactive authentication is required" in said  # the latter: sudo-rs
    return Privilege.SUDO if asks else Privilege.NONE


def _title(script: str) -> str:
    return next((line.strip() for line in script.splitlines() if line.strip()), "")
