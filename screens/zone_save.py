"""From a wish to a plan to its end: shared by Save in the editor and by Bump, Reload and Thaw in the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.change.apply import Mode
from console.change.outcome import Outcome, State
from console.change.plan import EditFile, Plan
from console.dns import changes, desk
from console.dns.desk import Listener
from console.dns.state import Zone
from screens import jobs
from screens.dialogs.plan import PlanDialog
from screens.dialogs.run import RunDialog

if TYPE_CHECKING:
    from console.change.entry import JournalEntry
    from screens.base import OpsScreen
    from screens.zone_edit import ZoneEditScreen


def run_plan(screen: OpsScreen, zone: Zone, plan: Plan, done: Callable[[Outcome | None], None]) -> None:
    """Shows a plan; when the user applies it, carries it out and shows how; then `done`, None if nothing was sent."""
    session, app = screen.session, screen.ops
    if session is None or session.zones is None:
        return
    snapshot = session.zones
    dialog = PlanDialog(plan)

    def decided(yes: bool | None) -> None:
        if not yes:
            done(None)
            return
        run = RunDialog(plan)
        app.push_screen(run, done)

        def tell(what: Callable[[], None]) -> None:
            jobs.tell(app, what)

        listener = Listener(
            servers=lambda targets: tell(lambda: run.follow(targets)),
            step=lambda event: tell(lambda: run.step(event)),
            log=lambda event: tell(lambda: run.logged(event)),
            ended=lambda outcome: tell(lambda: run.ended(outcome)),
            update=lambda update: tell(lambda: run.update_server(update)),
            note=lambda text: tell(lambda: run.note(text)),
        )

        def work() -> Outcome:
            return desk.carry_out(
                plan,
                session.connection,
                session.view,
                snapshot,
                zone,
                app.journal,
                mode=Mode.ACT if session.acting else Mode.OBSERVE,
                shown=dialog.preview.digest,
                listener=listener,
                stop=run.stop,
            )

        def finished(outcome: Outcome) -> None:
            run.ended(outcome)
            run.finish()

        jobs.start(app, "apply", work, finished, run.failed)

    app.push_screen(dialog, decided)


def plan_and_run(screen: OpsScreen, zone: Zone, what: str, done: Callable[[], None]) -> None:
    """Bump, reload, sync or thaw one zone of the list."""
    session, app = screen.session, screen.ops
    if session is None or session.zones is None:
        return
    snapshot = session.zones

    def work() -> Plan:
        if what == "reload":
            return changes.plan_reload(snapshot, zone)
        if what == "sync":
            return changes.plan_sync(snapshot, zone)
        if what == "thaw":
            return changes.plan_thaw(snapshot, zone)
        opened = desk.open_zone(session.connection, snapshot, zone)
        return desk.plan(session.connection, session.view, snapshot, opened, None)

    def ended(outcome: Outcome | None) -> None:
        if outcome is not None:
            done()

    jobs.start(app, f"plan-{what}", work, lambda plan: run_plan(screen, zone, plan, ended), app.explain)


def save(screen: ZoneEditScreen) -> None:
    """The editor's text: checked, then planned, shown and carried out. What named would refuse is asked about first."""
    session, app = screen.session, screen.ops
    opened = screen.opened
    if session is None or session.zones is None or opened is None:
        return
    snapshot, text = session.zones, screen.text

    def planned(plan: Plan) -> None:
        run_plan(screen, opened.zone, plan, lambda outcome: _saved(screen, plan, outcome))

    def plan_it(*, force: bool) -> None:
        def work() -> Plan:
            return desk.plan(session.connection, session.view, snapshot, opened, text, force=force)

        jobs.start(app, "plan-save", work, planned, app.explain)

    def checked(result: Checked) -> None:
        screen.take_check(text, result)
        if result.loadable:
            plan_it(force=False)
            return
        from screens.dialogs.confirm import Confirm

        said = [finding for finding in result.findings if finding.severity >= Severity.ERROR and finding.id == "named"]
        errors = [finding_line(finding, opened.file.path).plain for finding in said]
        question = "named would refuse this zone:\n\n" + "\n".join(errors[:8]) + "\n\nSave it all the same?"
        app.push_screen(Confirm(question, "Plan it, forced"), lambda yes: plan_it(force=True) if yes else None)

    from console.dns.check import Checked, check
    from console.findings import Severity
    from screens.zones import finding_line

    jobs.start(app, "check-zone", lambda: check(session.connection, snapshot, opened.zone, text), checked, app.explain)


def _saved(screen: ZoneEditScreen, plan: Plan, outcome: Outcome | None) -> None:
    """The saved text becomes the base; a conflict is laid out; anything else leaves the edit as it is."""
    if outcome is None or screen.opened is None:
        return
    content = next((step.content for step in plan.steps if isinstance(step, EditFile)), None)
    if outcome.good and content is not None:
        screen.became(content)
    elif outcome.state is State.CONFLICT and outcome.host_content is not None:
        _conflict(screen, outcome.host_content)
    else:
        screen.fail(f"{outcome.state.value}: {outcome.reason}")


def _conflict(screen: ZoneEditScreen, theirs: bytes) -> None:
    from screens.dialogs.conflict import ConflictDialog

    opened = screen.opened
    if opened is None:
        return
    mine = screen.text

    def chosen(way: str | None) -> None:
        if way == "theirs":
            screen.rebase(theirs, theirs)
        elif way == "merge":
            from console.change.merge import merge

            result = merge(opened.content, mine, theirs)
            screen.rebase(theirs, result.marked())
            count = len(result.conflicts)
            screen.say(f"{count} conflict(s) are marked in the text." if count else "Both edits are in the text now.")

    screen.app.push_screen(ConflictDialog(opened.file.path, opened.content, mine, theirs), chosen)


def undo(screen: OpsScreen, entry: JournalEntry, done: Callable[[], None]) -> None:
    """The way back from a journal entry: a zone gets its old records under a still higher serial."""
    session, app = screen.session, screen.ops
    if session is None:
        return

    def work() -> tuple[Zone, Plan]:
        if session.zones is None:
            session.zones = desk.survey(session.connection, session.view)
        return desk.plan_undo(session.connection, session.view, session.zones, app.journal, entry)

    def planned(made: tuple[Zone, Plan]) -> None:
        run_plan(screen, made[0], made[1], lambda _outcome: done())

    jobs.start(app, "plan-undo", work, planned, app.explain)
