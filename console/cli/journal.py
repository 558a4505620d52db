"""`opsconsole journal` and `undo`: what was changed, and back again."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from typing import TYPE_CHECKING

from console.change.journal import Journal, JournalError
from console.change.plan import EditFile, Plan
from console.change.undo import UndoRefused, undo_plan
from console.cli.change import STATUS, agreed, carry_out, need_consent
from console.cli.context import Open, opened
from console.cli.exits import ERRORS, FAILED, FINE, UNKNOWN, Stop
from console.cli.output import Output

if TYPE_CHECKING:
    from console.change.journal import JournalEntry


def show(arguments: Namespace) -> int:
    """Lists the transactions, newest last; with --verify proves that nothing in the journal was altered."""
    out = Output(as_json=arguments.json)
    journal = Journal()
    try:
        if arguments.ask:
            _ask(arguments, journal, out)
        entries = journal.entries()
        problems = journal.verify() if arguments.verify else []
    except JournalError as why:
        raise Stop(FAILED, f"The journal cannot be read: {why}.") from why
    out.table(
        ("TRANSACTION", "OUTCOME", "HOST", "WHAT"),
        [(entry.transaction, _outcome(entry), entry.host, entry.title) for entry in entries],
    )
    for problem in problems:
        out.line(f"✖ {problem.file}:{problem.line}: {problem.what}", "red")
    if arguments.verify and not problems:
        out.line("✔ every record and content is as it was written", "green")
    if any(entry.open for entry in entries):
        out.line("▲ Of some the outcome is not known: `opsconsole journal --ask` asks their hosts.", "yellow")
    out.emit(
        "journal",
        directory=str(journal.directory),
        transactions=entries,
        problems=problems,
        verified=arguments.verify and not problems,
    )
    if problems:
        return ERRORS
    return UNKNOWN if any(entry.open for entry in entries) else FINE


def undo(arguments: Namespace) -> int:
    """Takes one transaction back, as another plan."""
    journal = Journal()
    try:
        entry = _entry(journal, arguments.id)
        undo_plan(entry, journal)
        original = journal.plan(entry)
    except (JournalError, UndoRefused) as why:
        raise Stop(FAILED, f"{str(why)[:1].upper()}{str(why)[1:]}.") from why
    arguments.host = entry.host
    with opened(arguments) as here:
        need_consent(arguments, here)
        if entry.subject == "dns" and any(isinstance(step, EditFile) for step in original.steps):
            return _undo_zone(here, arguments, journal, entry)
        plan = undo_plan(entry, journal)
        return _done(here, arguments, plan)


def _undo_zone(here: Open, arguments: Namespace, journal: Journal, entry: JournalEntry) -> int:
    """The old records come back under a serial that is newer still, or secondaries would not take them."""
    from console.cli.context import survey
    from console.cli.zone_change import Work, carry
    from console.dns import desk
    from console.dns.changes import NothingToDo, PlanRefused
    from console.hosts import dns_view

    snapshot = survey(here)
    try:
        zone, plan = desk.plan_undo(here.connection, dns_view(here.host), snapshot, journal, entry)
    except NothingToDo as why:
        here.out.line(str(why))
        here.out.emit(
            "undo", host=here.host.name, zone=entry.facts.get("zone", ""), state="already so", reason=str(why)
        )
        return FINE
    except (PlanRefused, desk.Unreadable, JournalError) as why:
        raise Stop(FAILED, str(why)) from why
    undoing = replace(plan, facts=plan.facts | {"undoes": entry.transaction})
    return carry(Work(here, arguments, "undo", snapshot, zone), undoing)


def _done(here: Open, arguments: Namespace, plan: Plan) -> int:
    if not agreed(arguments, here, plan):
        if not arguments.dry_run:
            raise Stop(FAILED, "Nothing was changed.")
        here.out.emit("undo", host=here.host.name, title=plan.title, plan=plan.digest(), dry_run=True)
        return FINE
    outcome = carry_out(here, plan)
    here.out.emit(
        "undo",
        host=here.host.name,
        title=plan.title,
        dry_run=False,
        state=outcome.state,
        reason=outcome.reason,
        transaction=outcome.transaction,
        steps=outcome.events,
    )
    return STATUS[outcome.state]


def _entry(journal: Journal, wanted: str) -> JournalEntry:
    found = [entry for entry in journal.entries() if entry.transaction.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise Stop(FAILED, f"The journal has no transaction {wanted}.", "`opsconsole journal` lists them.")
    raise Stop(FAILED, f"{wanted} could be any of {len(found)} transactions.", "Give more of it.")


def _ask(arguments: Namespace, journal: Journal, out: Output) -> None:
    """Asks the host of every open transaction; one that cannot be asked stays open and is named."""
    from console.change.apply import reconcile

    for entry in journal.open_transactions():
        arguments.host = entry.host
        try:
            with opened(arguments) as here:
                outcome = reconcile(entry.transaction, here.connection, journal=journal, sudo=entry.sudo)
        except Stop as why:
            out.note(f"{entry.transaction}: {why.sentence}")
        else:
            out.line(f"{entry.transaction}: {outcome.state.value if outcome else 'it still runs'}")


def _outcome(entry: JournalEntry) -> str:
    return "not known" if entry.state is None else entry.state.value
