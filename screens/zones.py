"""The zones of a name server: what it has, what it serves, what is wrong, and the way into each."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

from textual.app import ComposeResult
from textual.content import Content

from console.commands import BY_ID, Command
from console.dns.rows import GLYPHS, ZoneRow, rows, served, standing
from console.dns.state import Snapshot, Zone
from console.evidence import of_answer
from console.findings import Finding, Severity
from screens import jobs
from screens.base import OpsScreen
from screens.chrome.bars import key_name
from screens.chrome.lines import Lines
from screens.safe import content
from screens.widgets.columns import Column
from screens.widgets.table import VirtualTable

SEVERITY_STYLES = {
    Severity.INFO: "muted",
    Severity.NOTICE: "notice",
    Severity.WARNING: "warning",
    Severity.ERROR: "error",
    Severity.CRITICAL: "error",
}

COLUMNS = (
    Column("zone", "Zone", 16, flex=3),
    Column("kind", "Type", 9),
    Column("disk", "On disk", 10, align="right"),
    Column("served", "Served", 10, align="right"),
    Column("secondaries", "Name servers", 14, flex=1),
    Column("state", "State", 12, flex=1),
)


def cells(row: ZoneRow) -> tuple[str, ...]:
    zone = row.zone
    name = f"{zone.name} ({zone.view})" if zone.view else zone.name
    disk = str(zone.serial_disk) if zone.serial_disk is not None else "-"
    return name, zone.kind, disk, served(zone), row.secondaries or "-", row.state


def cell_style(row: ZoneRow, column: str) -> str:
    zone = row.zone
    if column == "state":
        return SEVERITY_STYLES[row.severity] if row.severity is not None else "good"
    if column == "served" and zone.serial_served != zone.serial_disk and zone.serial_disk is not None:
        return "warning"
    if column == "secondaries" and row.secondaries:
        return "good" if row.secondaries.startswith("✔") else "warning"
    return "" if zone.editable else "muted"


def finding_line(finding: Finding, file: str = "") -> Content:
    """Glyph, id, place, why, and what one would do about it. `file`: the one that goes without saying."""
    where = f"line {finding.where.line}" if finding.where.line and finding.where.file == file else str(finding.where)
    if finding.where.file == file and not finding.where.line:
        where = ""
    style = {"warning": "$text-warning", "error": "$text-error"}.get(SEVERITY_STYLES[finding.severity], "")
    return Content.assemble(
        (f"{GLYPHS[finding.severity]} ", style),
        content(f"{finding.id} {where}: " if where else f"{finding.id}: ").stylize("dim"),
        content(finding.why),
        content(f" {finding.hint}").stylize("dim") if finding.hint else "",
        _mend(finding),
    )


def _mend(finding: Finding) -> Content:
    """The key that plans its fix, where there is one."""
    command = BY_ID.get(f"zones.{finding.fix}")
    if command is None:
        return Content("")
    return Content.assemble("  ", (key_name(command.keys[0]), "bold $accent"), f" {command.title}")


def about(zone: Zone) -> Content:
    """The few lines under the table: where the zone's text is, and its findings."""
    head: list[str | Content | tuple[str, str]] = [content(zone.name).stylize("bold"), f"  {zone.kind}"]
    if zone.dynamic:
        head.append("  dynamic")
    if zone.frozen:
        head.append(("  frozen", "$text-warning"))
    if zone.signed:
        head.append("  signed")
    if zone.file is not None:
        when = datetime.fromtimestamp(zone.file.mtime).astimezone().strftime("%Y-%m-%d %H:%M")
        head.append(content(f"  {zone.file.path}").stylize("dim"))
        if zone.file.size:
            head.append(content(f"  {zone.file.size:,} B  {when}".replace(",", " ")).stylize("dim"))
    lines = [Content.assemble(*head)]
    if zone.file is not None and zone.file.problem:
        lines.append(content(f"text not readable: {zone.file.problem}"))
    if zone.primaries:
        lines.append(content("fetched from " + ", ".join(zone.primaries)))
    findings = sorted(zone.findings, key=lambda finding: -finding.severity)
    own = zone.file.path if zone.file is not None else ""
    lines.extend(finding_line(finding, own) for finding in findings[:6])
    if len(findings) > 6:
        lines.append(Content.styled(f"… {len(findings) - 6} more: open the zone", "dim"))
    return Content("\n").join(lines)


