"""Zones by the console's own keys on 80×24, on a real name server over SSH."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest

from console.change.outcome import State
from console.dns import desk
from tests.live.driving import Cli, added, console, in_thread, without_serial
from tests.live.gate import MOMENTS, gate
from tests.live.lab import SERIALS, ZONE_FILES, Lab, until
from tests.live.test_zone_faults import finished_on_host, run_ahead
from tests.live.test_zones import LINE, mtime, text_of, tidy, untouched

ZONE = "lab.example"
SHOP = "shop.example"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    place.mkdir()
    return place


async def test_a_good_edit_with_the_sudo_password_typed(zone_reset: Lab, home: Path) -> None:
    """From the first frame to the last name server, by keys alone; every step and every proof is shown."""
    lab = zone_reset
    old, here = text_of(lab), lab.primary.cursor()
    async with console(lab, home, "ops", dialogs=True) as at:
        await at.until_on("AskSecret")
        assert "sudo password for ops@lab-ops" in at.text
        await at.type(lab.users["ops"].password)
        assert lab.users["ops"].password not in at.text
        await at.press("enter")
        await at.zones()
        assert f"ops@{lab.address} (sudo)" in at.lines[0]
        assert "observe" in at.lines[0]
        await at.edit(ZONE)
        assert "No finding (named-checkzone and our rules)" in at.text
        await at.append(LINE)
        assert "edited" in at.lines[0]
        assert text_of(lab) == old, "editing touches nothing"
        plan = await at.plan()
        assert f"+{LINE}" in plan
        await at.press("y")
        assert "observe mode" in next(iter(at.app._notifications)).message
        await at.apply()
        said = await at.finished()
        assert at.lines[-1].strip(), "keys are shown"
        serial = lab.ns1.serial(ZONE)
        assert serial is not None
        for address in (lab.at.ns1, lab.at.ns2):
            assert at.standing(address) == f"followed {serial}: It serves {serial} (asked from the host)."
        assert f"zone lab.example/IN: sending notifies (serial {serial})" in said
        assert f"zone lab.example/IN: sending notifies (serial {serial})" in lab.ns1.journal(here)
        assert "transfer of 'lab.example/IN'" in said
        assert "named-checkzone accepts it" in said
        await at.press("escape")
        await at.until_shown("as on the host")
        assert "▲ ACT" in at.lines[0]
    assert lab.ns2.serial(ZONE) == serial
    assert lab.dig("+short", "fresh.pool.lab.example", server=lab.at.ns2) == "192.0.2.77\n"
    assert without_serial(text_of(lab)) == without_serial(added(old, LINE))
    tidy(lab)


async def test_crlf_and_a_last_line_without_end_stay_as_they_are(zone_reset: Lab, home: Path) -> None:
    lab = zone_reset
    old = text_of(lab, SHOP).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    lab.primary.write(ZONE_FILES[SHOP], old)
    async with console(lab, home, "opsfree") as at:
        await at.zones()
        await at.edit(SHOP)
        await at.press("ctrl+home")
        await at.type("; looked at")
        await at.press("enter")
        await at.plan()
        await at.apply()
        await at.finished()
        assert "applied" in at.course
    assert text_of(lab, SHOP) == b"; looked at\r\n" + old.replace(b" 417 ", b" 418 ")


async def test_a_broken_zone_is_asked_about_and_forced_it_comes_back(zone_reset: Lab, home: Path) -> None:
    lab = zone_reset
    old, when = text_of(lab), mtime(lab)
    async with console(lab, home) as at:
        await at.zones()
        await at.edit(ZONE)
        await at.append("oops IN A 192.0.2.999")
        await at.press("ctrl+s")
        await at.until_on("Confirm")
        assert "named would refuse this zone" in at.text
        assert "bad dotted quad" in at.text
        await at.press("enter")
        await at.until_on("ZoneEditScreen")
        untouched(lab, old, when)

        await at.press("ctrl+s")
        await at.until_on("Confirm")
        await at.press("y")
        await at.until_on("PlanDialog")
        await at.apply()
        said = await at.finished()
        assert "▲ rolled back" in at.course
        assert "seen: zone lab.example is served as before" in said
        assert text_of(lab) == old
        assert mtime(lab) > when
        assert lab.ns1.serial(ZONE) == lab.ns2.serial(ZONE) == SERIALS[ZONE]
        await at.press("escape")
        await at.until_on("ZoneEditScreen")
        assert "✖ rolled back" in at.text
        assert b"oops IN A 192.0.2.999" in at.app.screen.text, "the edit is not lost"  # type: ignore[attr-defined]
    tidy(lab)


async def test_a_serial_that_is_not_newer_is_refused_in_words(zone_reset: Lab, home: Path) -> None:
    """Higher than the file's, and lower than what a secondary has."""
    lab = zone_reset
    old, when = text_of(lab, SHOP), mtime(lab, SHOP)
    run_ahead(lab, 9000)
    async with console(lab, home) as at:
        await at.zones()
        await at.edit(SHOP)
        await at.press("down", "end", *["ctrl+left"] * 5)
        editor = at.app.screen.editor  # type: ignore[attr-defined]
        row, column = editor.cursor_location
        start = editor.document.get_line(row).index("417")
        editor.move_cursor((row, start))
        assert column
        await at.press("delete", "delete", "delete")
        await at.type("500")
        await at.press("ctrl+s")
        await at.until(lambda: at.app.errors, "the refusal")
        (reason,) = at.app.errors
        assert reason.startswith(f"Serial 500 is older than 9000 of ns3.lab.example {lab.at.ns3}")
        assert "Serial 500 is older than 9000" in at.text
    assert text_of(lab, SHOP) == old
    assert mtime(lab, SHOP) == when


