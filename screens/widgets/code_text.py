"""Text of an editor that gives back the bytes it was given, and whose keys cost nothing on long texts.

Textual's document splits lines at form feeds and U+2028, measures every line for each key, and its wrapped view
counts all lines for each line drawn. These three cost 48 ms a key at 10,000 lines; here nothing is wrapped.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

from rich.cells import cell_len, get_character_cell_size
from textual.document._document import Document, EditResult, Location
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Offset, Size

from console.visible import TAB_STOP, is_plain, token

_LINE_END = re.compile(r"\r\n|\n")


class Highlighter(Protocol):
    """What colours a line; `console.dns.highlight` is one."""

    def spans(self, line: str, state: Any) -> Sequence[tuple[int, int, str]]:
        """`(start, end, kind)` in characters of the line, which starts in a state."""

    def state_before(self, lines: Sequence[str], index: int, known: dict[int, Any] | None = None) -> Any:
        """The state at the start of a line; `known` keeps states by line and is fed."""


class Shown(NamedTuple):
    """A line as it is drawn: tabs as spaces, hidden characters as tokens."""

    text: str
    starts: tuple[int, ...] | None = None
    """Where each character of the line begins in `text`, and the end; None when all are as they were."""
    cells: tuple[int, ...] | None = None
    """The cell each character begins in, and the end; None when each has one cell."""
    made: tuple[tuple[int, int], ...] = ()
    """Spans of `text` that are tokens."""

    def start(self, column: int) -> int:
        """Where a character begins in `text`."""
        return column if self.starts is None else self.starts[min(column, len(self.starts) - 1)]

    def cell(self, column: int) -> int:
        """The cell in which a character begins."""
        return column if self.cells is None else self.cells[min(column, len(self.cells) - 1)]

    def column(self, cell: int) -> int:
        """The character that a cell belongs to; the line's length beyond its end."""
        if self.cells is None:
            return max(0, min(cell, len(self.text)))
        return max(0, min(bisect_right(self.cells, cell) - 1, len(self.cells) - 1))


@lru_cache(maxsize=2048)
def shown_line(line: str) -> Shown:
    if line.isascii() and line.isprintable():
        return Shown(line)
    pieces: list[str] = []
    starts, cells, made = [0], [0], []
    for character in line:
        if character == "\t":
            piece = " " * (TAB_STOP - cells[-1] % TAB_STOP)
            width = len(piece)
        elif is_plain(character):
            piece, width = character, get_character_cell_size(character)
        else:
            piece = token(character)
            width = cell_len(piece)
            made.append((starts[-1], starts[-1] + len(piece)))
        pieces.append(piece)
        starts.append(starts[-1] + len(piece))
        cells.append(cells[-1] + width)
    return Shown("".join(pieces), tuple(starts), tuple(cells), tuple(made))


def _width(line: str) -> int:
    return len(line) if line.isascii() and line.isprintable() else shown_line(line).cell(len(line))


class CodeDocument(Document):
    """Lines end at `\\n`, or at `\\r\\n` where all of them do; any other character belongs to its line."""

    def __init__(self, text: str) -> None:
        super().__init__("")
        ends = text.count("\n")
        self._newline = "\r\n" if ends and ends == text.count("\r\n") else "\n"
        self._lines = text.split(self._newline)
        self._widths = [_width(line) for line in self._lines]

    def get_size(self, tab_width: int) -> Size:
        return Size(max(self._widths), len(self._lines))

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        (top, top_column), (bottom, bottom_column) = sorted((start, end))
        replaced = self.get_text_range((top, top_column), (bottom, bottom_column))
        before = self._lines[top][:top_column] if top < len(self._lines) else ""
        after = self._lines[bottom][bottom_column:] if bottom < len(self._lines) else ""
        lines = _LINE_END.split(text) if self._newline == "\r\n" else text.split("\n")
        lines[0] = before + lines[0]
        column = len(lines[-1])
        lines[-1] += after
        self._lines[top : bottom + 1] = lines
        self._widths[top : bottom + 1] = map(_width, lines)
        return EditResult((top + len(lines) - 1, column), replaced)


class UnwrappedDocument(WrappedDocument):
    """A view in which every line of the document is one line of the screen, so that nothing has to be remembered."""

    def wrap(self, width: int, tab_width: int | None = None) -> None:
        """Nothing is ever wrapped."""

    def wrap_range(self, start: Location, old_end: Location, new_end: Location) -> None:
        """Nothing is ever wrapped."""

    @property
    def lines(self) -> list[list[str]]:
        return [[line] for line in self.document.lines]

    @property
    def height(self) -> int:
        return self.document.line_count

    def offset_to_location(self, offset: Offset) -> Location:
        row = max(0, min(offset.y, self.document.line_count - 1))
        return row, shown_line(self.document[row]).column(offset.x)

    def location_to_offset(self, location: Location) -> Offset:
        row = max(0, min(location[0], self.document.line_count - 1))
        return Offset(shown_line(self.document[row]).cell(location[1]), row)

    def get_target_document_column(self, line_index: int, x_offset: int, y_offset: int) -> int:
        return shown_line(self.document[line_index]).column(x_offset)

    def get_sections(self, line_index: int) -> list[str]:
        return [self.document[line_index]]

    def get_offsets(self, line_index: int) -> list[int]:
        if not 0 <= line_index < self.document.line_count:
            raise ValueError(f"no line {line_index} in {self.document.line_count}")
        return []

    def get_tab_widths(self, line_index: int) -> list[int]:
        shown = shown_line(self.document[line_index])
        spans = pairwise(shown.starts or range(len(self.document[line_index]) + 1))
        line = self.document[line_index]
        return [end - start for character, (start, end) in zip(line, spans, strict=True) if character == "\t"]
