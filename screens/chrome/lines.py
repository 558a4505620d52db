"""Text of a few lines that changes often and seldom grows."""

from __future__ import annotations

from textual.content import Content
from textual.visual import VisualType
from textual.widgets import Static


class Lines(Static):
    """A Static that is laid out anew only when its height changes, and not drawn again for the same text.

    A layout of the whole screen for each key would cost three times the key itself.
    """

    _shown: Content | None = None
    _fits: tuple[int, int] | None = None
    """Width and height of what is shown."""

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        if not isinstance(content, Content):
            self._shown = self._fits = None
            super().update(content, layout=layout)
            return
        if self._shown is not None and content.is_same(self._shown):
            return
        width = self.content_size.width
        # Textual calls it so itself.
        fits = (width, content.get_height(self.styles, width)) if width else None  # type: ignore[arg-type]
        grown = fits is None or fits != self._fits
        self._shown, self._fits = content, fits
        super().update(content, layout=layout and grown)
        if self.is_attached:
            # Now, not when this widget is idle: so it is in the same frame as what it is about.
            self._check_refresh()
