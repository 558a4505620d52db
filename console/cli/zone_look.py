"""`opsconsole zone list`, `show`, `check` and `watch`: they change nothing."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.context import Open, opened, pick, read, survey
from console.cli.exits import ERRORS, FAILED, FINE, UNKNOWN, USAGE, WARNINGS, Stop
from console.cli.output import plain
from console.dns.rows import rows, served
from console.findings import Finding, Severity, worst

if TYPE_CHECKING:
    from console.dns.namedlog import LogEvent
    from console.dns.state import Snapshot, Zone


def list_zones(arguments: Namespace) -> int:
    """Every zone of the server."""
    with opened(arguments) as here:
        from console.dns.examine import examine

        snapshot = examine(here.connection, survey(here), datetime.now(UTC).date())
        shown = rows(snapshot)
        here.out.table(
            ("ZONE", "TYPE", "ON DISK", "SERVED", "STATE"),
            [(row.key, row.zone.kind, _number(row.zone.serial_disk), served(row.zone), row.state) for row in shown],
        )
        for warning in snapshot.warnings:
            here.out.line(f"▲ {warning}", "yellow")
        findings = [*snapshot.findings, *(finding for zone in snapshot.zones for finding in zone.findings)]
        for finding in findings:
            here.out.finding(finding)
        here.out.emit(
            "zone.list",
            host=here.host.name,
            address=here.connection.address,
            version=snapshot.version,
            running=snapshot.running,
            zones=[_zone(zone) for zone in snapshot.zones],
            findings=findings,
            warnings=snapshot.warnings,
        )
        return status_of(findings)


def show(arguments: Namespace) -> int:
    """One zone's text: exact bytes into a pipe or file, made safe on a terminal."""
    with opened(arguments) as here:
        snapshot = survey(here)
        zone = pick(snapshot, arguments.zone, arguments.view)
        content = read(here, snapshot, zone)
        text = content.content
        if arguments.canonical:
            text = _canonical(here, snapshot, zone, text)
        if here.out.as_json:
            here.out.emit(
                "zone.show",
                host=here.host.name,
                zone=_zone(zone),
                text=text,
                sha256=content.file.sha256,
                includes=content.includes,
                findings=zone.findings,
            )
        elif sys.stdout.isatty():
            here.out.text(text.decode("utf-8", "surrogateescape"))
            here.out.note(f"{content.file.path}: sha256 {content.file.sha256} (for `zone put --base`)")
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(text)
        return FINE


def check(arguments: Namespace) -> int:
    """The host's named-checkzone on a copy, and our own rules."""
    from console.dns import check as checks

    with opened(arguments) as here:
        snapshot = survey(here)
        zone = pick(snapshot, arguments.zone, arguments.view)
        content = text_of(arguments.file) if arguments.file else read(here, snapshot, zone).content
        checked = checks.check(here.connection, snapshot, zone, content)
        for finding in checked.findings:
            here.out.finding(finding)
        if not checked.loadable:
            here.out.line(f"✖ named-checkzone, in strict mode, refuses {zone.name}.", "red")
        elif not checked.ran:
            here.out.line(f"? {zone.name}: named-checkzone did not judge it.", "yellow")
        elif status_of(checked.findings) == FINE:
            here.out.line(f"✔ {zone.name}: nothing is wrong.", "green")
        here.out.emit(
            "zone.check",
            host=here.host.name,
            zone=zone.name,
            loadable=checked.loadable,
            ran=checked.ran,
            findings=checked.findings,
        )
        if not checked.loadable:
            return ERRORS
        return status_of(checked.findings) or (FINE if checked.ran else UNKNOWN)


def watch(arguments: Namespace) -> int:
    """The server's log as it comes, until ctrl-c; with --timeout, for that many seconds."""
    from threading import Timer

    from console.dns.watch import LogFeed

    with opened(arguments) as here:
        snapshot = survey(here)
        if not snapshot.logs:
            raise Stop(FAILED, f"Where named on {here.host.name} writes its log is not known.", "Set dns.log_file.")
        wanted = pick(snapshot, arguments.zone, arguments.view).name if arguments.zone else ""
        with LogFeed(here.connection, snapshot.logs, last=arguments.last) as feed:
            timer = Timer(arguments.timeout, feed.close) if arguments.timeout else None
            if timer:
                timer.daemon = True
                timer.start()
            try:
                for event in feed:
                    if not wanted or event.zone == wanted:
                        _show_event(here, event)
            except KeyboardInterrupt:
                return FINE
            finally:
                if timer:
                    timer.cancel()
            # A feed that we closed ourselves ends like one that was lost; only the other one is bad news.
            if feed.problem and not (timer and timer.finished.is_set()):
                raise Stop(UNKNOWN, f"The log ended: {feed.problem}")
        return FINE


def text_of(name: str) -> bytes:
    """Content of a local file; `-` is stdin.

    Raises:
        Stop: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as why:
        raise Stop(USAGE, f"{name} cannot be read: {why.strerror}.") from why


def status_of(findings: Iterable[Finding]) -> int:
    """Exit status for what was found."""
    severity = worst(findings)
    if severity is None or severity < Severity.WARNING:
        return FINE
    return WARNINGS if severity is Severity.WARNING else ERRORS


def _show_event(here: Open, event: LogEvent) -> None:
    if here.out.as_json:
        sys.stdout.write(
            json.dumps({"schema": "opsconsole.zone.watch/1", "host": here.host.name} | plain(event)) + "\n"
        )
    else:
        colour = {Severity.WARNING: "yellow", Severity.ERROR: "red", Severity.CRITICAL: "red"}.get(event.severity, "")
        here.out.line(f"{event.time}  {event.text}".strip(), colour)
    sys.stdout.flush()


def _canonical(here: Open, snapshot: Snapshot, zone: Zone, text: bytes) -> bytes:
    from console.dns import check as checks

    try:
        return checks.canonical(here.connection, snapshot, zone, text).encode("utf-8", "surrogateescape")
    except checks.NotChecked as why:
        raise Stop(ERRORS, f"It cannot be compiled: {why}") from why


def _zone(zone: Zone) -> object:
    return {**plain(zone), "editable": zone.editable}


def _number(serial: int | None) -> str:
    return "-" if serial is None else str(serial)