class ZonesScreen(OpsScreen):
    SCOPE = "zones"

    def __init__(self) -> None:
        super().__init__()
        self.busy = ""
        self.compared: dict[str, str] = {}

    def body(self) -> ComposeResult:
        table: VirtualTable[ZoneRow] = VirtualTable(
            COLUMNS, identity=lambda row: row.key, cells=cells, cell_style=cell_style, empty="Connecting…"
        )
        yield table
        yield Lines("", classes="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(VirtualTable).focus()
        self.ops.after_frame(self.do_refresh)

    def focus_body(self) -> None:
        self.query_one(VirtualTable).focus()

    @property
    def chosen(self) -> Zone | None:
        row = self.query_one(VirtualTable).cursor_row
        return row.zone if row is not None else None

    def facts(self) -> str:
        if self.busy:
            return f"◌ {self.busy}"
        snapshot = self.session.zones if self.session else None
        if snapshot is None:
            return ""
        taken = datetime.fromtimestamp(snapshot.taken).astimezone().strftime("%H:%M:%S")
        old = time.time() - snapshot.taken > 300
        return f"{'▲ old, ' if old else ''}as of {taken}"

    # Reading

    def do_refresh(self) -> None:
        session = self.session
        if session is None or self.busy:
            return
        self.busy = "reading"
        self.refresh_bars()

        def read() -> Snapshot:
            from console.dns import desk

            return desk.survey(session.connection, session.view, session.zones)

        jobs.start(self.app, "zones", read, self._read_texts, self.failed)

    def _read_texts(self, snapshot: Snapshot) -> None:
        """The list stands; now every text is judged, and the list gets their findings."""
        self.show(snapshot)
        session = self.session
        if session is None or not self.is_attached:
            return
        for finding in snapshot.findings:
            if finding.severity >= Severity.ERROR:
                self.fail(f"{finding.where}: {finding.why}" if str(finding.where) else finding.why)
        self.busy = "judging the zones"
        self.refresh_bars()

        def judge() -> Snapshot:
            from console.dns.examine import examine

            return examine(session.connection, snapshot, datetime.now(UTC).date())

        jobs.start(self.app, "examine", judge, self.show, self.failed)

    def failed(self, error: Exception) -> None:
        self.busy = ""
        if self.is_attached:
            self.query_one(VirtualTable).empty = "Not read. Ctrl-R connects again, 0 chooses another host."
            self.query_one(VirtualTable).refresh()
        self.ops.explain(error)

    def show(self, snapshot: Snapshot) -> None:
        """Puts a snapshot on the screen; the cursor stays on its zone."""
        session = self.session
        if session is None or not self.is_attached:
            return
        session.zones = snapshot
        self.busy = ""
        table = self.query_one(VirtualTable)
        table.empty = "This name server has no zone." if snapshot.zones else self._nothing(snapshot)
        table.update(rows(snapshot, self.compared))
        table.refresh()
        self._detail()
        self.refresh_bars()

    @staticmethod
    def _nothing(snapshot: Snapshot) -> str:
        why = snapshot.findings[0].why if snapshot.findings else "Its configuration names none."
        return f"No zone. {why}"

    def on_virtual_table_row_highlighted(self) -> None:
        self._detail()
        self.refresh_bars()

    def _detail(self) -> None:
        zone = self.chosen
        self.query_one(".detail", Lines).update(about(zone) if zone is not None else Content())

    # What can be done

    def reason_against(self, command: Command) -> str:
        if command.scope == "zones" and command.verb in ("open", "compare", "bump", "reload", "sync", "thaw"):
            zone = self.chosen
            if zone is None:
                return "No zone is chosen."
            if command.verb == "open" and (zone.file is None or zone.file.problem):
                return f"{zone.name} has no text to read: {zone.file.problem if zone.file else 'no file'}."
            if command.verb in ("bump", "reload") and not zone.editable:
                return f"{zone.name} is a {zone.kind} zone here: its primary decides."
            if command.verb == "sync" and not zone.dynamic:
                return f"{zone.name} is not dynamic: its file is complete."
            if command.verb == "thaw" and not zone.frozen:
                return f"{zone.name} is not frozen."
        if command.id == "zones.watch" and (self.session is None or self.session.zones is None):
            return "The server has not been read yet."
        return super().reason_against(command)

    def on_virtual_table_row_selected(self) -> None:
        self.run_command(BY_ID["zones.open"])

    def do_open(self) -> None:
        from screens.zone_edit import ZoneEditScreen

        zone = self.chosen
        if zone is not None:
            self.app.push_screen(ZoneEditScreen(zone))

    def do_filter(self) -> None:
        self.filter_table(self.query_one(VirtualTable))

    def do_sort(self) -> None:
        table = self.query_one(VirtualTable)
        keys = [column.key for column in COLUMNS]
        key, descending = table.order
        if key and not descending:
            table.sort(key, descending=True)
            return
        table.sort(keys[(keys.index(key) + 1) % len(keys)] if key else keys[0])

    def do_watch(self) -> None:
        from screens.zone_watch import WatchScreen

        self.app.push_screen(WatchScreen())

    def do_compare(self) -> None:
        """Asks every name server of the zone; what they answer stands in the table and in the findings."""
        session, zone = self.session, self.chosen
        if session is None or session.zones is None or zone is None:
            return
        snapshot = session.zones
        self.busy = f"asking the servers of {zone.name}"
        self.refresh_bars()

        def work() -> tuple[Zone, str]:
            from console.dns import desk

            opened = desk.open_zone(session.connection, snapshot, zone)
            wanted = desk.servers(session.connection, session.view, zone, opened.content)
            answers = desk.ask_all(session.connection, session.view, zone, wanted)
            session.book.extend(map(of_answer, answers.values()))
            return desk.with_secondaries(zone, answers), standing(zone, wanted, answers)

        def done(result: tuple[Zone, str]) -> None:
            judged, said = result
            self.compared[zone.key] = said
            present = session.zones or snapshot
            zones = tuple(judged if each.key == zone.key else each for each in present.zones)
            self.show(replace(present, zones=zones))

        jobs.start(self.app, "compare", work, done, self.failed)

    def do_bump(self) -> None:
        self._plan("bump")

    def do_reload(self) -> None:
        self._plan("reload")

    def do_sync(self) -> None:
        self._plan("sync")

    def do_thaw(self) -> None:
        self._plan("thaw")

    def _plan(self, what: str) -> None:
        from screens.zone_save import plan_and_run

        zone = self.chosen
        if zone is not None:
            plan_and_run(self, zone, what, done=self.do_refresh)
