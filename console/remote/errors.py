"""Everything that can go wrong on the way to a host, each with its reason in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.remote.connection import Result


class RemoteError(Exception):
    """Base: `str()` is one sentence for the user, host text in it not yet made safe."""


class ConnectFailed(RemoteError):
    """No connection: name not found, refused, timed out, no common algorithm, no shell for this login."""


class HostKeyUnknown(RemoteError):
    """The host's key is in no known_hosts file and the user did not accept it."""


class HostKeyChanged(RemoteError):
    """The host shows another key than the one we know, or a revoked one. There is no way on from here."""


class AuthFailed(RemoteError):
    """The host refused every way to log in that we have. Never tried again by itself."""


class SudoRefused(RemoteError):
    """sudo is missing, refused us, or the password was wrong. Nothing was run."""


class Cancelled(RemoteError):
    """The user gave no answer to a prompt."""


class TunnelRefused(RemoteError):
    """The host would not open a TCP connection for us. `forbidden`: its sshd does not allow it, to whatever place."""

    def __init__(self, message: str, *, forbidden: bool = False) -> None:
        super().__init__(message)
        self.forbidden = forbidden


class LinkLost(RemoteError):
    """The connection ended in the middle. `sent`: the script may have run."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class DeadlineExceeded(RemoteError):
    """Not finished in time; `partial` holds what had come by then."""

    def __init__(self, message: str, partial: Result | None = None) -> None:
        super().__init__(message)
        self.partial = partial
