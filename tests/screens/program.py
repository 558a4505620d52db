"""The console as a program of its own for tests on a real pty: `python -m tests.screens.program WHAT DIRECTORY`.

`plain`     on the sandbox in DIRECTORY; writes the names of the modules that are loaded after the first frame.
`blocked`   on a host whose run() never ends.
`crash`     an error with a secret in a local variable, on `?`.
`secret`    asks for a password at once, and writes what of it is left in the app.
`hostile`   the corpus wherever text of others can be: hosts, questions, errors, toasts, dialogs, journal.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import screens.app
from console.change.journal import Journal
from console.inventory import BUILT_IN, Host, Inventory
from console.remote.connection import Connection, LinkState, Privilege
from console.remote.errors import ConnectFailed
from console.remote.prompter import Ask, HostKeyQuestion, Prompter, Question
from screens.app import OpsApp


class Stuck:
    """A connection of which nothing ever comes back."""

    name = address = user = "stuck"
    privilege = Privilege.ROOT
    state = LinkState.UP

    def __getattr__(self, name: str) -> Any:
        def never(*_: Any, **__: Any) -> None:
            threading.Event().wait()

        return never

    def close(self) -> None:
        """Ends nothing either."""


def corpus() -> str:
    from tests.screens.hostile import PAYLOADS

    return " ".join(payload.decode("utf-8", "surrogateescape") for payload in PAYLOADS)


class Hostile:
    """Asks everything it may ask in hostile words, then refuses in them."""

    def __init__(self, prompter: Prompter) -> None:
        self.prompter = prompter
        self.name = self.address = self.user = corpus()[:300]
        self.privilege = Privilege.NONE
        self.state = LinkState.UP

    def connect(self) -> None:
        self.run()

    def run(self, *_: Any, **__: Any) -> None:
        evil = corpus()
        self.prompter.accept_host_key(HostKeyQuestion(evil[:300], evil[300:600], evil[:60], evil[:90], evil, (evil,)))
        for echo in (False, True):
            self.prompter.ask(Question(Ask.SUDO, evil[:200], evil[200:300], evil, echo=echo, failed=True))
        raise ConnectFailed(f"sudo: {evil}")

    def close(self) -> None:
        """Nothing to close."""


class Program(OpsApp):
    CSS_PATH = Path(screens.app.__file__).parent / "../styles/console.tcss"

    def __init__(self, what: str, place: Path) -> None:
        self.what = what
        self.place = place
        hosts = Inventory(BUILT_IN, place / "hosts.toml", present=False)
        if what == "hostile":
            evil = corpus()
            host = Host(evil[:200], ssh=evil[200:300], label=evil[:100], source=evil[100:200])
            hosts = Inventory((host, *BUILT_IN), Path(evil.replace("\0", "").replace("/", "")[:90]), present=False)
        super().__init__(hosts, self.reach, Journal(place / "journal"), "" if what == "hostile" else "sandbox")

    def reach(self, host: Host, prompter: Prompter) -> Connection:
        if self.what == "blocked":
            return Stuck()  # type: ignore[return-value]
        if self.what == "hostile" and host not in BUILT_IN:
            return Hostile(prompter)  # type: ignore[return-value]
        from console.sandbox.host import Sandbox

        return Sandbox(prompter, directory=self.place / "box", lag=0.2)

    def on_mount(self) -> None:
        super().on_mount()
        if self.what == "plain":
            loaded = self.place / "loaded"
            self.call_after_refresh(lambda: loaded.write_text("\n".join(sorted(sys.modules))))

    def do_help(self) -> None:
        if self.what == "crash":
            password = os.environ["THE_SECRET"]
            raise RuntimeError(f"a crash of {len(password)} letters")
        if self.what == "hostile":
            evil = corpus()
            self.say(evil)
            self.fail(evil)
            self.copy(evil)
            self.show_text(evil, evil)
            return
        super().do_help()


if __name__ == "__main__":
    Program(sys.argv[1], Path(sys.argv[2])).run()
