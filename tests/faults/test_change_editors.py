"""Many editors of one file at once: none of their changes is lost, none is made twice."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

import pytest

from console.change.outcome import State
from tests.unit.change.kit import Bench, edit


def editor(folder: Path, name: str, count: int) -> None:
    """Adds `count` lines; after a conflict it begins again from what the file holds then."""
    bench = Bench(folder, name)
    path = bench.files / "zone"
    done = 0
    while done < count:
        base = path.read_bytes()
        outcome = bench.apply(bench.plan(edit(path, base, base + f"{name}-{done}\n".encode())))
        if outcome.state is State.APPLIED:
            done += 1
        else:
            busy = outcome.state is State.REFUSED and "under way" in outcome.reason
            assert outcome.state is State.CONFLICT or busy, outcome


def edit_together(folder: Path, editors: int, count: int) -> None:
    bench = Bench(folder)
    path = bench.file("zone", b"")
    context = multiprocessing.get_context("fork")
    crowd = [context.Process(target=editor, args=(folder, f"editor{n}", count)) for n in range(editors)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert [one.exitcode for one in crowd] == [0] * editors
    lines = path.read_text().splitlines()
    assert sorted(lines) == sorted(f"editor{n}-{done}" for n in range(editors) for done in range(count))
    assert bench.leftovers() == []
    assert bench.locks_free()
    assert bench.journal.verify() == []


@pytest.mark.timeout(300)
def test_nothing_is_lost_between_editors(tmp_path: Path) -> None:
    edit_together(tmp_path, 5, 3)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        began = time.monotonic()
        edit_together(Path(scratch), int(sys.argv[1]), int(sys.argv[2]))
        print(f"{sys.argv[1]} editors, {sys.argv[2]} changes each: none lost, {time.monotonic() - began:.0f} s")
