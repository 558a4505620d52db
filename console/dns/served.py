"""Puts what servers answer beside what the files say: each zone's served serial, and what is wrong between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address

from console.dns import serial
from console.dns.ask import Answer, Vantage, serials
from console.dns.state import Snapshot, Zone
from console.findings import Finding, Place, Severity
from console.remote.connection import Connection


def ask_server(
    snapshot: Snapshot, connection: Connection, *, vantage: Vantage = "host", timeout: float = 3.0
) -> Snapshot:
    """Asks the server itself for every zone it should serve, over one TCP connection.

    Never raises for what the network does: the reason is each zone's `served_problem`.

    Args:
        vantage: `here` asks an address that this machine may reach; where named listens on none, the host asks.
    """
    return with_answers(snapshot, own_answers(snapshot, connection, vantage=vantage, timeout=timeout))


def own_answers(
    snapshot: Snapshot, connection: Connection, *, vantage: Vantage = "host", timeout: float = 3.0
) -> dict[str, Answer]:
    """What the server answers for every zone that it should serve, by the zone's name."""
    wanted = asked_for(snapshot)
    if not wanted:
        return {}
    outside = [place for place in snapshot.listens if not ip_address(place[0]).is_loopback]
    if vantage == "here" and outside:
        address, port = outside[0]
        return serials(address, port, wanted, vantage="here", timeout=timeout)
    address, port = snapshot.listens[0]
    return serials(address, port, wanted, connection=connection, timeout=timeout)


def asked_for(snapshot: Snapshot) -> tuple[str, ...]:
    """Names of the zones that the server can be asked for; none where it does not run or its address is not known."""
    if not snapshot.listens or not snapshot.running:
        return ()
    return tuple(zone.name for zone in snapshot.zones if zone.serves)


def with_answers(snapshot: Snapshot, answers: Mapping[str, Answer]) -> Snapshot:
    """The snapshot with served serials, from zone name to the server's own answer.

    A zone in one of several views keeps what rndc told of it: a question sees one view only, and which is not known.
    """
    several = len(snapshot.views) > 1
    zones = tuple(
        _with_answer(zone, answers[zone.name])
        if zone.name in answers and zone.serves and not (zone.view and several)
        else zone
        for zone in snapshot.zones
    )
    return judged(replace(snapshot, zones=zones))


def judged(snapshot: Snapshot) -> Snapshot:
    """The snapshot with the findings of this module on its zones; findings of others stay."""
    return replace(snapshot, zones=tuple(_judged(zone, snapshot.running) for zone in snapshot.zones))


def secondary_findings(zone: Zone, answers: Mapping[str, Answer]) -> tuple[Finding, ...]:
    """What is wrong with the other servers of a zone. `answers`: who (a name and address) to its SOA answer."""
    return tuple(_of_secondaries(zone, answers))


def _with_answer(zone: Zone, answer: Answer) -> Zone:
    if zone.view and (zone.serial_served is not None or zone.served_problem):
        return zone
    if answer.serial is not None and not answer.problem:
        return replace(zone, serial_served=answer.serial, served_problem="")
    if answer.silent and (zone.serial_served is not None or zone.served_problem):
        return zone
    problem = f"{UNASKED}{answer.problem}" if not answer.asked else answer.problem
    return replace(zone, serial_served=answer.serial, served_problem=problem)


def _judged(zone: Zone, running: bool) -> Zone:
    others = tuple(finding for finding in zone.findings if finding.id not in _IDS)
    own = tuple(_of_zone(zone, running)) if zone.serves else ()
    return replace(zone, findings=others + own)


UNASKED = "not asked: "
"""Begins the `served_problem` of a zone that the server could not be asked for at all."""

_IDS = {"S001", "S002", "S003", "S004", "S005", "S006"}


