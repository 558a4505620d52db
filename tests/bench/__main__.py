"""`make bench`: the speed budgets of the design, measured here and now beside what they are compared with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench import lists, report, start, texts, wire
from tests.bench.report import Row

TOP = Path(__file__).parents[2]


def measure(*, quick: bool) -> Iterator[Row]:
    with start.home() as where:
        yield from start.measure(where, 3 if quick else 9)
        yield from start.measure_idle(where, 3 if quick else 10)
        yield from lists.measure(where, quick=quick)
        yield from texts.measure(where, quick=quick)
    yield from wire.measure(2 if quick else 6)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: less than a minute, rougher figures")
    parser.add_argument("--write", action="store_true", help="put the figures into README.md and docs/bench.md")
    wanted = parser.parse_args()
    told = report.conditions()
    rows = []
    for row in measure(quick=wanted.quick):
        rows.append(row)
        sys.stderr.write(f"{row.verdict} {row.what}: {row.measured}\n")
    print(f"{report.table(rows)}\n\n{told}; load at the end {report.conditions().rpartition('load ')[2]}")
    if wanted.write:
        report.write(TOP / "README.md", report.headlines(rows, told))
        report.write(TOP / "docs" / "bench.md", report.markdown(rows, told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
