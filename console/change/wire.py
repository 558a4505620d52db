"""How a plan travels to the host and how the worker's words come back. Pure: bytes in, values out.

A plan travels as one payload: the worker script, the new contents one after the other, and a manifest of ASCII lines
`step key tokens…` whose texts are base64, so that nothing in them means anything to a shell. Back come lines that
begin with `OPSC1 NONCE`; whatever else the host says is noise.
"""

from __future__ import annotations

import base64
import binascii
import math
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources

from console.change.outcome import State, StepEvent
from console.change.plan import EditFile, Plan, Probe, RunCommand, sha256

MARK = b"OPSC1"
CONTENT_LIMIT = 8 << 20
"""Bytes of new content that a plan may carry for one file."""

LINE_LIMIT = 4 << 20
"""Bytes kept of one line of the host's; the longest of ours carries 1 MiB of a file as base64."""

STATES = {
    "applied": State.APPLIED,
    "already": State.ALREADY,
    "conflict": State.CONFLICT,
    "refused": State.REFUSED,
    "rolled-back": State.ROLLED_BACK,
    "broken": State.BROKEN,
}


class PlanInvalid(ValueError):
    """The plan cannot be carried out as it stands; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What is sent on stdin, and the two lengths the scripts need to take it apart."""

    data: bytes
    worker: int
    """Bytes of the worker script at the start."""
    manifest: int
    """Where the manifest begins."""

    @property
    def digest(self) -> str:
        return sha256(self.data)


def script(*names: str) -> str:
    """The package's scripts, one after the other."""
    return "".join(resources.files("console.change").joinpath(f"{name}.sh").read_text() for name in names)


def temp_path(path: str, transaction: str, step: int) -> str:
    """Where the worker writes the new content of `path` before it counts; hidden from include globs."""
    return posixpath.join(posixpath.dirname(path), f".opsc-{transaction}-{step}.tmp")


def check_plan(plan: Plan) -> None:
    """Raises:
    PlanInvalid: a path is not absolute or named twice, an argv is empty, a text holds NUL, a content is too large.
    """
    if not plan.steps:
        raise PlanInvalid("the plan has no steps")
    paths = [step.path for step in plan.steps if isinstance(step, EditFile)]
    if len(set(paths)) != len(paths):
        raise PlanInvalid("the plan edits one file twice")
    for step in plan.steps:
        if isinstance(step, EditFile):
            _check_edit(step)
        else:
            _check_argv(step.argv)
            if step.undo:
                _check_argv(step.undo)


def _check_edit(step: EditFile) -> None:
    if not step.path.startswith("/") or step.path.endswith("/") or "\0" in step.path:
        raise PlanInvalid(f"{step.path!r} is not an absolute path of a file")
    if posixpath.basename(step.path) in (".", ".."):
        raise PlanInvalid(f"{step.path!r} is not an absolute path of a file")
    if step.base is None and step.content is None:
        raise PlanInvalid(f"nothing is to be done about {step.path}")
    if step.content is not None and len(step.content) > CONTENT_LIMIT:
        raise PlanInvalid(f"the new {step.path} is larger than {CONTENT_LIMIT} bytes")
    if step.check:
        _check_argv(step.check)


def _check_argv(argv: Sequence[str]) -> None:
    if not argv[0:1] or not argv[0]:
        raise PlanInvalid("a command has no name")
    if any("\0" in word for word in argv):
        raise PlanInvalid(f"{argv[0]}: a NUL in an argument cannot be passed on")


def pack(plan: Plan, transaction: str) -> Payload:
    """The payload of a plan that `check_plan` accepts."""
    worker = script("state", "worker", "files", "steps").encode()
    lines = [
        "- version 1",
        f"- plan {plan.digest()}",
        f"- lock {token(lock_name(plan))}",
        f"- steps {len(plan.steps)}",
    ]
    blobs: list[bytes] = []
    offset = len(worker)
    for index, step in enumerate(plan.steps):
        if isinstance(step, EditFile):
            content = step.content or b""
            lines += [f"{index} {line}" for line in _edit_lines(step, offset, temp_path(step.path, transaction, index))]
            blobs.append(content)
            offset += len(content)
        else:
            lines += [f"{index} {line}" for line in _command_lines(step)]
    manifest = "\n".join(lines).encode() + b"\n"
    return Payload(worker + b"".join(blobs) + manifest, len(worker), offset)


def lock_name(plan: Plan) -> str:
    """What the host's lock is called: the plan's own word, else its first file, else its object."""
    if plan.lock:
        return plan.lock
    first = next((step.path for step in plan.steps if isinstance(step, EditFile)), "")
    return first or f"{plan.subject}:{plan.object}"


def _edit_lines(step: EditFile, offset: int, temp: str) -> Iterator[str]:
    yield "kind file"
    yield f"path {token(step.path)}"
    yield f"hashes {content_hash(step.base)} {content_hash(step.content)}"
    yield f"blob {offset} {len(step.content or b'')}"
    yield f"mode {step.mode:o}"
    yield f"accepts {_numbers(step.check_accepts)}"
    if step.check and step.content is not None:
        yield f"check {tokens([step.check_cwd, *(word.replace('{temp}', temp) for word in step.check)])}"


