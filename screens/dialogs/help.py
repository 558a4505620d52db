"""All keys of a screen, from the one declaration."""

from __future__ import annotations

from textwrap import wrap

from textual.content import Content

from console.commands import Command, Kind, in_scope
from screens.chrome.bars import key_name

MOVING = (
    ("↑ ↓ j k", "move"),
    ("PgUp PgDn Home End g G", "move far"),
    ("Space", "mark, where marks exist"),
    ("Tab", "next field"),
)


TEXT_AT = 25
"""Column where the sentences start; they are wrapped there, so that they fit a terminal of 80."""


def _line(keys: str, title: str, text: str, note: str = "") -> Content:
    first, *more = wrap(text, 75 - TEXT_AT)
    return Content("\n").join(
        [
            Content.assemble((f"  {keys:<8}", "bold $accent"), f" {title:<13} ", first),
            *(Content(f"{'':<{TEXT_AT}}{line}") for line in more),
            *([Content.styled(f"{'':<{TEXT_AT}}{note}", "dim")] if note else []),
        ]
    )


def page(scope: str) -> Content:
    """The help page of one screen."""
    lines: list[Content] = []

    def section(title: str, commands: list[Command]) -> None:
        lines.append(Content.styled(title, "bold"))
        for command in commands:
            keys = " ".join(key_name(key) for key in command.keys[:2])
            note = "▲ changes the host, after a preview" if command.kind is Kind.CHANGE else ""
            lines.append(_line(keys, command.title, command.help, note))
            if command.cli:
                lines.append(Content.styled(f"{'':<{TEXT_AT}}opsconsole {command.cli}", "dim"))
        lines.append(Content(""))

    commands = list(in_scope(scope))
    own = [command for command in commands if command.scope == scope != "app"]
    if own:
        section("On this screen", own)
    everywhere = [command for command in commands if command.scope == "app"]
    if everywhere:
        section("Everywhere", everywhere)
    lines.append(Content.styled("Moving", "bold"))
    lines.extend(Content.assemble((f"  {keys:<24} ", "bold $accent"), text) for keys, text in MOVING)
    return Content("\n").join(lines)
