"""What every screen shares: keys from the one declaration, the bars, reasons instead of dead keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from console.commands import BY_ID, Command, in_scope
from screens.chrome.bars import ErrorBar, HostBar, KeyBar
from screens.chrome.prompt import Prompt

if TYPE_CHECKING:
    from screens.app import OpsApp
    from screens.session import Session
    from screens.widgets.table import VirtualTable

ABOUT_A_HOST = ("app.zones", "app.evidence", "app.act", "app.reconnect")
"""Commands that make no sense before a host is chosen."""


def bindings(scope: str) -> list[Binding]:
    """Textual bindings of one scope. Keys that no text field can mean come before the focused widget's own."""
    made = []
    for command in in_scope(scope):
        for key in command.keys:
            before = key.startswith(("ctrl+", "f")) and len(key) > 1
            action = f"command('{command.id}')"
            made.append(Binding(key, action, command.title, show=False, priority=before, tooltip=command.help))
    return made


class Commanded:
    """A screen or dialog whose keys come from `console.commands`.

    A command `scope.verb` is answered by the method `do_verb`, here or on the app. `reason_against` says why one
    cannot run now; the key bar greys it and a press tells the reason.
    """

    SCOPE: ClassVar[str] = "app"

    def __init_subclass__(cls, **arguments: Any) -> None:
        # Textual adds the bindings of base classes: only what names its scope has any.
        own = bindings(cls.SCOPE) if "SCOPE" in vars(cls) else []
        cls.BINDINGS = own  # type: ignore[misc, attr-defined, unused-ignore]
        super().__init_subclass__(**arguments)

    @property
    def ops(self) -> OpsApp:
        return cast("OpsApp", cast("Widget", self).app)

    @property
    def session(self) -> Session | None:
        return self.ops.session

    def reason_against(self, command: Command) -> str:
        """Why this command cannot run now; empty when it can. Screens extend it."""
        if self._method(command) is None:
            return f"{command.title} does nothing here."
        return ""

    def _method(self, command: Command) -> Callable[[], object] | None:
        name = f"do_{command.verb}"
        return getattr(self, name, None) or (getattr(self.ops, name, None) if command.scope == "app" else None)

    async def action_command(self, identity: str) -> None:
        self.run_command(BY_ID[identity])

    def run_command(self, command: Command) -> None:
        """Runs a command as its key, the palette and the command line do."""
        reason = self.reason_against(command)
        if reason:
            self.say(reason)
            return
        method = self._method(command)
        if method is not None:
            method()

    def say(self, text: str) -> None:
        """A short word to the user that may pass by itself. Host text in it is made safe."""
        self.ops.say(text)

    def fail(self, text: str) -> None:
        """An error that stays until it was read."""
        self.ops.fail(text)


class OpsScreen(Commanded, Screen[None]):
    """A full screen: host bar, body, error bar, key bar; the prompt line takes the key bar's place."""

    TYPING: ClassVar[bool] = False
    """A text has the keyboard: letters and digits are no commands."""

    def compose(self) -> ComposeResult:
        yield HostBar()
        yield from self.body()
        yield ErrorBar()
        yield KeyBar()

    @property
    def unsaved(self) -> str:
        """One sentence about an edit that is only here; empty when nothing would be lost."""
        return ""

    def reason_against(self, command: Command) -> str:
        if command.id in ABOUT_A_HOST and self.session is None:
            return "Choose a host first."
        if command.id == f"app.{self.SCOPE}":
            return f"These are the {self.SCOPE}." if self.SCOPE != "journal" else "This is the journal."
        if command.id == "app.back" and not self.ops.errors and len(self.app.screen_stack) < 2:
            return "Nothing is open here: 0 shows the hosts, q quits."
        return super().reason_against(command)

    def body(self) -> ComposeResult:
        """The widgets between the bars."""
        yield from ()

    def on_mount(self) -> None:
        self.refresh_bars()

    def on_screen_resume(self) -> None:
        self.refresh_bars()

    def refresh_bars(self) -> None:
        """Draws host bar, error bar and key bar from what is now known."""
        if not self.query(KeyBar):
            return
        self.query_one(HostBar).show(self.session, self.facts())
        self.query_one(ErrorBar).show(self.ops.errors)
        shown = [(c, self.reason_against(c)) for c in in_scope(self.SCOPE) if c.footer]
        self.query_one(KeyBar).show(shown, typing=self.TYPING)

    def facts(self) -> str:
        """What else the host bar tells, such as the age of what is shown."""
        return ""

    def prompt(
        self, label: str, value: str, changed: Callable[[str], None] | None, done: Callable[[str | None], None]
    ) -> None:
        """One line of input in place of the key bar. `done(None)`: the user turned away."""
        if self.query(Prompt):
            return
        self.query_one(KeyBar).display = False

        def finish(text: str | None) -> None:
            self.query_one(Prompt).remove()
            self.query_one(KeyBar).display = True
            self.focus_body()
            done(text)

        self.mount(Prompt(label, value, changed, finish, self.completions(label)), before=self.query_one(KeyBar))

    def filter_table(self, table: VirtualTable[Any]) -> None:
        """Filters a table as the user types; Esc puts back what was."""
        before = table.filter
        table.prepare_filter()

        def apply(text: str | None) -> None:
            table.filter = before if text is None else text

        self.prompt("/", before, apply, apply)

    def completions(self, label: str) -> list[str]:
        """What Tab offers in a prompt."""
        return [c.line_word for c in in_scope(self.SCOPE)] if label == ":" else []

    def focus_body(self) -> None:
        """Puts the keyboard back where it belongs on this screen."""

    def detail(self, title: str, text: str | Content) -> None:
        """Shows a long text over the screen."""
        self.ops.show_text(title, text)


class OpsDialog(Commanded, ModalScreen[Any]):
    """A dialog over a screen; its own key bar is its last line."""

    def compose(self) -> ComposeResult:
        with Widget(classes="dialog"):
            yield from self.body()
            yield KeyBar()

    def body(self) -> ComposeResult:
        yield from ()

    def on_mount(self) -> None:
        self.refresh_bars()

    def refresh_bars(self) -> None:
        if self.query(KeyBar):
            self.query_one(KeyBar).show([(c, self.reason_against(c)) for c in in_scope(self.SCOPE)])
