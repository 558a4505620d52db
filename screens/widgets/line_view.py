"""What the table and the log share: lines drawn on demand, styles by name, a height that costs no layout."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget


class LineView(ScrollView, can_focus=True):
    """Base of widgets on Textual's line API. Subclasses draw in `render_line` and keep what they drew."""

    STYLE_PREFIX: ClassVar[str] = ""
    """Component classes are this and the name: `table--error`."""

    DEFAULT_CSS = """
    LineView {
        width: 1fr;
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    """

    _named_styles: dict[str, Style] | None = None

    def forget_strips(self) -> None:
        """Draw every line anew when it is next seen."""
        raise NotImplementedError

    def named_style(self, name: str) -> Style:
        """The style of a component class; of `base` with the widget's own colours, of others only what they set."""
        if self._named_styles is None:
            self._named_styles = {}
        style = self._named_styles.get(name)
        if style is None:
            component = self.STYLE_PREFIX + name
            style = self.rich_style if name == "base" else self.get_component_rich_style(component, partial=True)
            self._named_styles[name] = style
        return style

    def notify_style_update(self) -> None:
        self._named_styles = None
        self.forget_strips()
        super().notify_style_update()

    def set_height(self, lines: int) -> None:
        """Set the scrollable height. Textual would lay out the whole screen; only the scroll bar has to know."""
        size = Size(self.size.width, lines)
        if size == self.virtual_size:
            return
        self.set_reactive(Widget.virtual_size, size)
        self._refresh_scrollbars()
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.window_virtual_size = lines

    def jump(self, line: int) -> None:
        """Scroll so that a line is at the top, as far as there are lines; at once."""
        self.scroll_to(y=line, animate=False, immediate=True)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw without the cache of styled lines that boxes with borders and padding need."""
        if any(self.styles.gutter):
            return super().render_lines(crop)
        filters = self.get_line_filters()
        _, background = self.background_colors
        strips = []
        for y in crop.line_range:
            strip = self.render_line(y)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip)
        if crop.column_span != (0, self.size.width):
            first, last = crop.column_span
            strips = [strip.crop(first, last) for strip in strips]
        return strips
