"""A picture of every screen and dialog, at 80x24 and 120x40. Paths, times and ids in them are the same everywhere."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.change.entry import JournalEntry
from console.change.journal import Journal
from console.change.outcome import Outcome, State, StepEvent
from console.change.plan import EditFile, Plan, Probe, Risk, RunCommand
from console.dns.namedlog import LogEvent, parse_line
from console.dns.propagation import State as Standing
from console.dns.propagation import Target, Update
from console.evidence import Evidence, EvidenceBook
from console.inventory import BUILT_IN, Host, Inventory, Kind, Mode
from console.remote.connection import Connection
from console.remote.prompter import Ask, HostKeyQuestion, Prompter, Question
from console.sandbox.files import BUILT, build
from console.sandbox.host import Sandbox
from console.wrapped import Recorded
from screens.app import OpsApp
from screens.dialogs.ask import AskHostKey, AskSecret
from screens.dialogs.conflict import ConflictDialog
from screens.dialogs.evidence import pages
from screens.dialogs.plan import PlanDialog
from screens.dialogs.run import RunDialog
from screens.session import Session
from tests.screens.kit import OBSERVED, Desk

BOX = Path("/tmp/opsconsole-pictures")
NOW = datetime(2026, 11, 23, 5, 15, 7, tzinfo=UTC)
SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((120, 40), id="120x40")]
TRANSACTION = "20261123T051500Z-1f2e3d4c"
FILE = "/etc/bind/zones/db.example.net"
DOCS = Path(__file__).parents[2] / "docs"

PRODUCTION = Host(
    "ns1", Kind.SSH, "ns1.example.net", user="admin", source="hosts.toml", label="production", mode=Mode.ACT
)
HOSTS = Inventory(
    (PRODUCTION, Host("mx", ssh="mx", source="~/.ssh/config"), *BUILT_IN),
    Path("/home/admin/.config/opsconsole/hosts.toml"),
    present=True,
)


class Clock(datetime):
    """`datetime` at the moment of the pictures."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Clock:
        return cls.fromtimestamp(NOW.timestamp(), tz)


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wherever a time of day comes from, it is NOW, in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    for module in ("console.dns.desk", "console.dns.check", "screens.zones"):
        monkeypatch.setattr(f"{module}.datetime", Clock)
    monkeypatch.setattr("screens.zones.time", SimpleNamespace(time=NOW.timestamp))
    monkeypatch.setattr("console.dns.probe.time", NOW.timestamp)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def box() -> Iterator[Path]:
    """A fresh sandbox at the one place that the pictures show; one test at a time has it."""
    with BOX.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(BOX, ignore_errors=True)
        build(BOX)
        for path in BOX.rglob("*"):
            os.utime(path, (BUILT, BUILT), follow_symlinks=False)
        yield BOX
        shutil.rmtree(BOX)


class Kept(Journal):
    """A journal with these entries, wherever it is."""

    def __init__(self, entries: list[JournalEntry]) -> None:
        super().__init__(Path("/home/admin/.local/state/opsconsole/journal"))
        self._kept = entries

    def entries(self) -> list[JournalEntry]:
        return self._kept


def console(*entries: JournalEntry, host: str = "", hosts: Inventory = HOSTS) -> OpsApp:
    def connect(chosen: Host, prompter: Prompter) -> Connection:
        return Sandbox(prompter, name=chosen.name, directory=BOX)

    return OpsApp(hosts, connect, Kept(list(entries)), host)


def entry(number: int, state: State | None, title: str, reason: str) -> JournalEntry:
    began = f"2026-11-2{number}T05:15:00.118+00:00"
    events: tuple[dict[str, Any], ...] = (
        {"at": 0.0, "step": 0, "phase": "check", "message": "named-checkzone accepts it", "exit_status": 0},
        {"at": 0.31, "step": 1, "phase": "run", "message": "rndc ended", "exit_status": 0, "output": "queued\n"},
    )  # fmt: skip
    return JournalEntry(
        f"2026112{number}T051500Z-1f2e3d4c", number, began, "jo", "/dev/pts/3", "ns1", "admin@192.0.2.1:22", "admin",
        "sudo", "dns", "example.net", title, Risk.MEDIUM, "9f86d081884c7d659a2feaa0c55ad015" * 2, True,
        {"zone": "example.net", "view": "", "old_serial": "2026110201", "new_serial": "2026112301"}, {},
        state, reason, began, 0.9, events,
    )  # fmt: skip


