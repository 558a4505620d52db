"""A text to read over the screen: help, evidence, a diff, a whole journal entry."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from screens.base import OpsDialog
from screens.safe import content

SHOWN = 200_000
"""Characters drawn at most; the whole text is what Copy copies."""


class TextDialog(OpsDialog):
    SCOPE = "text"

    def __init__(self, title: str, text: str | Content) -> None:
        super().__init__()
        self.heading = title
        self.text = text

    def body(self) -> ComposeResult:
        yield Static(content(self.heading).stylize("bold"), classes="heading")
        text = self.text
        if isinstance(text, str):
            cut = len(text) - SHOWN
            text = content(text[:SHOWN], multiline=True)
            if cut > 0:
                text = Content.assemble(text, (f"\n… {cut} more characters (c copies all)", "dim"))
        with VerticalScroll(classes="reading"):
            yield Static(text)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(VerticalScroll).focus()

    def do_copy(self) -> None:
        text = self.text if isinstance(self.text, str) else self.text.plain
        self.ops.copy(text)

    def do_leave(self) -> None:
        self.dismiss(None)
