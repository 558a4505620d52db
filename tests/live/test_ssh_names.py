"""From a name to a real host: an alias of ssh_config and nothing else, and an inventory that says more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.hosts import connect_to
from console.inventory import load
from console.remote.errors import DeadlineExceeded
from tests.live.driving import ROOT, Cli, console
from tests.live.lab import Lab
from tests.live.reaching import Client, Person

TMUX = shutil.which("tmux")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def test_an_alias_and_no_inventory(lab: Lab, tmp_path: Path) -> None:
    async with console(lab, tmp_path, "opsfree") as screen:
        await screen.zones()
        assert f"lab-opsfree  opsfree@{lab.address}" in screen.lines[0]
        assert "● up" in screen.lines[0]
        assert "observe" in screen.lines[0]


@pytest.mark.skipif(TMUX is None, reason="needs tmux")
def test_the_command_on_a_terminal_opens_the_alias(lab: Lab, tmp_path: Path) -> None:
    """As it is started: `opsconsole lab-opsfree`, in a terminal, and quit with its key."""
    tmux = [str(TMUX), "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    environment = {**lab.environment, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment["XDG_STATE_HOME"] = str(tmp_path / "state")
    command = f"{sys.executable} -m console lab-opsfree; echo left with $?; exec sleep 60"
    start = [*tmux, "new-session", "-d", "-x", "80", "-y", "24", command]
    subprocess.run(start, check=True, env=environment)
    try:
        shown(tmux, "lab.example")
        assert "● up" in shown(tmux, f"opsfree@{lab.address}")
        subprocess.run([*tmux, "send-keys", "q"], check=True)
        shown(tmux, "left with 0")
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)


def shown(tmux: list[str], text: str, deadline: float = 20.0) -> str:
    """The terminal's content, once the text is in it."""
    end = time.monotonic() + deadline
    while True:
        screen = subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True, check=False).stdout
        if text in screen:
            return screen
        assert time.monotonic() < end, f"not within {deadline:g} s: {text}\n{screen}"
        time.sleep(0.05)


def test_a_name_that_nobody_knows_is_what_ssh_makes_of_it(lab: Lab, tmp_path: Path) -> None:
    cli = Cli(lab, tmp_path / "home")
    ran = cli("zone", "list", "nowhere.invalid", "--json", "--no-input")
    assert (ran.status, ran.json["status"]) == (3, 3)
    assert "nowhere.invalid" in ran.json["error"]
    assert "not found" in ran.json["error"]


def test_an_inventory_names_the_user_the_port_and_other_paths(lab: Lab, tmp_path: Path) -> None:
    """The host is known by an address that ssh_config says nothing of; rndc and named.conf lie elsewhere."""
    client = Client(lab, tmp_path / "client")
    client.add(f"Host *\n    IdentityFile {lab.key}\n    UserKnownHostsFile {client.known_hosts}\n")
    cli = Cli(client, tmp_path / "home")  # type: ignore[arg-type]
    write(
        cli.home / "config/opsconsole/hosts.toml",
        f"""
[hosts.box]
hostname = "{lab.address}"
user = "opsfree"
port = 22
label = "the lab"
tool_directories = ["/opt/bind/sbin"]
[hosts.box.limits]
deadline = 60
[hosts.box.dns]
vantage = "here"
named_conf = "/opt/bind/etc/named.conf"
rndc_options = ["-s", "127.0.0.1", "-p", "953", "-k", "/etc/bind/rndc.key"]
""",
    )
    lab.primary.run("mkdir -p /opt/bind/sbin /opt/bind/etc; cp /etc/bind/named.conf /opt/bind/etc/")
    lab.primary.write("/opt/bind/sbin/rndc", '#!/bin/sh\necho "$@" >>/opt/bind/used\nexec /usr/sbin/rndc "$@"\n')
    options = lab.primary.read("/etc/default/named")
    lab.primary.write("/etc/default/named", 'OPTIONS="-u bind -c /opt/bind/etc/named.conf"\n')
    lab.primary.run("chmod 755 /opt/bind/sbin/rndc; systemctl restart named")
    try:
        ran = cli("zone", "list", "box", "--json")
        assert "lab.example" in [zone["name"] for zone in ran.json["zones"]], ran
        assert ran.json["running"] is True
        assert ran.json["address"].startswith(f"opsfree@{lab.address}")
        assert "-s 127.0.0.1 -p 953 -k /etc/bind/rndc.key" in lab.primary.read("/opt/bind/used").decode()
    finally:
        lab.primary.write("/etc/default/named", options)
        lab.primary.run("rm -r /opt/bind; systemctl restart named")
    hosts = cli("hosts", "--json").json["hosts"]
    assert next(host for host in hosts if host["name"] == "box")["label"] == "the lab"
    mistake = write(cli.home / "config/opsconsole/hosts.toml", "[hosts.box]\nporrt = 22\n")
    wrong = cli("zone", "list", "box")
    assert wrong.status == 64
    assert f"{mistake}: hosts.box.porrt" in wrong.err


def test_limits_of_an_inventory_reach_every_run(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", lab.environment["PATH"])
    file = write(
        tmp_path / "hosts.toml",
        "[hosts.slow]\nssh = 'lab-opsfree'\n[hosts.slow.limits]\ndeadline = 3\nbytes = 2097152\n",
    )
    connection = connect_to(load(file).find("slow"), Person())
    try:
        connection.connect()
        assert connection.run("sleep 1; echo done", deadline=0.2).stdout == b"done\n"
        assert len(connection.run("yes | head -c 1500000", limit=1000).stdout) == 1500000
        with pytest.raises(DeadlineExceeded, match="no end within 3 s"):
            connection.run("sleep 30", deadline=0.2)
    finally:
        connection.close()


def test_this_machines_own_name_for_the_login_is_not_needed(lab: Lab) -> None:
    """`user@alias` as with ssh."""
    from console.remote.ssh_config import resolve

    target = resolve("opsfree@lab-ops", config=lab.ssh_config)
    assert (target.user, target.hostname, target.identity_files) == ("opsfree", lab.address, (str(lab.key),))
    assert os.access(lab.key, os.R_OK)
