"""A plan before it happens: every file's difference, every command, what cannot be undone. Focus starts on Cancel."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from console.change.plan import Plan, Risk
from console.change.preview import Kind, Line, render
from console.commands import Command
from screens.base import OpsDialog
from screens.safe import content

LINE_STYLES = {
    Kind.HEADER: "bold",
    Kind.HUNK: "$text-accent",
    Kind.ADDED: "$text-success",
    Kind.REMOVED: "$text-error",
    Kind.NOTE: "$text-muted",
    Kind.COMMAND: "bold $text-primary",
}


def coloured(lines: Iterable[Line]) -> Content:
    """Lines of a preview or a difference with their signs coloured; the signs themselves carry the meaning."""
    return Content("\n").join(content(line.text).stylize(LINE_STYLES.get(line.kind, "")) for line in lines)


class PlanDialog(OpsDialog):
    """Dismissed with True when the plan shall be applied."""

    SCOPE = "plan"

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.preview = render(plan)

    def body(self) -> ComposeResult:
        yield Static(content(self.plan.title).stylize("bold"), classes="heading")
        with VerticalScroll(classes="reading"):
            yield Static(coloured(self.preview.lines()[1:]))
        yield Static("", classes="standing")
        if self.plan.risk is Risk.HIGH:
            word = Input(placeholder=f"type {self.plan.object} to allow Apply", compact=True)
            word.cursor_blink = False
            yield word

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(VerticalScroll).focus()

    def refresh_bars(self) -> None:
        super().refresh_bars()
        if not self.query(".standing"):
            return
        session = self.session
        where = content(self.plan.host).stylize("bold")
        if session is not None and session.acting:
            said = Content.assemble(
                ("▲ ACT ", "$text-error bold"), "y applies this on ", where, ". Esc changes nothing."
            )
        else:
            said = Content.assemble(("◇ observe ", "bold"), "Nothing can be applied. A allows changes on ", where, ".")
        self.query_one(".standing", Static).update(said)

    def reason_against(self, command: Command) -> str:
        session = self.session
        acting = session is not None and session.acting
        if command.verb == "apply":
            if not acting:
                return "This host is in observe mode. Press A to allow changes."
            if self.plan.risk is Risk.HIGH and self.query_one(Input).value != self.plan.object:
                return f"This reaches far: type {self.plan.object} first (Tab goes to the field)."
        if command.verb == "allow" and acting:
            return "Changes are allowed already."
        return super().reason_against(command)

    def on_input_changed(self) -> None:
        self.refresh_bars()

    def do_apply(self) -> None:
        self.dismiss(True)

    def do_allow(self) -> None:
        if self.session is not None:
            self.session.acting = True
        self.refresh_bars()

    def do_script(self) -> None:
        self.ops.copy(self.preview.text())

    def do_cancel(self) -> None:
        self.dismiss(False)
