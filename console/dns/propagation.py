"""Who follows a new serial, and why the others do not: named's log and SOA answers, put together for each server.

`Tracker` is the pure core: log events and answers in, updates out. `watch.py` feeds it from threads.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from console.dns import serial as serials
from console.dns.ask import Answer
from console.dns.namedlog import Kind, LogEvent
from console.dns.state import Zone


class State(Enum):
    """Where a server stands. The values are the words that screens and `--json` use."""

    WAITING = "still waiting"
    FOLLOWED = "followed"
    NOT_NOTIFIED = "not notified"
    NOTIFY_REFUSED = "refused notify"
    DENIED = "transfer denied"
    FAILED = "transfer failed"
    UNREACHABLE = "unreachable"
    AHEAD = "ahead"
    LAME = "lame"


@dataclass(frozen=True, slots=True)
class Target:
    """One address that should serve the zone."""

    name: str
    address: str
    port: int = 53
    source: str = ""
    """Where the address came from: `zone data`, `the host's resolver`, `resolved here`, `inventory`."""
    problem: str = ""
    """Why there is no address, then `address` is empty."""


@dataclass(frozen=True, slots=True)
class Update:
    """Something was seen, or decided."""

    target: Target | None
    """None: about the zone as a whole (loaded, notifies sent), or a peer that is no target."""
    state: State
    text: str
    """One sentence."""
    serial: int | None = None
    """What the target serves, as last heard."""
    final: bool = False
    event: LogEvent | None = None
    """The log line that proves it."""
    answer: Answer | None = None
    """The answer that proves it."""
    at: float = 0.0
    """Seconds since the watch began."""


@dataclass(slots=True)
class _Seen:
    answer: Answer | None = None
    event: LogEvent | None = None
    """The last transfer or notify line about this peer."""
    final: bool = False


class Tracker:
    """Follows one zone to one serial.

    Args:
        notified: addresses that named notifies by its configuration; None: not known.
        has_log: log events will be fed, so that their absence means something.
        refresh: seconds of the SOA, after which a secondary asks by itself; 0: not known.
    """

    def __init__(
        self,
        zone: Zone,
        serial: int,
        targets: Iterable[Target],
        *,
        notified: frozenset[str] | None = None,
        has_log: bool = True,
        refresh: int = 0,
    ) -> None:
        self.zone = zone
        self.serial = serial
        self.targets = tuple(targets)
        self._notified = notified
        self._has_log = has_log
        self._refresh = refresh
        self._counts = zone.dynamic or zone.signed
        """named raises the serial by itself."""
        self._seen = {target: _Seen() for target in self.targets}
        self._begun = False
        self._notifies = False

    @property
    def done(self) -> bool:
        return all(seen.final for seen in self._seen.values())

    @property
    def proven(self) -> bool:
        """No log line is still to be hoped for: notifies were sent, and each notified server that followed fetched."""
        if not self._has_log:
            return True
        followed = [
            (target, seen)
            for target, seen in self._seen.items()
            if seen.answer is not None
            and seen.answer.serial is not None
            and self._reached(seen.answer.serial)
            and self._notified is not None
            and any(_same(target.address, each) for each in self._notified)
        ]
        fetched = all(seen.event is not None and seen.event.kind is Kind.XFR_ENDED for _, seen in followed)
        return not followed or (self._notifies and fetched)

    def settled(self, target: Target) -> bool:
        return self._seen[target].final

    def start(self) -> list[Update]:
        """Targets without an address are decided at once."""
        updates = []
        for target, seen in self._seen.items():
            if not target.address:
                seen.final = True
                updates.append(Update(target, State.UNREACHABLE, target.problem or "It has no address.", final=True))
        return updates

    def heard(self, target: Target, answer: Answer, at: float) -> list[Update]:
        """An answer of a target, or its silence. Only what is new makes an update."""
        seen = self._seen[target]
        if seen.final:
            return []
        before, seen.answer = seen.answer, answer
        where = f"asked from {'this machine' if answer.vantage == 'here' else 'the host'}"
        if answer.serial is not None and not answer.problem:
            if self._reached(answer.serial):
                seen.final = True
                counted = "" if answer.serial == self.serial else f"; named counted on from {self.serial}"
                text = f"It serves {answer.serial} ({where}){counted}."
                return [Update(target, State.FOLLOWED, text, answer.serial, True, None, answer, at)]
            if serials.newer(answer.serial, self.serial) and not self._counts:
                seen.final = True
                text = f"Its serial {answer.serial} is higher than {self.serial}: it will not fetch this zone."
                return [Update(target, State.AHEAD, text, answer.serial, True, None, answer, at)]
        if before is not None and (before.serial, before.problem) == (answer.serial, answer.problem):
            return []
        state, text = self._verdict_of_answer(answer)
        return [Update(target, state, text, answer.serial, False, None, answer, at)]

    def logged(self, event: LogEvent, at: float) -> list[Update]:
        """A line of the primary's log. Lines before the first that names the serial are from before the change."""
        if event.zone != self.zone.name or (event.view and self.zone.view and event.view != self.zone.view):
            return []
        ours = event.serial is not None and self._reached(event.serial)
        if event.serial is not None and event.kind is not Kind.SERIAL_BACK and not ours:
            return []
        self._begun = self._begun or ours
        if not self._begun:
            return []
        if event.kind is Kind.NOTIFIES:
            self._notifies = True
        if not event.peer:
            state = _STATES.get(event.kind, State.WAITING)
            return [Update(None, state, event.text, event.serial, False, event, None, at)]
        updates = []
        for target, seen in self._seen.items():
            if _same(target.address, event.peer):
                seen.event = event
                if not seen.final:
                    updates.append(
                        Update(target, _STATES.get(event.kind, State.WAITING), event.text, None, False, event, None, at)
                    )
        return updates or [
            Update(None, _STATES.get(event.kind, State.WAITING), event.text, event.serial, False, event, None, at)
        ]

    def log_ended(self, at: float) -> list[Update]:
        """No more lines will come: from now on their absence means nothing."""
        self._has_log = False
        return []

    def finish(self, at: float) -> list[Update]:
        """Time is up: the reason for every target that did not follow."""
        updates = []
        for target, seen in self._seen.items():
            if not seen.final:
                seen.final = True
                state, text = self._reason(target, seen)
                served = seen.answer.serial if seen.answer else None
                updates.append(Update(target, state, text, served, True, seen.event, seen.answer, at))
        return updates

    def _reached(self, serial: int) -> bool:
        """Ours, or one that named counted on to: newer than ours and than what was served before."""
        if serial == self.serial or not self._counts:
            return serial == self.serial
        before = self.zone.serial_served
        return serials.newer(serial, self.serial) and (before is None or serials.newer(serial, before))

    def _verdict_of_answer(self, answer: Answer) -> tuple[State, str]:
        if not answer.asked:
            return State.WAITING, f"Not known: it could not be asked ({answer.problem})."
        if answer.silent:
            where = "this machine" if answer.vantage == "here" else "the host"
            return State.UNREACHABLE, f"No answer, asked from {where}: {answer.problem}."
        if answer.problem:
            meaning = {
                "REFUSED": "it does not have the zone",
                "SERVFAIL": "it has the zone but no data: expired, or never fetched",
                "not authoritative": "it answers from somewhere else",
            }.get(answer.problem, "it does not serve the zone")
            return State.LAME, f"It says {answer.problem}: {meaning}."
        return State.WAITING, f"It still serves {answer.serial}."

    def _reason(self, target: Target, seen: _Seen) -> tuple[State, str]:
        event = seen.event
        if event is not None and event.kind in (Kind.XFR_DENIED, Kind.XFR_REFUSED):
            return State.DENIED, f"It asked for the zone and was denied: {event.text}"
        if event is not None and event.kind is Kind.XFR_FAILED:
            return State.FAILED, f"The transfer failed: {event.text}"
        if seen.answer is None:
            return State.WAITING, "It was not asked in time."
        state, text = self._verdict_of_answer(seen.answer)
        if not seen.answer.asked:
            return state, text
        if state is not State.WAITING:
            if event is not None and event.kind is Kind.XFR_ENDED:
                text += " It has fetched the zone, by the log."
            return state, text
        return self._why_behind(target, event, text)

    def _why_behind(self, target: Target, event: LogEvent | None, text: str) -> tuple[State, str]:
        if event is not None and event.kind is Kind.XFR_STARTED:
            return State.WAITING, f"{text} A transfer is under way."
        if event is not None and event.kind is Kind.XFR_ENDED:
            return State.FAILED, f"{text} It fetched {self.serial} but does not serve it: look at its own log."
        if event is not None and event.kind is Kind.NOTIFY_FAILED:
            return State.NOTIFY_REFUSED, f"{text} The notify failed: {event.text}"
        later = f" It asks by itself within {self._refresh} s of its last check." if self._refresh else ""
        if self._notified is not None and not any(_same(target.address, each) for each in self._notified):
            return State.NOT_NOTIFIED, f"{text} named does not notify it: {self._why_not_notified()}.{later}"
        if may_transfer(self.zone.allow_transfer, target.address) is False:
            return State.DENIED, f"{text} It is not in allow-transfer."
        if self._has_log and self._notifies:
            return State.NOTIFY_REFUSED, (
                f"{text} It was notified and has not asked for the zone: it refuses notify from this server, "
                f"or does not get it.{later}"
            )
        return State.WAITING, f"{text}{later}"

    def _why_not_notified(self) -> str:
        if self.zone.notify == "no":
            return "the zone has `notify no`"
        if self.zone.notify == "explicit":
            return "the zone has `notify explicit`, and it is not in also-notify"
        return "it is neither among the NS records nor in also-notify"