def _command_lines(step: RunCommand) -> Iterator[str]:
    yield "kind run"
    yield f"argv {tokens(step.argv)}"
    yield f"deadline {max(1, math.ceil(step.deadline))}"
    yield f"accepts {_numbers(step.accepts)}"
    yield f"always {int(step.always)}"
    yield f"nothing {int(step.all_or_nothing)}"
    if step.verify:
        yield f"verify {_probe(step.verify)}"
    if step.undo:
        yield f"undo {tokens(step.undo)}"
    if step.undo_verify:
        yield f"undo-verify {_probe(step.undo_verify)}"


def _probe(probe: Probe) -> str:
    return f"{token(probe.what)} {max(0, math.ceil(probe.within))} {tokens([probe.script, *probe.args])}"


def _numbers(statuses: Sequence[int]) -> str:
    return " ".join(str(status) for status in statuses)


def content_hash(content: bytes | None) -> str:
    return "none" if content is None else sha256(content)


def token(text: str) -> str:
    """Base64 of the text's bytes (surrogate escapes are the bytes they stand for); the empty text is a dot."""
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode() or "."


def tokens(texts: Sequence[str]) -> str:
    return " ".join(token(text) for text in texts)


def untoken(word: bytes) -> bytes:
    """The bytes of a token; empty when it is none."""
    try:
        return b"" if word == b"." else base64.b64decode(word, validate=True)
    except binascii.Error:
        return b""


def _is_index(word: bytes) -> bool:
    return word.isdigit() and len(word) < 10


@dataclass(frozen=True, slots=True)
class FileFact:
    """What reconciling saw of one file: hashes, `none` for no file, `other` for no regular file."""

    step: int
    base: str
    new: str
    held: str


@dataclass(slots=True)
class Report:
    """What the scripts have said so far. `feed` it chunks of any size."""

    nonce: str
    events: list[StepEvent] = field(default_factory=list)
    state: State | None = None
    reason: str = ""
    content: bytes | None = None
    situation: str = ""
    """From reconciling: `abandoned`, `running`, `dead`, `rebooted`."""
    files: list[FileFact] = field(default_factory=list)
    ran: dict[int, bool] = field(default_factory=dict)
    """From reconciling: which commands had begun, by step."""
    died: bool = False
    complete: bool = False
    noise: bytearray = field(default_factory=bytearray)
    """The first 4 KiB of what was not ours."""
    _rest: bytearray = field(default_factory=bytearray)
    _author: str = ""
    _began: int | None = None

    def feed(self, chunk: bytes) -> list[StepEvent]:
        """The events that this chunk completes, in order. Never raises on foreign bytes."""
        self._rest += chunk
        if b"\n" not in chunk:
            del self._rest[LINE_LIMIT:]
            return []
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        before = len(self.events)
        for line in lines:
            self._line(line)
        return self.events[before:]

    def _line(self, line: bytes) -> None:
        words = line.split(b" ")
        own = (self.nonce.encode(), self._author.encode() or self.nonce.encode())
        if len(words) < 3 or words[0] != MARK or words[1] not in own or not self._record(words[2], words[3:]):
            self.noise += (line + b"\n")[: max(0, 4096 - len(self.noise))]

    def _record(self, kind: bytes, words: list[bytes]) -> bool:
        if kind == b"E" and len(words) == 7:
            return self._event(words)
        if kind == b"R" and len(words) == 4 and words[0].decode("ascii", "replace") in STATES:
            self.state = STATES[words[0].decode()]
            self.reason = untoken(words[2]).decode("utf-8", "replace")
            if self.state is State.CONFLICT and words[3] != b".":
                self.content = untoken(words[3])
            self.complete = True
        elif kind == b"N" and len(words) == 1:
            self._author = words[0].decode("ascii", "replace")
        elif kind == b"S" and len(words) == 1:
            self.situation = words[0].decode("ascii", "replace")
        elif kind == b"F" and len(words) == 4 and _is_index(words[0]):
            base, new, held = (word.decode("ascii", "replace") for word in words[1:])
            self.files.append(FileFact(int(words[0]), base, new, held))
        elif kind == b"C" and len(words) == 2 and _is_index(words[0]):
            self.ran[int(words[0])] = words[1] == b"yes"
        elif kind == b"X" and len(words) == 1:
            self.reason = untoken(words[0]).decode("utf-8", "replace")
        elif kind == b"D":
            self.died = True
        elif kind == b"Z":
            self.complete = True
        else:
            return False
        return True

    def _event(self, words: list[bytes]) -> bool:
        try:
            _, step, status, at = (int(words[0]), int(words[1]), words[3], int(words[4]))
            exit_status = None if status == b"-" else int(status)
        except ValueError:
            return False
        if self._began is None:
            self._began = at
        self.events.append(
            StepEvent(
                step,
                words[2].decode("ascii", "replace"),
                untoken(words[5]).decode("utf-8", "replace"),
                untoken(words[6]),
                exit_status,
                (at - self._began) / 100,
            )
        )
        return True
