"""What a table draws: its header, its rows, and nothing for a row that is not on the screen."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from console.visible import visible
from screens.widgets.cells import cell_parts, fit, styled
from screens.widgets.columns import GAP, GUTTER, Column, widths
from screens.widgets.line_view import LineView
from screens.widgets.view import View

Row = TypeVar("Row")


class TableLines(LineView, Generic[Row]):
    """The drawn side of `VirtualTable`, which says what the arguments mean."""

    STYLE_PREFIX = "table--"

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--cursor",
        "table--cursor-blurred",
        "table--mark",
        "table--empty",
        "table--good",
        "table--notice",
        "table--warning",
        "table--error",
        "table--muted",
        "table--accent",
    }

    DEFAULT_CSS = """
    TableLines {
        & > .table--header { color: $text-secondary; background: $surface; text-style: bold; }
        & > .table--cursor { background: $primary-muted; text-style: bold; }
        & > .table--cursor-blurred { background: $surface; }
        & > .table--mark { color: $text-accent; text-style: bold; }
        & > .table--empty { color: $text-muted; }
        & > .table--good { color: $text-success; }
        & > .table--notice { color: $text-primary; }
        & > .table--warning { color: $text-warning; }
        & > .table--error { color: $text-error; text-style: bold; }
        & > .table--muted { color: $text-muted; }
        & > .table--accent { color: $text-accent; }
        &:ansi > .table--cursor { text-style: reverse; }
        &:ansi > .table--header { text-style: bold underline; }
        &:nocolor > .table--cursor { text-style: reverse; }
        &:nocolor > .table--header { text-style: bold underline; }
    }
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        identity: Callable[[Row], Hashable],
        cells: Callable[[Row], Sequence[str]],
        haystack: Callable[[Row], str] | None = None,
        sort_key: Callable[[Row, str], Any] | None = None,
        cell_style: Callable[[Row, str], str] | None = None,
        empty: str = "Nothing here.",
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self.columns: tuple[Column, ...] = tuple(columns)
        self.empty = empty
        self._identity = identity
        self._cells = cells
        self._cell_style = cell_style
        self._position_of = {column.key: position for position, column in enumerate(self.columns)}
        self._view: View[Row] = View(
            haystack=haystack or (lambda row: "\t".join(cells(row))),
            sort_key=sort_key or (lambda row, key: cells(row)[self._position_of[key]]),
        )
        self._cursor = 0
        self._cursor_key: Hashable | None = None
        self._marks: set[Hashable] = set()
        self._anchor: int | None = None
        self._strips: dict[tuple[int, bool], Strip] = {}

    @property
    def _page_height(self) -> int:
        return self.scrollable_content_region.height - 1

    def _refresh_row(self, line: int) -> None:
        y = line - self.scroll_offset.y + 1
        if 1 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _drawn_texts(self) -> list[tuple[str, ...]]:
        """What the lines on the screen say, styles included, to be compared after a change."""
        top = self.scroll_offset.y
        lines = range(top, min(top + max(0, self.size.height - 1), len(self._view)))
        return [self._look(line) for line in lines]

    def _look(self, line: int) -> tuple[str, ...]:
        row = self._view[line]
        styles = (self._cell_style(row, column.key) for column in self.columns) if self._cell_style else ()
        place = f"{line == self._cursor}{self._identity(row) in self._marks}"
        return (place, *self._cells(row), *styles)

    def forget_strips(self) -> None:
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self._header()
        line = self.scroll_offset.y + y - 1
        if line >= len(self._view):
            return self._blank(y)
        cursor = line == self._cursor
        strip = self._strips.get((line, cursor))
        if strip is None:
            strip = self._strips[(line, cursor)] = self._row_strip(line, cursor)
            if len(self._strips) > 1024:
                self._strips.clear()
        return strip

    def _header(self) -> Strip:
        key, descending = self._view.order
        texts = []
        for column, width in zip(self.columns, widths(self.columns, self.size.width), strict=True):
            arrow = ("▼" if descending else "▲") if column.key == key else ""
            texts.append(fit(visible(column.title) + arrow, width, column.align))
        style = self.named_style("base") + self.named_style("header")
        return styled([(" " * GUTTER + (" " * GAP).join(texts), style)], self.size.width, style)

    def _blank(self, y: int) -> Strip:
        base = self.named_style("base")
        if y != 1 or len(self._view):
            return Strip.blank(self.size.width, base)
        text = f"No row matches “{visible(self._view.query)}”." if self._view.rows else self.empty
        text = fit(text, max(0, self.size.width - GUTTER))
        return styled([(" " * GUTTER + text, base + self.named_style("empty"))], self.size.width, base)

    def _row_strip(self, line: int, cursor: bool) -> Strip:
        row = self._view[line]
        marked = self._identity(row) in self._marks
        base = self.named_style("base")
        if cursor:
            base += self.named_style("cursor" if self.has_focus else "cursor-blurred")
        parts: list[tuple[str, Style]] = [("▸" if cursor else " ", base)]
        parts.append(("●", base + self.named_style("mark")) if marked else (" ", base))
        parts.append((" ", base))
        cells_of = widths(self.columns, self.size.width)
        name_style = self._cell_style
        for position, (column, text) in enumerate(zip(self.columns, self._cells(row), strict=True)):
            if position:
                parts.append((" " * GAP, base))
            name = name_style(row, column.key) if name_style else ""
            style = base + self.named_style(name) if name else base
            parts += cell_parts(text, cells_of[position], column.align, style)
        return styled(parts, self.size.width, base)
