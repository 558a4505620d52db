"""A real host that says too much, nothing, or what nobody can read."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest
from textual import events

from console.remote import shell
from console.remote.errors import DeadlineExceeded
from screens.widgets.table import VirtualTable
from tests.live.driving import console, in_thread
from tests.live.lab import Lab, until
from tests.live.reaching import Person, median, reach


def running(lab: Lab, word: str) -> str:
    """Processes on the host whose command line has this word, other than the one that looks."""
    return lab.primary.run('pgrep -f "$1[x]"', word.removesuffix("x"), check=False).stdout


@pytest.mark.parametrize("sudo", [False, True])
def test_three_mebibytes_on_stderr_do_not_hold_up_stdout(lab: Lab, sudo: bool) -> None:
    script = "echo first; head -c 3145728 /dev/zero | tr '\\0' e >&2; seq 100000; echo last"
    with reach(lab, "ops", Person([lab.users["ops"].password])) as ssh:
        before = time.monotonic()
        ran = ssh.run(script, sudo=sudo, limit=32 << 20)
        took = time.monotonic() - before
    assert ran.stdout == b"first\n" + b"".join(b"%d\n" % n for n in range(1, 100001)) + b"last\n"
    assert ran.stderr == b"e" * 3145728
    assert ran.ok
    assert took < 5


def test_output_without_an_end_is_cut_and_ended_on_the_host(lab: Lab) -> None:
    with reach(lab, "ops") as ssh:
        before = time.monotonic()
        ran = ssh.run('exec yes "$1"', ("endless-outx",), limit=1 << 20)
        assert time.monotonic() - before < 5
        assert ran.truncated
        assert not ran.ok
        assert len(ran.stdout) == 1 << 20
        until(lambda: not running(lab, "endless-outx"), "yes is ended", 5)
        noisy = ssh.run('exec yes "$1" >&2', ("endless-errx",), limit=1 << 20)
        assert noisy.truncated
        assert len(noisy.stderr) == 1 << 17
        until(lambda: not running(lab, "endless-errx"), "yes is ended", 5)
        assert ssh.run("echo here").stdout == b"here\n"


@pytest.mark.parametrize("sudo", [False, True])
def test_a_command_without_an_end_is_given_up_and_ended_on_the_host(
    lab: Lab, sudo: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "LIFE_BEYOND_DEADLINE", 1)
    with reach(lab, "ops", Person([lab.users["ops"].password])) as ssh:
        ssh.run("true", sudo=sudo)
        before = time.monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            ssh.run('echo begun; echo "to $1" >&2; sleep 300; echo "$1"', ("neverx",), sudo=sudo, deadline=0.7)
        assert 0.6 < time.monotonic() - before < 2
        assert caught.value.partial is not None
        assert (caught.value.partial.stdout, caught.value.partial.stderr) == (b"begun\n", b"to neverx\n")
        assert running(lab, "neverx")
        until(lambda: not running(lab, "neverx"), "timeout has ended it", 6)
        assert ssh.run("echo here").stdout == b"here\n"


def test_a_followed_command_ends_with_its_reader(lab: Lab) -> None:
    with reach(lab, "ops", Person([lab.users["ops"].password])) as ssh:
        for sudo in (False, True):
            script = 'echo begun; while :; do sleep 0.1; : "$1"; done'
            with ssh.stream(script, ("followedx",), sudo=sudo, follow=True) as stream:
                assert next(iter(stream)) == b"begun\n"
                assert running(lab, "followedx")
            until(lambda: not running(lab, "followedx"), "it is ended", 6)


def test_bytes_that_are_no_text_come_as_they_are(lab: Lab) -> None:
    line = b"x" * (1 << 20) + b"\n"
    awkward = (
        b"\0\0NUL\0\n\xff\xfe\xc3\x28 not UTF-8\n\x1b]52;c;AAAA\x07\r\n" + bytes(range(256)) + line + b"no newline"
    )
    for user in ("ops", "opscsh"):
        with reach(lab, user) as ssh:
            ran = ssh.run("cat; printf '\\377\\000' >&2", stdin=awkward)
            assert (ran.stdout, ran.stderr) == (awkward, b"\xff\0")
            with ssh.stream("cat", stdin=awkward) as stream:
                assert b"".join(stream) == awkward
                assert stream.exit_status == 0


def test_a_login_that_talks_is_noise(lab: Lab) -> None:
    """An rc file that prints, and one that prints much."""
    rc = lab.primary.root / "home/opsfree/.bashrc"
    before = rc.read_bytes()
    rc.write_bytes(b"echo welcome; echo careful >&2; head -c 200000 /dev/zero | tr '\\0' n\n" + before)
    try:
        with reach(lab, "opsfree") as ssh:
            ran = ssh.run("echo mine; echo err >&2")
            assert (ran.stdout, ran.stderr) == (b"mine\n", b"err\n")
            assert b"welcome\n" in ran.noise
            assert b"careful\n" in ran.noise
    finally:
        rc.write_bytes(before)


async def test_the_screen_answers_while_a_flood_is_read(lab: Lab, tmp_path: Path) -> None:
    async with console(lab, tmp_path, "opsfree") as screen:
        await screen.zones()
        session = screen.app.session
        assert session is not None

        table = screen.app.screen.query_one(VirtualTable)
        driver = screen.app._driver
        assert driver is not None

        async def keys() -> list[float]:
            """Seconds from a key to the moved cursor. Pilot's own `press` waits until the processor is idle."""
            took = []
            for number in range(40):
                key, before, began = "up" if number % 2 else "down", table.cursor_line, time.monotonic()
                driver.process_message(events.Key(key, None))
                while table.cursor_line == before:
                    assert time.monotonic() - began < 10
                    await asyncio.sleep(0.001)
                took.append(time.monotonic() - began)
            return took

        quiet = median(await keys())
        read = [0]
        over = threading.Event()

        def flood() -> None:
            with session.connection.stream("exec yes 'a line of a log that nobody asked for'") as stream:
                for chunk in stream:
                    read[0] += len(chunk)
                    if over.is_set():
                        return

        thread = threading.Thread(target=flood)
        thread.start()
        await screen.until(lambda: read[0] > 1 << 20, "the flood is there")
        before, began = read[0], time.monotonic()
        flooded = median(await keys())
        rate = (read[0] - before) / (time.monotonic() - began) / 1e6
        over.set()
        await in_thread(lambda: thread.join(10))
        assert not thread.is_alive()
    print(f"a key: {quiet * 1000:.0f} ms in peace, {flooded * 1000:.0f} ms while {rate:.0f} MB/s are read")
    assert flooded < 0.1
