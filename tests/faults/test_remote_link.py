"""Links that break, peers that hang: what the caller is told, and that nothing is done twice."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.remote.connection import LinkState
from console.remote.errors import ConnectFailed, LinkLost
from console.remote.ssh import Ssh
from tests.unit.remote.conftest import own_sshd  # noqa: F401
from tests.unit.remote.private_sshd import Answers, PrivateSshd


@pytest.fixture
def server(own_sshd: PrivateSshd) -> PrivateSshd:  # noqa: F811
    return own_sshd.start()


@pytest.fixture
def ssh(server: PrivateSshd) -> Iterator[Ssh]:
    connection = Ssh("box", server.target, Answers(), idle=0.3, silence=0.3, grace=0.6)
    connection.connect()
    yield connection
    connection.close()


def outcome(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    got: list[object] = []

    def body() -> None:
        try:
            got.append(call())
        except Exception as problem:
            got.append(problem)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    return thread, got


def wait_for(what: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_server_killed_in_the_middle_may_have_run_it_and_it_is_not_run_again(
    ssh: Ssh, server: PrivateSshd, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    thread, got = outcome(lambda: ssh.run("echo x >>$1; sleep 60", (str(ran),)))
    wait_for(ran.exists)
    server.signal_sessions(signal.SIGKILL)
    thread.join(5)
    assert isinstance(got[0], LinkLost)
    assert got[0].sent is True
    assert ssh.state is LinkState.DOWN
    assert ssh.run("cat $1", (str(ran),)).stdout == b"x\n"
    assert ssh.state is LinkState.UP


def test_a_stream_whose_link_goes_says_so(ssh: Ssh, server: PrivateSshd) -> None:
    stream = ssh.stream("echo up; sleep 60")
    assert next(iter(stream)) == b"up\n"
    server.signal_sessions(signal.SIGKILL)
    with pytest.raises(LinkLost):
        list(stream)
    assert stream.exit_status is None


def test_a_link_that_went_while_idle_is_opened_again_before_anything_is_sent(
    ssh: Ssh, server: PrivateSshd, tmp_path: Path
) -> None:
    server.signal_sessions(signal.SIGKILL)
    assert ssh.run("echo x >>$1; cat $1", (str(tmp_path / "ran"),)).stdout == b"x\n"
    server.stop()
    with pytest.raises(ConnectFailed):
        ssh.run("echo x >>$1", (str(tmp_path / "ran"),))
    assert (tmp_path / "ran").read_text() == "x\n"
    server.start()
    assert ssh.run(":").ok


def test_a_followed_process_ends_when_the_link_is_cut(ssh: Ssh, server: PrivateSshd, tmp_path: Path) -> None:
    stream = ssh.stream("echo $$; while :; do sleep 0.1; done", follow=True)
    pid = next(iter(stream)).decode().strip()
    assert Path(f"/proc/{pid}").exists()
    assert ssh._link is not None
    assert ssh._link._socket is not None
    ssh._link._socket.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def test_a_peer_that_hangs_is_stale_and_up_again_when_it_answers(ssh: Ssh, server: PrivateSshd) -> None:
    server.signal_sessions(signal.SIGSTOP)
    wait_for(lambda: ssh.state is LinkState.STALE)
    server.signal_sessions(signal.SIGCONT)
    wait_for(lambda: ssh.state is LinkState.UP)
    assert ssh.run(":").ok


def test_a_peer_that_goes_on_hanging_is_down_and_blocked_readers_are_told(ssh: Ssh, server: PrivateSshd) -> None:
    thread, got = outcome(lambda: ssh.run("sleep 60", deadline=50))
    time.sleep(0.2)
    server.signal_sessions(signal.SIGSTOP)
    wait_for(lambda: ssh.state is LinkState.DOWN)
    thread.join(3)
    assert isinstance(got[0], LinkLost)
    assert got[0].sent is True
    assert ssh.run("echo back").stdout == b"back\n"


def test_an_idle_link_that_answers_stays_up(ssh: Ssh, server: PrivateSshd) -> None:
    before = server.sessions()
    states = set()
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        states.add(ssh.state)
        time.sleep(0.05)
    assert states == {LinkState.UP}
    assert server.sessions() == before


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200, b"SSH-2.0-x\r\n"])
def test_a_port_that_speaks_no_ssh_is_given_up(server: PrivateSshd, says: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def serve() -> None:
            held.append(listener.accept()[0])
            held[0].sendall(says)

        threading.Thread(target=serve, daemon=True).start()
        target = replace(server.target, port=listener.getsockname()[1], connect_timeout=0.5)
        before = time.monotonic()
        with pytest.raises(ConnectFailed):
            Ssh("box", target, Answers()).connect()
        assert time.monotonic() - before < 3
        held[0].close()


def test_close_ends_a_connection_that_is_being_made(server: PrivateSshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = replace(server.target, port=listener.getsockname()[1])
        connection = Ssh("box", target, Answers())
        thread, got = outcome(connection.connect)
        peer, _ = listener.accept()
        time.sleep(0.1)
        before = time.monotonic()
        connection.close()
        assert time.monotonic() - before < 0.5
        thread.join(2)
        assert isinstance(got[0], LinkLost | ConnectFailed)
        assert connection.state is LinkState.IDLE
        peer.close()


def test_close_does_not_wait_for_a_peer_that_hangs(ssh: Ssh, server: PrivateSshd) -> None:
    thread, got = outcome(lambda: ssh.run("cat", stdin=bytes(50_000_000), deadline=50))
    time.sleep(0.1)
    server.signal_sessions(signal.SIGSTOP)
    time.sleep(0.1)
    before = time.monotonic()
    ssh.close()
    assert time.monotonic() - before < 0.5
    thread.join(3)
    assert isinstance(got[0], LinkLost)
