"""The form in which a script travels, and how its answer is told from what else the host says.

A run is one line that any login shell (sh, csh, fish, ksh) takes alike: `/bin/sh -c` of a fixed single-quoted text,
then base64 and plain words. On stdout and on stderr the script's own bytes stand between a begin and an end marker
with a nonce that is never in argv in plain form, so that a host that echoes commands cannot forge it.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where tools are looked for on a host, whatever its login shell says."""

MAX_COMMAND = 128 * 1024 - 1
"""Linux takes no single argument longer than this (MAX_ARG_STRLEN, execve(2)); the login shell gets ours as one."""

NOISE_KEPT = 64 * 1024

STATUS_LENGTH = 16
"""Bytes in which an exit status and its newline come; a host that says more there will not be listened to for ever."""

_START = f'PATH={PATH};export PATH;LC_ALL=C;export LC_ALL;eval "$(printf %s "$1"|base64 -d)"'
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+-]*\Z")


@dataclass(frozen=True, slots=True)
class Markers:
    """The marks of one run. `nonce` and `ask` are independent: whoever sees the prompt cannot forge the answer."""

    nonce: str
    ask: str

    @property
    def begin(self) -> bytes:
        return f"opsc-begin-{self.nonce}\n".encode()

    @property
    def end(self) -> bytes:
        """Followed by the exit status (stdout only) and a newline."""
        return f"opsc-end-{self.nonce} ".encode()

    @property
    def prompt(self) -> str:
        """What sudo is told to ask with; it puts the user whose password it wants in place of `%p` (sudo(8))."""
        return f"[opsc-{self.ask} %p] "

    @property
    def asked(self) -> re.Pattern[bytes]:
        """The prompt as it comes back; the group is whose password is wanted."""
        return re.compile(rb"\[opsc-%b ([^]\n]{1,256})\] " % self.ask.encode())


def new_markers() -> Markers:
    """Fresh marks from the system's random source."""
    return Markers(secrets.token_hex(16), secrets.token_hex(16))


def command(
    script: str,
    args: Sequence[str],
    markers: Markers,
    *,
    sudo: bool = False,
    follow: bool = False,
    lifetime: int | None = None,
    path: str = PATH,
) -> str:
    """The line for the login shell.

    Args:
        lifetime: seconds after which the host itself ends the script's process group; it must have `timeout -k`.
        follow: the script gets no stdin; when ours ends on the host, the script's process group is ended.

    Raises:
        ValueError: a NUL in script or arguments, or all of it together longer than `MAX_COMMAND`.
    """
    if "\0" in script or any("\0" in arg for arg in args):
        raise ValueError("a script and its arguments cannot hold NUL: send such data on stdin")
    settings = (
        f"PATH={_quoted(path)}\n"
        f"opsc_nonce={markers.nonce}\n"
        f"opsc_script={_quoted(script)}\n"
        f"opsc_life={lifetime or ''}\n"
        f"opsc_follow={'yes' if follow else ''}\n"
    )
    words = [_encoded(settings + _boot_text()), *(_argument(arg) for arg in args)]
    if sudo:
        ask = (
            f"PATH={_quoted(path)}\nshift\n"
            f"exec sudo -k -S -p '{markers.prompt}' -- /bin/sh -c {_quoted(_START)} opsc \"$@\"\n"
        )
        words.insert(0, _encoded(ask))
    line = f"exec /bin/sh -c '{_START}' opsc {' '.join(words)}"
    if len(line) > MAX_COMMAND:
        raise ValueError(f"script and arguments take {len(line)} bytes on the wire: send data on stdin")
    return line


@cache
def _boot_text() -> str:
    text = resources.files(__package__).joinpath("boot.sh").read_text(encoding="ascii")
    return "".join(f"{line.strip()}\n" for line in text.splitlines() if not line.lstrip().startswith("#"))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _encoded(text: str) -> str:
    return b64encode(_bytes(text)).decode("ascii")


def _argument(value: str) -> str:
    """`p` + the value where every shell takes it as it is; else `b` + base64 of the value and a `_`.

    The `_` keeps trailing newlines from being eaten by the command substitution that decodes it.
    """
    return f"p{value}" if _PLAIN.match(value) else f"b{_encoded(value + '_')}"


class Frame:
    """One pipe, cut as it comes: noise, begin marker, payload, end marker. Chunks may be split anywhere."""

    __slots__ = ("_begin", "_end", "_held", "begun", "ended", "noise", "status")

    def __init__(self, begin: bytes, end: bytes) -> None:
        self._begin = begin
        self._end = end
        self._held = b""
        self.begun = False
        self.ended = False
        self.noise = bytearray()
        """What came before the begin marker; its first 64 KiB."""
        self.status: int | None = None
        """The exit status that the end marker carries."""

    def feed(self, data: bytes) -> bytes:
        """Takes what came; returns the payload that is certain by now."""
        if self.ended:
            return b""
        data = self._held + data
        if not self.begun:
            before, mark, data = _cut(data, self._begin)
            self.noise += before[: NOISE_KEPT - len(self.noise)]
            if not mark:
                self._held = data
                return b""
            self.begun = True
        payload, mark, rest = _cut(data, self._end)
        self._held = mark + rest
        if mark and (b"\n" in rest or len(rest) > STATUS_LENGTH):
            word = rest.partition(b"\n")[0]
            self.status = int(word) if word.isdigit() and len(word) < STATUS_LENGTH else None
            self.ended = True
            self._held = b""
        return payload

    def flush(self) -> bytes:
        """Payload that was held back as the possible start of an end marker, once the pipe is known to be over."""
        held, self._held = self._held, b""
        return held if self.begun and not self.ended else b""


def _cut(data: bytes, mark: bytes) -> tuple[bytes, bytes, bytes]:
    """Splits at `mark`; without one the third part is the tail that may be its beginning."""
    before, found, after = data.partition(mark)
    if found:
        return before, found, after
    for size in range(min(len(mark) - 1, len(data)), 0, -1):
        if data.endswith(mark[:size]):
            return data[:-size], b"", data[-size:]
    return data, b"", b""
