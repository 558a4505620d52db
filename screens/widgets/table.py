"""A table for any number of rows: nothing is built for a row that is not on the screen."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from screens.widgets.columns import Column, column_at
from screens.widgets.table_lines import Row, TableLines


class VirtualTable(TableLines[Row]):
    """Rows of any kind, shown through `cells(row)`, which is called for drawn rows only.

    The cursor and the marks belong to rows, by `identity(row)`, not to positions: both survive `update`.

    Args:
        columns: What is shown, from left to right.
        identity: Names a row; stays the same while the row is the same thing.
        cells: One text per column. Foreign text may be given raw: it is made visible when drawn.
        haystack: The text a filter searches; by default all cells.
        sort_key: What a column sorts by, given a row and the column's key; by default the cell's text.
        cell_style: Names a style for a cell, given a row and the column's key: `good`, `notice`, `warning`, `error`,
            `muted` or `accent`; empty for none. The cell's text must tell the same without colours.
        empty: What is shown when there are no rows at all.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
        Binding("enter", "select", "Open", show=False),
        Binding("space", "mark", "Mark", show=False),
        Binding("shift+up,K", "mark_range(-1)", "Mark up", show=False),
        Binding("shift+down,J", "mark_range(1)", "Mark down", show=False),
        Binding("ctrl+a", "mark_all", "Mark all shown", show=False),
        Binding("asterisk", "invert_marks", "Invert marks", show=False),
    ]

    filter: reactive[str] = reactive("", repaint=False)
    """Rows must contain this: lower case matches any case, `!` in front means rows that do not."""

    @dataclass
    class RowHighlighted(Message):
        """The cursor came to a row (None: there are no rows shown)."""

        table: VirtualTable[Any]
        row: Any | None
        key: Hashable | None

        @property
        def control(self) -> VirtualTable[Any]:
            return self.table

    @dataclass
    class RowSelected(Message):
        """Enter or a second click on the row under the cursor."""

        table: VirtualTable[Any]
        row: Any
        key: Hashable

        @property
        def control(self) -> VirtualTable[Any]:
            return self.table

    @dataclass
    class MarksChanged(Message):
        table: VirtualTable[Any]
        count: int

        @property
        def control(self) -> VirtualTable[Any]:
            return self.table

    @dataclass
    class ViewChanged(Message):
        """What is shown changed: a filter, an order, or new rows. For a line such as `12 of 340`."""

        table: VirtualTable[Any]
        shown: int
        total: int

        @property
        def control(self) -> VirtualTable[Any]:
            return self.table

    # -- what is in it

    @property
    def rows(self) -> Sequence[Row]:
        """All rows, in the order they were given."""
        return self._view.rows

    @property
    def shown(self) -> int:
        """How many rows pass the filter."""
        return len(self._view)

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor, None when no row is shown."""
        return self._view[self._cursor] if len(self._view) else None

    @property
    def cursor_key(self) -> Hashable | None:
        """The identity of the row under the cursor, None when no row is shown."""
        return self._cursor_key

    @property
    def cursor_line(self) -> int:
        """The cursor's place among the rows shown, from 0."""
        return self._cursor

    @property
    def marks(self) -> frozenset[Hashable]:
        """Identities of the marked rows, shown or not."""
        return frozenset(self._marks)

    @property
    def marked_rows(self) -> list[Row]:
        """The marked rows in the order they were given; those that the filter hides too."""
        return [row for row in self._view.rows if self._identity(row) in self._marks]

    @property
    def order(self) -> tuple[str, bool]:
        """`(column key, descending)`; the key is empty for the order as given."""
        return self._view.order

    def update(self, rows: Sequence[Row]) -> None:
        """Show other rows. Cursor and marks stay with their rows, the cursor stays on its screen line, and only lines
        that look different are painted. The sequence is kept, not copied: do not change it afterwards."""
        line_on_screen = self._cursor - self.scroll_offset.y
        before = self._drawn_texts()
        self._view.replace(rows)
        if self._marks:
            self._marks &= {self._identity(row) for row in rows}
        self._settle(line_on_screen, before)
        self._tell_view()

    def watch_filter(self, text: str) -> None:
        line_on_screen = self._cursor - self.scroll_offset.y
        self._view.filter(text)
        self._settle(line_on_screen, None)
        self._tell_view()

    def prepare_filter(self) -> None:
        """Build what a filter searches ahead of its first key (20 ms for 100,000 rows)."""
        self._view.prepare()

    def sort(self, key: str, *, descending: bool = False) -> None:
        """Order the rows by a column; an empty key gives the order they came in."""
        if key and key not in self._position_of:
            raise KeyError(key)
        line_on_screen = self._cursor - self.scroll_offset.y
        self._view.sort(key, descending)
        self._settle(line_on_screen, None)
        self._tell_view()

    def toggle_sort(self, key: str) -> None:
        """Ascending, then descending, then as given."""
        now, descending = self._view.order
        if now != key:
            self.sort(key)
        elif not descending:
            self.sort(key, descending=True)
        else:
            self.sort("")

    # -- the cursor

    def move_to(self, key: Hashable) -> bool:
        """Put the cursor on a row by identity; False when it is not shown."""
        line = self._find(key)
        if line is None:
            return False
        self._move(line)
        return True

    def action_cursor(self, step: int) -> None:
        self._anchor = None
        self._move(self._cursor + step)

    def action_page(self, direction: int) -> None:
        self._anchor = None
        page = max(1, self._page_height)
        self.jump(self.scroll_offset.y + direction * page)
        self._move(self._cursor + direction * page)

    def action_first(self) -> None:
        self._anchor = None
        self._move(0)

    def action_last(self) -> None:
        self._anchor = None
        self._move(len(self._view) - 1)

    def action_select(self) -> None:
        row = self.cursor_row
        if row is not None:
            self.post_message(self.RowSelected(self, row, self._identity(row)))

    # -- marks

    def action_mark(self) -> None:
        """Mark or unmark the row under the cursor, then go one down."""
        self._anchor = None
        if self._cursor_key is not None:
            self._set_marks(self._marks ^ {self._cursor_key})
            self._move(self._cursor + 1)

    def action_mark_range(self, step: int) -> None:
        """Extend a run of marks from where it began to the next row."""
        if not len(self._view):
            return
        if self._anchor is None:
            self._anchor = self._cursor
        self._move(self._cursor + step)
        first, last = sorted((self._anchor, self._cursor))
        self._set_marks(self._marks | {self._identity(self._view[line]) for line in range(first, last + 1)})

    def action_mark_all(self) -> None:
        """Mark every row that is shown."""
        self._set_marks(self._marks | set(map(self._identity, self._view)))

    def action_invert_marks(self) -> None:
        """Swap marked and unmarked among the rows that are shown."""
        self._set_marks(self._marks ^ set(map(self._identity, self._view)))

    def clear_marks(self) -> None:
        self._set_marks(set())

    def _set_marks(self, marks: Iterable[Hashable]) -> None:
        marks = set(marks)
        if marks == self._marks:
            return
        self._marks = marks
        self._strips.clear()
        self.refresh()
        self.post_message(self.MarksChanged(self, len(marks)))

    # -- placing

    def _find(self, key: Hashable | None) -> int | None:
        """The line of a row: looked for where it was, then everywhere."""
        view, identity = self._view, self._identity
        if self._cursor < len(view) and identity(view[self._cursor]) == key:
            return self._cursor
        return next((line for line, row in enumerate(view) if identity(row) == key), None)

    def _settle(self, line_on_screen: int, before: list[tuple[str, ...]] | None) -> None:
        """Put the cursor back on its row after the view changed, on the same line of the screen where possible."""
        self._anchor = None
        self._strips.clear()
        old_key = self._cursor_key
        scrolled = self.scroll_offset.y
        self.set_height(len(self._view) + 1)
        line = self._find(old_key) if old_key is not None else None
        self._cursor = max(0, min(self._cursor, len(self._view) - 1)) if line is None else line
        self._cursor_key = self._identity(self._view[self._cursor]) if len(self._view) else None
        if self.is_mounted:
            self.jump(self._cursor - line_on_screen)
            self._show_cursor()
        self._repaint(before if self.scroll_offset.y == scrolled else None)
        if self._cursor_key != old_key:
            self.post_message(self.RowHighlighted(self, self.cursor_row, self._cursor_key))

    def _move(self, line: int) -> None:
        if not len(self._view):
            return
        line = max(0, min(line, len(self._view) - 1))
        if line != self._cursor:
            old, self._cursor = self._cursor, line
            self._cursor_key = self._identity(self._view[line])
            self._refresh_row(old)
            self._refresh_row(line)
            self.post_message(self.RowHighlighted(self, self.cursor_row, self._cursor_key))
        self._show_cursor()

    def _show_cursor(self) -> None:
        top = self.scroll_offset.y
        page = max(1, self._page_height)
        if self._cursor < top:
            self.jump(self._cursor)
        elif self._cursor >= top + page:
            self.jump(self._cursor - page + 1)

    def _repaint(self, before: list[tuple[str, ...]] | None) -> None:
        if before is None:
            self.refresh()
            return
        top = self.scroll_offset.y
        after = self._drawn_texts()
        if not after or not before:
            self.refresh()
            return
        for y in range(max(len(before), len(after))):
            if before[y : y + 1] != after[y : y + 1]:
                self._refresh_row(top + y)

    def _tell_view(self) -> None:
        self.post_message(self.ViewChanged(self, len(self._view), len(self._view.rows)))

    # -- drawing

    def on_mount(self) -> None:
        self.set_height(len(self._view) + 1)

    def on_resize(self) -> None:
        self._strips.clear()
        self.set_height(len(self._view) + 1)
        self._show_cursor()

    def watch_has_focus(self, _focused: bool) -> None:
        super().watch_has_focus(_focused)
        self._strips.clear()
        self._refresh_row(self._cursor)

    def on_click(self, event: events.Click) -> None:
        x, y = event.get_content_offset_capture(self)
        if y < 1:
            column = column_at(self.columns, self.size.width, x)
            if column is not None:
                self.toggle_sort(column.key)
            return
        line = self.scroll_offset.y + y - 1
        if line >= len(self._view):
            return
        self._anchor = None
        if line == self._cursor:
            self.action_select()
        else:
            self._move(line)


__all__ = ["Column", "VirtualTable"]
