"""`opsconsole zone put` and `bump`: check, plan, preview, apply, and every name server's answer."""

from __future__ import annotations

from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.change.outcome import Outcome
from console.change.plan import EditFile, Plan
from console.change.preview import render
from console.cli.change import STATUS, agreed, carry_out, need_consent
from console.cli.context import Open, opened, pick, read, survey
from console.cli.exits import ERRORS, FAILED, FINE, WARNINGS, Stop
from console.cli.zone_look import text_of
from console.dns import zonefile
from console.dns.changes import NothingToDo, PlanRefused, plan_bump, plan_save
from console.dns.propagation import State, Target, Update
from console.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from console.dns.ask import Answer
    from console.dns.state import Snapshot, Zone
    from console.dns.zonefile import ZoneText

FOLLOW = 30.0
"""Seconds that name servers get to follow, unless --timeout says otherwise."""


@dataclass(frozen=True, slots=True)
class Work:
    """A zone that is to be changed, and who serves it."""

    here: Open
    arguments: Namespace
    verb: str
    snapshot: Snapshot
    zone: Zone
    base: bytes
    servers: tuple[Target, ...]
    served: dict[str, int]
    """Who to the serial it serves."""


def put(arguments: Namespace) -> int:
    """Replaces the zone's text by a file's."""
    from console.dns import check as checks

    edited = text_of(arguments.file)
    with opened(arguments) as here:
        need_consent(arguments, here)
        work = begin(here, arguments, "zone.put", edited)
        checked = checks.check(here.connection, work.snapshot, work.zone, edited)
        for finding in checked.findings:
            here.out.finding(finding)
        if not checked.loadable and not arguments.force:
            here.out.emit(
                "zone.put",
                **(
                    _about(work)
                    | {"state": "refused", "reason": "the zone does not load", "findings": checked.findings}
                ),
            )
            raise Stop(
                ERRORS,
                f"named would not load {work.zone.name}: nothing was written.",
                _mend(checked.findings),
                told=True,
            )
        try:
            plan = plan_save(
                work.snapshot,
                work.zone,
                work.base,
                edited,
                served=work.served,
                now=datetime.now(UTC),
                force=arguments.force,
            )
        except NothingToDo as why:
            here.out.line(str(why))
            here.out.emit("zone.put", **(_about(work) | {"state": "already so", "reason": str(why), "findings": []}))
            return FINE
        except PlanRefused as why:
            raise Stop(FAILED, str(why)) from why
        return carry(work, plan, checked.findings)


def bump(arguments: Namespace) -> int:
    """Raises the zone's serial and nothing else."""
    with opened(arguments) as here:
        need_consent(arguments, here)
        work = begin(here, arguments, "zone.bump", None)
        try:
            plan = plan_bump(work.snapshot, work.zone, work.base, served=work.served, now=datetime.now(UTC))
        except PlanRefused as why:
            raise Stop(FAILED, str(why)) from why
        return carry(work, plan, ())


def begin(here: Open, arguments: Namespace, verb: str, edited: bytes | None, zone_name: str = "") -> Work:
    """Reads the zone and asks its name servers.

    Raises:
        Stop: there is no such zone, it cannot be read, or it is not the one that `--base` names.
    """
    snapshot = survey(here)
    zone = pick(snapshot, zone_name or arguments.zone, arguments.view)
    content = read(here, snapshot, zone)
    wanted = (getattr(arguments, "base", None) or "").lower()
    if wanted and content.file.sha256 != wanted:
        raise Stop(
            FAILED,
            f"{content.file.path} is not what --base names: it was changed, its sha256 is {content.file.sha256}.",
            f"Read it again (`opsconsole zone show {here.host.name} {zone.name}`) and make the change on top of that.",
        )
    servers = name_servers(here, zone, zonefile.parse(edited or content.content, zone.name))
    return Work(here, arguments, verb, snapshot, zone, content.content, servers, serials(here, zone, servers))


def name_servers(here: Open, zone: Zone, text: ZoneText) -> tuple[Target, ...]:
    """Every address that should serve the zone, the inventory's secondaries included."""
    from console.dns.watch import targets

    extra = [Target(address, address, port, "inventory") for address, port in here.host.dns.secondaries]
    return targets(here.connection, zone, text, extra=extra)


