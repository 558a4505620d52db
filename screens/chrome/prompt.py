"""One line of input at the bottom: `/` filter, `:` command, find, go to line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label


class Prompt(Horizontal):
    """Enter: `done(text)`; Esc: `done(None)`; every key: `changed(text)`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("tab", "complete", show=False, priority=True),
    ]

    def __init__(
        self,
        label: str,
        value: str,
        changed: Callable[[str], None] | None,
        done: Callable[[str | None], None],
        completions: Sequence[str] = (),
    ) -> None:
        super().__init__(classes="prompt")
        self._label = label
        self._value = value
        self._changed = changed
        self._done = done
        self._completions = list(completions)

    def compose(self) -> ComposeResult:
        yield Label(self._label, markup=False)
        suggester = SuggestFromList(self._completions) if self._completions else None
        line = Input(self._value, suggester=suggester, compact=True, select_on_focus=False)
        line.cursor_blink = False
        yield line

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._changed is not None:
            self._changed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._done(event.value)

    def action_complete(self) -> None:
        self.query_one(Input).action_cursor_right()

    def action_leave(self) -> None:
        self._done(None)
