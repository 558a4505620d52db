"""Host keys on the way to a real host: unknown, changed, revoked, hashed, and those of a jump host."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input

from console.remote.connection import LinkState
from console.remote.errors import HostKeyChanged, HostKeyUnknown
from tests.live.driving import Cli, console
from tests.live.lab import Lab
from tests.live.reaching import Client, Log, Person, outcome, reach

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture
def client(lab: Lab, tmp_path: Path) -> Client:
    return Client(lab, tmp_path / "client")


@pytest.fixture(scope="module")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> str:
    """`type base64` of a key that no host has."""
    path = tmp_path_factory.mktemp("other") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return " ".join(Path(f"{path}.pub").read_text().split()[:2])


def fingerprints(lab: Lab) -> dict[str, str]:
    """Key type to fingerprint, as the host itself tells them."""
    listing = lab.primary.run("for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -l -f $key; done").stdout
    return {line.split()[-1].strip("()"): line.split()[1] for line in listing.splitlines()}


def logins(log: Log) -> list[str]:
    return log.lines("sshd[", "Accepted")


def settled(lab: Lab, log: Log) -> None:
    """Waits until sshd's log is past all that came before."""
    with reach(lab, "root"):
        log.until("Accepted publickey for root")


# First sight


def test_an_unknown_key_is_shown_as_the_host_prints_it_and_one_line_is_added(lab: Lab, client: Client) -> None:
    client.known_hosts.write_bytes(b"# mine\nother.example ssh-ed25519 AAAA")
    person = Person(accepts=True)
    with reach(client, "ops", person) as ssh:
        assert ssh.run("id -un").stdout == b"ops\n"
    question = person.shown[0]
    kind = {"ssh-ed25519": "ED25519", "ecdsa-sha2-nistp256": "ECDSA"}[question.key_type]
    assert question.fingerprint == fingerprints(lab)[kind]
    assert (question.host, question.known_hosts) == (lab.address, str(client.known_hosts))
    before, line = client.known_hosts.read_bytes().rsplit(b"\n", 2)[:2]
    assert before == b"# mine\nother.example ssh-ed25519 AAAA"
    assert line in lab.known_hosts.read_bytes().replace(
        f"{lab.at.admin},{lab.at.ns1},{lab.at.ns1_alias}".encode(), lab.address.encode()
    )
    again = Person()
    with reach(client, "ops", again):
        assert again.shown == []
    judge = ["ssh", "-F", str(client.ssh_config), "lab-ops", "id -un"]
    assert subprocess.run(judge, capture_output=True, check=True).stdout == b"ops\n", "OpenSSH takes the line too"


def test_a_name_is_written_hashed_where_ssh_config_wants_that(lab: Lab, client: Client) -> None:
    client.known_hosts.write_bytes(b"")
    with reach(client, "ops", Person(accepts=True), hash_known_hosts=True):
        pass
    assert client.known_hosts.read_bytes().startswith(b"|1|")
    assert lab.address.encode() not in client.known_hosts.read_bytes()
    with reach(client, "ops", Person()):
        pass
    found = subprocess.run(
        ["ssh-keygen", "-F", lab.address, "-f", str(client.known_hosts)], capture_output=True, check=True
    )
    assert b"found: line 1" in found.stdout


def test_a_file_that_ssh_keygen_hashed_is_read(client: Client) -> None:
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(client.known_hosts)], check=True, capture_output=True)
    assert b"10.99." not in client.known_hosts.read_bytes()
    with reach(client, "ops") as ssh:
        assert ssh.state is LinkState.UP


def test_a_key_that_is_not_accepted_gets_nothing_sent(lab: Lab, client: Client) -> None:
    client.known_hosts.write_bytes(b"")
    log = Log(lab)
    with reach(client, "opspw", Person([lab.users["opspw"].password]), connect=False) as ssh:
        with pytest.raises(HostKeyUnknown, match="is not known and not accepted"):
            ssh.connect()
        assert ssh.state is LinkState.DOWN
    settled(lab, log)
    assert len(logins(log)) == 1
    assert log.lines("opspw") == [], "the host never heard the name"
    assert client.known_hosts.read_bytes() == b""


