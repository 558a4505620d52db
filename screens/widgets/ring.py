"""The last so many lines, those that match a filter, and where each is; no screen in it."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence


class Matcher:
    """Substring; lower case matches any case, `!` in front means lines that do not contain it."""

    def __init__(self, query: str = "") -> None:
        self.query = query
        self.inverse = query.startswith("!")
        self.needle = query[1:] if self.inverse else query
        self.folded = self.needle == self.needle.lower()

    def __call__(self, text: str) -> bool:
        found = self.needle in (text.lower() if self.folded else text)
        return found != self.inverse if self.needle else True


class Ring:
    """Lines by number: the first ever appended is 0, and numbers stay when old lines fall out."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._lines: deque[str] = deque(maxlen=capacity)
        self._first = 0
        self._matcher = Matcher()
        self._matching: list[int] | None = None

    @property
    def total(self) -> int:
        """Lines kept, shown or not."""
        return len(self._lines)

    @property
    def appended(self) -> int:
        """Lines ever appended."""
        return self._first + len(self._lines)

    @property
    def query(self) -> str:
        return self._matcher.query

    def __len__(self) -> int:
        return len(self._lines) if self._matching is None else len(self._matching)

    def number(self, row: int) -> int:
        """The number of the line in a row of what is shown."""
        return self._first + row if self._matching is None else self._matching[row]

    def row(self, number: int) -> int:
        """The row of a line, or of the next one that is shown."""
        if self._matching is None:
            return max(0, number - self._first)
        return bisect_left(self._matching, number)

    def text(self, number: int) -> str:
        return self._lines[number - self._first]

    def extend(self, lines: Sequence[str]) -> tuple[int, int]:
        """Append lines; returns how many shown lines came, and how many fell out at the top."""
        before = len(self)
        end = self._first + len(self._lines) + len(lines)
        self._lines.extend(lines)
        self._first = end - len(self._lines)
        if self._matching is None:
            return len(lines), before + len(lines) - len(self._lines)
        start = end - min(len(lines), len(self._lines))
        kept = lines[-len(self._lines) :] if len(self._lines) < len(lines) else lines
        found = [number for number, text in enumerate(kept, start) if self._matcher(text)]
        gone = bisect_left(self._matching, self._first)
        del self._matching[:gone]
        self._matching += found
        return len(found), gone

    def filter(self, query: str) -> None:
        self._matcher = Matcher(query)
        if not self._matcher.needle:
            self._matching = None
            return
        self._matching = self._search(self._matcher, enumerate(self._lines, self._first))

    def matching(self, query: str) -> list[int]:
        """Numbers of the shown lines that contain the query."""
        matcher = Matcher(query)
        if self._matching is None:
            return self._search(matcher, enumerate(self._lines, self._first))
        return self._search(matcher, zip(self._matching, map(self.text, self._matching), strict=True))

    @staticmethod
    def _search(matcher: Matcher, lines: Iterable[tuple[int, str]]) -> list[int]:
        needle = matcher.needle
        if matcher.inverse:
            return [number for number, text in lines if matcher(text)]
        if matcher.folded:
            return [number for number, text in lines if needle in text.lower()]
        return [number for number, text in lines if needle in text]

    def clear(self) -> None:
        self._first += len(self._lines)
        self._lines.clear()
        if self._matching is not None:
            self._matching.clear()
