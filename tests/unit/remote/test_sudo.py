"""The sudo state machine against programs that behave as sudo does in ten set-ups (reliability.md 5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.remote import exchange
from console.remote.connection import Privilege
from console.remote.errors import Cancelled, LinkLost, SudoRefused
from console.remote.local import Local
from console.remote.prompter import Ask
from console.remote.ssh import Ssh
from console.remote.sudo import SudoPassword
from console.remote.wire import PATH
from tests.unit.remote.private_sshd import Answers, PrivateSshd

PASSWORD = "correct horse % battery"

START = """#!/bin/sh
here=$(dirname "$0")
[ "$1 $2" = "-k -n" ] && { PROBE; }
[ "$1 $2 $3" = "-k -S -p" ] && [ "$5" = -- ] || exit 99
prompt=${4%%%p*}ops${4##*%p}
shift 5
tried() { echo "$1" >>"$here/tried"; }
"""

NEEDS = "echo 'sudo: a password is required' >&2; exit 1"

ASK = 'printf %s "$prompt" >&2; IFS= read -r password; tried "$password"\n'

CHECK = f'[ "$password" = "{PASSWORD}" ]'

FAKES = {
    "password": (NEEDS, f'{ASK}{CHECK} && exec "$@"\necho "Sorry, try again." >&2\n{ASK}{CHECK} && exec "$@"\nexit 1'),
    "lecture": (NEEDS, f'echo "We trust you have received the usual lecture" >&2\n{ASK}{CHECK} && exec "$@"\nexit 1'),
    "sudo-rs": (
        "echo 'sudo: interactive authentication is required' >&2; exit 1",
        f'{ASK}{CHECK} && exec "$@"\nexit 1',
    ),
    "nopasswd": ("exit 0", 'exec "$@"'),
    "requiretty": ("echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1",) * 2,
    "not allowed": (
        NEEDS,
        f"""{ASK}printf "Sorry, user ops is not allowed to execute '%s' as root on box.\\n" "$*" >&2; exit 1""",
    ),
    "not in sudoers, no password": (
        NEEDS,
        """printf 'ops is not in the sudoers file; %s -p %s\\n' "$*" 'other' >&2; exit 1""",
    ),
    "second factor": (NEEDS, 'printf "Verification code: " >&2; IFS= read -r code; tried "$code"; exit 1'),
    "both": (NEEDS, f'{ASK}printf "Verification code: " >&2; IFS= read -r code; tried "$code"; exit 1'),
}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Callable[..., Local]]:
    """Makes a connection whose sudo is the fake of that name, and whose login is nobody special."""
    made: list[Local] = []

    def make(fake: str | None, *answers: str | None) -> Local:
        write(tmp_path / "id", '#!/bin/sh\n[ "$1" = -u ] && echo 1000 || echo ops\n')
        if fake is not None:
            probe, rest = FAKES[fake]
            write(tmp_path / "sudo", START.replace("PROBE", probe) + rest + "\n")
        connection = Local(Answers(*answers), path=f"{tmp_path}:{PATH}" if fake else f"{tmp_path}:{bare(tmp_path)}")
        made.append(connection)
        return connection

    yield make
    for connection in made:
        connection.close()


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def bare(where: Path) -> Path:
    """A PATH without sudo."""
    tools = where / "bare"
    tools.mkdir()
    for tool in ("base64", "cat", "timeout", "sh"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    return tools


def tried(tmp_path: Path) -> list[str]:
    path = tmp_path / "tried"
    return path.read_text().splitlines() if path.exists() else []


def answers(connection: Local) -> Answers:
    prompter = connection._password._prompter
    assert isinstance(prompter, Answers)
    return prompter


PAYLOAD = f"{PASSWORD}\n".encode() + bytes(range(256)) * 200


@pytest.mark.parametrize(
    ("fake", "privilege"),
    [
        ("password", Privilege.SUDO),
        ("lecture", Privilege.SUDO),
        ("sudo-rs", Privilege.SUDO),
        ("nopasswd", Privilege.SUDO_FREE),
        ("requiretty", Privilege.NONE),
        (None, Privilege.NONE),
    ],
)
def test_how_we_act_as_root_is_found_out(host: Callable[..., Local], fake: str | None, privilege: Privilege) -> None:
    connection = host(fake)
    connection.connect()
    assert connection.user == "ops"
    assert connection.privilege is privilege


@pytest.mark.parametrize("fake", ["password", "lecture", "sudo-rs"])
def test_the_right_password_is_asked_for_once_and_kept(host: Callable[..., Local], tmp_path: Path, fake: str) -> None:
    connection = host(fake, PASSWORD)
    for _ in range(3):
        result = connection.run("cat; exit 4", stdin=PAYLOAD, sudo=True)
        assert (result.stdout, result.stderr, result.exit_status) == (PAYLOAD, b"", 4)
        assert PASSWORD.encode() not in result.noise
    assert [question.kind for question in answers(connection).asked] == [Ask.SUDO]
    assert answers(connection).asked[0].failed is False
    assert tried(tmp_path) == [PASSWORD] * 3


def test_without_a_prompt_no_password_is_sent_and_the_payload_is_whole(host: Callable[..., Local]) -> None:
    connection = host("nopasswd", PASSWORD)
    assert connection.run("cat", stdin=PAYLOAD, sudo=True).stdout == PAYLOAD
    assert answers(connection).asked == []


def test_a_wrong_password_ends_it_after_one_try(host: Callable[..., Local], tmp_path: Path) -> None:
    connection = host("password", "guess", PASSWORD)
    with pytest.raises(SudoRefused, match="wrong password"):
        connection.run("cat", stdin=PAYLOAD, sudo=True)
    assert tried(tmp_path) == ["guess"]
    assert connection.run("cat", stdin=PAYLOAD, sudo=True).stdout == PAYLOAD
    assert [question.failed for question in answers(connection).asked] == [False, True]


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        ("requiretty", "you must have a tty"),
        ("not allowed", "not allowed to execute"),
        ("not in sudoers, no password", "not in the sudoers file"),
        (None, "not found"),
    ],
)
def test_a_refusal_is_told_in_sudos_words_and_nothing_was_sent(
    host: Callable[..., Local], tmp_path: Path, fake: str | None, said: str
) -> None:
    connection = host(fake, PASSWORD)
    with pytest.raises(SudoRefused, match=said):
        connection.run("cat >$1", (str(tmp_path / "written"),), stdin=PAYLOAD, sudo=True)
    assert not (tmp_path / "written").exists()
    assert tried(tmp_path) in ([], [PASSWORD])


def test_a_prompt_that_is_not_ours_gets_no_answer(
    host: Callable[..., Local], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "GO_DEADLINE", 0.5)
    for fake, seen in (("second factor", []), ("both", [PASSWORD])):
        connection = host(fake, PASSWORD)
        with pytest.raises(SudoRefused, match="Verification code:"):
            connection.run("cat", stdin=PAYLOAD, sudo=True)
        assert [word for word in tried(tmp_path) if word] == seen
        connection.close()


def test_no_answer_means_nothing_was_run(host: Callable[..., Local], tmp_path: Path) -> None:
    connection = host("password", None, PASSWORD)
    with pytest.raises(Cancelled):
        connection.run("cat", sudo=True)
    assert [word for word in tried(tmp_path) if word] == []
    assert connection.run("echo fine", sudo=True).stdout == b"fine\n"


def test_a_stream_goes_through_the_same_gate(host: Callable[..., Local]) -> None:
    connection = host("password", "guess", PASSWORD)
    with pytest.raises(SudoRefused), connection.stream("cat", stdin=PAYLOAD, sudo=True) as stream:
        list(stream)
    with connection.stream("cat; exit 2", stdin=PAYLOAD, sudo=True) as stream:
        assert b"".join(stream) == PAYLOAD
        assert stream.exit_status == 2
    with connection.stream("echo a; sleep 60", sudo=True, follow=True) as stream:
        assert next(iter(stream)) == b"a\n"


def test_side_by_side_runs_ask_once_and_spend_one_try_on_a_typing_error(
    host: Callable[..., Local], tmp_path: Path
) -> None:
    connection = host("password", PASSWORD)
    connection.connect()
    assert in_threads(4, lambda: connection.run("echo", sudo=True).stdout) == [b"\n"] * 4
    assert len(answers(connection).asked) == 1
    connection = host("password", "guess")
    connection.connect()
    (tmp_path / "tried").unlink()
    results = in_threads(3, lambda: connection.run("echo", sudo=True).stdout)
    assert sorted(type(result).__name__ for result in results) == ["Cancelled", "Cancelled", "SudoRefused"]
    assert [word for word in tried(tmp_path) if word] == ["guess"]


def in_threads(count: int, call: Callable[[], object]) -> list[object]:
    results: list[object] = []

    def body() -> None:
        try:
            results.append(call())
        except Exception as problem:
            results.append(problem)

    threads = [threading.Thread(target=body) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


def test_a_password_that_one_run_lost_is_not_kept_empty_by_another() -> None:
    prompter = Answers(PASSWORD, PASSWORD)
    password = SudoPassword("box", prompter)
    first, second = password.attempt(), password.attempt()
    first.line("ops")
    first.accepted()
    for attempt in (first, second):
        assert attempt.line("ops") == f"{PASSWORD}\n".encode()
    second.refused(wrong=False)
    first.accepted()
    assert password.attempt().line("ops") == f"{PASSWORD}\n".encode()
    assert len(prompter.asked) == 2


def test_close_forgets_the_password(host: Callable[..., Local]) -> None:
    connection = host("password", PASSWORD, PASSWORD)
    connection.run(":", sudo=True)
    kept = connection._password._proven
    assert kept is not None
    connection.close()
    assert not kept
    assert kept.reveal() == b""
    connection.connect()
    connection.run(":", sudo=True)
    assert len(answers(connection).asked) == 2


def test_close_while_sudo_waits_ends_it(host: Callable[..., Local]) -> None:
    connection = host("second factor")
    connection.connect()
    ended: list[object] = []
    thread = threading.Thread(target=lambda: ended.extend(in_threads(1, lambda: connection.run("cat", sudo=True))))
    thread.start()
    thread.join(0.3)
    connection.close()
    thread.join(3)
    assert isinstance(ended[0], LinkLost)


def test_the_password_is_nowhere_but_on_stdin(host: Callable[..., Local], tmp_path: Path) -> None:
    connection = host("password", PASSWORD)
    result = connection.run("tr '\\0' ' ' </proc/$PPID/cmdline; cat /proc/[0-9]*/cmdline 2>/dev/null; env", sudo=True)
    assert b"opsc" in result.stdout
    assert PASSWORD.encode() not in result.stdout + result.stderr + result.noise
    assert PASSWORD not in repr(result) + repr(vars(connection)) + repr(vars(connection._password))


def test_the_gate_is_the_same_over_ssh(sshd: PrivateSshd, tmp_path: Path) -> None:
    write(tmp_path / "id", '#!/bin/sh\n[ "$1" = -u ] && echo 1000 || echo ops\n')
    probe, rest = FAKES["password"]
    write(tmp_path / "sudo", START.replace("PROBE", probe) + rest + "\n")
    prompter = Answers("guess", PASSWORD)
    connection = Ssh("box", sshd.target, prompter, path=f"{tmp_path}:{PATH}")
    try:
        with pytest.raises(SudoRefused, match="wrong password"):
            connection.run("cat", stdin=PAYLOAD, sudo=True)
        for _ in range(2):
            assert connection.run("cat", stdin=PAYLOAD * 60, sudo=True).stdout == PAYLOAD * 60
        assert connection.privilege is Privilege.SUDO
        assert [word for word in tried(tmp_path) if word] == ["guess", PASSWORD, PASSWORD]
        assert [question.failed for question in prompter.asked] == [False, True]
    finally:
        connection.close()
