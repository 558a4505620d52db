"""DNS questions, from this machine or from the host's own vantage; every answer says which.

dnspython makes and reads the messages; the sockets are ours, so that a refused UDP port is heard at once and a tunnel
through SSH serves like any other stream.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from console.remote.connection import LinkState
from console.remote.errors import RemoteError, TunnelRefused

if TYPE_CHECKING:
    import dns.message

    from console.remote.connection import Connection

Vantage = Literal["here", "host"]

TIMEOUT = 3.0
"""Seconds for one question, UDP and TCP together."""
OUTSTANDING = 64
"""Questions on their way at once on one TCP connection (RFC 7766 section 6.2.1.1)."""
_LARGEST = 65535


@dataclass(frozen=True, slots=True)
class Answer:
    """What one name server said, or why it did not."""

    name: str
    rdtype: str
    address: str
    port: int
    vantage: Vantage
    """`here`: asked from this machine; `host`: from the host, through the SSH connection."""
    transport: str = ""
    """`udp` or `tcp`; empty without an answer."""
    rcode: str = ""
    """`NOERROR`, `REFUSED`, …; empty without an answer."""
    authoritative: bool = False
    serial: int | None = None
    """Of the SOA in the answer, for a SOA question."""
    records: tuple[str, ...] = ()
    """The answer section, one record each: `ttl class type data`."""
    duration: float = 0.0
    """Seconds."""
    problem: str = ""
    """Why this is not a good authoritative answer, in words; empty: it is one."""
    asked: bool = True
    """False: the link to the host was lost, or its sshd forbids tunnels: the silence says nothing of the server."""

    @property
    def silent(self) -> bool:
        """Nothing came back at all."""
        return not self.rcode


class _Stream(Protocol):
    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def close(self) -> None: ...


def ask(
    address: str,
    port: int,
    name: str,
    rdtype: str,
    *,
    vantage: Vantage = "here",
    connection: Connection | None = None,
    timeout: float = TIMEOUT,
) -> Answer:
    """Asks one question without recursion. Never raises for what a server or the network does.

    Args:
        vantage: `here` is UDP, then TCP if UDP is cut or silent; `host` is TCP through `connection.tunnel()`.

    Raises:
        ValueError: `host` without a connection, or a name or type that DNS does not know.
    """
    blank = Answer(name.rstrip(".") or ".", rdtype, address, port, vantage)
    query = _query(name, rdtype)
    began = time.monotonic()
    if vantage == "here":
        answer = _here(blank, query, timeout)
    else:
        answer = next(_stream_answers([(blank, query)], _opener(address, port, vantage, connection, timeout), timeout))
    if vantage == "host" and connection is not None and answer.silent and connection.state is not LinkState.UP:
        answer = replace(answer, asked=False, problem=f"the link to the host: {connection.state.value}")
    return replace(answer, duration=time.monotonic() - began)


def serials(
    address: str,
    port: int,
    zones: Iterable[str],
    *,
    vantage: Vantage = "host",
    connection: Connection | None = None,
    timeout: float = TIMEOUT,
) -> dict[str, Answer]:
    """SOA of many zones of one server over one TCP connection, `OUTSTANDING` questions at a time.

    Returns: zone name as given to its Answer; `timeout` is the longest silence between two answers.
    """
    asked = [(Answer(zone, "SOA", address, port, vantage), _query(zone, "SOA")) for zone in dict.fromkeys(zones)]
    opener = _opener(address, port, vantage, connection, timeout)
    return {answer.name: answer for answer in _stream_answers(asked, opener, timeout)}


def _query(name: str, rdtype: str) -> dns.message.QueryMessage:
    import dns.exception
    import dns.flags
    import dns.message

    try:
        query = dns.message.make_query(name.rstrip(".") + ".", rdtype, use_edns=0, payload=1232)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"not a DNS question: {name} {rdtype}: {error}") from error
    query.flags &= ~dns.flags.RD
    return query


def _read(blank: Answer, query: dns.message.Message, wire: bytes, transport: str) -> Answer | None:
    """None: not the answer to this query."""
    import dns.exception
    import dns.flags
    import dns.message
    import dns.rcode
    import dns.rdatatype

    try:
        response = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    except (dns.exception.DNSException, ValueError):
        return None
    if not query.is_response(response):
        return None
    code = dns.rcode.to_text(response.rcode())
    authoritative = bool(response.flags & dns.flags.AA)
    serial: int | None = None
    records: list[str] = []
    for rrset in response.answer:
        records.extend(line.partition(" ")[2] for line in rrset.to_text().split("\n"))
        if rrset.rdtype == dns.rdatatype.SOA and rrset.name == query.question[0].name:
            serial = next(int(rdata.serial) for rdata in rrset)
    problem = ""
    if code != "NOERROR":
        problem = code
    elif not authoritative:
        problem = "not authoritative"
    elif blank.rdtype == "SOA" and serial is None:
        problem = "no SOA in the answer"
    return replace(
        blank,
        transport=transport,
        rcode=code,
        authoritative=authoritative,
        serial=serial,
        records=tuple(records),
        problem=problem,
    )


def in_words(error: Exception) -> str:
    """Why a packet or a connection did not get there."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError):
        return "connection reset"
    if isinstance(error, EOFError):
        return "connection closed without an answer"
    if isinstance(error, OSError) and error.strerror:
        return {"Network is unreachable": "no route", "No route to host": "no route"}.get(
            error.strerror, error.strerror
        )
    return str(error) or type(error).__name__


