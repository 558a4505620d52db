"""The whole app on the sandbox, driven by Pilot and read as text."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from console.change.journal import Journal
from console.inventory import BUILT_IN, Host, Inventory, Kind, Mode
from console.remote.connection import Connection
from console.remote.prompter import Prompter
from console.sandbox.host import Sandbox
from screens.app import OpsApp

SERIAL = 2026110201
"""Of example.net in a fresh sandbox."""


FRAMES = re.compile("[│╭╮╰╯▁-▏▔▕]")


def inventory(*hosts: Host) -> Inventory:
    return Inventory(hosts or BUILT_IN, Path("/etc/opsconsole/hosts.toml"), present=True)


OBSERVED = Host("sandbox", Kind.SANDBOX, source="built in", label="make-believe host", mode=Mode.OBSERVE)


def shown(app: OpsApp) -> str:
    """What stands on the screen, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@dataclass
class Desk:
    """A running console and the make-believe host behind it."""

    app: OpsApp
    pilot: Pilot[Any]
    root: Path
    """The sandbox's directory."""

    @property
    def text(self) -> str:
        return shown(self.app)

    @property
    def words(self) -> str:
        """The screen, or the dialog on it, as running text: what was wrapped is whole again; then the toasts."""
        lines = self.text.splitlines()
        for dialog in self.app.screen.query(".dialog"):
            box = dialog.region
            lines = [line[box.x : box.right] for line in lines[box.y : box.bottom]]
        toasts = [toast.message for toast in self.app._notifications]
        return " ".join(FRAMES.sub(" ", "\n".join([*lines, *toasts])).split())

    def zone_file(self, zone: str = "example.net") -> Path:
        return self.root / f"etc/bind/zones/db.{zone}"

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def until(self, seen: Callable[[], bool], limit: float = 20.0) -> None:
        """Waits until it is so; the test fails with the screen in its message when it never is."""
        end = time.monotonic() + limit
        while not seen():
            if time.monotonic() > end:
                raise AssertionError(f"never seen; the screen says:\n{self.text}")
            await asyncio.sleep(0.01)
            await self.pilot.pause()

    async def sees(self, *words: str, limit: float = 20.0) -> None:
        """Waits until all the words are on the screen; where lines are wrapped does not matter."""
        wanted = [" ".join(word.split()) for word in words]
        await self.until(lambda: all(word in self.words for word in wanted), limit)

    async def zones(self) -> None:
        """Waits until the list is read and judged."""
        await self.sees("as of", "✖ 2 errors")

    async def edit(self, zone: str = "example.net") -> Any:
        """Opens a zone from the list, waits until it is read and checked, and gives the screen."""
        from screens.widgets.table import VirtualTable

        await self.zones()
        table = self.app.screen.query_one(VirtualTable)
        while zone not in str(table.cursor_row):
            await self.press("down")
        await self.press("enter")
        await self.until(lambda: getattr(self.app.screen, "checked", None) is not None)
        return self.app.screen


@asynccontextmanager
async def desk(
    place: Path,
    *,
    host: str = "sandbox",
    hosts: Inventory | None = None,
    lag: float = 0.2,
    size: tuple[int, int] = (80, 24),
    journal: Journal | None = None,
    connect: Callable[[Host, Prompter], Connection] | None = None,
) -> AsyncIterator[Desk]:
    """The app in a terminal of `size`; its journal and its sandbox are below `place`."""
    root = place / "box"

    def sandbox(chosen: Host, prompter: Prompter) -> Connection:
        return Sandbox(prompter, name=chosen.name, directory=root, lag=lag)

    app = OpsApp(hosts or inventory(), connect or sandbox, journal or Journal(place / "journal"), host)
    async with app.run_test(size=size, notifications=True) as pilot:
        yield Desk(app, pilot, root)
