"""What screens and CLI do with zones, composed once: survey a server, open a zone, see who serves what, save."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.change.apply import Mode, apply
from console.change.outcome import Outcome, StepEvent
from console.change.plan import EditFile, Plan
from console.dns import changes, probe, served, zonefile
from console.dns.ask import Answer, Vantage, ask
from console.dns.namedlog import LogEvent
from console.dns.propagation import Target, Update
from console.dns.state import Snapshot, Zone, ZoneFile
from console.dns.watch import DEADLINE, LogFeed, targets, watch
from console.dns.zoneread import Include, read_zone
from console.remote.connection import Connection
from console.remote.errors import RemoteError

if TYPE_CHECKING:
    from console.change.entry import JournalEntry
    from console.change.journal import Journal

ASKED_AT_ONCE = 5
"""Questions on their way at once; a host has six channels."""


@dataclass(frozen=True, slots=True)
class View:
    """How this host's name servers are asked: the part of its inventory entry that DNS needs."""

    paths: probe.Paths = field(default_factory=probe.Paths)
    vantage: Vantage = "host"
    """From where: this machine, or the host through its connection."""
    secondaries: tuple[tuple[str, int], ...] = ()
    """Address and port of name servers to ask besides the NS set."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A zone's text as it was read."""

    zone: Zone
    file: ZoneFile
    content: bytes
    includes: tuple[Include, ...]
    why_not: str
    """Why it cannot be edited here; empty when it can."""

    @property
    def editable(self) -> bool:
        return not self.why_not


class Unreadable(Exception):
    """A zone's text cannot be had; `str()` says why."""


def survey(connection: Connection, view: View, seen: Snapshot | None = None) -> Snapshot:
    """The server's zones with their serials on disk and as the server itself answers.

    Args:
        seen: an earlier look. Its server is asked while the host looks again: two round trips in place of four.

    Raises:
        RemoteError: the connection's own reasons.
    """
    if seen is None or not served.asked_for(seen):
        return served.ask_server(probe.read_snapshot(connection, view.paths), connection, vantage=view.vantage)
    connection.connect()
    with ThreadPoolExecutor(1, thread_name_prefix="served") as pool:
        asking = pool.submit(served.own_answers, seen, connection, vantage=view.vantage)
        snapshot = probe.read_snapshot(connection, view.paths)
        answers = asking.result()
    if snapshot.listens[:1] == seen.listens[:1] and answers.keys() >= set(served.asked_for(snapshot)):
        return served.with_answers(snapshot, answers)
    return served.ask_server(snapshot, connection, vantage=view.vantage)


def open_zone(connection: Connection, snapshot: Snapshot, zone: Zone) -> Opened:
    """Reads a zone's text.

    Raises:
        Unreadable: there is none to read.
        RemoteError: the connection's own reasons.
    """
    if zone.file is None:
        raise Unreadable(f"{zone.name} is a {zone.kind} zone without a file.")
    read = read_zone(connection, snapshot, zone)
    if read.file.problem:
        raise Unreadable(f"{read.file.path}: {read.file.problem}.")
    why_not = "" if zone.kind == "primary" else f"it is a {zone.kind} zone here, and its primary decides."
    return Opened(zone, read.file, read.content, read.includes, why_not)


def who(target: Target) -> str:
    """A server as people name it: `ns2.example.com 198.51.100.7`."""
    return f"{target.name} {target.address}".strip()


def servers(connection: Connection, view: View, zone: Zone, content: bytes) -> tuple[Target, ...]:
    """Every address that should serve the zone, by its own NS records and the inventory."""
    extra = [Target(address, address, port, "inventory") for address, port in view.secondaries]
    return targets(connection, zone, zonefile.parse(content, zone.name), extra=extra)


def ask_all(connection: Connection, view: View, zone: Zone, wanted: Iterable[Target]) -> dict[Target, Answer]:
    """The SOA of every server, asked side by side. A target without an address has no answer here."""
    reachable = [target for target in wanted if target.address]

    def one(target: Target) -> Answer:
        return ask(target.address, target.port, zone.name, "SOA", vantage=view.vantage, connection=connection)

    with ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="soa") as pool:
        return dict(zip(reachable, pool.map(one, reachable), strict=True))


def serials(zone: Zone, answers: Mapping[Target, Answer]) -> dict[str, int]:
    """Who serves which serial now: what a new one must be newer than."""
    known = {who(target): answer.serial for target, answer in answers.items() if answer.serial is not None}
    if zone.serial_served is not None:
        known["this server"] = zone.serial_served
    return known


def plan(
    connection: Connection,
    view: View,
    snapshot: Snapshot,
    opened: Opened,
    edited: bytes | None,
    *,
    force: bool = False,
) -> Plan:
    """The plan to save `edited`, or to bump the serial alone (None), against what everybody serves at this moment.

    Raises:
        PlanRefused: there is no such plan; NothingToDo: nothing was changed.
        RemoteError: the connection's own reasons.
    """
    zone = opened.zone
    if edited == opened.content:
        raise changes.NothingToDo(f"Nothing was changed in {zone.name}; the serial stays as it is.")
    answers = ask_all(connection, view, zone, servers(connection, view, zone, opened.content))
    known, now = serials(zone, answers), datetime.now(UTC)
    if edited is None:
        return changes.plan_bump(snapshot, zone, opened.content, served=known, now=now)
    return changes.plan_save(snapshot, zone, opened.content, edited, served=known, now=now, force=force)


