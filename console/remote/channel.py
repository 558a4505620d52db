"""A command line on an SSH session channel, as a `Process`: both pipes read by one waiting loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import paramiko

_CHUNK = 1 << 18
_ALL = 1 << 30
"""paramiko moves the rest of a buffer at every read, so it is always read whole; the window bounds it."""

EXIT_STATUS_WAIT = 1.0
"""Seconds."""


class _Wake(threading.Event):
    """One event for both of paramiko's pipes."""

    def clear(self) -> None:
        """paramiko calls it when one of the pipes is empty; the other may not be, so only the reader clears."""

    def wait_and_clear(self, timeout: float | None) -> None:
        self.wait(timeout)
        super().clear()


class ChannelProcess:
    """Sends the exec request without waiting for its answer, which comes with the first output.

    Args:
        released: called once, when the channel is let go of; told whether the host has freed the session, too.
    """

    def __init__(self, channel: paramiko.Channel, line: str, released: Callable[[bool], None]) -> None:
        self._channel = channel
        self._released = released
        self._once = threading.Lock()
        self._closing = False
        self._gone = False
        self._wake = _Wake()
        channel.settimeout(None)
        for pipe in (channel.in_buffer, channel.in_stderr_buffer):
            pipe.set_event(self._wake)
        try:
            _request_exec(channel, line)
        except _broken():
            self._gone = True

    def write(self, data: bytes, *, last: bool) -> None:
        if len(data) <= self._channel.out_window_size:
            self._send(data, last)
        else:
            threading.Thread(target=self._send, args=(data, last), name="opsconsole-stdin", daemon=True).start()

    def read(self, timeout: float | None) -> tuple[bytes, bytes] | None:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            channel = self._channel
            over = channel.eof_received or channel.closed or self._closing or self._gone
            try:
                out = channel.recv(_ALL) if channel.recv_ready() else b""
                err = channel.recv_stderr(_ALL) if channel.recv_stderr_ready() else b""
            except _broken():
                self._gone = True
                return None
            if out or err:
                return out, err
            if over:
                return None
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return b"", b""
            self._wake.wait_and_clear(left)

    def lost(self) -> str:
        if self._closing:
            return "closed"
        if not self._gone and (self._channel.eof_received or self._channel.exit_status != -1):
            return ""
        return "the connection was lost"

    def close(self, *, ended: bool) -> None:
        if not self._once.acquire(blocking=False):
            return
        self._closing = True
        self._wake.set()
        # The exit status follows the end marker at once, and with it sshd frees the session, which it counts.
        freed = self._channel.status_event.wait(EXIT_STATUS_WAIT if ended else 0)
        try:
            self._channel.close()
        except _broken():
            self._gone = True
        finally:
            self._released(freed)

    def _send(self, data: bytes, last: bool) -> None:
        """Ends early, and says nothing, when the channel closes: `read` is where that is told."""
        try:
            for start in range(0, len(data), _CHUNK):
                self._channel.sendall(data[start : start + _CHUNK])
            if last:
                self._channel.shutdown_write()
        except _broken():
            return


def _broken() -> tuple[type[Exception], ...]:
    """What paramiko raises when it cannot send because the link is going: told by `read`, not by a thread."""
    import paramiko

    return paramiko.SSHException, OSError, EOFError


def _request_exec(channel: paramiko.Channel, line: str) -> None:
    """RFC 4254 section 6.5. `Channel.exec_command` would wait for the reply without a timeout.

    A refusal closes the channel, which `read` notices.
    """
    import paramiko
    from paramiko.common import cMSG_CHANNEL_REQUEST

    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(True)
    message.add_string(line.encode("utf-8", "surrogateescape"))
    channel.get_transport()._send_user_message(message)  # type: ignore[attr-defined]
