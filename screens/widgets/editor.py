"""An editor for configuration text: exact bytes, marks from findings, colours for what is seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.document._document import EditResult, Location, Selection
from textual.document._document_navigator import DocumentNavigator
from textual.document._edit import Edit
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widgets import TextArea

from console.findings import Finding, Severity
from console.visible import TAB_STOP, decode, visible
from screens.widgets.cells import MADE_VISIBLE, span_parts, styled
from screens.widgets.code_text import CodeDocument, Highlighter, Shown, UnwrappedDocument, shown_line
from screens.widgets.line_view import component_style, drawn_lines, set_scrolled_size

MAX_EDITED = 256 * 1024
"""Bytes; a larger text is shown read-only."""

SIGNS = {
    Severity.INFO: ("i", "muted"),
    Severity.NOTICE: ("•", "notice"),
    Severity.WARNING: ("▲", "warning"),
    Severity.ERROR: ("✖", "error"),
    Severity.CRITICAL: ("✖", "error"),
}
"""The glyph in the gutter and its style."""


class CodeEditor(TextArea):
    """Edits a text of up to 256 KB and gives back exactly the bytes it was given where they were not touched.

    Args:
        highlighter: Colours lines when they are drawn.
        looks: Style name for each kind the highlighter knows: `good`, `notice`, `warning`, `error`, `muted`, `accent`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "code--good",
        "code--notice",
        "code--warning",
        "code--error",
        "code--muted",
        "code--accent",
        "code--match",
    }

    DEFAULT_CSS = """
    CodeEditor {
        border: none;
        padding: 0;
        scrollbar-size: 1 1;
        &:focus { border: none; }
        & > .code--good { color: $text-success; }
        & > .code--notice { color: $text-primary; }
        & > .code--warning { color: $text-warning; }
        & > .code--error { color: $text-error; text-style: bold; }
        & > .code--muted { color: $text-muted; }
        & > .code--accent { color: $text-accent; }
        & > .code--match { text-style: reverse; }
        &:nocolor > .text-area--selection { text-style: reverse; }
        &:nocolor > .text-area--cursor { text-style: reverse; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "next_match(1)", "Next match", show=False),
        Binding("shift+f3", "next_match(-1)", "Previous match", show=False),
        Binding("f8", "next_mark(1)", "Next finding", show=False),
        Binding("shift+f8", "next_mark(-1)", "Previous finding", show=False),
    ]

    def __init__(
        self,
        content: str | bytes = b"",
        *,
        highlighter: Highlighter | None = None,
        looks: Mapping[str, str] | None = None,
        read_only: bool = False,
    ) -> None:
        self._highlighter = highlighter
        self._looks = dict(looks or {})
        self._states: dict[int, Any] = {}
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._named_styles: dict[str, Style] = {}
        self._marks: dict[int, tuple[Finding, ...]] = {}
        self._saved: list[str] = [""]
        self._sought = ""
        self._height = 0
        self._wanted_read_only = read_only
        self.refusal = ""
        """Why this text cannot be edited here; empty when it can."""
        super().__init__(soft_wrap=False, show_line_numbers=True, tab_behavior="indent", read_only=read_only)
        self.set_reactive(TextArea.indent_width, TAB_STOP)
        self.set_reactive(TextArea.cursor_blink, False)
        self.indent_type = "tabs"
        self.load(content)

    def on_resize(self) -> None:
        """A view that gets lower, such as for an error under it, keeps the cursor's line if it showed it."""
        row, top = self.cursor_location[0], round(self.scroll_y)
        if top + self.size.height <= row < top + self._height:
            self.call_after_refresh(self.scroll_cursor_visible)
        self._height = self.size.height

    # -- the text

    def load(self, content: str | bytes) -> None:
        """Show another text, as saved. Above 256 KB it is read-only and `refusal` says why."""
        text = decode(content)
        size = len(text.encode("utf-8", "surrogateescape"))
        self.refusal = (
            f"This text has {size // 1024} KB; the editor takes up to {MAX_EDITED // 1024} KB."
            if size > MAX_EDITED
            else ""
        )
        self.read_only = self._wanted_read_only or bool(self.refusal)
        self._marks = {}
        self.load_text(text)
        self.mark_saved()

    def to_bytes(self) -> bytes:
        """The text as it is now, in the bytes it came in."""
        return self.document.text.encode("utf-8", "surrogateescape")

    @property
    def modified(self) -> bool:
        """Whether the text differs from what was loaded or last marked as saved."""
        return self.document.lines != self._saved

    def mark_saved(self) -> None:
        """Take the present text as the saved one."""
        self._saved = list(self.document.lines)

    def _set_document(self, text: str, language: str | None) -> None:
        self.document = CodeDocument(text)
        self.wrapped_document = UnwrappedDocument(self.document)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._states = {}
        self._build_highlight_map()
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    def edit(self, edit: Edit) -> EditResult:
        lines = self.document.line_count
        self._forget_states(edit.top[0])
        result = super().edit(edit)
        self._shift_marks(edit.top[0], self.document.line_count - lines)
        return result

    def _undo_batch(self, edits: Sequence[Edit]) -> None:
        self._forget_states(min((edit.top[0] for edit in edits), default=0))
        super()._undo_batch(edits)

    def _redo_batch(self, edits: Sequence[Edit]) -> None:
        self._forget_states(min((edit.top[0] for edit in edits), default=0))
        super()._redo_batch(edits)

    def _forget_states(self, row: int) -> None:
        for known in [known for known in self._states if known > row]:
            del self._states[known]

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """None: Textual's search walks the whole text for a bracket that has no partner."""
        return None

    def _refresh_size(self) -> None:
        width, height = self.document.get_size(TAB_STOP)
        set_scrolled_size(self, Size(width + self.gutter_width + 1, height))
        self.refresh()

    def get_column_width(self, row: int, column: int) -> int:
        return shown_line(self.document[row]).cell(column)

    def cell_width_to_column_index(self, cell_width: int, row_index: int) -> int:
        return shown_line(self.document[row_index]).column(cell_width)

    # -- keys that Textual's editor would take otherwise

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "escape":  # leaves the editor by the screen's own binding, not by changing the focus
            event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        result = self._replace_via_keyboard(text, *self.selection)
        if result is not None:
            self.move_cursor(result.end_location)

    def action_copy(self) -> None:
        if self.selected_text:
            self.app.copy_to_clipboard(_for_clipboard(self.selected_text))

    def action_cut(self) -> None:
        if self.read_only:
            return
        start, end = self.selection
        result = self._delete_cursor_line() if start == end else self._delete_via_keyboard(start, end)
        if result is not None:
            self.app.copy_to_clipboard(_for_clipboard(result.replaced_text))

    # -- findings

    def set_marks(self, findings: Iterable[Finding]) -> None:
        """Show findings beside the lines they are about; those without a line are left out."""
        marks: dict[int, tuple[Finding, ...]] = {}
        for finding in findings:
            if finding.where.line:
                row = finding.where.line - 1
                marks[row] = (*marks.get(row, ()), finding)
        self._marks = marks
        self.refresh()

    def findings_at(self, line: int) -> tuple[Finding, ...]:
        """What is wrong with a line (from 1), the worst first."""
        return tuple(sorted(self._marks.get(line - 1, ()), key=lambda finding: -finding.severity))

    @property
    def note(self) -> str:
        """What the line under the cursor is told, safe to show; empty when nothing."""
        found = self.findings_at(self.cursor_location[0] + 1)
        return "; ".join(f"{finding.severity.name.lower()}: {visible(finding.why)}" for finding in found)

    def _shift_marks(self, row: int, lines: int) -> None:
        if lines and self._marks:
            self._marks = {max(row, at + lines) if at > row else at: found for at, found in self._marks.items()}

    def action_next_mark(self, direction: int) -> bool:
        """Go to the next line with a finding below (1) or above (-1), around the ends of the text."""
        row = self.cursor_location[0]
        rows = sorted(at for at in self._marks if at < self.document.line_count)
        if not rows:
            return False
        ahead = [at for at in rows if at > row] if direction > 0 else [at for at in reversed(rows) if at < row]
        self.go_to((ahead or rows[:: 1 if direction > 0 else -1])[0] + 1)
        return True

    # -- going places

    def go_to(self, line: int) -> None:
        """Put the cursor at the start of a line, counted from 1."""
        self.move_cursor((max(0, min(line, self.document.line_count) - 1), 0), center=True)

    def search(self, text: str) -> bool:
        """Go to the first match at or after the cursor; lower case matches any case. False when there is none."""
        self._sought = text
        self.refresh()
        return bool(text) and self._seek(1, self.selection.start)

    def action_next_match(self, direction: int) -> bool:
        """Go to the next match below (1) or above (-1), around the ends of the text."""
        if not self._sought:
            return False
        return self._seek(direction, self.selection.end if direction > 0 else self.selection.start)

    def _seek(self, direction: int, start: Location) -> bool:
        row, column = start
        count = self.document.line_count
        for step in range(count + 1):
            at = (row + direction * step) % count
            found = [match.span() for match in self._matches(self.document[at])]
            if step == 0:
                found = [span for span in found if (span[0] >= column if direction > 0 else span[0] < column)]
            if found:
                first, last = found[0] if direction > 0 else found[-1]
                self.selection = Selection((at, first), (at, last))
                self.scroll_cursor_visible(center=True)
                return True
        return False

    def _matches(self, line: str) -> Iterable[re.Match[str]]:
        flags = re.IGNORECASE if self._sought == self._sought.lower() else 0
        return re.finditer(re.escape(self._sought), line, flags) if self._sought else ()

    # -- drawing

    def notify_style_update(self) -> None:
        self._named_styles.clear()
        self._strips.clear()
        super().notify_style_update()

    def _style(self, name: str) -> Style:
        style = self._named_styles.get(name)
        if style is None:
            style = self.rich_style if name == "base" else component_style(self, name)
            self._named_styles[name] = style
        return style

    def render_lines(self, crop: Region) -> list[Strip]:
        return drawn_lines(self, crop)

    def render_line(self, y: int) -> Strip:
        scroll_x, scroll_y = self.scroll_offset
        row = scroll_y + y
        if row >= self.document.line_count:
            return Strip.blank(self.size.width, self._style("base"))
        line = self.document[row]
        state = self._state(row)
        cursor_row, cursor_column = self.selection.end
        cursor = cursor_column if row == cursor_row else -1
        key = (
            row,
            line,
            state,
            cursor,
            cursor >= 0 and self._draw_cursor,
            self._selected(row, len(line)),
            self._marks.get(row),
            self._sought,
            scroll_x,
            self.size.width,
            self.gutter_width,
        )
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) > 1024:
                self._strips.clear()
            strip = self._strips[key] = self._line_strip(row, line, state)
        return strip

    def _state(self, row: int) -> Any:
        if self._highlighter is None:
            return None
        if row in self._states:
            return self._states[row]
        return self._highlighter.state_before(self.document.lines, row, self._states)

    def _selected(self, row: int, length: int) -> tuple[int, int] | None:
        """Columns of a line that are selected."""
        start, end = sorted(self.selection)
        if start == end or not start[0] <= row <= end[0]:
            return None
        return (start[1] if row == start[0] else 0, end[1] if row == end[0] else length)

    def _line_strip(self, row: int, line: str, state: Any) -> Strip:
        shown = shown_line(line)
        cursor_row, cursor_column = self.selection.end
        base = self._style("base")
        if row == cursor_row:
            base += self._style("text-area--cursor-line")
        spans = self._line_spans(row, line, state, shown)
        text = shown.text
        if row == cursor_row and self._draw_cursor:
            at = shown.start(cursor_column)
            text += " "
            after = shown.start(cursor_column + 1) if cursor_column < len(line) else at + 1
            spans.append((at, after, self._style("text-area--cursor")))
        width = self.size.width - self.gutter_width
        scroll_x = self.scroll_offset.x
        if shown.cells is None:  # one cell a character: only what is seen has to be put together
            spans = [(start - scroll_x, end - scroll_x, style) for start, end, style in spans]
            body = styled(span_parts(text[scroll_x : scroll_x + width], base, spans), width, base)
        else:
            body = styled(span_parts(text, base, spans), scroll_x + width, base).crop(scroll_x, scroll_x + width)
        return Strip.join([self._gutter(row, cursor_row), body])

    def _line_spans(self, row: int, line: str, state: Any, shown: Shown) -> list[tuple[int, int, Style]]:
        found = self._highlighter.spans(line, state) if self._highlighter else ()
        spans = [
            (shown.start(start), shown.start(end), self._style(f"code--{self._looks[kind]}"))
            for start, end, kind in found
            if kind in self._looks
        ]
        spans += [(start, end, MADE_VISIBLE) for start, end in shown.made]
        match_style = self._style("code--match")
        spans += [(shown.start(m.start()), shown.start(m.end()), match_style) for m in self._matches(line)]
        selected = self._selected(row, len(line))
        if selected is not None:
            spans.append((shown.start(selected[0]), shown.start(selected[1]), self._style("text-area--selection")))
        return spans

    def _gutter(self, row: int, cursor_row: int) -> Strip:
        style = self._style("base") + self._style(
            "text-area--cursor-gutter" if row == cursor_row else "text-area--gutter"
        )
        found = self.findings_at(row + 1)
        sign, look = SIGNS[found[0].severity] if found else (" ", "")
        parts = [(sign, style + self._style(f"code--{look}") if look else style)]
        parts.append((f"{row + 1:>{self.gutter_width - 2}} ", style))
        return styled(parts, self.gutter_width, style)


def _for_clipboard(text: str) -> str:
    """Text without hidden characters; newlines and tabs stay."""
    return "".join(part if part in "\n\t" else visible(part) for part in re.split(r"([\n\t])", text))
