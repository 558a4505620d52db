"""A change to a host as a value: what will be done, why, how its effect is seen, and how it is undone.

A Plan is pure data. `preview.render` shows it, `apply.apply` does it, `journal` remembers it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum


class Risk(Enum):
    """How far a mistake would reach; decides how it is confirmed."""

    LOW = "low"
    """One thing, undone with a key."""
    MEDIUM = "medium"
    """A service notices."""
    HIGH = "high"
    """Many things, or hard to undo: the user types a word or a count."""


@dataclass(frozen=True, slots=True)
class Probe:
    """How an effect is seen: a POSIX sh script run on the host until it exits 0 or time is up.

    Its stdout is evidence. Exit 0: seen. Exit 1: not yet. Exit 2: will never be (stop waiting).
    """

    what: str
    """Such as `named serves serial 2026112301`."""
    script: str
    args: tuple[str, ...] = ()
    within: float = 10.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class EditFile:
    """Replace the content of one file atomically, if it still is what it was."""

    path: str
    """Absolute, on the host."""
    why: str
    base: bytes | None
    """The content it was planned against; None: the file must not exist yet."""
    content: bytes | None
    """The new content; None: remove the file."""
    check: tuple[str, ...] = ()
    """argv run on the temp copy before it counts; `{temp}` stands for its path, cwd is `check_cwd`."""
    check_cwd: str = ""
    """Empty: the file's own directory."""
    check_accepts: tuple[int, ...] = (0,)
    """Exit statuses that mean good. Empty: the check is shown but does not decide (forced by the user)."""
    mode: int = 0o644
    """For a new file only; an existing one keeps owner, group, mode and ACL."""


@dataclass(frozen=True, slots=True)
class RunCommand:
    """Run one command. Its exit status proves nothing: `verify` does.

    When a later step fails, the host goes back in this order: `always` commands that had run are taken back by their
    `undo`, last first (a thawed zone is frozen again); files get their old content; all other commands that had begun
    are taken back, last first (the reload, now of the old file); every `always` command runs (the thaw).
    It counts as rolled back only if each command with a `verify` or an `undo` has an `undo_verify` that is then seen;
    a command with none of the three is taken to leave nothing behind. An `always` command is seen by its
    `undo_verify`, else its `verify`. So [freeze, edit, reload, thaw] wants: freeze with nothing; reload with
    undo=reload and undo_verify=the old serial is served; thaw with always, undo=freeze and undo_verify.
    """

    argv: tuple[str, ...]
    why: str
    verify: Probe | None = None
    undo: tuple[str, ...] = ()
    """argv that takes it back (`rndc reload` again after the file is restored; `freeze` for an `always` `thaw`)."""
    undo_verify: Probe | None = None
    accepts: tuple[int, ...] = (0,)
    always: bool = False
    """Run it even when an earlier step failed and was rolled back (`thaw` after `freeze`)."""
    all_or_nothing: bool = False
    """An exit status that is not accepted means that it did nothing. So a `freeze` that is refused, because another
    admin froze the zone, is not followed by our `thaw` of his."""
    deadline: float = 30.0


Step = EditFile | RunCommand


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered steps, done as one script on one host: all of them, or none that lasts."""

    host: str
    subject: str
    """`dns`, `mail`, …"""
    object: str
    """What it is about: `example.com`."""
    title: str
    """`Save zone example.com, serial 2026112301 → 2026112302`."""
    steps: tuple[Step, ...]
    risk: Risk = Risk.MEDIUM
    sudo: bool = True
    lock: str = ""
    """What two admins must not do at once; empty: the first edited path."""
    warnings: tuple[str, ...] = ()
    """What cannot be undone, what is not atomic, what the user overrode."""
    facts: dict[str, str] = field(default_factory=dict)
    """For the journal and for undo: zone, view, old and new serial, …"""

    def digest(self) -> str:
        """sha256 over everything that decides what happens: what was shown is what is applied."""
        return hashlib.sha256(json.dumps(_plain(self), sort_keys=True).encode()).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _plain(value: object) -> object:
    """JSON-able form of a plan; bytes become their hash."""
    if isinstance(value, bytes):
        return "sha256:" + sha256(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if not is_dataclass(value):
        raise TypeError(f"a plan cannot hold {type(value).__name__}")
    kind: dict[str, object] = {"kind": type(value).__name__}
    return kind | {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
