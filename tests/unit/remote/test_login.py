"""Logging in: keys against a real sshd, passwords and prompts against paramiko's server, secrets nowhere."""

from __future__ import annotations

import io
import logging
import os
import socket
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import paramiko
import pytest

from console.remote import identities
from console.remote.errors import AuthFailed, Cancelled, HostKeyChanged, HostKeyUnknown, LinkLost, RemoteError
from console.remote.login import HostIdentity, authenticate, check_host_key, prefer_known_keys
from console.remote.prompter import Ask, HostKeyQuestion, Question
from console.remote.secret import Secret
from console.remote.target import Target
from console.remote.vault import Account, NoVault
from tests.unit.remote.piped_sshd import USER, PipedSshd, keygen, public

CANARY = "Kanarienvogel-7719"
HOST = HostIdentity("h.example", "ssh-ed25519", "SHA256:x")


@dataclass
class Person:
    """Answers in order; an answer of None is a cancelled prompt."""

    answers: list[str | None] = field(default_factory=list)
    accepts: bool = False
    asked: list[Question] = field(default_factory=list)
    shown: list[HostKeyQuestion] = field(default_factory=list)

    def ask(self, question: Question) -> Secret | None:
        self.asked.append(question)
        answer = self.answers.pop(0)
        return None if answer is None else Secret(answer)

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        self.shown.append(question)
        return self.accepts


@dataclass
class Shelf:
    """A vault in memory."""

    kept: dict[Account, str] = field(default_factory=dict)
    offered: list[Account] = field(default_factory=list)

    def get(self, account: Account) -> Secret | None:
        return Secret(self.kept[account]) if account in self.kept else None

    def offer(self, account: Account, secret: Secret) -> bool:
        self.offered.append(account)
        return False

    def forget(self, account: Account) -> None:
        del self.kept[account]


# --- the real sshd ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    for name in ("host", "mine", "spare1", "spare2", "spare3", "authority"):
        keygen(directory / name)
    keygen(directory / "host_rsa", "rsa", "", "-b", "2048")
    keygen(directory / "locked", "ed25519", CANARY)
    keygen(directory / "locked_pem", "rsa", CANARY, "-m", "PEM", "-b", "2048")
    keygen(directory / "rsa", "rsa", "", "-b", "2048")
    keygen(directory / "ecdsa", "ecdsa")
    return directory


@pytest.fixture
def closing() -> Iterator[list[Callable[[], None]]]:
    work: list[Callable[[], None]] = []
    yield work
    for close in reversed(work):
        close()


@pytest.fixture
def serve(keys: Path, tmp_path: Path, closing: list[Callable[[], None]]) -> Callable[..., paramiko.Transport]:
    """A started transport to an sshd that lets the named keys in."""

    def start(*authorized: str, options: tuple[str, ...] = (), target: Target | None = None) -> paramiko.Transport:
        host_keys = [keys / "host", keys / "host_rsa"]
        sshd = PipedSshd(tmp_path, host_keys, [keys / name for name in authorized], *options)
        closing.append(sshd.close)
        transport = paramiko.Transport(sshd.connect())
        closing.append(transport.close)
        if target:
            prefer_known_keys(transport, target)
        transport.start_client(timeout=20)
        return transport

    return start


def target(**changes: object) -> Target:
    return replace(Target("box", "h.example", 22, USER), **changes)  # type: ignore[arg-type]


