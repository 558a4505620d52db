"""A zone as text: edited here or in $EDITOR, checked while typing, saved as one transaction."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.timer import Timer

from console.commands import Command
from console.dns import highlight
from console.dns.state import Zone
from console.findings import Finding, Severity
from screens import jobs
from screens.base import OpsScreen
from screens.chrome.lines import Lines
from screens.widgets.editor import CodeEditor
from screens.zone_canonical import BESIDE, CanonicalPane
from screens.zones import finding_line

if TYPE_CHECKING:
    from console.dns.check import Checked
    from console.dns.desk import Opened

LOOKS = {
    highlight.OWNER: "accent",
    highlight.TYPE: "notice",
    highlight.DIRECTIVE: "warning",
    highlight.COMMENT: "muted",
    highlight.STRING: "good",
    highlight.SERIAL: "warning",
    highlight.ERROR: "error",
}
LINT_AFTER = 0.4
"""Seconds without a key before our own rules run."""
CHECK_AFTER = 2.0
"""Seconds without a key before the host's named-checkzone runs."""
SHOWN_FINDINGS = 4


class ZoneEditScreen(OpsScreen):
    SCOPE = "edit"
    TYPING = True

    def __init__(self, zone: Zone) -> None:
        super().__init__()
        self.zone = zone
        self.opened: Opened | None = None
        self.findings: tuple[Finding, ...] = ()
        self.checked: Checked | None = None
        self.checking = False
        self.outside: bytes | None = None
        """A text too large for the editor, as $EDITOR left it."""
        self._judged: bytes | None = None
        """The text that named-checkzone's shown verdict is about; None when the findings are of our rules alone."""
        self._lint_timer: Timer | None = None
        self._check_timer: Timer | None = None

    def body(self) -> ComposeResult:
        with Horizontal():
            yield CodeEditor(highlighter=highlight, looks=LOOKS, read_only=True)
            yield CanonicalPane()
        yield Lines("Reading the zone…", classes="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.ops.texts.append(self)
        self.editor.focus()
        self.call_after_refresh(self._read)

    def on_unmount(self) -> None:
        self.ops.texts.remove(self)

    @property
    def editor(self) -> CodeEditor:
        return self.query_one(CodeEditor)

    def focus_body(self) -> None:
        self.editor.focus()

    def facts(self) -> str:
        state = "reading" if self.opened is None else ("edited" if self.edited else "as on the host")
        if self.opened is not None and not self.opened.editable:
            state = "read only"
        return f"{self.zone.name}  {state}" + ("  ◌ checking" if self.checking else "")

    @property
    def text(self) -> bytes:
        """The text as it would be written."""
        if self.opened is None:
            return b""
        if self.outside is not None:
            return self.outside
        return self.opened.content if self.editor.refusal else self.editor.to_bytes()

    @property
    def edited(self) -> bool:
        return self.opened is not None and self.text != self.opened.content

    @property
    def unsaved(self) -> str:
        return f"Your edit of {self.zone.name} is only here." if self.is_attached and self.edited else ""

    # Reading

    def _read(self) -> None:
        session = self.session
        if session is None or session.zones is None:
            return
        snapshot, zone = session.zones, self.zone

        def read() -> Opened:
            from console.dns import desk

            return desk.open_zone(session.connection, snapshot, zone)

        jobs.start(self.app, "open-zone", read, self.load, self._not_read)

    def _not_read(self, error: Exception) -> None:
        self.ops.explain(error)
        if self.is_attached:
            self.query_one(".detail", Lines).update("Not read. Esc goes back.")

    def load(self, opened: Opened) -> None:
        """Puts what was read into the editor, as the text that edits are measured against."""
        if not self.is_attached:
            return
        self.opened = opened
        self.outside = None
        self._fill(opened.content)
        self.do_check()

    def _fill(self, text: bytes) -> None:
        editor = self.editor
        editor.load(text)
        editor.read_only = bool(editor.refusal) or self.opened is None or not self.opened.editable
        if editor.refusal:
            self.say(f"{editor.refusal} F4 opens it in $EDITOR.")
        self.refresh_bars()

    def became(self, content: bytes) -> None:
        """What was saved is the text on the host now: edits are measured against it, the cursor stays."""
        if self.opened is None:
            return
        self.rebase(content, content)

    def rebase(self, base: bytes, text: bytes) -> None:
        """Another text on the host, and another one here."""
        if self.opened is None:
            return
        self.opened = replace(self.opened, content=base)
        row, column = self.editor.cursor_location
        self.replace_text(text)
        self.editor.move_cursor((min(row, self.editor.document.line_count - 1), column))
        self.do_check()

    def take_check(self, text: bytes, checked: Checked) -> None:
        """A verdict on a text; one that is not the present text any more is dropped."""
        if self.is_attached and text == self.text:
            self.checked = checked
            self._judged = text
            self._show(checked.findings)
            if self.query_one(CanonicalPane).display:
                self._compile(self.query_one(CanonicalPane).show)

    # Checking

    def on_text_area_changed(self) -> None:
        if self.opened is None:
            return
        self.refresh_bars()
        for timer in (self._lint_timer, self._check_timer):
            if timer is not None:
                timer.stop()
        self._lint_timer = self.set_timer(LINT_AFTER, self._lint)
        self._check_timer = self.set_timer(CHECK_AFTER, self._check_again)

    def _lint(self) -> None:
        text, zone = self.text, self.zone
        if text == self._judged:
            return

        def work() -> tuple[Finding, ...]:
            from console.dns import check

            return check.rules(zone, text)

        def done(findings: tuple[Finding, ...]) -> None:
            if text == self.text:
                own = tuple(finding for finding in self.findings if finding.id == "named")
                self._judged = None
                self._show(findings + own)

        jobs.start(self.app, "lint", work, done, self.ops.explain)

    def _check_again(self) -> None:
        """Once the keys rest; not for a text that was only put in by us and is judged already."""
        if self.text != self._judged:
            self.do_check()

    def do_check(self) -> None:
        """Asks the host's own checker about the text as it now stands."""
        session = self.session
        if session is None or session.zones is None or self.opened is None or self.checking:
            return
        snapshot, zone, text = session.zones, self.zone, self.text
        self.checking = True
        self.refresh_bars()

        def work() -> Checked:
            from console.dns import check

            return check.check(session.connection, snapshot, zone, text)

        def done(checked: Checked) -> None:
            self.checking = False
            if not self.is_attached:
                return
            if text == self.text:
                self.take_check(text, checked)
            else:
                self.do_check()
            self.refresh_bars()

        def failed(error: Exception) -> None:
            self.checking = False
            self.ops.explain(error)

        jobs.start(self.app, "check-zone", work, done, failed)

    def _show(self, findings: tuple[Finding, ...]) -> None:
        if not self.is_attached:
            return
        self.findings = tuple(sorted(findings, key=lambda finding: (finding.where.line or 1 << 30, -finding.severity)))
        self.editor.set_marks(self.findings)
        self._findings_pane()

    def on_text_area_selection_changed(self) -> None:
        self._findings_pane()

    def _findings_pane(self) -> None:
        """The findings from the cursor's line on, then the others; or that all is well, and who says so."""
        if self.opened is None:
            return
        row = self.editor.cursor_location[0] + 1
        position = Content.styled(f"line {row} of {self.editor.document.line_count}", "dim")
        worst = [finding for finding in self.findings if finding.severity >= Severity.WARNING]
        if not self.findings:
            by = "named-checkzone and our rules" if self.checked is not None else "our rules; named-checkzone not yet"
            lines = [Content.assemble(("✔ ", "$text-success"), f"No finding ({by})   ", position)]
        else:
            count = f"{len(self.findings)} finding{'s' if len(self.findings) > 1 else ''}"
            lines = [Content.assemble(f"{count}, {len(worst)} to mend   ", position)]
            ahead = [finding for finding in self.findings if finding.where.line >= row]
            behind = [finding for finding in self.findings if finding.where.line < row]
            file = self.opened.file.path
            lines.extend(finding_line(finding, file) for finding in (ahead + behind)[:SHOWN_FINDINGS])
        self.query_one(".detail", Lines).update(Content("\n").join(lines))

    # Commands

    def reason_against(self, command: Command) -> str:
        if command.scope == "edit":
            if self.opened is None:
                return "The zone is still being read."
            if command.verb in ("save", "external") and not self.opened.editable:
                return f"{self.zone.name} cannot be edited here: {self.opened.why_not}"
            if command.verb == "save" and not self.edited:
                return "Nothing was changed."
            if command.verb == "next" and not self.findings:
                return "There is no finding."
        return super().reason_against(command)

    def do_back(self) -> None:
        if self.ops.errors:
            self.ops.do_back()
        elif self.edited:
            from screens.dialogs.confirm import Confirm

            self.app.push_screen(Confirm(f"{self.unsaved} Throw it away?", "Throw away"), self._thrown_away)
        else:
            self.dismiss()

    def _thrown_away(self, yes: bool | None) -> None:
        if yes:
            self.dismiss()

    def do_save(self) -> None:
        from screens.zone_save import save

        save(self)

    def do_diff(self) -> None:
        from console.change.preview import diff
        from screens.dialogs.plan import coloured

        if self.opened is None:
            return
        lines = diff(self.opened.file.path, self.opened.content, self.text)
        self.detail(f"Your edit of {self.zone.name}", coloured(lines) if self.edited else "Nothing was changed.")

    def do_canonical(self) -> None:
        """Beside the source where there is room, over it where there is not; again: away with it."""
        pane = self.query_one(CanonicalPane)
        if pane.display:
            pane.hide()
        elif self.size.width >= BESIDE:
            self._compile(pane.show)
        else:
            title = f"{self.zone.name} as named-compilezone understands it"
            self._compile(lambda said: self.detail(title, said))

    def _compile(self, then: Callable[[str], None]) -> None:
        session = self.session
        if session is None or session.zones is None:
            return
        snapshot, zone, text = session.zones, self.zone, self.text

        def work() -> str:
            from console.dns import check

            return check.canonical(session.connection, snapshot, zone, text)

        jobs.start(self.app, "compile-zone", work, then, self.ops.explain)

    def do_external(self) -> None:
        """Suspends the app and opens the text in the user's editor; what comes back is an edit like any other."""
        words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        with tempfile.TemporaryDirectory(prefix="opsconsole-") as place:
            path = Path(place) / f"{self.zone.name.replace('/', '_')}.zone"
            path.write_bytes(self.text)
            try:
                with self.app.suspend():
                    status = subprocess.run([*words, str(path)], check=False).returncode
            except OSError as error:
                self.fail(f"{words[0]}: {error.strerror}")
                return
            text = path.read_bytes()
        if status != 0:
            self.fail(f"{words[0]} ended with status {status}; the text it left is not taken.")
            return
        self.replace_text(text)

    def replace_text(self, text: bytes) -> None:
        """Another text for the same base: from $EDITOR, or merged."""
        self._fill(text)
        self.outside = text if self.editor.refusal else None
        self.on_text_area_changed()

    def do_next(self) -> None:
        self.editor.action_next_mark(1)

    def do_find(self) -> None:
        def find(text: str | None) -> None:
            if text and not self.editor.search(text):
                self.say(f"{text} is not in the text.")

        self.prompt("find: ", "", None, find)

    def do_again(self) -> None:
        if not self.editor.action_next_match(1):
            self.say("Nothing was searched (^F), or it is not in the text.")

    def do_start(self) -> None:
        self.editor.move_cursor(self.editor.document.start)

    def do_end(self) -> None:
        self.editor.move_cursor(self.editor.document.end)

    def do_goto(self) -> None:
        def go(text: str | None) -> None:
            if text and text.strip().isdigit():
                self.editor.go_to(int(text))
            elif text:
                self.say("A line is a number.")

        self.prompt("line: ", "", None, go)
