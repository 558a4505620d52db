"""Dialogs that a connection needs answered: secrets, host keys; and the prompter that puts them on the screen."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from console.remote.prompter import Ask, HostKeyQuestion, Question
from console.remote.secret import Secret
from screens.jobs import tell
from screens.safe import content

if TYPE_CHECKING:
    from screens.app import OpsApp

TITLES = {
    Ask.PASSWORD: "Password",
    Ask.PASSPHRASE: "Key passphrase",
    Ask.INTERACTIVE: "The host asks",
    Ask.SUDO: "sudo password",
}


class AskSecret(ModalScreen[Secret | None]):
    """One question; what is typed is not shown unless the host said that it may be."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        question = self.question
        with Widget(classes="dialog small"):
            yield Static(Content.assemble((TITLES[question.kind], "bold"), " for ", content(self._whom())))
            if question.failed:
                yield Static(Content.styled("✖ The last answer was refused.", "$text-error"))
            if question.kind is not Ask.SUDO:
                yield Static(content(question.text, multiline=True))
            line = Input(password=not question.echo, compact=True)
            line.cursor_blink = False
            yield line
            yield Static(Content.styled("⏎ answer   Esc cancel   kept in memory until you quit, never written", "dim"))

    def _whom(self) -> str:
        return f"{self.question.user}@{self.question.host}" if self.question.user else self.question.host

    def on_input_submitted(self, event: Input.Submitted) -> None:
        secret = Secret(event.value)
        event.input.value = ""
        self.dismiss(secret)

    def action_leave(self) -> None:
        self.dismiss(None)


class AskHostKey(ModalScreen[bool]):
    """First sight of a host key: the user compares the fingerprint and types yes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self, question: HostKeyQuestion) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        question = self.question
        with Widget(classes="dialog small"):
            yield Static(Content.styled("This host's key is not known yet", "bold"))
            yield Static(
                Content("\n").join(
                    [
                        Content.assemble("host         ", content(question.host)),
                        Content.assemble("address      ", content(question.address)),
                        Content.assemble("key          ", content(question.key_type)),
                        Content.assemble("fingerprint  ", content(question.fingerprint).stylize("bold")),
                    ]
                )
            )
            if question.other_types:
                known = ", ".join(question.other_types)
                yield Static(
                    Content.assemble(
                        ("▲ ", "$text-warning"),
                        content(f"Keys of other types are known for it: {known}. Be suspicious."),
                    )
                )
            if question.note:
                yield Static(Content.assemble(("▲ ", "$text-warning"), content(f"{question.note}.")))
            file = question.known_hosts
            then = f"one line goes to {file}" if file else "it is accepted for now: there is no known_hosts file"
            yield Static(content(f"Compare it with the host's console. If it is right, {then}."))
            line = Input(placeholder="type yes to accept", compact=True)
            line.cursor_blink = False
            yield line
            yield Static(Content.styled("⏎ answer   Esc do not connect", "dim"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip().lower() == "yes")

    def action_leave(self) -> None:
        self.dismiss(False)


class ScreenPrompter:
    """A `Prompter` that blocks the connection's thread while the dialog is open."""

    def __init__(self, app: OpsApp) -> None:
        self._app = app

    def ask(self, question: Question) -> Secret | None:
        reply: queue.Queue[Secret | None] = queue.Queue(1)
        tell(self._app, lambda: self._app.push_screen(AskSecret(question), reply.put))
        return reply.get()

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        reply: queue.Queue[bool | None] = queue.Queue(1)
        tell(self._app, lambda: self._app.push_screen(AskHostKey(question), reply.put))
        return bool(reply.get())
