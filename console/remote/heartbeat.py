"""Notices a host that has fallen silent. The kernel notices a dead link; this also notices a peer that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from console.remote.connection import LinkState

IDLE = 15.0
"""Seconds without a byte from the host after which it is asked."""
DEADLINE = 5.0
"""Seconds after asking until it is shown as stale."""
GRACE = 15.0
"""Seconds more until it is given up."""


class Heartbeat:
    """A daemon thread that asks a silent host for a sign of life.

    Args:
        ask: blocks until the host answered (true), or until the link is known to be gone.
        report: told UP, STALE or DOWN; may close the link.
    """

    def __init__(
        self,
        ask: Callable[[], bool],
        report: Callable[[LinkState], None],
        *,
        idle: float = IDLE,
        deadline: float = DEADLINE,
        grace: float = GRACE,
    ) -> None:
        self._ask = ask
        self._report = report
        self._idle, self._deadline, self._grace = idle, deadline, grace
        self._heard_at = time.monotonic()
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="opsconsole-heartbeat", daemon=True).start()

    def heard(self) -> None:
        """A byte came from the host."""
        self._heard_at = time.monotonic()

    def stop(self) -> None:
        """Ends the thread soon; does not wait for it."""
        self._over.set()

    def _watch(self) -> None:
        left = self._idle
        while not self._over.wait(left):
            left = self._heard_at + self._idle - time.monotonic()
            if left <= 0:
                if not self._alive():
                    return
                left = self._idle

    def _alive(self) -> bool:
        asked = time.monotonic()
        settled = threading.Event()
        answers: list[bool] = []

        def ask() -> None:
            answers.append(self._ask())
            settled.set()

        threading.Thread(target=ask, name="opsconsole-heartbeat-ask", daemon=True).start()
        if not settled.wait(self._deadline) and self._heard_at < asked:
            self._say(LinkState.STALE)
            settled.wait(self._grace)
        alive = answers[0] if answers else self._heard_at >= asked
        self._say(LinkState.UP if alive else LinkState.DOWN)
        return alive

    def _say(self, state: LinkState) -> None:
        if not self._over.is_set():
            self._report(state)