def _of_zone(zone: Zone, running: bool) -> Iterator[Finding]:
    file = Place(file=zone.file.path) if zone.file else Place(fact="named.conf")
    missing = zone.file is not None and zone.file.problem.startswith(("missing", "unreadable"))
    if zone.kind == "primary" and zone.file is not None and missing:
        yield Finding("S006", Severity.ERROR, zone.key, file, f"The zone's file is {zone.file.problem}.")
    if not running:
        return
    if zone.frozen:
        yield Finding(
            "S004", Severity.WARNING, zone.key, Place(fact="rndc zonestatus"),
            "The zone is frozen: it takes no dynamic updates until it is thawed.",
            source="rndc(8)", fix="thaw", hint="Somebody may be editing it; else thaw it.",
        )  # fmt: skip
    if zone.serial_served is None and zone.served_problem.startswith(UNASKED):
        yield Finding(
            "S003", Severity.WARNING, zone.key, Place(fact="served serial"),
            f"What named serves is not known: {zone.served_problem.removeprefix(UNASKED)}.",
            evidence=zone.served_problem, hint='With vantage = "here" in the inventory this machine asks.',
        )  # fmt: skip
    elif zone.serial_served is None and zone.served_problem:
        loading = zone.served_problem in ("SERVFAIL", "zone not loaded")
        yield Finding(
            "S003", Severity.ERROR, zone.key, Place(fact="served serial"),
            "The zone is not loaded." if loading else f"named does not serve the zone: {zone.served_problem}.",
            evidence=zone.served_problem, fix="reload" if loading and zone.editable else "",
            hint="Check the file; named's log has the reason." if loading else "",
        )  # fmt: skip
    if zone.kind == "primary" and not zone.signed and not zone.dynamic:
        yield from _disk_against_served(zone, file)


def _disk_against_served(zone: Zone, file: Place) -> Iterator[Finding]:
    disk, served = zone.serial_disk, zone.serial_served
    if disk is None or served is None:
        return
    order = serial.compare(disk, served)
    evidence = f"on disk {disk}, served {served}"
    if order == 1:
        yield Finding(
            "S001", Severity.WARNING, zone.key, file, "The file was edited but is not served yet.",
            evidence, "rndc(8)", "reload", "Reload the zone; if named refuses it, its log says why.",
        )  # fmt: skip
    elif order in (-1, None):
        yield Finding(
            "S002", Severity.ERROR, zone.key, file,
            "The file's serial is older than the one that is served: secondaries will not follow it once it is loaded.",
            evidence, "RFC 1982", "bump",
        )  # fmt: skip
    elif zone.file is not None and zone.loaded is not None and zone.file.mtime > zone.loaded + 1:
        yield Finding(
            "S005", Severity.WARNING, zone.key, file,
            "The file was written after named loaded it, and its serial is still the one that is served.",
            f"written {zone.file.mtime - zone.loaded:.0f} s after the load", "", "bump",
            "If records changed, bump the serial, or secondaries keep the old ones.",
        )  # fmt: skip


def _of_secondaries(zone: Zone, answers: Mapping[str, Answer]) -> Iterator[Finding]:
    own = zone.serial_served
    for who, answer in answers.items():
        where = Place(fact=f"served serial at {who}")
        if not answer.asked:
            continue
        if answer.silent:
            vantage = "this machine" if answer.vantage == "here" else "the host"
            why = f"{who} does not answer, asked from {vantage}: {answer.problem}."
            yield Finding("S009", Severity.ERROR, zone.key, where, why, source="RFC 2182 3.1")
        elif answer.problem:
            yield Finding("S009", Severity.ERROR, zone.key, where, f"{who} does not serve the zone: {answer.problem}.")
        elif answer.serial is not None and own is not None:
            order = serial.compare(answer.serial, own)
            evidence = f"there {answer.serial}, here {own}"
            if order == -1:
                yield Finding("S007", Severity.WARNING, zone.key, where, f"{who} serves an older serial.", evidence)
            elif order in (1, None):
                why = f"{who} serves a newer serial than this server: it will not fetch what is here."
                yield Finding("S008", Severity.ERROR, zone.key, where, why, evidence, "RFC 1982", "bump")
