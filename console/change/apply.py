"""Does a plan on a host: one script over one channel, and the truth about it afterwards.

The host's side is apply.sh (takes the plan in and starts the worker), worker.sh, files.sh and steps.sh (the worker).
Once the plan has arrived whole nothing that happens to the connection or to this process changes what comes of it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum

from console.change.journal import Journal, JournalError
from console.change.outcome import Outcome, State, StepEvent
from console.change.plan import Plan
from console.change.wire import PlanInvalid, Report, check_plan, pack, script
from console.remote.connection import Connection
from console.remote.errors import LinkLost, RemoteError

OnEvent = Callable[[StepEvent], None]


class Mode(Enum):
    """What the user allows on this host."""

    OBSERVE = "observe"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Places:
    """Directories on the host. Empty: /run/opsconsole, /var/lib/opsconsole and /var/backups/opsconsole for root,
    below $XDG_RUNTIME_DIR and $XDG_STATE_HOME for others."""

    run: str = ""
    """Locks."""
    state: str = ""
    """Transactions and their results."""
    backups: str = ""
    """Originals."""

    def args(self) -> tuple[str, str, str]:
        return (self.run, self.state, self.backups)


_hosts: dict[str, threading.Lock] = {}
_hosts_guard = threading.Lock()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """One change at a time on one host, in this process; the host's own lock keeps other processes out.

    By name alone: an address may not be known before the first connection.
    """
    with _hosts_guard:
        lock = _hosts.setdefault(connection.name, threading.Lock())
    with lock:
        yield


def new_transaction(now: datetime | None = None) -> str:
    """`20261123T051500Z-1f2e3d4c`: sorts by time, cannot be guessed."""
    return f"{(now or datetime.now(UTC)).astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def apply(
    plan: Plan,
    connection: Connection,
    journal: Journal,
    *,
    mode: Mode = Mode.OBSERVE,
    shown: str = "",
    on_event: OnEvent | None = None,
    transaction: str | None = None,
    places: Places | None = None,
) -> Outcome:
    """Carries out `plan` on the host of `connection`. Blocks until the host has answered or the link is lost.

    Args:
        mode: anything but ACT refuses, whatever the screen thought.
        shown: digest of the plan that the user saw; another one is refused. Empty: nothing was shown.
        on_event: called in this thread with each event as it arrives; what it raises ends nothing on the host.
        transaction: give the one of an earlier try to go on with it; it never runs twice.
        places: directories on the host.

    Returns:
        An Outcome; UNKNOWN when the link went before the answer: `reconcile` asks then.
    """
    name = transaction or new_transaction()
    refusal = _refusal(plan, connection, mode, shown)
    if refusal:
        return Outcome(State.REFUSED, name, refusal)
    with _alone(connection):
        began = time.monotonic()
        try:
            connection.connect()
            journal.begin(name, plan, connection)
        except RemoteError as why:
            return Outcome(State.REFUSED, name, f"{why}; nothing was sent")
        except JournalError as why:
            return Outcome(State.REFUSED, name, f"no journal, no change: {why}")
        outcome = _send(plan, connection, name, places or Places(), on_event)
        outcome = replace(outcome, duration=time.monotonic() - began)
        return _recorded(journal, outcome)


def _refusal(plan: Plan, connection: Connection, mode: Mode, shown: str) -> str:
    if mode is not Mode.ACT:
        return "this host is only being observed: allow acting on it first"
    if plan.host != connection.name:
        return f"the plan was made for {plan.host}, and this is {connection.name}"
    if shown and shown != plan.digest():
        return "the plan is not the one that was shown"
    try:
        check_plan(plan)
    except PlanInvalid as why:
        return str(why)
    return ""


def _recorded(journal: Journal, outcome: Outcome) -> Outcome:
    try:
        journal.finish(outcome)
    except JournalError as why:
        return replace(outcome, reason=f"{outcome.reason} (the journal could not take this down: {why})")
    return outcome


def _send(plan: Plan, connection: Connection, name: str, places: Places, on_event: OnEvent | None) -> Outcome:
    payload = pack(plan, name)
    report = Report(secrets.token_hex(8))
    args = (
        *(name, report.nonce, *places.args()),
        *(str(len(payload.data)), payload.digest, str(payload.worker), str(payload.manifest)),
    )
    try:
        with connection.stream(
            script("state", "apply"), args, stdin=payload.data, sudo=plan.sudo, title=plan.title
        ) as stream:
            for chunk in stream:
                for event in report.feed(chunk):
                    if on_event:
                        on_event(event)
            said = stream.stderr
    except LinkLost as why:
        if report.state:
            return _finished(name, report)
        if not why.sent:
            return Outcome(State.REFUSED, name, f"{why}; nothing was sent")
        return Outcome(State.UNKNOWN, name, f"the answer was lost: {why}", tuple(report.events))
    except RemoteError as why:
        return Outcome(State.REFUSED, name, f"{why}; nothing was begun")
    if report.state:
        return _finished(name, report)
    if report.died:
        events = tuple(report.events)
        try:
            told = reconcile(name, connection, sudo=plan.sudo, places=places)
        except RemoteError as why:
            return Outcome(State.UNKNOWN, name, f"its worker died, and the host could not be asked: {why}", events)
        return told or Outcome(State.UNKNOWN, name, "it still runs on the host", events)
    text = (bytes(report.noise) + said)[-500:].decode("utf-8", "replace").strip()
    return Outcome(State.UNKNOWN, name, f"the host gave no answer of ours: {text}", tuple(report.events))


def _finished(name: str, report: Report) -> Outcome:
    return Outcome(
        report.state or State.UNKNOWN, name, report.reason, tuple(report.events), host_content=report.content
    )


def reconcile(
    transaction: str,
    connection: Connection,
    *,
    journal: Journal | None = None,
    sudo: bool = True,
    places: Places | None = None,
) -> Outcome | None:
    """Asks the host what became of a transaction whose answer was lost.

    One that never began is given up on the host at the same time, so that data still on its way cannot start it later.

    Args:
        journal: where the answer is written down.
        sudo: as in the plan.

    Returns:
        None: it still runs, ask again. REFUSED: it never began, or ended before anything changed. BROKEN: it was cut
        short (killed, or the host rebooted) with something changed; the same plan under the same transaction goes on
        with it. Otherwise what it came to.

    Raises:
        RemoteError: the host could not be asked.
    """
    report = Report(secrets.token_hex(8))
    result = connection.run(
        script("state", "reconcile"),
        (transaction, report.nonce, *(places or Places()).args()),
        sudo=sudo,
        title=f"what became of {transaction}",
    )
    report.feed(result.stdout)
    outcome = _conclude(transaction, report)
    if journal is not None and outcome is not None:
        journal.reconciled(outcome)
    return outcome


def _conclude(name: str, report: Report) -> Outcome | None:
    """What the host's facts amount to."""
    events = tuple(report.events)
    if report.state:
        return _finished(name, report)
    if not report.complete:
        return Outcome(State.UNKNOWN, name, report.reason or "the host's answer was not whole", events)
    if report.situation == "running":
        return None
    if report.situation == "abandoned":
        return Outcome(State.REFUSED, name, "it never began on the host, and now it cannot any more", events)
    how = "the host rebooted in the middle" if report.situation == "rebooted" else "its worker was killed on the host"
    ran = sorted(step for step, begun in report.ran.items() if begun)
    done = {event.step for event in report.events if event.phase == "done"}
    going_back = any(event.phase in ("failed", "undo", "undo-verify") for event in report.events)
    if not ran and all(fact.held == fact.base for fact in report.files):
        return Outcome(State.REFUSED, name, f"{how} before anything was changed", events)
    steps = {fact.step for fact in report.files} | set(report.ran)
    if steps and steps <= done and not going_back and all(fact.held == fact.new for fact in report.files):
        return Outcome(State.APPLIED, name, f"every step was done and seen; then {how}", events)
    told = [_told(fact.step, fact.held == fact.new, fact.held == fact.base) for fact in report.files]
    told += [f"the command of step {step + 1} {'had begun' if step in ran else 'had not begun'}" for step in report.ran]
    return Outcome(State.BROKEN, name, f"{how}: " + ", ".join(told), events)


def _told(step: int, new: bool, old: bool) -> str:
    held = "the new" if new else "the old" if old else "neither the old nor the new"
    return f"the file of step {step + 1} holds {held} text"
