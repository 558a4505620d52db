"""One question with two answers; Enter and Esc mean no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from screens.safe import content


class Confirm(ModalScreen[bool]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("escape,enter,n,q", "answer(False)", show=False),
    ]

    def __init__(self, question: str, yes: str) -> None:
        super().__init__()
        self.question = question
        self.yes = yes

    def compose(self) -> ComposeResult:
        with Widget(classes="dialog small"):
            yield Static(content(self.question, multiline=True))
            yield Static("")
            yield Static(Content.assemble(("y", "bold $accent"), f" {self.yes}   ", ("⏎ Esc", "bold $accent"), " No"))

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
