"""Colours of a zone file, one line at a time: what is visible is all that is ever looked at.

What one line hands to the next is small: how many parentheses are open, whether a string is, and
how far the entry has come.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from console.dns import tokens

OWNER = "owner"
TTL = "ttl"
CLASS = "class"
TYPE = "type"
DIRECTIVE = "directive"
STRING = "string"
COMMENT = "comment"
NUMBER = "number"
SERIAL = "serial"
ERROR = "error"

Span = tuple[int, int, str]
"""(start, end, kind) in characters of the line."""


class State(NamedTuple):
    """What an earlier line left open."""

    depth: int = 0
    """Open parentheses."""
    quoted: bool = False
    """A string that a backslash at its line's end carries on."""
    part: str = "start"
    """Of the entry that is open: `start`, `head` (TTL, class, type come), `rdata`, `soa`, `directive`."""
    word: int = 0
    """Words of the rdata so far."""


START = State()

_PIECE = re.compile(
    r"""
      (?P<blank>[ \t\r]+)
    | (?P<comment>;.*)
    | (?P<open>\() | (?P<close>\))
    | (?P<quoted>"(?:[^"\\]++|\\.)*+(?:(?P<shut>")|(?P<carry>\\?)))
    | (?P<word>(?:[^ \t\r;()"\\]++|\\.|\\)++)
    """,
    re.VERBOSE | re.DOTALL,
)
_REST_OF_STRING = re.compile(r'(?:[^"\\]++|\\.)*+(?:"|(?P<carry>\\?))', re.DOTALL)
_NUMBER = re.compile(r"\d[\dA-Fa-f.:]*|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")
_DIRECTIVES = ("$ORIGIN", "$TTL", "$INCLUDE", "$GENERATE", "$DATE")
_LONGEST = 100_000
"""Characters of one line that are looked at; nobody sees more."""


def spans(line: str, state: State = START) -> list[Span]:
    """What to colour in one line, given without its line end. `state` is what the line before left (`after`)."""
    return _read(line, state)[0]


def after(line: str, state: State = START) -> State:
    """The state that the next line starts with."""
    return _read(line, state)[1]


def carries(line: str) -> bool:
    """False for a line that leaves `START` behind whatever stands in it, as nearly all do; cheap."""
    return "(" in line or '"' in line


def state_before(lines: Sequence[str], index: int, known: dict[int, State] | None = None) -> State:
    """The state at the start of `lines[index]`, from the nearest earlier line in `known` (START at 0), which it feeds.

    Lines that cannot carry anything cost one look; a changed line k makes entries above k invalid: drop those.
    """
    known = {} if known is None else known
    start = max((at for at in known if at <= index), default=0)
    state = known.get(start, START)
    for at in range(start, index):
        line = lines[at]
        if state is not START or carries(line):
            state = after(line, state)
    known[index] = state
    return state


def _read(line: str, state: State) -> tuple[list[Span], State]:
    line = line[:_LONGEST]
    found: list[Span] = []
    depth, quoted, part, word = state
    position = 0
    if quoted:
        match = _REST_OF_STRING.match(line)
        position = match.end() if match else 0
        if position:
            found.append((0, position, STRING))
        quoted = bool(match and match["carry"])
    elif depth == 0:
        part, word = ("head" if line[:1] in (" ", "\t") else "start"), 0
    while position < len(line):
        match = _PIECE.match(line, position)
        if match is None:
            position += 1
            continue
        begin, position = position, match.end()
        kind = match.lastgroup
        if kind == "comment":
            found.append((begin, position, COMMENT))
        elif kind == "open":
            depth += 1
        elif kind == "close":
            if depth:
                depth -= 1
            else:
                found.append((begin, position, ERROR))
        elif kind == "quoted":
            quoted = bool(match["carry"])
            found.append((begin, position, STRING if quoted or match["shut"] else ERROR))
            word += 1
        elif kind == "word":
            colour, part, word = _word(match[0], part, word)
            if colour:
                found.append((begin, position, colour))
    if not depth and not quoted:
        return found, START
    return found, State(depth, quoted, part, word)


def _word(text: str, part: str, word: int) -> tuple[str, str, int]:
    """(kind or nothing, part that follows, words of rdata so far)"""
    if part == "start":
        if text.startswith("$"):
            return (DIRECTIVE if text.upper() in _DIRECTIVES else ERROR), "directive", 0
        return OWNER, "head", 0
    if part == "head":
        if tokens.ttl_seconds(text) is not None:
            return TTL, "head", 0
        if tokens.class_of(text):
            return CLASS, "head", 0
        if not tokens.is_type(text):
            return ERROR, "rdata", 0
        return TYPE, ("soa" if text.upper() == "SOA" else "rdata"), 0
    if part == "soa" and word == 2:
        return SERIAL, part, word + 1
    if part == "directive" and tokens.ttl_seconds(text) is not None:
        return TTL, part, word + 1
    return (NUMBER if _NUMBER.fullmatch(text) else ""), part, word + 1
