"""What this console changed: when, where, how it ended; the way back; the question after a lost answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from console.change.entry import JournalEntry
from console.change.journal import Problem
from console.change.outcome import Outcome, State
from console.commands import Command
from screens import jobs
from screens.base import OpsScreen
from screens.safe import content
from screens.widgets.columns import Column
from screens.widgets.table import VirtualTable

COLUMNS = (
    Column("when", "When (UTC)", 16),
    Column("host", "Host", 10, flex=1),
    Column("what", "What", 20, flex=4),
    Column("state", "Ended", 14),
)

STYLES = {"✔": "good", "▲": "warning", "✖": "error", "?": "error"}


def ended(entry: JournalEntry) -> tuple[str, str]:
    """Glyph and word, and the style."""
    if entry.state is None:
        return "? no answer", "error"
    return f"{entry.state.glyph} {entry.state.value}", STYLES[entry.state.glyph]


def cells(entry: JournalEntry) -> tuple[str, ...]:
    return entry.began[:16].replace("T", " "), entry.host, entry.title, ended(entry)[0]


def cell_style(entry: JournalEntry, column: str) -> str:
    return ended(entry)[1] if column == "state" else ""


def event_lines(event: Mapping[str, Any]) -> list[str]:
    """When, which step, what and with which exit status; under it what the command said."""
    status = event.get("exit_status")
    ended = "" if status is None else f"  exit {status}"
    step = int(event.get("step", -1)) + 1
    head = f"{float(event.get('at', 0)):7.2f} s  {f'step {step}' if step else 'plan'}  {event.get('phase', '')}"
    said = str(event.get("output", "")).rstrip("\n")
    return [f"{head}  {event.get('message', '')}{ended}", *(f"           {line}" for line in said.splitlines())]


def page(entry: JournalEntry) -> str:
    """The whole entry to read."""
    head = [
        f"transaction  {entry.transaction}",
        f"began        {entry.began}   ended {entry.ended or '-'}   {entry.duration:.1f} s",
        f"by           {entry.who} ({entry.tty or 'no terminal'})",
        f"on           {entry.host}  {entry.address}  as {entry.login} ({entry.privilege})",
        f"what         {entry.subject} {entry.object}: {entry.title}",
        f"ended        {ended(entry)[0]}: {entry.reason or '-'}",
        f"plan         {entry.digest}",
        *(f"{name:<12} {value}" for name, value in entry.facts.items() if value),
        "",
    ]
    return "\n".join([*head, *(line for event in entry.events for line in event_lines(event))])


class JournalScreen(OpsScreen):
    SCOPE = "journal"

    def body(self) -> ComposeResult:
        yield VirtualTable(
            COLUMNS,
            identity=lambda entry: entry.transaction,
            cells=cells,
            cell_style=cell_style,
            empty="Nothing was changed from here yet.",
        )
        yield Static("", classes="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.table.focus()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.read()

    @property
    def table(self) -> VirtualTable[JournalEntry]:
        return self.query_one(VirtualTable)

    @property
    def chosen(self) -> JournalEntry | None:
        return self.table.cursor_row

    def focus_body(self) -> None:
        self.table.focus()

    def facts(self) -> str:
        return str(self.ops.journal.directory)

    def read(self) -> None:
        """Reads the journal again, newest first."""
        jobs.start(self.app, "journal", lambda: list(reversed(self.ops.journal.entries())), self.show, self.ops.explain)

    def show(self, entries: list[JournalEntry]) -> None:
        if self.is_attached:
            self.table.update(entries)
            self._detail()

    def on_virtual_table_row_highlighted(self) -> None:
        self._detail()
        self.refresh_bars()

    def _detail(self) -> None:
        entry = self.chosen
        if entry is None:
            self.query_one(".detail", Static).update("")
            return
        glyph, _ = ended(entry)
        head = Content.assemble(f"{glyph}  ", content(entry.title).stylize("bold"))
        self.query_one(".detail", Static).update(
            Content("\n").join(
                [
                    head,
                    content(entry.reason or "The outcome was never written: ask the host with a."),
                    content(f"{entry.transaction}  {entry.address}").stylize("dim"),
                ]
            )
        )

    # Commands

    def reason_against(self, command: Command) -> str:
        if command.scope == "journal" and command.verb in ("open", "undo", "ask"):
            entry = self.chosen
            if entry is None:
                return "No entry is chosen."
            if command.verb == "undo" and entry.state not in (State.APPLIED, State.ALREADY):
                return "Only what was applied can be undone."
            if command.verb == "ask" and not entry.open:
                return "How this one ended is known."
            if command.verb in ("undo", "ask") and (self.session is None or self.session.host.name != entry.host):
                return f"Open {entry.host} first (0)."
        return super().reason_against(command)

    def on_virtual_table_row_selected(self) -> None:
        self.do_open()

    def do_open(self) -> None:
        entry = self.chosen
        if entry is not None:
            self.detail(entry.title, page(entry))

    def do_filter(self) -> None:
        self.filter_table(self.table)

    def do_verify(self) -> None:
        def told(problems: list[Problem]) -> None:
            if not problems:
                self.say("The chain of hashes is whole.")
            for problem in problems:
                self.fail(f"{problem.file}:{problem.line}: {problem.what}")

        jobs.start(self.app, "verify", self.ops.journal.verify, told, self.ops.explain)

    def do_ask(self) -> None:
        """Asks the host how a transaction without an answer ended, and writes that down."""
        session, entry = self.session, self.chosen
        if session is None or entry is None:
            return

        def work() -> Outcome | None:
            from console.change.apply import reconcile

            return reconcile(entry.transaction, session.connection, journal=self.ops.journal, sudo=entry.sudo)

        def told(outcome: Outcome | None) -> None:
            self.say("It still runs on the host." if outcome is None else f"{outcome.state.value}: {outcome.reason}")
            self.read()

        jobs.start(self.app, "reconcile", work, told, self.ops.explain)

    def do_undo(self) -> None:
        """Plans the way back, shows it, carries it out."""
        from screens.zone_save import undo

        entry = self.chosen
        if entry is not None:
            undo(self, entry, self.read)
