"""Every way through the console on the make-believe host, key by key."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from console.change.journal import Journal
from console.change.outcome import State
from screens.dialogs.plan import PlanDialog
from screens.dialogs.run import RunDialog
from screens.widgets.logview import LogView
from screens.widgets.table import VirtualTable
from tests.screens.kit import OBSERVED, SERIAL, Desk, desk, inventory

ADDED = "new A 192.0.2.99"


def states(place: Path) -> list[State | None]:
    return [entry.state for entry in Journal(place / "journal").entries()]


async def add_record(here: Desk, record: str = ADDED) -> None:
    """A line at the end of the text."""
    await here.press("ctrl+end")
    await here.type(record)
    await here.press("enter")
    await here.sees("edited")


async def plan_save(here: Desk) -> PlanDialog:
    await here.press("ctrl+s")
    await here.until(lambda: isinstance(here.app.screen, PlanDialog))
    assert isinstance(here.app.screen, PlanDialog)
    await here.sees("Esc changes nothing")
    return here.app.screen


async def apply(here: Desk) -> RunDialog:
    await here.press("y")
    await here.until(lambda: isinstance(here.app.screen, RunDialog))
    run = here.app.screen
    assert isinstance(run, RunDialog)
    await here.until(lambda: run.finished)
    return run


# The way in


async def test_a_host_is_picked_filtered_and_opened(place: Path) -> None:
    async with desk(place, host="") as here:
        await here.sees("no host chosen", "local", "sandbox")
        await here.press("1")
        await here.sees("Choose a host first.")
        await here.press("slash")
        await here.type("make")
        await here.until(lambda: "this machine" not in here.text)
        await here.press("enter")
        assert isinstance(here.app.focused, VirtualTable)
        await here.press("enter")
        await here.zones()
        await here.sees("sandbox make-believe host as root ▲ ACT ● up")
        await here.press("0")
        await here.sees("Reached by")
        await here.press("1")
        await here.sees("example.org")


async def test_esc_in_a_filter_puts_back_what_was(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()
        await here.press("slash")
        await here.type("shop")
        await here.until(lambda: "example.org" not in here.text)
        await here.press("escape")
        await here.sees("example.org")
        assert isinstance(here.app.focused, VirtualTable)
        await here.press("slash", "exclamation_mark")
        await here.type("shop")
        await here.press("enter")
        await here.until(lambda: "shop.example" not in here.text.partition("─")[0])


async def test_the_host_bar_names_the_mode(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()
        await here.press("A")
        await here.sees("◇ observe", "nothing can be changed on sandbox")
        await here.press("A")
        await here.sees("▲ ACT")


# Editing and saving


async def test_a_saved_zone_is_followed_by_the_late_secondary(place: Path) -> None:
    async with desk(place, size=(100, 30)) as here:
        screen = await here.edit()
        await add_record(here)
        dialog = await plan_save(here)
        await here.sees("Save zone example.net, serial 2026110201 → ", "+new A 192.0.2.99")
        assert isinstance(here.app.focused, type(dialog.query_one("VerticalScroll")))
        run = await apply(here)
        await here.sees("✔ applied", "✔ ns1.example.net 192.0.2.1", "✔ ns2.example.net 192.0.2.53", "Done. Esc closes.")
        assert any("transfer of 'example.net/IN'" in line for line in run.lines)
        await here.press("escape")
        await here.sees("as on the host")
        assert here.app.focused is screen.editor
        assert ADDED in here.zone_file().read_text()
        assert str(SERIAL) not in here.zone_file().read_text()
        assert states(place) == [State.APPLIED]
        await here.press("ctrl+s")
        await here.sees("Nothing was changed.")
        await here.press("escape")
        await here.sees("Name servers")


async def test_findings_stand_at_their_lines(place: Path) -> None:
    async with desk(place) as here:
        screen = await here.edit("shop.example")
        assert sorted({finding.where.line for finding in screen.findings}) == [7, 8, 10]
        await here.press("f8")
        assert screen.editor.cursor_location[0] == 6
        await here.press("f8", "f8")
        await here.sees("line 10 of 11")
        await here.press("ctrl+home")
        await here.type("oops ")
        await here.until(lambda: any(finding.where.line == 1 for finding in screen.findings))
        await here.press("f5")
        await here.until(lambda: any(finding.id == "named" for finding in screen.findings))


async def test_find_goto_and_their_ways_back(place: Path) -> None:
    async with desk(place) as here:
        screen = await here.edit()
        await here.press("ctrl+f")
        await here.type("_dmarc")
        await here.press("enter")
        assert here.app.focused is screen.editor
        row = screen.editor.cursor_location[0]
        assert screen.editor.document.get_line(row).startswith("_dmarc")
        await here.press("ctrl+j", "3", "enter")
        assert screen.editor.cursor_location[0] == 2
        await here.press("ctrl+f", "escape")
        assert here.app.focused is screen.editor
        assert not screen.edited


async def test_diff_and_canonical_view(place: Path) -> None:
    async with desk(place) as here:
        await here.edit()
        await here.press("f2")
        await here.sees("Nothing was changed.")
        await here.press("escape")
        await add_record(here)
        await here.press("f2")
        await here.sees("+new A 192.0.2.99")
        await here.press("escape", "f3")
        await here.sees("as named-compilezone understands it", "example.net. 3600 IN SOA")
        await here.press("escape")
        await here.sees("edited")


async def test_observe_mode_refuses_in_the_dialog_and_again_below_it(place: Path) -> None:
    async with desk(place, hosts=inventory(OBSERVED)) as here:
        await here.edit()
        await add_record(here)
        await here.press("ctrl+s")
        await here.sees("◇ observe", "Nothing can be applied")
        await here.press("y")
        await here.sees("observe mode")
        dialog = here.app.screen
        assert isinstance(dialog, PlanDialog)
        dialog.dismiss(True)  # as a mistake in a screen would
        await here.sees("refused")
        assert str(SERIAL) in here.zone_file().read_text()
        assert ADDED not in here.zone_file().read_text()


async def test_the_dialog_can_leave_observe_mode(place: Path) -> None:
    async with desk(place, hosts=inventory(OBSERVED)) as here:
        await here.edit()
        await add_record(here)
        await here.press("ctrl+s")
        await here.sees("Nothing can be applied")
        await here.press("A")
        await here.sees("▲ ACT y applies this")
        await apply(here)
        assert states(place) == [State.APPLIED]


async def test_cancel_changes_nothing(place: Path) -> None:
    async with desk(place) as here:
        screen = await here.edit()
        await add_record(here)
        await plan_save(here)
        await here.press("enter", "escape")
        await here.sees("edited")
        assert here.app.focused is screen.editor
        assert ADDED not in here.zone_file().read_text()
        assert states(place) == []


@pytest.mark.parametrize("way", ["theirs", "merge", "keep"])
async def test_two_admins_at_once(place: Path, way: str) -> None:
    async with desk(place) as here:
        screen = await here.edit()
        await add_record(here)
        await plan_save(here)
        theirs = here.zone_file().read_text().replace("192.0.2.80", "192.0.2.81")
        here.zone_file().write_text(theirs)
        await apply(here)
        await here.sees("✖ conflict")
        await here.press("escape")
        await here.sees("was changed by somebody else", "192.0.2.81")
        assert here.zone_file().read_text() == theirs
        await here.press({"theirs": "t", "merge": "m", "keep": "escape"}[way])
        await here.until(lambda: here.app.screen is screen)
        text = screen.text.decode()
        assert (ADDED in text) is (way != "theirs")
        assert ("192.0.2.81" in text) is (way != "keep")
        assert here.app.focused is screen.editor
        if way == "merge":
            await plan_save(here)
            await apply(here)
            saved = here.zone_file().read_text()
            assert ADDED in saved
            assert "192.0.2.81" in saved


async def test_a_broken_zone_is_asked_about_then_rolled_back(place: Path) -> None:
    async with desk(place) as here:
        screen = await here.edit()
        before = here.zone_file().read_bytes()
        await add_record(here, "bad A 192.0.2.999")
        await here.press("ctrl+s")
        await here.sees("named would refuse this zone", "bad dotted quad", "Save it all the same?")
        await here.press("enter")
        await here.until(lambda: here.app.screen is screen)
        assert states(place) == []
        await here.press("ctrl+s")
        await here.sees("Save it all the same?")
        await here.press("y")
        await here.sees("the check is shown but does not decide")
        await apply(here)
        await here.sees("▲ rolled back", "the old state is back")
        await here.press("escape")
        await here.sees("✖ rolled back", "Esc: read")
        assert here.zone_file().read_bytes() == before
        assert screen.edited
        assert states(place) == [State.ROLLED_BACK]


# The list


async def test_bump_compare_and_reload(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()
        await here.press("c")
        await here.sees("✔ 2/2 equal")
        await here.press("b")
        await here.sees("Bump serial of zone example.net")
        await apply(here)
        await here.press("escape")
        await here.until(lambda: f"{SERIAL} {SERIAL}" not in here.text)
        await here.zones()
        served = here.app.session.zones.zone("example.net").serial_served  # type: ignore[union-attr]
        assert served > SERIAL
        # A hand-edited file that is not served yet: reload says so and loads it.
        text = here.zone_file("example.org").read_text()
        here.zone_file("example.org").write_text(text.replace("41		;", "42		;"))
        await here.press("r", "down")
        await here.until(lambda: "42         41" in here.text)
        await here.zones()
        await here.press("L")
        await here.sees("Esc changes nothing")
        await apply(here)
        await here.press("escape")
        await here.until(lambda: "42         42" in here.text)


async def test_keys_that_cannot_run_say_why(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()
        await here.press("T")
        await here.sees("example.net is not frozen.")
        await here.press("end", "b")
        await here.sees("its primary decides")
        await here.press("enter")
        await here.sees("read only", "1 $ORIGIN")
        await here.press("x")
        await here.press("ctrl+s")
        await here.sees("cannot be edited here")


async def test_sort_turns_round(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()

        def names() -> list[str]:
            return [line.split()[0] for line in here.text.replace("▸", " ").splitlines()[2:7]]

        await here.press("s")
        assert names() == sorted(names())
        await here.press("s")
        assert names() == sorted(names(), reverse=True)


# Watch


async def test_watch_filters_follows_and_shows_events_only(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()
        await here.press("w")
        await here.sees("all zones loaded", "following", "✔ 04:12:07 example.net loaded serial 2026110201")
        await here.press("v")
        await here.until(lambda: "events only" in here.text and "all zones loaded" not in here.text)
        await here.sees("example.org loaded")
        await here.press("slash")
        await here.type("shop")
        await here.until(lambda: "example.org" not in here.text)
        await here.press("enter")
        await here.sees("following, /shop, events only")
        view = here.app.screen.query_one(LogView)
        assert here.app.focused is view
        await here.press("f")
        await here.sees("stopped")
        await here.press("f")
        await here.sees("following")
        with (here.root / "var/log/named/named.log").open("a") as log:
            log.write("2026-11-02T04:40:00.000 zoneload: info: zone shop.example/IN: loaded serial 2026101504\n")
        await here.sees("loaded serial 2026101504")
        await here.press("escape")
        await here.sees("Name servers")


# Journal


async def test_journal_opens_undoes_and_verifies(place: Path) -> None:
    async with desk(place) as here:
        await here.edit()
        await add_record(here)
        await plan_save(here)
        await apply(here)
        await here.press("escape", "escape", "9")
        await here.sees("✔ applied", "Save zone example.net")
        await here.press("enter")
        await here.sees("transaction", "on           sandbox")
        assert '{"' not in here.text
        await here.press("escape", "v")
        await here.sees("The chain of hashes is whole.")
        await here.press("u")
        await here.sees("Restore zone example.net as it was", "Esc changes nothing")
        await apply(here)
        await here.press("escape")
        await here.until(lambda: here.text.count("✔ applied") >= 2)
        assert ADDED not in here.zone_file().read_text()
        await here.press("a")
        await here.sees("How this one ended is known.")


async def test_a_lost_answer_is_told_at_the_start_and_asked_of_the_host(place: Path) -> None:
    async with desk(place) as here:
        await here.edit()
        await add_record(here)
        await plan_save(here)
        await apply(here)
    [file] = (place / "journal").glob("*.jsonl")
    intent, _outcome = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(intent)  # the console was killed before it could write the end
    async with desk(place) as here:
        await here.sees("1 change(s) ended without an answer, the first on sandbox")
        await here.zones()
        await here.press("9", "escape")
        await here.sees("? no answer")
        await here.press("a")
        await here.sees("✔ applied")
    assert states(place) == [State.APPLIED]


async def test_an_empty_journal_says_so(place: Path) -> None:
    async with desk(place, host="") as here:
        await here.press("9")
        await here.sees("Nothing was changed from here yet.")
        await here.press("u")
        await here.sees("No entry is chosen.")


# Errors, prompts, leaving


async def test_errors_stay_until_read_and_queue(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()
        for text in ("first trouble", "second trouble", "first trouble"):
            here.app.fail(text)
        await here.sees("first trouble (+1 more)")
        await here.press("9", "1")
        await here.sees("first trouble (+1 more)")
        await here.press("escape")
        await here.sees("✖ second trouble")
        await here.press("escape")
        await here.until(lambda: "trouble" not in here.text)


async def test_the_command_line_and_the_palette(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()
        await here.press("colon")
        await here.type("jour")
        await here.press("tab", "enter")
        await here.sees("Nothing was changed from here yet.")
        await here.press("colon")
        await here.type("nonsense")
        await here.press("enter")
        await here.sees("There is no command nonsense.")
        assert not here.app.screen.query(Input)
        await here.press("colon")
        await here.type("zones")
        await here.press("enter")
        await here.sees("example.org")
        await here.press("ctrl+p")
        await here.type("compare")
        await here.sees("Ask every name server of this zone")
        await here.press("down", "enter")
        await here.sees("✔ 2/2 equal")


async def test_help_and_evidence_open_over_the_screen(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()
        await here.press("question_mark")
        await here.sees("Keys here (zones)", "Raise this zone's serial")
        await here.press("q")
        await here.press("e")
        await here.sees("Evidence, newest first", "exit 0")
        await here.press("escape")
        assert isinstance(here.app.focused, VirtualTable)


@pytest.mark.parametrize("key", ["escape", "ctrl+q"])
async def test_an_unsaved_edit_is_not_lost_without_a_word(place: Path, key: str) -> None:
    async with desk(place) as here:
        screen = await here.edit()
        await add_record(here)
        await here.press(key)
        await here.sees("Your edit of example.net is only here.")
        await here.press("enter")
        assert here.app.screen is screen
        assert here.app.focused is screen.editor
        await here.press(key, "y")
        if key == "escape":
            await here.sees("Name servers")
            assert here.app.texts == []
        else:
            assert here.app._exit


async def test_no_other_way_out_loses_an_edit_either(place: Path) -> None:
    async with desk(place) as here:
        await here.edit()
        await add_record(here)
        await here.press("ctrl+r")
        await here.sees("Throw it away and open sandbox anew?")
        await here.press("n")
        here.app.go("hosts")
        await here.sees("Reached by")
        await here.press("q")
        await here.sees("Your edit of example.net is only here. Throw it away and quit?")
        await here.press("escape", "down", "enter")
        await here.sees("Throw it away and open")
        await here.press("y")
        await here.zones()
        assert here.app.texts == []


async def test_reconnecting_keeps_the_mode_and_reads_again(place: Path) -> None:
    async with desk(place, hosts=inventory(OBSERVED)) as here:
        await here.zones()
        await here.press("A")
        first = here.app.session
        await here.press("ctrl+r")
        await here.until(lambda: here.app.session is not first)
        await here.zones()
        await here.sees("▲ ACT", "● up")


async def test_copy_sends_what_was_asked_and_nothing_else(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()
        await here.press("question_mark", "c")
        await here.sees("Copied by OSC 52")
        assert here.app.clipboard.startswith("On this screen")
