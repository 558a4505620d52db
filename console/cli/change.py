"""A plan carried out from the command line: shown, asked about, applied, and its truth told whatever interrupts it."""

from __future__ import annotations

import queue
import signal
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from console.change.apply import Mode, apply, new_transaction, reconcile
from console.change.journal import Journal
from console.change.outcome import Outcome, State, StepEvent
from console.change.preview import Kind, render
from console.cli.context import Open
from console.cli.exits import ERRORS, FAILED, FINE, UNKNOWN, USAGE, Stop
from console.remote.errors import RemoteError

if TYPE_CHECKING:
    from console.change.plan import Plan

_STYLES = {Kind.HEADER: "bold", Kind.ADDED: "green", Kind.REMOVED: "red", Kind.HUNK: "dim", Kind.NOTE: "dim"}
_QUIET = ("start", "done")
"""Phases that say nothing which the next line does not say better."""

Post = Callable[[Callable[[], None]], None]

STATUS = {
    State.APPLIED: FINE,
    State.ALREADY: FINE,
    State.CONFLICT: FAILED,
    State.REFUSED: FAILED,
    State.ROLLED_BACK: FAILED,
    State.BROKEN: ERRORS,
    State.UNKNOWN: UNKNOWN,
}
ADVICE = {
    State.CONFLICT: "Somebody changed it meanwhile: read it again and make the change on top of that.",
    State.BROKEN: "Look at the host now; the originals are kept there in /var/backups/opsconsole.",
    State.UNKNOWN: "`opsconsole journal --ask` asks the host what became of it.",
}


def need_consent(arguments: Namespace, here: Open) -> None:
    """Refuses early what could never be agreed to.

    Raises:
        Stop: nobody can be asked and `--yes` was not given.
    """
    if not (arguments.yes or arguments.dry_run or here.prompter.can_ask):
        raise Stop(USAGE, "There is no terminal to ask on.", "Say --yes to change it, or --dry-run to see the plan.")


def show(here: Open, plan: Plan) -> None:
    """The preview, as the screen's dialog shows it."""
    for line in render(plan).lines():
        here.out.line(line.text, _STYLES.get(line.kind, ""))


def agreed(arguments: Namespace, here: Open, plan: Plan) -> bool:
    """Shows the plan and asks, unless `--yes` has answered already; `--dry-run` answers no."""
    show(here, plan)
    if arguments.dry_run:
        return False
    return bool(arguments.yes) or here.prompter.confirm(f"\nDo this on {here.host.name}? [yes/no] ")


def do(
    here: Open,
    name: str,
    work: Callable[[Post, threading.Event], Outcome],
    settled: threading.Event | None = None,
) -> Outcome:
    """Runs `work` on a thread of its own and says what it posts; its outcome is in the journal by then.

    A signal does not stop what runs on the host: TERM, HUP and the first INT wait for the outcome, so that it is
    written down, and end the watching of name servers. A second INT leaves at once.

    Args:
        name: the transaction.
        work: gets `post`, which has something said here, and an event that asks it to end its watching.
        settled: set by `work` once the host's part is over; an interrupt then only ends the watching.

    Raises:
        Stop: the user left before the outcome was known, or a signal ended it.
    """
    heard: queue.SimpleQueue[Callable[[], None] | Outcome | BaseException] = queue.SimpleQueue()
    stop = threading.Event()

    def run() -> None:
        try:
            heard.put(work(heard.put, stop))
        except BaseException as why:
            heard.put(why)

    with _signals(here, name, stop, settled or threading.Event()) as interrupted:
        threading.Thread(target=run, name="apply", daemon=True).start()
        while True:
            try:
                item = heard.get(timeout=0.1)
            except queue.Empty:
                if interrupted.leave:
                    raise Stop(
                        UNKNOWN, f"Left while {name} was running on {here.host.name}.", ADVICE[State.UNKNOWN]
                    ) from None
                continue
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, Outcome):
                break
            interrupted.quietly(item)
    if interrupted.ended_by:
        raise Stop(STATUS[item.state], f"Ended by {interrupted.ended_by}; {name} is {item.state.value}.")
    return item


def carry_out(here: Open, plan: Plan) -> Outcome:
    """Applies a plan that nobody else has to follow, and says each step as it happens."""
    name, journal = new_transaction(), Journal()

    def work(post: Post, _stop: threading.Event) -> Outcome:
        outcome = apply(
            plan,
            here.connection,
            journal,
            mode=Mode.ACT,
            shown=plan.digest(),
            on_event=lambda event: post(lambda: say(here, plan, event)),
            transaction=name,
        )
        outcome = asked_again(outcome, here, plan, journal)
        post(lambda: tell(here, outcome))
        return outcome

    return do(here, name, work)


def say(here: Open, plan: Plan, event: StepEvent) -> None:
    """One step line."""
    if event.phase in _QUIET and not event.output:
        return
    glyph = "✖" if event.phase == "failed" else "·"
    step = f"{event.step + 1}/{len(plan.steps)}" if event.step >= 0 else "-"
    here.out.line(f"{glyph} {event.at:6.2f} s  {step}  {event.phase}: {event.message}")


def tell(here: Open, outcome: Outcome) -> None:
    """The outcome, in words that leave no doubt."""
    style = "green" if outcome.good else "red"
    here.out.line(f"{outcome.state.glyph} {outcome.state.value}: {outcome.reason}", style)
    here.out.line(f"  transaction {outcome.transaction}", "dim")
    if outcome.state in ADVICE:
        here.out.line(f"  {ADVICE[outcome.state]}")


def asked_again(outcome: Outcome, here: Open, plan: Plan, journal: Journal) -> Outcome:
    """The outcome, or what the host says of it once the link is back."""
    if outcome.state is not State.UNKNOWN:
        return outcome
    try:
        found = reconcile(outcome.transaction, here.connection, journal=journal, sudo=plan.sudo)
    except RemoteError:
        return outcome
    return found or outcome


class _Interrupted:
    def __init__(self) -> None:
        self.leave = False
        self.ended_by = ""
        self.count = 0

    def quietly(self, speak: Callable[[], None]) -> None:
        """Speaks; once the terminal is gone nobody listens, and the work goes on."""
        try:
            speak()
        except OSError:
            if not self.ended_by:
                self.ended_by = "a closed terminal"


@contextmanager
def _signals(here: Open, transaction: str, stop: threading.Event, settled: threading.Event) -> Iterator[_Interrupted]:
    state = _Interrupted()

    def ended(number: int, _frame: FrameType | None) -> None:
        state.ended_by = signal.Signals(number).name
        stop.set()

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        state.count += 1
        stop.set()
        state.leave = state.count > 1 and not settled.is_set()
        if settled.is_set():
            here.out.note("No longer watching; the change itself is done.")
        elif not state.leave:
            here.out.note(f"It runs on {here.host.name} and is not stopped halfway; waiting for its outcome.")
            here.out.note(f"Ctrl-C again leaves it alone: transaction {transaction}, see `opsconsole journal`.")

    before = {
        number: signal.signal(number, handler)
        for number, handler in ((signal.SIGINT, interrupted), (signal.SIGTERM, ended), (signal.SIGHUP, ended))
    }
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
