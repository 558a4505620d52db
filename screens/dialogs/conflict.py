"""Somebody else changed the file meanwhile: what they did, what you did, and three ways on. Nothing was written."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from console.change.preview import diff
from screens.base import OpsDialog
from screens.dialogs.plan import coloured
from screens.safe import content


class ConflictDialog(OpsDialog):
    """Dismissed with `theirs`, `merge` or None (keep editing)."""

    SCOPE = "conflict"

    def __init__(self, path: str, base: bytes, mine: bytes, theirs: bytes) -> None:
        super().__init__()
        self.path = path
        self.base = base
        self.mine = mine
        self.theirs = theirs

    def body(self) -> ComposeResult:
        yield Static(content(f"✖ {self.path} was changed by somebody else. Nothing was written."), classes="heading")
        with VerticalScroll(classes="reading"):
            yield Static(Content.styled("What they changed since you opened it", "bold"))
            yield Static(coloured(diff(self.path, self.base, self.theirs)))
            yield Static(Content.styled("\nWhat you changed", "bold"))
            yield Static(coloured(diff(self.path, self.base, self.mine)))

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(VerticalScroll).focus()

    def do_theirs(self) -> None:
        self.dismiss("theirs")

    def do_merge(self) -> None:
        self.dismiss("merge")

    def do_keep(self) -> None:
        self.dismiss(None)
