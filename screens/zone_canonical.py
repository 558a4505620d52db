"""The zone as named-compilezone understands it, beside the text it was made from."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from screens.safe import content

BESIDE = 110
"""Columns from which it stands beside the source; below, it is a text over it."""


class CanonicalPane(VerticalScroll):
    """Hidden until it is first asked for."""

    DEFAULT_CSS = """
    CanonicalPane {
        width: 45%;
        border-left: solid $panel-lighten-2;
        padding: 0 1;
    }
    """

    def __init__(self) -> None:
        super().__init__(can_focus=False)
        self.display = False

    def compose(self) -> ComposeResult:
        yield Static("")

    def show(self, text: str) -> None:
        self.display = True
        head = Content.styled("as named-compilezone understands it", "bold")
        self.query_one(Static).update(Content("\n").join([head, content(text, multiline=True)]))

    def hide(self) -> None:
        self.display = False
