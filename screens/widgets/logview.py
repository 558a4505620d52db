"""A log that is followed live: the last lines in a ring, drawn only where they are seen."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from console.visible import TAB_STOP, decode, visible
from screens.widgets.cells import fit, made_spans, span_parts, styled
from screens.widgets.line_view import LineView
from screens.widgets.ring import Ring

FLUSH_SECONDS = 0.05
MAX_DRAWN = 4096
"""Characters of one line that are looked at for drawing."""
SIDESTEP = 20
"""Cells that left and right move."""
MAX_STRIPS = 2048
"""Drawn lines kept for the next frame."""

Spans = Sequence[tuple[int, int, str]]
"""`(start, end, style name)` in the visible text; names as in `VirtualTable.cell_style`."""


class LogView(LineView):
    """Lines appended from any thread, shown at most twenty times a second and only when some came.

    Args:
        spans: Styles of one line, given its visible text; called for drawn lines only.
        capacity: Lines kept; the oldest fall out.
        empty: What is shown while there are no lines.
    """

    STYLE_PREFIX = "log--"

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--found",
        "log--match",
        "log--below",
        "log--empty",
        "log--good",
        "log--notice",
        "log--warning",
        "log--error",
        "log--muted",
        "log--accent",
    }

    DEFAULT_CSS = """
    LogView {
        overflow-y: scroll;
        & > .log--found { background: $primary-muted; }
        & > .log--match { text-style: reverse; }
        & > .log--below { background: $primary-muted; text-style: bold; }
        & > .log--empty { color: $text-muted; }
        & > .log--good { color: $text-success; }
        & > .log--notice { color: $text-primary; }
        & > .log--warning { color: $text-warning; }
        & > .log--error { color: $text-error; text-style: bold; }
        & > .log--muted { color: $text-muted; }
        & > .log--accent { color: $text-accent; }
        &:ansi > .log--below { text-style: reverse; }
        &:nocolor > .log--below { text-style: reverse; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_lines(-1)", "Up", show=False),
        Binding("down,j", "scroll_lines(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "scroll_pages(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "scroll_pages(1)", "Page down", show=False),
        Binding("home,g", "top", "First line", show=False),
        Binding("end,G", "bottom", "Last line", show=False),
        Binding("left", "sideways(-1)", "Left", show=False),
        Binding("right", "sideways(1)", "Right", show=False),
        Binding("f", "toggle_follow", "Follow", show=False),
        Binding("n", "next_match(1)", "Next match", show=False),
        Binding("N", "next_match(-1)", "Previous match", show=False),
    ]

    follow: reactive[bool] = reactive(True, repaint=False)
    """Keep the newest line in view."""
    filter: reactive[str] = reactive("", repaint=False)
    """Lines must contain this: lower case matches any case, `!` in front means lines that do not."""

    class _Arrived(Message, bubble=False):
        """Lines wait to be shown."""

    @dataclass
    class Appended(Message):
        """Lines were shown; `below` counts those that came while not following."""

        view: LogView
        total: int
        below: int

        @property
        def control(self) -> LogView:
            return self.view

    @dataclass
    class FollowChanged(Message):
        view: LogView
        follow: bool

        @property
        def control(self) -> LogView:
            return self.view

    def __init__(
        self,
        *,
        spans: Callable[[str], Spans] | None = None,
        capacity: int = 100_000,
        empty: str = "No lines yet.",
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self.empty = empty
        self.below = 0
        """Lines that came below while not following."""
        self.ring = Ring(capacity)
        self._spans = spans
        self._waiting: deque[list[str]] = deque()
        self._waiting_lines = 0
        self._lock = threading.Lock()
        self._announced = False
        self._flushed = 0.0
        self._shift = 0
        self._sought = ""
        self._found = -1
        self._strips: dict[int, Strip] = {}

    # -- lines come in

    def append(self, lines: Iterable[str | bytes]) -> int:
        """Add lines, from any thread. Returns how many wait to be shown: a reader pauses when that grows large."""
        batch = [decode(line).rstrip("\r\n") for line in lines]
        if not batch:
            return self._waiting_lines
        with self._lock:
            self._waiting.append(batch)
            self._waiting_lines += len(batch)
            announce, self._announced = not self._announced, True
        if announce and self.is_running:
            self.post_message(self._Arrived())
        return self._waiting_lines

    def on_mount(self) -> None:
        if self._announced:
            self._flush()

    def on_log_view__arrived(self) -> None:
        wait = FLUSH_SECONDS - (monotonic() - self._flushed)
        if wait > 0:
            self.set_timer(wait, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            batches = list(self._waiting)
            self._waiting.clear()
            self._waiting_lines = 0
            self._announced = False
        self._flushed = monotonic()
        came = gone = 0
        for batch in batches:
            new, lost = self.ring.extend(batch)
            came, gone = came + new, gone + lost
        if len(self._strips) > MAX_STRIPS:
            self._strips.clear()
        if not came and not gone:
            return
        self.set_height(len(self.ring))
        if self.follow:
            self._scroll_bottom()
        else:
            self.below += came
            if gone:
                self.jump(self.scroll_offset.y - gone)
        self.refresh()
        self.post_message(self.Appended(self, self.ring.total, self.below))

    def clear(self) -> None:
        """Drop every line."""
        self.ring.clear()
        self.below = 0
        self._renew()

    # -- filter, follow, search

    def watch_filter(self, query: str) -> None:
        top = self.ring.number(self.scroll_offset.y) if self.scroll_offset.y < len(self.ring) else -1
        self.ring.filter(query)
        self._renew()
        if not self.follow and top >= 0:
            self.jump(self.ring.row(top))

    def watch_follow(self, follow: bool) -> None:
        if follow:
            self.below = 0
            if self.is_mounted:
                self._scroll_bottom()
        if self.is_mounted:
            self.refresh()
            self.post_message(self.FollowChanged(self, follow))

    def search(self, text: str) -> bool:
        """Find the last line at or above the bottom of the screen that contains the text; False when none does."""
        self._sought = text
        self._found = -1
        self._strips.clear()
        self.refresh()
        return self._seek(-1, self.ring.number(self._bottom_row) + 1) if text and len(self.ring) else False

    def action_next_match(self, direction: int) -> bool:
        """Go to the next match below (1) or above (-1)."""
        if not self._sought or not len(self.ring):
            return False
        start = self._found if self._found >= 0 else self.ring.number(self._bottom_row)
        return self._seek(direction, start)

    def _seek(self, direction: int, start: int) -> bool:
        numbers = self.ring.matching(self._sought)
        wanted = [n for n in numbers if n > start] if direction > 0 else [n for n in numbers if n < start]
        if not wanted:
            return False
        self._found = wanted[0] if direction > 0 else wanted[-1]
        self.follow = False
        row = self.ring.row(self._found)
        height = self._height
        if not self.scroll_offset.y <= row < self.scroll_offset.y + height - 1:
            self.jump(row - height // 2)
        self._strips.clear()
        self.refresh()
        return True

    @property
    def found(self) -> str | None:
        """The line that the search is at, as it came."""
        return self.ring.text(self._found) if self.ring.row(self._found) < len(self.ring) and self._found >= 0 else None

    # -- moving

    @property
    def _height(self) -> int:
        return max(1, self.scrollable_content_region.height)

    @property
    def _bottom_row(self) -> int:
        return max(0, min(self.scroll_offset.y + self._height, len(self.ring)) - 1)

    def _scroll_bottom(self) -> None:
        self.jump(max(0, len(self.ring) - self._height))

    def action_scroll_lines(self, lines: int) -> None:
        target = self.scroll_offset.y + lines
        at_end = target >= len(self.ring) - self._height
        self.follow = at_end and (self.follow or lines > 0)
        if not self.follow:
            self.jump(target)

    def action_scroll_pages(self, pages: int) -> None:
        self.action_scroll_lines(pages * self._height)

    def action_top(self) -> None:
        self.follow = False
        self.jump(0)

    def action_bottom(self) -> None:
        self.follow = True

    def action_toggle_follow(self) -> None:
        self.follow = not self.follow

    def action_sideways(self, direction: int) -> None:
        self._shift = max(0, self._shift + direction * SIDESTEP)
        self._strips.clear()
        self.refresh()

    def on_mouse_scroll_up(self) -> None:
        self.follow = False

    # -- drawing

    def _renew(self) -> None:
        self._strips.clear()
        if not self.is_mounted:
            return
        self.set_height(len(self.ring))
        if self.follow:
            self._scroll_bottom()
        self.refresh()

    def on_resize(self) -> None:
        self._renew()

    def forget_strips(self) -> None:
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.named_style("base")
        if y == self._height - 1 and self.below and not self.follow:
            text = fit(f"▼ {self.below} new line{'s' if self.below > 1 else ''} below", width)
            return styled([(text, base + self.named_style("below"))], width, base)
        row = self.scroll_offset.y + y
        if row >= len(self.ring):
            text = self.empty if not self.ring.total else f"No line matches “{visible(self.filter)}”."
            shown = fit(text, width) if y == 0 and not len(self.ring) else ""
            return styled([(shown, base + self.named_style("empty"))], width, base)
        number = self.ring.number(row)
        strip = self._strips.get(number)
        if strip is None:
            strip = self._strips[number] = self._line_strip(number, base, width)
        return strip

    def _line_strip(self, number: int, base: Style, width: int) -> Strip:
        text = self.ring.text(number)
        drawn = text[:MAX_DRAWN] + "…" if len(text) > MAX_DRAWN else text
        shown, made = made_spans(drawn.expandtabs(TAB_STOP))
        named = self._spans(shown) if self._spans else ()
        spans = [(start, end, self.named_style(name)) for start, end, name in named]
        spans += made
        if self._sought:
            flags = re.IGNORECASE if self._sought == self._sought.lower() else 0
            match = self.named_style("match")
            spans += [(*found.span(), match) for found in re.finditer(re.escape(self._sought), shown, flags)]
        if number == self._found:
            base += self.named_style("found")
        parts = [("▸" if number == self._found else " ", base), *span_parts(shown, base, spans)]
        if not self._shift:
            return styled(parts, width, base)
        strip = styled(parts, width + self._shift, base)
        return strip.crop(self._shift, self._shift + width)
