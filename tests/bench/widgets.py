"""Figures of the widgets on a real pty: `python -m tests.bench.widgets`; `… table 100000` is one of its programs."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import Input, Static

from console.dns import highlight
from screens.output import LeanOutput
from screens.widgets.editor import CodeEditor
from screens.widgets.logview import LogView
from screens.widgets.table import Column, VirtualTable
from tests.bench.ptymeter import KeyFigures, PtyMeter

MAX_WAITING = 50_000
"""Lines: the reader pauses above this."""


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


class LogApp(LeanOutput):
    """A thread appends `rate` lines a second (0: as fast as it can) while the file named `stop` is absent."""

    CSS = "Static { height: 1; }"

    def __init__(self, rate: int) -> None:
        super().__init__()
        self.rate = rate
        self.started = 0.0

    def compose(self) -> ComposeResult:
        yield LogView(spans=self.spans)
        yield Static("-")

    @staticmethod
    def spans(line: str) -> list[tuple[int, int, str]]:
        start = line.find("status=")
        return [(0, 15, "muted"), (start, len(line), "warning")] if start >= 0 else []

    def on_mount(self) -> None:
        self.query_one(LogView).focus()
        threading.Thread(target=self.produce, args=(self.query_one(LogView),), daemon=True).start()

    def produce(self, view: LogView) -> None:
        time.sleep(0.5)
        self.started = time.monotonic()
        sent = 0
        line = "Nov 23 05:00:00 ns1 named[412]: client @0x7f 192.0.2.{0}#53 ({0}.example.com): status=refused {0} {1}"
        while True:
            batch = [line.format(n % 255, n) for n in range(sent, sent + 1000)]
            waiting = view.append(batch)
            sent += 1000
            if self.rate:
                time.sleep(max(0.0, self.started + sent / self.rate - time.monotonic()))
            while waiting > MAX_WAITING:
                time.sleep(0.01)
                waiting = view.append(())

    def key_r(self) -> None:
        shown = self.query_one(LogView).ring.appended
        self.query_one(Static).update(f"RATE {shown / (time.monotonic() - self.started):.0f} lines/s")


class EditorApp(LeanOutput):
    """A zone of `count` lines, about 22 bytes each."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def compose(self) -> ComposeResult:
        text = "".join(f"h{n}\tIN A 192.0.2.{n % 250}\n" for n in range(self.count))
        looks = {"owner": "accent", "type": "notice", "comment": "muted", "error": "error"}
        yield CodeEditor(text, highlighter=highlight, looks=looks)


def program(name: str, *arguments: str) -> App[Any]:
    programs: dict[str, Callable[..., App[Any]]] = {
        "table": lambda count: TableApp(int(count)),
        "editor": lambda count: EditorApp(int(count)),
        "log": lambda rate: LogApp(int(rate)),
    }
    return programs[name](*arguments)


def _run(*arguments: str) -> PtyMeter:
    return PtyMeter([sys.executable, "-m", "tests.bench.widgets", *arguments])


def measure_table(count: int) -> Iterator[tuple[str, KeyFigures]]:
    with _run("table", str(count)) as terminal:
        opened = terminal.wait_for("0A00000000")
        yield f"table {count}: open", KeyFigures(opened * 1000, opened * 1000, terminal.cpu() * 1000, len(terminal.raw))
        terminal.drain(0.5)
        yield f"table {count}: key in view", terminal.keys("down", 20)
        for _ in range(30):
            terminal.key("down", 0.02)
        yield f"table {count}: scrolling key", terminal.keys("down", 20)
        yield f"table {count}: page down", terminal.keys("pagedown", 10)
        terminal.key("/", 0.5)
        for key in "user9":
            yield f"table {count}: filter key {key}", terminal.keys(key, 1, 0.3)


def measure_editor(count: int) -> Iterator[tuple[str, KeyFigures]]:
    with _run("editor", str(count)) as terminal:
        terminal.wait_for("h3 ")
        terminal.drain(0.5)
        yield f"editor {count}: typing", terminal.keys("x", 20)
        for _ in range(40):
            terminal.key("down", 0.02)
        yield f"editor {count}: scrolling key", terminal.keys("down", 20)


def measure_log(rate: int, seconds: float = 6.0) -> Iterator[tuple[str, KeyFigures]]:
    """Keys while lines pour in; the rate is what the status line says in the end."""
    with _run("log", str(rate)) as terminal:
        terminal.wait_for("example.com")
        times, sizes = [], []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pause = time.perf_counter() + 0.2
            while time.perf_counter() < pause:
                terminal._read(0.02)
            shown, size, pressed = terminal.screen.display[-1], len(terminal.raw), time.perf_counter()
            terminal.send("r")
            while terminal.screen.display[-1] == shown and time.perf_counter() < pressed + 10:
                terminal._read(0.02)
            times.append((terminal.read_at - pressed) * 1000)
            sizes.append(len(terminal.raw) - size)
        times.sort()
        reached = terminal.screen.display[-1].strip()
        figures = KeyFigures(times[len(times) // 2], times[int(len(times) * 0.95)], 0.0, sorted(sizes)[len(sizes) // 2])
        yield f"log at {rate or 'full speed'}: key; {reached}", figures


def main() -> None:
    print(f"{'':52}{'median ms':>10}{'p95 ms':>10}{'cpu ms':>10}{'bytes':>8}")
    for name, figures in chain(
        measure_table(100), measure_table(100_000), measure_editor(10_000), measure_log(0), measure_log(100_000)
    ):
        print(f"{name:52}{figures.median:10.1f}{figures.p95:10.1f}{figures.cpu:10.1f}{figures.size:8}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        program(*sys.argv[1:]).run()
    else:
        main()
