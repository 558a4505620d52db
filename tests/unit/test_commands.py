"""The one declaration of commands: no key or word means two things, and every screen answers what it declares."""

from __future__ import annotations

import pytest

from console import commands
from console.commands import COMMANDS, Command, clashes, in_scope


def test_nothing_clashes() -> None:
    assert clashes() == []


def test_a_clash_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = Command("zones.other", ("r",), "Other", "Another meaning of r.", word="refresh")
    monkeypatch.setattr(commands, "COMMANDS", (*COMMANDS, twice))
    assert clashes() == [
        "key r means zones.refresh and zones.other",
        "word :refresh means zones.refresh and zones.other",
    ]


def test_a_clash_with_what_works_everywhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "COMMANDS", (*COMMANDS, Command("zones.nine", ("9",), "Nine", "A key of the app.")))
    assert clashes() == ["key 9 means zones.nine and app.journal"]


def test_dialogs_own_the_keyboard() -> None:
    assert {command.scope for command in in_scope("plan")} == {"plan"}
    assert "app" in {command.scope for command in in_scope("zones")}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.id)
def test_no_change_hangs_on_a_key_that_slips(command: Command) -> None:
    """Deleting and changing is never on Enter, DEL or a vim chord (k9s#87, #1318)."""
    if command.kind is commands.Kind.CHANGE:
        assert not {"enter", "delete", "backspace", "ctrl+k", "ctrl+d", "j", "k", "h", "l"} & set(command.keys)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.id)
def test_help_is_a_sentence_and_titles_are_short(command: Command) -> None:
    assert command.help.endswith(".")
    assert len(command.title.split()) <= 2 or len(command.title) <= 14
