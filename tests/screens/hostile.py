"""Text that a host may send to hurt: a corpus, an app that shows all of it in our widgets, and a scan of raw output."""

from __future__ import annotations

import re
import sys
from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import Static

from console.findings import Finding, Place, Severity
from screens.output import LeanOutput
from screens.safe import content
from screens.widgets.editor import CodeEditor
from screens.widgets.logview import LogView
from screens.widgets.table import Column, VirtualTable

PAYLOADS: tuple[bytes, ...] = (
    b"\x1b[31mred\x1b[6n\x1b[2J",
    b"\x1b]52;c;ZXZpbA==\x07",
    b"\x1b]52;c;ZXZpbA==\x1b\\",
    b"\x1b]0;title",
    b"\x1bP1$r0m\x1b\\",
    b"\x9b31m \xc2\x9b31m \xc2\x9d52;c;AA\xc2\x9c",
    "a\u202eb\u2066c\u2069 \u200b\u200e\u2028\u2029\u2060\ufeff".encode(),
    "\U000e0041\U000e0042\u00ad\u3164\u115f\ufe0f".encode(),
    b"NUL \x00 BS \x08 VT \x0b FF \x0c CR \r DEL \x7f BEL \x07 SO \x0e",
    b"foo [/] bar [/var/spool] [link='http://evil']Pay[/link] [@click=app.quit]x[/]",
    b"\xff\xfe\x80 \xc3 \xe2\x80 \xf0\x9f\x92 \xed\xa0\x80",
    "nbsp\u00a0em\u2003 private \ue000 nothing \u0378".encode(),
    "漢字 e\u0301 👩\u200d👩\u200d👧 \u0301lead".encode(),
    b"two\nlines\tand a tab\r\n",
    *(bytes([byte]) + b"|" for byte in range(256)),
)

_OURS = re.compile(
    # what Textual and the shadow write themselves; OSC 22 is the shape of the mouse pointer
    rb"\x1b\[(?:[0-9;]*[mHGrLM]|\?[0-9;]+(?:h|l|\$p)|>[0-9]+u|<u)|\x1b\]22;[a-z-]*\x07"
)
_FORBIDDEN = re.compile(
    rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]"
    rb"|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xf3\xa0[\x80-\x81]."
)


def forbidden(raw: bytes) -> list[bytes]:
    """What must not be in the raw output of an app: hostile bytes, and payloads that look like our own sequences."""
    left = _OURS.sub(b"", raw.replace(b"\r\n", b"\n"))
    found = [match[0] for match in _FORBIDDEN.finditer(left)]
    found += [payload for payload in PAYLOADS if re.search(rb"[\x00-\x1f\x7f]", payload[:2]) and payload in raw]
    return found + re.findall(rb"\x1b\[31m|\x1b\[6n|\x1b\[2J", raw)


class HostileApp(LeanOutput):
    """One of our widgets with the whole corpus in it; `backstop` False leaves only the widgets' own care."""

    CSS = "Static { height: auto; } #all { height: 1fr; overflow-y: scroll; }"

    def __init__(self, widget: str, backstop: bool = False) -> None:
        super().__init__()
        self.widget = widget
        if not backstop:
            self._filters.pop()

    def compose(self) -> ComposeResult:
        texts = [payload.decode("utf-8", "surrogateescape") for payload in PAYLOADS]
        if self.widget == "table":
            yield VirtualTable[Any](
                [Column("a", texts[0], 20), Column("b", "B", 20, flex=1), Column("c", texts[6], 12, align="right")],
                identity=lambda row: row[0],
                cells=lambda row: row[1:],
                empty=texts[9],
            )
        elif self.widget == "log":
            yield LogView(empty=texts[9])
        elif self.widget == "editor":
            yield CodeEditor(b"\n".join(PAYLOADS))
        else:
            for start in range(0, len(texts), 24):
                yield Static(content(" ".join(texts[start : start + 24])))

    def on_mount(self) -> None:
        if self.widget == "table":
            texts = [payload.decode("utf-8", "surrogateescape") for payload in PAYLOADS]
            table = self.query_one(VirtualTable)
            table.update([(number, text, text + "x", text * 3) for number, text in enumerate(texts)])
            table.action_mark_all()
        elif self.widget == "log":
            self.query_one(LogView).append(PAYLOADS)
        elif self.widget == "editor":
            place = Place("db.example", 1)
            evil = PAYLOADS[0].decode()
            self.query_one(CodeEditor).set_marks([Finding("X1", Severity.ERROR, evil, place, evil)])

    def key_slash(self) -> None:
        for widget in self.query("VirtualTable, LogView"):
            widget.filter = "\x1b]52;\u202e"  # type: ignore[attr-defined]


def program(widget: str) -> App[Any]:
    return HostileApp(widget)


if __name__ == "__main__":
    program(sys.argv[1]).run()
