"""Columns of a table, and how they share its width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

GUTTER = 3
"""Cells before the first column: the cursor's sign, the mark, and a space."""
GAP = 1
"""Cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column:
    key: str
    title: str
    width: int = 4
    """Cells; for a flexible column the least it shrinks to."""
    flex: int = 0
    """Share of the width that is left; 0 keeps the column at `width`."""
    align: Literal["left", "right"] = "left"


def widths(columns: Sequence[Column], table_width: int) -> tuple[int, ...]:
    """Cells of each column in a table of so many cells. What does not fit is cut off on the right."""
    left = max(0, table_width - GUTTER - sum(column.width for column in columns) - GAP * (len(columns) - 1))
    shares = sum(column.flex for column in columns)
    found = []
    for column in columns:
        extra = left * column.flex // shares if column.flex else 0
        left, shares = left - extra, shares - column.flex
        found.append(column.width + extra)
    return tuple(found)


def column_at(columns: Sequence[Column], table_width: int, x: int) -> Column | None:
    """The column under a cell of a line, None beside all of them."""
    start = GUTTER
    for column, width in zip(columns, widths(columns, table_width), strict=True):
        if start <= x < start + width:
            return column
        start += width + GAP
    return None