async def test_the_second_admin_gets_both_texts_and_merges(zone_reset: Lab, home: Path, tmp_path: Path) -> None:
    lab = zone_reset
    other = Cli(lab, tmp_path / "other")
    async with console(lab, home, "opsfree") as at:
        await at.zones()
        await at.edit(ZONE)
        await at.append("mine IN A 192.0.2.1")
        theirs = text_of(lab).replace(b"; Mail\n", b"theirs IN A 192.0.2.2\n\n; Mail\n")
        first = await in_thread(lambda: other.put(ZONE, theirs))
        assert first.status == 0, first
        await at.plan()
        await at.apply()
        await at.finished()
        assert "✖ conflict" in at.course
        await at.press("escape")
        await at.until_on("ConflictDialog")
        for line in ("+theirs IN A 192.0.2.2", "+mine IN A 192.0.2.1"):
            assert line in "\n".join(str(part.content) for part in at.app.screen.query("Static")), line  # type: ignore[attr-defined]
        assert b"mine" not in text_of(lab)
        await at.press("m")
        await at.until_on("ZoneEditScreen")
        both = at.app.screen.text  # type: ignore[attr-defined]
        assert b"\nmine IN A 192.0.2.1\n" in both
        assert b"\ntheirs IN A 192.0.2.2\n" in both
        await at.plan()
        await at.apply()
        await at.finished()
        assert "✔ applied" in at.course
    for name in ("mine.pool", "theirs"):
        assert lab.dig("+short", f"{name}.lab.example", server=lab.at.ns2).startswith("192.0.2."), name
    assert [each.state for each in Cli(lab, home).journal.entries()] == [State.CONFLICT, State.APPLIED]
    tidy(lab)


async def test_each_name_server_that_lags_is_shown_with_its_reason(zone_reset: Lab, home: Path) -> None:
    lab = zone_reset
    lab.ns2.refuse_notify()
    async with console(lab, home) as at:
        await at.zones()
        await at.choose(SHOP)
        await at.press("b")
        await at.until_on("PlanDialog")
        run_ahead(lab, 5000)
        with patch.object(desk, "carry_out", partial(desk.carry_out, deadline=4)):
            await at.apply()
            await at.finished()
        assert at.standing(lab.at.ns2).startswith(
            "refused notify 417: It still serves 417. It was notified and has not"
        )
        assert at.standing(lab.at.ns3).startswith("ahead 5000: Its serial 5000 is higher than 418")
        assert at.standing(lab.at.ns1).startswith("followed 418: ")
        await at.press("escape")
        await at.zones()
        await at.press("c")
        await at.until_shown("S007")
        assert "serves an older serial" in at.text
        assert "S008" in at.text


CUTS = (
    "the plan is arriving",
    "the new text lies beside the old one",
    "the new text is in place",
    "named has been told",
)


@pytest.mark.parametrize(("moment", "where"), zip(CUTS, ("journal", "run") * 2, strict=True))
async def test_the_link_is_cut_at(zone_reset: Lab, home: Path, moment: str, where: str) -> None:
    """The wire is pulled and comes back later: `unknown` is said, then the host is asked, and its answer is true.

    Args:
        where: the screen from which the host is asked.
    """
    lab = zone_reset
    old = text_of(lab, SHOP)
    with gate(lab, MOMENTS[moment]) as held:
        async with console(lab, home, "opsfree") as at:
            await at.zones()
            await at.choose(SHOP)
            await at.press("b")
            await at.until_on("PlanDialog")
            await at.apply()
            await at.until(lambda: held.reached, "the moment")
            lab.cut("admin")
            await at.finished()
            assert "? unknown the answer was lost" in at.course
            held.open()
            (entry,) = at.app.journal.open_transactions()
            await in_thread(lambda: until(lambda: finished_on_host(lab, entry.transaction), "the host is done"))
            lab.mend("admin")
            if where == "journal":
                await at.press("escape", "9")
                await at.until_on("JournalScreen")
                await at.until_shown("? unknown")
            await at.press("a")
            await at.until(lambda: not at.app.journal.open_transactions(), "the host's answer")
            found = at.app.journal.entry(entry.transaction)
            assert found is not None
            await at.until_shown("✔ applied" if found.state is State.APPLIED else "✖ refused")
    new = old.replace(b" 417 ", b" 418 ")
    if found.state is State.APPLIED:
        assert text_of(lab, SHOP) == new
        lab.until_served(SHOP, 418)
    else:
        assert found.state is State.REFUSED
        assert text_of(lab, SHOP) == old
        assert lab.ns1.serial(SHOP) == 417
    tidy(lab)