_STATES = {
    Kind.XFR_DENIED: State.DENIED,
    Kind.XFR_REFUSED: State.DENIED,
    Kind.XFR_FAILED: State.FAILED,
    Kind.NOTIFY_FAILED: State.NOTIFY_REFUSED,
    Kind.NOTIFY_REFUSED: State.NOTIFY_REFUSED,
    Kind.NOT_LOADED: State.FAILED,
}


def notified(zone: Zone, servers: Iterable[Target], primary: str) -> frozenset[str]:
    """Addresses that named notifies (named.conf(5) `notify`): NS records but the SOA's first, and also-notify.

    Args:
        servers: the targets that come from NS records.
        primary: the SOA's MNAME, without its final dot.
    """
    found = {entry.partition("#")[0] for entry in zone.also_notify} if zone.notify != "no" else set()
    if zone.notify in ("", "yes", "true", "primary-only"):
        found |= {each.address for each in servers if each.address and each.name.lower() != primary.lower()}
    return frozenset(found)


def may_transfer(allowed: tuple[str, ...] | None, address: str) -> bool | None:
    """What an address match list says of an address, first match wins. None: it depends on a key, or on the default."""
    if allowed is None:
        return None
    asks_key = False
    for element in allowed:
        text = element.removeprefix("!")
        verdict = not element.startswith("!")
        if text == "any":
            return verdict
        if text == "none":
            return None if asks_key else not verdict
        if text.startswith("key ") or text in ("localhost", "localnets"):
            asks_key = True
        elif _within(address, text):
            return verdict
    return None if asks_key else False


def _within(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _same(left: str, right: str) -> bool:
    if left == right:
        return True
    try:
        return ipaddress.ip_address(left) == ipaddress.ip_address(right)
    except ValueError:
        return False
