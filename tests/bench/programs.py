"""Programs that the bench runs in terminals and pipes of their own: `python -m tests.bench.programs NAME …`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ZONE_NAMES = "zone{:06d}.example.net"
LOG_LINE = "Nov 23 05:00:00 ns1 named[412]: client @0x7f 192.0.2.{0}#53 ({0}.example.com): status=refused {0} {1}"


def hello() -> None:
    """The least that Textual can be."""
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Hello(App[None]):
        def compose(self) -> ComposeResult:
            yield Static("Hello, world")

    Hello().run()


def modules(out: str, *words: str) -> None:
    """The console, which writes down what was imported when its first frame was sent."""
    from textual.app import App

    from console.__main__ import main

    plain = App._display

    def display(self: App[Any], *arguments: Any) -> None:
        plain(self, *arguments)
        if not Path(out).exists() and not self._batch_count:
            Path(out).write_text(json.dumps(sorted(sys.modules)))

    App._display = display  # type: ignore[assignment, method-assign]
    main(list(words))


def data_table(count: str) -> None:
    """Textual's own table, as it is usually filled."""
    from textual.app import App, ComposeResult
    from textual.widgets import DataTable

    class Table(App[None]):
        def compose(self) -> ComposeResult:
            yield DataTable(cursor_type="row")

        def on_mount(self) -> None:
            table = self.query_one(DataTable)
            table.add_columns("Queue id", "Age", "Size", "Recipient", "State", "Why")
            for n in range(int(count)):
                who = f"user{n}@example{n % 331}.org"
                table.add_row(f"0A{n:08x}", f"{n % 97}h", str(n * 37 % 100_000), who, "deferred", "timed out")

    Table().run()


def zones(count: str) -> None:
    """The console on a host with that many zones."""
    from console.change.journal import Journal
    from console.dns import desk, examine
    from console.dns.state import Snapshot, Zone, ZoneFile
    from console.hosts import connect_to
    from console.inventory import load
    from screens.app import OpsApp

    def zone(n: int) -> Zone:
        file = ZoneFile(f"/etc/bind/zones/db.{n}", 400 + n % 90, 1_764_000_000.0 + n, "0" * 64, "bind", 0o644)
        serial = 2026112300 + n % 50
        served = serial - (n % 1000 == 7)
        return Zone(ZONE_NAMES.format(n), "", "primary", file, serial, served, examined=True)

    made = tuple(map(zone, range(int(count))))
    snapshot = Snapshot("box", made, "/var/cache/bind", "BIND 9.18", True, (), None, {}, 0.0)
    # The host is left out: what is measured is the screen.
    desk.survey = lambda *_: replace(snapshot, taken=time.time())
    examine.examine = lambda _connection, seen, _today: seen  # type: ignore[assignment]
    OpsApp(load(), connect_to, Journal(), "local").run()


def log(rate: str) -> None:
    """The log view, fed through a pipe by another process with `rate` lines a second; 0: as fast as they are taken."""
    from screens.widgets.logview import LogView
    from tests.bench.widgets import MAX_WAITING, LogApp

    class PipedLog(LogApp):
        def produce(self, view: LogView) -> None:
            argv = [sys.executable, "-m", "tests.bench.programs", "produce", rate]
            with subprocess.Popen(argv, stdout=subprocess.PIPE) as producer:
                assert producer.stdout is not None
                pipe, rest = producer.stdout.fileno(), b""
                while data := os.read(pipe, 1 << 17):
                    self.started = self.started or time.monotonic()
                    whole, _, rest = (rest + data).rpartition(b"\n")
                    waiting = view.append(whole.decode("utf-8", "surrogateescape").split("\n"))
                    while waiting > MAX_WAITING:
                        time.sleep(0.01)
                        waiting = view.append(())

    PipedLog(int(rate)).run()


def produce(rate: str) -> None:
    """Lines of a log to stdout, in batches twenty times a second; rate 0: without a pause."""
    wanted, began, sent = int(rate), time.monotonic(), 0
    batch = max(1, wanted // 20) if wanted else 1000
    while True:
        os.write(1, "".join(LOG_LINE.format(n % 255, n) + "\n" for n in range(sent, sent + batch)).encode())
        sent += batch
        if wanted:
            time.sleep(max(0.0, began + sent / wanted - time.monotonic()))


def zone_lines(count: int) -> Iterator[str]:
    yield "$TTL 3600\n@ IN SOA ns1 hostmaster ( 2026112301 3600 600 86400 300 )\n"
    yield " NS ns1\n NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n; hosts\n"
    for n in range(count // 4):
        yield f"h{n}\tIN A 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n"
        yield f"h{n}\tIN AAAA 2001:db8::{n & 65535:x}:{n >> 16:x}\n"
        yield f'h{n}\t300 IN TXT "rack {n % 40}" ; placed\n'
        yield f"m{n}\tIN MX 10 h{n}\n"


def parse_zone(path: str, origin: str) -> None:
    """Parses and judges a zone file; says in JSON what each took, in seconds of processor."""
    from console.dns import lint, zonefile

    data = Path(path).read_bytes()
    began = time.process_time()
    text = zonefile.parse(data, origin)
    parsed = time.process_time()
    whole = b"".join(text.lines) == data
    told = time.process_time()
    findings = lint.lint(text, path, datetime.now(UTC).date())
    judged = time.process_time()
    said = {"parse": parsed - began, "lint": judged - told, "records": len(text.records), "lossless": whole}
    print(json.dumps(said | {"findings": len(findings)}))


PROGRAMS: dict[str, Callable[..., None]] = {
    "hello": hello,
    "modules": modules,
    "data_table": data_table,
    "zones": zones,
    "log": log,
    "produce": produce,
    "parse_zone": parse_zone,
}


def argv(name: str, *words: str) -> list[str]:
    """What starts one of them."""
    assert name in PROGRAMS
    return [sys.executable, "-m", "tests.bench.programs", name, *words]


if __name__ == "__main__":
    threading.current_thread().name = sys.argv[1]
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
