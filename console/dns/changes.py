"""Plans for zones: what one wants, turned into steps that are checked, verified and undone. Pure.

`rndc` proves nothing by its exit status (`reload` of a broken zone: 0; `thaw` that failed: 0), so every step is seen by
`served.sh`: `rndc zonestatus` for each view, and a SOA question where dig is on the host and no views get in the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from console.change.plan import EditFile, Plan, Probe, Risk, RunCommand, Step
from console.dns import checkzone, serial, zonefile
from console.dns.probe import script
from console.dns.state import Snapshot, Zone
from console.dns.zonefile import ZoneText

_LOAD_SECONDS = 10.0
_SECONDS_PER_MEGABYTE = 2.0
"""named loads about 5 MB (100,000 records) in 0.5 s; four times that is given to a busy host."""


class PlanRefused(ValueError):
    """There is no such plan; str() is the reason, one sentence."""


class NothingToDo(PlanRefused):
    """The wish is fulfilled already."""


def plan_save(
    snapshot: Snapshot,
    zone: Zone,
    base: bytes,
    edited: bytes,
    *,
    served: Mapping[str, int],
    now: datetime,
    force: bool = False,
) -> Plan:
    """Writes `edited` over `base`, with a newer serial unless the user gave one, and has named serve it.

    Args:
        served: who (`this server`, `ns2.example.com 192.0.2.2`) to the serial it serves now.
        now: aware; for serials made of dates.
        force: named-checkzone is asked, but its verdict does not decide.

    Raises:
        NothingToDo: nothing was changed.
        PlanRefused: the zone cannot be edited, or the serial the user gave is not newer.
    """
    _must_be_editable(snapshot, zone)
    if edited == base:
        raise NothingToDo(f"Nothing was changed in {zone.name}; the serial stays as it is.")
    old = zonefile.parse(base, zone.name)
    new = zonefile.parse(edited, zone.name)
    if new.serial_problem or new.serial is None:
        raise PlanRefused(new.serial_problem or "The file has no serial.")
    content, number, before = edited, new.serial, _loadable(old.serial)
    if before is None or new.serial != before:
        reason = serial.judge(new.serial, before, () if zone.signed else served.items())
        if reason is not None:
            raise PlanRefused(reason)
    else:
        number = _next(before, now, served)
        content = zonefile.with_serial(new, number)
    title = f"Save zone {zone.name}, serial {_shown(old.serial)} → {number}"
    return _plan(snapshot, zone, title, base, content, old.serial, number, force=force)


def plan_bump(snapshot: Snapshot, zone: Zone, base: bytes, *, served: Mapping[str, int], now: datetime) -> Plan:
    """A newer serial and nothing else, so that secondaries fetch what they missed.

    Raises:
        PlanRefused: the zone cannot be edited, or its file has no serial.
    """
    _must_be_editable(snapshot, zone)
    text = zonefile.parse(base, zone.name)
    before = _serial_of(text)
    number = _next(before, now, served)
    title = f"Bump serial of zone {zone.name}, {before} → {number}"
    return _plan(snapshot, zone, title, base, zonefile.with_serial(text, number), before, number)


def plan_restore(
    snapshot: Snapshot,
    facts: Mapping[str, str],
    current: bytes,
    old: bytes,
    *,
    served: Mapping[str, int],
    now: datetime,
) -> Plan:
    """Undo of a save: the records of `old`, under a serial newer than all that were published since.

    Args:
        facts: `zone` and `view` of the plan that is undone.

    Raises:
        NothingToDo: the file holds those records already.
        PlanRefused: the zone is gone, or cannot be edited.
    """
    zone = snapshot.zone(facts.get("zone", ""), facts.get("view", ""))
    if zone is None:
        raise PlanRefused(f"Zone {facts.get('zone', '?')} is not on {snapshot.host} any more.")
    _must_be_editable(snapshot, zone)
    present = zonefile.parse(current, zone.name)
    wanted = zonefile.parse(old, zone.name)
    before = _serial_of(present)
    if wanted.serial_problem:
        raise PlanRefused(wanted.serial_problem)
    if zonefile.with_serial(wanted, before) == current:
        raise NothingToDo(f"Zone {zone.name} holds the old records already.")
    number = _next(before, now, served)
    title = f"Restore zone {zone.name} as it was at serial {wanted.serial}, under serial {number}"
    return _plan(snapshot, zone, title, current, zonefile.with_serial(wanted, number), before, number)


def plan_reload(snapshot: Snapshot, zone: Zone) -> Plan:
    """Has named load the file as it is on disk.

    Raises:
        PlanRefused: named is not running, the zone is dynamic, or the file's serial is not newer than the served one.
    """
    _must_be_editable(snapshot, zone)
    if not snapshot.running:
        raise PlanRefused("named is not running.")
    if zone.dynamic:
        raise PlanRefused(f"Zone {zone.name} is dynamic: named keeps its file and does not reload it.")
    if zone.serial_disk is None:
        raise PlanRefused("The serial on disk is not known.")
    served = None if zone.signed else zone.serial_served
    if served is not None and serial.newer(served, zone.serial_disk):
        raise PlanRefused(
            f"The file's serial {zone.serial_disk} is older than {served}, which is served: bump it first."
        )
    before = _numbers(served)
    steps = tuple(_reload(snapshot, each, zone.serial_disk, before) for each in _loaders(snapshot, zone))
    return Plan(
        snapshot.host, "dns", zone.name, f"Reload zone {zone.name}, serial {zone.serial_disk}", steps,
        lock=zone.file.path if zone.file else "",
        warnings=("The file stays as it is on disk: if named does not load it, the old zone is served on.",),
        facts=_facts(zone, zone.serial_served, zone.serial_disk),
    )  # fmt: skip


def plan_thaw(snapshot: Snapshot, zone: Zone) -> Plan:
    """Lets named take dynamic updates again.

    Raises:
        NothingToDo: the zone is not frozen.
        PlanRefused: named is not running, or there is no rndc.
    """
    _must_reach_named(snapshot)
    if not zone.frozen:
        raise NothingToDo(f"Zone {zone.name} is not frozen.")
    accepted = _numbers(zone.serial_disk, zone.serial_served)
    step = RunCommand(
        _rndc(snapshot, "thaw", zone), "updates are taken again; the file is loaded if it was changed",
        verify=_seen(snapshot, zone, accepted, "is thawed and served", thawed=True),
        undo=_rndc(snapshot, "freeze", zone), undo_verify=_seen(snapshot, zone, (), "is as it was"),
    )  # fmt: skip
    return Plan(
        snapshot.host, "dns", zone.name, f"Thaw zone {zone.name}", (step,),
        lock=zone.file.path if zone.file else "",
        warnings=("Somebody may have frozen it to edit the file just now.",),
        facts=_facts(zone, zone.serial_served, zone.serial_disk),
    )  # fmt: skip


def plan_sync(snapshot: Snapshot, zone: Zone) -> Plan:
    """Has named write the journal of a dynamic zone into its file, so that the file can be read as it is served.

    Raises:
        PlanRefused: the zone is not dynamic or frozen, named is not running, or there is no rndc.
    """
    _must_reach_named(snapshot)
    if not zone.dynamic:
        raise PlanRefused(f"Zone {zone.name} is not dynamic: its file is complete.")
    step = RunCommand(
        _rndc(snapshot, "sync", zone), "named writes its journal into the zone file",
        verify=_seen(snapshot, zone, (), "answers"), undo_verify=_seen(snapshot, zone, (), "answers"),
    )  # fmt: skip
    return Plan(
        snapshot.host, "dns", zone.name, f"Write the journal of zone {zone.name} into its file", (step,), Risk.LOW,
        lock=zone.file.path if zone.file else "",
        warnings=("named writes the file in its own form: comments and order are lost.",),
        facts=_facts(zone, zone.serial_served, zone.serial_served),
    )  # fmt: skip


def _plan(
    snapshot: Snapshot,
    zone: Zone,
    title: str,
    base: bytes,
    content: bytes,
    old: int | None,
    new: int,
    *,
    force: bool = False,
) -> Plan:
    if zone.file is None:
        raise PlanRefused(f"Zone {zone.name} has no file.")
    edit = EditFile(
        path=zone.file.path,
        why=f"the zone's text, with serial {new}",
        base=base,
        content=content,
        check=checkzone.check_argv(zone.name, "{temp}", snapshot.directory, snapshot.tools["named-checkzone"]),
        check_cwd=snapshot.directory,
        check_accepts=() if force else (0,),
    )
    loaders = _loaders(snapshot, zone) if snapshot.running else ()
    frozen = [each for each in loaders if each.dynamic]
    steps: list[Step] = [
        RunCommand(
            _rndc(snapshot, "freeze", each),
            "named writes its journal into the file and takes no updates",
            all_or_nothing=True,
        )
        for each in frozen
    ]
    steps.append(edit)
    steps.extend(
        _reload(snapshot, each, new, _numbers(old, each.serial_served)) for each in loaders if not each.dynamic
    )
    steps.extend(_thaw(snapshot, each, new) for each in frozen)
    warnings = list(_warnings(snapshot, zone, loaders))
    if force:
        warnings.append("named-checkzone is asked, but the zone is written whatever it says.")
    return Plan(
        snapshot.host, "dns", zone.name, title, tuple(steps),
        lock=zone.file.path, warnings=tuple(warnings), facts=_facts(zone, old, new),
    )  # fmt: skip


def _warnings(snapshot: Snapshot, zone: Zone, loaders: Iterable[Zone]) -> Iterable[str]:
    if not snapshot.running:
        yield "named is not running: the file is written, but nobody serves it yet."
    others = [each.key for each in loaders if each.key != zone.key]
    if others:
        yield f"The same file is loaded by {', '.join(others)}: they are reloaded and verified too."
    if zone.dynamic:
        yield "The zone is dynamic: it takes no updates while this runs; later named rewrites the file in its own form."
        if zone.journal:
            yield (
                "A journal is there: freezing may rewrite the file. Then this ends as a conflict with nothing lost; "
                "write the journal into the file first and read it again."
            )
    if zone.signed:
        yield "named signs this zone and counts the signed serial itself; the one verified is that of the file."
    if snapshot.chroot:
        yield f"named runs in {snapshot.chroot}: an $INCLUDE with an absolute path is checked outside of it."


def _reload(snapshot: Snapshot, zone: Zone, new: int, before: Iterable[int]) -> RunCommand:
    argv = _rndc(snapshot, "reload", zone)
    return RunCommand(
        argv, f"named loads the file{_in_view(zone)}",
        verify=_seen(snapshot, zone, (new,), f"is served with serial {new}"),
        undo=argv, undo_verify=_seen(snapshot, zone, tuple(before), "is served as before"),
    )  # fmt: skip


def _thaw(snapshot: Snapshot, zone: Zone, new: int) -> RunCommand:
    undone = _seen(snapshot, zone, (f"!{new}",), "is thawed, and what we wrote is not served", thawed=True)
    if zone.signed:
        # Signing counts on at once, up to the very number that we wrote.
        undone = _seen(snapshot, zone, ("+",), "is thawed, and its file loads", thawed=True)
    return RunCommand(
        _rndc(snapshot, "thaw", zone), f"named loads the file{_in_view(zone)} and takes updates again",
        verify=_seen(snapshot, zone, (f"+{new}",), f"is thawed and served with serial {new} or newer", thawed=True),
        undo=_rndc(snapshot, "freeze", zone),
        # An update may have come in between and moved the serial: then it is as before, and more.
        undo_verify=undone,
        always=True,
    )  # fmt: skip


def _seen(snapshot: Snapshot, zone: Zone, serials: Iterable[int | str], what: str, *, thawed: bool = False) -> Probe:
    """Looks with served.sh; without serials any answer of named will do."""
    address, port = snapshot.listens[0] if snapshot.listens else ("", 0)
    dig = snapshot.tools.get("dig", "") if address and not zone.view and not zone.signed else ""
    file = zone.file
    size = file.size if file else 0
    return Probe(
        what=f"zone {zone.key} {what}",
        script=script("served.sh"),
        args=(
            zone.name, zone.view, " ".join(map(str, serials)), "thawed" if thawed else "",
            file.path if file else "", snapshot.directory, snapshot.tools.get("named-checkzone", ""),
            dig, address, str(port), *snapshot.rndc,
        ),
        within=_LOAD_SECONDS + _SECONDS_PER_MEGABYTE * size / 1e6,
    )  # fmt: skip


def _loaders(snapshot: Snapshot, zone: Zone) -> tuple[Zone, ...]:
    """Every primary zone statement that loads the file, the zone itself first."""
    others = (each for each in snapshot.sharing(zone) if each.kind == "primary" and each.key != zone.key)
    return (zone, *others)


def _rndc(snapshot: Snapshot, verb: str, zone: Zone) -> tuple[str, ...]:
    return (*snapshot.rndc, verb, zone.name, *(("IN", zone.view) if zone.view else ()))


def _must_be_editable(snapshot: Snapshot, zone: Zone) -> None:
    if zone.kind != "primary":
        raise PlanRefused(f"Zone {zone.key} is of type {zone.kind or 'unknown'}: only a primary is edited here.")
    if zone.file is None:
        raise PlanRefused(f"Zone {zone.key} has no file.")
    if zone.file.problem:
        raise PlanRefused(f"{zone.file.path}: {zone.file.problem}.")
    if zone.frozen:
        raise PlanRefused(f"Zone {zone.key} is frozen: somebody may be editing it. Thaw it first.")
    if "named-checkzone" not in snapshot.tools:
        raise PlanRefused("named-checkzone is not on this host (package bind9-utils): the zone could not be checked.")
    if snapshot.running:
        _must_reach_named(snapshot)


def _must_reach_named(snapshot: Snapshot) -> None:
    if not snapshot.running:
        raise PlanRefused("named is not running.")
    if not snapshot.rndc:
        raise PlanRefused("rndc is not on this host: named could not be told of the change.")


def _loadable(number: int | None) -> int | None:
    """A serial that named can have loaded; nothing need be newer than one that is too large."""
    return number if number is not None and number <= serial.MAX else None


def _serial_of(text: ZoneText) -> int:
    if text.serial_problem or text.serial is None:
        raise PlanRefused(text.serial_problem or "The file has no serial.")
    if _loadable(text.serial) is None:
        raise PlanRefused(f"Serial {text.serial} does not fit in 32 bits: write another one in the text and save that.")
    return text.serial


def _next(old: int, now: datetime, served: Mapping[str, int]) -> int:
    try:
        return serial.next_serial(old, now, above=served.values())
    except ValueError as error:
        raise PlanRefused(f"{error}; repair the serial in two steps first.") from error


def _numbers(*serials: int | None) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for number in serials if number is not None))


def _facts(zone: Zone, old: int | None, new: int | None) -> dict[str, str]:
    return {
        "zone": zone.name,
        "view": zone.view,
        "file": zone.file.path if zone.file else "",
        "old_serial": _shown(old),
        "new_serial": _shown(new),
    }


def _shown(number: int | None) -> str:
    return "none" if number is None else str(number)


def _in_view(zone: Zone) -> str:
    return f" for view {zone.view}" if zone.view else ""