def serials(here: Open, zone: Zone, servers: Sequence[Target]) -> dict[str, int]:
    """What each serves now; those that do not answer are left out."""
    from console.dns.ask import ask

    def one(server: Target) -> Answer:
        return ask(
            server.address,
            server.port,
            zone.name,
            "SOA",
            vantage=here.host.dns.vantage.value,
            connection=here.connection,
        )

    reachable = [server for server in servers if server.address]
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(one, reachable))
    found = {
        f"{server.name} {server.address}": answer.serial
        for server, answer in zip(reachable, answers, strict=True)
        if answer.serial is not None and not answer.problem
    }
    return ({"this server": zone.serial_served} if zone.serial_served is not None else {}) | found


def carry(work: Work, plan: Plan, findings: Sequence[Finding]) -> int:
    """Preview, consent, apply, propagation, and the exit status of it all."""
    from console.dns.watch import LogFeed
    from console.remote.errors import RemoteError

    here = work.here
    if not agreed(work.arguments, here, plan):
        if not work.arguments.dry_run:
            raise Stop(FAILED, "Nothing was changed.")
        here.out.emit(work.verb, **(_about(work) | _planned(plan) | {"dry_run": True, "findings": findings}))
        return FINE
    with ExitStack() as stack:
        feed = None
        if work.snapshot.logs and work.snapshot.running:
            try:
                feed = stack.enter_context(LogFeed(here.connection, work.snapshot.logs, last=0))
            except RemoteError as why:
                here.out.note(f"named's log cannot be followed: {why}")
        outcome = carry_out(here, plan)
        updates = _follow(work, plan, feed) if outcome.good and work.snapshot.running else []
    status = STATUS[outcome.state]
    if status == FINE and any(update.state is not State.FOLLOWED for update in updates):
        status = WARNINGS
    here.out.emit(work.verb, **(_about(work) | _planned(plan) | _told(outcome, updates) | {"findings": findings}))
    return status


def _follow(work: Work, plan: Plan, feed: object) -> list[Update]:
    """Says what is seen of every name server; the final word on each."""
    from console.dns.watch import watch

    content = next((step.content for step in plan.steps if isinstance(step, EditFile)), None) or work.base
    text = zonefile.parse(content, work.zone.name)
    if text.serial is None:
        return []
    final = []
    here = work.here
    for update in watch(
        work.zone,
        text.serial,
        work.servers,
        text=text,
        connection=here.connection,
        events=feed,  # type: ignore[arg-type]
        deadline=work.arguments.timeout or FOLLOW,
        vantage=here.host.dns.vantage.value,
    ):
        if update.final and update.target is not None:
            final.append(update)
            good = update.state is State.FOLLOWED
            who = f"{update.target.name} {update.target.address}".strip()
            here.out.line(
                f"{'✔' if good else '▲'} {update.at:6.2f} s  {who}: {update.state.value}. {update.text}",
                "green" if good else "yellow",
            )
        else:
            who = f"{update.target.name}: " if update.target else ""
            here.out.line(f"· {update.at:6.2f} s  {who}{update.text}")
    return final


def _mend(findings: Sequence[Finding]) -> str:
    """Where to look first."""
    worst = max(findings, key=lambda finding: finding.severity, default=None)
    return f"{worst.where}: {worst.hint or worst.why}" if worst else ""


def _about(work: Work) -> dict[str, object]:
    return {"host": work.here.host.name, "zone": work.zone.name, "view": work.zone.view, "dry_run": False}


def _planned(plan: Plan) -> dict[str, object]:
    return {
        "title": plan.title,
        "plan": plan.digest(),
        "preview": render(plan).text(),
        "warnings": plan.warnings,
        "facts": plan.facts,
    }


def _told(outcome: Outcome, updates: Sequence[Update]) -> dict[str, object]:
    return {
        "state": outcome.state,
        "reason": outcome.reason,
        "transaction": outcome.transaction,
        "steps": outcome.events,
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
            for update in updates
            if update.target is not None
        ],
    }
