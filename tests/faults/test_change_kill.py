"""The worker killed with its whole process group at every tool it calls: before the tool, and after it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from console.change.outcome import Outcome, State
from console.change.plan import Plan, Probe
from console.remote.wire import PATH
from tests.unit.change.kit import Bench, edit, run

OLD, NEW = b"old text\n", b"new text\n"
TOOLS = ("cp", "ln", "mv", "rm", "sync", "timeout", "chmod", "mkfifo")
"""What the worker changes things with; between them it only reads."""
KILLER = """
count=%(root)s/count
[ -e "$count" ] || { PATH=%(path)s; exec %(name)s "$@"; }
case "$(tr '\\0' ' ' </proc/$PPID/cmdline)" in
*/worker.*) ;;
*) PATH=%(path)s; exec %(name)s "$@" ;;
esac
echo x >>"$count"
here=$(($(wc -l <"$count")))
PATH=%(path)s
if [ "$here" = "$(cat %(root)s/before)" ]; then kill -9 0; fi
%(name)s "$@"
status=$?
if [ "$here" = "$(cat %(root)s/after)" ]; then kill -9 0; fi
exit $status
"""


@pytest.fixture
def killing(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    for name in TOOLS:
        bench.tool(name, KILLER % {"root": tmp_path, "path": PATH, "name": name})
    return bench


def arm(bench: Bench, before: int, after: int) -> None:
    (bench.root / "before").write_text(str(before))
    (bench.root / "after").write_text(str(after))
    (bench.root / "count").write_text("")


def save(bench: Bench) -> Plan:
    """An edit, a new file, a removal, and a command whose effect is looked at."""
    path, served = bench.files / "zone", bench.root / "served"
    seen = Probe("served is new", 'cmp "$1" "$2"', (str(path), str(served)), 0)
    load = ("cp", str(path), str(served))
    return bench.plan(
        edit(path, OLD, NEW, check=("grep", "-q", "text", "{temp}")),
        edit(bench.files / "made", None, NEW),
        edit(bench.files / "gone", OLD, None),
        run(*load, verify=seen, undo=load, undo_verify=seen),
    )


def fresh(bench: Bench) -> None:
    # Else a death while old originals are thinned out would keep one more of them each time, for ever.
    shutil.rmtree(bench.places.backups, ignore_errors=True)
    bench.file("zone", OLD)
    bench.file("gone", OLD)
    (bench.files / "made").unlink(missing_ok=True)
    (bench.root / "served").write_bytes(OLD)


def state_of(bench: Bench) -> tuple[bool, bool, bool]:
    """Which of the three files are new. Each must be the old or the new one, whole."""
    zone, made, gone = (bench.files / name for name in ("zone", "made", "gone"))
    assert zone.read_bytes() in (OLD, NEW)
    assert not made.exists() or made.read_bytes() == NEW
    assert not gone.exists() or gone.read_bytes() == OLD
    return zone.read_bytes() == NEW, made.exists(), not gone.exists()


def truthful(bench: Bench, outcome: Outcome, new: tuple[bool, bool, bool]) -> None:
    """What was said of it agrees with what is there."""
    if outcome.state is State.APPLIED:
        assert new == (True, True, True)
        assert (bench.root / "served").read_bytes() == NEW
    elif outcome.state is State.REFUSED:
        assert new == (False, False, False)
        assert (bench.root / "served").read_bytes() == OLD
    else:
        assert outcome.state is State.BROKEN, outcome
        for step, is_new in enumerate(new, 1):
            assert f"the file of step {step} holds the {'new' if is_new else 'old'} text" in outcome.reason


def killed_once(bench: Bench, before: int, after: int) -> bool:
    """One apply with a death at that call; then the truth, and the same transaction again. False: nothing died."""
    fresh(bench)
    arm(bench, before, after)
    plan = save(bench)
    first = bench.apply(plan)
    calls = (bench.root / "count").read_text().count("x")
    (bench.root / "count").unlink()
    if calls < max(before, after):
        assert first.state is State.APPLIED
        return False
    assert bench.locks_free()
    told = bench.reconcile(first.transaction)
    assert told is not None, "nothing runs any more"
    truthful(bench, told, state_of(bench))
    again = bench.apply(plan, first.transaction)
    if again.state is State.REFUSED and "given up" in again.reason:
        assert told.state is State.REFUSED
        again = bench.apply(plan)
    assert again.state in (State.APPLIED, State.ALREADY), (before, after, again)
    assert state_of(bench) == (True, True, True)
    assert (bench.root / "served").read_bytes() == NEW
    assert bench.leftovers() == []
    assert bench.locks_free()
    asked = bench.reconcile(again.transaction)
    assert asked is not None
    assert asked.state is again.state
    return True


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("side", "start"), [("before", 2), ("after", 5)])
def test_killed_at_many_boundaries(killing: Bench, side: str, start: int) -> None:
    """Every 6th call here; `python -m tests.faults.test_change_kill` does them all, in some minutes."""
    number, died = start, 0
    while killed_once(killing, number * (side == "before"), number * (side == "after")):
        died += 1
        number += 6
    assert died >= 6


@pytest.mark.timeout(300)
def test_killed_while_rolling_back(killing: Bench) -> None:
    """Dead in the middle of going back: the files are old or new, and it is called broken, not fine."""
    died = 0
    for number in range(26, 80, 6):
        fresh(killing)
        arm(killing, number, 0)
        plan = killing.plan(*save(killing).steps, run("false"))
        first = killing.apply(plan)
        calls = (killing.root / "count").read_text().count("x")
        (killing.root / "count").unlink()
        new = state_of(killing)
        if calls < number:
            assert first.state is State.ROLLED_BACK, first
            assert new == (False, False, False)
            continue
        died += 1
        told = killing.reconcile(first.transaction)
        assert told is not None
        assert told.state in (State.BROKEN, State.REFUSED)
        truthful(killing, told, new)
        again = killing.apply(plan, first.transaction)
        if "given up" in again.reason:
            continue
        assert again.state is State.ROLLED_BACK, (number, again)
        assert state_of(killing) == (False, False, False)
        assert (killing.root / "served").read_bytes() == OLD
        assert killing.leftovers() == []
    assert died >= 5


def main() -> None:
    """All boundaries, one after the other."""
    import sys
    import tempfile

    for side in sys.argv[1:] or ("before", "after"):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            bench = Bench(Path(folder))
            for name in TOOLS:
                bench.tool(name, KILLER % {"root": folder, "path": PATH, "name": name})
            number, began = 1, time.monotonic()
            while killed_once(bench, number * (side == "before"), number * (side == "after")):
                number += 1
                print(side, number, flush=True)
            print(f"{side}: {number - 1} boundaries, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