async def test_the_screen_shows_the_fingerprint_and_yes_connects(lab: Lab, client: Client, tmp_path: Path) -> None:
    client.known_hosts.write_bytes(b"")
    async with console(client, tmp_path, "opsfree", dialogs=True) as screen:  # type: ignore[arg-type]
        await screen.until_on("AskHostKey")
        await screen.until(lambda: isinstance(screen.app.focused, Input), "the line to answer on")
        shown = screen.text
        assert any(fingerprint in shown for fingerprint in fingerprints(lab).values()), shown
        assert f"opsfree@{lab.address}:22" in shown
        await screen.type("yes")
        await screen.press("enter")
        await screen.zones()
    assert client.known_hosts.read_bytes().count(b"\n") == 1


async def test_an_authority_that_cannot_be_checked_is_told_before_the_answer(
    client: Client, tmp_path: Path, other_key: str
) -> None:
    client.known_hosts.write_text(f"@cert-authority * {other_key}\n")
    told = "host certificates cannot be checked here"
    ran = Cli(client, tmp_path / "home").start("zone", "list", "lab-opsfree", answers={"[yes/no]": "no"}).end()  # type: ignore[arg-type]
    assert ran.status == 3
    assert told in ran.asked
    async with console(client, tmp_path, "opsfree", dialogs=True) as screen:  # type: ignore[arg-type]
        await screen.until_on("AskHostKey")
        await screen.until(lambda: told in " ".join(screen.text.replace("│", " ").split()), "the note")
        await screen.press("escape")


@pytest.mark.parametrize("answer", ["no", "y", ""])
async def test_the_screen_takes_only_yes_for_a_yes(lab: Lab, client: Client, tmp_path: Path, answer: str) -> None:
    client.known_hosts.write_bytes(b"")
    log = Log(lab)
    async with console(client, tmp_path, "opsfree", dialogs=True) as screen:  # type: ignore[arg-type]
        await screen.until_on("AskHostKey")
        await screen.until(lambda: isinstance(screen.app.focused, Input), "the line to answer on")
        await screen.type(answer)
        await screen.press("enter" if answer else "escape")
        await screen.until_shown("is not known and not")
        await screen.until_on("ZonesScreen")
        assert "✖ down" in screen.text
    settled(lab, log)
    assert log.lines("opsfree") == []
    assert client.known_hosts.read_bytes() == b""


def test_the_command_line_asks_for_yes(lab: Lab, client: Client, tmp_path: Path) -> None:
    client.known_hosts.write_bytes(b"")
    cli = Cli(client, tmp_path / "home")  # type: ignore[arg-type]
    without = cli("zone", "list", "lab-opsfree", "--json", "--no-input")
    assert (without.status, without.asked, client.known_hosts.read_bytes()) == (3, "", b"")
    assert "not known and not accepted" in without.json["error"]
    assert cli.start("zone", "list", "lab-opsfree", answers={"[yes/no]": "y"}).end().status == 3
    agreed = cli.start("zone", "list", "lab-opsfree", "--json", answers={"[yes/no]": "yes"}).end()
    assert agreed.status < 3, agreed
    assert any(fingerprint in agreed.asked for fingerprint in fingerprints(lab).values())
    assert client.known_hosts.read_bytes().count(b"\n") == 1


# Another key than the known one


def changed(client: Client, lab: Lab, other_key: str) -> tuple[int, str]:
    client.known_hosts.write_text(f"# mine\nother.example {other_key}\n{lab.address} {other_key}\n")
    return 3, "has another one"


def revoked(client: Client, lab: Lab, other_key: str) -> tuple[int, str]:
    keys = [line.split()[1:] for line in lab.known_hosts.read_text().splitlines()]
    lines = [f"@revoked * {kind} {blob}\n" for kind, blob in keys]
    client.known_hosts.write_text("".join(lines) + lab.known_hosts.read_text())
    return 1, "@revoked"


