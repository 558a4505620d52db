"""Every action of the screens, declared once: its key, footer, help, palette entry, command line word, CLI twin and risk.

Screens ask `in_scope`; `check` finds clashing keys at start-up, before a user does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What an action does to the host."""

    LOOK = "look"
    """Reads, or moves about."""
    CHANGE = "change"
    """Ends in a Plan: shown first, refused in observe mode."""


@dataclass(frozen=True, slots=True)
class Command:
    id: str
    """`scope.verb`; a screen answers it with a method `do_verb`."""
    keys: tuple[str, ...]
    """Textual key names, the first is shown."""
    title: str
    """Two words at most: it stands in the footer."""
    help: str
    """One sentence."""
    kind: Kind = Kind.LOOK
    word: str = ""
    """What one types after `:`; empty: the verb."""
    cli: str = ""
    """The CLI twin, without `opsconsole`."""
    footer: bool = True

    @property
    def scope(self) -> str:
        return self.id.partition(".")[0]

    @property
    def verb(self) -> str:
        return self.id.partition(".")[2]

    @property
    def line_word(self) -> str:
        return self.word or self.verb.replace("_", "-")


COMMANDS: tuple[Command, ...] = (
    # Everywhere
    Command("app.help", ("question_mark", "f1"), "Help", "All keys of this screen, with what they do.", word="help"),
    Command("app.command", ("colon",), "Command", "Type a command by name; Tab completes it.", footer=False),
    Command("app.palette", ("ctrl+p",), "Palette", "Search all commands that can run here.", footer=False),
    Command("app.evidence", ("e", "f9"), "Evidence", "The command behind what is shown: when, how long, its raw output."),
    Command("app.act", ("A",), "Observe/act", "Allow changes on this host, or forbid them again.", word="act", footer=False),
    Command("app.reconnect", ("ctrl+r",), "Reconnect", "Close the link to this host and open it again.", footer=False),
    Command("app.redraw", ("ctrl+l",), "Redraw", "Draw the whole screen anew.", footer=False),
    Command("app.back", ("escape",), "Back", "Close what is open, or go back."),
    Command("app.quit", ("q", "ctrl+q"), "Quit", "Leave the console; the hosts keep what they are doing."),
    # Dialogs
    Command("plan.apply", ("y",), "Apply", "Do exactly what is shown.", Kind.CHANGE),
    Command("plan.allow", ("A",), "Allow changes", "Leave observe mode for this host.", footer=False),
    Command("plan.script", ("c",), "Copy", "Copy the whole preview to the clipboard (OSC 52).", footer=False),
    Command("plan.cancel", ("escape", "n", "q"), "Cancel", "Change nothing."),
    Command("run.evidence", ("e",), "Evidence", "Raw output of the step or name server under the cursor."),
    Command("run.ask", ("a",), "Ask host", "Ask the host how it ended, when the answer was lost."),
    Command("run.leave", ("escape", "q"), "Close", "Close this view; what runs on the host goes on."),
    Command("conflict.theirs", ("t",), "Take theirs", "Drop my edit and open the file as it is now."),
    Command("conflict.merge", ("m",), "Merge", "Put both edits together; conflicts are marked in the text."),
    Command("conflict.keep", ("escape", "k"), "Keep editing", "Back to my text; nothing is written."),
    Command("text.copy", ("c",), "Copy", "Copy this text to the clipboard (OSC 52)."),
    Command("text.leave", ("escape", "q", "enter"), "Close", "Close this text."),
    # Subjects
    Command("app.hosts", ("0",), "Hosts", "All hosts: inventory, ssh aliases, this machine, the sandbox.", cli="hosts"),
    Command("app.zones", ("1",), "Zones", "The zones of this host's name server.", cli="zone list HOST"),
    Command("app.journal", ("9",), "Journal", "What this console changed, where, and how it ended.", cli="journal"),
    # Host picker
    Command("hosts.open", ("enter",), "Open", "Connect to this host."),
    Command("hosts.filter", ("slash",), "Filter", "Show only hosts that hold this text."),
    # Zones
    Command("zones.open", ("enter",), "Open", "Read the zone's text; edit it when it is a primary.", cli="zone show HOST ZONE"),
    Command("zones.filter", ("slash",), "Filter", "Show only zones that hold this text; ! turns it round."),
    Command("zones.refresh", ("r",), "Refresh", "Read configuration, files and served serials again."),
    Command("zones.compare", ("c",), "Compare", "Ask every name server of this zone for its serial."),
    Command("zones.bump", ("b",), "Bump", "Raise this zone's serial and see every secondary follow.", Kind.CHANGE, cli="zone bump HOST ZONE"),
    Command("zones.reload", ("L",), "Reload", "Have named load this zone's file, and prove that it did.", Kind.CHANGE, footer=False),
    Command("zones.sync", ("S",), "Sync", "Have named write a dynamic zone's journal into its file, so that it can be edited.", Kind.CHANGE, footer=False),
    Command("zones.thaw", ("T",), "Thaw", "Let a frozen dynamic zone take updates again.", Kind.CHANGE, footer=False),
    Command("zones.watch", ("w",), "Watch", "Follow named's log: NOTIFY, transfers, refusals.", cli="zone watch HOST [ZONE]"),
    Command("zones.sort", ("s",), "Sort", "Sort by the next column; again turns it round.", footer=False),
    # Zone text
    Command("edit.save", ("ctrl+s",), "Save", "Check, bump, write, reload, and see every name server follow.", Kind.CHANGE, cli="zone put HOST ZONE --file F"),
    Command("edit.check", ("f5", "ctrl+t"), "Check", "The host's own named-checkzone and our rules, now.", cli="zone check HOST ZONE"),
    Command("edit.diff", ("f2", "ctrl+g"), "Diff", "What differs from the file on the host."),
    Command("edit.canonical", ("f3",), "Canonical", "The zone as named-compilezone understands it.", footer=False),
    Command("edit.external", ("f4", "ctrl+o"), "$EDITOR", "Edit this text in your own editor; the console waits.", footer=False),
    Command("edit.next", ("f8", "ctrl+n"), "Next finding", "Go to the line of the next finding.", footer=False),
    Command("edit.find", ("ctrl+f",), "Find", "Search in the text."),
    Command("edit.again", ("f6",), "Find next", "Go to the next place that holds what was searched.", footer=False),
    Command("edit.start", ("ctrl+home",), "Start", "Go to the start of the text.", footer=False),
    Command("edit.end", ("ctrl+end",), "End", "Go to the end of the text.", footer=False),
    Command("edit.goto", ("ctrl+j",), "Go to line", "Jump to a line by number.", footer=False),
    # Log
    Command("watch.filter", ("slash",), "Filter", "Show only lines that hold this text; ! turns it round."),
    Command("watch.follow", ("f",), "Follow", "Stay at the newest line, or stop there."),
    Command("watch.events", ("v",), "Events only", "Only NOTIFY, transfers, loads and refusals, or every line."),
    # Journal
    Command("journal.open", ("enter",), "Open", "The whole entry: plan, evidence, hashes."),
    Command("journal.undo", ("u",), "Undo", "Plan the way back; it is shown before anything happens.", Kind.CHANGE, cli="undo ID"),
    Command("journal.ask", ("a",), "Ask host", "Ask the host how a transaction with a lost answer ended."),
    Command("journal.verify", ("v",), "Verify", "Check the journal's chain of hashes.", cli="journal --verify", footer=False),
    Command("journal.filter", ("slash",), "Filter", "Show only entries that hold this text."),
)  # fmt: skip

BY_ID = {command.id: command for command in COMMANDS}


DIALOGS = ("plan", "run", "conflict", "text")
"""Scopes that stand over a screen: they own the keyboard, nothing of `app` works there."""


def in_scope(scope: str) -> tuple[Command, ...]:
    """The commands of one screen, its own first, then those that work everywhere."""
    own = tuple(command for command in COMMANDS if command.scope == scope)
    if scope == "app" or scope in DIALOGS:
        return own
    return own + tuple(command for command in COMMANDS if command.scope == "app")


def clashes() -> list[str]:
    """One sentence for every key or word that means two things in one scope. Empty when all is well."""
    problems: list[str] = []
    for scope in dict.fromkeys(command.scope for command in COMMANDS):
        keys: dict[str, str] = {}
        words: dict[str, str] = {}
        for command in in_scope(scope):
            for key in command.keys:
                if keys.setdefault(key, command.id) != command.id:
                    problems.append(f"key {key} means {keys[key]} and {command.id}")
            if words.setdefault(command.line_word, command.id) != command.id:
                problems.append(f"word :{command.line_word} means {words[command.line_word]} and {command.id}")
    return problems
