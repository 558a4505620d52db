"""The Textual app: which host, which screen, errors until read. Everything else is in the screens."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.content import Content
from textual.screen import Screen

from console.commands import clashes, in_scope
from console.remote.errors import RemoteError
from screens import jobs
from screens.base import Commanded, OpsDialog, OpsScreen
from screens.output import LeanOutput
from screens.safe import content
from screens.session import Session

if TYPE_CHECKING:
    from console.change.journal import Journal
    from console.inventory import Host, Inventory
    from console.remote.connection import Connection, LinkState
    from console.remote.prompter import Prompter

Connect = Callable[["Host", "Prompter"], "Connection"]

SAID = 400
"""Characters of a word that passes by itself."""


def hosts_screen() -> OpsScreen:
    from screens.hosts import HostsScreen

    return HostsScreen()


def zones_screen() -> OpsScreen:
    from screens.zones import ZonesScreen

    return ZonesScreen()


def journal_screen() -> OpsScreen:
    from screens.journal import JournalScreen

    return JournalScreen()


LINK_LOOK = 0.5
"""Seconds between two looks at the link's state."""

SUBJECTS: dict[str, Callable[[], OpsScreen]] = {"zones": zones_screen}
"""Screens about the chosen host, by the word of their command. Each imports its module when it is first opened."""


