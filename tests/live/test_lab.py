"""The lab is what it says: judged from outside of the console, with the tools an admin has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.lab import SERIALS, UPDATE_KEY, ZONE_FILES, ZONES, Lab, NameServer, until
from tests.live.lab.machine import Process
from tests.live.lab.network import taken_octets
from tests.live.lab.session import RUN, registry, sweep_held

ROOT = Path(__file__).parents[2]
LAB_ZONE = ZONE_FILES["lab.example"]
SERIAL = SERIALS["lab.example"]


def ssh(lab: Lab, alias: str, command: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """OpenSSH's client, which asks `answer` of an askpass program instead of a terminal."""
    askpass = lab.directory / "askpass"
    if not askpass.exists():
        askpass.write_text('#!/bin/sh\nprintf "%s\\n" "$ANSWER"\n')
        askpass.chmod(0o700)
    environment = {**os.environ, "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "ANSWER": answer}
    return subprocess.run(
        ["ssh", "-F", str(lab.ssh_config), "-o", "NumberOfPasswordPrompts=1", alias, command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        timeout=30,
        check=False,
    )


def edit(lab: Lab, serial: int) -> None:
    """What an admin does by hand: a new record, a new serial."""
    text = lab.primary.read(LAB_ZONE).decode()
    text = text.replace(str(SERIAL), str(serial)) + "\n$ORIGIN lab.example.\nnew\tIN\tA\t192.0.2.77\n"
    lab.primary.write(LAB_ZONE, text)


def reload(lab: Lab) -> str:
    return lab.ns1.rndc("reload", "lab.example", check=False)


def test_an_edit_by_hand_reaches_the_secondary(zone_reset: Lab) -> None:
    lab = zone_reset
    before, there = lab.primary.cursor(), lab.secondary.cursor()
    edit(lab, SERIAL + 1)
    assert "zone reload queued" in reload(lab)
    lab.until_served("lab.example", SERIAL + 1)
    assert lab.dig("+short", "new.lab.example", server=lab.at.ns2) == "192.0.2.77\n"
    sent = lab.ns1.journal(before)
    assert f"zone lab.example/IN: sending notifies (serial {SERIAL + 1})" in sent
    assert any("transfer of 'lab.example/IN'" in line and "XFR" in line for line in sent)
    got = lab.ns2.journal(there)
    assert any("received notify for zone 'lab.example'" in line for line in got)
    assert any(f"(serial {SERIAL + 1})" in line and "Transfer completed" in line for line in got)


def test_a_secondary_that_knows_another_primary_refuses_notify(zone_reset: Lab) -> None:
    lab = zone_reset
    lab.ns2.refuse_notify()
    there = lab.secondary.cursor()
    edit(lab, SERIAL + 1)
    reload(lab)
    until(lambda: any("refused notify from non-primary" in line for line in lab.ns2.journal(there)), "the refusal")
    assert lab.ns2.serial("lab.example") == SERIAL
    lab.ns2.accept_notify()


def test_a_secondary_outside_of_the_transfer_list_is_denied(zone_reset: Lab) -> None:
    lab = zone_reset
    lab.ns1.allow_transfer(lab.at.ns3)
    before = lab.primary.cursor()
    edit(lab, SERIAL + 1)
    reload(lab)
    until(lambda: any("denied" in line and lab.at.ns2 in line for line in lab.ns1.journal(before)), "the denial")
    assert lab.ns2.serial("lab.example") == SERIAL


def test_a_secondary_that_is_down_and_one_that_is_not(zone_reset: Lab) -> None:
    lab = zone_reset
    lab.ns3.stop()
    assert lab.ns3.serial("shop.example") is None
    assert lab.ns2.serial("shop.example") == SERIALS["shop.example"]
    lab.ns3.start()
    lab.until_served("shop.example", SERIALS["shop.example"], lab.ns3)


@pytest.mark.parametrize(
    ("wire", "ssh_works", "dns_works"), [("admin", False, True), ("primary", True, False), ("secondary", True, True)]
)
def test_each_wire_carries_its_own(zone_reset: Lab, wire: str, ssh_works: bool, dns_works: bool) -> None:
    lab = zone_reset
    lab.cut(wire)
    probe = ["ssh", "-F", str(lab.ssh_config), "-o", "ConnectTimeout=1", "lab-root", "true"]
    assert (subprocess.run(probe, capture_output=True, check=False).returncode == 0) is ssh_works
    assert (lab.ns1.serial("lab.example") is not None) is dns_works
    assert (lab.ns2.serial("lab.example") is not None) is (wire != "secondary")
    lab.mend(wire)
    assert ssh(lab, "lab-root", "true").returncode == 0
    assert lab.ns1.serial("lab.example") == lab.ns2.serial("lab.example") == SERIAL


def test_a_wire_that_does_not_exist_is_an_error(lab: Lab) -> None:
    with pytest.raises(KeyError, match="secondary"):
        lab.cut("tertiary")


def test_nothing_of_the_lab_has_a_way_out(lab: Lab) -> None:
    for machine in (lab.primary, lab.secondary):
        assert machine.run("ip route show default").stdout == ""
    assert lab.at.octet in taken_octets()


@pytest.mark.parametrize("user", ["root", "ops", "opsfree", "opsnone", "opscsh", "behind"])
def test_the_key_lets_in(lab: Lab, user: str) -> None:
    done = ssh(lab, f"lab-{user}", "id -un")
    assert (done.stdout, done.stderr) == ("opsfree\n" if user == "behind" else f"{user}\n", "")


@pytest.mark.parametrize("user", ["opspw", "opskbd", "opstwo"])
def test_the_password_lets_in_and_a_wrong_one_does_not(lab: Lab, user: str) -> None:
    assert ssh(lab, f"lab-{user}", "id -un", lab.users[user].password).stdout == f"{user}\n"
    refused = ssh(lab, f"lab-{user}", "id -un", "guess")
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_the_password_is_of_no_use_where_a_key_is_wanted(lab: Lab) -> None:
    command = ["ssh", "-F", str(lab.ssh_config), "-v", "-o", "PubkeyAuthentication=no", "-o", "BatchMode=yes"]
    done = subprocess.run([*command, "lab-ops", "true"], capture_output=True, text=True, check=False, timeout=30)
    assert "Permission denied (publickey)" in done.stderr


@pytest.mark.parametrize("user", ["ops", "opscsh"])
def test_sudo_wants_the_password(lab: Lab, user: str) -> None:
    def sudo(password: str) -> subprocess.CompletedProcess[str]:
        command = ["ssh", "-F", str(lab.ssh_config), f"lab-{user}", "sudo -k -S -p '' id -un"]
        return subprocess.run(command, input=f"{password}\n", capture_output=True, text=True, timeout=30, check=False)

    assert sudo(lab.users[user].password).stdout == "root\n"
    wrong = sudo("guess")
    assert wrong.returncode == 1
    assert "incorrect password attempt" in wrong.stderr


def test_an_ssh_that_knows_the_names_is_first_in_the_labs_environment(lab: Lab) -> None:
    command = ["/usr/bin/env", "ssh", "-G", "lab-opscsh"]
    told = subprocess.run(command, env=lab.environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {f"hostname {lab.address}", "user opscsh", f"userknownhostsfile {lab.known_hosts}"} <= set(told)


def test_sudo_without_a_password_and_not_at_all(lab: Lab) -> None:
    assert ssh(lab, "lab-opsfree", "sudo -n id -un").stdout == "root\n"
    assert ssh(lab, "lab-opsnone", "sudo -n id -un").returncode == 1


def test_secrets_are_of_this_lab_and_readable_by_root_alone(lab: Lab) -> None:
    kept = [path for path in lab.access.directory.iterdir() if path.is_file() and path.suffix != ".pub"]
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert lab.access.directory.stat().st_mode & 0o777 == 0o700
    assert len(set(json.loads(lab.access.passwords.read_text()).values())) == len(lab.users) - 1


def test_the_machines_are_healthy(lab: Lab) -> None:
    for machine in (lab.primary, lab.secondary):
        machine.run("systemctl is-system-running --wait", deadline=30)
    assert lab.secondary.run("ss -Hltn sport = :22").stdout == "", "a foreign secondary: no way to log in"


def test_the_zones_are_clean_by_bind_itself(zone_reset: Lab) -> None:
    for zone, path in ZONE_FILES.items():
        checked = zone_reset.primary.run('named-checkzone -k fail -m warn -n warn "$1" "$2"', zone, path)
        assert checked.stdout.splitlines() == [f"zone {zone}/IN: loaded serial {SERIALS[zone]}", "OK"]
    zone_reset.primary.run("named-checkconf -z")


def test_a_dynamic_update_goes_through_the_journal_and_is_followed(zone_reset: Lab) -> None:
    lab = zone_reset
    update = f"server {lab.at.ns1}\nzone dyn.example\nupdate add desk.dyn.example 300 A 192.0.2.201\nsend\n"
    lab.primary.run('nsupdate -k "$1"', UPDATE_KEY, stdin=update)
    lab.until_served("dyn.example", SERIALS["dyn.example"] + 1)
    assert lab.primary.run("ls /var/lib/bind").stdout.split() == ["dyn.example.zone", "dyn.example.zone.jnl"]


def test_the_log_can_be_a_file(zone_reset: Lab) -> None:
    lab = zone_reset
    lab.ns1.log_to_file()
    edit(lab, SERIAL + 1)
    reload(lab)
    lab.until_served("lab.example", SERIAL + 1)
    logged = lab.primary.read("/var/log/named/named.log").decode()
    assert f"notify: info: zone lab.example/IN: sending notifies (serial {SERIAL + 1})" in logged
    before = lab.primary.cursor()
    lab.ns1.log_to_journal()
    edit(lab, SERIAL + 2)
    lab.ns1.rndc("reload", "lab.example")
    until(lambda: lab.ns1.journal(before), "the journal again")


def test_reset_brings_everything_back(zone_reset: Lab) -> None:
    lab = zone_reset
    edit(lab, SERIAL + 5)
    reload(lab)
    lab.until_served("lab.example", SERIAL + 5)
    lab.primary.run("rm /etc/bind/zones/shop.example.zone; touch /etc/bind/zones/left-over; rndc freeze dyn.example")
    lab.ns2.stop()
    lab.cut("secondary")
    lab.reset()

    def serials(server: NameServer) -> dict[str, int | None]:
        return {zone: server.serial(zone) for zone in ZONES}

    assert serials(lab.ns1) == serials(lab.ns2) == SERIALS
    assert lab.primary.run("ls /etc/bind/zones").stdout.split() == sorted(
        Path(path).name for path in [*ZONE_FILES.values(), "lab.example.hosts"] if "dyn" not in path
    )


@pytest.mark.serial
def test_what_a_dead_session_left_is_swept(lab: Lab) -> None:
    """A session killed in the middle: the next start takes its machines, wires and directory away, and no other.

    Another session on this machine may be that next start, and even have taken the number: then only the death of
    the machine can be seen.
    """
    script = (
        "import os, signal\nfrom tests.live.lab import Lab\nlab = Lab.boot()\nleader = lab.primary.leader\n"
        "print(lab.at.octet, leader.pid, leader.started, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", script]
    killed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    octet, pid, started = killed.stdout.split()
    with registry():
        sweep_held()
        assert not Process(int(pid), started).alive
        if not (RUN / octet).exists():
            assert int(octet) not in taken_octets()
            namespaces = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
            assert f"opslab{octet}-" not in namespaces
            assert f"opslab{octet}-" not in Path("/proc/self/mountinfo").read_text()
    assert lab.at.octet in taken_octets()
    assert ssh(lab, "lab-root", "true").returncode == 0
