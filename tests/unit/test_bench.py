"""The bench itself at small sizes, so that it cannot rot, and the budgets that no load of the machine changes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import lists, report, start, texts, wire
from tests.bench.delay import line
from tests.bench.ptymeter import PtyMeter
from tests.bench.report import Row

COUNT = 20_000


@pytest.fixture(scope="module")
def home() -> Iterator[start.Home]:
    with start.home() as made:
        yield made


@pytest.mark.parametrize("words", [(), ("sandbox",)])
def test_nothing_heavy_is_imported_before_the_first_frame(home: start.Home, words: tuple[str, ...]) -> None:
    names = start.imported(home, *words)
    assert {"textual.app", "screens.app"} <= names
    assert start.heavy(names) == set()


def test_the_first_line_comes_long_before_the_first_frame(home: start.Home) -> None:
    began = start.start([home.entry, "sandbox"], b"Name servers", home.env)
    assert 0 < began.line < began.frame / 2
    assert 0 < began.cpu < 30
    assert began.memory <= 45


def test_at_rest_not_a_byte_is_written(home: start.Home) -> None:
    with PtyMeter([home.entry, "sandbox"], env=home.env, cwd=str(start.ROOT)) as terminal:
        terminal.wait_for("as of")
        size, _ = start.idle(terminal, 2)
        assert size == 0
        terminal.send("enter")
        terminal.wait_for("named-checkzone and our rules")
        size, _ = start.idle(terminal, 2)
        assert size == 0


@pytest.mark.parametrize("size", lists.SIZES)
def test_a_key_in_a_table_costs_few_bytes(home: start.Home, size: tuple[int, int]) -> None:
    table, screen = lists.subjects(COUNT)
    found = lists.run(table, home, size, 4)
    assert 0 < found.in_view.size <= 450
    assert 0 < found.scrolling.size <= 600
    assert all(key.size for key in found.filtering)
    found = lists.run(screen, home, size, 4)
    # The lines about the zone under the table change with each key, too.
    assert 0 < found.in_view.size <= 550
    assert 0 < found.scrolling.size <= 600
    assert found.opened > 0


def test_a_key_in_the_editor_costs_few_bytes(home: start.Home) -> None:
    typed, scrolled = texts.typing(home, 2000, 4, (80, 24))
    assert 0 < typed.size <= 400
    assert 0 < scrolled.size <= 700


def test_a_log_is_followed_from_another_process(home: start.Home) -> None:
    found = texts.follow(home, 2000, 2)
    assert 500 < found.rate < 4000
    assert 0 < found.median <= found.p95


def test_a_zone_is_parsed_whole_and_beside_bind() -> None:
    took = texts.parse(400, 1)
    assert took.parse > 0
    assert took.lint > 0
    assert (took.named > 0) == (texts.tool("named-checkzone") is not None)


def test_a_line_delays_both_ways() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        line(server.getsockname()[1], 0.2) as port,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        began = time.monotonic()
        connection.sendall(b"ping")
        there, _ = server.accept()
        with there:
            assert there.recv(4) == b"ping"
            there.sendall(b"pong")
            assert connection.recv(4) == b"pong"
        # A round trip to connect, half of one with the first bytes, half of one back.
        assert 0.4 <= time.monotonic() - began < 2


@pytest.mark.skipif(wire.missing() != "", reason=wire.missing())
def test_round_trips_are_few_on_a_slow_line() -> None:
    found = wire.trips(1, 0.4)
    assert found["connect"][1] < 10.5
    assert found["run"][1] < 2.5
    assert found["survey"][1] < 3.5
    assert found["save"][1] < 4.5


def test_a_miss_is_told_as_one(tmp_path: Path) -> None:
    rows = [Row("a", "≤ 1", "2", "b", False), Row("c", "≤ 3", "2", "", True), Row("d", "", "5")]
    said = report.table(rows)
    assert [line[0] for line in said.splitlines()[1:]] == ["✖", "✔", "·"]
    told = report.headlines(rows, "today")
    assert "1 of 2 budgets are met" in told
    page = tmp_path / "README.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(page, report.markdown(rows, "today"))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| a | ≤ 1 | 2 | b | ✖ |" in text
    report.write(page, report.markdown(rows, "today"))
    assert page.read_text() == text
    page.write_text("no marks here")
    with pytest.raises(ValueError, match="has no"):
        report.write(page, "x")
