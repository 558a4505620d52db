from __future__ import annotations

import json
import multiprocessing
import os
import resource
import stat
from pathlib import Path

import pytest

from console.change.journal import Journal, JournalError
from console.change.outcome import Outcome, State, StepEvent
from console.change.plan import Plan
from console.remote.secret import Secret
from tests.unit.change.kit import Bench, edit, run

OLD, NEW = b"old text\n", b"new \x1b text\n"


def plan(**facts: str) -> Plan:
    return Plan("bench", "test", "thing", "A change", (edit("/z", OLD, NEW), run("true")), facts=facts)


def write(journal: Journal, bench: Bench, count: int) -> None:
    for number in range(count):
        journal.begin(f"t{number}", plan(), bench.connection)
        event = StepEvent(0, "run", "message \x9b\u202e", b"\xff\x1b" * 3000, 0, 0.5)
        journal.finish(Outcome(State.APPLIED, f"t{number}", "done", (event,) * 3, 1.5))


def line_file(journal: Journal) -> Path:
    (path,) = journal.directory.glob("*.jsonl")
    return path


def test_intent_and_outcome_are_read_back(bench: Bench) -> None:
    write(bench.journal, bench, 2)
    first, second = bench.journal.entries()
    assert (first.transaction, first.state, first.seq, second.seq) == ("t0", State.APPLIED, 1, 3)
    assert (first.host, first.address, first.digest) == ("bench", "this machine", plan().digest())
    assert first.who
    assert bench.journal.plan(first) == plan()
    assert first.events[0]["exit_status"] == 0
    assert bench.journal.verify() == []
    assert bench.journal.open_transactions() == []


def test_it_is_private_and_plain_ascii(bench: Bench) -> None:
    write(bench.journal, bench, 1)
    for path in [bench.journal.directory, *bench.journal.directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    text = line_file(bench.journal).read_bytes()
    assert set(text) <= {10, *range(32, 127)}
    assert max(len(line) for line in text.splitlines()) < 64_000


def test_what_has_no_outcome_is_open(bench: Bench) -> None:
    bench.journal.begin("t", plan(), bench.connection)
    assert [entry.transaction for entry in bench.journal.open_transactions()] == ["t"]
    bench.journal.finish(Outcome(State.UNKNOWN, "t", "lost"))
    assert [entry.state for entry in bench.journal.open_transactions()] == [State.UNKNOWN]
    bench.journal.reconciled(Outcome(State.APPLIED, "t", "it was done"))
    assert bench.journal.open_transactions() == []


def test_any_flipped_byte_is_named(bench: Bench) -> None:
    write(bench.journal, bench, 3)
    path = line_file(bench.journal)
    whole = path.read_bytes()
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        line = whole.count(b"\n", 0, at) + 1
        assert line in {problem.line for problem in bench.journal.verify()}, at
    path.write_bytes(whole)
    assert bench.journal.verify() == []
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    assert [problem.line for problem in bench.journal.verify()] == [3]


def test_a_changed_content_is_named_and_not_used(bench: Bench) -> None:
    write(bench.journal, bench, 1)
    for blob in (bench.journal.directory / "blobs").iterdir():
        if blob.read_bytes() == OLD:
            blob.write_bytes(b"forged")
    assert len(bench.journal.verify()) == 1
    with pytest.raises(JournalError, match="was changed"):
        bench.journal.plan(bench.journal.entries()[0])


def test_a_torn_last_line_is_told_and_repaired(bench: Bench) -> None:
    write(bench.journal, bench, 2)
    path = line_file(bench.journal)
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for cut in (last + 1, last + 100, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert [problem.what for problem in bench.journal.verify()] == [
            "the last line is cut off; the next one written repairs it"
        ]
        complete = cut == len(whole) - 1
        assert [entry.transaction for entry in bench.journal.open_transactions()] == ([] if complete else ["t1"])
        bench.journal.finish(Outcome(State.APPLIED, "t1", "done"))
        assert bench.journal.verify() == []
        assert [entry.state for entry in bench.journal.entries()] == [State.APPLIED] * 2


def test_secrets_cannot_be_written(bench: Bench) -> None:
    with pytest.raises(JournalError):
        bench.journal.begin("t", plan(key=Secret("hunter2")), bench.connection)  # type: ignore[arg-type]
    assert bench.journal.entries() == []
    assert not any(b"hunter2" in path.read_bytes() for path in bench.journal.directory.rglob("*") if path.is_file())


def no_room(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))


def in_child(bench: Bench, before: object) -> tuple[str, bytes]:
    """State of an apply in a child process that did `before` first, and what the file holds then."""
    path = bench.file("zone", OLD)
    read, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        before(bench.root)  # type: ignore[operator]
        outcome = bench.apply(bench.plan(edit(path, OLD, NEW)))
        os.write(write_end, json.dumps([outcome.state.value, outcome.reason]).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read, "rb") as pipe:
        said = json.loads(pipe.read())
    os.waitpid(pid, 0)
    return f"{said[0]}: {said[1]}", path.read_bytes()


def test_no_room_for_the_journal_no_change(bench: Bench) -> None:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    said, held = in_child(bench, no_room)
    assert said.startswith("refused: no journal, no change"), said
    assert held == OLD


@pytest.mark.parametrize("kind", ["a file", "a link", "an unwritable directory"])
def test_a_journal_that_cannot_be_used_means_no_change(bench: Bench, kind: str) -> None:
    path = bench.file("zone", OLD)
    place = bench.root / "journal"
    if kind == "a file":
        place.write_bytes(b"")
    elif kind == "a link":
        (bench.root / "elsewhere").mkdir()
        place.symlink_to(bench.root / "elsewhere")
    else:
        bench.journal.directory = Path("/proc/journal")
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW)))
    assert (outcome.state, outcome.reason[:21]) == (State.REFUSED, "no journal, no change")
    assert path.read_bytes() == OLD
    assert not Path(bench.places.state).exists()


def scribble(folder: Path, name: str) -> None:
    bench = Bench(folder)
    for number in range(20):
        bench.journal.begin(f"{name}-{number}", plan(), bench.connection)


def test_many_writers_one_chain(bench: Bench) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=scribble, args=(bench.root, f"w{n}")) for n in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 6
    assert len(bench.journal.entries()) == 120
    assert bench.journal.verify() == []