def plan_undo(
    connection: Connection, view: View, snapshot: Snapshot, journal: Journal, entry: JournalEntry
) -> tuple[Zone, Plan]:
    """The zone, and the plan that takes a change to it back, against the file and the serials of this moment.

    Raises:
        PlanRefused: there is no way back, or none is needed.
        JournalError: the old text is not in the journal any more.
        Unreadable, RemoteError: the present text cannot be had.
    """
    zone = snapshot.zone(entry.facts.get("zone", ""), entry.facts.get("view", ""))
    if zone is None:
        raise changes.PlanRefused(f"Zone {entry.facts.get('zone', '?')} is not on {snapshot.host} any more.")
    edit = next((step for step in journal.plan(entry).steps if isinstance(step, EditFile)), None)
    if edit is None or edit.base is None or edit.content is None:
        raise changes.PlanRefused("That change wrote no zone text that could be put back.")
    opened = open_zone(connection, snapshot, zone)
    if opened.content != edit.content:
        raise changes.PlanRefused(f"{edit.path} was changed since: undo that first, or edit the zone.")
    answers = ask_all(connection, view, zone, servers(connection, view, zone, opened.content))
    known, now = serials(zone, answers), datetime.now(UTC)
    return zone, changes.plan_restore(snapshot, entry.facts, opened.content, edit.base, served=known, now=now)


@dataclass(slots=True)
class Listener:
    """Who is told what happens while a plan is carried out; called on the thread that does it."""

    servers: Callable[[tuple[Target, ...]], None] = lambda _targets: None
    """Who will be followed."""
    step: Callable[[StepEvent], None] = lambda _event: None
    log: Callable[[LogEvent], None] = lambda _event: None
    ended: Callable[[Outcome], None] = lambda _outcome: None
    """The host's part is over; name servers are followed from here on."""
    update: Callable[[Update], None] = lambda _update: None
    note: Callable[[str], None] = lambda _text: None
    """What could not be watched, and why."""


def carry_out(
    plan: Plan,
    connection: Connection,
    view: View,
    snapshot: Snapshot,
    zone: Zone,
    journal: Journal,
    *,
    mode: Mode,
    shown: str,
    listener: Listener,
    stop: threading.Event | None = None,
    transaction: str | None = None,
    deadline: float = DEADLINE,
) -> Outcome:
    """Applies a zone's plan, then follows the new serial to every name server. Blocks; `stop` ends the following.

    The log is followed from before the first step, so that what proves a step is not missed.

    Args:
        transaction: its id, for a caller that must know it beforehand.
        deadline: seconds that the name servers get to follow.
    """
    content = next((step.content for step in plan.steps if isinstance(step, EditFile)), None)
    number = plan.facts.get("new_serial", "")
    serial = int(number) if number.isdigit() else 0
    wanted = servers(connection, view, zone, content) if content else ()
    listener.servers(wanted)
    feed = _feed(connection, snapshot, listener)
    heard: queue.SimpleQueue[LogEvent | None] = queue.SimpleQueue()
    if feed is not None:
        threading.Thread(target=_hear, args=(feed, listener, heard), name="named-log", daemon=True).start()
    try:
        outcome = apply(
            plan, connection, journal, mode=mode, shown=shown, on_event=listener.step, transaction=transaction
        )
        listener.ended(outcome)
        if outcome.good and serial and content is not None:
            text = zonefile.parse(content, zone.name)
            events = iter(heard.get, None) if feed is not None else None
            for update in watch(
                zone,
                serial,
                wanted,
                text=text,
                connection=connection,
                events=events,
                vantage=view.vantage,
                stop=stop,
                deadline=deadline,
            ):
                listener.update(update)
        return outcome
    finally:
        if feed is not None:
            feed.close()


def _feed(connection: Connection, snapshot: Snapshot, listener: Listener) -> LogFeed | None:
    if not snapshot.logs:
        listener.note("No log of named was found on this host: transfers are seen by their serials only.")
        return None
    try:
        return LogFeed(connection, snapshot.logs, last=0)
    except RemoteError as why:
        listener.note(f"named's log cannot be followed: {why}")
        return None


def _hear(feed: LogFeed, listener: Listener, heard: queue.SimpleQueue[LogEvent | None]) -> None:
    """On a thread of its own, so that the log is told while the host still works. None ends it."""
    for event in feed:
        listener.log(event)
        heard.put(event)
    heard.put(None)
    if feed.problem:
        listener.note(f"named's log: {feed.problem}")


def with_secondaries(zone: Zone, answers: Mapping[Target, Answer]) -> Zone:
    """The zone with the findings that its servers' answers give rise to."""
    found = served.secondary_findings(zone, {who(target): answer for target, answer in answers.items()})
    ids = {finding.id for finding in found} | {"S007", "S008", "S009"}
    return replace(zone, findings=tuple(f for f in zone.findings if f.id not in ids) + found)
