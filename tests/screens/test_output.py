"""The output filter shows what the unfiltered app shows, and nothing hidden leaves the app."""

from __future__ import annotations

import inspect
import random
import sys
from typing import Any

import pyte
import pytest
import textual
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App, ComposeResult
from textual.color import Color
from textual.containers import Horizontal
from textual.strip import Strip
from textual.widgets import DataTable, Footer, Input, Static, TextArea

from screens.output import Backstop, LeanOutput, plain_output_wanted
from screens.shadow import TerminalShadow
from screens.widgets.table import Column, VirtualTable
from tests.bench.ptymeter import PtyMeter


class TwoTerminals(App[Any]):
    """Renders every update twice: whole into one terminal, through the shadow into another."""

    CSS = """
    Horizontal { height: 1fr; } Input { height: 1; border: none; } TextArea { height: 8; } DataTable { width: 30; }
    """

    def __init__(self, shadow: TerminalShadow, columns: int, lines: int) -> None:
        super().__init__()
        self.shadow = shadow
        self.terminals = pyte.Screen(columns, lines), pyte.Screen(columns, lines)
        for terminal in self.terminals:
            terminal.reset_mode(7, private=True)  # Textual turns wrapping off
        self.sent = [0, 0]
        self.updates = 0

    def _display(self, screen: Any, renderable: Any) -> None:
        if isinstance(renderable, CompositorUpdate):
            self.updates += 1
            whole = renderable.render_segments(self.console)
            lean = self.shadow.render(renderable, self.console, *self.size)
            for number, (terminal, sequences) in enumerate(zip(self.terminals, (whole, lean), strict=True)):
                pyte.Stream(terminal).feed(sequences.replace("\n", ""))
                self.sent[number] += len(sequences)
            self.compare()
        super()._display(screen, renderable)

    def compare(self) -> None:
        plain, lean = self.terminals
        dirty = plain.dirty | lean.dirty
        plain.dirty.clear()
        lean.dirty.clear()
        for y in dirty:
            if plain.buffer[y] == lean.buffer[y]:
                continue
            for x in range(plain.columns):
                if plain.buffer[y][x] != lean.buffer[y][x]:
                    cells = plain.buffer[y][x], lean.buffer[y][x]
                    raise AssertionError(f"update {self.updates}, line {y}, cell {x}: {cells}")


class Mixed(TwoTerminals):
    def compose(self) -> ComposeResult:
        yield Input()
        with Horizontal():
            yield VirtualTable[Any](
                [Column("n", "N", 6), Column("word", "Word", 10, flex=1), Column("state", "State", 8)],
                identity=lambda row: row[0],
                cells=lambda row: row,
                cell_style=lambda row, key: "error" if key == "state" and row[2] == "✗ bad" else "",
            )
            yield DataTable()
        yield TextArea("\n".join(f"line {n} of the text, 漢字 and é́" for n in range(40)))
        yield Footer()

    def on_mount(self) -> None:
        words = ("alpha", "beta gamma", "漢字テスト", "cafe\u0301", "x" * 90, "\x1b[31mred", "a\u202eb")
        rows = [(str(n), words[n % len(words)], "✗ bad" if n % 5 == 0 else "● good") for n in range(300)]
        table = self.query_one(VirtualTable)
        table.update(rows)
        table.focus()
        other = self.query_one(DataTable)
        other.add_columns("one", "two")
        other.add_rows([(str(n), f"row {n}") for n in range(100)])


class TableOnly(TwoTerminals):
    CSS = ""

    def compose(self) -> ComposeResult:
        yield VirtualTable[Any]([Column("n", "N", 20, flex=1)], identity=str, cells=lambda row: (f"row {row}",))

    def on_mount(self) -> None:
        table = self.query_one(VirtualTable)
        table.update(range(1000))
        table.focus()


KEYS = (
    "down",
    "up",
    "pagedown",
    "pageup",
    "end",
    "home",
    "tab",
    "shift+tab",
    "space",
    "a",
    "left",
    "right",
    "enter",
    "j",
)


@pytest.mark.parametrize("seed", range(2))
async def test_the_lean_output_shows_what_the_whole_output_shows(seed: int) -> None:
    chosen = random.Random(seed)
    app = Mixed(TerminalShadow(), 80, 24)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for _ in range(40):
            await pilot.press(chosen.choice(KEYS))
    assert app.updates > 30
    whole, lean = app.sent
    assert lean < whole / 3


async def test_a_scrolling_key_moves_the_lines_in_the_terminal() -> None:
    app = TableOnly(TerminalShadow(), 100, 30)
    async with app.run_test(size=(100, 30)) as pilot:
        app.query_one(VirtualTable).action_cursor(40)
        await pilot.pause()
        app.sent = [0, 0]
        await pilot.press(*["down"] * 10)
        whole, lean = app.sent
        assert lean < 6000
        assert whole > 6 * lean
        await pilot.press(*["up"] * 30, "pagedown", "end", "pageup", "home")


