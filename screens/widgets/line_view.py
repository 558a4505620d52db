"""What the table and the log share: lines drawn on demand, styles by name, a height that costs no layout."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from textual.widget import Widget

from screens.widgets.scroll_bar import QuickScrollBar


def component_style(widget: Widget, name: str) -> Style:
    """What a component class sets, blended with what lies under it: Textual's own partial styles lose transparency."""
    own = widget.get_component_styles(name)
    whole = widget.get_visual_style(name).rich_style
    colour = own.has_rule("color") or own.has_rule("auto_color")
    ground = own.has_rule("background") and own.background.a > 0
    return Style(color=whole.color if colour else None, bgcolor=whole.bgcolor if ground else None) + own.text_style


def drawn_lines(widget: Widget, crop: Region) -> list[Strip]:
    """The lines of a widget without the cache of styled lines that only boxes with borders or padding need."""
    if any(widget.styles.gutter):
        return Widget.render_lines(widget, crop)
    filters = widget.get_line_filters()
    _, background = widget.background_colors
    strips = []
    for y in crop.line_range:
        strip = widget.render_line(y)
        for line_filter in filters:
            strip = strip.apply_filter(line_filter, background)
        strips.append(strip)
    first, last = crop.column_span
    return strips if (first, last) == (0, widget.size.width) else [strip.crop(first, last) for strip in strips]


def set_scrolled_size(widget: Widget, size: Size) -> None:
    """Set what can be scrolled through. Textual would lay out the whole screen; only the scroll bars have to know."""
    if size == widget.virtual_size:
        return
    widget.set_reactive(Widget.virtual_size, size)
    widget._refresh_scrollbars()
    if widget.show_vertical_scrollbar:
        widget.vertical_scrollbar.window_virtual_size = size.height
    if widget.show_horizontal_scrollbar:
        widget.horizontal_scrollbar.window_virtual_size = size.width


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
            style = self.rich_style if name == "base" else component_style(self, component)
            self._named_styles[name] = style
        return style

    def notify_style_update(self) -> None:
        self._named_styles = None
        self.forget_strips()
        super().notify_style_update()

    def set_height(self, lines: int) -> None:
        """Say how many lines can be scrolled through."""
        set_scrolled_size(self, Size(self.size.width, lines))

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        if self._vertical_scrollbar is None:
            self._vertical_scrollbar = bar = QuickScrollBar(name="vertical", thickness=self.scrollbar_size_vertical)
            bar.display = False
            self.app._start_widget(self, bar)
        return self._vertical_scrollbar

    def jump(self, line: int) -> None:
        """Scroll so that a line is at the top, as far as there are lines; at once."""
        self.scroll_to(y=line, animate=False, immediate=True)

    def render_lines(self, crop: Region) -> list[Strip]:
        return drawn_lines(self, crop)
