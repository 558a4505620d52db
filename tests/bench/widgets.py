"""Figures of the widgets on a real pty: `python -m tests.bench.widgets`; `… table 100000` is one of its programs."""

from __future__ import annotations

import sys
from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import Input

from screens.output import LeanOutput
from screens.widgets.table import Column, VirtualTable


class TableApp(LeanOutput):
    """`count` rows of a mail queue."""

    CSS = "Input { height: 1; border: none; }"

    def __init__(self, count: int) -> None:
        super().__init__()
        self.rows = [
            (
                f"0A{n:08x}",
                f"{n % 97}h",
                str(n * 37 % 100_000),
                f"user{n}@example{n % 331}.org",
                "deferred",
                "timed out",
            )
            for n in range(count)
        ]

    def compose(self) -> ComposeResult:
        yield VirtualTable[Any](
            [
                Column("id", "Queue id", 12),
                Column("age", "Age", 5, align="right"),
                Column("size", "Size", 7, align="right"),
                Column("who", "Recipient", 10, flex=2),
                Column("state", "State", 10),
                Column("why", "Why", 8, flex=1),
            ],
            identity=lambda row: row[0],
            cells=lambda row: row,
        )
        yield Input()

    def on_mount(self) -> None:
        self.query_one(VirtualTable).update(self.rows)
        self.query_one(VirtualTable).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one(VirtualTable).filter = event.value

    def key_slash(self) -> None:
        self.query_one(VirtualTable).prepare_filter()
        self.query_one(Input).focus()


def program(name: str, *arguments: str) -> App[Any]:
    return {"table": lambda count: TableApp(int(count))}[name](*arguments)


if __name__ == "__main__":
    program(*sys.argv[1:]).run()