ENTRIES = (
    entry(0, State.CONFLICT, "Save zone example.org, serial 41 → 42", f"{FILE} was changed since it was read"),
    entry(1, State.ROLLED_BACK, "Save zone shop.example, serial 2026101503 → 2026112101", "the old state is back"),
    entry(2, None, "Bump serial of zone example.net, 2026110201 → 2026112201", ""),
    entry(3, State.APPLIED, "Save zone example.net, serial 2026110201 → 2026112301", "every step was done and seen"),
)  # fmt: skip


def plan(**more: Any) -> Plan:
    base = (
        b"$TTL 3600\n@\tIN\tSOA\tns1 hostmaster (\n\t\t\t2026110201 ; serial\n\t\t\t14400 3600 1209600 600 )\n"
        b"www\t300\tIN\tA\t192.0.2.80\nblog\tIN\tCNAME\twww\n"
    )
    content = base.replace(b"2026110201", b"2026112301").replace(b"192.0.2.80", b"192.0.2.81")
    tool = "/usr/bin/named-checkzone"
    served = Probe("zone example.net is served with serial 2026112301", "exit 0")
    before = Probe("zone example.net is served as before", "exit 0")
    reload = ("/usr/sbin/rndc", "reload", "example.net")
    steps = (
        EditFile(FILE, "the zone's text, with serial 2026112301", base, content, (tool, "-i", "local", "{temp}")),
        RunCommand(reload, "named loads the zone", verify=served, undo=reload, undo_verify=before),
    )
    title = "Save zone example.net, serial 2026110201 → 2026112301"
    return Plan("ns1", "dns", "example.net", title, steps, **more)


def events(*last: StepEvent) -> list[StepEvent]:
    kept = f"/var/backups/opsconsole/{TRANSACTION}/0"
    return [
        StepEvent(0, "check", "named-checkzone accepts it", b"zone example.net/IN: loaded serial 2026112301\nOK\n", 0),
        StepEvent(0, "write", f"{FILE} is replaced; the original is in {kept}", at=0.1),
        StepEvent(1, "run", "rndc ended", b"zone reload queued\n", 0, 0.2),
        *last,
    ]


SEEN = StepEvent(1, "verify", "seen: zone example.net is served with serial 2026112301", b"name: example.net", 0, 0.4)
BACK = (
    StepEvent(1, "verify", "not reached: zone example.net is served with serial 2026112301", b"not loaded", 2, 0.4),
    StepEvent(0, "undo", f"{FILE} is as it was before", at=0.5),
    StepEvent(1, "undo", "rndc ended", b"zone reload queued\n", 0, 0.6),
    StepEvent(1, "undo-verify", "seen: zone example.net is served as before", b"", 0, 0.8),
)
SECONDARY = "client @0x7ff4e0e1f898 192.0.2.53#44301 (example.net): transfer of 'example.net/IN': "
LOG = (
    "2026-11-23T05:15:01.161 general: info: received control channel command 'reload example.net'",
    "2026-11-23T05:15:01.164 zoneload: info: zone example.net/IN: loaded serial 2026112301",
    "2026-11-23T05:15:01.165 notify: info: zone example.net/IN: sending notifies (serial 2026112301)",
    f"2026-11-23T05:15:03.204 xfer-out: info: {SECONDARY}AXFR-style IXFR started (serial 2026112301)",
    f"2026-11-23T05:15:03.205 xfer-out: info: {SECONDARY}AXFR-style IXFR ended: 1 messages, 17 records, 512 bytes, "
    "0.001 secs (512000 bytes/sec) (serial 2026112301)",
)
NS1, NS2 = Target("ns1.example.net", "192.0.2.1"), Target("ns2.example.net", "192.0.2.53")
NS3 = Target("ns.partner.example", "203.0.113.9")


def followed(target: Target, at: float) -> Update:
    text = "It serves 2026112301 (asked from the host)."
    return Update(target, Standing.FOLLOWED, text, serial=2026112301, final=True, at=at)


def logged(line: str) -> LogEvent:
    return parse_line(line)


# What each picture shows: a function that brings the app there.

Scene = Callable[[Desk], Any]


async def hosts_filter(here: Desk) -> None:
    await here.press("slash", "s")


async def command_line(here: Desk) -> None:
    await here.press("colon", "j")


async def palette(here: Desk) -> None:
    await here.press("ctrl+p")
    await here.sees("Hosts (hosts)")
    await here.until(lambda: not any(worker.is_running for worker in here.app.workers))


