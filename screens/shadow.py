"""A memory of what the terminal shows, so that only differences are sent to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.console import Console
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.strip import Strip

Cells: TypeAlias = "str | tuple[str, ...]"
"""One entry a cell. A string where every character has one cell; else a tuple with `""` behind a wide character."""
Line: TypeAlias = "tuple[Cells, tuple[str, ...]]"
"""The cells, and the SGR parameters of each (after the link and `\\0`, where there is one)."""

UNKNOWN = "\0"
MIN_SCROLLED = 3
"""Fewer lines than this are not worth a scroll."""
SHORT_GAP = 5
"""Unchanged cells that cost no more to send again than to step over."""


class Unmeasurable(Exception):
    """A text whose cells terminals disagree about."""


@lru_cache(maxsize=8192)
def cells_of(text: str) -> Cells:
    """The text split into cells."""
    if text.isascii():
        return text
    if "\u200d" in text or "\ufe0f" in text:
        raise Unmeasurable(text)
    cells: list[str] = []
    for character in text:
        width = get_character_cell_size(character)
        if width == 0:
            if not cells:
                raise Unmeasurable(text)
            owner = -1 if cells[-1] else -2
            cells[owner] += character
        else:
            cells.append(character)
            if width == 2:
                cells.append("")
    return "".join(cells) if len(cells) == len(text) and all(map(len, cells)) else tuple(cells)


def _style_keys(strip: Strip, colors: ColorSystem) -> Iterator[tuple[Cells, str]]:
    for text, style, _ in strip:
        if not text:
            continue
        key = ""
        if style is not None:
            key = Strip.render_ansi(style, colors)
            if style.link:
                key = f"id={style.link_id};{style.link}\0{key}"
        yield cells_of(text), key


def _joined(first: Cells, second: Cells) -> Cells:
    if isinstance(first, str) and isinstance(second, str):
        return first + second
    return (*first, *second)


class _Frame:
    """The lines an update touches, as they will be."""

    def __init__(self, lines: list[Line], width: int) -> None:
        self._lines = lines
        self._width = width
        self.changed: dict[int, Line] = {}

    def put(self, x: int, y: int, strips: Iterable[Strip], colors: ColorSystem) -> None:
        """Write strips from a cell on, over what is there."""
        cells: Cells = ""
        styles: list[str] = []
        for strip in strips:
            for part, key in _style_keys(strip, colors):
                cells = _joined(cells, part)
                styles += [key] * len(part)
        room = max(0, self._width - x)
        if len(cells) > room:
            cells = cells[:room]
            del styles[room:]
        old_cells, old_styles = self.changed.get(y) or self._lines[y]
        end = x + len(cells)
        if x == 0 and end == self._width:
            self.changed[y] = (cells, tuple(styles))
        else:
            self.changed[y] = (
                _joined(_joined(old_cells[:x], cells), old_cells[end:]),
                (*old_styles[:x], *styles, *old_styles[end:]),
            )


class TerminalShadow:
    """Renders Textual's updates as the difference to what was sent before.

    Args:
        scroll: Use the terminal's own scrolling for lines that moved.
    """

    def __init__(self, *, scroll: bool = True) -> None:
        self.scroll = scroll
        self._size = (0, 0)
        self._lines: list[Line] = []

    def forget(self) -> None:
        """The next update is sent in full."""
        self._size = (0, 0)

    def render(self, update: ChopsUpdate | LayoutUpdate, console: Console, width: int, height: int) -> str:
        """Terminal sequences that bring a terminal of so many cells from what it shows to the update."""
        if self._size != (width, height):
            blank: Line = (UNKNOWN * width, ("",) * width)
            self._lines = [blank] * height
            self._size = (width, height)
        colors = console._color_system or ColorSystem.TRUECOLOR
        frame = _Frame(self._lines, width)
        try:
            if isinstance(update, LayoutUpdate):
                _put_layout(frame, update, colors)
            else:
                _put_chops(frame, update, colors)
        except (Unmeasurable, IndexError):
            self.forget()
            return update.render_segments(console)
        wanted = {y: line for y, line in frame.changed.items() if line != self._lines[y]}
        sent: list[str] = []
        if self.scroll and len(wanted) >= MIN_SCROLLED:
            self._scroll(wanted, sent, width)
        for y in sorted(wanted):
            _send_line(y, self._lines[y], wanted[y], sent)
            self._lines[y] = wanted[y]
        return "".join(sent)

    def _scroll(self, wanted: dict[int, Line], sent: list[str], width: int) -> None:
        """Let the terminal move lines that are only elsewhere now; `wanted` keeps what is left to send."""
        step = self._likely_step(wanted)
        if not step:
            return
        lines = self._lines
        moved = [y for y in wanted if 0 <= y + step < len(lines) and lines[y + step] == wanted[y]]
        top, bottom = min(moved) + min(0, step), max(moved) + max(0, step)
        blank: Line = (UNKNOWN * width, ("",) * width)
        block = lines[top : bottom + 1]
        fresh = [blank] * abs(step)
        block = block[step:] + fresh if step > 0 else fresh + block[:step]
        left = {}
        for y, shown in enumerate(block, top):
            target = wanted.get(y, lines[y])
            if target != shown:
                left[y] = target
        if len(left) >= sum(top <= y <= bottom for y in wanted):
            return
        for y in range(top, bottom + 1):
            wanted.pop(y, None)
        wanted.update(left)
        lines[top : bottom + 1] = block
        command = "M" if step > 0 else "L"
        sent.append(f"\x1b[{top + 1};{bottom + 1}r\x1b[{top + 1};1H\x1b[{abs(step)}{command}\x1b[r")

    def _likely_step(self, wanted: dict[int, Line]) -> int:
        places: dict[Line, list[int]] = {}
        for y, line in enumerate(self._lines):
            places.setdefault(line, []).append(y)
        votes = Counter(
            old - y for y, line in wanted.items() if len(places.get(line, ())) <= 2 for old in places.get(line, ())
        )
        votes.pop(0, None)
        if not votes:
            return 0
        step, count = votes.most_common(1)[0]
        return step if count >= MIN_SCROLLED else 0


def _put_layout(frame: _Frame, update: LayoutUpdate, colors: ColorSystem) -> None:
    for y, strips in enumerate(update.strips, update.region.y):
        frame.put(update.region.x, y, strips, colors)


def _put_chops(frame: _Frame, update: ChopsUpdate, colors: ColorSystem) -> None:
    """The same spans that ChopsUpdate.render_segments writes."""
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x > last or end <= first:
                continue
            if not (last > x >= first and end <= last):
                strip = strip.crop(0, min(end, last) - x)
            frame.put(x, y, (strip,), colors)


def _send_line(y: int, old: Line, new: Line, sent: list[str]) -> None:
    """Append what turns one line into the other."""
    simple = isinstance(old[0], str) and isinstance(new[0], str)
    spans = _changed_spans(old, new) if simple else _known_spans(new)
    for first, last in spans:
        sent.append(f"\x1b[{y + 1};{first + 1}H")
        _send_span(new, first, last, sent)


def _known_spans(line: Line) -> list[tuple[int, int]]:
    """Where the line is known: lines with wide characters are sent whole."""
    spans: list[tuple[int, int]] = []
    for x, cell in enumerate(line[0]):
        if cell == UNKNOWN:
            continue
        if spans and spans[-1][1] == x:
            spans[-1] = (spans[-1][0], x + 1)
        else:
            spans.append((x, x + 1))
    return spans


def _changed_spans(old: Line, new: Line) -> list[tuple[int, int]]:
    (old_cells, old_styles), (cells, styles) = old, new
    spans: list[tuple[int, int]] = []
    for x, (was, now, style_was, style) in enumerate(zip(old_cells, cells, old_styles, styles, strict=True)):
        if was == now and style_was == style:
            continue
        if spans:
            first, last = spans[-1]
            same_look = x == last or (x - last <= SHORT_GAP and len({*styles[last - 1 : x]}) == 1)
            if same_look and UNKNOWN not in cells[last:x]:
                spans[-1] = (first, x + 1)
                continue
        spans.append((x, x + 1))
    return spans


def _send_span(line: Line, first: int, last: int, sent: list[str]) -> None:
    cells, styles = line
    style = ""
    x = first
    while x < last:
        key = styles[x]
        end = x + 1
        while end < last and styles[end] == key:
            end += 1
        link, _, sgr = key.rpartition("\0")
        if sgr != style:
            sent.append(_transition(style, sgr))
            style = sgr
        if link:
            sent.append(f"\x1b]8;{link}\x1b\\")
        run = cells[x:end]
        sent.append(run if isinstance(run, str) else _with_positions(run, x))
        if link:
            sent.append("\x1b]8;;\x1b\\")
        x = end
    if style:
        sent.append("\x1b[0m")


def _with_positions(run: tuple[str, ...], x: int) -> str:
    """Cells with the column said again after each character a terminal might measure otherwise."""
    sent: list[str] = []
    for column, cell in enumerate(run, x):
        sent.append(cell)
        doubtful = len(cell) > 1 or (not cell and column > x)
        if doubtful and column + 1 < x + len(run) and run[column + 1 - x]:
            sent.append(f"\x1b[{column + 2}G")
    return "".join(sent)


@lru_cache(maxsize=4096)
def _transition(old: str, new: str) -> str:
    """The SGR sequence from one set of parameters to another: only the colours that differ, where that is enough."""
    if not new:
        return "\x1b[0m"
    if not old:
        return f"\x1b[{new}m"
    old_attributes, old_colors = _parsed(old)
    attributes, colors = _parsed(new)
    if old_attributes != attributes:
        return f"\x1b[0;{new}m"
    names = ("39", "49")
    changed = [(now or default) for was, now, default in zip(old_colors, colors, names, strict=True) if was != now]
    short = f"\x1b[{';'.join(changed)}m"
    return min(short, f"\x1b[0;{new}m", key=len)


def _parsed(sgr: str) -> tuple[tuple[str, ...], tuple[str, str]]:
    """Attributes, and the parameters of foreground and background (empty for none)."""
    attributes: list[str] = []
    colors = ["", ""]
    parameters = sgr.split(";")
    position = 0
    while position < len(parameters):
        code = int(parameters[position])
        size = 1
        if code in (38, 48):
            size = 5 if parameters[position + 1] == "2" else 3
        if 30 <= code <= 39 or 90 <= code <= 97:
            colors[0] = ";".join(parameters[position : position + size])
        elif 40 <= code <= 49 or 100 <= code <= 107:
            colors[1] = ";".join(parameters[position : position + size])
        else:
            attributes.append(parameters[position])
        position += size
    return tuple(attributes), (colors[0], colors[1])
