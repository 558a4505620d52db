"""sudo on a real host: as Debian sets it up and as other admins do, and where the password never shows up."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.widgets import Input

from console.remote.connection import Privilege
from console.remote.errors import Cancelled, SudoRefused
from console.remote.prompter import Ask
from tests.live.driving import Cli, console
from tests.live.lab import Lab, until
from tests.live.reaching import Log, Person, outcome, reach, sudoers

IO_LOGS = "/var/log/sudo-io"


def right(lab: Lab, user: str = "ops") -> Person:
    return Person([lab.users[user].password])


def refused(log: Log) -> list[str]:
    return log.lines("pam_unix(sudo:auth): authentication failure")


@pytest.mark.parametrize("user", ["ops", "opscsh"])
def test_the_right_password_is_asked_for_once(lab: Lab, user: str) -> None:
    person = right(lab, user)
    log = Log(lab)
    with reach(lab, user, person) as ssh:
        for text in (b"", b"line\n", bytes(range(256)) * 5000):
            ran = ssh.run("id -un; cat", stdin=text, sudo=True)
            assert (ran.stdout, ran.stderr, ran.exit_status) == (b"root\n" + text, b"", 0)
        streamed = ssh.stream("id -un; seq 3; exit 4", sudo=True)
        assert b"".join(streamed) == b"root\n1\n2\n3\n"
        assert streamed.exit_status == 4
        assert ssh.run("id -un").stdout == f"{user}\n".encode()
    assert [(question.kind, question.user, question.failed) for question in person.asked] == [(Ask.SUDO, user, False)]
    assert refused(log) == []


def test_a_wrong_password_is_one_attempt_and_nothing_runs(lab: Lab) -> None:
    person = Person(["guess", lab.users["ops"].password])
    log = Log(lab)
    with reach(lab, "ops", person) as ssh:
        with pytest.raises(SudoRefused, match=r"wrong password.*nothing was run"):
            ssh.run("touch /root/ran", sudo=True)
        assert len(log.until("ops : 1 incorrect password attempt")) == len(refused(log)) == 1
        assert not (lab.primary.root / "root/ran").exists()
        assert ssh.run("id -un").stdout == b"ops\n", "the link is as it was"
        assert ssh.run("id -un", sudo=True).stdout == b"root\n"
    assert [question.failed for question in person.asked] == [False, True]
    assert len(refused(log)) == 1


def test_no_answer_is_no_attempt(lab: Lab) -> None:
    log = Log(lab)
    with reach(lab, "ops", Person([None])) as ssh, pytest.raises(Cancelled, match="nothing was run"):
        ssh.run("touch /root/ran", sudo=True)
    log.until("session closed for user ops")
    assert log.lines("incorrect password") == []
    assert not (lab.primary.root / "root/ran").exists()


def test_runs_side_by_side_spend_one_attempt_on_a_wrong_password(lab: Lab) -> None:
    person = Person(["guess"])
    log = Log(lab)
    problems: list[BaseException] = []
    with reach(lab, "ops", person) as ssh:

        def run() -> None:
            with pytest.raises((SudoRefused, Cancelled)) as caught:
                ssh.run("id", sudo=True)
            problems.append(caught.value)

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sorted(type(problem).__name__ for problem in problems) == ["Cancelled"] * 3 + ["SudoRefused"]
    assert len(refused(log)) == 1


def test_an_account_that_faillock_has_locked_is_told(lab: Lab) -> None:
    """It counts the question that we leave unanswered, too. Locked, sudo does not even ask."""
    stack = (
        "auth requisite pam_faillock.so preauth deny=2 nodelay\nauth [success=1 default=ignore] pam_unix.so nodelay\n"
    )
    stack += "auth [default=die] pam_faillock.so authfail deny=2 nodelay\nauth required pam_permit.so\n"
    stack += "account required pam_permit.so\nsession required pam_permit.so\n"
    before = lab.primary.read("/etc/pam.d/sudo")
    lab.primary.write("/etc/pam.d/sudo", stack)
    try:
        person = Person(["guess", lab.users["ops"].password])
        log = Log(lab)
        with reach(lab, "ops", person) as ssh:
            with pytest.raises(SudoRefused, match="wrong password"):
                ssh.run("touch /root/ran", sudo=True)
            log.until("1 incorrect password attempt")
            assert lab.primary.run("faillock --user ops").stdout.count("SVC   sudo") == 2
            with pytest.raises(SudoRefused, match="sudo refused, nothing was run"):
                ssh.run("touch /root/ran", sudo=True)
        assert len(person.asked) == len(refused(log)) == 1
        assert not (lab.primary.root / "root/ran").exists()
    finally:
        lab.primary.write("/etc/pam.d/sudo", before)
        lab.primary.run("faillock --user ops --reset")


def test_without_a_password_none_is_asked_for_and_none_is_sent(lab: Lab) -> None:
    person = right(lab, "opsfree")
    with reach(lab, "opsfree", person) as ssh:
        assert ssh.privilege is Privilege.SUDO_FREE
        assert ssh.run("id -un; cat", stdin=b"mine\n", sudo=True).stdout == b"root\nmine\n"
    assert person.asked == []


def test_a_login_that_is_not_in_sudoers(lab: Lab) -> None:
    person = right(lab, "opsnone")
    with reach(lab, "opsnone", person) as ssh:
        with pytest.raises(SudoRefused, match=r"opsnone is not in the sudoers file"):
            ssh.run("touch /root/ran", sudo=True)
        with pytest.raises(Cancelled):
            ssh.run("touch /root/ran", sudo=True)
    assert [question.failed for question in person.asked] == [False, False], "the password was right"
    assert not (lab.primary.root / "root/ran").exists()


@pytest.mark.parametrize("tag", ["", "NOPASSWD: "])
def test_a_rule_for_some_commands_only_echoes_our_argv_and_fools_nobody(lab: Lab, tag: str) -> None:
    """sudo prints the whole command that it refuses: the go-marker must not be in it, and nobody must read it."""
    person = right(lab, "opsnone")
    with sudoers(lab, f"opsnone ALL=(root) {tag}/usr/sbin/rndc"), reach(lab, "opsnone", person) as ssh:
        caught = outcome(lambda: ssh.run("touch /root/ran", stdin=b"payload", sudo=True))
    assert isinstance(caught, SudoRefused)
    assert "user opsnone is not allowed to execute '/bin/sh -c …' as root" in str(caught)
    assert len(str(caught)) < 200
    assert not (lab.primary.root / "root/ran").exists()


@pytest.mark.parametrize(
    "rule",
    [
        "use_pty",
        "!use_pty",
        "lecture=always",
        "passprompt_override",
        'passprompt_override,passprompt="[sudo] pass of %p: "',
        "timestamp_timeout=0",
        "use_pty,log_input,log_output",
        "!use_pty,log_input,log_output",
        "pwfeedback",
        "insults",
    ],
)
def test_other_settings_of_sudo_change_nothing(lab: Lab, rule: str) -> None:
    person = right(lab)
    payload = b"one\r\ntwo\x03\x04\x1c\n\xff" * 200
    with sudoers(lab, f"Defaults {rule}"), reach(lab, "ops", person) as ssh:
        for _ in range(2):
            ran = ssh.run("id -un; cat; echo said >&2", stdin=payload, sudo=True)
            assert (ran.stdout, ran.stderr) == (b"root\n" + payload, b"said\n")
    assert len(person.asked) == 1


def test_requiretty_is_told_and_no_password_is_asked_for(lab: Lab) -> None:
    person = right(lab)
    with sudoers(lab, "Defaults requiretty"), reach(lab, "ops", person) as ssh:
        assert ssh.privilege is Privilege.NONE
        with pytest.raises(SudoRefused, match="you must have a tty to run sudo"):
            ssh.run("id", sudo=True)
    assert person.asked == []


def test_rootpw_asks_for_roots_password_by_name(lab: Lab) -> None:
    person = Person(["the-root-word"])
    lab.primary.run("echo root:the-root-word | chpasswd")
    try:
        with sudoers(lab, "Defaults rootpw"), reach(lab, "ops", person) as ssh:
            assert ssh.run("id -un", sudo=True).stdout == b"root\n"
    finally:
        lab.primary.run("passwd -q -l root")
    assert [(question.user, question.text) for question in person.asked] == [("root", "sudo password of root")]


def test_a_password_that_changed_on_the_host_is_asked_for_again(lab: Lab) -> None:
    old = lab.users["ops"].password
    person = Person([old, "another-word"])
    try:
        with reach(lab, "ops", person) as ssh:
            assert ssh.run("id -un", sudo=True).stdout == b"root\n"
            lab.primary.run("echo ops:another-word | chpasswd")
            with pytest.raises(SudoRefused):
                ssh.run("id", sudo=True)
            assert ssh.run("id -un", sudo=True).stdout == b"root\n"
    finally:
        lab.primary.run("chpasswd", stdin=f"ops:{old}\n")
    assert [question.failed for question in person.asked] == [False, True]


def test_the_password_is_nowhere(lab: Lab, tmp_path: Path) -> None:
    """Not in any process, file, log or journal of the host, nor in what the console writes. sudo's own I/O log has what
    a script is given to read, but not the password."""
    secrets = [lab.users[user].password for user in ("ops", "opsfree", "opspw")]
    cli = Cli(lab, tmp_path / "home")
    word = {"assword": lab.users["opspw"].password}
    with sudoers(lab, "Defaults log_input,log_output"):
        ran = [cli.start("zone", "list", "lab-opspw", "--json", answers=word).end()]
        with (
            reach(lab, "ops", right(lab)) as ssh,
            reach(lab, "opsfree") as free,
            ssh.stream("echo up; read line; sleep 60", stdin=b"the-payload\n", sudo=True) as running,
        ):
            assert next(iter(running)) == b"up\n"
            ran.append(cli("zone", "list", "lab-ops", "--json"))
            assert free.run("id -un; cat", stdin=b"free-payload\n", sudo=True).ok
            processes = lab.primary.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'").stdout
    assert all(each.status < 3 for each in ran), ran
    assert "sudo" in processes
    assert "opsc_" not in processes, "nothing of ours in clear"
    here = b"".join(Path(f"/proc/self/{name}").read_bytes() for name in ("cmdline", "environ"))
    here += b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    here += b"".join(each.asked.encode() for each in ran)
    find = (
        'grep -rlF -e "$1" /etc /home /root /run /tmp /var 2>/dev/null;'
        f'journalctl -q | grep -F -e "$1"; find {IO_LOGS} -type f -exec zgrep -lF -e "$1" {{}} +'
    )
    for secret in secrets:
        assert secret not in processes
        assert secret.encode() not in here
        assert lab.primary.run(find, secret, check=False).stdout == ""
    until(lambda: lab.primary.run(find, "free-payload", check=False).stdout, "sudo's I/O log has what scripts read")
    lab.primary.run(f"rm -r {IO_LOGS}")


async def test_the_screen_tells_a_wrong_password_and_asks_again_only_when_told_to(lab: Lab, tmp_path: Path) -> None:
    log = Log(lab)
    async with console(lab, tmp_path, "ops", dialogs=True) as screen:
        await screen.until_on("AskSecret")
        await screen.until(lambda: isinstance(screen.app.focused, Input), "the line to answer on")
        await screen.until_shown("sudo password for ops@lab-ops")
        await screen.type("guess")
        assert "guess" not in screen.text
        await screen.press("enter")
        await screen.until_shown("wrong password: sudo did not take it, nothing was run")
        await screen.until_on("ZonesScreen")
        assert len(log.until("ops : 1 incorrect password attempt")) == 1
        assert screen.app.screen_stack[-1] is screen.app.screen
        await screen.press("escape", "r")
        await screen.until_on("AskSecret")
        await screen.until(lambda: isinstance(screen.app.focused, Input), "the line to answer on")
        await screen.until_shown("The last answer was refused")
        await screen.type(lab.users["ops"].password)
        await screen.press("enter")
        await screen.zones()
    assert len(refused(log)) == 1


async def test_the_screen_takes_no_answer_for_an_answer(lab: Lab, tmp_path: Path) -> None:
    async with console(lab, tmp_path, "ops", dialogs=True) as screen:
        await screen.until_on("AskSecret")
        await screen.until(lambda: isinstance(screen.app.focused, Input), "the line to answer on")
        await screen.press("escape")
        await screen.until_shown("no sudo password was given")
        await screen.until_on("ZonesScreen")
