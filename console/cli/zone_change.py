"""`opsconsole zone put` and `bump`: check, plan, preview, apply, and every name server's answer."""

from __future__ import annotations

import posixpath
import threading
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.change.apply import Mode, new_transaction
from console.change.journal import Journal
from console.change.outcome import Outcome
from console.change.plan import Plan
from console.change.preview import render
from console.cli.change import STATUS, Post, agreed, asked_again, do, need_consent, say, tell
from console.cli.context import Open, opened, pick, read, survey
from console.cli.exits import ERRORS, FAILED, FINE, WARNINGS, Stop
from console.cli.zone_look import text_of
from console.dns import check as checks
from console.dns import desk
from console.dns.changes import NothingToDo, PlanRefused
from console.dns.namedlog import Kind
from console.dns.propagation import State, Update
from console.dns.watch import DEADLINE
from console.findings import Finding
from console.hosts import dns_view

if TYPE_CHECKING:
    from console.dns.namedlog import LogEvent
    from console.dns.state import Snapshot, Zone


@dataclass(frozen=True, slots=True)
class Work:
    """A zone that is to be changed."""

    here: Open
    arguments: Namespace
    schema: str
    snapshot: Snapshot
    zone: Zone
    final: list[Update] = field(default_factory=list)
    """The last word on each name server, as it comes."""
    log: list[str] = field(default_factory=list)
    """What named logged about the zone meanwhile."""


def put(arguments: Namespace) -> int:
    """Replaces the zone's text by a file's."""
    edited = text_of(arguments.file)
    with opened(arguments) as here:
        need_consent(arguments, here)
        work, text = _begin(here, arguments, "zone.put")
        wanted = (arguments.base or "").lower()
        if wanted and text.file.sha256 != wanted:
            raise Stop(
                FAILED,
                f"{text.file.path} is not what --base names: it was changed, its sha256 is {text.file.sha256}.",
                f"Read it again (`opsconsole zone show {here.host.name} {work.zone.name}`) and make the change there.",
            )
        checked = checks.check(here.connection, work.snapshot, work.zone, edited)
        for finding in checked.findings:
            here.out.finding(finding)
        if not checked.loadable and not arguments.force:
            _emit(work, state="refused", reason="named-checkzone refuses it", findings=checked.findings)
            raise Stop(
                ERRORS,
                f"named-checkzone, in strict mode, refuses {work.zone.name}: nothing was written.",
                _mend(checked.findings),
                told=True,
            )
        return _change(work, text, edited, checked.findings)


def bump(arguments: Namespace) -> int:
    """Raises the zone's serial and nothing else."""
    with opened(arguments) as here:
        need_consent(arguments, here)
        work, text = _begin(here, arguments, "zone.bump")
        return _change(work, text, None, ())


def carry(work: Work, plan: Plan, findings: Sequence[Finding] = ()) -> int:
    """Preview, consent, apply, propagation, and the exit status of it all."""
    here = work.here
    if not agreed(work.arguments, here, plan):
        if not work.arguments.dry_run:
            raise Stop(FAILED, "Nothing was changed.")
        _emit(work, **_planned(plan), dry_run=True, findings=findings)
        return FINE
    name, journal, settled = new_transaction(), Journal(), threading.Event()

    def apply(post: Post, stop: threading.Event) -> Outcome:
        outcome = desk.carry_out(
            plan,
            here.connection,
            dns_view(here.host),
            work.snapshot,
            work.zone,
            journal,
            mode=Mode.ACT,
            shown=plan.digest(),
            listener=_listener(work, plan, post, settled),
            stop=stop,
            transaction=name,
            deadline=work.arguments.timeout or DEADLINE,
        )
        return asked_again(outcome, here, plan, journal)

    outcome = do(here, name, apply, settled)
    status = STATUS[outcome.state]
    if status == FINE and any(update.state is not State.FOLLOWED for update in work.final):
        status = WARNINGS
    _emit(work, **_planned(plan), **_told(outcome, work), findings=findings)
    return status


def _begin(here: Open, arguments: Namespace, schema: str) -> tuple[Work, desk.Opened]:
    snapshot = survey(here)
    zone = pick(snapshot, arguments.zone, arguments.view)
    return Work(here, arguments, schema, snapshot, zone), read(here, snapshot, zone)


def _change(work: Work, text: desk.Opened, edited: bytes | None, findings: Sequence[Finding]) -> int:
    here = work.here
    force = bool(getattr(work.arguments, "force", False))
    try:
        plan = desk.plan(here.connection, dns_view(here.host), work.snapshot, text, edited, force=force)
    except NothingToDo as why:
        here.out.line(str(why))
        _emit(work, state="already so", reason=str(why), findings=findings)
        return FINE
    except PlanRefused as why:
        raise Stop(FAILED, str(why)) from why
    return carry(work, plan, findings)


def _listener(work: Work, plan: Plan, post: Post, settled: threading.Event) -> desk.Listener:
    here = work.here
    file = posixpath.basename(work.zone.file.path) if work.zone.file else work.zone.name

    def step_log(event: LogEvent) -> None:
        # Of a line that it does not understand named tells the file, not the zone.
        if event.zone == work.zone.name or (event.kind is Kind.ZONE_ERROR and f"{file}:" in event.detail):
            work.log.append(event.text)
            post(lambda: here.out.line(f"      log  {event.text}", "dim"))

    def ended(outcome: Outcome) -> None:
        if outcome.good:
            settled.set()
        post(lambda: tell(here, outcome))

    return desk.Listener(
        step=lambda event: post(lambda: say(here, plan, event)),
        log=step_log,
        ended=ended,
        update=lambda update: post(lambda: _say_update(work, update)),
        note=lambda text: post(lambda: here.out.note(text)),
    )


def _say_update(work: Work, update: Update) -> None:
    if update.target is None or (update.event is not None and not update.final):
        return
    who = desk.who(update.target)
    if not update.final:
        work.here.out.line(f"· {update.at:6.2f} s  {who}: {update.text}")
        return
    work.final.append(update)
    good = update.state is State.FOLLOWED
    words = f"{'✔' if good else '▲'} {update.at:6.2f} s  {who}: {update.state.value}. {update.text}"
    work.here.out.line(words, "green" if good else "yellow")


def _mend(findings: Sequence[Finding]) -> str:
    """Where to look first."""
    worst = max(findings, key=lambda finding: finding.severity, default=None)
    return f"{worst.where}: {worst.hint or worst.why}" if worst else ""


def _emit(work: Work, **content: object) -> None:
    about = {"host": work.here.host.name, "zone": work.zone.name, "view": work.zone.view, "dry_run": False}
    work.here.out.emit(work.schema, **(about | content))


def _planned(plan: Plan) -> dict[str, object]:
    return {
        "title": plan.title,
        "plan": plan.digest(),
        "preview": render(plan).text(),
        "warnings": plan.warnings,
        "facts": plan.facts,
    }


def _told(outcome: Outcome, work: Work) -> dict[str, object]:
    return {
        "state": outcome.state,
        "reason": outcome.reason,
        "transaction": outcome.transaction,
        "steps": outcome.events,
        "log": work.log,
        "servers": [
            {
                "name": update.target.name,
                "address": update.target.address,
                "port": update.target.port,
                "state": update.state,
                "serial": update.serial,
                "why": update.text,
                "after": update.at,
            }
            for update in work.final
            if update.target is not None
        ],
    }
