"""How tests use the console as people do: the command line as a process, the screens by their keys."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual.pilot import Pilot

from console.change.journal import Journal
from console.inventory import Host, load
from console.remote.connection import Connection
from console.remote.prompter import HostKeyQuestion, Prompter, Question
from console.remote.secret import Secret
from console.remote.ssh import Ssh
from console.remote.ssh_config import resolve
from screens.app import OpsApp
from tests.live.lab import Lab

ROOT = Path(__file__).parents[2]


# The command line


@dataclass(frozen=True, slots=True)
class Ran:
    """One command that ended."""

    status: int
    out: bytes
    err: str
    asked: str
    """What it wrote to its terminal."""

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)

    @property
    def text(self) -> str:
        return self.out.decode()


@dataclass
class Started:
    """One command while it runs, with a terminal of its own for questions; its stdout is a file."""

    process: subprocess.Popen[bytes]
    terminal: int
    slave: int
    """Held open, or the terminal would hang up before the command has opened it."""
    out: Path
    err: Path
    asked: bytearray = field(default_factory=bytearray)

    def listen(self, answers: dict[str, str]) -> None:
        """Answers each question that holds a key of `answers`, once for each time it is asked."""

        def work() -> None:
            answered = 0
            while True:
                try:
                    chunk = os.read(self.terminal, 4096)
                except OSError:
                    return
                self.asked += chunk
                for key, answer in answers.items():
                    if key.encode() in self.asked[answered:]:
                        answered = len(self.asked)
                        os.write(self.terminal, answer.encode() + b"\n")

        threading.Thread(target=work, daemon=True).start()

    def until_asked(self, text: str, deadline: float = 30.0) -> None:
        end = time.monotonic() + deadline
        while text.encode() not in self.asked:
            assert self.process.poll() is None, f"it ended: {self.err.read_text()}"
            assert time.monotonic() < end, f"not asked within {deadline:g} s: {text}; {self.asked!r}"
            time.sleep(0.02)

    def answer(self, text: str) -> None:
        os.write(self.terminal, text.encode() + b"\n")

    def kill(self) -> None:
        """As the kernel does it: no handler runs."""
        self.process.kill()
        self.process.wait(10)
        self._close()

    def _close(self) -> None:
        os.close(self.slave)
        os.close(self.terminal)

    def end(self, deadline: float = 60.0) -> Ran:
        try:
            self.process.wait(deadline)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self._close()
        asked = self.asked.decode("utf-8", "replace")
        return Ran(self.process.returncode, self.out.read_bytes(), self.err.read_text(), asked)


class Cli:
    """`python -m console …` as an admin whose ssh knows the lab, with a home directory of its own."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab = lab
        self.home = home
        self.journal = Journal(home / "state/opsconsole/journal")
        self._count = 0
        home.mkdir(parents=True, exist_ok=True)

    def __call__(self, *words: str, stdin: bytes = b"", deadline: float = 60.0) -> Ran:
        return self.start(*words, stdin=stdin).end(deadline)

    def start(self, *words: str, stdin: bytes = b"", answers: dict[str, str] | None = None) -> Started:
        """`answers`: part of a question to its answer; a password of the lab for sudo is always known."""
        self._count += 1
        given, out, err = (self.home / f"{self._count}.{name}" for name in ("in", "out", "err"))
        given.write_bytes(stdin)
        environment = {
            **self.lab.environment,
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "PYTHONPATH": str(ROOT),
        }
        ours, theirs = os.openpty()
        # A session leader that opens a terminal has it for its own.
        command = ["/bin/sh", "-c", 'exec 9<>"$1"; shift; exec "$@"', "sh", os.ttyname(theirs)]
        with given.open("rb") as source, out.open("wb") as sink, err.open("wb") as errors:
            process = subprocess.Popen(
                [*command, sys.executable, "-m", "console", *words],
                stdin=source,
                stdout=sink,
                stderr=errors,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
            )
        started = Started(process, ours, theirs, out, err)
        user = next((word.removeprefix("lab-") for word in words if word.startswith("lab-")), "")
        password = self.lab.users[user].password if user in self.lab.users else ""
        started.listen({"password": password} | (answers or {}))
        return started

    def put(self, zone: str, text: bytes, *more: str, user: str = "root") -> Ran:
        """`zone put … --yes --json` of this text."""
        return self("zone", "put", f"lab-{user}", zone, "--file", "-", "--yes", "--json", *more, stdin=text)


# The screens


class LabPrompter:
    """Answers every password question with the lab's own."""

    def __init__(self, lab: Lab) -> None:
        self._users = lab.users

    def ask(self, question: Question) -> Secret | None:
        return Secret(self._users[question.user].password)

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        raise AssertionError(f"the lab's keys are known: {question}")


class Counted(Ssh):
    """Counts what costs round trips, and notices a cut within two seconds."""

    def __init__(self, host: Host, prompter: Prompter) -> None:
        super().__init__(host.name, resolve(host.ssh), prompter, idle=0.5, silence=0.7, grace=0.7)
        self.execs = 0
        self.tunnels = 0

    def _start(self, line: str, window: int) -> Any:
        self.execs += 1
        return super()._start(line, window)

    def tunnel(self, address: str, port: int) -> Any:
        self.tunnels += 1
        return super().tunnel(address, port)