@pytest.fixture
def agent(
    keys: Path, closing: list[Callable[[], None]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """The socket of an ssh-agent that holds the named keys."""

    def start(*names: str) -> str:
        path = tmp_path_factory.mktemp("a") / "s"
        process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
        closing.append(lambda: stop(process))
        until = time.monotonic() + 10
        while not path.exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        for name in names:
            command = ["ssh-add", "-q", str(keys / name)]
            subprocess.run(command, check=True, env={**os.environ, "SSH_AUTH_SOCK": str(path)}, capture_output=True)
        return str(path)

    return start


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


@pytest.mark.parametrize("name", ["mine", "rsa", "ecdsa"])
def test_key_file(name: str, keys: Path, serve: Callable[..., paramiko.Transport]) -> None:
    person = Person()
    files = (str(keys / "missing"), str(keys / name))
    transport = serve(name)
    how = authenticate(transport, target(identity_files=files), person, NoVault(), HOST)
    assert how == f"publickey ({keys / name})"
    assert person.asked == []
    assert transport.is_authenticated()
    channel = transport.open_session(timeout=10)
    channel.exec_command("echo here")
    assert channel.recv(100) == b"here\n"


@pytest.mark.parametrize("name", ["locked", "locked_pem"])
def test_passphrase_is_asked_again_when_wrong(name: str, keys: Path, serve: Callable[..., paramiko.Transport]) -> None:
    person = Person(["wrong", CANARY])
    how = authenticate(serve(name), target(identity_files=(str(keys / name),)), person, NoVault(), HOST)
    assert how == f"publickey ({keys / name})"
    assert [(each.kind, each.failed, each.echo) for each in person.asked] == [
        (Ask.PASSPHRASE, False, False),
        (Ask.PASSPHRASE, True, False),
    ]


def test_passphrase_of_a_key_that_the_host_does_not_want_is_not_asked(
    keys: Path, serve: Callable[..., paramiko.Transport]
) -> None:
    person = Person()
    files = (str(keys / "locked"), str(keys / "locked_pem"))
    with pytest.raises(AuthFailed) as caught:
        authenticate(serve("mine"), target(identity_files=files), person, NoVault(), HOST)
    assert person.asked == []
    for name in files:
        assert f"publickey ({name})" in str(caught.value)
    assert "the host takes publickey" in str(caught.value)


def test_cancelled_passphrase_ends_the_login(keys: Path, serve: Callable[..., paramiko.Transport]) -> None:
    with pytest.raises(Cancelled):
        authenticate(serve("locked"), target(identity_files=(str(keys / "locked"),)), Person([None]), NoVault(), HOST)


def test_three_wrong_passphrases_are_enough(keys: Path, serve: Callable[..., paramiko.Transport]) -> None:
    person = Person(["a", "b", "c"])
    with pytest.raises(AuthFailed, match="no passphrase given opens"):
        authenticate(serve("locked"), target(identity_files=(str(keys / "locked"),)), person, NoVault(), HOST)
    assert len(person.asked) == 3


def test_agent_without_touching_the_environment(
    serve: Callable[..., paramiko.Transport], agent: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nonexistent")
    how = authenticate(serve("mine"), target(identity_agent=agent("spare1", "mine")), Person(), NoVault(), HOST)
    assert how == "publickey (agent, mine)"
    assert os.environ["SSH_AUTH_SOCK"] == "/nonexistent"


def test_agent_signs_for_a_locked_file(
    keys: Path, serve: Callable[..., paramiko.Transport], agent: Callable[..., str], tmp_path: Path
) -> None:
    """The private file may even be absent: its .pub says which key of the agent is meant."""
    only_public = tmp_path / "elsewhere"
    Path(f"{only_public}.pub").write_text((keys / "rsa.pub").read_text())
    here = target(identity_files=(str(only_public),), identities_configured=True, identity_agent=agent("rsa"))
    assert authenticate(serve("rsa"), here, Person(), NoVault(), HOST) == f"publickey (agent, {only_public})"


def test_configured_key_goes_before_a_full_agent(
    keys: Path, serve: Callable[..., paramiko.Transport], agent: Callable[..., str]
) -> None:
    """MaxAuthTries 2: four keys of the agent before it would be too many."""
    sock = agent("spare1", "spare2", "spare3", "ecdsa")
    here = target(identity_files=(str(keys / "mine"),), identities_configured=True, identity_agent=sock)
    transport = serve("mine", options=("MaxAuthTries 2",))
    assert authenticate(transport, here, Person(), NoVault(), HOST) == f"publickey ({keys / 'mine'})"


def test_too_many_keys_end_in_a_plain_reason(
    serve: Callable[..., paramiko.Transport], agent: Callable[..., str]
) -> None:
    transport = serve("mine", options=("MaxAuthTries 2",))
    here = target(identity_agent=agent("spare1", "spare2", "spare3", "mine"))
    with pytest.raises(AuthFailed, match="closed the connection") as caught:
        authenticate(transport, here, Person(), NoVault(), HOST)
    assert "publickey (agent, spare1)" in str(caught.value)


def test_identities_only_leaves_the_rest_of_the_agent_alone(
    keys: Path, serve: Callable[..., paramiko.Transport], agent: Callable[..., str]
) -> None:
    here = target(identity_files=(str(keys / "spare1"),), identities_only=True, identity_agent=agent("spare1", "mine"))
    with pytest.raises(AuthFailed) as caught:
        authenticate(serve("mine"), here, Person(), NoVault(), HOST)
    assert "spare1" in str(caught.value)
    assert "mine" not in str(caught.value)


def test_certificate_in_a_file(keys: Path, serve: Callable[..., paramiko.Transport], tmp_path: Path) -> None:
    key = keygen(tmp_path / "certified")
    command = ["ssh-keygen", "-q", "-s", str(keys / "authority"), "-I", "me", "-n", USER, f"{key}.pub"]
    subprocess.run(command, check=True, capture_output=True)
    transport = serve("spare1", options=(f"TrustedUserCAKeys {keys / 'authority.pub'}",))
    how = authenticate(transport, target(identity_files=(str(key),)), Person(), NoVault(), HOST)
    assert how == f"publickey (certificate, {key})"


def test_key_that_others_can_read_is_not_used(
    keys: Path, serve: Callable[..., paramiko.Transport], tmp_path: Path
) -> None:
    key = keygen(tmp_path / "open")
    key.chmod(0o644)
    with pytest.raises(AuthFailed, match="can be read by others"):
        authenticate(serve("mine"), target(identity_files=(str(key),)), Person(), NoVault(), HOST)


def test_dead_agent_is_said_and_the_file_still_works(
    keys: Path, serve: Callable[..., paramiko.Transport], tmp_path: Path
) -> None:
    here = target(identity_agent=str(tmp_path / "no-agent"), identity_files=(str(keys / "mine"),))
    assert authenticate(serve("mine"), here, Person(), NoVault(), HOST).startswith("publickey")
    ring = identities.gather(here)
    assert "does not answer" in ring.trouble[0]


def test_an_agent_that_breaks_off_is_said_and_the_next_key_is_tried(
    keys: Path, serve: Callable[..., paramiko.Transport], tmp_path: Path
) -> None:
    blob = paramiko.pkey.PublicBlob.from_file(f"{keys / 'spare1'}.pub").key_blob
    held = paramiko.Message()
    held.add_byte(b"\x0c")  # SSH_AGENT_IDENTITIES_ANSWER
    held.add_int(1)
    held.add_string(blob)
    held.add_string("lent")
    path = str(tmp_path / "agent")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve_once() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(100)
                peer.sendall(len(held.asbytes()).to_bytes(4, "big") + held.asbytes())

        threading.Thread(target=serve_once, daemon=True).start()
        here = target(identity_agent=path, identity_files=(str(keys / "mine"),))
        assert authenticate(serve("mine"), here, Person(), NoVault(), HOST) == f"publickey ({keys / 'mine'})"


def test_a_public_key_file_names_the_key_of_the_agent(
    keys: Path, serve: Callable[..., paramiko.Transport], agent: Callable[..., str], tmp_path: Path
) -> None:
    """As ssh has it: `IdentityFile some.pub` with the private key in an agent only."""
    named = tmp_path / "named.pub"
    named.write_bytes((keys / "mine.pub").read_bytes())
    here = target(identity_files=(str(named),), identities_only=True, identities_configured=True)
    full = replace(here, identity_agent=agent("spare1", "mine"))
    assert authenticate(serve("mine"), full, Person(), NoVault(), HOST) == f"publickey (agent, {named})"
    with pytest.raises(AuthFailed, match=r"named\.pub is a public key, and the agent does not hold"):
        authenticate(serve("mine"), replace(here, identity_agent=agent("spare1")), Person(), NoVault(), HOST)


def test_public_part_is_read_without_a_passphrase(keys: Path) -> None:
    for name, encrypted in (("mine", False), ("locked", True), ("rsa", False), ("ecdsa", False)):
        blob, locked = identities.read_public((keys / name).read_bytes())
        assert locked is encrypted
        assert blob == paramiko.pkey.PublicBlob.from_file(f"{keys / name}.pub").key_blob
    assert identities.read_public((keys / "locked_pem").read_bytes()) == (None, True)
    for broken in (b"", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", b"-----BEGIN OPENSSH PRIVATE KEY-----\n!"):
        assert identities.read_public(broken) == (None, False)


# --- host keys -------------------------------------------------------------------------------------------------------


def test_unknown_key_is_shown_and_then_known(
    keys: Path, serve: Callable[..., paramiko.Transport], tmp_path: Path
) -> None:
    file = tmp_path / "ssh" / "known_hosts"
    here = target(port=2222, user_known_hosts=(str(file),))
    refusing, accepting, never = Person(), Person(accepts=True), Person()
    transport = serve("mine")
    with pytest.raises(HostKeyUnknown):
        check_host_key(transport, here, refusing)
    assert not file.exists()
    identity = check_host_key(transport, here, accepting)
    assert file.read_text() == f"[h.example]:2222 {public(keys / 'host')}\n"
    assert accepting.shown[0].host == "[h.example]:2222"
    assert accepting.shown[0].fingerprint == identity.fingerprint
    assert accepting.shown[0].known_hosts == str(file)
    assert check_host_key(transport, here, never) == identity
    assert never.shown == []


def test_changed_key_names_file_and_line_and_asks_nothing(
    keys: Path, serve: Callable[..., paramiko.Transport], tmp_path: Path
) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"# one\nh.example {public(keys / 'mine')}\n")
    person = Person(accepts=True)
    with pytest.raises(HostKeyChanged, match=f"{file} line 2 has another one"):
        check_host_key(serve("mine"), target(user_known_hosts=(str(file),)), person)
    assert person.shown == []
    assert file.read_text().count("\n") == 2


def test_revoked_key(keys: Path, serve: Callable[..., paramiko.Transport], tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"h.example {public(keys / 'host')}\n@revoked * {public(keys / 'host')}\n")
    with pytest.raises(HostKeyChanged, match="line 2 marks as @revoked"):
        check_host_key(serve("mine"), target(global_known_hosts=(str(file),)), Person())


def test_known_type_is_negotiated(keys: Path, serve: Callable[..., paramiko.Transport], tmp_path: Path) -> None:
    """The host has ed25519 too; without the preference its unstored key would look like an attack."""
    file = tmp_path / "known_hosts"
    file.write_text(f"h.example {public(keys / 'host_rsa')}\n")
    here = target(user_known_hosts=(str(file),))
    assert check_host_key(serve("mine", target=here), here, Person()).key_type == "ssh-rsa"
    with pytest.raises(HostKeyChanged):
        check_host_key(serve("mine"), here, Person())


def test_a_file_that_cannot_be_written_is_said(serve: Callable[..., paramiko.Transport]) -> None:
    transport = serve("mine")
    there = check_host_key(transport, target(user_known_hosts=("/dev/null",)), Person(accepts=True))
    assert "for now only" in there.note
    nowhere = check_host_key(transport, target(), Person(accepts=True))
    assert "no file to remember it in" in nowhere.note


# --- passwords and prompts: paramiko's server ------------------------------------------------------------------------


class Server(paramiko.ServerInterface):
    """Takes the canary as password; asks two questions; counts what it was sent."""

    def __init__(self, methods: str, *, questions: list[tuple[str, bool]] | None = None, chain: bool = False) -> None:
        self.methods = methods
        self.questions = [("Password: ", False), ("Code\x1b[31m: ", True)] if questions is None else questions
        self.chain = chain
        self.passwords: list[str] = []
        self.responses: list[list[str]] = []
        self.transport: paramiko.Transport | None = None
        self.expired = False

    def get_allowed_auths(self, username: str) -> str:
        return self.methods

    def check_auth_password(self, username: str, password: str) -> int:
        self.passwords.append(password)
        if self.expired:
            assert self.transport
            request = paramiko.Message()
            request.add_byte(bytes([60]))
            request.add_string("Change it")
            request.add_string("")
            self.transport._send_message(request)  # type: ignore[attr-defined]
        if password != CANARY:
            return paramiko.common.AUTH_FAILED
        if self.chain:
            self.methods = "keyboard-interactive"
            return paramiko.common.AUTH_PARTIALLY_SUCCESSFUL
        return paramiko.common.AUTH_SUCCESSFUL

    def check_auth_interactive(self, username: str, submethods: str) -> int | paramiko.InteractiveQuery:
        if not self.questions:
            return paramiko.common.AUTH_FAILED
        return paramiko.InteractiveQuery("Login", "be quick", *self.questions)

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        self.responses.append(responses)
        right = responses[-1] == "123456"
        return paramiko.common.AUTH_SUCCESSFUL if right else paramiko.common.AUTH_FAILED


@pytest.fixture
def pretend(keys: Path, closing: list[Callable[[], None]]) -> Callable[[Server], paramiko.Transport]:
    def start(server: Server) -> paramiko.Transport:
        ours, theirs = socket.socketpair()
        host = paramiko.Transport(theirs)
        host.add_server_key(paramiko.Ed25519Key.from_private_key_file(str(keys / "host")))
        server.transport = host
        threading.Thread(target=host.start_server, kwargs={"server": server, "event": threading.Event()}).start()
        transport = paramiko.Transport(ours)
        closing.extend((host.close, transport.close))
        transport.start_client(timeout=20)
        return transport

    return start


ACCOUNT = Account(HOST.name, USER, HOST.fingerprint)


def test_password_is_asked_for_and_offered_to_the_vault(pretend: Callable[[Server], paramiko.Transport]) -> None:
    server, person, shelf = Server("password"), Person([CANARY]), Shelf()
    assert authenticate(pretend(server), target(), person, shelf, HOST) == "password"
    assert server.passwords == [CANARY]
    assert [(each.kind, each.echo, each.user, each.host) for each in person.asked] == [
        (Ask.PASSWORD, False, USER, HOST.name)
    ]
    assert shelf.offered == [ACCOUNT]


def test_wrong_password_is_sent_exactly_once(pretend: Callable[[Server], paramiko.Transport]) -> None:
    server, person, shelf = Server("password"), Person(["wrong", CANARY]), Shelf()
    with pytest.raises(AuthFailed, match="password refused; the host takes password"):
        authenticate(pretend(server), target(), person, shelf, HOST)
    assert server.passwords == ["wrong"]
    assert len(person.asked) == 1
    assert shelf.offered == []


def test_stored_password(pretend: Callable[[Server], paramiko.Transport]) -> None:
    server, person = Server("password,keyboard-interactive"), Person()
    assert authenticate(pretend(server), target(), person, Shelf({ACCOUNT: CANARY}), HOST) == "password (keyring)"
    assert person.asked == []


def test_stored_password_that_is_refused_is_forgotten_and_nothing_else_is_sent(
    pretend: Callable[[Server], paramiko.Transport],
) -> None:
    server, person, shelf = Server("password,keyboard-interactive"), Person([CANARY]), Shelf({ACCOUNT: "old"})
    with pytest.raises(AuthFailed, match="removed from the keyring"):
        authenticate(pretend(server), target(), person, shelf, HOST)
    assert (server.passwords, server.responses, person.asked, shelf.kept) == (["old"], [], [], {})


def test_keyboard_interactive_asks_each_prompt(pretend: Callable[[Server], paramiko.Transport]) -> None:
    server, person = Server("keyboard-interactive"), Person([CANARY, "123456"])
    assert authenticate(pretend(server), target(), person, NoVault(), HOST) == "keyboard-interactive"
    assert server.responses == [[CANARY, "123456"]]
    assert [(each.kind, each.echo) for each in person.asked] == [(Ask.INTERACTIVE, False), (Ask.INTERACTIVE, True)]
    assert person.asked[0].text == "Login\nbe quick\nPassword: "


def test_keyboard_interactive_refused_does_not_go_on_to_the_password(
    pretend: Callable[[Server], paramiko.Transport],
) -> None:
    server, person = Server("password,keyboard-interactive"), Person([CANARY, "000000", CANARY])
    with pytest.raises(AuthFailed, match="keyboard-interactive refused"):
        authenticate(pretend(server), target(), person, NoVault(), HOST)
    assert len(server.responses) == 1
    assert server.passwords == []


def test_keyboard_interactive_that_asks_nothing_leaves_the_password(
    pretend: Callable[[Server], paramiko.Transport],
) -> None:
    server, person = Server("password,keyboard-interactive", questions=[]), Person([CANARY])
    how = authenticate(pretend(server), target(), person, NoVault(), HOST)
    assert how == "password"


def test_password_and_then_a_code(pretend: Callable[[Server], paramiko.Transport]) -> None:
    server, person = Server("password", questions=[("Code: ", True)], chain=True), Person([CANARY, "123456"])
    how = authenticate(pretend(server), target(), person, NoVault(), HOST)
    assert how == "password + keyboard-interactive"


def test_expired_password(pretend: Callable[[Server], paramiko.Transport]) -> None:
    server = Server("password")
    server.expired = True
    with pytest.raises(AuthFailed, match="password has expired") as caught:
        authenticate(pretend(server), target(), Person([CANARY]), NoVault(), HOST)
    assert "UserAuth" in locals_of(caught.value)
    assert CANARY not in locals_of(caught.value)


def test_cancelled_prompt_sends_nothing(pretend: Callable[[Server], paramiko.Transport]) -> None:
    server = Server("password")
    with pytest.raises(Cancelled):
        authenticate(pretend(server), target(), Person([None]), NoVault(), HOST)
    assert server.passwords == []


def test_host_that_takes_keys_only_is_not_sent_a_password(
    keys: Path, pretend: Callable[[Server], paramiko.Transport]
) -> None:
    person = Person([CANARY])
    with pytest.raises(AuthFailed, match="there was nothing to try; the host takes publickey"):
        authenticate(pretend(Server("publickey")), target(), person, NoVault(), HOST)
    assert person.asked == []


def test_lost_connection_is_not_a_refusal(pretend: Callable[[Server], paramiko.Transport]) -> None:
    transport = pretend(Server("password"))
    transport.close()
    with pytest.raises(LinkLost) as caught:
        authenticate(transport, target(), Person(), NoVault(), HOST)
    assert caught.value.sent is False


# --- secrets ---------------------------------------------------------------------------------------------------------


def locals_of(error: BaseException) -> str:
    """A traceback with the repr of every local of our own code and of paramiko's, as Textual's crash page prints it."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(text for text in report.format() if f"tests{os.sep}" not in text.split("\n")[0])


def test_no_secret_in_logs_reprs_and_errors(
    keys: Path,
    pretend: Callable[[Server], paramiko.Transport],
    serve: Callable[..., paramiko.Transport],
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root, level = logging.getLogger(), logging.getLogger("paramiko").level
    root.addHandler(handler)
    logging.getLogger("paramiko").setLevel(logging.DEBUG)
    told: list[str] = []

    def attempt(work: Callable[[], str]) -> None:
        try:
            told.append(work())
        except RemoteError as error:
            told.extend((str(error), repr(error), locals_of(error)))

    locked = target(identity_files=(str(keys / "locked"),))
    wrong = f"{CANARY}-wrong"
    try:
        attempt(lambda: authenticate(pretend(Server("password")), target(), Person([CANARY]), NoVault(), HOST))
        attempt(lambda: authenticate(pretend(Server("password")), target(), Person([wrong]), NoVault(), HOST))
        attempt(lambda: authenticate(pretend(Server("password")), target(), Person(), Shelf({ACCOUNT: wrong}), HOST))
        chain = Server("keyboard-interactive")
        attempt(lambda: authenticate(pretend(chain), target(), Person([CANARY, wrong]), NoVault(), HOST))
        attempt(lambda: authenticate(serve("locked"), locked, Person([CANARY]), NoVault(), HOST))
        attempt(lambda: authenticate(serve("locked"), locked, Person([wrong] * 3), NoVault(), HOST))
        attempt(lambda: lose_the_link(pretend))
    finally:
        root.removeHandler(handler)
        logging.getLogger("paramiko").setLevel(level)
    assert told[0] == "password"
    assert "closed the connection" in told[-3]
    assert "userauth" in log.getvalue() or "Disconnect" in log.getvalue() or "kex" in log.getvalue()
    printed = capsys.readouterr()
    for text in (log.getvalue(), printed.out, printed.err, *told):
        assert CANARY not in text


def lose_the_link(pretend: Callable[[Server], paramiko.Transport]) -> str:
    """The host goes away as the password is on its way."""
    server = Server("password")

    def drop(username: str, password: str) -> int:
        raise EOFError

    server.check_auth_password = drop  # type: ignore[method-assign]
    return authenticate(pretend(server), target(), Person([CANARY]), NoVault(), HOST)
