"""Every declared command can be run, and what the screens offer comes from the declaration alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.commands import COMMANDS, DIALOGS, Command, Kind, in_scope
from console.inventory import Inventory
from screens.app import OpsApp
from screens.base import Commanded
from screens.dialogs.conflict import ConflictDialog
from screens.dialogs.help import page
from screens.dialogs.plan import PlanDialog
from screens.dialogs.run import RunDialog
from screens.dialogs.text import TextDialog
from screens.hosts import HostsScreen
from screens.journal import JournalScreen
from screens.zone_edit import ZoneEditScreen
from screens.zone_watch import WatchScreen
from screens.zones import ZonesScreen
from tests.screens.kit import desk

ANSWERED_BY: dict[str, type[Any]] = {
    "app": OpsApp,
    "hosts": HostsScreen,
    "zones": ZonesScreen,
    "edit": ZoneEditScreen,
    "watch": WatchScreen,
    "journal": JournalScreen,
    "plan": PlanDialog,
    "run": RunDialog,
    "conflict": ConflictDialog,
    "text": TextDialog,
}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.id)
def test_every_command_has_its_method(command: Command) -> None:
    owner = ANSWERED_BY[command.scope]
    assert callable(getattr(owner, f"do_{command.verb}", None))


@pytest.mark.parametrize(("scope", "owner"), [item for item in ANSWERED_BY.items() if item[0] != "app"])
def test_the_keys_of_a_screen_are_the_declared_ones(scope: str, owner: type[Any]) -> None:
    assert issubclass(owner, Commanded)
    assert scope == owner.SCOPE
    bound = {binding.key for binding in owner.BINDINGS}
    assert bound == {key for command in in_scope(scope) for key in command.keys}


@pytest.mark.parametrize("scope", ANSWERED_BY)
def test_help_names_every_command_of_its_screen(scope: str) -> None:
    text = " ".join(page(scope).plain.split())
    for command in in_scope(scope):
        assert command.title in text
        assert command.help in text
        assert not command.cli or f"opsconsole {command.cli}" in text
    if any(command.kind is Kind.CHANGE for command in in_scope(scope)):
        assert "changes the host, after a preview" in text


@pytest.mark.parametrize("mode", ["hosts", "journal", "zones"])
async def test_palette_and_command_line_offer_the_same(place: Path, mode: str) -> None:
    async with desk(place) as here:
        await here.zones()
        here.app.go(mode)
        await here.pilot.pause()
        screen: Any = here.app.screen
        declared = {command.line_word for command in in_scope(screen.SCOPE)}
        assert set(screen.completions(":")) == declared
        offered = list(here.app.get_system_commands(screen))
        assert {entry.title.rpartition("(")[2].rstrip(")") for entry in offered} == declared
        for entry in offered:
            assert entry.help


async def test_dialogs_own_the_keyboard(place: Path) -> None:
    async with desk(place) as here:
        await here.zones()
        await here.press("question_mark")
        dialog: Any = here.app.screen
        assert dialog.SCOPE in DIALOGS
        assert list(here.app.get_system_commands(dialog)) == []
        await here.press("9", "b", "w")
        assert here.app.screen is dialog


async def test_clashing_keys_are_found_at_the_start(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from console import commands

    twice = Command("zones.twice", ("b",), "Twice", "The same key again.")
    monkeypatch.setattr(commands, "COMMANDS", (*COMMANDS, twice))
    empty = Inventory((), place / "hosts.toml", present=False)
    with pytest.raises(ValueError, match=r"key b means zones\.bump and zones\.twice"):
        OpsApp(empty, lambda *_: pytest.fail("no host"), None)  # type: ignore[arg-type]
