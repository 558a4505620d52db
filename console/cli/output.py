"""Where the command line's words go: safe text in columns, or one JSON object."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum, IntEnum
from typing import Any

from console.findings import Finding, Severity
from console.visible import visible

GLYPHS = {
    Severity.INFO: "·",
    Severity.NOTICE: "·",
    Severity.WARNING: "▲",
    Severity.ERROR: "✖",
    Severity.CRITICAL: "✖",
}
_STYLES = {"bold": "1", "red": "31", "yellow": "33", "green": "32", "dim": "2"}


class Output:
    """Text for a person on stdout, or JSON for a program; errors on stderr either way."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 0
        """Columns of the terminal; 0: nobody looks, nothing is cut."""

    def line(self, text: str = "", style: str = "") -> None:
        """One line for a person, at once; nothing when a program reads."""
        if not self.as_json:
            self._write(self._styled(visible(text), style) + "\n")
            sys.stdout.flush()

    def text(self, text: str) -> None:
        """Several lines, each made safe."""
        if not self.as_json:
            self._write(visible(text, multiline=True))

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns as wide as their widest cell; on a terminal the last one gives way."""
        cells = [[visible(cell) for cell in row] for row in (heads, *rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
        for number, row in enumerate(cells):
            text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self.line(fit(text, self.width), "bold" if number == 0 else "")

    def finding(self, finding: Finding) -> None:
        colour = {Severity.WARNING: "yellow", Severity.ERROR: "red", Severity.CRITICAL: "red"}.get(finding.severity, "")
        where = str(finding.where) if finding.where.file else f"{finding.subject}: {finding.where}"
        head = f"{GLYPHS[finding.severity]} {finding.severity.name.lower()} {finding.id}  {where}"
        self.line(head, colour)
        self.line(f"    {finding.why}")
        if finding.hint:
            self.line(f"    {finding.hint}", "dim")

    def emit(self, schema: str, **content: object) -> None:
        """The one object of `--json`; nothing otherwise."""
        if self.as_json:
            self._write(json.dumps({"schema": f"opsconsole.{schema}/1"} | plain(content)) + "\n")
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """A line that is not part of the answer: on stderr, in either form."""
        sys.stderr.write(visible(text) + "\n")
        sys.stderr.flush()

    def error(self, sentence: str, advice: str = "") -> None:
        self.note(f"opsconsole: {sentence}")
        if advice:
            self.note(f"  {advice}")

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if style and self._colour else text

    def _write(self, text: str) -> None:
        sys.stdout.write(text)


def fit(text: str, width: int) -> str:
    """Cut to `width` columns with an ellipsis; 0: as it is."""
    return text if not width or len(text) <= width else text[: width - 1] + "…"


def plain(value: object) -> Any:
    """What `json.dumps` takes. Bytes become text; what was not UTF-8 in them stays as lone surrogates."""
    if isinstance(value, Severity):
        return value.name.lower()
    if isinstance(value, Enum) and not isinstance(value, IntEnum):
        return value.value
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
