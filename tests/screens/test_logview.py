"""The log view: lines from any thread, a ring, follow, filter, search; only drawn lines are styled."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from screens.widgets.logview import LogView
from screens.widgets.ring import Ring


class LogApp(App[Any]):
    def __init__(self, capacity: int = 1000) -> None:
        super().__init__()
        self.capacity = capacity
        self.styled: list[str] = []
        self.said: list[tuple[str, Any]] = []

    def spans(self, line: str) -> list[tuple[int, int, str]]:
        self.styled.append(line)
        at = line.find("denied")
        return [(at, at + 6, "error")] if at >= 0 else []

    def compose(self) -> ComposeResult:
        yield LogView(spans=self.spans, capacity=self.capacity, empty="Nothing logged yet.")

    def on_mount(self) -> None:
        self.view.focus()

    @property
    def view(self) -> LogView:
        return self.query_one(LogView)

    def on_log_view_appended(self, event: LogView.Appended) -> None:
        self.said.append(("appended", (event.total, event.below)))

    def on_log_view_follow_changed(self, event: LogView.FollowChanged) -> None:
        self.said.append(("follow", event.follow))


def lines(app: App[Any]) -> list[str]:
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def first_line(app: App[Any]) -> str:
    return lines(app)[0].removesuffix("▇").strip()


async def until(app: LogApp, total: int, pilot: Any) -> None:
    """Wait, with a deadline, for lines to be shown."""
    deadline = time.monotonic() + 10
    while app.view.ring.appended < total:
        assert time.monotonic() < deadline, app.view.ring.appended
        await pilot.pause(0.01)
    await pilot.pause()


async def test_lines_from_a_thread_are_shown_and_followed() -> None:
    app = LogApp()
    async with app.run_test(size=(50, 10)) as pilot:
        assert "Nothing logged yet." in lines(app)[0]
        thread = threading.Thread(target=lambda: [app.view.append([f"line {n}\n".encode()]) for n in range(300)])
        thread.start()
        thread.join()
        await until(app, 300, pilot)
        assert "line 299" in lines(app)[-1]
        assert app.view.follow
        assert len(app.said) < 30  # batches, not lines
        assert len(app.styled) < 300


async def test_lines_appended_before_it_is_mounted_are_shown() -> None:
    view = LogView()
    view.append(["early"])

    class Late(App[Any]):
        def compose(self) -> ComposeResult:
            yield view

    app = Late()
    async with app.run_test(size=(40, 5)) as pilot:
        await pilot.pause()
        assert "early" in lines(app)[0]


async def test_not_following_stays_where_it_is_and_counts() -> None:
    app = LogApp(capacity=200)
    async with app.run_test(size=(50, 10)) as pilot:
        app.view.append([f"line {n}" for n in range(200)])
        await until(app, 200, pilot)
        await pilot.press("pageup", "up")
        assert not app.view.follow
        before = first_line(app)
        app.view.append([f"line {n}" for n in range(200, 230)])
        await until(app, 230, pilot)
        assert first_line(app) == before  # though 30 lines fell out at the top
        assert "▼ 30 new lines below" in lines(app)[-1]
        assert app.said[-1] == ("appended", (200, 30))
        await pilot.press("end")
        assert app.view.follow
        assert "line 229" in lines(app)[-1]
        await pilot.press("f")
        assert not app.view.follow
        await pilot.press("home")
        assert first_line(app) == "line 30"
        await pilot.press(*["pagedown"] * 30)
        assert app.view.follow


async def test_filter_shows_matching_lines_old_and_new() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.view.append(f"zone {'a' if n % 2 else 'B'}.example {n}" for n in range(100))
        await until(app, 100, pilot)
        app.view.filter = "b.example"
        await pilot.pause()
        assert len(app.view.ring) == 50
        app.view.append(["zone B.example 100", "zone a.example 101"])
        await until(app, 102, pilot)
        assert len(app.view.ring) == 51
        assert "100" in lines(app)[-1]
        app.view.filter = "!b.example"
        await pilot.pause()
        assert len(app.view.ring) == 51
        app.view.filter = "\x1bno"
        await pilot.pause()
        assert "No line matches “␛no”." in lines(app)[0]
        app.view.filter = ""
        await pilot.pause()
        assert len(app.view.ring) == 102


async def test_search_goes_up_from_the_bottom_and_n_and_N_go_on() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.view.append(f"line {n}{' Denied' if n % 40 == 5 else ''}" for n in range(200))
        await until(app, 200, pilot)
        assert app.view.search("denied")
        await pilot.pause()
        assert app.view.found == "line 165 Denied"
        assert any(line.startswith("▸line 165") for line in lines(app))
        assert not app.view.follow
        await pilot.press("N")
        assert app.view.found == "line 125 Denied"
        await pilot.press("n")
        assert app.view.found == "line 165 Denied"
        assert not app.view.action_next_match(1)
        assert not app.view.search("nowhere")
        assert not app.view.search("")
        await pilot.press("n", "N")


async def test_long_lines_tabs_and_hidden_characters() -> None:
    app = LogApp()
    async with app.run_test(size=(40, 6)) as pilot:
        app.view.append(["x" * 50 + "END", "a\tb\x1b[31m\u202e", "two\nlines", "y" * 100_000])
        await until(app, 4, pilot)
        shown = lines(app)
        assert " a       b␛[31m<U+202E>" in shown[1]
        assert "two␊lines" in shown[2]
        assert "END" not in shown[0]
        await pilot.press("right")
        assert "END" in lines(app)[0]
        await pilot.press("left", "left")
        assert "END" not in lines(app)[0]
        app.view.clear()
        await pilot.pause()
        assert "Nothing logged yet." in lines(app)[0]


async def test_a_flood_does_not_stop_the_keys() -> None:
    app = LogApp(capacity=100_000)
    async with app.run_test(size=(80, 24)) as pilot:
        stop = threading.Event()
        batch = [f"line {n} of a flood" for n in range(1000)]

        def produce() -> None:
            while not stop.is_set():
                waiting = app.view.append(batch)
                while waiting > 50_000 and not stop.is_set():
                    time.sleep(0.005)
                    waiting = app.view.append(())

        thread = threading.Thread(target=produce)
        started = time.monotonic()
        thread.start()
        try:
            while app.view.ring.appended < 200_000:
                await pilot.pause(0.02)
            asked = time.monotonic()
            await pilot.press("home")
            assert not app.view.follow
            answered = time.monotonic() - asked
            took = time.monotonic() - started
        finally:
            stop.set()
            thread.join()
        assert app.view.ring.total == 100_000
        assert answered < 2
        assert 200_000 / took > 20_000  # the measured rate is in `make bench`; this only notices a collapse


def test_nothing_runs_while_no_line_comes() -> None:
    view = LogView()
    assert view.append([]) == 0
    assert not view._announced


@given(
    st.integers(1, 6),
    st.lists(st.lists(st.sampled_from(["a", "ab", "B", "c"]), max_size=9), max_size=8),
    st.sampled_from(["", "a", "!a", "b", "B", "!"]),
)
def test_the_ring_is_the_end_of_what_was_appended(capacity: int, batches: list[list[str]], query: str) -> None:
    ring = Ring(capacity)
    ring.filter(query)
    model: deque[str] = deque(maxlen=capacity)

    def kept(text: str) -> bool:
        needle = query.lstrip("!")
        found = needle in (text.lower() if needle == needle.lower() else text)
        return not needle or found != query.startswith("!")

    for batch in batches:
        before = len(ring)
        came, gone = ring.extend(batch)
        model.extend(batch)
        expected = [text for text in model if kept(text)]
        assert [ring.text(ring.number(row)) for row in range(len(ring))] == expected
        assert len(ring) == before + came - gone
        assert all(ring.row(ring.number(row)) == row for row in range(len(ring)))