async def test_without_scrolling_the_screen_is_the_same() -> None:
    app = TableOnly(TerminalShadow(scroll=False), 60, 20)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.press(*["down"] * 20, "pagedown", "end")
    assert app.updates


async def test_after_forgetting_everything_is_sent_again() -> None:
    app = TableOnly(TerminalShadow(), 60, 20)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        app.terminals[1].reset()
        app.terminals[1].reset_mode(7, private=True)
        app.shadow.forget()
        app.screen.refresh(layout=True)
        app._display(app.screen, app.screen._compositor.render_update(full=True))
        assert "row 5" in "\n".join(app.terminals[1].display)


async def test_the_app_forgets_on_resize_and_suspend() -> None:
    class Plain(LeanOutput):
        def compose(self) -> ComposeResult:
            yield Static("hello")

    app = Plain()
    app.shadow = TerminalShadow()
    async with app.run_test(size=(40, 10)) as pilot:
        for happening in (lambda: pilot.resize_terminal(50, 12), None, None):
            app.shadow._size = (40, 10)
            if happening is not None:
                await happening()
            else:
                (app._suspend_signal if app.shadow else app._resume_signal)()
                app._resume_signal()
            await pilot.pause()
            assert app.shadow._size == (0, 0)


def test_the_environment_turns_it_off() -> None:
    assert plain_output_wanted({"TERM": "xterm", "OPSCONSOLE_PLAIN_OUTPUT": "1"})
    assert plain_output_wanted({"TERM": "dumb"})
    assert plain_output_wanted({})
    assert not plain_output_wanted({"TERM": "xterm", "OPSCONSOLE_PLAIN_OUTPUT": "0"})


def test_the_private_parts_of_textual_are_the_ones_we_know() -> None:
    """Fails when the pin of Textual moves: read screens/output.py and screens/shadow.py before changing this."""
    assert textual.__version__ == "8.2.8"
    assert list(inspect.signature(App._display).parameters) == ["self", "screen", "renderable"]
    assert "renderable.render_segments(console)" in inspect.getsource(App._display)
    assert list(inspect.signature(ChopsUpdate.__init__).parameters) == ["self", "chops", "spans", "chop_ends"]
    assert list(inspect.signature(LayoutUpdate.__init__).parameters) == ["self", "strips", "region"]
    assert "strip.crop(0, min(end, x2) - x)" in inspect.getsource(ChopsUpdate.render_segments)
    assert isinstance(App()._filters, list)
    assert Strip.render_ansi(Style.parse("bold red"), App().console._color_system or 3).startswith("1;")  # type: ignore[arg-type]
    assert App.suspend is not None
    assert callable(App._suspend_signal)
    assert callable(App._resume_signal)


def test_the_backstop_lets_nothing_steer_the_terminal() -> None:
    backstop = Backstop()
    hostile = [chr(code) for code in range(0x20)] + [chr(code) for code in range(0x7F, 0xA0)]
    hostile += [chr(code) for code in (*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070))]
    hostile += [chr(code) for code in range(0xE0000, 0xE0080)] + [chr(code) for code in range(0xDC80, 0xDD00)]
    segments = [Segment(f"a{character}b", Style(bold=True)) for character in hostile]
    cleaned = backstop.apply(segments, Color(0, 0, 0))
    for before, after in zip(segments, cleaned, strict=True):
        assert after.text in ("ab", "a�b", "a")
        assert after.cell_length == before.cell_length
        after.text.encode()


def test_the_backstop_keeps_ordinary_text_and_safe_links() -> None:
    backstop = Backstop()
    kept = Segment("╭─ é 漢字 \u00a0▇ ok", Style(link="https://example.org/"))
    odd = Segment("x", Style(link="https://e\x1b]52;c;AA\x07"))
    cleaned = backstop.apply([kept, odd], Color(0, 0, 0))
    assert cleaned[0] == kept
    assert cleaned[1].style is not None
    assert cleaned[1].style.link is None


@pytest.mark.parametrize("plain", ["0", "1"])
def test_on_a_real_terminal_the_screen_is_the_same_with_and_without(plain: str) -> None:
    with PtyMeter(
        [sys.executable, "-m", "tests.bench.widgets", "table", "500"], 80, 24, {"OPSCONSOLE_PLAIN_OUTPUT": plain}
    ) as terminal:
        terminal.wait_for("0A00000000")
        for key in ("down",) * 30 + ("pagedown", "up", "up"):
            terminal.key(key, 0.03)
        terminal.wait_for("▸  0A00000032")
        shown = terminal.screen.display
        assert [line[3:13] for line in shown[1:-1]] == [f"0A{n:08x}" for n in range(31, 53)]
        terminal.resize(100, 30)
        terminal.drain(0.3)
        terminal.wait_for("0A00000032")
