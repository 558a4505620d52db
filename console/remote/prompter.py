"""How a connection asks the person in front of the screen, without knowing the screen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from console.remote.secret import Secret


class Ask(Enum):
    PASSWORD = "password"
    PASSPHRASE = "key passphrase"
    INTERACTIVE = "keyboard-interactive"
    SUDO = "sudo password"


@dataclass(frozen=True, slots=True)
class Question:
    kind: Ask
    host: str
    user: str
    text: str
    """What the host (or we) ask; host text, not yet made safe."""
    echo: bool = False
    """The answer may be shown as it is typed (2FA codes say so)."""
    failed: bool = False
    """An earlier answer in this session was refused."""


@dataclass(frozen=True, slots=True)
class HostKeyQuestion:
    host: str
    """As known_hosts would name it: `[name]:port` unless the port is 22."""
    address: str
    key_type: str
    fingerprint: str
    """`SHA256:…` as ssh-keygen -l prints it."""
    known_hosts: str
    """The file that one line would be appended to; empty: it would be accepted for now only."""
    other_types: tuple[str, ...] = ()
    """Key types we do know of this host: a reason for suspicion."""
    note: str = ""
    """What else to know before answering, one sentence without its full stop."""


class Prompter(Protocol):
    """Called from connection threads; blocks until the user answered. None or False: cancelled."""

    def ask(self, question: Question) -> Secret | None: ...
    def accept_host_key(self, question: HostKeyQuestion) -> bool: ...
