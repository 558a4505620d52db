"""The make-believe name servers: DNS over TCP (RFC 1035 section 4.2.2) on one end of a socket pair."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from console.sandbox.files import COPIED, PARTNER, PRIMARY, SECONDARY, copy_of, loads, zone_names

if TYPE_CHECKING:
    from dns.message import Message
    from dns.name import Name
    from dns.zone import Zone

ADDRESSES = (*PRIMARY, SECONDARY, PARTNER)


class NameServers:
    """Answers for every address of the sandbox from what is loaded in `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._parsed: dict[tuple[Path, int], Zone] = {}
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def connect(self, address: str) -> socket.socket:
        """A stream to the name server at `address`, one of ADDRESSES."""
        ours, theirs = socket.socketpair()
        with self._lock:
            self._open.add(ours)
        threading.Thread(target=self._serve, args=(ours, address), name="sandbox-named", daemon=True).start()
        return theirs

    def close(self) -> None:
        """Ends every open stream."""
        with self._lock:
            for each in self._open:
                each.shutdown(socket.SHUT_RDWR)

    def _serve(self, stream: socket.socket, address: str) -> None:
        with stream, stream.makefile("rb") as incoming:
            while len(size := incoming.read(2)) == 2:
                wire = incoming.read(int.from_bytes(size, "big"))
                reply = self.answer(address, wire)
                try:
                    stream.sendall(len(reply).to_bytes(2, "big") + reply)
                except BrokenPipeError:
                    break
            with self._lock:
                self._open.discard(stream)

    def answer(self, address: str, wire: bytes) -> bytes:
        """The reply to one query, in wire form; FORMERR for what is not one question."""
        import dns.exception
        import dns.message
        import dns.rcode

        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return wire[:2] + b"\x80\x01" + bytes(8)
        reply = dns.message.make_response(query)
        if len(query.question) != 1:
            reply.set_rcode(dns.rcode.FORMERR)
            return reply.to_wire()
        self._fill(reply, address)
        return reply.to_wire()

    def _fill(self, reply: Message, address: str) -> None:
        import dns.flags
        import dns.rcode
        import dns.rdatatype

        question = reply.question[0]
        zone = self._zone(address, question.name)
        if zone is None or zone.origin is None:
            reply.set_rcode(dns.rcode.REFUSED)
            return
        reply.flags |= dns.flags.AA
        found = zone.get_rrset(question.name, question.rdtype) or zone.get_rrset(question.name, dns.rdatatype.CNAME)
        if found is not None:
            reply.answer.append(found)
            return
        if not any(name.is_subdomain(question.name) for name in zone.nodes):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        soa = zone.get_rrset(zone.origin, dns.rdatatype.SOA)
        if soa is not None:
            reply.authority.append(soa)

    def _zone(self, address: str, name: Name) -> Zone | None:
        import dns.name

        served = COPIED if address == PARTNER else zone_names(self._root)
        for zone in sorted(served, key=len, reverse=True):
            if name.is_subdomain(dns.name.from_text(zone)):
                path = self._text(address, zone)
                return self._read(path, zone) if path.exists() else None
        return None

    def _text(self, address: str, zone: str) -> Path:
        return copy_of(self._root, address, zone) if address == SECONDARY else loads(self._root, zone)[-1][1]

    def _read(self, path: Path, zone: str) -> Zone:
        import dns.zone

        key = (path, path.stat().st_mtime_ns)
        if key not in self._parsed:
            self._parsed[key] = dns.zone.from_text(path.read_text(), origin=f"{zone}.", relativize=False)
        return self._parsed[key]
