"""The one door by which text from a host enters a widget."""

from __future__ import annotations

from textual.content import Content, Span
from textual.style import Style

from console.visible import pieces

MADE_VISIBLE = Style(reverse=True)
"""The look of a token, so that `<U+202E>` typed by somebody differs from a real one. Works without colours."""


def content(text: str | bytes, style: Style | str = "", *, multiline: bool = False) -> Content:
    """Foreign text as Content: never markup, nothing hidden, tokens in reverse video.

    With `multiline`, newlines stay and tabs become spaces.
    """
    shown: list[str] = []
    spans: list[Span] = []
    position = 0
    for piece, made in pieces(text, multiline=multiline):
        if made:
            spans.append(Span(position, position + len(piece), MADE_VISIBLE))
        shown.append(piece)
        position += len(piece)
    if style and position:
        spans.insert(0, Span(0, position, style))
    return Content("".join(shown), spans=spans)