async def journal(here: Desk) -> None:
    await here.press("9")
    await here.sees("When (UTC)")


async def journal_entry(here: Desk) -> None:
    await journal(here)
    await here.until(lambda: "applied" in here.text)
    await here.press("enter")
    await here.sees("transaction")


async def errors(here: Desk) -> None:
    here.app.fail("ns1: no answer from 192.0.2.1 port 22 within 8 s. Is the host up, and the firewall open?")
    here.app.fail("another")
    await here.pilot.pause()


async def helping(here: Desk) -> None:
    await here.press("question_mark")


def session(here: Desk, *, acting: bool = True) -> Session:
    def never() -> Connection:
        raise AssertionError("no picture needs a host")

    here.app.session = Session(PRODUCTION, Recorded("ns1", never, EvidenceBook()), acting=acting)
    return here.app.session


async def push(here: Desk, dialog: Any) -> None:
    here.app.push_screen(dialog)
    await here.pilot.pause()


async def plan_act(here: Desk) -> None:
    session(here)
    await push(here, PlanDialog(plan()))


async def plan_observe(here: Desk) -> None:
    session(here, acting=False)
    await push(here, PlanDialog(plan(warnings=("Somebody may have frozen it to edit the file just now.",))))


async def plan_high(here: Desk) -> None:
    session(here)
    await push(here, PlanDialog(plan(risk=Risk.HIGH)))


async def running(here: Desk) -> None:
    session(here)
    run = RunDialog(plan())
    await push(here, run)
    run.follow((NS1, NS2))
    for event in events():
        run.step(event)
    run.logged(logged(LOG[0]))
    await here.sees("on the host; it finishes there", "05:15:01 received")


async def saved(here: Desk) -> None:
    session(here)
    run = RunDialog(plan())
    await push(here, run)
    run.follow((NS1, NS2, NS3))
    for event in events(SEEN):
        run.step(event)
    for line in LOG:
        run.logged(logged(line))
    run.ended(Outcome(State.APPLIED, TRANSACTION, "every step was done and seen", duration=0.5))
    run.update_server(followed(NS1, 0.0))
    run.update_server(followed(NS2, 3.1))
    await here.until(lambda: here.text.count("05:15:03") == 3 and "203.0.113.9" in here.text)


async def all_followed(here: Desk) -> None:
    await saved(here)
    run = here.app.screen
    assert isinstance(run, RunDialog)
    run.update_server(followed(NS3, 4.2))
    run.finish()
    await here.sees("Done. Esc closes.")


async def one_lags(here: Desk) -> None:
    await saved(here)
    run = here.app.screen
    assert isinstance(run, RunDialog)
    why = "It still serves 2026110201 (asked from the host): it was not notified, and asks by itself every 4 hours."
    run.update_server(Update(NS3, Standing.NOT_NOTIFIED, why, serial=2026110201, final=True, at=30.0))
    run.finish()
    await here.sees("Done. Esc closes.")


async def rolled_back(here: Desk) -> None:
    session(here)
    run = RunDialog(plan())
    await push(here, run)
    for event in events(*BACK):
        run.step(event)
    run.ended(Outcome(State.ROLLED_BACK, TRANSACTION, "not served; the old state is back", duration=0.9))
    run.finish()
    await here.sees("Done. Esc closes.")


async def lost(here: Desk) -> None:
    session(here)
    run = RunDialog(plan())
    await push(here, run)
    run.step(events()[0])
    run.ended(Outcome(State.UNKNOWN, TRANSACTION, "the link went while the host was at work", duration=8.0))
    run.finish()
    await here.sees("Done. Esc closes.")


async def conflict(here: Desk) -> None:
    base = b"$TTL 3600\nwww A 192.0.2.80\nblog CNAME www\n"
    mine = base.replace(b"192.0.2.80", b"192.0.2.81")
    theirs = base + b"shop A 192.0.2.90\n"
    await push(here, ConflictDialog(FILE, base, mine, theirs))


async def confirm(here: Desk) -> None:
    from screens.dialogs.confirm import Confirm

    said = "✖ named line 28: near '192.0.2.999': bad dotted quad"
    question = f"named would refuse this zone:\n\n{said}\n\nSave it all the same?"
    await push(here, Confirm(question, "Plan it, forced"))


