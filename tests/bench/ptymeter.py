"""A terminal made of a pty and pyte: starts a program, sends keys, keeps every byte, measures how long answers take."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyte

PATIENCE = 3.0
"""Seconds that a program gets to end by itself."""

KEYS = {
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "enter": "\r",
    "escape": "\x1b",
    "backspace": "\x7f",
    "tab": "\t",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one key brought."""

    settle: float
    """Seconds from the key to the last byte of the answer; 0 when none came."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """What a key costs, over many presses."""

    median: float
    """Milliseconds from the key to the last byte of the answer."""
    p95: float
    cpu: float
    """Milliseconds of processor, mean."""
    size: int
    """Bytes, median."""


@dataclass
class PtyMeter:
    """One program on one pty. Use as a context manager; the program is ended by its pid on leaving."""

    argv: Sequence[str]
    columns: int = 120
    lines: int = 40
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None

    def __enter__(self) -> PtyMeter:
        self.raw = bytearray()
        self.read_at = 0.0
        self.screen = pyte.Screen(self.columns, self.lines)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        self.resize(self.columns, self.lines)
        inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
        env = {**inherited, **terminal, **self.env}
        self.process = subprocess.Popen(
            list(self.argv), stdin=slave, stdout=slave, stderr=slave, env=env, cwd=self.cwd, start_new_session=True
        )
        self.began = time.perf_counter()
        os.close(slave)
        return self

    def __exit__(self, *_: object) -> None:
        """Asks it to end, so that it leaves no scratch directory, and makes it end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            until = time.perf_counter() + PATIENCE
            while self.process.poll() is None and time.perf_counter() < until:
                self._receive(0.02)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)
        if hasattr(self, "process"):
            os.kill(self.process.pid, signal.SIGWINCH)

    def _receive(self, timeout: float) -> bytes:
        """Bytes that come within `timeout` seconds; empty when none do, or the program is gone."""
        if not select.select([self._master], [], [], timeout)[0]:
            return b""
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            return b""
        self.read_at = time.perf_counter()
        self.raw += data
        return data

    def _read(self, timeout: float) -> bytes:
        """Bytes that come within `timeout` seconds, put on the screen too."""
        data = self._receive(timeout)
        # pyte 0.8 takes the `>` of the kitty keyboard request for text
        self._stream.feed(data.replace(b"\x1b[>25u", b"").replace(b"\x1b[<u", b""))
        return data

    def drain(self, quiet: float = 0.15, limit: float = 30.0) -> Answer:
        """Read until nothing came for `quiet` seconds."""
        started = last = time.perf_counter()
        size = 0
        while time.perf_counter() - started < limit:
            data = self._read(quiet)
            if not data:
                break
            last = self.read_at
            size += len(data)
        return Answer(last - started if size else 0.0, size)

    def seen(self, sign: bytes, limit: float = 30.0) -> float:
        """Waits until the terminal was sent this; when that was, as time.perf_counter() has it."""
        while sign not in self.raw:
            over = self.process.poll() is not None or time.perf_counter() > self.began + limit
            if not self._receive(0.05) and over:
                raise AssertionError(f"{sign!r} never came:\n{self.raw.decode(errors='replace')}")
        return self.read_at

    def first(self, sign: bytes, limit: float = 30.0) -> float:
        """Seconds from exec until the terminal was sent this; the program is stopped there and then."""
        at = self.seen(sign, limit)
        self.process.send_signal(signal.SIGSTOP)
        return at - self.began

    def memory(self) -> float:
        """Resident megabytes of the program (proc(5) VmRSS)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def wait_for(self, text: str, limit: float = 30.0) -> float:
        """Seconds until the text is on the screen."""
        started = time.perf_counter()
        while time.perf_counter() - started < limit:
            if any(text in line for line in self.screen.display):
                return time.perf_counter() - started
            if not self._read(0.05) and self.process.poll() is not None:
                break
        raise AssertionError(f"{text!r} never came; the screen says:\n" + "\n".join(self.screen.display))

    def send(self, key: str) -> None:
        """A key by name, or text."""
        os.write(self._master, KEYS.get(key, key).encode())

    def key(self, key: str, quiet: float = 0.12) -> Answer:
        """Send a key and wait for its answer to settle."""
        self.send(key)
        return self.drain(quiet)

    def cpu(self) -> float:
        """Seconds of processor the program has used so far, all threads; a busy machine does not change it."""
        used = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            used += int((task / "schedstat").read_text().split()[0])
        return used / 1e9

    def keys(self, key: str, count: int, quiet: float = 0.06) -> KeyFigures:
        """The same key many times."""
        before = self.cpu()
        answers = [self.key(key, quiet) for _ in range(count)]
        cpu = (self.cpu() - before) / count
        times = sorted(answer.settle * 1000 for answer in answers)
        ninety_fifth = times[min(len(times) - 1, int(len(times) * 0.95))]
        size = int(statistics.median(answer.size for answer in answers))
        return KeyFigures(round(statistics.median(times), 1), round(ninety_fifth, 1), round(cpu * 1000, 1), size)
