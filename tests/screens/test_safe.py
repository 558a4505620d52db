"""Nothing hidden comes out of `visible`, `content`, or any widget of ours."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from console.visible import is_plain, pieces, visible
from screens.safe import MADE_VISIBLE, content
from tests.bench.ptymeter import PtyMeter
from tests.screens.hostile import PAYLOADS, forbidden

REFUSED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
any_text = st.text(st.characters(), max_size=40)  # surrogates too


def assert_harmless(shown: str, kept: str = "") -> None:
    for character in shown:
        if character in kept or character == " ":
            continue
        assert unicodedata.category(character) not in REFUSED | {"Zs"}, repr(character)


@given(st.one_of(any_text, st.binary(max_size=40)), st.booleans())
def test_no_forbidden_character_comes_out(text: str | bytes, multiline: bool) -> None:
    shown = visible(text, multiline=multiline)
    assert_harmless(shown, "\n" if multiline else "")
    shown.encode()
    assert "".join(piece for piece, _ in pieces(text, multiline=multiline)) == shown
    assert visible(shown, multiline=multiline) == shown


def test_every_character_and_every_two_bytes() -> None:
    for code in (*range(0x3200), *range(0xD7F0, 0x10000), *range(0x10000, 0x110000, 61), *range(0xE0000, 0xE0200)):
        character = chr(code)
        if unicodedata.category(character) in REFUSED or (character.isspace() and character != " "):
            assert not is_plain(character)
            assert_harmless(visible(character))
    for first in range(256):
        for second in range(0, 256, 5):
            assert_harmless(visible(bytes([first, second])))


@given(st.sampled_from(PAYLOADS), st.integers(0, 60))
def test_a_split_in_the_middle_changes_nothing(payload: bytes, cut: int) -> None:
    assert_harmless(visible(payload[:cut]) + visible(payload[cut:]))


def test_tokens_say_what_was_there() -> None:
    assert visible("a\x1b]52;c\x07\u202e\x9b\u00a0é\tb\n") == "a␛]52;c␇<U+202E><U+009B><U+00A0>é␉b␊"
    assert visible(b"\xff\x80ok\x00") == "\\xff\\x80ok␀"
    assert visible("a\tb\n\x01\tc", multiline=True) == "a       b\n␁       c"
    assert visible("<U+202E>") == "<U+202E>"
    assert visible("漢字 é — plain") == "漢字 é — plain"


def test_only_tokens_are_marked() -> None:
    assert pieces("<U+202E>\u202e!") == [("<U+202E>", False), ("<U+202E>", True), ("!", False)]
    assert pieces("") == []
    made = content("ok\x1bno", "bold")
    assert made.plain == "ok␛no"
    assert [(span.start, span.end, span.style) for span in made.spans] == [(0, 5, "bold"), (2, 3, MADE_VISIBLE)]


def test_content_is_never_markup() -> None:
    text = "foo [/] bar [link='http://evil']Pay[/link] [@click=app.quit]x[/]"
    shown = content(text)
    assert isinstance(shown, Content)
    assert shown.plain == text
    assert shown.spans == []


@pytest.mark.parametrize("widget", ["table", "log", "editor", "static"])
def test_nothing_hostile_reaches_a_real_terminal(widget: str) -> None:
    """Without the backstop: the widgets alone must hold."""
    with PtyMeter([sys.executable, "-m", "tests.screens.hostile", widget], 100, 30, {"LC_ALL": "C.UTF-8"}) as terminal:
        terminal.wait_for("<U+E0041>" if widget == "static" else "␛" if widget != "log" else "|")
        for key in ("down", "down", "\x1b[24~", "pagedown", "pagedown", "home", "g", "end", "left", "right", "up"):
            terminal.key(key, 0.05)
        if widget in ("table", "log"):
            terminal.key("/", 0.1)
            terminal.wait_for("␛]52;<U+202E>")
        assert terminal.process.poll() is None
        found = forbidden(bytes(terminal.raw))
        assert found == []


def test_the_scan_finds_what_it_should() -> None:
    assert all(forbidden(payload) for payload in PAYLOADS[:9])
    assert forbidden(b"\x1b[1;2H\x1b[0;38;2;1;2;3mhello\x1b[0m\x1b[?2026h\r\n") == []
