"""What the bench says: one row a budget, the anchor measured beside it, and a verdict. A miss is never hidden."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"

BESIDE = """\
Beside it: bare Textual, `python -c`, DataTable's opening, named-checkzone and `ssh` were measured in the same run; the
other figures were taken earlier on such a machine at rest. Round trips: through a proxy that delays by 100 ms."""


@dataclass(frozen=True, slots=True)
class Row:
    """One budget."""

    what: str
    budget: str
    measured: str
    anchor: str = ""
    """What it is to be seen against: another program measured in the same run, or a figure of the reference."""
    good: bool | None = None
    """None: there is no budget, the figure is only told."""

    @property
    def verdict(self) -> str:
        return {True: "✔", False: "✖", None: "·"}[self.good]


def conditions() -> str:
    """When and on what it ran; a loaded machine makes wall clock figures worse."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{when}, Python {platform.python_version()}, {os.cpu_count()} cores, load {load}"


def table(rows: Sequence[Row]) -> str:
    """For a terminal."""
    titles = ("what", "budget", "measured", "anchor")
    cells = [titles, *((row.what, row.budget, row.measured, row.anchor) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    verdicts = (" ", *(row.verdict for row in rows))
    return "\n".join(
        f"{verdict} " + "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for verdict, line in zip(verdicts, cells, strict=True)
    )


HEADLINES = (
    "first frame, `opsconsole`",
    "first frame, `opsconsole sandbox`",
    "memory at the first frame",
    "idle 10 s, zone list",
    "zones screen, 100,000 rows, 80×24: key in view",
    "zones screen, 100,000 rows, 80×24: key that scrolls",
    "zones screen, 100,000 rows, 80×24: filter key",
    "editor, 10,000 lines: typing",
    "zone of 100,000 records: lossless parse",
    "connect and first data",
    "refresh of 20 zones and their served serials",
    "save: checked, written, reloaded, served",
)
"""The rows that the README shows; the others are in docs/bench.md, missed ones too."""


def headlines(rows: Sequence[Row], told: str) -> str:
    """For the README: some rows, and how many budgets of all are met."""
    judged = [row for row in rows if row.good is not None]
    met = sum(1 for row in judged if row.good)
    shown = [row for row in rows if row.what in HEADLINES]
    counted = (
        f"{met} of {len(judged)} budgets are met; [docs/bench.md](docs/bench.md) has every row, the missed ones too."
    )
    return "\n".join([*_lines(shown), "", counted, f"Measured {told}."])


def _lines(rows: Sequence[Row]) -> list[str]:
    lines = ["| what | budget | measured | beside it | |", "|---|---|---|---|---|"]
    return lines + [f"| {row.what} | {row.budget} | {row.measured} | {row.anchor} | {row.verdict} |" for row in rows]


def markdown(rows: Sequence[Row], told: str) -> str:
    """Every row, for docs/bench.md."""
    return "\n".join([*_lines(rows), "", f"Measured {told}.", BESIDE])


def write(path: Path, text: str) -> None:
    """Puts the text between the two marks of a page.

    Raises:
        ValueError: the page has no such marks.
    """
    page = path.read_text()
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"{path} has no {BEGIN} … {END}")
    marked = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    path.write_text(marked.sub(lambda _: f"{BEGIN}\n{text}\n{END}", page))
