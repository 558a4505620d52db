"""What goes to the terminal, last looks at it: nothing hidden leaves, and nothing that is there already is sent again.

Two parts, both installed by `LeanOutput`, a mixin for the App:

- `Backstop`, a line filter that takes out what slipped past `console.visible`.
- `TerminalShadow`, which remembers what the terminal shows, sends only the spans that changed, and lets the terminal
  scroll full-width lines itself (DECSTBM with IL/DL). `OPSCONSOLE_PLAIN_OUTPUT=1` turns it off.

This rests on Textual's private `App._display`, `App._filters`, `ChopsUpdate` and `LayoutUpdate`, which is why Textual
is pinned; tests/screens/test_output.py fails when any of them changes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from rich.cells import set_cell_size
from rich.console import Console, RenderableType
from rich.segment import Segment
from textual import events
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter

from console.visible import is_plain
from screens.shadow import TerminalShadow

if TYPE_CHECKING:
    from textual.screen import Screen

PLAIN_OUTPUT = "OPSCONSOLE_PLAIN_OUTPUT"
"""Environment variable: set to anything but 0 to send every frame as Textual renders it."""

_HARMLESS = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000\ue000-\uf8ff\u2800\ufe0f]")
_ODD = re.compile(r"[^ -~]")
_SAFE_LINK = re.compile(r"[!-~]*")


def _replacement(match: re.Match[str]) -> str:
    character = match[0]
    if is_plain(character) or _HARMLESS.match(character):
        return character
    return "�" * Segment(character).cell_length


class Backstop(LineFilter):
    """Deletes characters that could steer a terminal or hide; those with a width leave `�`, so that lines keep theirs.

    Links keep only printable ASCII targets.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [self._clean(segment) for segment in segments]

    def _clean(self, segment: Segment) -> Segment:
        text, style, control = segment
        if style is not None and style._link and not _SAFE_LINK.fullmatch(style._link):
            style = style.update_link(None)
            segment = Segment(text, style, control)
        if text.isascii() and text.isprintable():
            return segment
        cleaned = _ODD.sub(_replacement, text)
        if cleaned == text:
            return segment
        # A joiner hides the width of what follows it: deleting it must not make the line longer.
        return Segment(set_cell_size(cleaned, segment.cell_length), style, control)


class _Lean(CompositorUpdate):
    """An update of Textual's, rendered as the difference to what the terminal shows."""

    def __init__(self, update: ChopsUpdate | LayoutUpdate, shadow: TerminalShadow, width: int, height: int) -> None:
        self._update = update
        self._shadow = shadow
        self._size = (width, height)

    def render_segments(self, console: Console) -> str:
        return self._shadow.render(self._update, console, *self._size)


def plain_output_wanted(environ: os._Environ[str] | dict[str, str] = os.environ) -> bool:
    """Whether the user, or a terminal that knows nothing, asks for unfiltered output."""
    return environ.get(PLAIN_OUTPUT, "0") not in ("", "0") or environ.get("TERM", "dumb") in ("", "dumb", "unknown")


def terminal_scrolls() -> bool:
    """Whether terminfo says that this terminal has scroll regions and inserts and deletes lines as ECMA-48 does."""
    import curses

    try:
        curses.setupterm(fd=sys.__stdout__.fileno() if sys.__stdout__ else 1)
    except (curses.error, OSError, ValueError):
        return False
    wanted = {"csr": b"\x1b[%i%p1%d;%p2%dr", "il": b"\x1b[%p1%dL", "dl": b"\x1b[%p1%dM"}
    return all((curses.tigetstr(name) or b"").split(b"$<")[0] == text for name, text in wanted.items())


class LeanOutput(App[Any]):
    """Mixin for the App: `class OpsConsole(LeanOutput): …`. Call `redraw()` for ctrl+l."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._filters.append(Backstop())
        self.shadow: TerminalShadow | None = None
        """None when every frame is sent whole."""
        if not plain_output_wanted() and sys.platform != "win32":
            self.shadow = TerminalShadow(scroll=terminal_scrolls())
        self._after_frame: list[Callable[[], object]] = []

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, self._lean(renderable))
        if renderable is not None and not self._batch_count:
            waiting, self._after_frame = self._after_frame, []
            for callback in waiting:
                screen.call_after_refresh(callback)

    def after_frame(self, callback: Callable[[], object]) -> None:
        """Runs `callback` once the screen was sent: `call_after_refresh` alone does not wait for the first frame."""
        self._after_frame.append(callback)

    def _lean(self, renderable: RenderableType | None) -> RenderableType | None:
        if self.shadow is None or self._driver is None or renderable is None:
            return renderable
        if self._driver.is_inline or not isinstance(renderable, (ChopsUpdate, LayoutUpdate)):
            self.shadow.forget()
            return renderable
        # Textual declares its updates as no Rich renderable, and passes them as one.
        return cast("RenderableType", _Lean(renderable, self.shadow, *self.size))

    def forget_terminal(self) -> None:
        """Take nothing for granted about what the terminal shows."""
        if self.shadow is not None:
            self.shadow.forget()

    def redraw(self) -> None:
        """Paint everything again, as after a program wrote over the screen."""
        self.forget_terminal()
        self.screen.refresh(layout=True)
        self.refresh()

    def on_mount(self) -> None:
        self.app_suspend_signal.subscribe(self, lambda _: self.forget_terminal(), immediate=True)
        self.app_resume_signal.subscribe(self, lambda _: self.forget_terminal(), immediate=True)

    def on_resize(self, _event: events.Resize) -> None:
        self.forget_terminal()


__all__ = ["PLAIN_OUTPUT", "Backstop", "LeanOutput", "plain_output_wanted", "terminal_scrolls"]
