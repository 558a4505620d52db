"""A scroll bar that makes a handful of strips for a move, where Textual styles every cell of it anew (2 ms a key)."""

from __future__ import annotations

from rich.style import Style
from textual.geometry import Region
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip


class QuickScrollBar(ScrollBar):
    """Textual's vertical scroll bar, one cell wide, drawn without boxes."""

    def render_lines(self, crop: Region) -> list[Strip]:
        bar = self.render()
        if not isinstance(bar, ScrollBarRender) or not isinstance(bar.style, Style) or self.size.width != 1:
            return super().render_lines(crop)
        style = bar.style
        if style.bgcolor is None or style.color is None:
            return super().render_lines(crop)
        segments = bar.render_bar(
            size=self.size.height,
            virtual_size=bar.virtual_size,
            window_size=bar.window_size,
            position=bar.position,
            back_color=style.bgcolor,
            bar_color=style.color,
        ).segments
        filters = self.get_line_filters()
        _, background = self.background_colors
        strips: dict[int, Strip] = {}
        for segment in segments:
            if id(segment) in strips:
                continue
            strip = Strip([segment], 1)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips[id(segment)] = strip
        drawn = [strips[id(segment)] for segment in segments]
        return drawn[crop.y : crop.bottom]
