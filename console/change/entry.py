"""One transaction as the journal tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from console.change.outcome import State
from console.change.plan import Risk


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One transaction: its intent, and its outcome once there is one."""

    transaction: str
    seq: int
    """Of the intent."""
    began: str
    """ISO 8601, UTC."""
    who: str
    """User of this machine."""
    tty: str
    host: str
    address: str
    login: str
    """User on the host."""
    privilege: str
    subject: str
    object: str
    title: str
    risk: Risk
    digest: str
    sudo: bool
    facts: Mapping[str, str]
    plan: Mapping[str, Any]
    """Its JSON form; `Journal.plan` makes a Plan of it."""
    state: State | None = None
    """None: the outcome was never written; UNKNOWN: the answer was lost."""
    reason: str = ""
    ended: str = ""
    duration: float = 0.0
    events: tuple[Mapping[str, Any], ...] = ()

    @property
    def open(self) -> bool:
        """The host has to be asked what came of it."""
        return self.state in (None, State.UNKNOWN)


def from_intent(record: Mapping[str, Any]) -> JournalEntry | None:
    """The entry that an intent opens; None when the record is not one of ours."""
    try:
        return JournalEntry(
            transaction=record["transaction"],
            seq=record["seq"],
            began=record["at"],
            who=record["who"],
            tty=record["tty"],
            host=record["host"],
            address=record["address"],
            login=record["login"],
            privilege=record["privilege"],
            subject=record["subject"],
            object=record["object"],
            title=record["title"],
            risk=Risk(record["risk"]),
            digest=record["digest"],
            sudo=record["sudo"],
            facts=record["facts"],
            plan=record["plan"],
        )
    except (KeyError, ValueError):
        return None


def with_outcome(entry: JournalEntry, record: Mapping[str, Any]) -> JournalEntry:
    """The entry once its outcome, or what the host said later, is known."""
    try:
        state = State(record.get("state"))
    except ValueError:
        return entry
    return replace(
        entry,
        state=state,
        reason=str(record.get("reason", "")),
        ended=str(record.get("at", "")),
        duration=float(record.get("duration", 0.0)),
        events=tuple(record.get("events", ())),
    )
