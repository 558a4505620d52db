"""What came of a plan, told as events while it happens and as one Outcome at the end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    APPLIED = "applied"
    ALREADY = "already so"
    """The file was as wanted before; reload and verification ran all the same."""
    CONFLICT = "conflict"
    """The file is not what the plan was made against. Nothing was changed."""
    REFUSED = "refused"
    """A check, a lock, or a precondition said no. Nothing was changed."""
    ROLLED_BACK = "rolled back"
    """A later step failed; the old state is back and that was verified."""
    BROKEN = "broken"
    """A later step failed and the old state could not be proven to be back. Look now."""
    UNKNOWN = "unknown"
    """The answer was lost. `apply.reconcile` asks the host by transaction id."""

    @property
    def glyph(self) -> str:
        """`✔` done, `✖` not done, `▲` taken back, `?` not known: a sign beside the word, for screens and CLI alike."""
        return {"APPLIED": "✔", "ALREADY": "✔", "ROLLED_BACK": "▲", "UNKNOWN": "?"}.get(self.name, "✖")


@dataclass(frozen=True, slots=True)
class StepEvent:
    """One thing that happened on the host during apply."""

    step: int
    """Index into plan.steps; -1 for the transaction as a whole."""
    phase: str
    """`start`, `check`, `write`, `run`, `verify`, `undo`, `undo-verify`, `done`, `failed`, `skipped`."""
    message: str
    """What it was, one line."""
    output: bytes = b""
    """Raw output of the command, bounded."""
    exit_status: int | None = None
    at: float = 0.0
    """Seconds since apply began, on the host's monotonic clock where it has one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    state: State
    transaction: str
    """`20261123T051500Z-1f2e3d4c`."""
    reason: str
    """One sentence: why it ended so."""
    events: tuple[StepEvent, ...] = ()
    duration: float = 0.0
    host_content: bytes | None = None
    """With CONFLICT: what the file holds now, for the three-way view."""

    @property
    def good(self) -> bool:
        return self.state in (State.APPLIED, State.ALREADY)
