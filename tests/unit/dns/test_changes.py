"""Plans for zones are values: what they hold, and what they refuse."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.change.plan import EditFile, Plan, RunCommand
from console.dns.changes import (
    NothingToDo,
    PlanRefused,
    plan_bump,
    plan_reload,
    plan_restore,
    plan_save,
    plan_sync,
    plan_thaw,
)
from console.dns.state import Snapshot, Zone, ZoneFile

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
BASE = b"; kept\n@ SOA ns h 2026112301 1 1 1 1\n NS ns\nns A 192.0.2.1\n"
EDITED = BASE.replace(b"192.0.2.1", b"192.0.2.2")
FILE = ZoneFile("/etc/bind/a", len(BASE), 1.0, "0" * 64, "bind", 0o644)
ZONE = Zone("a.test", "", "primary", FILE, 2026112301, 2026112301)
TOOLS = {"named-checkzone": "/usr/bin/named-checkzone", "rndc": "/usr/sbin/rndc", "dig": "/usr/bin/dig"}
HOST = Snapshot(
    "ns1",
    (ZONE,),
    "/etc/bind",
    "BIND 9.18",
    True,
    (("127.0.0.1", 53),),
    None,
    TOOLS,
    1.0,
    rndc=("/usr/sbin/rndc", "-k", "/k"),
)


def save(
    zone: Zone = ZONE,
    host: Snapshot = HOST,
    edited: bytes = EDITED,
    served: dict[str, int] | None = None,
    force: bool = False,
) -> Plan:
    return plan_save(
        replace(host, zones=(zone, *host.zones[1:])), zone, BASE, edited, served=served or {}, now=NOW, force=force
    )


def edit_of(plan: Plan) -> EditFile:
    (edit,) = (step for step in plan.steps if isinstance(step, EditFile))
    return edit


def commands(plan: Plan) -> list[str]:
    return [" ".join(step.argv[3:]) if isinstance(step, RunCommand) else "edit" for step in plan.steps]


def test_a_save_writes_bumps_checks_reloads_and_verifies() -> None:
    plan = save()
    assert plan.title == "Save zone a.test, serial 2026112301 → 2026112302"
    assert commands(plan) == ["edit", "reload a.test"]
    edit = edit_of(plan)
    assert edit.content == EDITED.replace(b"2026112301", b"2026112302")
    assert (edit.base, edit.path, edit.check_cwd, edit.check_accepts) == (BASE, "/etc/bind/a", "/etc/bind", (0,))
    assert edit.check[0] == "/usr/bin/named-checkzone"
    assert edit.check[-2:] == ("a.test", "{temp}")
    assert "fail" in edit.check
    reload = plan.steps[1]
    assert isinstance(reload, RunCommand)
    assert reload.verify is not None
    assert reload.undo_verify is not None
    assert reload.argv == reload.undo
    assert reload.verify.args[:4] == ("a.test", "", "2026112302", "")
    assert reload.undo_verify.args[2] == "2026112301"
    assert reload.verify.args[-3:] == ("/usr/sbin/rndc", "-k", "/k")
    assert plan.facts == {
        "zone": "a.test", "view": "", "file": "/etc/bind/a", "old_serial": "2026112301", "new_serial": "2026112302",
    }  # fmt: skip
    assert plan.warnings == ()


def test_nothing_changed_is_no_plan_and_no_bump() -> None:
    with pytest.raises(NothingToDo, match="serial stays"):
        save(edited=BASE)


def test_the_serial_is_newer_than_every_served_one() -> None:
    plan = save(served={"this server": 2026112301, "ns2": 2026112305})
    assert plan.facts["new_serial"] == "2026112306"
    with pytest.raises(PlanRefused, match="no serial is newer"):
        save(served={"ns2": (2026112301 + (1 << 31)) % (1 << 32)})


def test_a_serial_the_user_set_stays_when_it_is_newer() -> None:
    plan = save(edited=EDITED.replace(b"2026112301", b"2026112399"))
    assert edit_of(plan).content == EDITED.replace(b"2026112301", b"2026112399")
    only = save(edited=BASE.replace(b"2026112301", b"2026112310"))
    assert only.facts["new_serial"] == "2026112310"


@pytest.mark.parametrize(
    ("number", "served", "words"),
    [
        (b"2026112300", {}, "older than 2026112301 of the file"),
        (b"2026112303", {"ns2": 2026112304}, "older than 2026112304 of ns2"),
        (b"2026112303", {"ns2": 2026112303}, "ns2 has already"),
        (b"20261123001", {}, "32 bits"),
        (b"0", {}, "Serial 0"),
    ],
)
def test_a_serial_that_is_not_newer_is_refused_with_the_reason(
    number: bytes, served: dict[str, int], words: str
) -> None:
    with pytest.raises(PlanRefused, match=words):
        save(edited=EDITED.replace(b"2026112301", number), served=served)


def test_force_asks_the_checker_without_obeying() -> None:
    plan = save(force=True)
    assert edit_of(plan).check_accepts == ()
    assert "whatever it says" in plan.warnings[-1]


def test_a_dynamic_zone_is_frozen_around_it_and_thawed_in_any_case() -> None:
    plan = save(replace(ZONE, dynamic=True, journal=True))
    assert commands(plan) == ["freeze a.test", "edit", "thaw a.test"]
    thaw = plan.steps[2]
    assert isinstance(thaw, RunCommand)
    assert thaw.always
    assert thaw.verify is not None
    assert thaw.verify.args[2:4] == ("+2026112302", "thawed")
    assert thaw.undo_verify is not None
    assert thaw.undo_verify.args[2:4] == ("!2026112302", "thawed"), "an update may have moved the old serial"
    assert any("conflict" in warning for warning in plan.warnings)


def test_every_view_that_loads_the_file_is_reloaded_and_verified() -> None:
    inside, outside = replace(ZONE, view="in"), replace(ZONE, view="out")
    plan = save(inside, replace(HOST, zones=(inside, outside)))
    assert commands(plan) == ["edit", "reload a.test IN in", "reload a.test IN out"]
    probes = [step.verify.args[:3] for step in plan.steps if isinstance(step, RunCommand) and step.verify]
    assert probes == [("a.test", "in", "2026112302"), ("a.test", "out", "2026112302")]
    assert any("a.test/out" in warning for warning in plan.warnings)


def test_named_that_does_not_run_gets_its_file_and_a_warning() -> None:
    plan = save(host=replace(HOST, running=False))
    assert commands(plan) == ["edit"]
    assert "not running" in plan.warnings[0]


@pytest.mark.parametrize(
    ("zone", "host", "words"),
    [
        (replace(ZONE, kind="secondary"), HOST, "only a primary"),
        (replace(ZONE, file=None), HOST, "no file"),
        (replace(ZONE, file=replace(FILE, problem="raw format: not text")), HOST, "raw format"),
        (replace(ZONE, frozen=True), HOST, "Thaw it first"),
        (ZONE, replace(HOST, tools={"rndc": "/usr/sbin/rndc"}), "named-checkzone is not on this host"),
        (ZONE, replace(HOST, rndc=()), "rndc is not on this host"),
    ],
)
def test_what_cannot_be_edited_is_refused_with_the_reason(zone: Zone, host: Snapshot, words: str) -> None:
    with pytest.raises(PlanRefused, match=words):
        save(zone, host)


def test_a_file_without_a_soa_cannot_be_saved() -> None:
    with pytest.raises(PlanRefused, match="no SOA"):
        save(edited=b"$INCLUDE other\n")


def test_a_zone_that_was_never_loaded_has_no_old_serial_to_prove() -> None:
    plan = plan_save(HOST, ZONE, b"broken\n", BASE, served={}, now=NOW)
    reload = plan.steps[1]
    assert isinstance(reload, RunCommand)
    assert plan.facts["old_serial"] == "none"
    assert edit_of(plan).content == BASE


def test_a_bump_changes_the_serial_only() -> None:
    plan = plan_bump(HOST, ZONE, BASE, served={"ns2": 2026112307}, now=NOW)
    assert edit_of(plan).content == BASE.replace(b"2026112301", b"2026112308")
    with pytest.raises(PlanRefused, match="no SOA"):
        plan_bump(HOST, ZONE, b"", served={}, now=NOW)


def test_undo_brings_the_old_records_under_a_newer_serial() -> None:
    current = EDITED.replace(b"2026112301", b"2026112302")
    plan = plan_restore(HOST, {"zone": "a.test", "view": ""}, current, BASE, served={"ns2": 2026112304}, now=NOW)
    assert edit_of(plan).base == current
    assert edit_of(plan).content == BASE.replace(b"2026112301", b"2026112305")
    with pytest.raises(PlanRefused, match="not on ns1"):
        plan_restore(HOST, {"zone": "gone.test"}, current, BASE, served={}, now=NOW)
    with pytest.raises(NothingToDo, match="already"):
        plan_restore(HOST, {"zone": "a.test", "view": ""}, BASE, BASE, served={}, now=NOW)


def test_a_serial_that_is_too_large_can_be_mended_and_never_counts() -> None:
    broken = BASE.replace(b"2026112301", b"20261123011")
    served = {"this server": 2026112301}

    def mended(number: bytes) -> Plan:
        return plan_save(HOST, ZONE, broken, BASE.replace(b"2026112301", number), served=served, now=NOW)

    assert mended(b"2026112302").facts["new_serial"] == "2026112302"
    with pytest.raises(PlanRefused, match="is the one that this server has"):
        mended(b"2026112301")
    with pytest.raises(PlanRefused, match="does not fit in 32 bits"):
        mended(b"20261123012")
    with pytest.raises(PlanRefused, match="does not fit in 32 bits"):
        plan_bump(HOST, ZONE, broken, served=served, now=NOW)
    with pytest.raises(PlanRefused, match="does not fit in 32 bits"):
        plan_restore(HOST, {"zone": "a.test"}, broken, BASE, served=served, now=NOW)


def test_a_first_serial_must_be_newer_than_what_is_served() -> None:
    without = BASE.replace(b"2026112301 1 1 1 1", b"")
    with pytest.raises(PlanRefused, match="older than 2026112301 of ns2"):
        plan_save(HOST, ZONE, without, BASE.replace(b"2026112301", b"7"), served={"ns2": 2026112301}, now=NOW)


def test_a_signed_zone_is_reloaded_by_the_serial_of_its_file() -> None:
    signed = replace(ZONE, signed=True, serial_disk=2026112302, serial_served=2026112309)
    (step,) = plan_reload(HOST, signed).steps
    assert isinstance(step, RunCommand)
    assert step.undo_verify is not None
    assert step.undo_verify.args[2] == ""


def test_reload_wants_a_file_that_is_not_older() -> None:
    edited = replace(ZONE, serial_disk=2026112309)
    plan = plan_reload(HOST, edited)
    assert commands(plan) == ["reload a.test"]
    with pytest.raises(PlanRefused, match="bump it first"):
        plan_reload(HOST, replace(ZONE, serial_disk=5))
    with pytest.raises(PlanRefused, match="dynamic"):
        plan_reload(HOST, replace(edited, dynamic=True))
    with pytest.raises(PlanRefused, match="not running"):
        plan_reload(replace(HOST, running=False), edited)


def test_thaw_and_sync() -> None:
    plan = plan_thaw(HOST, replace(ZONE, dynamic=True, frozen=True))
    assert commands(plan) == ["thaw a.test"]
    with pytest.raises(NothingToDo):
        plan_thaw(HOST, ZONE)
    assert commands(plan_sync(HOST, replace(ZONE, dynamic=True))) == ["sync a.test"]
    with pytest.raises(PlanRefused, match="not dynamic"):
        plan_sync(HOST, ZONE)


def test_names_from_the_host_are_only_ever_arguments() -> None:
    hostile = replace(ZONE, name="a;$(id).test", file=replace(FILE, path="/etc/bind/a;`id`"))
    plan = save(hostile)
    scripts = [step.verify.script for step in plan.steps if isinstance(step, RunCommand) and step.verify]
    assert scripts
    assert all("a;" not in script for script in scripts)
