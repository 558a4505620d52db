"""Logging in to a real host as each kind of user, and being turned away, seen from both ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from console.remote.connection import LinkState, Privilege
from console.remote.errors import AuthFailed, Cancelled, ConnectFailed, RemoteError
from console.remote.prompter import Ask
from tests.live.driving import Cli
from tests.live.lab import Lab
from tests.live.reaching import Log, Person, agent, reach, sshd

BY_PASSWORD = ("Match User opspw", "    KbdInteractiveAuthentication no")


@pytest.mark.parametrize(
    ("user", "privilege"),
    [
        ("root", Privilege.ROOT),
        ("ops", Privilege.SUDO),
        ("opsfree", Privilege.SUDO_FREE),
        ("opscsh", Privilege.SUDO),
        # sudo asks even those for a password that it will turn away after it.
        ("opsnone", Privilege.SUDO),
    ],
)
def test_by_key(lab: Lab, user: str, privilege: Privilege) -> None:
    person = Person()
    with reach(lab, user, person) as ssh:
        assert (ssh.user, ssh.privilege, ssh.state) == (user, privilege, LinkState.UP)
        assert ssh.run("id -un; pwd").stdout.split()[0] == user.encode()
        assert any(f"publickey ({lab.key})" in note for note in ssh.notes)
    assert person.asked == []


@pytest.mark.parametrize("user", ["opspw", "opskbd", "opstwo"])
def test_by_keyboard_interactive(lab: Lab, user: str) -> None:
    person = Person([lab.users[user].password])
    with reach(lab, user, person) as ssh:
        assert ssh.run("id -un").stdout.split() == [user.encode()]
        how = "publickey" if user == "opstwo" else "keyboard-interactive"
        assert any(f", {how}" in note and note.endswith("keyboard-interactive") for note in ssh.notes)
    assert [(question.kind, question.text, question.echo) for question in person.asked] == [
        (Ask.INTERACTIVE, "Password: ", False)
    ]


def test_by_password(lab: Lab) -> None:
    person = Person([lab.users["opspw"].password])
    log = Log(lab)
    with sshd(lab, *BY_PASSWORD), reach(lab, "opspw", person) as ssh:
        assert ssh.run("id -un").stdout == b"opspw\n"
        assert any(note.endswith(", password") for note in ssh.notes)
    assert [question.kind for question in person.asked] == [Ask.PASSWORD]
    assert len(log.until("Accepted password for opspw")) == 1


@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_a_wrong_password_is_one_attempt(lab: Lab, method: str) -> None:
    person = Person(["guess-one", "guess-two"])
    log = Log(lab)
    with sshd(lab, *(BY_PASSWORD if method == "password" else ())), reach(lab, "opspw", person, connect=False) as ssh:
        with pytest.raises(AuthFailed) as caught:
            ssh.connect()
        assert ssh.state is LinkState.DOWN
    assert f"opspw@{lab.address}:22 lets us in by none of what we have" in str(caught.value)
    assert f" {method}" in str(caught.value)
    assert "guess" not in str(caught.value)
    assert len(person.asked) == 1
    said = "Failed password for opspw" if method == "password" else "error: PAM: Authentication failure for opspw"
    assert len(log.until(said)) == 1
    assert len(log.lines("pam_unix(sshd:auth): authentication failure")) == 1


def test_after_a_wrong_password_the_next_attempt_is_the_users_own(lab: Lab) -> None:
    person = Person(["guess", lab.users["opspw"].password])
    with reach(lab, "opspw", person, connect=False) as ssh:
        with pytest.raises(AuthFailed):
            ssh.connect()
        ssh.connect()
        assert ssh.run("id -un").stdout == b"opspw\n"
    assert len(person.asked) == 2


def test_no_answer_is_no_attempt(lab: Lab) -> None:
    log = Log(lab)
    with reach(lab, "opspw", Person([None]), connect=False) as ssh, pytest.raises(Cancelled):
        ssh.connect()
    log.until("opspw", "[preauth]")
    assert log.lines("Failed password") == []


def test_a_key_with_a_passphrase(lab: Lab, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    key.write_bytes(lab.key.read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(key)], check=True)
    person = Person(["guess", "open sesame"])
    with reach(lab, "ops", person, identity_files=(str(key),)) as ssh:
        assert ssh.run("id -un").stdout == b"ops\n"
    assert [(question.kind, question.failed) for question in person.asked] == [
        (Ask.PASSPHRASE, False),
        (Ask.PASSPHRASE, True),
    ]


def test_an_agent(lab: Lab, tmp_path: Path) -> None:
    with (
        agent(tmp_path, lab.key) as path,
        reach(lab, "ops", identity_files=(), identities_only=False, identity_agent=path) as ssh,
    ):
        assert ssh.run("id -un").stdout == b"ops\n"
        assert any("publickey (agent, lab)" in note for note in ssh.notes)


@pytest.mark.parametrize(
    ("lock", "open_again", "error", "why", "asked"),
    [
        ("usermod -L opspw", "usermod -U opspw", AuthFailed, "keyboard-interactive refused", 1),
        ("usermod -e 1 opspw", "usermod -e '' opspw", AuthFailed, "keyboard-interactive refused", 1),
        (
            "usermod -s /usr/sbin/nologin opspw",
            "usermod -s /bin/bash opspw",
            ConnectFailed,
            "This account is currently not available.",
            1,
        ),
        ("chage -d 0 opspw", "chage -d 20000 opspw", Cancelled, "You are required to change your password", 2),
    ],
)
def test_a_user_who_is_locked_out(
    lab: Lab, lock: str, open_again: str, error: type[RemoteError], why: str, asked: int
) -> None:
    person = Person([lab.users["opspw"].password])
    lab.primary.run(lock)
    try:
        with reach(lab, "opspw", person, connect=False) as ssh:
            with pytest.raises(error) as caught:
                ssh.connect()
            print(lock, "->", type(caught.value).__name__, caught.value)
            assert ssh.state is LinkState.DOWN
        if error is ConnectFailed:
            assert "This account is currently not available." in str(caught.value)
    finally:
        lab.primary.run(open_again)
    assert len(person.asked) == asked


def test_the_command_line_asks_on_the_terminal_and_never_without(lab: Lab, tmp_path: Path) -> None:
    cli = Cli(lab, tmp_path / "home")
    listed = cli.start("zone", "list", "lab-opspw", "--json", answers={"assword": lab.users["opspw"].password}).end()
    assert "lab.example" in [zone["name"] for zone in listed.json["zones"]], listed
    assert listed.asked.count("assword") == 2, "to log in, and to sudo"
    assert lab.users["opspw"].password not in listed.asked + listed.text + listed.err
    refused = cli("zone", "list", "lab-opspw", "--json", "--no-input")
    assert refused.status == 3
    assert refused.asked == ""
    assert refused.json["status"] == 3
    assert "no answer was given" in refused.json["error"]
    assert refused.json["advice"]


def test_the_command_line_tells_a_wrong_password_once(lab: Lab, tmp_path: Path) -> None:
    log = Log(lab)
    wrong = Cli(lab, tmp_path / "home").start("zone", "list", "lab-opspw", answers={"assword": "guess"}).end()
    assert wrong.status == 3
    assert "lets us in by none of what we have" in wrong.err
    assert len(log.until("pam_unix(sshd:auth): authentication failure")) == 1
