"""Links to a real host that are cut, killed, refused and limited: what is told, what is done again, and what never."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.dns import desk
from console.dns.ask import Answer
from console.dns.propagation import Target
from console.dns.state import Zone
from console.findings import Severity
from console.hosts import dns_view
from console.inventory import Host, parse
from console.remote.connection import LinkState
from console.remote.errors import ConnectFailed, LinkLost, RemoteError, TunnelRefused
from console.remote.ssh import Ssh
from tests.live.driving import Cli, console, in_thread
from tests.live.lab import SERIALS, Lab, until
from tests.live.reaching import QUICK, Person, outcome, reach, restart_sshd, sshd, trial


@pytest.fixture(autouse=True)
def wires(lab: Lab) -> Iterator[None]:
    yield
    lab.mend("admin")


def background(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """The thread, and where its outcome comes."""
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(outcome(call)), daemon=True)
    thread.start()
    return thread, got


def seen(ssh: Ssh, state: LinkState, deadline: float = 5.0) -> None:
    until(lambda: ssh.state is state, state.value, deadline)


# Cut


def test_a_cut_is_noticed_in_idle_and_mended_without_a_word(lab: Lab) -> None:
    person = Person([lab.users["ops"].password])
    with reach(lab, "ops", person, connect_timeout=1.0, **QUICK) as ssh:
        assert ssh.run("id -un", sudo=True).stdout == b"root\n"
        lab.cut("admin")
        before = time.monotonic()
        seen(ssh, LinkState.STALE)
        seen(ssh, LinkState.DOWN)
        assert time.monotonic() - before < 3
        with pytest.raises(ConnectFailed, match="gave no answer within"):
            ssh.run("id", sudo=True)
        lab.mend("admin")
        trial(lambda: ssh.run("true"), 10, ConnectFailed)
        assert ssh.run("id -un", sudo=True).stdout == b"root\n"
        assert ssh.state is LinkState.UP
    assert len(person.asked) == 1, "the sudo password was still known"


def test_a_short_cut_is_survived_by_the_same_link(lab: Lab) -> None:
    with reach(lab, "ops", idle=0.4, silence=0.4, grace=10) as ssh:
        first = ssh.run("echo $SSH_CONNECTION").stdout
        lab.cut("admin")
        seen(ssh, LinkState.STALE)
        lab.mend("admin")
        seen(ssh, LinkState.UP)
        assert ssh.run("echo $SSH_CONNECTION").stdout == first


@pytest.mark.parametrize("sudo", [False, True])
def test_a_cut_in_the_middle_of_a_run_is_told_and_the_run_is_never_repeated(lab: Lab, sudo: bool) -> None:
    ran = lab.primary.root / "home/opsfree/ran"
    with reach(lab, "opsfree", **QUICK) as ssh:
        thread, got = background(
            lambda: ssh.run('echo x >>"$1"; exec sleep 30', ("/home/opsfree/ran",), sudo=sudo, deadline=25)
        )
        until(ran.exists, "it runs")
        lab.cut("admin")
        before = time.monotonic()
        thread.join(10)
        assert time.monotonic() - before < 3
        assert isinstance(got[0], LinkLost)
        assert got[0].sent
        lab.mend("admin")
        assert ssh.run("cat ran; rm -f ran", sudo=sudo).stdout == b"x\n"


def test_a_cut_in_the_middle_of_a_stream_is_told(lab: Lab) -> None:
    with reach(lab, "opsfree", **QUICK) as ssh, ssh.stream("echo up; exec sleep 30") as stream:
        assert next(iter(stream)) == b"up\n"
        lab.cut("admin")
        problem = outcome(lambda: list(stream))
        assert isinstance(problem, LinkLost)
        assert problem.sent
        assert stream.exit_status is None


def test_closing_does_not_wait_for_a_link_that_is_cut(lab: Lab) -> None:
    with reach(lab, "opsfree") as ssh:
        thread, got = background(lambda: ssh.run("exec sleep 30", deadline=25))
        until(lambda: lab.primary.run("pgrep -u opsfree sleep", check=False).stdout, "it runs")
        lab.cut("admin")
        before = time.monotonic()
        ssh.close()
        thread.join(5)
        assert time.monotonic() - before < 0.5
        assert isinstance(got[0], LinkLost)


async def test_the_screen_shows_the_link_and_comes_back_without_a_question(lab: Lab, tmp_path: Path) -> None:
    async with console(lab, tmp_path, "opsfree", dialogs=True) as screen:
        await screen.zones()
        await screen.until_shown("● up")
        await in_thread(lambda: lab.cut("admin"))
        before = time.monotonic()
        await screen.until_shown("◐ stale", 5)
        await screen.until_shown("✖ down", 5)
        noticed = time.monotonic() - before
        assert not screen.app.errors, "nothing was asked for, nothing failed"
        await in_thread(lambda: lab.mend("admin"))
        await screen.press("r")
        await screen.until_shown("● up")
        await screen.until_shown("lab.example")
        assert type(screen.app.screen).__name__ == "ZonesScreen"
        assert not screen.app.errors
    print(f"the host bar showed the cut after {noticed:.1f} s")


async def test_a_login_password_is_asked_for_again_after_a_cut(lab: Lab, tmp_path: Path) -> None:
    """It was used and not kept; the sudo password was."""
    word = lab.users["opspw"].password
    async with console(lab, tmp_path, "opspw", dialogs=True) as screen:
        for _ in ("to log in", "for sudo"):
            await screen.until_on("AskSecret")
            await screen.type(word)
            await screen.press("enter")
            await screen.until(lambda: type(screen.app.screen).__name__ == "ZonesScreen", "it is taken")
        await screen.zones()
        await in_thread(lambda: lab.cut("admin"))
        await screen.until_shown("✖ down", 5)
        await in_thread(lambda: lab.mend("admin"))
        await screen.press("r")
        await screen.until_on("AskSecret")
        await screen.until_shown("Password:")
        await screen.type(word)
        await screen.press("enter")
        await screen.until_on("ZonesScreen")
        await screen.until_shown("● up")
        await screen.until(lambda: not screen.app.screen.busy, "it is read")  # type: ignore[attr-defined]
        assert not screen.app.errors


# Ended by the host


def test_a_session_of_sshd_that_is_killed_is_opened_again(lab: Lab) -> None:
    with reach(lab, "opsfree") as ssh:
        thread, got = background(lambda: ssh.run('echo x >>"$1"; exec sleep 30', ("ran",)))
        ran = lab.primary.root / "home/opsfree/ran"
        until(ran.exists, "it runs")
        lab.primary.run("pkill -KILL -f '[s]shd: opsfree'")
        thread.join(5)
        assert isinstance(got[0], LinkLost)
        assert got[0].sent
        assert ssh.state is LinkState.DOWN
        assert ssh.run("cat ran; rm ran").stdout == b"x\n"


def test_a_restart_of_sshd_is_not_noticed(lab: Lab) -> None:
    with reach(lab, "opsfree") as ssh:
        first = ssh.run("echo $SSH_CONNECTION").stdout
        restart_sshd(lab)
        assert ssh.run("echo $SSH_CONNECTION").stdout == first
        lab.primary.run("systemctl stop ssh")
        try:
            assert ssh.run("echo $SSH_CONNECTION").stdout == first
            with reach(lab, "opsfree", connect=False) as late, pytest.raises(ConnectFailed, match="Connection refused"):
                late.connect()
        finally:
            restart_sshd(lab)


# Limits of the host


def test_two_sessions_at_once_are_enough(lab: Lab, tmp_path: Path) -> None:
    with sshd(lab, "MaxSessions 2"):
        with reach(lab, "opsfree") as ssh:
            work = [background(lambda: ssh.run("sleep 0.1; echo done").stdout) for _ in range(8)]
            for thread, _ in work:
                thread.join(20)
            assert [got for _, got in work] == [[b"done\n"]] * 8
        listed = Cli(lab, tmp_path / "home")("zone", "list", "lab-opsfree", "--json")
        assert "lab.example" in [zone["name"] for zone in listed.json["zones"]], listed


def test_one_session_at_once_is_enough_to_read(lab: Lab, tmp_path: Path) -> None:
    with sshd(lab, "MaxSessions 1"):
        listed = Cli(lab, tmp_path / "home")("zone", "list", "lab-opsfree", "--json")
        assert "lab.example" in [zone["name"] for zone in listed.json["zones"]], listed


def test_without_forwarding_the_reason_is_told_and_questions_can_go_from_here(zone_reset: Lab) -> None:
    lab = zone_reset
    settings = b"[hosts.box]\nhostname = '%b'\n[hosts.box.dns]\nvantage = 'here'\n" % lab.address.encode()
    from_host, from_here = dns_view(Host("box")), dns_view(parse(settings)[0])
    why = "Administratively prohibited by its sshd (AllowTcpForwarding, PermitOpen)"
    with sshd(lab, "AllowTcpForwarding no"), reach(lab, "opsfree") as ssh:
        with pytest.raises(TunnelRefused) as caught:
            ssh.tunnel(lab.at.ns2, 53)
        assert caught.value.forbidden
        assert str(caught.value) == f"lab-opsfree opens no connection to {lab.at.ns2} port 53: {why}"
        assert ssh.run("echo here").ok, "the link is none the worse"

        zone, answers = survey(ssh, from_host)
        assert zone.serial_served is None
        [unknown] = [finding for finding in zone.findings if finding.id == "S003"]
        assert unknown.severity is Severity.WARNING, "nobody knows: that is no error of named"
        assert why in unknown.why
        assert answers
        assert all(answer.silent and not answer.asked and why in answer.problem for answer in answers.values())

        zone, answers = survey(ssh, from_here)
        assert zone.serial_served == SERIALS["lab.example"]
        assert [(answer.vantage, answer.serial, answer.problem) for answer in answers.values()] == [
            ("here", zone.serial_served, "")
        ] * 2


def survey(ssh: Ssh, view: desk.View) -> tuple[Zone, dict[Target, Answer]]:
    snapshot = desk.survey(ssh, view)
    zone = next(zone for zone in snapshot.zones if zone.name == "lab.example")
    opened = desk.open_zone(ssh, snapshot, zone)
    return zone, desk.ask_all(ssh, view, zone, desk.servers(ssh, view, zone, opened.content))


def test_many_logins_at_once_that_the_host_turns_away_are_told(lab: Lab) -> None:
    """MaxStartups: the host closes the socket before it says anything."""
    with sshd(lab, "MaxStartups 1:100:1"), socket.create_connection((lab.address, 22)) as waiting:
        assert waiting.recv(4) == b"SSH-"
        with reach(lab, "opsfree", connect=False) as ssh, pytest.raises(ConnectFailed) as caught:
            ssh.connect()
    assert lab.address in str(caught.value)


def test_a_reboot_in_between(lab: Lab) -> None:
    person = Person()
    machine = lab.primary
    with reach(lab, "opsfree", person, connect_timeout=1.0, **QUICK) as ssh:
        boot = "cat /proc/sys/kernel/random/boot_id; stat -c %Y /run/systemd/system"
        before = ssh.run(boot).stdout
        machine.run("systemctl reboot", check=False)
        seen(ssh, LinkState.DOWN, 15)
        until(lambda: not machine.attach(), "the machine is off")
        with pytest.raises(ConnectFailed):
            ssh.run("true")
        machine.boot()
        took = trial(lambda: ssh.run("true"), 20, RemoteError)
        assert ssh.run(boot).stdout != before
        assert ssh.run("id -un", sudo=True).stdout == b"root\n"
    assert person.asked == person.shown == []
    print(f"usable again {took:.1f} s after the power came back")
    lab.reset()
