"""Work that blocks, on daemon threads of our own: leaving the console never waits for one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from textual.app import App
from textual.message import Message

T = TypeVar("T")


class Finished(Message, bubble=False):
    """A job ended; `deliver` hands over its result on the UI loop."""

    def __init__(self, deliver: Callable[[], object]) -> None:
        super().__init__()
        self.deliver = deliver


def start(
    app: App[object],
    name: str,
    work: Callable[[], T],
    then: Callable[[T], None],
    failed: Callable[[Exception], None],
) -> None:
    """Runs `work` on a thread; then `then(result)` or `failed(error)` on the UI loop.

    `name` must hold no secret: it is the thread's name.
    """

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # whatever it was, the user is told on the screen
            reason = error
            app.post_message(Finished(lambda: failed(reason)))
        else:
            app.post_message(Finished(lambda: then(result)))

    threading.Thread(target=run, name=name, daemon=True).start()


def tell(app: App[object], what: Callable[[], object]) -> None:
    """From a job's thread: have `what` run on the UI loop, without waiting for it."""
    app.post_message(Finished(what))
