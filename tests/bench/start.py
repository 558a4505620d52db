"""Start and rest: first line, first frame, memory and imports against a bare Textual; bytes and processor when idle."""

from __future__ import annotations

import compileall
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import programs
from tests.bench.ptymeter import PtyMeter
from tests.bench.report import Row

ROOT = Path(__file__).parents[2]
SPLASH = b"opsconsole is opening"

HEAVY = {"paramiko", "cryptography", "dns", "keyring", "nacl", "bcrypt", "invoke", "pygments", "markdown_it", "http"}
"""Top-level modules that no first frame needs."""

ENTRY = """#!{python}
import sys
from console.__main__ import main
if __name__ == '__main__':
    sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Home:
    """A home of its own for the programs that are measured, and the command as pip installs it."""

    path: Path

    @property
    def env(self) -> dict[str, str]:
        places = {"CONFIG": ".config", "STATE": ".state", "DATA": ".data", "CACHE": ".cache"}
        own = {f"XDG_{name}_HOME": f"{self.path}/{place}" for name, place in places.items()}
        plain = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "", "TMPDIR": str(self.path)}
        return {"HOME": str(self.path), **plain, **own}

    @property
    def entry(self) -> str:
        return str(self.path / "opsconsole")


@contextmanager
def home() -> Iterator[Home]:
    """Everything of ours is byte-compiled first, as it is in an installed package."""
    for package in ("console", "screens", "styles"):
        compileall.compile_dir(str(ROOT / package), quiet=2)
    with tempfile.TemporaryDirectory(prefix="opsconsole-bench-") as place:
        made = Home(Path(place))
        Path(made.entry).write_text(ENTRY.format(python=sys.executable))
        Path(made.entry).chmod(0o755)
        yield made


@dataclass(frozen=True, slots=True)
class Start:
    """One start, in seconds from exec and megabytes."""

    line: float
    """Until the first byte."""
    frame: float
    cpu: float
    memory: float


def start(argv: list[str], sign: bytes, env: dict[str, str]) -> Start:
    """Runs until `sign` is on its way to the terminal."""
    with PtyMeter(argv, env=env, cwd=str(ROOT)) as terminal:
        while not terminal._receive(0.05):
            assert terminal.process.poll() is None
        line = terminal.read_at - terminal.began
        return Start(line, terminal.first(sign), terminal.cpu(), terminal.memory())


def starts(where: Home, rounds: int) -> dict[str, list[Start]]:
    """Every program once a round, one after the other, so that all see the same weather."""
    cases = {
        "python": ([sys.executable, "-c", "import os, time; os.write(1, b'x'); time.sleep(9)"], b"x"),
        "hello": (programs.argv("hello"), b"Hello, world"),
        "module": ([sys.executable, "-m", "console", "sandbox"], b"Name servers"),
        "sandbox": ([where.entry, "sandbox"], b"Name servers"),
        "hosts": ([where.entry], b"Reached by"),
    }
    return _rounds(cases, where, rounds)


def _rounds(cases: dict[str, tuple[list[str], bytes]], where: Home, rounds: int) -> dict[str, list[Start]]:
    for argv, sign in cases.values():
        start(argv, sign, where.env)
    found: dict[str, list[Start]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (argv, sign) in cases.items():
            found[name].append(start(argv, sign, where.env))
    return found


def imported(where: Home, *words: str) -> set[str]:
    """Names of the modules that are loaded when the first frame goes out."""
    with tempfile.TemporaryDirectory(prefix="opsconsole-bench-") as place:
        out = Path(place) / "modules"
        argv = programs.argv("modules", str(out), *words)
        with PtyMeter(argv, env=where.env, cwd=str(ROOT)) as terminal:
            while not out.exists() or not out.read_text():
                assert terminal.process.poll() is None, terminal.raw
                terminal._receive(0.02)
            return set(json.loads(out.read_text()))


def heavy(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names} & HEAVY


def measure(where: Home, rounds: int) -> Iterator[Row]:
    found = starts(where, rounds)
    bare = found["hello"]
    anchor_of = f"bare Textual {_ms(s.frame for s in bare)}, cpu {_ms(s.cpu for s in bare)}"
    for name, title in (("hosts", "opsconsole"), ("sandbox", "opsconsole sandbox"), ("module", "-m console sandbox")):
        wall = statistics.median(ours.frame / hello.frame for ours, hello in zip(found[name], bare, strict=True))
        cpu = statistics.median(ours.cpu / hello.cpu for ours, hello in zip(found[name], bare, strict=True))
        told = f"cpu {cpu:.2f} ×, clock {wall:.2f} × ({_ms(s.frame for s in found[name])})"
        yield Row(f"first frame, `{title}`", "≤ 1.3 × hello (cpu)", told, anchor_of, cpu <= 1.3)
    for name, title in (("sandbox", "opsconsole sandbox"), ("module", "-m console sandbox")):
        median = statistics.median(each.line for each in found[name])
        anchor_of = f"python -c {_ms(s.line for s in found['python'])}"
        least = min(each.line for each in found[name])
        told = f"{_ms(s.line for s in found[name])} (least {least * 1000:.0f})"
        yield Row(f"first line, `{title}`", "≤ 15 ms", told, anchor_of, median <= 0.015)
    memory = statistics.median(each.memory for each in found["sandbox"])
    least = statistics.median(each.memory for each in bare)
    yield Row("memory at the first frame", "≤ 45 MB", f"{memory:.0f} MB", f"bare Textual {least:.0f} MB", memory <= 45)
    ours = imported(where, "sandbox")
    extra = ", ".join(sorted(heavy(ours))) or "none"
    yield Row("heavy modules at the first frame", "none", f"{extra} of {len(ours)}", "", not heavy(ours))


def _ms(values: Iterator[float]) -> str:
    return f"{statistics.median(values) * 1000:.0f} ms"


def idle(terminal: PtyMeter, seconds: float) -> tuple[int, float]:
    """Bytes written and share of one processor, while nobody does anything."""
    terminal.drain(1.5)
    size, before = len(terminal.raw), terminal.cpu()
    terminal.drain(seconds, seconds)
    return len(terminal.raw) - size, (terminal.cpu() - before) / seconds


def measure_idle(where: Home, seconds: float) -> Iterator[Row]:
    with PtyMeter([where.entry, "sandbox"], env=where.env, cwd=str(ROOT)) as terminal:
        for place, sign, key in (("zone list", "as of", "enter"), ("zone editor", "named-checkzone and our rules", "")):
            terminal.wait_for(sign)
            size, share = idle(terminal, seconds)
            told = f"{size} B, {share:.2%}"
            good = size == 0 and share <= 0.003
            yield Row(f"idle {seconds:.0f} s, {place}", "0 B, ≤ 0.3 % cpu", told, "isd 115 kB, 2.4 %", good)
            if key:
                terminal.send(key)
