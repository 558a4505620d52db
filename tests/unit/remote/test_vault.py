"""The keyring: real backends only, a deadline, and nothing kept that nobody asked to keep."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend

from console.remote import vault as vault_module
from console.remote.secret import Secret
from console.remote.vault import Account, KeyringVault, NoVault, real_backend

CANARY = "Kanarienvogel-7719"
ACCOUNT = Account("h.example", "ops", "SHA256:abc")


class Memory(KeyringBackend):
    priority = 1  # type: ignore[assignment]
    viable = False  # keyring offers every subclass that there is as a backend

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Wallet(Memory):
    pass


Wallet.__module__ = "keyring.backends.kwallet"


class Plaintext(Memory):
    pass


Plaintext.__module__ = "keyrings.alt.file"


class Forgetful(Wallet):
    def set_password(self, service: str, username: str, password: str) -> None:
        return


class Locked(Wallet):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError(f"locked; wanted to store {CANARY}")


class Hanging(Wallet):
    def get_password(self, service: str, username: str) -> str | None:
        time.sleep(60)
        return None


for kind in (Forgetful, Locked, Hanging):
    kind.__module__ = "keyring.backends.SecretService"


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[KeyringBackend], KeyringBackend]:
    def choose(backend: KeyringBackend) -> KeyringBackend:
        monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
        return backend

    return choose


def test_service_names_host_user_and_key(use: Callable[[Memory], Memory]) -> None:
    wallet = use(Wallet())
    assert KeyringVault(remember=True).offer(ACCOUNT, Secret(CANARY))
    assert wallet.kept == {("opsconsole login ops@h.example SHA256:abc", "ops"): CANARY}


@pytest.mark.parametrize(
    "other",
    [
        Account("other.example", "ops", "SHA256:abc"),
        Account("h.example", "root", "SHA256:abc"),
        Account("h.example", "ops", "SHA256:new"),
        Account("h.example", "ops", "SHA256:abc", "sudo"),
    ],
)
def test_another_host_user_key_or_purpose_gets_nothing(other: Account, use: Callable[[Memory], Memory]) -> None:
    use(Wallet())
    vault = KeyringVault(remember=True)
    vault.offer(ACCOUNT, Secret(CANARY))
    assert vault.get(other) is None
    found = vault.get(ACCOUNT)
    assert found is not None
    assert found.reveal() == CANARY.encode()


def test_nothing_is_kept_unless_asked(use: Callable[[Memory], Memory]) -> None:
    wallet = use(Wallet())
    assert KeyringVault().offer(ACCOUNT, Secret(CANARY)) is False
    assert wallet.kept == {}


def test_forget(use: Callable[[Memory], Memory]) -> None:
    wallet = use(Wallet())
    vault = KeyringVault(remember=True)
    vault.offer(ACCOUNT, Secret(CANARY))
    vault.forget(ACCOUNT)
    vault.forget(ACCOUNT)
    assert wallet.kept == {}
    assert vault.trouble == ""


@pytest.mark.parametrize("backend", [Plaintext, Memory], ids=["keyrings.alt", "unknown"])
def test_backends_that_do_not_encrypt_are_left_alone(backend: type[Memory], use: Callable[[Memory], Memory]) -> None:
    chosen = use(backend())
    vault = KeyringVault(remember=True)
    assert vault.offer(ACCOUNT, Secret(CANARY)) is False
    assert vault.get(ACCOUNT) is None
    assert chosen.kept == {}
    assert vault.trouble == "there is no keyring that encrypts"


@pytest.mark.parametrize("name", ["keyring.backends.fail.Keyring", "keyring.backends.null.Keyring"])
def test_keyrings_own_placeholders(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring.core

    monkeypatch.setattr(keyring, "get_keyring", lambda: keyring.core.load_keyring(name))
    assert real_backend() is None
    assert KeyringVault(remember=True).offer(ACCOUNT, Secret(CANARY)) is False


def test_of_a_chain_the_real_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, wallet = Plaintext(), Wallet()
    chain = ChainerBackend()
    monkeypatch.setattr(ChainerBackend, "backends", [plain, wallet])
    monkeypatch.setattr(keyring, "get_keyring", lambda: chain)
    assert KeyringVault(remember=True).offer(ACCOUNT, Secret(CANARY))
    assert plain.kept == {}
    assert list(wallet.kept.values()) == [CANARY]


def test_headless_machine_of_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With whatever keyring finds here: no exception, and no file with the secret in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    vault = KeyringVault(remember=True)
    assert vault.get(ACCOUNT) is None
    assert vault.offer(ACCOUNT, Secret(CANARY)) is False
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_store_that_does_not_hold_is_noticed(use: Callable[[Memory], Memory]) -> None:
    use(Forgetful())
    assert KeyringVault(remember=True).offer(ACCOUNT, Secret(CANARY)) is False


def test_a_failing_keyring_is_left_alone_and_not_quoted(use: Callable[[Memory], Memory]) -> None:
    use(Locked())
    vault = KeyringVault(remember=True)
    assert vault.get(ACCOUNT) is None
    assert vault.trouble == "the keyring failed: RuntimeError"


def test_a_hanging_keyring_costs_its_deadline_once(
    use: Callable[[Memory], Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Hanging())
    monkeypatch.setattr(vault_module, "DEADLINE", 0.2)
    vault = KeyringVault()
    start = time.monotonic()
    assert vault.get(ACCOUNT) is None
    assert vault.get(ACCOUNT) is None
    vault.forget(ACCOUNT)
    assert 0.2 <= time.monotonic() - start < 5
    assert "no answer" in vault.trouble


def test_no_vault_keeps_nothing() -> None:
    vault = NoVault()
    assert vault.offer(ACCOUNT, Secret(CANARY)) is False
    assert vault.get(ACCOUNT) is None
    vault.forget(ACCOUNT)


def test_secret_shows_nothing_and_cannot_be_pickled() -> None:
    secret = Secret(CANARY)
    assert CANARY not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError, match="cannot be serialised"):
        pickle.dumps(secret)
    secret.wipe()
    assert secret.reveal() == b""
