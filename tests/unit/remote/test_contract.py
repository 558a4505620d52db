"""One contract, held by every implementation of `Connection`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, timedelta

import pytest

from console.remote.connection import Connection, LinkState, Privilege
from console.remote.errors import DeadlineExceeded, LinkLost, TunnelRefused
from console.remote.local import Local
from console.remote.replay import NotRecorded, Recording, Replay
from tests.unit.remote.private_sshd import Answers

EVERY_BYTE = bytes(range(256)) * 5
EVERY_CHARACTER = "".join(map(chr, range(1, 128))) + "é\n\n"

CASES = {
    "plain": Recording("echo out; echo err >&2", stdout=b"out\n", stderr=b"err\n"),
    "status": Recording("exit 7", exit_status=7),
    "arguments": Recording('printf "%s|" "$@"', (EVERY_CHARACTER, "", "-n"), stdout=f"{EVERY_CHARACTER}||-n|".encode()),
    "stdin": Recording("cat", stdin=EVERY_BYTE, stdout=EVERY_BYTE),
    "stdin unread": Recording("echo", stdin=EVERY_BYTE * 4000, stdout=b"\n"),
    "no stdin": Recording("cat; echo end", stdout=b"end\n"),
    "as root": Recording("id -u", sudo=True, stdout=b"0\n"),
    "many lines": Recording("\n# c\nfor n in 1 2 3; do\n  echo $n\ndone\n", stdout=b"1\n2\n3\n"),
    "long": Recording("head -c 100000 /dev/zero", stdout=bytes(100_000)),
    "long stderr": Recording("head -c 100000 /dev/zero >&2", stderr=bytes(100_000)),
}


@pytest.fixture(params=["local", "ssh", "replay"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    made: Connection
    if request.param == "local":
        made = Local(Answers())
    elif request.param == "ssh":
        made = request.getfixturevalue("ssh")
    else:
        made = Replay(CASES.values())
    yield made
    made.close()


@pytest.fixture(params=["local", "ssh"])
def real(request: pytest.FixtureRequest) -> Iterator[Connection]:
    made: Connection = Local(Answers()) if request.param == "local" else request.getfixturevalue("ssh")
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_run_gives_all_it_said(connection: Connection, case: Recording) -> None:
    result = connection.run(case.script, case.args, stdin=case.stdin, sudo=case.sudo)
    assert result.stdout == case.stdout
    assert result.stderr == case.stderr
    assert result.exit_status == case.exit_status
    assert result.ok == (case.exit_status == 0)
    assert (result.script, result.args, result.sudo) == (case.script, case.args, case.sudo)
    assert result.host == connection.name
    assert result.noise == b""
    assert not result.truncated
    assert result.started.utcoffset() == timedelta(0)
    assert result.started.tzinfo is UTC
    assert 0 <= result.duration < 20


@pytest.mark.parametrize("case", [c for c in CASES.values() if not c.sudo], ids=[n for n in CASES if n != "as root"])
def test_stream_gives_the_same(connection: Connection, case: Recording) -> None:
    with connection.stream(case.script, case.args, stdin=case.stdin) as stream:
        assert b"".join(stream) == case.stdout
        assert stream.exit_status == case.exit_status
        assert stream.stderr == case.stderr[-64 * 1024 :]


def test_who_we_are(connection: Connection) -> None:
    connection.connect()
    assert connection.state is LinkState.UP
    assert connection.user == "root"
    assert connection.privilege is Privilege.ROOT
    assert connection.address
    connection.connect()
    assert connection.state is LinkState.UP


def test_title_is_ours_or_the_first_line(connection: Connection) -> None:
    case = CASES["many lines"]
    assert connection.run(case.script, title="count").title == "count"
    assert connection.run(CASES["status"].script).title == "exit 7"


def test_output_beyond_the_limit_is_cut_and_said_so(connection: Connection) -> None:
    result = connection.run(CASES["long"].script, limit=1000)
    assert result.stdout == bytes(1000)
    assert result.truncated
    assert not result.ok
    result = connection.run(CASES["long stderr"].script, limit=8000)
    assert result.stderr == bytes(1000)
    assert result.truncated


def test_closed_stays_closed_until_connect(connection: Connection) -> None:
    connection.connect()
    connection.close()
    assert connection.state is LinkState.IDLE
    with pytest.raises(LinkLost) as lost:
        connection.run(CASES["plain"].script)
    assert lost.value.sent is False
    connection.connect()
    assert connection.run(CASES["plain"].script).ok


def test_a_closed_stream_ends_quietly(connection: Connection) -> None:
    stream = connection.stream(CASES["long"].script)
    stream.close()
    assert b"".join(stream) in (b"", CASES["long"].stdout)
    stream.close()


def test_a_tunnel_that_leads_nowhere_is_refused(connection: Connection) -> None:
    with pytest.raises(TunnelRefused):
        connection.tunnel("127.0.0.1", 1)


def test_a_deadline_covers_everything_and_keeps_what_came(real: Connection) -> None:
    real.connect()
    before = time.monotonic()
    with pytest.raises(DeadlineExceeded) as late:
        real.run("echo begun; echo also >&2; sleep 60", deadline=0.5)
    assert time.monotonic() - before < 3
    partial = late.value.partial
    assert partial is not None
    assert (partial.stdout, partial.stderr, partial.exit_status, partial.ok) == (b"begun\n", b"also\n", -1, False)


def test_a_process_left_behind_with_our_pipes_does_not_hold_the_answer_up(real: Connection) -> None:
    before = time.monotonic()
    result = real.run("sleep 3 & echo done")
    assert result.stdout == b"done\n"
    assert time.monotonic() - before < 2


def test_endless_output_ends_at_the_limit(real: Connection) -> None:
    result = real.run("head -c 10000000000 /dev/zero", limit=1 << 20)
    assert result.truncated
    assert len(result.stdout) == 1 << 20


def test_three_mebibytes_on_stderr_block_nothing(real: Connection) -> None:
    result = real.run("head -c 3145728 /dev/zero >&2; echo after", limit=1 << 26)
    assert (result.stdout, len(result.stderr), result.exit_status) == (b"after\n", 3145728, 0)


@dataclass
class Ended:
    """What a thread that was blocked in a call got."""

    error: BaseException | None = None
    after: float = 0.0


def block(call: object, into: Ended) -> threading.Thread:
    def body() -> None:
        try:
            assert callable(call)
            call()
        except BaseException as problem:
            into.error = problem
        into.after = time.monotonic()

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    return thread


def test_close_from_another_thread_ends_blocked_readers(real: Connection) -> None:
    real.connect()
    stream = real.stream("echo up; sleep 60")
    first = iter(stream)
    assert next(first) == b"up\n"
    ends = [Ended(), Ended()]
    threads = [block(lambda: real.run("sleep 60"), ends[0]), block(lambda: list(first), ends[1])]
    time.sleep(0.3)
    before = time.monotonic()
    real.close()
    assert time.monotonic() - before < 1
    for thread in threads:
        thread.join(3)
        assert not thread.is_alive()
    for end in ends:
        assert isinstance(end.error, LinkLost)
        assert end.error.sent is True


def test_closing_a_stream_from_another_thread_ends_it_quietly(real: Connection) -> None:
    stream = real.stream("echo up; sleep 60")
    assert next(iter(stream)) == b"up\n"
    end = Ended()
    thread = block(lambda: list(stream), end)
    time.sleep(0.2)
    stream.close()
    thread.join(3)
    assert not thread.is_alive()
    assert end.error is None
    assert stream.exit_status is None


def test_a_followed_process_dies_with_its_stream(real: Connection) -> None:
    with real.stream("echo $$; while :; do sleep 0.1; done", follow=True) as stream:
        pid = next(iter(stream)).decode().strip()
        assert real.run("kill -0 $1", (pid,)).ok
    assert gone(real, pid)


def gone(connection: Connection, pid: str) -> bool:
    """Waits on the host, for up to 5 seconds, until the process is no more."""
    script = "n=0; while kill -0 $1 2>/dev/null && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done; [ $n -lt 50 ]"
    return connection.run(script, (pid,)).ok


def test_a_followed_script_that_ends_says_how(real: Connection) -> None:
    with real.stream("echo a; exit 5", follow=True) as stream:
        assert b"".join(stream) == b"a\n"
        assert stream.exit_status == 5


def test_a_followed_script_has_no_stdin(real: Connection) -> None:
    with real.stream("cat; echo end", follow=True) as stream:
        assert b"".join(stream) == b"end\n"
    with pytest.raises(ValueError, match="stdin"):
        real.stream("cat", stdin=b"x", follow=True)


def test_reads_run_side_by_side(real: Connection) -> None:
    real.connect()
    results: list[bytes] = []
    before = time.monotonic()

    def one(number: int) -> None:
        results.append(real.run("sleep 0.5; echo $1", (str(number),)).stdout)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [f"{n}\n".encode() for n in range(5)]
    assert time.monotonic() - before < 2


def test_many_runs_leave_no_file_and_no_thread_behind(real: Connection) -> None:
    real.run(":")
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for number in range(30):
        real.run("cat", stdin=b"x" * 100_000 * (number % 3))
        with real.stream("echo a; sleep 9" if number % 10 == 0 else "echo a") as stream:
            assert next(iter(stream)) == b"a\n"
    until = time.monotonic() + 5
    while (after := (len(os.listdir("/proc/self/fd")), threading.active_count())) > before:
        assert time.monotonic() < until, (before, after)
        time.sleep(0.05)


def test_replay_gives_answers_in_their_order_and_fails_on_what_it_does_not_know() -> None:
    first = Recording("date", stdout=b"1")
    replay = Replay([first, replace(first, stdout=b"2")])
    assert [replay.run("date").stdout for _ in range(3)] == [b"1", b"2", b"2"]
    for ask in (lambda: replay.run("date "), lambda: replay.run("date", ("x",)), lambda: replay.run("date", sudo=True)):
        with pytest.raises(NotRecorded):
            ask()
