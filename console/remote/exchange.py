"""One script on one host, from the first byte sent to the end marker: shared by all that start processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from console.remote.errors import ConnectFailed, DeadlineExceeded, LinkLost, RemoteError
from console.remote.sudo import GO_DEADLINE, SudoGate
from console.remote.wire import Frame, Markers


class Process(Protocol):
    """A running command line with three pipes."""

    def write(self, data: bytes, *, last: bool) -> None:
        """Sends `data` in the background, in order; `last` ends stdin after it."""

    def read(self, timeout: float | None) -> tuple[bytes, bytes] | None:
        """Waits for output: (stdout, stderr), both empty after `timeout` seconds; None when both have ended."""

    def lost(self) -> str:
        """Why there is no more output, if it is the link or `close()`; empty if the process ended by itself."""

    def close(self, *, ended: bool) -> None:
        """Lets go of it, from any thread; a blocked `read` returns None. `ended`: its end marker was seen."""


class Exchange:
    """Speaks the wire form with a process: markers, sudo, stdin. Not thread-safe, but for `close`."""

    def __init__(
        self, process: Process, markers: Markers, stdin: bytes | None, gate: SudoGate | None, host: str
    ) -> None:
        self._process = process
        self._stdin = stdin
        self._gate = gate
        self._host = host
        self._out = Frame(markers.begin, markers.end)
        self._err = Frame(markers.begin, markers.end)
        self._gate_until = time.monotonic() + GO_DEADLINE
        self.asking = 0.0
        """Seconds that a person took to answer."""
        self._finished = False
        if gate is None:
            self._send_stdin()

    @property
    def status(self) -> int | None:
        """The script's exit status; None until its end was seen on both pipes."""
        return self._out.status if self._finished else None

    @property
    def noise(self) -> bytes:
        return bytes(self._out.noise) + bytes(self._err.noise)

    def step(self, timeout: float | None) -> tuple[bytes, bytes] | None:
        """Waits up to `timeout` seconds; returns new payload of stdout and stderr, None once the script has ended.

        Raises:
            LinkLost, SudoRefused, Cancelled, and ConnectFailed for a login that runs no shell
        """
        if self._out.ended and self._err.ended:
            self._finished = True
            return None
        shut = self._gate is not None and not self._gate.open
        if shut:
            left = max(0.0, self._gate_until - time.monotonic())
            timeout = left if timeout is None else min(timeout, left)
        got = self._process.read(timeout)
        if got is None:
            raise self._why_over()
        out, err = self._out.feed(got[0]), self._err.feed(got[1])
        if self._gate is not None and shut:
            self._mind(self._gate)
        return out, err

    def flush(self) -> tuple[bytes, bytes]:
        """What was held back in case it was the start of a marker, for a run that is given up."""
        return self._out.flush(), self._err.flush()

    def close(self) -> None:
        self._process.close(ended=self._finished)
        if self._gate is not None:
            self._gate.drop()

    def _send_stdin(self) -> None:
        if self._stdin is not None:
            self._process.write(self._stdin, last=True)

    def _mind(self, gate: SudoGate) -> None:
        before = time.monotonic()
        line = gate.look(bytes(self._err.noise), self._err.begun)
        if gate.open:
            self._send_stdin()
        elif line:
            self._process.write(line, last=False)
            self.asking += time.monotonic() - before
            self._gate_until = time.monotonic() + GO_DEADLINE
        elif time.monotonic() >= self._gate_until:
            raise gate.ended(bytes(self._err.noise))

    def _why_over(self) -> RemoteError:
        lost = self._process.lost()
        if not lost and self._gate is not None and not self._gate.open:
            return self._gate.ended(bytes(self._err.noise))
        if lost:
            return LinkLost(f"{self._host}: {lost}; the script may have run", sent=True)
        if not self._out.begun:
            said = self.noise.decode("utf-8", "backslashreplace").strip()
            return ConnectFailed(f"{self._host} ran no shell for us: {said or 'it said nothing'}")
        return LinkLost(f"{self._host}: the script ended without its end marker", sent=True)


class Kept:
    """The beginning of an output, up to a limit."""

    __slots__ = ("_data", "_limit", "over")

    def __init__(self, limit: int) -> None:
        self._data = bytearray()
        self._limit = limit
        self.over = False

    def add(self, data: bytes) -> None:
        room = self._limit - len(self._data)
        self.over = self.over or len(data) > room
        self._data += data[:room]

    def __bytes__(self) -> bytes:
        return bytes(self._data)


def collect(exchange: Exchange, out: Kept, err: Kept, deadline: float) -> None:
    """Runs it to its end, or until either output is over its limit.

    Raises:
        DeadlineExceeded: without a partial Result, which is the caller's to add.
    """
    started = time.monotonic()
    while not (out.over or err.over):
        left = started + deadline + exchange.asking - time.monotonic()
        if left <= 0:
            out_rest, err_rest = exchange.flush()
            out.add(out_rest)
            err.add(err_rest)
            raise DeadlineExceeded(f"no end within {deadline:g} s")
        got = exchange.step(left)
        if got is None:
            return
        out.add(got[0])
        err.add(got[1])


class ExchangeStream:
    """A `Stream` over an exchange. `ending` is called once, when it is over."""

    STDERR_KEPT = 64 * 1024

    def __init__(self, exchange: Exchange, title: str, ending: Callable[[], None]) -> None:
        self.title = title
        self._exchange = exchange
        self._ending = ending
        self._stderr = b""
        self._closed = False
        self._once = threading.Lock()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._closed:
            try:
                got = self._exchange.step(None)
            except LinkLost:
                if self._closed:
                    break
                self.close()
                raise
            except BaseException:
                self.close()
                raise
            if got is None:
                self.close()
                break
            self._stderr = (self._stderr + got[1])[-self.STDERR_KEPT :]
            if got[0]:
                return got[0]
        raise StopIteration

    def __enter__(self) -> ExchangeStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._once.acquire(blocking=False):
            self._closed = True
            self._exchange.close()
            self._ending()

    @property
    def exit_status(self) -> int | None:
        return self._exchange.status

    @property
    def stderr(self) -> bytes:
        return self._stderr
