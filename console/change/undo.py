"""An undo is another plan: it is shown, applied, verified, written down, and can itself be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from console.change.journal import Journal, JournalEntry, JournalError
from console.change.outcome import State
from console.change.plan import EditFile, Plan, RunCommand, Step

Restore = Callable[[JournalEntry, bytes], bytes]


class UndoRefused(Exception):
    """This cannot be undone by itself; `str()` says why."""


def undo_plan(entry: JournalEntry, journal: Journal, restore: Restore | None = None) -> Plan:
    """The plan that takes a change back.

    Its order is that of a roll back: what opened the way (commands before the first file, when an `always` step
    closes it again) is done once more, files get their old content back last first, commands are taken back last
    first, `always` steps run at the end. Whether the host still holds what we wrote is decided when it is applied:
    the base of each edit is what was written then.

    Args:
        restore: rewrites an old content before it goes back (a zone needs a serial that is higher still).

    Raises:
        UndoRefused: it changed nothing, its outcome is not known, or a step of it has no way back.
    """
    if entry.open:
        raise UndoRefused(f"what became of {entry.transaction} is not known yet: ask the host first")
    if entry.state is not State.APPLIED:
        raise UndoRefused(
            f"{entry.transaction} changed nothing that lasts: it ended as {entry.state.value}"
            if entry.state
            else f"{entry.transaction} has no outcome"
        )
    try:
        plan = journal.plan(entry)
    except JournalError as why:
        raise UndoRefused(str(why)) from why
    back = (lambda old: restore(entry, old)) if restore else (lambda old: old)
    steps = _steps(plan, back)
    if not steps:
        raise UndoRefused(f"nothing in {entry.transaction} can be taken back")
    return replace(
        plan,
        title=f"Undo: {plan.title}",
        steps=tuple(steps),
        warnings=tuple(_warnings(plan)),
        facts=plan.facts | {"undoes": entry.transaction},
    )


def _steps(plan: Plan, back: Callable[[bytes], bytes]) -> list[Step]:
    commands = [(index, step) for index, step in enumerate(plan.steps) if isinstance(step, RunCommand)]
    files = [step for step in plan.steps if isinstance(step, EditFile)]
    first = next((index for index, step in enumerate(plan.steps) if isinstance(step, EditFile)), 0)
    closing = [step for _, step in commands if step.always]
    opening = [step for index, step in commands if closing and index < first and not step.always]
    middle = [step for index, step in commands if not step.always and not (closing and index < first)]
    steps: list[Step] = list(opening)
    if not opening:
        steps += [_reversed(step) for step in reversed(closing) if step.undo]
    steps += [_file_back(step, back) for step in reversed(files)]
    for command in reversed(middle):
        if command.undo:
            steps.append(_reversed(command))
        elif command.verify:
            raise UndoRefused(f"nothing takes back what this did: {' '.join(command.argv)}")
    steps += [replace(step, verify=step.undo_verify or step.verify) for step in closing]
    return steps


def _reversed(step: RunCommand) -> RunCommand:
    return RunCommand(
        argv=step.undo,
        why=f"takes back: {step.why}",
        verify=step.undo_verify,
        undo=step.argv,
        undo_verify=step.verify,
        deadline=step.deadline,
    )


def _file_back(step: EditFile, back: Callable[[bytes], bytes]) -> EditFile:
    content = None if step.base is None else back(step.base)
    return replace(step, why=f"takes back: {step.why}", base=step.content, content=content)


def _warnings(plan: Plan) -> list[str]:
    return [
        f"{step.path} comes back with mode {step.mode:o} and as the file of whoever applies this"
        for step in plan.steps
        if isinstance(step, EditFile) and step.content is None
    ]
