"""Watches a new serial arrive everywhere: the log and SOA polls, each in a daemon thread, until a deadline."""

from __future__ import annotations

import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from ipaddress import ip_address

from console.dns.ask import TIMEOUT, Answer, Vantage, ask
from console.dns.namedlog import Follower, LogEvent, follow_script
from console.dns.propagation import Target, Tracker, Update, notified
from console.dns.state import LogSource, Zone
from console.dns.zonefile import ZoneText
from console.remote.connection import Connection, Privilege, Stream
from console.remote.errors import RemoteError

DEADLINE = 30.0
"""Seconds: named's notify-delay is 5, and a transfer follows."""
LOG_GRACE = 1.5
"""Seconds that the log gets, once every server has answered, to tell of the transfers that are its proof."""
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_RESOLVE = """for name; do
    printf '@%s\\n' "$name"
    getent ahosts "$name"
done
exit 0"""


class LogFeed:
    """Log events as they come, from before a change until `close()`. A context manager.

    Open it before a change is applied, with `last=0`, or right after with the default.

    `problem` says why it ended early, in words.
    """

    def __init__(self, connection: Connection, sources: Sequence[LogSource], last: int = 200) -> None:
        """Opens the stream now, so that nothing said after this is missed.

        Raises:
            RemoteError: the connection's own reasons.
            ValueError: no sources.
        """
        if not sources:
            raise ValueError("no log to follow")
        script, args = follow_script(sources[0], *sources[1:], last=last)
        self.problem = ""
        self._follower = Follower()
        self._stream: Stream = connection.stream(
            script,
            args,
            sudo=connection.privilege is not Privilege.NONE,
            follow=True,
            title=f"follow {sources[0].where}",
        )

    def __iter__(self) -> Iterator[LogEvent]:
        try:
            for chunk in self._stream:
                yield from self._follower.feed(chunk)
        except RemoteError as error:
            self.problem = str(error)

    def __enter__(self) -> LogFeed:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()


def targets(
    connection: Connection | None, zone: Zone, text: ZoneText, *, extra: Iterable[Target] = (), port: int = 53
) -> tuple[Target, ...]:
    """Every address that should serve the zone: its NS names, v4 and v6, and the inventory's further secondaries.

    Addresses come from the zone's own data, else from the host's resolver (one run for all), else from this machine's.
    A name without any keeps its problem. The order is that of the NS records.
    """
    apex = text.origin.lower()
    names = [
        record.absolute(record.words[0]).rstrip(".")
        for record in text.records
        if record.type == "NS" and record.owner.lower() == apex and record.words
    ]
    own: dict[str, list[str]] = {}
    for record in text.records:
        if record.type in ("A", "AAAA") and record.words:
            own.setdefault(record.owner.rstrip(".").lower(), []).append(record.words[0])
    foreign = [name for name in dict.fromkeys(names) if name.lower() not in own]
    resolved = _resolved_there(connection, foreign) if connection is not None and foreign else {}
    found: list[Target] = []
    for name in dict.fromkeys(names):
        if name.lower() in own:
            found.extend(Target(name, address, port, "zone data") for address in own[name.lower()])
        elif resolved.get(name):
            found.extend(Target(name, address, port, "the host's resolver") for address in resolved[name])
        else:
            found.extend(_resolved_here(name, port))
    present = {each.address for each in found}
    found.extend(each for each in extra if each.address not in present)
    return tuple(dict.fromkeys(found))


def primary_of(text: ZoneText) -> str:
    """The SOA's MNAME without its final dot; empty without a SOA."""
    if text.soa is None or not text.soa.record.words:
        return ""
    return text.soa.record.absolute(text.soa.record.words[0]).rstrip(".")


