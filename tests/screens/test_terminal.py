"""The whole console on a real pty and in tmux: raw bytes, resize, colours, leaving."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.sandbox.files import build
from tests.bench.ptymeter import PtyMeter
from tests.screens.hostile import PAYLOADS, forbidden

ROOT = str(Path(__file__).parents[2])
SECRET = "correct-horse-battery"


def program(what: str, place: Path, columns: int = 80, lines: int = 24, **env: str) -> PtyMeter:
    argv = [sys.executable, "-m", "tests.screens.program", what, str(place)]
    return PtyMeter(argv, columns, lines, {"LC_ALL": "C.UTF-8", **env}, ROOT)


def console(place: Path, columns: int = 80, lines: int = 24, **env: str) -> PtyMeter:
    """The installed command itself, on a sandbox in `place`."""
    own = {"OPSCONSOLE_SANDBOX": str(place / "box"), "OPSCONSOLE_SANDBOX_LAG": "0.2", "LC_ALL": "C.UTF-8"}
    return PtyMeter([sys.executable, "-m", "console", "sandbox"], columns, lines, own | env, ROOT)


def ends(terminal: PtyMeter, limit: float) -> float:
    """Seconds until the program is gone."""
    started = time.perf_counter()
    while terminal.process.poll() is None:
        assert time.perf_counter() - started < limit, "it is still there"
        terminal.drain(0.02, 0.1)
    return time.perf_counter() - started


def restored(raw: bytes) -> bool:
    """The cursor is shown and the alternate screen left, last of all."""
    return raw.rfind(b"\x1b[?25h") > raw.rfind(b"\x1b[?25l") and raw.rfind(b"\x1b[?1049l") > raw.rfind(b"\x1b[?1049h")


# The first frame, and leaving


def test_the_first_frame_needs_neither_paramiko_nor_dns_nor_keyring(place: Path) -> None:
    with program("plain", place) as terminal:
        terminal.wait_for("Zone")
        end = time.monotonic() + 10
        while not (place / "loaded").exists():
            assert time.monotonic() < end
            terminal.drain(0.02, 0.1)
        loaded = set((place / "loaded").read_text().split("\n"))
    assert "screens.zones" in loaded
    assert not loaded & {"paramiko", "dns", "keyring", "cryptography"}


def test_leaving_never_waits_for_a_blocked_host(place: Path) -> None:
    with program("blocked", place) as terminal:
        terminal.wait_for("reading")
        terminal.send("q")
        assert ends(terminal, 5.0) < 1.0
        assert terminal.process.returncode == 0
        assert restored(bytes(terminal.raw))


def test_a_crash_page_shows_no_local_variable(place: Path) -> None:
    with program("crash", place, THE_SECRET=SECRET) as terminal:
        terminal.wait_for("example.net")
        terminal.send("?")
        ends(terminal, 10.0)
        terminal.drain()
        raw = bytes(terminal.raw)
    assert b"a crash of 21 letters" in re.sub(rb"\x1b\[[0-9;]*m", b"", raw)
    assert SECRET.encode() not in raw
    assert restored(raw)


@pytest.mark.parametrize("signal", [1, 15], ids=["HUP", "TERM"])
def test_a_signal_leaves_in_order(place: Path, signal: int) -> None:
    with console(place) as terminal:
        terminal.wait_for("example.net")
        os.kill(terminal.process.pid, signal)
        ends(terminal, 5.0)
        terminal.drain()
        assert terminal.process.returncode == 128 + signal
        assert restored(bytes(terminal.raw))


# An editor of the user's own


def test_the_users_editor_gets_the_terminal_and_its_text_comes_back(place: Path) -> None:
    editor = place / "editor"
    editor.write_text('#!/bin/sh\necho \'editing now\'\nread answer\necho "mine A 192.0.2.$answer" >>"$1"\n')
    editor.chmod(0o755)
    with console(place, EDITOR=str(editor), VISUAL="") as terminal:
        terminal.wait_for("✖ 2 errors")
        terminal.send("enter")
        terminal.wait_for("No finding (named-checkzone")
        terminal.send("\x1bOS")  # F4
        terminal.wait_for("editing now")
        terminal.send("77\n")
        terminal.wait_for("edited")
        terminal.send("\x1b[1;5F")  # ctrl+end
        terminal.wait_for("mine A 192.0.2.77")
        editor.write_text("#!/bin/sh\nexit 3\n")
        terminal.send("\x1bOS")
        terminal.wait_for("ended with status 3")
        terminal.send("escape")
        terminal.wait_for("mine A 192.0.2.77")


# Hostile text


def poison(box: Path) -> None:
    """The corpus in every text that the make-believe host can say."""
    evil = b" ".join(PAYLOADS).replace(b"\n", b" ")
    zone = box / "etc/bind/zones/db.example.net"
    names = b"".join(b'"%s"\n' % payload.replace(b"\n", b" ").replace(b'"', b"") for payload in PAYLOADS[:12])
    zone.write_bytes(
        zone.read_bytes() + b"; " + evil + b"\nevil TXT (\n" + names + b")\n" + evil[:60] + b" A 192.0.2.9\n"
    )
    with (box / "var/log/named/named.log").open("ab") as log:
        for payload in PAYLOADS[:14]:
            text = payload.replace(b"\n", b" ")
            log.write(b"2026-11-02T04:40:00.000 general: error: zone %s/IN: not loaded: %s\n" % (text, text))
            log.write(b"2026-11-02T04:40:00.000 xfer-out: info: client @0x1 192.0.2.53#1 (%s): transfer of " % text)
            log.write(b"'%s/IN': AXFR started (serial 1)\n%s\n" % (text, text))
    for tool in ("rndc", "named-checkzone"):
        real = box / "bin" / tool
        real.rename(box / "bin" / f"real-{tool}")
        (box / "bin/evil").write_bytes(evil + b"\n")
        path = '"${0%/*}/evil"'
        real.write_text(f'#!/bin/sh\ncat {path} >&2\ncat {path}\nexec "${{0%/*}}/real-{tool}" "$@"\n')
        real.chmod(0o755)
    # real-named-checkzone is called by its old name where that decides what it does
    (box / "bin/named-compilezone").unlink()
    (box / "bin/named-compilezone").symlink_to("real-named-checkzone")


def test_nothing_that_a_host_says_reaches_the_terminal_raw(place: Path) -> None:
    build(place / "box")
    poison(place / "box")
    with console(place, 120, 40) as terminal:
        terminal.wait_for("example.org")
        terminal.wait_for("as of")
        terminal.drain(0.5)
        for key in ("c", "e", "pagedown", "pagedown", "escape", "b"):
            terminal.key(key, 0.3)
        for key in ("pagedown", "escape", "escape", "escape", "home"):
            terminal.key(key, 0.3)
        terminal.key("enter", 0.5)
        terminal.wait_for("to mend")
        for key in ("\x1b[1;5F", "\x1b[19~", "\x1b[19~", "up", "right", "\x1bOR", "pagedown", "escape"):
            terminal.key(key, 0.2)
        terminal.key("x", 0.2)
        terminal.key("\x1bOQ", 0.3)  # diff
        terminal.key("pagedown", 0.2)
        terminal.key("escape", 0.2)
        terminal.key("\x13", 1.0)  # save
        terminal.wait_for("named would refuse this zone")
        terminal.key("y", 1.0)
        terminal.wait_for("y applies this")
        terminal.key("y", 0.3)
        terminal.wait_for("Done. Esc closes.")
        for key in ("e", "pagedown", "end"):
            terminal.key(key, 0.3)
        while not any("Throw it away?" in line for line in terminal.screen.display):
            terminal.key("escape", 0.3)
        terminal.key("y", 0.3)
        terminal.wait_for("example.org")
        for key in ("w", "pageup", "v", "home", "/", "\x1b", "escape"):
            terminal.key(key, 0.4)
        for key in ("9", "enter", "pagedown", "end", "escape", "v"):
            terminal.key(key, 0.3)
        assert terminal.process.poll() is None
        assert forbidden(bytes(terminal.raw)) == []
        terminal.send("q")
        ends(terminal, 5.0)


def test_questions_errors_toasts_and_names_are_harmless_too(place: Path) -> None:
    with program("hostile", place, 100, 30) as terminal:
        terminal.wait_for("sandbox")
        terminal.key("enter", 0.5)
        terminal.wait_for("type yes to accept")
        terminal.key("y", 0.1)
        terminal.key("e", 0.1)
        terminal.key("s", 0.1)
        terminal.key("enter", 0.5)
        terminal.wait_for("sudo password")
        terminal.key("enter", 0.5)
        terminal.wait_for("sudo password")
        terminal.key("escape", 0.5)
        terminal.wait_for("Not read.")
        terminal.key("?", 0.5)
        terminal.key("pagedown", 0.3)
        terminal.key("escape", 0.3)
        terminal.key("9", 0.3)
        terminal.key("0", 0.3)
        assert terminal.process.poll() is None
        raw = bytes(terminal.raw)
    copied = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", raw)
    assert len(copied) == 1, "OSC 52 is sent once, for the copy that was asked for"
    base64.b64decode(copied[0], validate=True)
    assert forbidden(re.sub(rb"\x1b\]52;c;[A-Za-z0-9+/=]*\x07", b"", raw)) == []


# tmux


class Tmux:
    """A server of its own with one session; ended by its own command."""

    def __init__(self, socket: Path) -> None:
        self.base = ["tmux", "-f", "/dev/null", "-S", str(socket)]

    def do(self, *words: str) -> str:
        return subprocess.run([*self.base, *words], check=True, capture_output=True, text=True).stdout

    def screen(self, *more: str) -> str:
        return self.do("capture-pane", "-p", *more)

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.do("send-keys", key)

    def sees(self, *words: str, limit: float = 20.0) -> str:
        end = time.monotonic() + limit
        while True:
            text = self.screen()
            if all(word in text for word in words):
                return text
            assert time.monotonic() < end, f"{words} never came; the screen says:\n{text}"
            time.sleep(0.05)


@pytest.fixture
def tmux(place: Path) -> Iterator[Callable[..., Tmux]]:
    assert shutil.which("tmux"), "tmux is needed: apt install tmux"
    made: list[Tmux] = []

    def start(**env: str) -> Tmux:
        server = Tmux(place / "tmux")
        made.append(server)
        own = {"OPSCONSOLE_SANDBOX": str(place / "box"), "OPSCONSOLE_SANDBOX_LAG": "0.2", "LC_ALL": "C.UTF-8", **env}
        words = [f"{name}={value}" for name, value in own.items()]
        shell = ["env", "-u", "COLUMNS", "-u", "LINES", *words, "sh"]
        server.do("new-session", "-d", "-x", "80", "-y", "24", "-c", ROOT, *shell)
        server.keys(f"PS1='$ '; stty -a >{place}/before; clear", "Enter")
        server.keys(f"{sys.executable} -m console sandbox; echo left with $?", "Enter")
        return server

    yield start
    for server in made:
        server.do("kill-server")


@pytest.mark.parametrize(
    "env",
    [{}, {"TERM": "xterm", "COLORTERM": ""}, {"NO_COLOR": "1"}],
    ids=["tmux", "16 colours", "no colour"],
)
def test_a_tour(tmux: Callable[..., Tmux], place: Path, env: dict[str, str]) -> None:
    """Start, open, edit, save, resize, quit; then the terminal is as it was."""
    terminal = tmux(**env)
    terminal.sees("▲ ACT", "● up", "✖ 2 errors")
    if env:
        colours = set(re.findall(r"\x1b\[[0-9;]*m", terminal.screen("-e")))
        assert not any("38;2" in colour or "48;2" in colour for colour in colours) or "TERM" not in env
        if "NO_COLOR" in env:
            assert not any(re.search(r"\b(3[1-6]|4[1-6]|9[1-6]|10[1-6])m", colour) for colour in colours)
    terminal.keys("Enter")
    terminal.sees("No finding (named-checkzone")
    terminal.do("resize-window", "-x", "120", "-y", "40")
    terminal.sees("_dmarc", "line 1 of 28")
    terminal.keys("C-End", "n", "e", "w", " ", "A", " ", "1", "9", "2", ".", "0", ".", "2", ".", "9")
    terminal.sees("new A 192.0.2.9", "edited")
    terminal.do("resize-window", "-x", "80", "-y", "24")
    terminal.keys("C-s")
    terminal.sees("y applies this on sandbox")
    terminal.keys("y")
    terminal.sees("ns2.example.net", "Done. Esc closes.")
    terminal.keys("Escape")
    terminal.sees("as on the host")
    terminal.keys("Escape")
    terminal.sees("partner.example")
    terminal.keys("q")
    left = terminal.sees("left with 0")
    assert "Name servers" not in left
    assert terminal.do("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}").split() == [
        "0", "1", "0",
    ]  # fmt: skip
    terminal.keys(f"stty -a >{place}/after; echo written", "Enter")
    terminal.sees("\nwritten")
    assert (place / "after").read_text() == (place / "before").read_text()
    assert "new A 192.0.2.9" in (place / "box/etc/bind/zones/db.example.net").read_text()
