"""Login passwords in the desktop's keyring, where there is a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from console.remote.secret import Secret


@dataclass(frozen=True, slots=True)
class Account:
    """Whose secret it is. A host with another key, name or user never gets it."""

    host: str
    """As known_hosts names it: `[name]:port` unless the port is 22."""
    user: str
    fingerprint: str
    """`SHA256:…` of the host key that was checked in this session."""
    purpose: str = "login"
    """`login` or `sudo`."""


class Vault(Protocol):
    """Keeps secrets between sessions. No call raises; none takes longer than 10 seconds."""

    def get(self, account: Account) -> Secret | None: ...

    def offer(self, account: Account, secret: Secret) -> bool:
        """After the host accepted `secret`: keeps it if the user asked for that. True: kept, and read back."""

    def forget(self, account: Account) -> None: ...


class NoVault:
    """Keeps nothing."""

    def get(self, account: Account) -> Secret | None:
        return None

    def offer(self, account: Account, secret: Secret) -> bool:
        return False

    def forget(self, account: Account) -> None:
        return
