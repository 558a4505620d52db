"""Text measured and cut in terminal cells, and drawn lines made of it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from console.visible import pieces, visible

ELLIPSIS = "…"


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells; what is cut ends in `…`."""
    if text.isascii():
        if len(text) <= width:
            return text
        return text[: width - 1] + ELLIPSIS if width > 0 else ""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    used = 0
    for position, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > width - 1:
            return text[:position] + ELLIPSIS
    return text


def fit(text: str, width: int, align: Literal["left", "right"] = "left") -> str:
    """The text in exactly `width` cells: cut with `…`, or padded."""
    text = cut(text, width)
    padding = " " * (width - (len(text) if text.isascii() else cell_len(text)))
    return padding + text if align == "right" else text + padding


MADE_VISIBLE = Style(reverse=True)


def made_parts(text: str, style: Style) -> list[tuple[str, Style]]:
    """Foreign text in runs: tokens that stand for hidden characters are in reverse video."""
    return [(shown, style + MADE_VISIBLE if made else style) for shown, made in pieces(text)]


def cell_parts(text: str, width: int, align: Literal["left", "right"], style: Style) -> list[tuple[str, Style]]:
    """Foreign text in exactly `width` cells, made visible, cut or padded."""
    shown = visible(text)
    fitted = fit(shown, width, align)
    if shown is text or shown == text:
        return [(fitted, style)]
    start = len(fitted) - len(fitted.lstrip(" ")) if align == "right" and len(shown) < len(fitted) else 0
    parts = [(fitted[:start], style)] if start else []
    for piece, piece_style in made_parts(text, style):
        end = min(start + len(piece), len(fitted))
        if end > start:
            parts.append((fitted[start:end], piece_style))
        start = end
    if start < len(fitted):
        parts.append((fitted[start:], style))
    return parts


def styled(parts: Iterable[tuple[str, Style]], width: int, rest: Style) -> Strip:
    """A line of exactly `width` cells; neighbours of one style become one segment."""
    segments: list[Segment] = []
    last: Style | None = None
    run = ""
    for text, style in parts:
        if style is last:
            run += text
            continue
        if run and last is not None:
            segments.append(Segment(run, last))
        run, last = text, style
    if run and last is not None:
        segments.append(Segment(run, last))
    strip = Strip(segments)
    if strip.cell_length > width:
        return strip.crop(0, width)
    return strip.extend_cell_length(width, rest)


def span_parts(shown: str, base: Style, spans: Iterable[tuple[int, int, Style]]) -> list[tuple[str, Style]]:
    """A text in runs, with styles laid over parts of it; later spans lie over earlier ones."""
    spans = [(max(0, start), min(end, len(shown)), style) for start, end, style in spans]
    bounds = sorted({0, len(shown), *(bound for start, end, _ in spans if start < end for bound in (start, end))})
    parts = []
    for first, last in pairwise(bounds):
        style = base
        for start, end, over in spans:
            if start <= first and last <= end:
                style += over
        parts.append((shown[first:last], style))
    return parts


def made_spans(text: str) -> tuple[str, list[tuple[int, int, Style]]]:
    """Foreign text made visible, and where its tokens are."""
    shown: list[str] = []
    spans: list[tuple[int, int, Style]] = []
    position = 0
    for piece, made in pieces(text):
        if made:
            spans.append((position, position + len(piece), MADE_VISIBLE))
        shown.append(piece)
        position += len(piece)
    return "".join(shown), spans
