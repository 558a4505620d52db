from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.remote.wire import MAX_COMMAND, NOISE_KEPT, Frame, Markers, command, new_markers

LOGIN_SHELLS = {
    "dash": ["dash", "-c"],
    "bash": ["bash", "-c"],
    "tcsh": ["tcsh", "-f", "-c"],
    "mksh": ["mksh", "-c"],
    "busybox": ["busybox", "sh", "-c"],
    "fish": ["fish", "--no-config", "-c"],
}
SHELLS = [name for name, words in LOGIN_SHELLS.items() if shutil.which(words[0])]

AWKWARD = "".join(map(chr, range(1, 128))) + "é€\udcff\udc80 $(id) `id` ! ' \" \\ \n\n"

MARKERS = Markers("0" * 32, "1" * 32)


def through(shell: str, line: str, stdin: bytes = b"") -> tuple[Frame, bytes, bytes]:
    done = subprocess.run([*LOGIN_SHELLS[shell], line], input=stdin, capture_output=True, check=False, timeout=20)
    out, err = Frame(MARKERS.begin, MARKERS.end), Frame(MARKERS.begin, MARKERS.end)
    return out, out.feed(done.stdout), err.feed(done.stderr)


@pytest.mark.parametrize("shell", SHELLS)
def test_script_arguments_and_stdin_arrive_whole_through_any_login_shell(shell: str) -> None:
    script = 'printf "%s|" "$#" "$@"\ncat\necho "it\'s! fine" >&2\nexit 7\n'
    args = [AWKWARD, "", "-n", "plain/word", "trailing\n\n", "*", "~", "=ls"]
    stdin = bytes(range(256)) * 3
    frame, out, err = through(shell, command(script, args, MARKERS), stdin)
    expected = "|".join([str(len(args)), *args, ""]).encode("utf-8", "surrogateescape") + stdin
    assert (out, err, frame.status) == (expected, b"it's! fine\n", 7)
    assert frame.noise == b""


@pytest.mark.parametrize("shell", SHELLS)
def test_exit_syntax_error_and_exec_do_not_skip_the_end_marker(shell: str) -> None:
    for script, status in (("exit 3", 3), ("if then", 2), ("exec true", 0), ("kill -9 $$", 137), ("set -e; false", 1)):
        frame, _, _ = through(shell, command(script, (), MARKERS))
        assert frame.ended
        assert frame.status == status or (script == "if then" and frame.status not in (0, None))


def test_locale_and_path_are_ours_and_our_variables_stay_outside() -> None:
    frame, out, _ = through(
        "dash", command("echo $LC_ALL; echo $PATH; env | grep -c opsc_", (), MARKERS, path="/x:/usr/bin:/bin")
    )
    assert frame.ended
    assert out == b"C\n/x:/usr/bin:/bin\n0\n"


def test_the_line_has_nothing_in_it_that_a_login_shell_or_an_echo_could_trip_over() -> None:
    for sudo in (False, True):
        line = command(AWKWARD, [AWKWARD, "plain"], MARKERS, sudo=sudo, follow=True, lifetime=9)
        assert line.isascii()
        assert line.isprintable()
        assert "!" not in line
        assert line.count("'") == 2
        assert MARKERS.nonce not in line
        assert MARKERS.ask not in line
        assert "plain" in line


def test_the_host_ends_what_outlives_its_lifetime() -> None:
    frame, out, _ = through("dash", command("echo a; sleep 60; echo b", (), MARKERS, lifetime=1))
    assert (out, frame.status) == (b"a\n", 124)


def test_nul_and_too_much_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match="NUL"):
        command("a\0b", (), MARKERS)
    with pytest.raises(ValueError, match="NUL"):
        command(":", ("a\0b",), MARKERS)
    with pytest.raises(ValueError, match="stdin"):
        command(":", ("x" * MAX_COMMAND,), MARKERS)