async def test_the_link_is_cut_while_name_servers_are_followed(zone_reset: Lab, home: Path) -> None:
    """What was applied is applied; of a name server that could not be asked nothing is said, and no blame put on it."""
    lab = zone_reset
    lab.ns2.refuse_notify()
    async with console(lab, home, "opsfree") as at:
        await at.zones()
        await at.choose(SHOP)
        await at.press("b")
        await at.until_on("PlanDialog")
        with patch.object(desk, "carry_out", partial(desk.carry_out, deadline=8)):
            await at.apply()
            await at.until(lambda: at.app.screen.outcome, "the outcome")  # type: ignore[attr-defined]
            await at.until(lambda: at.standing(lab.at.ns3).startswith("followed 418"), "ns3 has followed")
            lab.cut("admin")
            await at.finished()
        assert "✔ applied" in at.course
        assert at.standing(lab.at.ns2).startswith("still waiting -: Not known: it could not be asked")
        lab.mend("admin")
        await at.press("escape")
        await at.until_on("ZonesScreen")
        await at.until_shown("418", 40)
        await at.idle()
        assert "● up" in at.lines[0]
    assert [each.state for each in Cli(lab, home).journal.entries()] == [State.APPLIED]


async def test_watch_bump_and_undo_by_keys(zone_reset: Lab, home: Path) -> None:
    lab = zone_reset
    old = text_of(lab, SHOP)
    async with console(lab, home, "opsfree") as at:
        await at.zones()
        await at.edit(SHOP)
        await at.append("fresh A 192.0.2.77")
        await at.plan()
        await at.apply()
        await at.finished()
        assert lab.dig("+short", "fresh.shop.example", server=lab.at.ns3) == "192.0.2.77\n"
        await at.press("escape", "escape")
        await at.until_on("ZonesScreen")
        await at.press("w")
        await at.until_on("WatchScreen")
        await at.until_shown("shop.example sending notifies serial 418")
        lab.ns1.rndc("notify", SHOP)
        lab.primary.run("rndc retransfer nowhere.example; true")
        await at.until_shown("nowhere.example")
        await at.press("escape", "9")
        await at.until_shown("✔ applied")
        await at.press("u")
        await at.until_on("PlanDialog")
        assert "-fresh A 192.0.2.77" in at.app.screen.preview.text()  # type: ignore[attr-defined]
        await at.apply()
        await at.finished()
        for server in lab.servers(SHOP):
            assert at.standing(server.address).startswith("followed 419: It serves 419")
    assert text_of(lab, SHOP) == old.replace(b" 417 ", b" 419 ")
    assert lab.dig("+short", "fresh.shop.example", server=lab.at.ns3) == ""
    tidy(lab)


# 11. Round trips


async def test_how_many_channels_it_takes(zone_reset: Lab, home: Path) -> None:
    """Each exec is two round trips on an open connection (open, then run); a tunnel two with its question.

    A refresh is the probe and the question for all served serials; then, with the list on the screen, all texts.
    """
    async with console(zone_reset, home, "opsfree") as at:
        await at.zones()
        (link,) = at.connections
        counts: list[tuple[str, int, int]] = []

        def since(what: str) -> None:
            counts.append((what, link.execs, link.tunnels))
            link.execs = link.tunnels = 0

        since("connect and survey")
        await at.press("r")
        await at.until(lambda: link.execs, "the refresh")
        await at.idle()
        since("refresh")
        await at.edit(SHOP)
        since("open and check")
        await at.append("fresh A 192.0.2.77")
        await at.until(lambda: link.execs, "the check while typing")
        await at.until(lambda: not at.app.screen.checking, "its end")  # type: ignore[attr-defined]
        since("check")
        await at.plan()
        since("plan")
        await at.apply()
        await at.until(lambda: at.app.screen.outcome, "the outcome")  # type: ignore[attr-defined]
        since("apply")
    spent = {what: (execs, tunnels) for what, execs, tunnels in counts}
    print(spent)
    assert spent["connect and survey"] == (3, 1)
    assert spent["refresh"] == (2, 1)
    assert spent["open and check"] == (2, 0)
    assert spent["check"] == (1, 0)
    assert spent["plan"] == (2, 3)
    assert spent["apply"][0] == 3, "the log, the plan, and the addresses of names outside of the zone"
