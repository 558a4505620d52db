"""A zone text judged before anybody writes it: our rules, and the host's own named-checkzone on a copy."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from datetime import UTC, date, datetime

from console.dns import checkzone, zonefile
from console.dns.checkzone import Verdict
from console.dns.lint import lint
from console.dns.probe import script
from console.dns.state import Snapshot, Zone
from console.dns.zonefile import ZoneText
from console.findings import Finding, Place, Severity
from console.remote.connection import Connection, Privilege, Result

TEMP = "{temp}"
"""Stands for the copy's path in a checker's argv."""
DEADLINE = 90.0
"""Seconds: a zone of a million records takes five."""


@dataclass(frozen=True, slots=True)
class Checked:
    findings: tuple[Finding, ...]
    """By line."""
    loadable: bool
    """named-checkzone accepts it in strict mode, or did not judge it; named itself may be laxer."""
    ran: bool
    """named-checkzone judged it; False: only our rules did, a finding says why."""


class NotChecked(Exception):
    """The host's tool could not be run; `str()` says why."""


def rules(zone: Zone, content: bytes) -> tuple[Finding, ...]:
    """What our own rules find, without asking anybody."""
    return judge(zone, zonefile.parse(content, zone.name), None, datetime.now(UTC).date())


def judge(zone: Zone, text: ZoneText, verdict: Verdict | None, today: date) -> tuple[Finding, ...]:
    """Our rules and named-checkzone's verdict as one list by line; what both say of a line is said once."""
    own = lint(text, _path(zone), today)
    if verdict is None:
        return own
    told = {finding.where.line for finding in own if finding.where.line}
    named = tuple(
        finding for finding in verdict.findings if finding.severity >= Severity.ERROR or finding.where.line not in told
    )
    return _sorted(own, named)


def check(connection: Connection, snapshot: Snapshot, zone: Zone, content: bytes) -> Checked:
    """Both judges. A temp copy lies beside the zone file while named-checkzone reads it.

    Raises:
        RemoteError: the connection's own reasons.
    """
    text, today = zonefile.parse(content, zone.name), datetime.now(UTC).date()
    own = judge(zone, text, None, today)
    tool = snapshot.tools.get("named-checkzone")
    if not tool:
        why = "The host has no named-checkzone (Debian: bind9-utils), so only our own rules were asked."
        return Checked(_sorted(own, (_unjudged(zone, why),)), loadable=True, ran=False)
    argv = checkzone.check_argv(zone.name, TEMP, snapshot.directory, tool)
    try:
        temp, said, result = _on_copy(connection, snapshot, zone, content, argv)
    except NotChecked as why:
        return Checked(_sorted(own, (_unjudged(zone, str(why)),)), loadable=True, ran=False)
    verdict = checkzone.parse(said + result.stderr, text, temp, _path(zone), snapshot.directory)
    loadable = verdict.loadable and result.exit_status == 0
    return Checked(judge(zone, text, verdict, today), loadable=loadable, ran=True)


def canonical(connection: Connection, snapshot: Snapshot, zone: Zone, content: bytes) -> str:
    """The zone as named-compilezone prints it: every name complete, one record a line.

    Raises:
        NotChecked: the tool is missing, or would not compile this text; then `str()` is what it said.
        RemoteError: the connection's own reasons.
    """
    tool = snapshot.tools.get("named-compilezone")
    if not tool:
        raise NotChecked("The host has no named-compilezone (Debian: bind9-utils).")
    argv = checkzone.compile_argv(zone.name, TEMP, snapshot.directory, tool)
    temp, said, result = _on_copy(connection, snapshot, zone, content, argv)
    text = said.decode("utf-8", "surrogateescape").replace(temp, _path(zone))
    if result.exit_status != 0:
        raise NotChecked(text.strip() or f"named-compilezone ended with status {result.exit_status}")
    return "".join(map(_narrow, text.splitlines(keepends=True)))


def _narrow(line: str) -> str:
    """A record without the wide columns of named-compilezone; the rdata as it is."""
    words = line.split(None, 4)
    return " ".join(words) if len(words) == 5 and words[1].isdigit() else line


def _on_copy(
    connection: Connection, snapshot: Snapshot, zone: Zone, content: bytes, argv: tuple[str, ...]
) -> tuple[str, bytes, Result]:
    """Runs argv on a copy: the copy's path, what came on stdout, and the run itself."""
    directory, name = posixpath.split(_path(zone))
    result = connection.run(
        script("check.sh"),
        (directory or snapshot.directory, name, snapshot.directory or "/", *argv),
        stdin=content,
        sudo=connection.privilege is not Privilege.NONE,
        deadline=DEADLINE,
        title=" ".join([posixpath.basename(argv[0]), zone.name, "(a copy)"]),
    )
    first, _, said = result.stdout.partition(b"\n")
    if result.exit_status == 125 or not first:
        raise NotChecked(result.stderr.decode("utf-8", "replace").strip() or "The copy could not be written.")
    return first.decode("utf-8", "surrogateescape"), said, result


def _path(zone: Zone) -> str:
    return zone.file.path if zone.file is not None else zone.name


def _unjudged(zone: Zone, why: str) -> Finding:
    return Finding("unchecked", Severity.NOTICE, zone.name, Place(_path(zone)), why)


def _sorted(*groups: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(sorted((finding for group in groups for finding in group), key=lambda finding: finding.where.line))
