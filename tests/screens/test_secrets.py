"""Questions that come from a connection's thread: answered on the screen, and nothing of a secret stays behind."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from textual.widgets import Input

from console.remote.prompter import Ask, HostKeyQuestion, Question
from console.remote.secret import Secret
from screens.dialogs.ask import AskHostKey, AskSecret, ScreenPrompter
from tests.screens.kit import Desk, desk

SECRET = "correct-horse-battery"
KEY = HostKeyQuestion("ns1", "192.0.2.1", "ssh-ed25519", "SHA256:abc", "/home/admin/.ssh/known_hosts")
T = TypeVar("T")


def asked(work: Callable[[], T]) -> tuple[threading.Thread, list[T]]:
    """What a connection's thread does: asks, and goes on with the answer."""
    got: list[T] = []
    thread = threading.Thread(target=lambda: got.append(work()), daemon=True)
    thread.start()
    return thread, got


async def answered(here: Desk, thread: threading.Thread) -> None:
    await here.until(lambda: not thread.is_alive())


async def test_a_password_goes_to_the_thread_and_nowhere_else(
    place: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    async with desk(place, host="") as here:
        logged: list[str] = []
        monkeypatch.setattr(here.app, "_log", lambda *words, **_: logged.append(repr(words)))
        question = Question(Ask.SUDO, "ns1", "admin", "[sudo] password for admin:", failed=True)
        thread, got = asked(lambda: ScreenPrompter(here.app).ask(question))
        await here.sees("sudo password", "for admin@ns1", "The last answer was refused.")
        assert isinstance(here.app.focused, Input)
        await here.type(SECRET)
        assert SECRET not in here.text
        line = here.app.focused
        await here.press("enter")
        await answered(here, thread)
        assert got[0] is not None
        assert got[0].reveal() == SECRET.encode()
        assert repr(got[0]) == "Secret(***)"
        assert line.value == ""
        assert not here.app.screen.query(AskSecret)
        assert SECRET not in here.app.tree.__str__() + here.text
        assert not any(SECRET in message for message in logged)
    assert SECRET not in caplog.text
    got.clear()
    gc.collect()
    held = [each for each in gc.get_objects() if isinstance(each, (Input, AskSecret))]
    assert not any(SECRET in str(vars(each)) for each in held)


async def test_an_answer_that_may_be_seen_is(place: Path) -> None:
    async with desk(place, host="") as here:
        question = Question(Ask.INTERACTIVE, "ns1", "admin", "Code from your token:", echo=True)
        thread, got = asked(lambda: ScreenPrompter(here.app).ask(question))
        await here.sees("The host asks", "Code from your token:")
        await here.type("123456")
        await here.sees("123456")
        await here.press("enter")
        await answered(here, thread)
        assert got[0] is not None
        assert got[0].reveal() == b"123456"


@pytest.mark.parametrize("dialog", ["secret", "key"])
async def test_esc_means_no(place: Path, dialog: str) -> None:
    async with desk(place, host="") as here:
        prompter = ScreenPrompter(here.app)
        question = Question(Ask.PASSWORD, "ns1", "admin", "Password:")
        ways: dict[str, Callable[[], object]] = {
            "secret": lambda: prompter.ask(question),
            "key": lambda: prompter.accept_host_key(KEY),
        }
        thread, got = asked(ways[dialog])
        await here.until(lambda: isinstance(here.app.screen, (AskSecret, AskHostKey)))
        await here.press("escape")
        await answered(here, thread)
        assert not got[0]


@pytest.mark.parametrize(("typed", "accepted"), [("yes", True), ("y", False), ("", False), ("no", False)])
async def test_a_host_key_is_taken_for_a_typed_yes_only(place: Path, typed: str, accepted: bool) -> None:
    async with desk(place, host="") as here:
        thread, got = asked(lambda: ScreenPrompter(here.app).accept_host_key(KEY))
        await here.sees("This host's key is not known yet", "SHA256:abc")
        await here.type(typed)
        await here.press("enter")
        await answered(here, thread)
        assert got == [accepted]


async def test_several_questions_wait_for_one_another(place: Path) -> None:
    async with desk(place, host="") as here:
        prompter = ScreenPrompter(here.app)

        def both() -> tuple[bool, Secret | None]:
            return prompter.accept_host_key(KEY), prompter.ask(Question(Ask.PASSWORD, "ns1", "admin", "Password:"))

        thread, got = asked(both)
        await here.sees("type yes to accept")
        await here.type("yes")
        await here.press("enter")
        await here.sees("Password for admin@ns1")
        await here.type(SECRET)
        await here.press("enter")
        await answered(here, thread)
        accepted, secret = got[0]
        assert accepted
        assert secret is not None
        assert secret.reveal() == SECRET.encode()


async def test_a_question_comes_over_whatever_is_open(place: Path) -> None:
    """A dialog and a prompt line are open; afterwards the keyboard is where it was."""
    async with desk(place, host="") as here:
        await here.press("slash", "s")
        before: Any = here.app.focused
        thread, _ = asked(lambda: ScreenPrompter(here.app).ask(Question(Ask.PASSWORD, "ns1", "admin", "Password:")))
        await here.sees("Password for admin@ns1")
        await here.type(SECRET)
        await here.press("enter")
        await answered(here, thread)
        await here.until(lambda: here.app.focused is before)
        assert before.value == "s"