async def evidence(here: Desk) -> None:
    item = Evidence("named-checkzone example.net (a copy)", "named-checkzone -i local example.net .db.tmp", NOW, 0.031,
                    "exit 0", b"zone example.net/IN: loaded serial 2026112301\nOK\n")  # fmt: skip
    here.app.show_text("Evidence, newest first", pages([item]))
    await here.pilot.pause()


async def password(here: Desk) -> None:
    await push(here, AskSecret(Question(Ask.SUDO, "ns1", "admin", "[sudo] password for admin:", failed=True)))
    await here.type("hunter2")


async def host_key(here: Desk) -> None:
    fingerprint = "SHA256:n9XyGbCR4FsYc7M4uQWd3Tt0mG2b1r0cV5oJ8sLkPqE"
    question = HostKeyQuestion(
        "ns1.example.net", "192.0.2.1", "ssh-ed25519", fingerprint, "/home/admin/.ssh/known_hosts", ("ssh-rsa",)
    )
    await push(here, AskHostKey(question))


ALONE: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        hosts_filter, command_line, palette, journal, journal_entry, errors, helping, plan_act, plan_observe, plan_high,
        running, saved, one_lags, rolled_back, lost, conflict, confirm, evidence, password, host_key,
    )
}  # fmt: skip


async def zones(here: Desk) -> None:
    await here.zones()
    await here.press("c")
    await here.sees("✔ 2/2 equal")


async def zone_with_findings(here: Desk) -> None:
    await here.zones()
    await here.press("down", "down")


async def editing(here: Desk) -> None:
    await here.edit("shop.example")


async def edited(here: Desk) -> None:
    screen = await here.edit()
    await here.press("ctrl+f")
    await here.type("192.0.2.80")
    await here.press("enter", "delete")
    await here.until(lambda: screen.edited and bool(screen.findings) and not screen.checking)
    await here.press("f5")
    await here.until(lambda: any(finding.id == "named" for finding in screen.findings) and not screen.checking)


async def watch(here: Desk) -> None:
    await here.zones()
    await here.press("w")
    await here.sees("203.0.113.66 transfer denied")
    await here.press("v")
    await here.until(lambda: "running" not in here.text and "transfer denied" in here.text)


ON_SANDBOX: dict[str, Scene] = {
    scene.__name__: scene for scene in (zones, zone_with_findings, editing, edited, watch)
}  # fmt: skip


def at(app: OpsApp, scene: Scene) -> Callable[[Any], Any]:
    async def go(pilot: Any) -> None:
        await pilot.pause()
        here = Desk(app, pilot, BOX)
        await scene(here)
        # The first look at the link draws the bars once more; it comes by the clock.
        await here.until(lambda: app.session is None or app._link_shown is app.session.connection.state)
        before = ""
        while before != here.text:  # layout settles in passes
            before = here.text
            await pilot.pause(0.2)

    return go


@pytest.mark.parametrize("size", SIZES)
def test_hosts(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size)


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_journal(snap_compare: Any, size: tuple[int, int]) -> None:
    app = console()
    assert snap_compare(app, terminal_size=size, run_before=at(app, journal))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ALONE)
def test_without_a_host(snap_compare: Any, size: tuple[int, int], name: str) -> None:
    app = console(*(ENTRIES if "journal" in name else ()))
    assert snap_compare(app, terminal_size=size, run_before=at(app, ALONE[name]))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ON_SANDBOX)
@pytest.mark.usefixtures("box")
def test_on_the_sandbox(snap_compare: Any, size: tuple[int, int], name: str) -> None:
    app = console(host="sandbox")
    assert snap_compare(app, terminal_size=size, run_before=at(app, ON_SANDBOX[name]))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.usefixtures("box")
def test_zones_in_observe_mode(snap_compare: Any, size: tuple[int, int]) -> None:
    app = console(host="sandbox", hosts=Inventory((OBSERVED,), HOSTS.path, present=True))
    assert snap_compare(app, terminal_size=size, run_before=at(app, zones))


async def test_the_readme_shows_what_the_console_shows() -> None:
    """`UPDATE_DOCS=1` writes the picture anew."""
    app = console()
    async with app.run_test(size=(100, 30)) as pilot:
        await all_followed(Desk(app, pilot, BOX))
        made = re.sub(r"\bterminal-\d+-", "terminal-", app.export_screenshot(title="opsconsole", simplify=True))
    if os.environ.get("UPDATE_DOCS"):
        DOCS.mkdir(exist_ok=True)
        (DOCS / "save.svg").write_text(made)
    assert (DOCS / "save.svg").read_text() == made
