"""Login passwords in the desktop's keyring, where there is a real one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from console.remote.secret import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

DEADLINE = 10.0
"""Seconds a keyring may take; a locked one may ask on a display that nobody sees."""

REAL_BACKENDS = (
    "keyring.backends.SecretService",
    "keyring.backends.kwallet",
    "keyring.backends.libsecret",
    "keyring.backends.macOS",
    "keyring.backends.Windows",
)
"""Modules of the backends that encrypt. keyring would pick keyrings.alt's plain text file all by itself."""


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

    @property
    def service(self) -> str:
        return f"opsconsole {self.purpose} {self.user}@{self.host} {self.fingerprint}"


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


class KeyringVault:
    """The desktop's keyring. Without a real backend it behaves as NoVault, and `trouble` says why."""

    def __init__(self, *, remember: bool = False) -> None:
        """`remember`: the user asked for accepted passwords to be kept; what is stored is read either way."""
        self._remember = remember
        self._lock = threading.Lock()
        self._backend: KeyringBackend | None = None
        self._looked = False
        self.trouble = ""
        """Why nothing is kept; empty as long as all is well. Never text from a backend, which may quote a secret."""

    def get(self, account: Account) -> Secret | None:
        found = self._with(lambda backend: backend.get_password(account.service, account.user))
        return Secret(found) if found else None

    def offer(self, account: Account, secret: Secret) -> bool:
        return self._remember and self._with(lambda backend: _store(backend, account, secret)) is True

    def forget(self, account: Account) -> None:
        self._with(lambda backend: _remove(backend, account))

    def _with(self, work: Callable[[KeyringBackend], T]) -> T | None:
        """Runs `work` in a thread that may hang; after it hung or failed once the keyring is left alone."""
        with self._lock:
            if self.trouble:
                return None
            done: queue.SimpleQueue[tuple[T | None, str]] = queue.SimpleQueue()
            threading.Thread(target=self._run, args=(work, done), name="keyring", daemon=True).start()
            try:
                value, self.trouble = done.get(timeout=DEADLINE)
            except queue.Empty:
                value, self.trouble = None, f"the keyring gave no answer within {DEADLINE:.0f} s"
            return value

    def _run(self, work: Callable[[KeyringBackend], T], done: queue.SimpleQueue[tuple[T | None, str]]) -> None:
        try:
            if not self._looked:
                self._backend, self._looked = real_backend(), True
            if self._backend is None:
                done.put((None, "there is no keyring that encrypts"))
            else:
                done.put((work(self._backend), ""))
        except Exception as problem:
            done.put((None, f"the keyring failed: {type(problem).__name__}"))


def real_backend() -> KeyringBackend | None:
    """The backend that keyring would use, if it is one that encrypts; of a chain, the first such."""
    import keyring

    chosen = keyring.get_keyring()
    several: tuple[KeyringBackend, ...] = tuple(getattr(chosen, "backends", ()))
    for backend in (chosen, *several):
        if type(backend).__module__ in REAL_BACKENDS:
            return backend
    return None


def _store(backend: KeyringBackend, account: Account, secret: Secret) -> bool:
    backend.set_password(account.service, account.user, secret.reveal().decode())
    return backend.get_password(account.service, account.user) == secret.reveal().decode()


def _remove(backend: KeyringBackend, account: Account) -> None:
    if backend.get_password(account.service, account.user) is not None:
        backend.delete_password(account.service, account.user)
