"""named's log, followed live: NOTIFY, transfers, refusals and loads stand out."""

from __future__ import annotations

import threading

from textual.app import ComposeResult

from console.dns.namedlog import Follower, Kind, LogEvent, follow_script
from console.dns.state import LogSource
from console.findings import Severity
from console.remote.connection import Privilege, Stream
from console.remote.errors import RemoteError
from screens import jobs
from screens.base import OpsScreen
from screens.widgets.logview import LogView

GOOD = {Kind.LOADED, Kind.XFR_ENDED, Kind.FETCH_DONE, Kind.NOTIFIES, Kind.THAWED}
BAD = {
    Kind.NOT_LOADED,
    Kind.ZONE_ERROR,
    Kind.XFR_DENIED,
    Kind.XFR_REFUSED,
    Kind.XFR_FAILED,
    Kind.NOTIFY_REFUSED,
    Kind.NOTIFY_FAILED,
    Kind.REFRESH_FAILED,
    Kind.FETCH_FAILED,
    Kind.EXPIRED,
    Kind.TSIG_FAILED,
    Kind.UPDATE_DENIED,
}
ODD = {Kind.SERIAL_SAME, Kind.SERIAL_BACK, Kind.XFR_FALLBACK, Kind.FROZEN}
PLAIN = {Kind.OTHER, Kind.SERVER, Kind.COMMAND}
WAITING = 20_000
"""Lines that may wait for the screen before reading pauses; then the host's own pipe holds them."""


def line_of(event: LogEvent, *, brief: bool = False) -> str:
    """Glyph, time, what happened in few words where the line is understood, and (unless `brief`) the line itself."""
    glyph = "✖" if event.kind in BAD else "▲" if event.kind in ODD else "✔" if event.kind in GOOD else "·"
    if not event.zone and event.kind in PLAIN:
        glyph = " "
    text = event.text
    if event.kind not in PLAIN and event.kind is not Kind.ZONE_ERROR:
        serial = f"serial {event.serial}" if event.serial is not None else ""
        text = " ".join(filter(None, (event.zone, event.peer, event.kind.value, event.detail, serial)))
        if not brief:
            text = f"{text:<56} │ {event.text}"
    return f"{glyph} {event.time[11:19] or event.time:<8} {text}"


def spans(line: str) -> list[tuple[int, int, str]]:
    """Styles of a line made by `line_of`, read from its glyph."""
    style = {"✖": "error", "▲": "warning", "✔": "good", " ": "muted"}.get(line[:1], "")
    return [(0, len(line), style)] if style else []


class WatchScreen(OpsScreen):
    SCOPE = "watch"

    def __init__(self, zone: str = "") -> None:
        super().__init__()
        self.zone = zone
        self.only_events = False
        self.source: LogSource | None = None
        self._stream: Stream | None = None
        self._leaving = threading.Event()

    def body(self) -> ComposeResult:
        yield LogView(spans=spans, empty="Waiting for named's log…")

    def on_mount(self) -> None:
        super().on_mount()
        self.view.focus()
        self.view.filter = self.zone
        session = self.session
        snapshot = session.zones if session else None
        if session is None or snapshot is None:
            return
        if snapshot.log is None:
            self.view.empty = "This named writes no log that we could find."
            self.fail("Neither a logging file in named's configuration nor its journal was found on this host.")
            return
        self.source = snapshot.log
        self._start_following()

    def on_unmount(self) -> None:
        self._stop_following()

    def _start_following(self) -> None:
        self._leaving = threading.Event()
        self.refresh_bars()
        threading.Thread(target=self._follow, args=(self._leaving,), name="watch", daemon=True).start()

    def _stop_following(self) -> None:
        self._leaving.set()
        if self._stream is not None:
            self._stream.close()

    @property
    def view(self) -> LogView:
        return self.query_one(LogView)

    def focus_body(self) -> None:
        self.view.focus()

    def facts(self) -> str:
        if self.source is None:
            return ""
        follow = "following" if self.view.follow else "stopped"
        only = ", events only" if self.only_events else ""
        chosen = f", /{self.view.filter}" if self.view.filter else ""
        return f"{follow}{chosen}{only}  {self.source.kind} {self.source.where}"

    def _follow(self, leaving: threading.Event) -> None:
        """On a thread of its own: reads, parses, hands over; pauses when the screen cannot keep up."""
        session = self.session
        snapshot = session.zones if session else None
        if session is None or snapshot is None or snapshot.log is None:
            return
        script, args = follow_script(snapshot.log, *snapshot.logs)
        root = session.connection.privilege is not Privilege.NONE
        follower = Follower()
        view = self.view
        try:
            with session.connection.stream(script, args, sudo=root, follow=True, title="named's log") as stream:
                self._stream = stream
                if leaving.is_set():
                    return
                for chunk in stream:
                    shown = [line_of(event) for event in follower.feed(chunk) if self._wanted(event)]
                    while view.append(shown) > WAITING and not leaving.is_set():
                        shown = []
                        leaving.wait(0.05)
                said = stream.stderr.decode("utf-8", "replace").strip()
            why = f"The log ended: {said}" if said else "The log ended."
        except RemoteError as error:
            why = str(error)
        if not leaving.is_set():
            jobs.tell(self.app, lambda: self.fail(why))

    def _wanted(self, event: LogEvent) -> bool:
        return not self.only_events or event.kind not in PLAIN or event.severity >= Severity.ERROR

    def do_filter(self) -> None:
        before = self.view.filter

        def apply(text: str | None) -> None:
            self.view.filter = before if text is None else text
            self.refresh_bars()

        self.prompt("/", before, apply, apply)

    def do_follow(self) -> None:
        self.view.follow = not self.view.follow

    def on_log_view_follow_changed(self) -> None:
        self.refresh_bars()

    def do_events(self) -> None:
        """Turns between all lines and events; the log is read anew, so that both tell of the same time."""
        self.only_events = not self.only_events
        self._stop_following()
        self.view.clear()
        self._start_following()

    def do_back(self) -> None:
        if self.ops.errors:
            self.ops.do_back()
        else:
            self.dismiss()