def refresh_of(text: ZoneText) -> int:
    """The SOA's refresh in seconds; 0 when it cannot be read."""
    words = text.soa.record.words if text.soa else ()
    match = (
        re.fullmatch(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", words[3].lower())
        if len(words) > 3
        else None
    )
    if match is None:
        return 0
    return sum(int(count or 0) * unit for count, unit in zip(match.groups(), (604800, 86400, 3600, 60, 1), strict=True))


def watch(
    zone: Zone,
    serial: int,
    wanted: Sequence[Target],
    *,
    text: ZoneText | None = None,
    connection: Connection | None = None,
    events: Iterable[LogEvent] | None = None,
    deadline: float = DEADLINE,
    stop: threading.Event | None = None,
    vantage: Vantage = "here",
) -> Iterator[Update]:
    """Updates as they happen, then the final word on every target; ends when all are settled or `deadline` s passed.

    The log of this server may tell of a transfer a moment after the answer that came of it: that is waited for.

    Targets are asked from this machine; one that is silent here is asked from the host, if there is a `connection`.
    With `vantage` `host` they are asked from the host alone.

    Args:
        text: the zone's text, to know whom named notifies and when secondaries ask by themselves.
        events: log events, such as a `LogFeed`; they are read in a thread, the caller closes the feed afterwards.
        stop: set it from any thread to end early; targets not settled then get their reason as known.
    """
    stop = stop or threading.Event()
    ended = threading.Event()
    notifies = notified(zone, [t for t in wanted if t.source != "inventory"], primary_of(text)) if text else None
    refresh = refresh_of(text) if text else 0
    tracker = Tracker(zone, serial, wanted, notified=notifies, has_log=events is not None, refresh=refresh)
    began = time.monotonic()
    heard: queue.SimpleQueue[Callable[[float], list[Update]]] = queue.SimpleQueue()

    def poll(target: Target) -> None:
        pause = _FIRST_PAUSE
        asked_from = vantage
        while not ended.is_set():
            try:
                answer = _asked(target, zone.name, asked_from, connection, min(TIMEOUT, deadline / 2))
            except Exception as error:
                heard.put(partial(_raise, error))
                return
            asked_from = vantage if answer.silent else answer.vantage
            heard.put(partial(tracker.heard, target, answer))
            if tracker.settled(target) or answer.serial == serial or ended.wait(pause):
                return
            pause = min(pause * 2, _LONGEST_PAUSE)

    def listen(feed: Iterable[LogEvent]) -> None:
        try:
            for event in feed:
                if ended.is_set():
                    return
                heard.put(partial(tracker.logged, event))
        except Exception as error:
            heard.put(partial(_raise, error))
        heard.put(tracker.log_ended)

    yield from tracker.start()
    for target in wanted:
        if target.address:
            threading.Thread(target=poll, args=(target,), name=f"soa-{target.address}", daemon=True).start()
    if events is not None:
        threading.Thread(target=listen, args=(events,), name=f"log-{zone.name}", daemon=True).start()
    try:
        ends, answered = began + deadline, False
        while not (tracker.done and tracker.proven) and not stop.is_set():
            if tracker.done and not answered:
                answered, ends = True, min(ends, time.monotonic() + LOG_GRACE)
            left = ends - time.monotonic()
            if left <= 0:
                break
            with suppress(queue.Empty):
                yield from heard.get(timeout=min(left, 0.25))(time.monotonic() - began)
        with suppress(queue.Empty):
            while True:
                yield from heard.get_nowait()(time.monotonic() - began)
        yield from tracker.finish(time.monotonic() - began)
    finally:
        ended.set()


def _raise(error: Exception, at: float) -> list[Update]:
    """What a thread could not say: raised where the watch is read."""
    raise error


def _asked(target: Target, name: str, vantage: Vantage, connection: Connection | None, timeout: float) -> Answer:
    """From the vantage that was answered last; here first, and from the host when it is silent here."""
    if vantage == "host" and connection is not None:
        return ask(target.address, target.port, name, "SOA", vantage="host", connection=connection, timeout=timeout)
    answer = ask(target.address, target.port, name, "SOA", timeout=timeout)
    if not answer.silent or connection is None:
        return answer
    there = ask(target.address, target.port, name, "SOA", vantage="host", connection=connection, timeout=timeout)
    if there.silent:
        return replace(there, problem=f"{there.problem}; from this machine: {answer.problem}")
    return there


def _resolved_there(connection: Connection, names: Sequence[str]) -> dict[str, list[str]]:
    """getent's addresses by name; names it does not know are absent."""
    result = connection.run(_RESOLVE, tuple(names), title="getent ahosts " + " ".join(names))
    found: dict[str, list[str]] = {}
    name = ""
    for line in result.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("@"):
            name = line[1:]
        elif line.split():
            found.setdefault(name, []).append(line.split()[0])
    return {name: _abroad(name, addresses) for name, addresses in found.items()}


def _abroad(name: str, addresses: Iterable[str]) -> list[str]:
    """Each once, without loopback: /etc/hosts gives a machine's own name one, where no name server need listen."""
    once = dict.fromkeys(addresses)
    if name.lower() == "localhost":
        return list(once)
    return [address for address in once if not ip_address(address.partition("%")[0]).is_loopback]


def _resolved_here(name: str, port: int) -> Iterator[Target]:
    try:
        answers = socket.getaddrinfo(name, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        yield Target(name, "", port, "resolved here", f"No address for {name}: {getattr(error, 'strerror', error)}.")
        return
    found = _abroad(name, (str(answer[4][0]) for answer in answers))
    if not found:
        yield Target(name, "", port, "resolved here", f"{name} has a loopback address only (/etc/hosts).")
    for address in found:
        yield Target(name, address, port, "resolved here")
