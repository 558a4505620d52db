from __future__ import annotations

from pathlib import Path

import pytest

from console.change.journal import JournalEntry
from console.change.outcome import Outcome, State
from console.change.plan import EditFile, Probe, RunCommand
from console.change.undo import UndoRefused, undo_plan
from tests.unit.change.kit import Bench, edit, run

OLD, NEW = b"old text\n", b"new text\n"


def entry_of(bench: Bench, outcome: Outcome) -> JournalEntry:
    found = bench.journal.entry(outcome.transaction)
    assert found is not None
    return found


def served(path: Path, text: str) -> Probe:
    return Probe(f"served is {text}", 'grep -q "$2" "$1"', (str(path), text), 0)


def test_undo_and_undo_of_the_undo(bench: Bench) -> None:
    path, out = bench.file("zone", OLD), bench.root / "served"
    load = ("cp", str(path), str(out))
    made, gone = bench.files / "made", bench.file("gone", OLD)
    command = run(*load, verify=served(out, "new"), undo=load, undo_verify=served(out, "old"))
    first = bench.apply(bench.plan(edit(path, OLD, NEW), edit(made, None, NEW), edit(gone, OLD, None), command))
    assert first.state is State.APPLIED
    for text, there, gone_there in ((OLD, False, True), (NEW, True, False), (OLD, False, True)):
        first = bench.apply(undo_plan(entry_of(bench, first), bench.journal))
        assert first.state is State.APPLIED, first
        assert (path.read_bytes(), out.read_bytes(), made.exists(), gone.exists()) == (text, text, there, gone_there)
    assert bench.journal.verify() == []


def test_undo_of_what_was_changed_since_is_a_conflict(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    first = bench.apply(bench.plan(edit(path, OLD, NEW)))
    path.write_bytes(b"later\n")
    outcome = bench.apply(undo_plan(entry_of(bench, first), bench.journal))
    assert (outcome.state, path.read_bytes()) == (State.CONFLICT, b"later\n")


def test_what_did_not_happen_is_not_undone(bench: Bench) -> None:
    path = bench.file("zone", b"theirs\n")
    plan = bench.plan(edit(path, OLD, NEW))
    with pytest.raises(UndoRefused, match="changed nothing that lasts"):
        undo_plan(entry_of(bench, bench.apply(plan)), bench.journal)
    bench.journal.begin("open", plan, bench.connection)
    with pytest.raises(UndoRefused, match="not known yet"):
        undo_plan(entry_of(bench, Outcome(State.UNKNOWN, "open", "")), bench.journal)


def test_what_has_no_way_back_is_not_undone(bench: Bench) -> None:
    outcome = bench.apply(bench.plan(run("true", verify=Probe("x", "exit 0"))))
    with pytest.raises(UndoRefused, match="nothing takes back"):
        undo_plan(entry_of(bench, outcome), bench.journal)


def test_the_bracket_stays_around_the_edit(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    ok = Probe("fine", "exit 0")
    steps = (
        run("echo", "freeze"),
        edit(path, OLD, NEW),
        run("echo", "reload", verify=ok, undo=("echo", "reload"), undo_verify=ok),
        run("echo", "thaw", always=True, undo=("echo", "freeze")),
    )
    outcome = bench.apply(bench.plan(*steps))
    back = undo_plan(entry_of(bench, outcome), bench.journal)
    told = [step.argv[1] if isinstance(step, RunCommand) else "edit" for step in back.steps]
    assert told == ["freeze", "edit", "reload", "thaw"]
    assert bench.apply(back).state is State.APPLIED
    assert path.read_bytes() == OLD


def test_a_subject_may_rewrite_the_old_text(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW)))
    back = undo_plan(entry_of(bench, outcome), bench.journal, lambda entry, old: old + entry.object.encode())
    (step,) = back.steps
    assert isinstance(step, EditFile)
    assert (step.base, step.content) == (NEW, OLD + b"thing")
    assert back.facts["undoes"] == outcome.transaction
