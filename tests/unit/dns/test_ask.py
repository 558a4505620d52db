"""Questions against little servers that behave badly on purpose."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from console.dns import ask
from console.remote.connection import LinkState
from console.remote.errors import LinkLost, TunnelRefused

Reply = Callable[[dns.message.Message], bytes]


def good(query: dns.message.Message, serial: int = 5) -> bytes:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    name = query.question[0].name
    response.answer.append(dns.rrset.from_text(name, 60, "IN", "SOA", f"ns. h. {serial} 1 1 1 1"))
    return response.to_wire()


def truncated(query: dns.message.Message) -> bytes:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC
    return response.to_wire()


def foreign(query: dns.message.Message) -> bytes:
    query.id ^= 1
    return good(query)


@contextmanager
def server(over_udp: list[Reply], over_tcp: list[Reply] | None) -> Iterator[int]:
    """Answers each question with every reply in turn; without `over_tcp` nobody listens there."""
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        port = int(tcp.getsockname()[1])
        udp.bind(("127.0.0.1", port))

        def serve_udp() -> None:
            while True:
                try:
                    wire, peer = udp.recvfrom(65535)
                except OSError:
                    return
                if not wire:
                    return
                for reply in over_udp:
                    udp.sendto(reply(dns.message.from_wire(wire)), peer)

        def serve_tcp() -> None:
            stream, _ = tcp.accept()
            with stream, stream.makefile("rb") as reader:
                while size := reader.read(2):
                    wire = reader.read(int.from_bytes(size, "big"))
                    for reply in over_tcp or ():
                        answer = reply(dns.message.from_wire(wire))
                        if not answer:
                            return
                        stream.sendall(len(answer).to_bytes(2, "big") + answer)

        threading.Thread(target=serve_udp, daemon=True).start()
        if over_tcp is not None:
            tcp.listen(5)
            threading.Thread(target=serve_tcp, daemon=True).start()
        yield port
        with socket.socket(type=socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", port))


def test_a_good_answer_over_udp() -> None:
    with server([good], None) as port:
        answer = ask.ask("127.0.0.1", port, "a.test", "SOA", timeout=2)
    assert (answer.serial, answer.transport, answer.problem, answer.rcode) == (5, "udp", "", "NOERROR")
    assert answer.records == ("60 IN SOA ns. h. 5 1 1 1 1",)
    assert 0 < answer.duration < 2


def test_truncated_goes_on_over_tcp() -> None:
    with server([truncated], [good]) as port:
        answer = ask.ask("127.0.0.1", port, "a.test", "SOA", timeout=2)
    assert (answer.serial, answer.transport) == (5, "tcp")


def test_answers_to_other_questions_are_not_ours() -> None:
    with server([foreign, lambda query: b"\x00garbage", good], None) as port:
        assert ask.ask("127.0.0.1", port, "a.test", "SOA", timeout=2).serial == 5


def test_silence_over_udp_and_refusal_over_tcp_are_both_told() -> None:
    with server([], None) as port:
        answer = ask.ask("127.0.0.1", port, "a.test", "SOA", timeout=0.2)
    assert answer.silent
    assert answer.problem == "no answer in time over UDP, connection refused over TCP"


def test_what_is_not_authoritative_or_no_soa_says_so() -> None:
    def not_authoritative(query: dns.message.Message) -> bytes:
        response = dns.message.from_wire(good(query))
        response.flags &= ~dns.flags.AA
        return response.to_wire()

    with server([not_authoritative], None) as port:
        answer = ask.ask("127.0.0.1", port, "a.test", "SOA", timeout=2)
    assert (answer.problem, answer.serial) == ("not authoritative", 5)

    def empty(query: dns.message.Message) -> bytes:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        return response.to_wire()

    with server([empty], None) as port:
        assert ask.ask("127.0.0.1", port, "a.test", "SOA", timeout=2).problem == "no SOA in the answer"


def test_no_route_is_told_in_words() -> None:
    answer = ask.ask("256.1.1.1", 53, "a.test", "SOA", timeout=0.5)
    assert answer.silent
    assert answer.problem
    assert ask.in_words(OSError(101, "Network is unreachable")) == "no route"
    assert ask.in_words(OSError(113, "No route to host")) == "no route"


def test_names_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="not a DNS question"):
        ask.ask("127.0.0.1", 53, "a..b", "SOA")
    with pytest.raises(ValueError, match="not a DNS question"):
        ask.ask("127.0.0.1", 53, "a.b", "NOSUCHTYPE")
    with pytest.raises(ValueError, match="needs its connection"):
        ask.ask("127.0.0.1", 53, "a.b", "SOA", vantage="host")


class Tunnels:
    """Stands for a connection: its tunnels are plain sockets, or an error."""

    def __init__(self, error: Exception | None = None, state: LinkState = LinkState.UP) -> None:
        self.error = error
        self.state = state
        self.opened = 0

    def tunnel(self, address: str, port: int) -> socket.socket:
        self.opened += 1
        if self.error is not None:
            raise self.error
        return socket.create_connection((address, port), 2)


def test_many_questions_take_one_tunnel_and_come_in_any_order() -> None:
    names = [f"z{number}.test" for number in range(300)]
    held: list[bytes] = []

    def two_by_two(query: dns.message.Message) -> bytes:
        held.append(good(query, serial=int(str(query.question[0].name).split(".")[0][1:]) + 1))
        if len(held) % 2:
            return b"HOLD"
        second, first = held.pop(), held.pop()
        return second + b"|||" + first

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)

        def serve() -> None:
            stream, _ = listener.accept()
            with stream, stream.makefile("rb") as reader:
                while size := reader.read(2):
                    out = two_by_two(dns.message.from_wire(reader.read(int.from_bytes(size, "big"))))
                    for wire in [] if out == b"HOLD" else out.split(b"|||"):
                        stream.sendall(len(wire).to_bytes(2, "big") + wire)

        threading.Thread(target=serve, daemon=True).start()
        connection = Tunnels()
        port = int(listener.getsockname()[1])
        answers = ask.serials("127.0.0.1", port, names, connection=connection)  # type: ignore[arg-type]
    assert connection.opened == 1
    assert {name: answer.serial for name, answer in answers.items()} == {
        name: number + 1 for number, name in enumerate(names)
    }
    assert all(answer.vantage == "host" for answer in answers.values())


def test_a_stream_that_ends_keeps_what_came_and_says_why_for_the_rest() -> None:
    def once(query: dns.message.Message) -> bytes:
        return good(query) if "z0" in str(query.question[0].name) else b""

    with server([], [once]) as port:
        answers = ask.serials("127.0.0.1", port, ["z0.test", "z1.test"], vantage="here", timeout=2)
    assert answers["z0.test"].serial == 5
    assert answers["z1.test"].silent
    assert answers["z1.test"].problem in ("connection closed without an answer", "connection reset")


@pytest.mark.parametrize("error", [TunnelRefused("sshd does not allow it"), LinkLost("gone", sent=False)])
def test_a_tunnel_that_is_refused_is_an_answer_too(error: Exception) -> None:
    connection = Tunnels(error)
    answer = ask.ask("127.0.0.1", 53, "a.test", "SOA", vantage="host", connection=connection)  # type: ignore[arg-type]
    assert (answer.vantage, answer.problem, answer.asked) == ("host", str(error), True)


def test_silence_over_a_lost_link_says_nothing_of_the_server() -> None:
    connection = Tunnels(TunnelRefused("gone"), LinkState.DOWN)
    answer = ask.ask("127.0.0.1", 53, "a.test", "SOA", vantage="host", connection=connection)  # type: ignore[arg-type]
    assert (answer.silent, answer.asked, answer.problem) == (True, False, "the link to the host: down")
