"""The data cut short, the connection lost in the middle: the file is old or new, and the console tells which."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from console.change.apply import new_transaction
from console.change.outcome import Outcome, State
from console.change.wire import Report, pack, script
from console.remote.connection import LinkState, Privilege, Stream
from console.remote.errors import LinkLost
from console.remote.local import Local
from console.wrapped import Wrapped
from tests.unit.change.kit import Bench, edit, run

OLD, NEW = b"old text\n", b"new text\n"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_stdin_cut_anywhere_leaves_the_old_file(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    plan = bench.plan(edit(path, OLD, NEW))
    payload = pack(plan, "20261123T051500Z-00000000")
    size = len(payload.data)
    cuts = sorted({0, 1, payload.worker, payload.manifest, size - 1, *range(0, size, size // 30)})
    for cut in cuts:
        report = Report(secrets.token_hex(8))
        args = (new_transaction(), report.nonce, *bench.places.args(), str(size), payload.digest)
        result = bench.connection.run(
            script("state", "apply"), (*args, str(payload.worker), str(payload.manifest)), stdin=payload.data[:cut]
        )
        report.feed(result.stdout)
        assert (report.state, "did not arrive whole" in report.reason) == (State.REFUSED, True), (cut, result)
        assert path.read_bytes() == OLD
    assert len(cuts) > 30
    assert bench.leftovers() == []


def test_damaged_data_is_not_used(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    payload = pack(bench.plan(edit(path, OLD, NEW)), "20261123T051500Z-00000000")
    for at in range(0, len(payload.data), len(payload.data) // 10):
        data = bytearray(payload.data)
        data[at] ^= 1
        report = Report(secrets.token_hex(8))
        args = (new_transaction(), report.nonce, *bench.places.args(), str(len(data)), payload.digest)
        result = bench.connection.run(
            script("state", "apply"), (*args, str(payload.worker), str(payload.manifest)), stdin=bytes(data)
        )
        report.feed(result.stdout)
        assert (report.state, "damaged" in report.reason) == (State.REFUSED, True)
        assert path.read_bytes() == OLD


class CutStream:
    """Closes the stream beneath after so many bytes, and says so as a lost link does."""

    def __init__(self, inner: Stream, limit: int) -> None:
        self.inner, self.limit, self.title = inner, limit, inner.title

    def __iter__(self) -> Iterator[bytes]:
        left = self.limit
        if left == 0:
            self.inner.close()
            raise LinkLost("the link was cut", sent=True)
        for chunk in self.inner:
            yield chunk[:left]
            left -= len(chunk[:left])
            if left == 0:
                self.inner.close()
                raise LinkLost("the link was cut", sent=True)

    def __enter__(self) -> CutStream:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.inner.close()

    def close(self) -> None:
        self.inner.close()

    @property
    def exit_status(self) -> int | None:
        return self.inner.exit_status

    @property
    def stderr(self) -> bytes:
        return self.inner.stderr


class CutConnection:
    """A connection whose streams break after `limit` bytes of answer."""

    def __init__(self, inner: Local, limit: int) -> None:
        self.inner, self.limit, self.name = inner, limit, inner.name

    address = "cut"
    user = "root"
    privilege = Privilege.ROOT
    state = LinkState.UP

    def connect(self) -> None:
        self.inner.connect()

    def run(self, *args: Any, **more: Any) -> Any:
        return self.inner.run(*args, **more)

    def stream(self, text: str, args: Sequence[str] = (), **more: Any) -> CutStream:
        return CutStream(self.inner.stream(text, args, **more), self.limit)

    def tunnel(self, address: str, port: int) -> Any:
        return self.inner.tunnel(address, port)

    def close(self) -> None:
        self.inner.close()


def wait_for_the_truth(bench: Bench, transaction: str) -> Outcome:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        told = bench.reconcile(transaction)
        if told is not None:
            return told
    raise AssertionError("it runs for ever")


@pytest.mark.parametrize("fails", [False, True])
def test_a_link_lost_in_the_middle_is_unknown_then_the_truth(bench: Bench, fails: bool) -> None:
    served = bench.root / "served"
    limits = (0, 1, 50, 130, 210, 330, 420, 520, 610)
    unknown = 0
    for limit in limits:
        path = bench.file("zone", OLD)
        steps = [edit(path, OLD, NEW), run("cp", str(path), str(served)), *([run("false")] if fails else [])]
        cut = CutConnection(bench.connection, limit)
        outcome = bench.apply(bench.plan(*steps), connection=cut)
        if outcome.state is not State.UNKNOWN:
            assert outcome.state is (State.ROLLED_BACK if fails else State.APPLIED)
            continue
        unknown += 1
        told = wait_for_the_truth(bench, outcome.transaction)
        held = path.read_bytes()
        if told.state is State.REFUSED:
            assert held == OLD
        elif fails:
            assert (told.state, held) == (State.ROLLED_BACK, OLD)
        else:
            assert (told.state, held, served.read_bytes()) == (State.APPLIED, NEW, NEW)
        assert [entry.transaction for entry in bench.journal.open_transactions()] == [outcome.transaction]
        bench.journal.reconciled(told)
        assert bench.journal.open_transactions() == []
        assert bench.leftovers() == []
        assert bench.locks_free()
    assert unknown >= 6


def test_a_running_transaction_is_joined_not_repeated(bench: Bench) -> None:
    path, log = bench.file("zone", OLD), bench.root / "log"
    plan = bench.plan(edit(path, OLD, NEW), run("sh", "-c", 'echo ran >>"$0"; sleep 1', str(log)))
    lost = bench.apply(plan, connection=CutConnection(bench.connection, 300))
    assert lost.state is State.UNKNOWN
    assert bench.reconcile(lost.transaction) is None, "it still runs"
    joined = bench.apply(plan, lost.transaction)
    assert joined.state is State.APPLIED, joined
    assert [event.phase for event in joined.events][-1] == "done"
    assert log.read_text() == "ran\n"


class DeafConnection(CutConnection):
    """Hears a plan out, and is gone when it is asked what became of it."""

    def run(self, *args: Any, **more: Any) -> Any:
        raise LinkLost("the link was cut", sent=True)


def test_a_worker_killed_and_then_a_link_lost_is_unknown_then_the_truth(bench: Bench) -> None:
    path, killed = bench.file("zone", OLD), bench.root / "killed"
    bench.tool("cp", f'PATH=${{PATH#*:}}; [ -e {killed} ] || {{ : >{killed}; kill -9 0; }}; exec cp "$@"')
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW)), connection=DeafConnection(bench.connection, 1 << 30))
    assert (outcome.state, "could not be asked" in outcome.reason) == (State.UNKNOWN, True), outcome
    assert [entry.state for entry in bench.journal.entries()] == [State.UNKNOWN]
    told = wait_for_the_truth(bench, outcome.transaction)
    assert (told.state, path.read_bytes()) == (State.REFUSED, OLD)


def test_changes_to_one_host_wait_for_one_another_before_its_address_is_known(bench: Bench) -> None:
    busy, clash = bench.root / "busy", bench.root / "clash"
    alone = run("sh", "-c", 'mkdir "$0" || { touch "$1"; exit 0; }; sleep 0.3; rmdir "$0"', str(busy), str(clash))
    here = Wrapped("bench", lambda: bench.connect("bench"))
    here.connect()
    for_first_time = Wrapped("bench", lambda: bench.connect("bench"))
    outcomes: list[Outcome] = []

    def change(number: int, connection: Wrapped) -> None:
        plan = bench.plan(alone, lock=f"thing {number}")
        outcomes.append(bench.apply(plan, connection=connection))

    crowd = [threading.Thread(target=change, args=each) for each in enumerate((here, for_first_time))]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert [outcome.state for outcome in outcomes] == [State.APPLIED, State.APPLIED]
    assert not clash.exists()


def test_of_a_transaction_that_the_host_forgot_nothing_is_said(bench: Bench) -> None:
    """Not that it never began: it may well have been done."""
    path = bench.file("zone", OLD)
    first = bench.apply(bench.plan(edit(path, OLD, NEW)))
    for number in range(200):
        (bench.root / "state" / "transactions" / f"20991123T000000Z-{number:08x}").mkdir()
    unsent = f"20991124T000000Z-{0:08x}"
    assert bench.apply(bench.plan(edit(path, NEW, OLD)), unsent[:-1] + "1").state is State.APPLIED
    told, never = bench.reconcile(first.transaction), bench.reconcile(unsent)
    assert told is not None
    assert (told.state, "remembers only its newest 200" in told.reason) == (State.UNKNOWN, True), told
    assert never is not None
    assert (never.state, "never began" in never.reason) == (State.REFUSED, True), never


def test_a_host_that_rebooted_is_told(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    plan = bench.plan(edit(path, OLD, NEW), run("true"))
    done = bench.apply(plan)
    folder = bench.root / "state" / "transactions" / done.transaction
    (folder / "result").unlink()
    (identity,) = folder.glob("id.*")
    pid, born, _ = identity.read_text().split()
    identity.write_text(f"{pid} {born} another-boot\n")
    told = bench.reconcile(done.transaction)
    assert told is not None
    assert told.state is State.APPLIED, "the facts say that every step was done"
    assert "rebooted" in told.reason
    path.write_bytes(OLD)
    told = bench.reconcile(done.transaction)
    assert told is not None
    assert told.state is State.BROKEN
    assert "the host rebooted in the middle: the file of step 1 holds the old text" in told.reason
    (folder / "ran.1").unlink()
    told = bench.reconcile(done.transaction)
    assert told is not None
    assert told.state is State.REFUSED
