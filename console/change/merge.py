"""Three-way view of one text: what two people made of the same base. Lines only, no byte is lost. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum


class Side(Enum):
    """Who changed a stretch of lines."""

    NOBODY = "unchanged"
    MINE = "mine"
    THEIRS = "theirs"
    BOTH = "both alike"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Hunk:
    """A stretch of lines in its three forms, line ends included."""

    side: Side
    base: tuple[bytes, ...]
    mine: tuple[bytes, ...]
    theirs: tuple[bytes, ...]

    @property
    def merged(self) -> tuple[bytes, ...] | None:
        """The lines both would have; None for a conflict."""
        if self.side is Side.CONFLICT:
            return None
        return self.theirs if self.side is Side.THEIRS else self.mine


@dataclass(frozen=True, slots=True)
class Merge:
    hunks: tuple[Hunk, ...]

    @property
    def conflicts(self) -> tuple[Hunk, ...]:
        return tuple(hunk for hunk in self.hunks if hunk.side is Side.CONFLICT)

    def text(self) -> bytes | None:
        """The merged text; None while there are conflicts."""
        parts: list[bytes] = []
        for hunk in self.hunks:
            if hunk.merged is None:
                return None
            parts += hunk.merged
        return b"".join(parts)

    def marked(self) -> bytes:
        """The merged text, with conflicts between lines that no checker takes for content."""
        parts: list[bytes] = []
        for hunk in self.hunks:
            if hunk.merged is not None:
                parts += hunk.merged
                continue
            parts += [b"<<<<<<< mine\n", *_ended(hunk.mine), b"=======\n", *_ended(hunk.theirs), b">>>>>>> theirs\n"]
        return b"".join(parts)


def _ended(lines: tuple[bytes, ...]) -> list[bytes]:
    return [line if line.endswith(b"\n") else line + b"\n" for line in lines]


def lines_of(text: bytes) -> list[bytes]:
    """Lines with their ends; only LF ends a line, so that CR, NUL and the like stay where they are."""
    parts = text.split(b"\n")
    lines = [part + b"\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def merge(base: bytes, mine: bytes, theirs: bytes) -> Merge:
    """Where the two changed different places both changes stand; where they changed the same one it is a conflict.

    Changes that touch each other count as the same place. Joining `base`, `mine` or `theirs` of all hunks gives
    that text back.
    """
    old, left, right = lines_of(base), lines_of(mine), lines_of(theirs)
    hunks: list[Hunk] = []
    at = left_at = right_at = 0
    for start, left_start, right_start, length in [*_common(old, left, right), (len(old), len(left), len(right), 0)]:
        changed = (old[at:start], left[left_at:left_start], right[right_at:right_start])
        if any(changed):
            hunks.append(_hunk(*changed))
        if length:
            same = tuple(old[start : start + length])
            hunks.append(Hunk(Side.NOBODY, same, same, same))
        at, left_at, right_at = start + length, left_start + length, right_start + length
    return Merge(tuple(hunks))


def _hunk(base: list[bytes], mine: list[bytes], theirs: list[bytes]) -> Hunk:
    if mine == theirs:
        side = Side.BOTH
    elif mine == base:
        side = Side.THEIRS
    elif theirs == base:
        side = Side.MINE
    else:
        side = Side.CONFLICT
    return Hunk(side, tuple(base), tuple(mine), tuple(theirs))


def _common(old: list[bytes], left: list[bytes], right: list[bytes]) -> list[tuple[int, int, int, int]]:
    """Stretches that all three share, in order: (start in old, in left, in right, length)."""
    found: list[tuple[int, int, int, int]] = []
    lefts, rights = _matches(old, left), _matches(old, right)
    one = two = 0
    while one < len(lefts) and two < len(rights):
        left_old, left_new, left_length = lefts[one]
        right_old, right_new, right_length = rights[two]
        start = max(left_old, right_old)
        end = min(left_old + left_length, right_old + right_length)
        if start < end:
            found.append((start, left_new + start - left_old, right_new + start - right_old, end - start))
        if left_old + left_length < right_old + right_length:
            one += 1
        else:
            two += 1
    return found


def _matches(old: list[bytes], new: list[bytes]) -> list[tuple[int, int, int]]:
    """Matching blocks (start in old, in new, length); the common ends are found first, being most of it."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    blocks = [(0, 0, head)] if head else []
    for match in SequenceMatcher(None, middle_old, middle_new, autojunk=False).get_matching_blocks():
        if match.size:
            blocks.append((head + match.a, head + match.b, match.size))
    if tail:
        blocks.append((len(old) - tail, len(new) - tail, tail))
    return blocks