class OpsApp(LeanOutput):
    """opsconsole on a terminal."""

    CSS_PATH = "../styles/console.tcss"
    TITLE = "opsconsole"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"

    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {"hosts": hosts_screen, "journal": journal_screen}
    DEFAULT_MODE = "hosts"

    def __init__(
        self,
        inventory: Inventory,
        connect: Connect,
        journal: Journal | None = None,
        host: str = "",
        *,
        whole_inventory: Callable[[], Inventory] | None = None,
    ) -> None:
        """
        Args:
            inventory: what `host` is looked up in.
            journal: the user's own unless given; opened when it is first needed, which is after the first frame.
            whole_inventory: gives all hosts, asked after the first frame; None: `inventory` is all.
        """
        if host:
            self.DEFAULT_MODE = "zones 1"  # type: ignore[misc]  # Textual reads it from the instance
        super().__init__()
        problems = clashes()
        if problems:
            raise ValueError("; ".join(problems))
        self.inventory = inventory
        self.connect_to = connect
        self.whole_inventory = whole_inventory
        self._journal = journal
        self.session: Session | None = None
        self.errors: list[str] = []
        self.texts: list[OpsScreen] = []
        """Screens that may hold an edit which is nowhere else."""
        self._sessions = 0
        self._link_shown: LinkState | None = None
        self.animation_level = "none"
        if host:
            self._begin_session(inventory.find(host))

    @cached_property
    def journal(self) -> Journal:
        from console.change.journal import Journal

        return self._journal or Journal()

    # Start and end

    def on_mount(self) -> None:
        super().on_mount()
        for number in (signal.SIGHUP, signal.SIGTERM):
            self._loop_handles(number)
        if self.whole_inventory is not None:
            self.after_frame(self._know_all_hosts)
        self.after_frame(self._tell_open_transactions)
        self.set_interval(LINK_LOOK, self._look_at_link)

    def _loop_handles(self, number: signal.Signals) -> None:
        """A closed terminal or a kill leaves in order: the hosts finish by themselves, the journal is whole."""
        import asyncio

        asyncio.get_running_loop().add_signal_handler(number, lambda: self.exit(128 + number))

    def on_unmount(self) -> None:
        if self.session is not None:
            self.session.connection.close()

    def _know_all_hosts(self) -> None:
        if self.whole_inventory is not None:
            self.inventory = self.whole_inventory()

    def _tell_open_transactions(self) -> None:
        open_ones = self.journal.open_transactions()
        if open_ones:
            first = open_ones[0]
            count = f"{len(open_ones)} change(s) ended without an answer"
            self.fail(f"{count}, the first on {first.host}: press 9, then a to ask.")

    def _fatal_error(self) -> None:
        """Textual's crash page shows local variables, passwords among them: ours does not."""
        from rich.segment import Segments
        from rich.traceback import Traceback

        page = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(Segments(self.console.render(page, self.console.options)))
        self._close_messages_no_wait()

    # The host

    def _new_session(self, host: Host) -> Session:
        from console.evidence import EvidenceBook
        from console.inventory import Mode
        from console.wrapped import Recorded

        def make() -> Connection:
            from screens.dialogs.ask import ScreenPrompter

            return self.connect_to(host, ScreenPrompter(self))

        book = EvidenceBook()
        connection = Recorded(host.name, make, book)
        return Session(host, connection, book, acting=host.mode is Mode.ACT)

    def _begin_session(self, host: Host) -> None:
        """A session's screens are modes of their own, so that nothing of one host is left when another is opened."""
        self._sessions += 1
        self.session = self._new_session(host)
        for word, screen in SUBJECTS.items():
            self.add_mode(f"{word} {self._sessions}", screen)

    def open_host(self, host: Host, *, acting: bool | None = None) -> None:
        """Leaves the present host, link and mode included, and goes to another one's zones."""
        self._unless_lost(f"open {host.name} anew", partial(self._open, host, acting))

    def _unless_lost(self, doing: str, then: Callable[[], None]) -> None:
        """Does what ends the present screens; an edit that would be lost with them is asked about first."""
        lost = next((screen.unsaved for screen in self.texts if screen.unsaved), "")
        if not lost:
            then()
            return
        from screens.dialogs.confirm import Confirm

        question = f"{lost} Throw it away and {doing}?"
        self.push_screen(Confirm(question, "Throw away"), lambda yes: then() if yes else None)

    def _open(self, host: Host, acting: bool | None) -> None:
        left = self._sessions if self.session is not None else 0
        if self.session is not None:
            self.session.connection.close()
        self._begin_session(host)
        if self.session is not None and acting is not None:
            self.session.acting = acting
        self.go("zones")
        if left:
            for word in SUBJECTS:
                self.remove_mode(f"{word} {left}")

    def go(self, word: str) -> None:
        """Switches to a subject's screen; the one that was open stays as it is."""
        self.switch_mode(f"{word} {self._sessions}" if word in SUBJECTS else word)

    def _look_at_link(self) -> None:
        """Draws the host bar anew when the link's state is not the one that is shown. Asks nobody."""
        state = self.session.connection.state if self.session is not None else None
        if state is not self._link_shown:
            self._link_shown = state
            self.refresh_bars()

    # Words to the user

    def say(self, text: str) -> None:
        self.notify(content(text[:SAID]).plain, markup=False, timeout=4)

    def fail(self, text: str) -> None:
        """Keeps an error on the screen until Esc."""
        if text not in self.errors:
            self.errors.append(text)
        self.refresh_bars()

    def explain(self, error: Exception) -> None:
        """An error of a job, in words."""
        if isinstance(error, (RemoteError, OSError, ValueError)):
            self.fail(str(error) or type(error).__name__)
        else:
            self.fail(f"{type(error).__name__}: {error}")

    def refresh_bars(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, (OpsScreen, OpsDialog)):
                screen.refresh_bars()

    def copy(self, text: str) -> None:
        """To the clipboard by OSC 52, as it is shown: what would be hidden is not pasted into a shell either.

        Whether the terminal took it, nobody tells us.
        """
        self.copy_to_clipboard(content(text, multiline=True).plain.rstrip("\n"))
        self.say("Copied by OSC 52, if your terminal allows it.")

    def show_text(self, title: str, text: str | Content) -> None:
        from screens.dialogs.text import TextDialog

        self.push_screen(TextDialog(title, text))

    def on_finished(self, event: jobs.Finished) -> None:
        event.deliver()

    # Commands that work everywhere

    def do_help(self) -> None:
        from screens.dialogs.help import page

        scope = self.screen.SCOPE if isinstance(self.screen, Commanded) else "app"
        self.show_text(f"Keys here ({scope})", page(scope))

    def do_command(self) -> None:
        if isinstance(self.screen, OpsScreen):
            self.screen.prompt(":", "", None, self._run_line)

    def _run_line(self, line: str | None) -> None:
        screen = self.screen
        if not line or not isinstance(screen, OpsScreen):
            return
        word = line.strip().lower()
        for command in in_scope(screen.SCOPE):
            if command.line_word == word:
                screen.run_command(command)
                return
        if word in {host.name for host in self.inventory.hosts}:
            self.open_host(self.inventory.find(word))
            return
        self.say(f"There is no command {word}. Tab completes, ? shows all.")

    def do_palette(self) -> None:
        self.action_command_palette()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: what can run here, from the one declaration."""
        if not isinstance(screen, OpsScreen):
            return
        for command in in_scope(screen.SCOPE):
            reason = screen.reason_against(command)
            title = f"{command.title} ({command.line_word})"
            yield SystemCommand(
                title,
                f"not now: {reason}" if reason else command.help,
                partial(screen.run_command, command),
            )

    def do_evidence(self) -> None:
        from screens.dialogs.evidence import pages

        items = self.session.book.newest_first() if self.session else []
        self.show_text("Evidence, newest first", pages(items))

    def do_act(self) -> None:
        if self.session is None:
            self.say("Choose a host first.")
            return
        self.session.acting = not self.session.acting
        state = "Changes are allowed" if self.session.acting else "Observe: nothing can be changed"
        self.say(f"{state} on {self.session.host.name}.")
        self.refresh_bars()

    def do_reconnect(self) -> None:
        if self.session is None:
            self.say("Choose a host first.")
            return
        self.open_host(self.session.host, acting=self.session.acting)

    def do_redraw(self) -> None:
        self.redraw()

    def do_back(self) -> None:
        if self.errors:
            self.errors.pop(0)
            self.refresh_bars()
        elif len(self.screen_stack) > 1:
            self.pop_screen()

    def do_hosts(self) -> None:
        self.go("hosts")

    def do_zones(self) -> None:
        if self.session is None:
            self.say("Choose a host first.")
        else:
            self.go("zones")

    def do_journal(self) -> None:
        self.go("journal")

    def do_quit(self) -> None:
        self._unless_lost("quit", lambda: self.exit(0))

    async def action_quit(self) -> None:
        """Textual binds ctrl+q to this before any screen sees the key."""
        self.do_quit()


def run(host: str = "") -> int:
    """Opens the console; the process's exit status."""
    from console.hosts import connect_to, inventory
    from console.inventory import load

    # Where a host is named, reading ssh_config for all aliases can wait until it is on the screen.
    known, rest = (load(), inventory) if host else (inventory(), None)
    app = OpsApp(known, connect_to, host=host, whole_inventory=rest)
    app.after_frame(_collect_garbage)
    return app.run(mouse=True) or 0


def _collect_garbage() -> None:
    """From here on; what was imported for the first frame is there to stay, and is not looked at again."""
    gc.freeze()
    gc.enable()
