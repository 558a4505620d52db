"""The lines that are always there: which host and mode, errors until read, keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from console.commands import Command
from console.remote.connection import Connection, LinkState, Privilege
from screens.chrome.lines import Lines
from screens.safe import content

if TYPE_CHECKING:
    from screens.session import Session

LINK_GLYPHS = {
    LinkState.IDLE: "○",
    LinkState.CONNECTING: "◌",
    LinkState.UP: "●",
    LinkState.STALE: "◐",
    LinkState.DOWN: "✖",
}

KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "escape": "Esc",
    "enter": "⏎",
    "space": "Space",
}


def key_name(key: str) -> str:
    """As people write it: `^S`, `F5`, `⏎`."""
    if key.startswith("ctrl+"):
        return "^" + key[5:].upper()
    if len(key) > 1 and key[0] == "f" and key[1:].isdigit():
        return key.upper()
    return KEY_NAMES.get(key, key)


PRINTED = {"question_mark", "slash", "colon", "space", "enter"}
"""Keys by name that a text field takes as text."""


def key_in(command: Command, *, typing: bool) -> str:
    """The key to show: the first one, or while a text has the keyboard the first that is not text. Empty: none."""
    for key in command.keys:
        if not typing or (len(key) > 1 and key not in PRINTED):
            return key
    return ""


def whereabouts(connection: Connection) -> str:
    """Who we are where, and how privilege is had: `ops@192.0.2.1 (sudo)`, `this machine as root`."""
    address, user, privilege = connection.address.removesuffix(":22"), connection.user, connection.privilege
    if user and not address.startswith(f"{user}@"):
        address += f" as {user}"
    if privilege not in (Privilege.ROOT, Privilege.UNKNOWN):
        address += f" ({privilege.value})"
    return address


class HostBar(Lines):
    """Host, address, user and privilege, mode, link: never out of sight."""

    def __init__(self) -> None:
        super().__init__(" opsconsole", classes="hostbar")

    def show(self, session: Session | None, facts: str) -> None:
        if session is None:
            self.update(Content.assemble((" opsconsole ", "bold"), " no host chosen"))
            return
        connection = session.connection
        mode = ("▲ ACT", "$text-error bold") if session.acting else ("◇ observe", "bold")
        link = connection.state
        label = f" {session.host.label}" if session.host.label not in ("", connection.address) else ""
        self.set_class(session.acting, "-acting")
        self.update(
            Content.assemble(
                " ",
                content(session.host.name).stylize("bold"),
                content(label),
                "  ",
                content(whereabouts(connection)).stylize("$text-muted"),
                "  ",
                mode,
                "  ",
                f"{LINK_GLYPHS[link]} {link.value}",
                "  ",
                content(facts).stylize("$text-muted"),
            )
        )


class ErrorBar(Lines):
    """The oldest unread error; Esc takes it away, and the next one comes."""

    def __init__(self) -> None:
        super().__init__("", classes="errorbar")
        self.display = False

    def show(self, errors: Sequence[str]) -> None:
        self.display = bool(errors)
        if errors:
            more = f" (+{len(errors) - 1} more)" if len(errors) > 1 else ""
            self.update(Content.assemble(("✖ ", "bold"), content(errors[0]), more, ("  Esc: read", "dim")))


class KeyBar(Static):
    """What can be pressed, greyed where it cannot run now; as much as fits, help always."""

    def __init__(self) -> None:
        super().__init__("", classes="keybar")
        self._entries: list[tuple[Command, str, str]] = []

    def show(self, entries: Sequence[tuple[Command, str]], *, typing: bool = False) -> None:
        """Commands with the reason against each; `typing`: a text has the keyboard."""
        keyed = [(command, key_in(command, typing=typing), reason) for command, reason in entries]
        keyed = [entry for entry in keyed if entry[1]]
        if keyed != self._entries:
            self._entries = keyed
            self.refresh()

    def render(self) -> Content:
        room = self.size.width
        parts: list[Content] = []
        entries = sorted(self._entries, key=lambda entry: entry[0].verb != "help")
        for command, key, reason in entries:
            part = Content.assemble(
                (f" {key_name(key)}", "dim" if reason else "bold $accent"),
                (f" {command.title} ", "dim" if reason else ""),
            )
            if part.cell_length > room:
                continue
            room -= part.cell_length
            parts.append(part)
        return Content("").join(parts)
