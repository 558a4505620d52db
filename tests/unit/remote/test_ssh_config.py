"""ssh_config through the real `ssh -G`, and without it through paramiko."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.remote import ssh_config
from console.remote.errors import ConnectFailed
from console.remote.ssh_config import Hop, aliases, parse_jumps, parse_options, resolve, settle

HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)

CONFIG = """\
Include {directory}/more/*.conf
Host web web2 *.wild !not
    HostName %h.example.net
    User deploy
    Port 2222
    IdentityFile ~/.ssh/%r@%h-%p
    IdentityFile "{directory}/a b/key"
    IdentitiesOnly yes
    IdentityAgent ~/agent-%n
    CertificateFile {directory}/web-cert.pub
    UserKnownHostsFile ~/.ssh/kh "{directory}/a b/kh" ~/.ssh/kh-%h
    GlobalKnownHostsFile none
    HostKeyAlias the-web
    HashKnownHosts yes
    ConnectTimeout 7
Host bare
    IdentityFile none
    UserKnownHostsFile none
    IdentityAgent none
Host odd
    ProxyCommand nc %h %p
    StrictHostKeyChecking accept-new
    RevokedHostKeys {directory}/krl
    BindAddress 192.0.2.1
Host envagent
    IdentityAgent $OPS_AGENT
Host matched
Match host matched
    User by-match
Match final host canon
    User finally
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def save(text: str) -> Path:
        config = tmp_path / "config"
        config.write_text(text.replace("{directory}", str(tmp_path)))
        return config

    return save


@pytest.fixture
def config(write: Callable[[str], Path], tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.conf").write_text(
        f'Host included "quoted name" inc-*\n  Port 2022\nInclude {tmp_path}/deep\n'
    )
    (tmp_path / "deep").write_text("Host=deeper # not this\n  User down\n\tHost web\n")
    return write(CONFIG)


def test_everything_that_a_host_says(config: Path, tmp_path: Path) -> None:
    home = HOME
    target = resolve("web", config=config)
    assert (target.alias, target.hostname, target.port, target.user) == ("web", "web.example.net", 2222, "deploy")
    assert target.identity_files == (f"{home}/.ssh/deploy@web.example.net-2222", f"{tmp_path}/a b/key")
    assert target.identities_configured
    assert target.identities_only
    assert target.identity_agent == f"{home}/agent-web"
    assert target.certificate_files == (f"{tmp_path}/web-cert.pub",)
    assert target.user_known_hosts == (f"{home}/.ssh/kh", f"{tmp_path}/a b/kh", f"{home}/.ssh/kh-web.example.net")
    assert target.global_known_hosts == ()
    assert target.host_key_alias == "the-web"
    assert target.hash_known_hosts
    assert target.connect_timeout == 7
    assert target.notes == ()
    assert target.jumps == ()


def test_unknown_host_gets_the_defaults(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    target = resolve("192.0.2.7", config=config)
    assert (target.hostname, target.port) == ("192.0.2.7", 22)
    assert str(HOME / ".ssh" / "id_ed25519") in target.identity_files
    assert not target.identities_configured
    assert target.identity_agent == "/run/agent"
    assert target.user_known_hosts[0] == str(HOME / ".ssh" / "known_hosts")


def test_none_means_none(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    target = resolve("bare", config=config)
    assert (target.identity_files, target.user_known_hosts, target.identity_agent) == ((), (), None)


def test_agent_from_a_variable(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_AGENT", "/run/ops")
    assert resolve("envagent", config=config).identity_agent == "/run/ops"
    monkeypatch.delenv("OPS_AGENT")
    assert resolve("envagent", config=config).identity_agent is None


def test_match_and_include_are_followed(config: Path) -> None:
    assert resolve("matched", config=config).user == "by-match"
    assert resolve("included", config=config).port == 2022


def test_user_and_port_of_the_call_win(config: Path) -> None:
    target = resolve("web", user="root", port=2200, config=config)
    assert (target.user, target.port) == ("root", 2200)
    target = resolve("ops@web", config=config)
    assert (target.alias, target.user, target.hostname) == ("web", "ops", "web.example.net")


def test_what_is_not_honoured_is_said(config: Path) -> None:
    notes = " ".join(resolve("odd", config=config).notes)
    for word in ("ProxyCommand", "RevokedHostKeys", "BindAddress", "StrictHostKeyChecking"):
        assert word in notes


@pytest.mark.parametrize("alias", ["-oProxyCommand=touch x", "", "a b", "a\nb", "ops@"])
def test_names_that_are_none_are_refused(alias: str, config: Path) -> None:
    with pytest.raises(ConnectFailed):
        resolve(alias, config=config)


def test_broken_configuration_is_said_with_its_line(write: Callable[[str], Path]) -> None:
    with pytest.raises(ConnectFailed, match="line 2"):
        resolve("web", config=write("Host web\n  Nonsense yes\n"))


def test_a_slow_match_exec_is_ended(write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_config, "DEADLINE", 0.3)
    with pytest.raises(ConnectFailed, match="no answer within"):
        resolve("web", config=write('Match exec "exec sleep 5"\n  User x\n'))


# --- ProxyJump -------------------------------------------------------------------------------------------------------


def way(config: Path, alias: str) -> list[str]:
    return [hop.address for hop in resolve(alias, user="me", config=config).jumps]


JUMPS = """\
Host inner
    ProxyJump gate
Host gate
    HostName gate.example
    User door
    Port 2201
Host far
    ProxyJump root@first:2222,[2001:db8::5]:44,gate
Host first
    ProxyJump zero
    HostName first.example
Host zero
    User nil
Host gate2
    ProxyJump zero
Host second
    ProxyJump gate,gate2
Host direct
    ProxyJump none
Host round
    ProxyJump about
Host about
    ProxyJump round
Host *
    User everyone
"""


def test_each_hop_has_its_own_configuration(write: Callable[[str], Path]) -> None:
    config = write(JUMPS)
    assert way(config, "inner") == ["door@gate.example:2201"]
    assert way(config, "direct") == []
    hop = resolve("inner", config=config).jumps[0]
    assert hop.jumps == ()
    assert hop.known_hosts


def test_chain_as_ssh_goes_it(write: Callable[[str], Path]) -> None:
    """The first hop is reached in its own way; the ones after it through the one before, whatever they say."""
    config = write(JUMPS)
    assert way(config, "far") == [
        "nil@zero:22",
        "root@first.example:2222",
        "everyone@[2001:db8::5]:44",
        "door@gate.example:2201",
    ]
    assert way(config, "second") == ["door@gate.example:2201", "everyone@gate2:22"]


def test_jump_host_that_matches_its_own_rule(write: Callable[[str], Path]) -> None:
    """ssh refuses it as well."""
    with pytest.raises(ConnectFailed, match="loop via bastion"):
        resolve("web", config=write("Host *\n  ProxyJump bastion\n"))


def test_round_trips_are_refused(write: Callable[[str], Path]) -> None:
    with pytest.raises(ConnectFailed, match="round → about → round"):
        resolve("round", config=write(JUMPS))


@pytest.mark.parametrize(
    ("text", "hops"),
    [
        ("", ()),
        ("none", ()),
        ("a", (Hop("a"),)),
        ("u@a:22", (Hop("a", "u", 22),)),
        ("u@b@a", (Hop("a", "u@b"),)),
        ("ssh://u@a:2222/", (Hop("a", "u", 2222),)),
        ("[::1]:22", (Hop("::1", None, 22),)),
        ("u@[10.0.0.1]", (Hop("10.0.0.1", "u"),)),
        ("2001:db8::1", (Hop("2001:db8::1"),)),
        ("a,b:1", (Hop("a"), Hop("b", None, 1))),
    ],
)
def test_jump_forms(text: str, hops: tuple[Hop, ...]) -> None:
    assert parse_jumps(text) == hops


@pytest.mark.parametrize("text", ["a:b", "a,,b", "[::1", "a:123456", "@"])
def test_jump_forms_that_are_none(text: str) -> None:
    with pytest.raises(ConnectFailed, match="ProxyJump is not understood"):
        parse_jumps(text)


# --- the pure parts --------------------------------------------------------------------------------------------------


def test_options_are_collected_by_keyword() -> None:
    assert parse_options(b"user ops\nIdentityFile a b\nidentityfile c\n\nflag\n") == {
        "user": ("ops",),
        "identityfile": ("a b", "c"),
        "flag": ("",),
    }


@given(st.binary(max_size=300))
def test_any_output_settles_or_is_refused(output: bytes) -> None:
    options = parse_options(output)
    try:
        target = settle("h", {"hostname": ("h",), "user": ("u",), **options})
    except ConnectFailed:
        return
    assert 0 < target.port < 65536


# --- without an ssh --------------------------------------------------------------------------------------------------


def test_without_ssh_paramiko_reads_and_says_what_it_lacks(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    target = resolve("web", config=config)
    assert (target.hostname, target.user, target.port) == ("web.example.net", "deploy", 2222)
    assert target.host_key_alias == "the-web"
    assert "without Include" in target.notes[0]
    assert resolve("ops@web", port=22, config=config).address == "ops@web.example.net:22"


def test_without_ssh_and_without_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    target = resolve("h.example", config=tmp_path / "none")
    assert (target.hostname, target.port) == ("h.example", 22)
    assert target.user
    assert target.user_known_hosts
    assert not target.identities_configured


def test_without_ssh_jumps_are_followed_too(write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert way(write(JUMPS), "second") == ["door@gate.example:2201", "everyone@gate2:22"]


# --- the host picker -------------------------------------------------------------------------------------------------


def test_aliases_are_concrete_names_in_order(config: Path) -> None:
    assert aliases(config) == ("included", "quoted name", "deeper", "web", "web2", "bare", "odd", "envagent", "matched")


def test_aliases_of_broken_files(tmp_path: Path) -> None:
    broken = tmp_path / "config"
    broken.write_bytes(
        b'Host "open\nHost ok\xff\n\x00\nInclude /nonexistent/*\nInclude ' + os.fsencode(broken) + b"\nHost b\n"
    )
    names = aliases(broken)
    assert names[-1] == "b"
    assert len(names) == 2
    assert aliases(tmp_path / "missing") == ()
