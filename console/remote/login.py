"""From a fresh paramiko transport to a logged-in one: host key first, then who we are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.remote.prompter import Prompter
from console.remote.target import Target
from console.remote.vault import Vault

if TYPE_CHECKING:
    import paramiko


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """The host key that was checked."""

    name: str
    """As known_hosts names the host."""
    key_type: str
    fingerprint: str
    note: str = ""
    """Something to show, such as: accepted, but the line could not be written."""


def prefer_known_keys(transport: paramiko.Transport, target: Target) -> None:
    """Offers the host key types that known_hosts has of this host first. Call before `start_client`."""
    raise NotImplementedError


def check_host_key(transport: paramiko.Transport, target: Target, prompter: Prompter) -> HostIdentity:
    """Call after `start_client`, before anything else.

    Raises:
        HostKeyChanged: another key than the one we know, or a revoked one.
        HostKeyUnknown: not known, and the user did not accept it.
    """
    raise NotImplementedError


def authenticate(
    transport: paramiko.Transport, target: Target, prompter: Prompter, vault: Vault, identity: HostIdentity
) -> str:
    """Logs in; says how: `publickey (agent)`, `publickey (/home/a/.ssh/id_ed25519)`, `password`, …

    Raises:
        AuthFailed: every way was refused; lists them. A refused password is never tried again.
        Cancelled: the user gave no answer.
        LinkLost: the connection went.
    """
    raise NotImplementedError