def test_a_line_of_the_greatest_size_can_be_executed() -> None:
    room = MAX_COMMAND - len(command('printf %s "$1" | wc -c', ("",), MARKERS))
    _, out, _ = through("dash", command('printf %s "$1" | wc -c', ("x" * room,), MARKERS))
    assert out.strip() == str(room).encode()


def test_markers_are_never_the_same_twice() -> None:
    seen = {word for _ in range(100) for markers in [new_markers()] for word in (markers.nonce, markers.ask)}
    assert len(seen) == 200


def test_the_prompt_comes_back_with_whose_password_is_wanted() -> None:
    filled = MARKERS.prompt.replace("%p", "root").encode()
    assert MARKERS.asked.findall(b"lecture\n" + filled + b"Sorry, try again.\n" + filled) == [b"root", b"root"]
    assert MARKERS.asked.findall(new_markers().prompt.encode()) == []


PIECE = st.sampled_from([MARKERS.begin, MARKERS.end, MARKERS.begin[:-1], MARKERS.end[:-1], b"opsc-", b"\n", b"0"])


@settings(max_examples=300, deadline=None)
@given(
    noise=st.lists(st.one_of(st.binary(max_size=20), PIECE), max_size=4).map(b"".join),
    payload=st.lists(st.one_of(st.binary(max_size=60), PIECE), max_size=6).map(b"".join),
    status=st.integers(0, 255),
    cuts=st.lists(st.integers(0, 600), max_size=20),
)
@example(noise=b"", payload=b"opsc-end-", status=0, cuts=[])
def test_a_frame_gives_the_payload_however_it_is_cut(
    noise: bytes, payload: bytes, status: int, cuts: list[int]
) -> None:
    if MARKERS.begin in noise + MARKERS.begin[:-1] or MARKERS.end in payload + MARKERS.end[:-1]:
        return
    stream = noise + MARKERS.begin + payload + MARKERS.end + f"{status}\n".encode() + b"after"
    frame = Frame(MARKERS.begin, MARKERS.end)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    got = b"".join(frame.feed(stream[start:end]) for start, end in pairwise(edges))
    assert (got, bytes(frame.noise), frame.status, frame.ended) == (payload, noise, status, True)
    assert frame.flush() == b""


@given(payload=st.binary(max_size=100), held=st.integers(1, len(MARKERS.end) - 1))
def test_what_was_held_back_is_given_when_no_marker_comes(payload: bytes, held: int) -> None:
    if MARKERS.end in payload + MARKERS.end[:held]:
        return
    frame = Frame(MARKERS.begin, MARKERS.end)
    got = frame.feed(MARKERS.begin + payload + MARKERS.end[:held])
    assert got + frame.flush() == payload + MARKERS.end[:held]
    assert not frame.ended


def test_endless_noise_is_not_kept() -> None:
    frame = Frame(MARKERS.begin, MARKERS.end)
    for _ in range(40):
        frame.feed(b"x" * 10_000)
    assert len(frame.noise) == NOISE_KEPT
    frame.feed(MARKERS.begin)
    assert frame.begun


def test_a_status_that_is_no_number_is_no_status() -> None:
    frame = Frame(MARKERS.begin, MARKERS.end)
    frame.feed(MARKERS.begin + MARKERS.end + b"zero\n")
    assert frame.ended
    assert frame.status is None


@pytest.mark.parametrize("says", [b"x" * 1000, b"9" * 5000 + b"\n"], ids=["endless", "too many digits"])
def test_more_than_a_status_after_the_end_is_not_kept(says: bytes) -> None:
    frame = Frame(MARKERS.begin, MARKERS.end)
    assert frame.feed(MARKERS.begin + b"payload" + MARKERS.end) == b"payload"
    for start in range(0, len(says), 100):
        assert frame.feed(says[start : start + 100]) == b""
    assert (frame.ended, frame.status, frame.flush()) == (True, None, b"")