def _here(blank: Answer, query: dns.message.QueryMessage, timeout: float) -> Answer:
    try:
        answer = _udp(blank, query, timeout / 2)
        if answer is not None:
            return answer
        over_udp = ""
    except OSError as error:
        over_udp = f"{in_words(error)} over UDP, "
    opener = _opener(blank.address, blank.port, "here", None, timeout / 2)
    answer = next(_stream_answers([(blank, query)], opener, timeout / 2))
    if answer.silent:
        return replace(answer, problem=f"{over_udp}{answer.problem} over TCP")
    return answer


def _udp(blank: Answer, query: dns.message.Message, timeout: float) -> Answer | None:
    """The answer; None when it was truncated. OSError as the network says."""
    family = socket.AF_INET6 if ":" in blank.address else socket.AF_INET
    deadline = time.monotonic() + timeout
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((blank.address, blank.port))
        sock.send(query.to_wire())
        while (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            wire = sock.recv(_LARGEST)
            answer = _read(blank, query, wire, "udp")
            if answer is not None:
                return None if wire[2] & 0x02 else answer
    raise TimeoutError


class _Opener(Protocol):
    def __call__(self) -> _Stream: ...


def _opener(address: str, port: int, vantage: Vantage, connection: Connection | None, timeout: float) -> _Opener:
    if vantage == "here":
        return lambda: socket.create_connection((address, port), timeout)
    if connection is None:
        raise ValueError("a question from the host's vantage needs its connection")
    return lambda: connection.tunnel(address, port)


def _stream_answers(
    asked: list[tuple[Answer, dns.message.QueryMessage]], opener: _Opener, timeout: float
) -> Iterator[Answer]:
    """One Answer for each question, in the order they come; the unanswered last, with the reason."""
    waiting: dict[int, tuple[Answer, dns.message.QueryMessage]] = {}
    began = time.monotonic()
    left = iter(enumerate(asked))
    reason, sent = "no answer in time", True
    open_questions = len(asked)
    try:
        with closing(opener()) as stream:
            stream.settimeout(timeout)
            reader = _Reader(stream)
            while open_questions:
                batch = bytearray()
                while len(waiting) < OUTSTANDING and (item := next(left, None)) is not None:
                    number, (blank, query) = item
                    query.id = number & 0xFFFF
                    waiting[query.id] = (blank, query)
                    wire = query.to_wire()
                    batch += len(wire).to_bytes(2, "big") + wire
                if batch:
                    stream.sendall(bytes(batch))
                wire = reader.message()
                found = waiting.get(int.from_bytes(wire[:2], "big"))
                answer = _read(found[0], found[1], wire, "tcp") if found else None
                if found is None or answer is None:
                    raise EOFError("an answer that is none")
                del waiting[found[1].id]
                open_questions -= 1
                yield replace(answer, duration=time.monotonic() - began)
    except (OSError, EOFError, RemoteError) as error:
        reason = in_words(error)
        sent = not (isinstance(error, TunnelRefused) and error.forbidden)
    for blank, _ in [*waiting.values(), *(item for _, item in left)]:
        yield replace(blank, problem=reason, asked=sent, duration=time.monotonic() - began)


class _Reader:
    """Length-prefixed messages of a stream (RFC 1035 section 4.2.2)."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    def message(self) -> bytes:
        """EOFError when the other side closes first."""
        size = int.from_bytes(self._take(2), "big")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            chunk = self._stream.recv(_LARGEST)
            if not chunk:
                raise EOFError
            self._buffer += chunk
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken
