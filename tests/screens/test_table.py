"""The virtual table: cursor and marks belong to rows, only drawn rows are asked for, keys do what they say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style
from textual.app import App, ComposeResult

from screens.widgets.cells import cell_parts, cut, fit
from screens.widgets.columns import GAP, GUTTER, Column, widths
from screens.widgets.table import VirtualTable
from screens.widgets.view import View


@dataclass(frozen=True)
class Zone:
    name: str
    serial: int
    state: str = "● loaded"


COLUMNS = [
    Column("name", "Zone", 10, flex=1),
    Column("serial", "Serial", 10, align="right"),
    Column("state", "State", 10),
]


def zones(count: int) -> list[Zone]:
    return [Zone(f"zone{n:04}.example", n * 37 % 1000) for n in range(count)]


class TableApp(App[Any]):
    def __init__(self, rows: Sequence[Zone] = ()) -> None:
        super().__init__()
        self.rows = rows
        self.asked: list[Zone] = []
        self.said: list[tuple[str, Any]] = []

    def cells(self, zone: Zone) -> tuple[str, ...]:
        self.asked.append(zone)
        return (zone.name, str(zone.serial), zone.state)

    def compose(self) -> ComposeResult:
        yield VirtualTable[Zone](
            COLUMNS,
            identity=lambda zone: zone.name,
            cells=self.cells,
            haystack=lambda zone: f"{zone.name} {zone.state}",
            sort_key=lambda zone, key: getattr(zone, key),
            cell_style=lambda zone, key: "error" if "✗" in zone.state and key == "state" else "",
            empty="No zones on this server.",
        )

    def on_mount(self) -> None:
        self.table.update(self.rows)
        self.table.focus()

    @property
    def table(self) -> VirtualTable[Zone]:
        return self.query_one(VirtualTable)

    def on_virtual_table_row_highlighted(self, event: VirtualTable.RowHighlighted) -> None:
        self.said.append(("highlighted", event.key))

    def on_virtual_table_row_selected(self, event: VirtualTable.RowSelected) -> None:
        self.said.append(("selected", event.key))

    def on_virtual_table_marks_changed(self, event: VirtualTable.MarksChanged) -> None:
        self.said.append(("marks", event.count))

    def on_virtual_table_view_changed(self, event: VirtualTable.ViewChanged) -> None:
        self.said.append(("view", (event.shown, event.total)))


def lines(app: App[Any]) -> list[str]:
    return [strip.text for strip in app.screen._compositor.render_strips()]


async def test_only_drawn_rows_are_asked_for() -> None:
    app = TableApp(zones(10_000))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        assert {zone.name for zone in app.asked} <= {zone.name for zone in app.rows[:20]}
        app.asked.clear()
        await pilot.press("end")
        assert len(set(app.asked)) <= 20
        assert app.table.cursor_key == "zone9999.example"


async def test_keys_move_the_cursor_and_tell() -> None:
    app = TableApp(zones(100))
    async with app.run_test(size=(60, 12)) as pilot:
        for keys, expected in (
            (["down", "j", "j"], 3),
            (["k", "up"], 1),
            (["pagedown"], 12),
            (["ctrl+b"], 1),
            (["G"], 99),
            (["down"], 99),
            (["g"], 0),
            (["up"], 0),
            (["end"], 99),
            (["home"], 0),
        ):
            await pilot.press(*keys)
            assert app.table.cursor_line == expected, keys
            shown = lines(app)
            assert sum(line.startswith("▸") for line in shown) == 1, keys
        await pilot.press("down", "enter")
    assert app.said[-1] == ("selected", "zone0001.example")
    assert ("highlighted", "zone0099.example") in app.said


async def test_a_refresh_keeps_cursor_marks_and_screen_line() -> None:
    app = TableApp(zones(200))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press(*["down"] * 50, "space")
        key, marked = app.table.cursor_key, app.table.marks
        at = next(y for y, line in enumerate(lines(app)) if line.startswith("▸"))
        app.said.clear()
        app.table.update([Zone(f"new{n}.example", 0) for n in range(30)] + zones(200))
        await pilot.pause()
        assert app.table.cursor_key == key
        assert app.table.marks == marked == {"zone0050.example"}
        assert lines(app)[at].startswith("▸  zone0051")
        assert lines(app)[at - 1].startswith(" ● zone0050")
        assert ("highlighted", key) not in app.said
        app.table.update([zone for zone in zones(200) if zone.name != key and zone.name not in marked])
        await pilot.pause()
        assert app.table.marks == frozenset()
        assert app.table.cursor_row is not None


async def test_a_refresh_paints_only_lines_that_differ() -> None:
    app = TableApp(zones(50))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        changed = zones(50)
        changed[3] = Zone(changed[3].name, changed[3].serial, "✗ not loaded")
        painted: list[Any] = []
        original = app.table.refresh
        app.table.refresh = lambda *regions, **options: painted.extend(regions) or original(*regions, **options)  # type: ignore[method-assign]
        app.table.update(changed)
        assert [region.y for region in painted] == [4]
        await pilot.pause()
        assert "✗ not" in lines(app)[4]
        painted.clear()
        app.table.update(list(changed))
        assert painted == []


async def test_filter_narrows_inverts_and_minds_capitals() -> None:
    rows = [*zones(30), Zone("Upper.example", 1), Zone("broken.example", 2, "✗ not loaded")]
    app = TableApp(rows)
    async with app.run_test(size=(60, 12)) as pilot:
        table = app.table
        for query, expected in (
            ("zone", 30),
            ("zone00", 30),
            ("zone001", 10),
            ("upper", 1),
            ("Upper", 1),
            ("UPPER", 0),
            ("!loaded", 0),
            ("!not", 31),
            ("!", 32),
            ("not loaded", 1),
            ("", 32),
        ):
            table.filter = query
            await pilot.pause()
            assert table.shown == expected, query
        table.filter = "nothing\x1b"
        await pilot.pause()
        assert "No row matches “nothing␛”." in lines(app)[1]
        assert table.cursor_row is None
        assert ("view", (0, 32)) in app.said
        assert ("highlighted", None) in app.said
        await pilot.press("down", "enter", "space", "ctrl+a", "asterisk", "shift+down", "end")
        table.filter = ""
        await pilot.pause()
        assert table.cursor_key == "zone0000.example"
        assert table.marks == frozenset()


async def test_filter_keeps_the_cursor_on_its_row() -> None:
    app = TableApp(zones(100))
    async with app.run_test(size=(60, 12)) as pilot:
        assert app.table.move_to("zone0055.example")
        app.table.filter = "5"
        await pilot.pause()
        assert app.table.cursor_key == "zone0055.example"
        assert not app.table.move_to("zone0001.example")


@given(
    st.lists(st.text("abAB!", max_size=4), max_size=12),
    st.lists(st.text("abAB!", max_size=3), min_size=1, max_size=6),
)
def test_any_filter_equals_a_plain_search(rows: list[str], queries: list[str]) -> None:
    view: View[str] = View(haystack=lambda row: row, sort_key=lambda row, _: row)
    view.replace(rows)
    for query in queries:
        for end in range(len(query) + 1):
            part = query[:end]
            view.filter(part)
            needle = part[1:] if part.startswith("!") else part
            hit = [row for row in rows if needle in (row.lower() if needle == needle.lower() else row)]
            other = [row for row in rows if needle not in (row.lower() if needle == needle.lower() else row)]
            assert list(view) == (other if part.startswith("!") and needle else hit)


async def test_sort_toggles_and_a_click_on_the_header_does_too() -> None:
    app = TableApp(zones(40))
    async with app.run_test(size=(60, 12)) as pilot:
        table = app.table
        await pilot.press("down")
        table.toggle_sort("serial")
        await pilot.pause()
        assert table.order == ("serial", False)
        assert "Serial▲" in lines(app)[0]
        assert table.cursor_key == "zone0001.example"
        table.toggle_sort("serial")
        await pilot.pause()
        assert "Serial▼" in lines(app)[0]
        await pilot.press("home")
        assert table.cursor_row is not None
        assert table.cursor_row.serial == max(zone.serial for zone in app.rows)
        table.toggle_sort("serial")
        assert table.order == ("", False)
        await pilot.click(VirtualTable, offset=(4, 0))
        assert table.order == ("name", False)
        with pytest.raises(KeyError):
            table.sort("no such column")


async def test_marks_one_range_all_and_inverted() -> None:
    app = TableApp(zones(20))
    async with app.run_test(size=(60, 30)) as pilot:
        table = app.table
        await pilot.press("space")
        assert table.marks == {"zone0000.example"}
        assert table.cursor_line == 1
        await pilot.press("shift+down", "shift+down")
        assert [zone.name for zone in table.marked_rows] == [f"zone{n:04}.example" for n in range(4)]
        assert lines(app)[2].startswith(" ● zone0001")
        await pilot.press("asterisk")
        assert len(table.marks) == 16
        table.filter = "zone001"
        await pilot.press("ctrl+a")
        assert len(table.marks) == 16
        table.clear_marks()
        await pilot.press("ctrl+a")
        assert len(table.marks) == 10
        await pilot.pause()
    assert app.said[-1] == ("marks", 10)


async def test_mouse_highlights_then_selects() -> None:
    app = TableApp(zones(20))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.click(VirtualTable, offset=(5, 4))
        assert app.table.cursor_line == 3
        await pilot.click(VirtualTable, offset=(5, 4))
        await pilot.pause()
    assert app.said[-1] == ("selected", "zone0003.example")


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("size", [(20, 3), (3, 2), (80, 24)])
async def test_few_rows_and_small_screens(count: int, size: tuple[int, int]) -> None:
    app = TableApp(zones(count))
    async with app.run_test(size=size) as pilot:
        await pilot.press("down", "pagedown", "end", "space", "ctrl+a", "asterisk", "enter", "shift+up")
        shown = lines(app)
        assert all(cell_len(line) == size[0] for line in shown)
        if not count and size[0] == 80:
            assert "No zones on this server." in shown[1]
        assert app.table.cursor_key == ("zone0000.example" if count else None)


async def test_a_million_rows() -> None:
    class Numbers(App[Any]):
        def compose(self) -> ComposeResult:
            yield VirtualTable[int]([Column("n", "N", 12, flex=1)], identity=lambda n: n, cells=lambda n: (f"row {n}",))

    app = Numbers()
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.query_one(VirtualTable)
        started = time.perf_counter()
        table.update(range(1_000_000))
        assert time.perf_counter() - started < 1
        table.focus()
        await pilot.press("end")
        assert "row 999999" in lines(app)[-1]


async def test_it_is_told_without_colours_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = TableApp([Zone("a.example", 1, "✗ refused"), Zone("b.example", 2)])
    async with app.run_test(size=(60, 8)) as pilot:
        await pilot.press("space")
        shown = lines(app)
        assert shown[1].startswith(" ● a.example")
        assert "✗ refused" in shown[1]
        assert shown[2].startswith("▸  b.example")


@given(
    st.text(st.characters(codec="utf-8", categories=("L", "M", "N", "P", "S", "Zs", "Cc")), max_size=30),
    st.integers(0, 24),
)
def test_any_text_fits_any_width(text: str, width: int) -> None:
    aligns: tuple[Literal["left", "right"], ...] = ("left", "right")
    for align in aligns:
        parts = cell_parts(text, width, align, Style())
        assert sum(cell_len(part) for part, _ in parts) == width
        assert "".join(part for part, _ in parts).isprintable()


def test_what_is_cut_ends_in_an_ellipsis() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("漢字漢字", 5) == "漢字…"
    assert cut("漢字漢字", 4) == "漢…"
    assert fit("漢", 4, "right") == "  漢"
    assert cut("abc", 0) == ""
    assert cut("e\u0301e\u0301e\u0301", 2) == "e\u0301…"


@given(st.integers(0, 200))
def test_columns_share_the_width(width: int) -> None:
    found = widths(COLUMNS, width)
    used = GUTTER + sum(found) + GAP * (len(found) - 1)
    assert used == max(width, GUTTER + 30 + 2 * GAP)
    assert found[1:] == (10, 10)
