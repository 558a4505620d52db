"""Lists of 100,000 rows: opening, keys, filter and memory, in the bare table and on the zones screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench import programs
from tests.bench.ptymeter import KeyFigures, PtyMeter
from tests.bench.report import Row
from tests.bench.start import ROOT, Home

MANY = 100_000
SIZES = ((80, 24), (120, 40))


@dataclass(frozen=True, slots=True)
class Subject:
    """A program with a long list in it."""

    name: str
    argv: list[str]
    first_row: bytes
    begins: bytes
    """What is on the terminal when the rows are handed over; empty: the time counts from exec."""
    query: str


def subjects(count: int) -> tuple[Subject, Subject]:
    table = [sys.executable, "-m", "tests.bench.widgets", "table", str(count)]
    first = programs.ZONE_NAMES.format(0).encode()
    return (
        Subject("table", table, b"0A00000000", b"", "user9"),
        Subject("zones screen", programs.argv("zones", str(count)), first, b"Name servers", "zone0999"),
    )


@dataclass(frozen=True, slots=True)
class Figures:
    opened: float
    """Seconds until the first row is on its way to the terminal."""
    in_view: KeyFigures
    scrolling: KeyFigures
    filtering: list[KeyFigures]
    memory: float
    """Megabytes."""


def run(subject: Subject, where: Home, size: tuple[int, int], keys: int) -> Figures:
    """The keys that people press most, one after the other."""
    columns, lines = size
    with PtyMeter(subject.argv, columns, lines, env=where.env, cwd=str(ROOT)) as terminal:
        began = terminal.seen(subject.begins) if subject.begins else terminal.began
        opened = terminal.seen(subject.first_row) - began
        terminal.drain(0.6)
        memory = terminal.memory()
        terminal.key("down", 0.2)
        in_view = terminal.keys("down", min(keys, lines // 3))
        for _ in range(lines):
            terminal.send("down")
        terminal.drain(0.3)
        scrolling = terminal.keys("down", keys)
        terminal.key("/", 0.4)
        filtering = [terminal.keys(key, 1, 0.25) for key in subject.query]
    return Figures(opened, in_view, scrolling, filtering, memory)


def open_data_table(where: Home, count: int) -> float:
    """Seconds until Textual's own table shows as many rows."""
    with PtyMeter(programs.argv("data_table", str(count)), env=where.env, cwd=str(ROOT)) as terminal:
        return terminal.first(b"0A00000000", 120)


def measure(where: Home, *, quick: bool) -> Iterator[Row]:
    count, keys = MANY, 6 if quick else 20
    beside = "DataTable 10.7 s (perf.md)" if quick else f"DataTable {open_data_table(where, count):.1f} s"
    table, screen = subjects(count)
    for size in SIZES[-1:] if quick else SIZES:
        for subject in (table, screen):
            found = run(subject, where, size, keys)
            name = f"{subject.name}, {count:,} rows, {size[0]}×{size[1]}"
            since = "after the first frame" if subject.begins else "from exec"
            yield Row(f"{name}: open", "≤ 0.5 s", f"{found.opened:.2f} s ({since})", beside, found.opened <= 0.5)
            yield _key(f"{name}: key in view", found.in_view, 3, 450, "DataTable 5 ms, 1,316 B; mutt 0.3 ms, 272 B")
            yield _key(f"{name}: key that scrolls", found.scrolling, 6, 600, "DataTable 19 ms, 16,911 B")
            slowest = max(found.filtering, key=lambda key: key.median)
            told = f"{slowest.median:.0f} ms the slowest of {len(found.filtering)}, cpu {slowest.cpu:.0f} ms"
            yield Row(f"{name}: filter key", "≤ 60 ms", told, "DataTable 2–12 s", slowest.median <= 60)
            yield Row(f"{name}: memory", "", f"{found.memory:.0f} MB", "DataTable 155 MB")


def _key(name: str, found: KeyFigures, most_ms: float, most_bytes: int, beside: str) -> Row:
    told = f"{found.median:.1f} ms, {found.size} B, cpu {found.cpu:.1f} ms"
    good = found.median <= most_ms and found.size <= most_bytes
    return Row(name, f"≤ {most_ms:g} ms, ≤ {most_bytes} B", told, beside, good)
