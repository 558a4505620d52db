from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from console.remote import link
from console.remote.connection import LinkState
from console.remote.errors import (
    ConnectFailed,
    DeadlineExceeded,
    HostKeyChanged,
    HostKeyUnknown,
    LinkLost,
    TunnelRefused,
)
from console.remote.ssh import Slots, Ssh
from tests.unit.remote.private_sshd import Answers, PrivateSshd


@contextmanager
def connected(server: PrivateSshd, **options: object) -> Iterator[Ssh]:
    connection = Ssh("box", server.target, Answers(), **options)  # type: ignore[arg-type]
    try:
        connection.connect()
        yield connection
    finally:
        connection.close()


def threads_of(call: object, count: int) -> list[object]:
    results: list[object] = []

    def body() -> None:
        assert callable(call)
        try:
            results.append(call())
        except Exception as problem:
            results.append(problem)

    threads = [threading.Thread(target=body) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_the_socket_and_the_ciphers_are_as_measured(sshd: PrivateSshd) -> None:
    with connected(sshd) as connection:
        assert connection._link is not None
        made = connection._link._socket
        assert made is not None
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 8000
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        transport = connection._link.transport
        assert "gcm" in transport.remote_cipher
        offered = transport.get_security_options()
        assert not [name for name in (*offered.ciphers, *offered.digests) if "cbc" in name or "sha1" in name]


def test_an_exec_on_an_open_connection_is_quick(sshd: PrivateSshd, capsys: pytest.CaptureFixture[str]) -> None:
    with connected(sshd) as connection:
        took = []
        for _ in range(20):
            before = time.monotonic()
            assert connection.run(":").ok
            took.append(time.monotonic() - before)
    median = sorted(took)[len(took) // 2]
    with capsys.disabled():
        print(f"\nexec on an open connection, median of 20: {median * 1000:.1f} ms")
    assert median < 0.1


def test_more_runs_than_sessions_wait_for_one_another(own_sshd: PrivateSshd) -> None:
    config = own_sshd.where / "sshd_config"
    config.write_text("MaxSessions 2\n" + config.read_text())
    own_sshd.start()
    with connected(own_sshd) as connection:
        results = threads_of(lambda: connection.run("sleep 0.1; echo done").stdout, 9)
        assert results == [b"done\n"] * 9
        assert len(own_sshd.sessions()) == 1


def test_thirty_runs_at_once_stay_below_the_usual_limit(sshd: PrivateSshd) -> None:
    with connected(sshd) as connection:
        assert threads_of(lambda: connection.run("echo done").stdout, 30) == [b"done\n"] * 30


def test_runs_that_were_given_up_do_not_lock_us_out(own_sshd: PrivateSshd) -> None:
    config = own_sshd.where / "sshd_config"
    config.write_text("MaxSessions 2\n" + config.read_text())
    own_sshd.start()
    with connected(own_sshd) as connection:
        for _ in range(3):
            with pytest.raises(DeadlineExceeded):
                connection.run("exec sleep 30", deadline=0.2)
        assert connection.run("echo still here").stdout == b"still here\n"


def test_a_server_that_opens_no_session_at_all_is_asked_once(own_sshd: PrivateSshd) -> None:
    config = own_sshd.where / "sshd_config"
    config.write_text("MaxSessions 0\n" + config.read_text())
    own_sshd.start()
    connection = Ssh("box", own_sshd.target, Answers())
    with pytest.raises(LinkLost, match="no channel could be opened"):
        connection.connect()
    assert (own_sshd.where / "log").read_text().count("no more sessions") == 1
    assert connection.state is LinkState.DOWN


def test_slots_shrink_when_the_server_refuses_and_grow_again_with_a_new_link() -> None:
    slots = Slots(3)
    assert slots.take(0)
    assert slots.take(0)
    assert slots.refused() is True
    assert not slots.take(0)
    slots.give_back()
    assert slots.take(0)
    assert slots.refused() is False
    slots.reset()
    assert [slots.take(0) for _ in range(4)] == [True, True, True, False]


def test_fifty_reconnects_leave_no_thread_and_no_file_behind(sshd: PrivateSshd) -> None:
    connection = Ssh("box", sshd.target, Answers())
    counts = []
    for number in range(51):
        connection.connect()
        connection.run("cat", stdin=b"x")
        if number % 10 == 0:
            connection.stream("sleep 5", follow=True)
        connection.close()
        if number in (0, 50):
            counts.append(settled())
    assert counts[1][0] <= counts[0][0]
    assert counts[1][1] <= counts[0][1]


def settled() -> tuple[int, int]:
    """Threads and open files, once no more of them are on their way out."""
    last, since = (0, 0), time.monotonic()
    while time.monotonic() - since < 0.4:
        now = threading.active_count(), len(os.listdir("/proc/self/fd"))
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.02)
    return last


def test_channels_of_long_ago_are_forgotten(sshd: PrivateSshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "CHANNELS_REMEMBERED", 5)
    with connected(sshd) as connection:
        for _ in range(12):
            connection.run(":")
        assert connection._link is not None
        assert len(connection._link.transport.channels_seen) <= 5


def test_a_big_stdin_and_a_big_answer_at_once(sshd: PrivateSshd) -> None:
    data = os.urandom(1 << 20) * 6
    with connected(sshd) as connection:
        assert connection.run("cat", stdin=data, limit=1 << 24).stdout == data


def test_what_a_login_says_first_is_noise(own_sshd: PrivateSshd) -> None:
    config = own_sshd.where / "sshd_config"
    greeting = 'ForceCommand echo "Welcome"; echo "to the show" >&2; /bin/bash -c "$SSH_ORIGINAL_COMMAND"\n'
    config.write_text(greeting + config.read_text())
    own_sshd.start()
    with connected(own_sshd) as connection:
        result = connection.run("echo out; echo err >&2")
        assert (result.stdout, result.stderr, result.noise) == (b"out\n", b"err\n", b"Welcome\nto the show\n")


def test_a_login_without_a_shell_is_told_in_the_hosts_words(own_sshd: PrivateSshd) -> None:
    config = own_sshd.where / "sshd_config"
    config.write_text('ForceCommand echo "This account is currently not available."; exit 1\n' + config.read_text())
    own_sshd.start()
    with pytest.raises(ConnectFailed, match="currently not available"), connected(own_sshd):
        pass


def test_an_unknown_host_key_is_asked_about_and_a_changed_one_is_not(sshd: PrivateSshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    target = replace(sshd.target, user_known_hosts=(str(known),))
    prompter = Answers()
    with pytest.raises(HostKeyUnknown):
        Ssh("box", target, prompter).connect()
    assert len(prompter.host_keys) == 1
    willing = Ssh("box", target, Answers(host_keys=True))
    willing.connect()
    willing.close()
    assert known.read_text().split()[:2] == (sshd.where / "known_hosts").read_text().split()[:2]
    other = PrivateSshd(tmp_path / "other")
    blob = (other.where / "host_key.pub").read_text().split()[1]
    known.write_text(f"[{sshd.address}]:{sshd.port} ssh-ed25519 {blob}\n")
    prompter = Answers(host_keys=True)
    with pytest.raises(HostKeyChanged):
        Ssh("box", target, prompter).connect()
    assert prompter.host_keys == []


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_jump_host_is_gone_through_and_its_key_is_checked(
    sshd: PrivateSshd, own_sshd: PrivateSshd, tmp_path: Path
) -> None:
    own_sshd.start()
    jumped = replace(sshd.target, jumps=(own_sshd.target,))
    connection = Ssh("box", jumped, Answers())
    try:
        assert connection.run("echo $SSH_CONNECTION; cat", stdin=b"x" * 300_000, limit=1 << 20).ok
        assert len(own_sshd.sessions()) == 1
        assert len(connection.notes) == 2
        own_sshd.stop()
        with pytest.raises(ConnectFailed):
            connection.run(":")
    finally:
        connection.close()
    own_sshd.start()
    unknown = replace(own_sshd.target, user_known_hosts=(str(tmp_path / "none"),))
    with pytest.raises(HostKeyUnknown):
        Ssh("box", replace(sshd.target, jumps=(unknown,)), Answers()).connect()
    behind = replace(sshd.target, user_known_hosts=(str(tmp_path / "none"),), jumps=(own_sshd.target,))
    for _ in range(5):
        with pytest.raises(HostKeyUnknown):
            Ssh("box", behind, Answers()).connect()
    nowhere = replace(sshd.target, port=1, jumps=(own_sshd.target,))
    with pytest.raises(ConnectFailed, match="jump host"):
        Ssh("box", nowhere, Answers()).connect()


def test_a_tunnel_is_a_byte_stream_from_the_host(sshd: PrivateSshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, connected(sshd) as connection:
        port = server.getsockname()[1]
        tunnel = connection.tunnel("127.0.0.1", port)
        far, _ = server.accept()
        with far:
            tunnel.sendall(b"question")
            assert far.recv(100) == b"question"
            far.sendall(bytes(range(256)))
            assert tunnel.recv(1000) == bytes(range(256))
            tunnel.settimeout(0.05)
            with pytest.raises(TimeoutError):
                tunnel.recv(1)
            tunnel.close()
            assert far.recv(1) == b""
        server.close()
        with pytest.raises(TunnelRefused):
            connection.tunnel("127.0.0.1", port)
        assert connection.run(":").ok
        assert connection.state is LinkState.UP


def test_paramiko_comes_late_without_invoke_and_without_a_word() -> None:
    program = (
        "import sys, console.remote, console.remote.local, console.remote.ssh\n"
        "assert 'paramiko' not in sys.modules\n"
        "from console.remote.link import load_paramiko\n"
        "load_paramiko()\n"
        "assert 'paramiko' in sys.modules\n"
        "import shutil; assert 'invoke' not in sys.modules or not shutil.which('ssh')\n"
        "import logging; logging.getLogger('paramiko.transport').error('shown?')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("host", "said"), [("name.invalid", "not found"), ("127.0.0.1", "refused")], ids=["name", "port"]
)
def test_why_there_is_no_connection(sshd: PrivateSshd, host: str, said: str) -> None:
    connection = Ssh("box", replace(sshd.target, hostname=host, port=1), Answers())
    with pytest.raises(ConnectFailed, match=said):
        connection.run(":")
    assert connection.state is LinkState.DOWN
