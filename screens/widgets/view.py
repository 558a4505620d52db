"""Rows as they are shown: an order and a filter over rows that stay where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


class View(Generic[Row]):
    """Indexes into rows. Without order and filter it costs nothing, however many rows there are."""

    def __init__(self, *, haystack: Callable[[Row], str], sort_key: Callable[[Row, str], Any]) -> None:
        self.rows: Sequence[Row] = ()
        self.order: tuple[str, bool] = ("", False)
        """`(column key, descending)`."""
        self.query = ""
        self._haystack = haystack
        self._sort_key = sort_key
        self._ordered: Sequence[int] = range(0)
        self._lines: Sequence[int] = range(0)
        self._texts: tuple[list[str], list[str]] | None = None
        """Each row's text as it is, and in lower case."""

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, line: int) -> Row:
        return self.rows[self._lines[line]]

    def __iter__(self) -> Iterator[Row]:
        return map(self.rows.__getitem__, self._lines)

    def replace(self, rows: Sequence[Row]) -> None:
        """Other rows, same order and filter."""
        self.rows = rows
        self._texts = None
        self._arrange()

    def sort(self, key: str, descending: bool) -> None:
        self.order = (key, descending)
        self._arrange()

    def filter(self, query: str) -> None:
        """Keep rows that contain the query; a longer query narrows what the shorter one left."""
        narrower = bool(self.query) and query.startswith(self.query) and not query.startswith("!")
        lines = self._lines if narrower else self._ordered
        self.query = query
        self._lines = self._matching(lines)

    def prepare(self) -> tuple[list[str], list[str]]:
        """Build the texts that are searched."""
        if self._texts is None:
            exact = [self._haystack(row) for row in self.rows]
            self._texts = (exact, [text.lower() for text in exact])
        return self._texts

    def _arrange(self) -> None:
        key, descending = self.order
        count = len(self.rows)
        if key:
            rows, sort_key = self.rows, self._sort_key
            keys = [sort_key(row, key) for row in rows]
            self._ordered = sorted(range(count), key=keys.__getitem__, reverse=descending)
        else:
            self._ordered = range(count)
        self._lines = self._matching(self._ordered)

    def _matching(self, lines: Sequence[int]) -> Sequence[int]:
        inverse = self.query.startswith("!")
        needle = self.query[1:] if inverse else self.query
        if not needle:
            return self._ordered
        exact, folded = self.prepare()
        texts = folded if needle == needle.lower() else exact
        if isinstance(lines, range):
            if inverse:
                return [line for line, text in enumerate(texts) if needle not in text]
            return [line for line, text in enumerate(texts) if needle in text]
        if inverse:
            return [line for line in lines if needle not in texts[line]]
        return [line for line in lines if needle in texts[line]]
