"""Evidence: everything asked or run on this host, newest first, with its raw answer."""

from __future__ import annotations

from textual.content import Content

from console.evidence import Evidence
from screens.safe import content


def page(item: Evidence) -> Content:
    """One piece of evidence as a page to read."""
    when = item.when.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return Content.assemble(
        (f"{when}   {item.duration * 1000:.0f} ms   ", "dim"),
        content(item.outcome).stylize("bold"),
        "\n\n",
        ("ran\n", "dim"),
        content(item.command, multiline=True),
        "\n\n",
        ("answer\n", "dim"),
        content(item.output[:100_000], multiline=True) if item.output else Content.styled("(nothing)", "dim"),
    )


def pages(items: list[Evidence]) -> Content:
    """All evidence as one page, newest first."""
    if not items:
        return Content("Nothing has been asked of this host yet.")
    parts: list[Content] = []
    for item in items[:50]:
        parts.append(Content.assemble(("▌ ", "$accent"), content(item.title).stylize("bold")))
        parts.append(page(item))
        parts.append(Content(""))
    return Content("\n").join(parts)