def of_another_type(client: Client, lab: Lab, other_key: str) -> tuple[int, str]:
    """Only an RSA key is known, which the host does not have: to ssh a changed key as well."""
    path = client.known_hosts.with_name("rsa")
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(path)], check=True)
    kind, blob = Path(f"{path}.pub").read_text().split()[:2]
    client.known_hosts.write_text(f"{lab.address} {kind} {blob}\n")
    return 1, "has another one"


STOPS = [changed, revoked, of_another_type]


@pytest.mark.parametrize("stop", STOPS)
async def test_there_is_no_way_on(
    lab: Lab, client: Client, tmp_path: Path, other_key: str, stop: Callable[[Client, Lab, str], tuple[int, str]]
) -> None:
    line, why = stop(client, lab, other_key)
    before = client.known_hosts.read_bytes()
    log = Log(lab)
    person = Person(accepts=True)
    with reach(client, "opsfree", person, connect=False) as ssh:
        for _ in range(2):
            with pytest.raises(HostKeyChanged) as caught:
                ssh.connect()
    assert f"{client.known_hosts} line {line}" in str(caught.value)
    assert why in str(caught.value)
    assert person.shown == []

    ran = Cli(client, tmp_path / "home")("zone", "list", "lab-opsfree", "--json")  # type: ignore[arg-type]
    assert (ran.status, ran.asked) == (3, "")
    assert f"line {line}" in ran.json["error"]
    assert ran.json["advice"]

    async with console(client, tmp_path / "screen", "opsfree", dialogs=True) as screen:  # type: ignore[arg-type]
        await screen.until(lambda: screen.app.errors, "an error")
        assert f"line {line}" in screen.app.errors[0]
        assert type(screen.app.screen).__name__ == "ZonesScreen", "no dialog, no question"
        await screen.until_shown("✖ down")

    settled(lab, log)
    assert log.lines("opsfree") == []
    assert client.known_hosts.read_bytes() == before


# A jump


def test_each_hop_of_a_jump_is_checked_and_told(lab: Lab) -> None:
    with reach(lab, "behind") as ssh:
        assert ssh.run("id -un; echo $SSH_CONNECTION").stdout.split()[0] == b"opsfree"
        assert lab.at.ns1_alias in ssh.address or lab.at.ns1 in ssh.address
        keys = [note for note in ssh.notes if "SHA256:" in note]
    assert [note.split(":")[0] for note in keys] == [f"ops@{lab.address}", ssh.address.rsplit(":", 1)[0]]


def test_a_jump_host_whose_key_has_changed_is_not_logged_in_to(lab: Lab, client: Client, other_key: str) -> None:
    client.known_hosts.write_text(
        lab.known_hosts.read_text().replace(f"{lab.address},", "") + f"{lab.address} {other_key}\n"
    )
    log = Log(lab)
    with reach(client, "behind", Person(accepts=True), connect=False) as ssh:
        caught = outcome(ssh.connect)
    assert isinstance(caught, HostKeyChanged)
    assert str(caught).startswith(f"{lab.address} shows")
    settled(lab, log)
    assert len(logins(log)) == 1


def test_a_host_behind_a_jump_whose_key_has_changed_is_not_logged_in_to(
    lab: Lab, client: Client, other_key: str
) -> None:
    names = f"{lab.at.ns1},{lab.at.ns1_alias}"
    client.known_hosts.write_text(lab.known_hosts.read_text().replace(f",{names}", "") + f"{names} {other_key}\n")
    log = Log(lab)
    with reach(client, "behind", Person(accepts=True), connect=False) as ssh, pytest.raises(HostKeyChanged):
        ssh.connect()
    settled(lab, log)
    assert log.lines("Accepted publickey for opsfree") == []
    assert len(log.lines("Accepted publickey for ops ")) == 1


def test_each_hop_of_a_jump_may_be_unknown(lab: Lab, client: Client) -> None:
    client.known_hosts.write_bytes(b"")
    person = Person(accepts=True)
    with reach(client, "behind", person) as ssh:
        assert ssh.run("id -un").stdout == b"opsfree\n"
    assert len(person.shown) == len({question.host for question in person.shown}) == 2
    assert client.known_hosts.read_bytes().count(b"\n") == 2
