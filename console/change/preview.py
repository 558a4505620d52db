"""What a plan will do, for reading: the dialog and `--dry-run` render the same values. Pure.

All text here has been through `visible`: nothing in it acts on a terminal. `Preview.digest` names the plan that was
shown; `apply(shown=…)` refuses any other.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum

from console.change.merge import lines_of
from console.change.plan import EditFile, Plan, Probe, Risk, RunCommand, Step
from console.visible import visible

CONTEXT = 3


class Kind(Enum):
    """What a line of a step's body is."""

    HEADER = "header"
    HUNK = "hunk"
    CONTEXT = "context"
    ADDED = "added"
    REMOVED = "removed"
    NOTE = "note"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Line:
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class StepPreview:
    number: int
    """1-based."""
    title: str
    """`Edit /etc/…`, `Make …`, `Remove …`, `Run`."""
    why: str
    body: tuple[Line, ...]
    """Unified diff, or the command."""
    check: str
    verify: str
    undo: str
    """How it is taken back when a later step fails."""
    lasting: bool
    """Nothing takes it back."""


@dataclass(frozen=True, slots=True)
class Preview:
    title: str
    host: str
    about: str
    """`dns example.com`."""
    risk: Risk
    privilege: str
    warnings: tuple[str, ...]
    steps: tuple[StepPreview, ...]
    digest: str

    def lines(self) -> list[Line]:
        """The whole as lines, top to bottom."""
        return list(_lines(self))

    def text(self) -> str:
        """The whole as plain text that ends with a newline."""
        return "".join(f"{line.text}\n" for line in self.lines())


def render(plan: Plan) -> Preview:
    """What will be done, exactly."""
    steps = tuple(_step(number, step) for number, step in enumerate(plan.steps, 1))
    warnings = [visible(warning) for warning in plan.warnings]
    warnings += [f"step {step.number} cannot be undone" for step in steps if step.lasting]
    warnings += [
        f"step {number}: the check is shown but does not decide"
        for number, step in enumerate(plan.steps, 1)
        if isinstance(step, EditFile) and step.check and not step.check_accepts
    ]
    return Preview(
        title=visible(plan.title),
        host=visible(plan.host),
        about=visible(f"{plan.subject} {plan.object}"),
        risk=plan.risk,
        privilege="as root" if plan.sudo else "as the login user",
        warnings=tuple(warnings),
        steps=steps,
        digest=plan.digest(),
    )


def diff(path: str, base: bytes | None, content: bytes | None) -> tuple[Line, ...]:
    """Unified diff of two contents (None: no file). A CR before the line end and a missing last line end are seen."""
    old, new = lines_of(base or b""), lines_of(content or b"")
    shown = visible(path)
    lines = [
        Line(Kind.HEADER, f"--- {shown if base is not None else '/dev/null'}"),
        Line(Kind.HEADER, f"+++ {shown if content is not None else '/dev/null'}"),
    ]
    for group in _groups(old, new):
        first, last = group[0], group[-1]
        lines.append(Line(Kind.HUNK, f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"))
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                lines += _body(Kind.CONTEXT, " ", old[old_start:old_end])
            else:
                lines += _body(Kind.REMOVED, "-", old[old_start:old_end])
                lines += _body(Kind.ADDED, "+", new[new_start:new_end])
    if base == content:
        lines.append(Line(Kind.NOTE, "(no change to the text)"))
    elif len(lines) == 2:
        lines.append(Line(Kind.NOTE, "(an empty file)"))
    return tuple(lines)


def command(argv: tuple[str, ...]) -> str:
    """The argv as one would type it in sh; hostile characters made visible."""
    return visible(shlex.join(argv))


def _groups(old: list[bytes], new: list[bytes]) -> Iterator[list[tuple[str, int, int, int, int]]]:
    """Like `SequenceMatcher.get_grouped_opcodes`, with the common ends cut off first: zones are long, edits short."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    head, tail = max(0, head - CONTEXT), max(0, tail - CONTEXT)
    matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        yield [(tag, a + head, b + head, c + head, d + head) for tag, a, b, c, d in group]


def _range(start: int, end: int) -> str:
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _body(kind: Kind, sign: str, lines: list[bytes]) -> Iterator[Line]:
    for line in lines:
        yield Line(kind, sign + visible(line.removesuffix(b"\n"), multiline=True))
        if not line.endswith(b"\n"):
            yield Line(Kind.NOTE, "\\ No newline at end of file")


def _step(number: int, step: Step) -> StepPreview:
    return _edit(number, step) if isinstance(step, EditFile) else _run(number, step)


def _edit(number: int, step: EditFile) -> StepPreview:
    word = "Make" if step.base is None else "Remove" if step.content is None else "Edit"
    body = diff(step.path, step.base, step.content)
    if step.base is None:
        body += (Line(Kind.NOTE, f"new file, mode {step.mode:o}"),)
    check = ""
    if step.check and step.content is not None:
        check = command(tuple(part.replace("{temp}", "TEMP-COPY") for part in step.check))
        if step.check_cwd:
            check += f" (in {visible(step.check_cwd)})"
        if step.check_accepts:
            check += f", exit status {_statuses(step.check_accepts)} means good"
        else:
            check += ", whatever it says"
    return StepPreview(
        number=number,
        title=f"{word} {visible(step.path)}",
        why=visible(step.why),
        body=body,
        check=check,
        verify="the content is read back and compared by sha256",
        undo="removed again" if step.base is None else "the old content goes back, if the file still is what we wrote",
        lasting=False,
    )


def _run(number: int, step: RunCommand) -> StepPreview:
    parts = []
    if step.always:
        parts.append("runs in any case, also after a roll back")
    if step.undo:
        parts.append(command(step.undo))
    if step.undo_verify:
        parts.append(f"then {_probe(step.undo_verify)}")
    lasting = bool(step.verify) and not (step.undo or step.undo_verify or step.always)
    if step.undo and not (step.undo_verify or step.always):
        parts.append("(nothing shows that this took it back)")
    return StepPreview(
        number=number,
        title="Run",
        why=visible(step.why),
        body=(Line(Kind.COMMAND, command(step.argv)),),
        check=f"exit status {_statuses(step.accepts)} within {step.deadline:g} s",
        verify=_probe(step.verify) if step.verify else "",
        undo="; ".join(parts),
        lasting=lasting,
    )


def _probe(probe: Probe) -> str:
    return f"seen within {probe.within:g} s: {visible(probe.what)}"


def _statuses(statuses: tuple[int, ...]) -> str:
    return " or ".join(str(status) for status in statuses) if statuses else "(none)"


def _lines(preview: Preview) -> Iterator[Line]:
    yield Line(Kind.HEADER, preview.title)
    yield Line(Kind.NOTE, f"host {preview.host}, {preview.privilege}, about {preview.about}, risk {preview.risk.value}")
    for warning in preview.warnings:
        yield Line(Kind.NOTE, f"warning: {warning}")
    for step in preview.steps:
        yield Line(Kind.NOTE, "")
        yield Line(Kind.HEADER, f"{step.number}. {step.title}" + (f": {step.why}" if step.why else ""))
        yield from (Line(line.kind, f"   {line.text}") for line in step.body)
        for word, text in (("check", step.check), ("verify", step.verify), ("undo", step.undo)):
            if text:
                yield Line(Kind.NOTE, f"   {word}: {text}")
        if step.lasting:
            yield Line(Kind.NOTE, "   undo: none, this stays")
    yield Line(Kind.NOTE, "")
    yield Line(Kind.NOTE, f"plan {preview.digest}")
