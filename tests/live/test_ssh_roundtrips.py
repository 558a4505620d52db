"""What reaching a real host costs in round trips, on a line that is slow on purpose."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable

from console.dns import desk
from console.hosts import dns_view
from console.inventory import Host
from console.remote.link import PromptSocket, open_socket
from tests.live.lab import Lab
from tests.live.reaching import reach

RTT = 0.1
"""Seconds."""


def slow_line(host: str, port: int, timeout: float) -> socket.socket:
    """A connected socket to the host whose bytes take half of RTT each way, and whose opening took one."""
    far = open_socket(host, port, timeout)
    time.sleep(RTT)
    with socket.create_server(("127.0.0.1", 0)) as server:
        plain = socket.create_connection(server.getsockname())
        near, _ = server.accept()
    ours = PromptSocket(fileno=plain.detach())
    for end in (ours, near):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for source, sink in ((near, far), (far, near)):
        _carry(source, sink)
    return ours


def _carry(source: socket.socket, sink: socket.socket) -> None:
    due: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def take() -> None:
        data = b"first"
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            due.put((time.monotonic() + RTT / 2, data))

    def give() -> None:
        while True:
            when, data = due.get()
            time.sleep(max(0.0, when - time.monotonic()))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
            except OSError:
                return

    source.settimeout(None)
    for work in (take, give):
        threading.Thread(target=work, daemon=True).start()


def trips(work: Callable[[], object], fast: Callable[[], object], times: int = 3) -> float:
    """Round trips that `work` took: its time on the slow line beyond that of `fast`, the same without it.

    The best of several, as a busy machine only ever adds.
    """
    return (min(_timed(work) for _ in range(times)) - min(_timed(fast) for _ in range(times))) / RTT


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_round_trips(lab: Lab) -> None:
    view = dns_view(Host("box"))

    def first_data(**way: object) -> None:
        with reach(lab, "opsfree", **way) as ssh:
            desk.survey(ssh, view)

    def connected(**way: object) -> None:
        with reach(lab, "opsfree", **way):
            pass

    connect = trips(lambda: connected(open_tcp=slow_line), connected, 2)
    first = trips(lambda: first_data(open_tcp=slow_line), first_data, 2)
    with reach(lab, "opsfree", open_tcp=slow_line) as slow, reach(lab, "opsfree") as quick:
        run = trips(lambda: slow.run(":"), lambda: quick.run(":"))
        rooted = trips(lambda: slow.run(":", sudo=True), lambda: quick.run(":", sudo=True))
        fed = b"x" * 100_000
        given = trips(lambda: slow.run("cat >&2", stdin=fed), lambda: quick.run(":"))
        seen = desk.survey(quick, view)
        again = trips(lambda: desk.survey(slow, view, seen), lambda: desk.survey(quick, view, seen))
    print(
        f"round trips at {RTT * 1000:.0f} ms: to connect {connect:.1f}; to the first list of zones {first:.1f}; "
        f"a run {run:.1f}, with sudo {rooted:.1f}, with 100 kB to read {given:.1f}; a refresh {again:.1f}"
    )
    assert connect < 9
    assert first < 13
    assert run < 2.8
    assert rooted < 3
    assert again < 3.5