class Driver:
    """Presses keys and looks at what is on the screen."""

    def __init__(self, app: OpsApp, pilot: Pilot[object], connections: list[Counted]) -> None:
        self.app = app
        self.pilot = pilot
        self.connections = connections

    @property
    def lines(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        names = {" ": "space", "\n": "enter", ".": "full_stop", "_": "underscore", "-": "minus", ";": "semicolon"}
        await self.pilot.press(*(names.get(char, char) for char in text))

    async def until(self, seen: Callable[[], object], what: str, deadline: float = 30.0) -> None:
        end = time.monotonic() + deadline
        while not seen():
            assert time.monotonic() < end, f"not within {deadline:g} s: {what}\n{self.text}\n{self.app.errors}"
            await self.pilot.pause(0.02)
        await self.pilot.pause()

    async def until_shown(self, text: str, deadline: float = 30.0) -> None:
        await self.until(lambda: text in self.text, f"the screen shows {text!r}", deadline)

    async def until_on(self, name: str, deadline: float = 30.0) -> None:
        """A screen or dialog of that class is on top."""
        await self.until(lambda: type(self.app.screen).__name__ == name, f"{name} is open", deadline)

    async def zones(self) -> None:
        """Until the list of zones is there, and judged."""
        await self.until_on("ZonesScreen")
        await self.until_shown(".example")
        await self.idle()

    async def idle(self) -> None:
        """Until nothing is read for the list of zones any more."""
        await self.until(lambda: not self.app.screen.busy, "nothing is read any more")  # type: ignore[attr-defined]

    async def choose(self, zone: str) -> None:
        """Puts the cursor on a zone, by the filter."""
        await self.press("slash")
        await self.type(zone)
        await self.press("enter")
        await self.until(lambda: getattr(self.app.screen.chosen, "name", "") == zone, f"{zone} is chosen")  # type: ignore[attr-defined]

    async def edit(self, zone: str) -> None:
        """Opens a zone in the editor, and waits for the first verdict on it."""
        await self.choose(zone)
        await self.press("enter")
        await self.until_on("ZoneEditScreen")
        await self.until(lambda: self.app.screen.checked is not None, "the first check")  # type: ignore[attr-defined]

    async def append(self, line: str) -> None:
        """Types a line at the end of the text."""
        await self.press("ctrl+end")
        await self.type(line)
        await self.press("enter")

    async def plan(self) -> str:
        """Saves, until the plan is shown; its text."""
        await self.press("ctrl+s")
        await self.until_on("PlanDialog")
        return str(self.app.screen.preview.text())  # type: ignore[attr-defined]

    async def apply(self) -> None:
        """From the plan on: allows changes, applies."""
        if self.app.session is not None and not self.app.session.acting:
            await self.press("A")
        await self.press("y")
        await self.until_on("RunDialog")

    async def finished(self, deadline: float = 60.0) -> str:
        """Until the run is over; what the whole dialog says."""
        run = self.app.screen
        await self.until(lambda: run.finished, "the run is finished", deadline)  # type: ignore[attr-defined]
        return str(run.evidence().plain) + "\n" + self.course  # type: ignore[attr-defined]

    def standing(self, address: str) -> str:
        """`STATE SERIAL: WHY` of a name server in the run dialog; each part of it is on the screen."""
        servers = self.app.screen.servers  # type: ignore[attr-defined]
        update = next(update for target, update in servers.items() if target.address == address)
        if update is None:
            return ""
        serial = "-" if update.serial is None else str(update.serial)
        for part in (address, serial, update.state.value, update.text):
            assert part in self.course, (part, self.course)
        return f"{update.state.value} {serial}: {update.text}"

    @property
    def course(self) -> str:
        """The upper part of the run dialog, scrolled or not."""
        from textual.widgets import Static

        return str(self.app.screen.query_one(".course", Static).content)


@asynccontextmanager
async def console(lab: Lab, home: Path, user: str = "root", *, dialogs: bool = False) -> AsyncIterator[Driver]:
    """The console on 80×24, opened on `lab-USER`.

    Args:
        dialogs: questions come up on the screen; else they are answered behind it.
    """
    made: list[Counted] = []

    def connect(host: Host, prompter: Prompter) -> Connection:
        made.append(Counted(host, prompter if dialogs else LabPrompter(lab)))
        return made[-1]

    inventory = load(home / "none.toml", (f"lab-{user}",))
    with patch.dict(os.environ, {"PATH": lab.environment["PATH"], "HOME": str(home)}):
        app = OpsApp(inventory, connect, Journal(home / "state/opsconsole/journal"), f"lab-{user}")
        async with app.run_test(size=(80, 24)) as pilot:
            yield Driver(app, pilot, made)


async def in_thread(work: Callable[[], Any]) -> Any:
    """For what blocks, while the console goes on."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


# Zones


def added(text: bytes, line: str) -> bytes:
    """The text with a line at its end."""
    return text + line.encode() + b"\n"


def without_serial(text: bytes) -> bytes:
    """The text with the SOA's serial as N: the first number of 2 or more digits after SOA."""
    return re.sub(rb"(?s)(\bSOA\b.*?\(\s*)(\d+)", rb"\1N", text, count=1)
