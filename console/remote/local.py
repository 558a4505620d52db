"""This machine, reached as a host is: the same scripts, markers, deadlines and sudo, over a child process."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Mapping
from typing import IO

from console.remote.connection import LinkState
from console.remote.errors import ConnectFailed, LinkLost, TunnelRefused
from console.remote.prompter import Prompter
from console.remote.shell import ShellConnection
from console.remote.wire import PATH

_CHUNK = 1 << 17


class Local(ShellConnection):
    """The machine the console runs on.

    Args:
        path: PATH of the scripts (the sandbox puts its stand-ins first).
        environment: what they find in the environment; this process's own unless given.
    """

    def __init__(
        self,
        prompter: Prompter,
        *,
        name: str = "local",
        path: str = PATH,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name, prompter, path=path)
        self._environment = environment
        self._state = LinkState.IDLE
        self._connecting = threading.RLock()
        self._closed = threading.Event()

    @property
    def address(self) -> str:
        return "this machine"

    @property
    def state(self) -> LinkState:
        return self._state

    def connect(self) -> None:
        with self._connecting:
            if self._state is LinkState.UP:
                return
            self._closed.clear()
            self._state = LinkState.CONNECTING
            try:
                self._probe()
            except BaseException:
                self._state = LinkState.DOWN
                raise
            self._state = LinkState.UP

    def tunnel(self, address: str, port: int) -> socket.socket:
        try:
            return socket.create_connection((address, port), timeout=10.0)
        except OSError as why:
            raise TunnelRefused(f"{self.name} cannot reach {address} port {port}: {why}") from why

    def close(self) -> None:
        self._closed.set()
        self._state = LinkState.IDLE
        self._close_all()

    def _ready(self) -> None:
        if self._closed.is_set():
            raise LinkLost(f"{self.name} is closed", sent=False)
        self.connect()

    def _start(self, line: str, window: int) -> LocalProcess:
        try:
            return LocalProcess(line, self._environment)
        except OSError as why:
            raise ConnectFailed(f"no process could be started here: {why}") from why

    def _lifetime(self, deadline: float) -> int | None:
        """None: we see to it ourselves that the process group ends."""
        return None


class LocalProcess:
    """`/bin/sh -c line` in a session of its own. Let go of before its end, its process group gets SIGTERM."""

    def __init__(self, line: str, environment: Mapping[str, str] | None) -> None:
        self._popen = subprocess.Popen(
            ["/bin/sh", "-c", line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
            env=None if environment is None else dict(environment),
            bufsize=0,
        )
        assert self._popen.stdin is not None  # noqa: S101
        assert self._popen.stdout is not None  # noqa: S101
        assert self._popen.stderr is not None  # noqa: S101
        self._stdin, self._stdout, self._stderr = self._popen.stdin, self._popen.stdout, self._popen.stderr
        self._wake, self._waker = socket.socketpair()
        self._closing = threading.Event()
        self._once = threading.Lock()
        self._lock = threading.Lock()
        self._released = False
        self._pending: deque[memoryview] = deque()
        self._last = False
        os.set_blocking(self._stdin.fileno(), False)
        self._selector = selectors.DefaultSelector()
        for pipe in (self._stdout, self._stderr, self._wake):
            self._selector.register(pipe, selectors.EVENT_READ)

    def write(self, data: bytes, *, last: bool) -> None:
        with self._lock:
            if self._released or self._last:
                return
            if data:
                self._pending.append(memoryview(data))
            self._last = last
            self._feed()
            if self._pending and not self._registered(self._stdin):
                self._selector.register(self._stdin, selectors.EVENT_WRITE)

    def read(self, timeout: float | None) -> tuple[bytes, bytes] | None:
        with self._lock:
            if self._closing.is_set() or not (self._registered(self._stdout) or self._registered(self._stderr)):
                return None
            out = err = b""
            for key, _ in self._selector.select(timeout):
                if key.fileobj is self._stdin:
                    self._feed()
                elif key.fileobj is self._stdout:
                    out = self._take(self._stdout)
                elif key.fileobj is self._stderr:
                    err = self._take(self._stderr)
                else:
                    return None
            return out, err

    def lost(self) -> str:
        return "closed" if self._closing.is_set() else ""

    def close(self, *, ended: bool) -> None:
        if not self._once.acquire(blocking=False):
            return
        self._closing.set()
        if not ended and self._popen.poll() is None:
            # Of a group that sudo made root's own, nobody may be signalled: then its pipes closing is all it gets.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGTERM)
        self._waker.send(b"x")
        with self._lock:
            self._released = True
            self._selector.close()
            for pipe in (self._stdin, self._stdout, self._stderr, self._wake, self._waker):
                pipe.close()
        try:
            self._popen.wait(0.2 if ended else 0)
        except subprocess.TimeoutExpired:
            threading.Thread(target=self._popen.wait, name="opsconsole-reaper", daemon=True).start()

    def _registered(self, pipe: IO[bytes]) -> bool:
        return any(key.fileobj is pipe for key in self._selector.get_map().values())

    def _take(self, pipe: IO[bytes]) -> bytes:
        data = os.read(pipe.fileno(), _CHUNK)
        if not data:
            self._selector.unregister(pipe)
        return data

    def _feed(self) -> None:
        """Writes as much as the pipe takes now. A process that reads no more gets no more: that is its own affair."""
        try:
            while self._pending:
                self._pending[0] = self._pending[0][os.write(self._stdin.fileno(), self._pending[0]) :]
                if not self._pending[0]:
                    self._pending.popleft()
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._pending.clear()
            self._last = True
        if self._registered(self._stdin):
            self._selector.unregister(self._stdin)
        if self._last:
            self._stdin.close()
