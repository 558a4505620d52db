"""A plan while it is carried out: steps as they happen, name servers as they follow, the log lines that prove it."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from console.change.outcome import Outcome, State, StepEvent
from console.change.plan import Plan
from console.commands import Command
from console.dns.namedlog import LogEvent
from console.dns.propagation import State as Standing
from console.dns.propagation import Target, Update
from screens import jobs
from screens.base import OpsDialog
from screens.safe import content
from screens.widgets.logview import LogView
from screens.zone_watch import PLAIN, line_of, spans

ENDS = {"✔": "$text-success", "▲": "$text-warning", "✖": "$text-error", "?": "$text-warning bold"}
QUIET_PHASES = ("start", "done")
"""They mark the way; what came of a step is told by its other events."""


def step_line(event: StepEvent) -> Content:
    """Glyph, phase, what it was, and one line of what was said: a tool's first, a failed look's last."""
    bad = event.phase == "failed" or event.exit_status not in (None, 0)
    glyph, style = (
        ("✖", "$text-error") if bad else ("↶", "$text-warning") if "undo" in event.phase else ("✔", "$text-success")
    )
    lines = event.output.decode("utf-8", "surrogateescape").strip().splitlines() or [""]
    seen = "verify" in event.phase
    said = (lines[-1] if seen else lines[0])[:120] if bad or not seen else ""
    return Content.assemble(
        (f"{glyph} ", style),
        (f"{event.phase:<12}", "bold"),
        content(event.message),
        content(f"  {said}").stylize("dim") if said else "",
        (f"  {event.at:.1f} s", "dim") if event.at else "",
    )


def server_line(target: Target, update: Update | None) -> Content:
    """Glyph, who, the serial it serves, where it stands and why."""
    if update is None:
        glyph, style, state, text = "◌", "", "asking", ""
    elif update.state is Standing.FOLLOWED:
        glyph, style, state, text = "✔", "$text-success", update.state.value, update.text
    elif update.final:
        glyph, style, state, text = "✖", "$text-error", update.state.value, update.text
    else:
        glyph, style, state, text = "◌", "", update.state.value, update.text
    serial = str(update.serial) if update is not None and update.serial is not None else "-"
    when = f" after {update.at:.1f} s" if update is not None and update.final else ""
    return Content.assemble(
        (f"{glyph} ", style),
        content(f"{target.name} {target.address}  ").stylize("bold"),
        f"{serial}  ",
        (state, style),
        (when, "dim"),
        content(f": {text}") if text else "",
    )


class RunDialog(OpsDialog):
    """Shows; does nothing itself. Dismissed with the Outcome (None while it still runs)."""

    SCOPE = "run"

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.stop = threading.Event()
        self.outcome: Outcome | None = None
        self.finished = False
        self.events: list[StepEvent] = []
        self.notes: list[str] = []
        self.servers: dict[Target, Update | None] = {}
        self.said_of: dict[str, LogEvent] = {}
        """The last line of the log about each peer's address."""
        self._long = False
        """The text is longer than the view."""
        self.lines: list[str] = []
        """Of named's log, as it wrote them."""

    def body(self) -> ComposeResult:
        yield Static(content(self.plan.title).stylize("bold"), classes="heading")
        with VerticalScroll(classes="reading"):
            yield Static("", classes="course")
        yield LogView(spans=spans, empty="named's log: nothing yet.", classes="runlog")

    def on_mount(self) -> None:
        super().on_mount()
        scroll = self.query_one(VerticalScroll)
        scroll.focus()
        self.watch(scroll, "virtual_size", self._keep_end, init=False)
        self.draw()

    # What happens; called on the UI loop

    def follow(self, targets: Iterable[Target]) -> None:
        self.servers = dict.fromkeys(targets)

    def step(self, event: StepEvent) -> None:
        self.events.append(event)
        self.draw()

    def logged(self, event: LogEvent) -> None:
        self.lines.append(event.text)
        for view in self.query(LogView):
            view.append([line_of(event, brief=True)])
        if event.peer and event.kind not in PLAIN:
            self.said_of[event.peer] = event
            self.draw()

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.draw()

    def ended(self, outcome: Outcome) -> None:
        """The host's part is over; name servers may still be followed."""
        self.outcome = outcome
        self.draw()

    def update_server(self, update: Update) -> None:
        if update.target is not None:
            self.servers[update.target] = update
            self.draw()

    def finish(self) -> None:
        self.finished = True
        self.draw()
        self.refresh_bars()

    def failed(self, error: Exception) -> None:
        self.note(f"✖ {error}")
        self.finish()

    def draw(self) -> None:
        if not self.query(".course"):
            return
        lines = [step_line(event) for event in self.events if event.phase not in QUIET_PHASES]
        if self.outcome is not None:
            glyph = self.outcome.state.glyph
            style = ENDS[glyph]
            lines.append(
                Content.assemble(
                    (f"{glyph} {self.outcome.state.value} ", style),
                    content(self.outcome.reason),
                    (f"  {self.outcome.duration:.1f} s", "dim"),
                )
            )
            if self.outcome.state is State.UNKNOWN:
                lines.append(Content("The answer was lost. Press a to ask the host how it ended, now or later."))
        elif not self.finished:
            lines.append(Content.styled("◌ on the host; it finishes there even if this link is cut", "dim"))
        if self.servers and self.outcome is not None and self.outcome.good:
            lines.append(Content.styled("Name servers", "bold"))
            for target, update in self.servers.items():
                lines.append(server_line(target, update))
                if target.address in self.said_of:
                    lines.append(content(f"    log {line_of(self.said_of[target.address], brief=True)}").stylize("dim"))
        lines.extend(content(f"· {note}").stylize("dim") for note in self.notes)
        if self.finished:
            lines.append(Content.styled("Done. Esc closes.", "bold"))
        self.query_one(".course", Static).update(Content("\n").join(lines))
        self.refresh_bars()

    def _keep_end(self) -> None:
        """Once the text is longer than the view, what came last stays in view until the user scrolls."""
        scroll = self.query_one(VerticalScroll)
        if scroll.max_scroll_y > 0 and not self._long:
            self._long = True
            scroll.anchor()

    # Commands

    def reason_against(self, command: Command) -> str:
        if command.verb == "evidence" and not self.events:
            return "Nothing has happened yet."
        if command.verb == "ask" and (self.outcome is None or self.outcome.state is not State.UNKNOWN):
            return "It is not over yet." if self.outcome is None else "How it ended is known."
        return super().reason_against(command)

    def do_ask(self) -> None:
        """Asks the host how a change without an answer ended, and writes that down: it is the outcome from then on."""
        session, outcome = self.session, self.outcome
        if session is None or outcome is None:
            return

        def work() -> Outcome | None:
            from console.change.apply import reconcile

            return reconcile(outcome.transaction, session.connection, journal=self.ops.journal, sudo=self.plan.sudo)

        def told(found: Outcome | None) -> None:
            if found is None:
                self.note("It still runs on the host: ask again.")
                return
            self.ended(found)
            self.refresh_bars()

        jobs.start(self.app, "reconcile", work, told, lambda error: self.note(f"✖ {error}"))

    def do_evidence(self) -> None:
        self.ops.show_text("Evidence of this change", self.evidence())

    def evidence(self) -> Content:
        """Every event with its whole output, every server's last answer and log line."""
        parts: list[Content] = []
        for event in self.events:
            status = "" if event.exit_status is None else f"  exit {event.exit_status}"
            parts.append(content(f"{event.at:7.2f} s  step {event.step + 1}  {event.phase}  {event.message}{status}"))
            if event.output:
                parts.append(content(event.output[:20_000], multiline=True).stylize("dim"))
        for target, update in self.servers.items():
            parts.append(server_line(target, update))
            if update is not None and update.answer is not None:
                answer = update.answer
                asked = "this machine" if answer.vantage == "here" else "the host"
                parts.append(content(f"    SOA asked from {asked}: {answer.rcode or answer.problem} {answer.records}"))
            if update is not None and update.event is not None:
                parts.append(content(f"    log: {update.event.text}"))
        if self.lines:
            parts.append(Content.styled("named's log meanwhile", "bold"))
            parts.extend(content(line) for line in self.lines[-500:])
        return Content("\n").join(parts)

    def do_leave(self) -> None:
        """Closing ends the watching, never the change."""
        self.stop.set()
        self.dismiss(self.outcome)
