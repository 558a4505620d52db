"""The command line, verb by verb, on the make-believe host: words, JSON, exit statuses, and what it never prints."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.__main__ import main
from console.dns import check
from console.sandbox.files import build

ROOT = Path(__file__).resolve().parents[2]
SERIAL = 2026110201
HOSTILE = b"; \x1b]52;c;ZXZpbA==\x07 \x1b[31m \xc2\x9b31m \xe2\x80\xae [/red] [@click=x] \x00\xff\n"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sandbox that lasts for the test, its secondary a tenth of a second late."""
    monkeypatch.setenv("OPSCONSOLE_SANDBOX", str(tmp_path / "box"))
    monkeypatch.setenv("OPSCONSOLE_SANDBOX_LAG", "0.1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    build(tmp_path / "box")
    return tmp_path / "box"


@pytest.fixture
def run(box: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process; exit status, stdout, stderr. Never asks."""

    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(list(words))
        except SystemExit as end:
            status = int(end.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def zone_file(box: Path, zone: str = "example.net") -> Path:
    return box / f"etc/bind/zones/db.{zone}"


def edited(box: Path, tmp_path: Path, old: str, new: str, zone: str = "example.net") -> str:
    text = zone_file(box, zone).read_text()
    assert old in text
    (tmp_path / "new").write_text(text.replace(old, new))
    return str(tmp_path / "new")


def served(box: Path, zone: str = "example.net") -> int:
    newest = max((box / f"state/zones/{zone}/loads").iterdir())
    return int(newest.read_text().split()[6])


def on_a_terminal(words: list[str], answers: bytes = b"", **environment: str) -> tuple[int, bytes]:
    """Runs the command on a terminal of its own; types `answers` once `[yes/no]` is there."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "console", *words], {**os.environ, **environment})
    said = b""
    while chunk := heard(terminal):
        said += chunk
        if answers and b"[yes/no]" in said:
            os.write(terminal, answers)
            answers = b""
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def heard(terminal: int) -> bytes:
    """What comes next on a terminal; empty once its process has gone."""
    ready, _, _ = select.select([terminal], [], [], 60)
    assert ready
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: Linux's way to say that the other end is closed
        return b""


def in_a_process(*words: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "console", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,
    )


# --- words and usage


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["zone", "--help"], ["zone", "put", "--help"], ["undo", "--help"]]
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\nfrom console.__main__ import main\n"
        f"try: main({words!r})\nexcept SystemExit as end: assert not end.code, end.code\n"
        "print(sorted({'textual', 'paramiko', 'dns', 'keyring', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert "opsconsole" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["zone"],
        ["zone", "frobnicate"],
        ["zone", "list"],
        ["zone", "put", "sandbox", "example.net"],
        ["zone", "list", "sandbox", "--timeout", "soon"],
        ["zone", "list", "sandbox", "--timeout", "-1"],
        ["zone", "list", "sandbox", "--yes"],
        ["undo"],
        ["--frobnicate"],
        ["sandbox", "local"],
        ["zone", "list", "-oProxyCommand=x"],
    ],
)
def test_wrong_usage_is_64(run: Run, words: list[str]) -> None:
    status, out, err = run(*words)
    assert (status, out) == (64, "")
    assert err


def test_the_screen_needs_a_terminal(box: Path) -> None:
    process = in_a_process("sandbox")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 64
    assert b"needs a terminal" in err


def test_first_line_comes_before_textual_is_imported(box: Path) -> None:
    program = (
        "import sys, types\n"
        "class Late:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.startswith(('textual', 'screens', 'argparse')):\n"
        "            print('IMPORTS', name, flush=True)\n            sys.exit(7)\n"
        "sys.meta_path.insert(0, Late())\n"
        "from console.__main__ import main\nmain(['sandbox'])\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-c", program])
    said = b""
    while chunk := heard(terminal):
        said += chunk
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    first, second = said.decode().splitlines()[:2]
    assert first.startswith("opsconsole is opening")
    assert second.startswith("IMPORTS screens")


def test_hosts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config/opsconsole").mkdir(parents=True)
    file = tmp_path / "config/opsconsole/hosts.toml"
    file.write_text('[hosts.ns1]\nhostname = "192.0.2.1"\nlabel = "production"\nport = 2222\n')
    status, out, _ = run("hosts")
    assert status == 0
    assert "ns1      ssh 192.0.2.1 port 2222  production" in out
    assert str(file) in out
    status, out, _ = run("hosts", "--json")
    answer = json.loads(out)
    assert answer["schema"] == "opsconsole.hosts/1"
    assert [host["name"] for host in answer["hosts"]] == ["ns1", "local", "sandbox"]


def test_a_mistake_in_the_inventory_names_its_place(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config/opsconsole").mkdir(parents=True)
    (tmp_path / "config/opsconsole/hosts.toml").write_text("[hosts.ns1]\nprot = 22\n")
    status, out, err = run("hosts")
    assert (status, out) == (64, "")
    assert "hosts.toml: hosts.ns1.prot: is not a setting" in err
    status, out, _ = run("hosts", "--json")
    answer = json.loads(out)
    assert (answer["schema"], answer["status"]) == ("opsconsole.error/1", 64)


def test_a_host_that_cannot_be_reached_is_3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config/opsconsole").mkdir(parents=True)
    (tmp_path / "config/opsconsole/hosts.toml").write_text('[hosts.gone]\nhostname = "127.0.0.1"\nport = 1\n')
    status, out, err = run("zone", "list", "gone", "--no-input")
    assert (status, out) == (3, "")
    assert "opsconsole: " in err


# --- looking


def test_zone_list(run: Run) -> None:
    status, out, err = run("zone", "list", "sandbox")
    assert (status, err) == (2, ""), "shop.example has errors, and the list says so"
    lines = out.splitlines()
    assert "✖ 2 errors" in next(line for line in lines if line.startswith("shop.example"))
    assert "✔ ok" in lines[1]
    assert lines[0].split() == ["ZONE", "TYPE", "ON", "DISK", "SERVED", "STATE"]
    assert lines[1].split()[:4] == ["example.net", "primary", str(SERIAL), str(SERIAL)]
    assert lines[5].split()[:2] == ["partner.example", "secondary"]


def test_zone_list_json(run: Run) -> None:
    status, out, _ = run("zone", "list", "sandbox", "--json")
    assert status == 2
    answer = json.loads(out)
    assert answer["schema"] == "opsconsole.zone.list/1"
    assert (answer["host"], answer["address"]) == ("sandbox", "make-believe host")
    zones = {zone["name"]: zone for zone in answer["zones"]}
    assert zones["example.net"]["serial_served"] == SERIAL
    assert zones["example.net"]["editable"] is True
    assert zones["partner.example"]["editable"] is False
    assert {finding["subject"] for finding in answer["findings"]} == {"shop.example"}
    assert zones["example.net"]["findings"] == []


def test_zone_list_tells_what_is_not_served_yet(run: Run, box: Path) -> None:
    text = zone_file(box).read_text()
    zone_file(box).write_text(text.replace(str(SERIAL), str(SERIAL + 1)))
    status, out, _ = run("zone", "list", "sandbox")
    assert status == 2
    assert "edited but is not served yet" in out
    findings = json.loads(run("zone", "list", "sandbox", "--json")[1])["findings"]
    own = [finding for finding in findings if finding["subject"] == "example.net"]
    assert [(finding["id"], finding["severity"]) for finding in own] == [("S001", "warning")]


def test_zone_show_gives_exact_bytes_to_a_pipe(run: Run, box: Path) -> None:
    with zone_file(box).open("ab") as file:
        file.write(HOSTILE)
    process = in_a_process("zone", "show", "sandbox", "example.net")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert out == zone_file(box).read_bytes()


def test_zone_show_json_and_canonical(run: Run, box: Path) -> None:
    answer = json.loads(run("zone", "show", "sandbox", "EXAMPLE.net.", "--json")[1])
    assert answer["schema"] == "opsconsole.zone.show/1"
    assert answer["text"] == zone_file(box).read_text()
    assert len(answer["sha256"]) == 64
    answer = json.loads(run("zone", "show", "sandbox", "example.org", "--canonical", "--json")[1])
    assert "desk4.example.org. 86400 IN A 198.51.100.14\n" in answer["text"]
    assert answer["text"].startswith("example.org. ")


def test_zone_check(run: Run, box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("zone", "check", "sandbox", "example.org")[:2] == (0, "✔ example.org: nothing is wrong.\n")
    status, out, _ = run("zone", "check", "sandbox", "shop.example")
    assert status == 2
    assert "✖ error Z007" in out
    assert "db.shop.example:7" in out
    broken = edited(box, tmp_path, "192.0.2.25", "192.0.2.256")
    status, out, _ = run("zone", "check", "sandbox", "example.net", "--file", broken)
    assert status == 2
    assert "✖ named-checkzone, in strict mode, refuses example.net." in out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(broken).read_bytes())))
    status, out, _ = run("zone", "check", "sandbox", "example.net", "--file", "-", "--json")
    answer = json.loads(out)
    assert (status, answer["schema"], answer["loadable"]) == (2, "opsconsole.zone.check/1", False)
    assert any("bad dotted quad" in finding["why"] for finding in answer["findings"])


def test_zone_check_by_our_rules_alone_is_3(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "check", lambda *_words: check.Checked((), loadable=True, ran=False))
    status, out, _ = run("zone", "check", "sandbox", "example.org")
    assert (status, out) == (3, "? example.org: named-checkzone did not judge it.\n")


def test_a_finding_without_a_file_names_its_zone(run: Run, box: Path) -> None:
    run("zone", "list", "sandbox")
    (box / "state/zones/home.example/frozen").write_text("")
    _, out, _ = run("zone", "list", "sandbox")
    assert "▲ warning S004  home.example: rndc zonestatus\n" in out


def test_zone_check_warns_with_1(run: Run, box: Path, tmp_path: Path) -> None:
    once = "mail	IN	A	192.0.2.25"
    run("zone", "list", "sandbox")  # lays the sandbox out
    mixed = edited(box, tmp_path, once, f"{once}\nmail	60	IN	A	192.0.2.26")
    status, out, _ = run("zone", "check", "sandbox", "example.net", "--file", mixed)
    assert status == 1
    assert "▲ warning Z019" in out


def test_zone_watch(run: Run) -> None:
    status, out, _ = run("zone", "watch", "sandbox", "example.net", "--timeout", "0.5")
    assert status == 0
    assert "zone transfer 'example.net/AXFR/IN' denied" in out
    assert "example.org" not in out
    status, out, _ = run("zone", "watch", "sandbox", "--timeout", "0.5", "--json", "--last", "30")
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["schema"] for line in lines} == {"opsconsole.zone.watch/1"}
    (denied,) = [line for line in lines if line["kind"] == "transfer denied"]
    assert (denied["peer"], denied["zone"]) == ("203.0.113.66", "example.net")


@pytest.mark.parametrize("verb", ["show", "check", "bump"])
def test_a_zone_that_is_not_there(run: Run, verb: str) -> None:
    extra = ["--yes"] if verb == "bump" else []
    status, out, err = run("zone", verb, "sandbox", "nosuch.example", *extra)
    assert (status, out) == (1, "")
    assert "sandbox has no zone nosuch.example." in err


# --- changing


def test_dry_run_shows_the_plan_and_changes_nothing(run: Run, box: Path, tmp_path: Path) -> None:
    new = edited(box, tmp_path, "192.0.2.80", "192.0.2.90")
    before = zone_file(box).read_bytes()
    status, out, _ = run("zone", "put", "sandbox", "example.net", "--file", new, "--dry-run")
    assert status == 0
    assert "-www\t" not in out
    assert "   +www     300     IN      A       192.0.2.90 " in out
    assert "rndc reload example.net" in out
    answer = json.loads(run("zone", "put", "sandbox", "example.net", "--file", new, "--dry-run", "--json")[1])
    assert (answer["schema"], answer["dry_run"]) == ("opsconsole.zone.put/1", True)
    assert len(answer["plan"]) == 64
    assert zone_file(box).read_bytes() == before
    assert json.loads(run("journal", "--json")[1])["transactions"] == []


def test_a_change_that_nobody_agreed_to(run: Run, box: Path, tmp_path: Path) -> None:
    new = edited(box, tmp_path, "192.0.2.80", "192.0.2.90")
    for words in (["put", "sandbox", "example.net", "--file", new], ["bump", "sandbox", "example.net"]):
        status, out, err = run("zone", *words, "--no-input")
        assert (status, out) == (64, "")
        assert "Say --yes" in err
    assert served(box) == SERIAL


def test_put_is_served_followed_journaled_and_undone(run: Run, box: Path, tmp_path: Path) -> None:
    original = zone_file(box).read_text()
    new = edited(box, tmp_path, "192.0.2.80", "192.0.2.90")
    status, out, _ = run("zone", "put", "sandbox", "example.net", "--file", new, "--yes")
    assert status == 0, out
    assert "✔ applied: every step was done and seen" in out
    assert "ns2.example.net 192.0.2.53: followed." in out
    number = served(box)
    assert number > SERIAL
    assert zone_file(box).read_text() == Path(new).read_text().replace(str(SERIAL), str(number))

    status, out, _ = run("journal", "--verify")
    assert status == 0
    assert "✔ every record and content is as it was written" in out
    (entry,) = json.loads(run("journal", "--json")[1])["transactions"]
    assert (entry["state"], entry["host"], entry["object"]) == ("applied", "sandbox", "example.net")

    status, out, err = run("undo", entry["transaction"], "--yes", "--json")
    assert status == 0, err
    answer = json.loads(out)
    assert (answer["schema"], answer["state"]) == ("opsconsole.undo/1", "applied")
    assert {server["name"]: server["state"] for server in answer["servers"]} == {
        "ns1.example.net": "followed",
        "ns2.example.net": "followed",
    }
    assert served(box) > number
    assert zone_file(box).read_text() == original.replace(str(SERIAL), str(served(box)))

    status, out, err = run("undo", entry["transaction"], "--yes")
    assert status == 1
    assert "was changed since" in err


def test_put_of_the_same_text_does_nothing(run: Run, box: Path, tmp_path: Path) -> None:
    status, out, _ = run("zone", "put", "sandbox", "example.net", "--file", str(zone_file(box)), "--yes")
    assert status == 0
    assert "Nothing was changed" in out


def test_put_of_a_broken_zone_is_refused_before_anything_is_written(run: Run, box: Path, tmp_path: Path) -> None:
    before = zone_file(box).read_bytes()
    new = edited(box, tmp_path, "192.0.2.80", "192.0.2.800")
    status, out, err = run("zone", "put", "sandbox", "example.net", "--file", new, "--yes", "--json")
    assert status == 2
    assert json.loads(out)["state"] == "refused"
    assert "nothing was written" in err
    assert zone_file(box).read_bytes() == before
    assert json.loads(run("journal", "--json")[1])["transactions"] == []


def test_a_broken_zone_that_is_forced_is_rolled_back(
    run: Run, box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = zone_file(box).read_bytes()
    new = edited(box, tmp_path, "192.0.2.80", "192.0.2.800")
    status, out, _ = run("zone", "put", "sandbox", "example.net", "--file", new, "--yes", "--force")
    assert status == 1, out
    assert "▲ rolled back: " in out
    assert "log  dns_rdata_fromtext: " in out
    assert "near '192.0.2.800': bad dotted quad" in out
    assert zone_file(box).read_bytes() == before
    assert served(box) == SERIAL


def test_put_against_another_base_is_a_conflict(run: Run, box: Path, tmp_path: Path) -> None:
    base = json.loads(run("zone", "show", "sandbox", "example.net", "--json")[1])["sha256"]
    new = edited(box, tmp_path, "192.0.2.80", "192.0.2.90")
    with zone_file(box).open("a") as file:
        file.write("; another admin was here\n")
    status, _, err = run("zone", "put", "sandbox", "example.net", "--file", new, "--base", base, "--yes")
    assert status == 1
    assert "is not what --base names" in err
    assert "another admin" in zone_file(box).read_text()


def test_a_serial_that_is_not_newer_is_refused(run: Run, box: Path, tmp_path: Path) -> None:
    new = edited(box, tmp_path, str(SERIAL), str(SERIAL - 1))
    status, _, err = run("zone", "put", "sandbox", "example.net", "--file", new, "--yes")
    assert status == 1
    assert str(SERIAL - 1) in err


def test_a_secondary_zone_cannot_be_changed(run: Run) -> None:
    status, _, err = run("zone", "bump", "sandbox", "partner.example", "--yes")
    assert status == 1
    assert "partner.example" in err


def test_bump_of_a_dynamic_zone(run: Run, box: Path) -> None:
    status, out, _ = run("zone", "bump", "sandbox", "home.example", "--yes", "--json")
    assert status == 0
    answer = json.loads(out)
    assert (answer["schema"], answer["state"]) == ("opsconsole.zone.bump/1", "applied")
    assert int(answer["facts"]["new_serial"]) == served(box, "home.example")
    assert not (box / "state/zones/home.example/frozen").exists()


def test_undo_of_a_bump_is_done_already_and_says_so(run: Run) -> None:
    status, out, _ = run("zone", "bump", "sandbox", "example.org", "--yes", "--json")
    assert status == 0
    status, out, _ = run("undo", json.loads(out)["transaction"], "--yes", "--json")
    answer = json.loads(out)
    assert (status, answer["schema"], answer["state"]) == (0, "opsconsole.undo/1", "already so")


def test_a_name_server_that_does_not_follow_in_time_is_1(run: Run, box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSCONSOLE_SANDBOX_LAG", "60")
    status, out, _ = run("zone", "bump", "sandbox", "example.net", "--yes", "--timeout", "0.5", "--json")
    assert status == 1
    states = {server["name"]: server for server in json.loads(out)["servers"]}
    assert states["ns1.example.net"]["state"] == "followed"
    assert states["ns2.example.net"]["state"] != "followed"
    assert states["ns2.example.net"]["why"]


def test_a_tampered_journal_is_2(run: Run, tmp_path: Path) -> None:
    run("zone", "bump", "sandbox", "example.org", "--yes")
    (file,) = (tmp_path / "state/opsconsole/journal").glob("*.jsonl")
    file.write_text(file.read_text().replace('"example.org"', '"example.com"', 1))
    status, out, _ = run("journal", "--verify")
    assert status == 2
    assert "✖ " in out


def test_undo_of_what_is_not_there(run: Run) -> None:
    status, _, err = run("undo", "20200101T000000Z-00000000", "--yes")
    assert status == 1
    assert "has no transaction" in err


# --- the terminal


def test_asks_on_the_terminal_and_takes_no_for_an_answer(run: Run, box: Path) -> None:
    status, said = on_a_terminal(["zone", "bump", "sandbox", "example.net"], b"n\n")
    assert status == 1
    assert b"Nothing was changed." in said
    assert served(box) == SERIAL


def test_asks_on_the_terminal_and_takes_yes(run: Run, box: Path) -> None:
    status, said = on_a_terminal(["zone", "bump", "sandbox", "example.net"], b"yes\n", NO_COLOR="1")
    assert status == 0, said
    assert b"\x1b" not in said
    assert served(box) > SERIAL


def test_hostile_text_reaches_no_terminal(run: Run, box: Path, tmp_path: Path) -> None:
    zone_file(box).write_bytes(zone_file(box).read_bytes() + HOSTILE)
    with (box / "var/log/named/named.log").open("ab") as log:
        log.write(b"23-Nov-2026 general: info: zone example.net/IN: " + HOSTILE)
    (tmp_path / "new").write_bytes(zone_file(box).read_bytes() + b"; more \x1b[2J\xe2\x80\xae\n")
    for words in (
        ["zone", "show", "sandbox", "example.net"],
        ["zone", "put", "sandbox", "example.net", "--file", str(tmp_path / "new"), "--dry-run"],
        ["zone", "check", "sandbox", "example.net", "--file", str(tmp_path / "new")],
        ["zone", "watch", "sandbox", "--timeout", "0.5"],
        ["zone", "show", "sandbox", "nosuch\x1b[31m\u202e"],
    ):
        _, said = on_a_terminal(words, NO_COLOR="1")
        text = said.decode("utf-8")
        assert text
        bad = {char for char in text if char not in "\r\n" and not char.isprintable()}
        assert not bad, (words, bad)


def test_colour_is_for_terminals_that_want_it(run: Run) -> None:
    assert b"\x1b[1mZONE" in on_a_terminal(["zone", "list", "sandbox"], TERM="xterm", NO_COLOR="")[1]
    assert b"\x1b" not in on_a_terminal(["zone", "list", "sandbox"], TERM="dumb")[1]


def test_prompter_reads_the_terminal_without_echo(tmp_path: Path) -> None:
    program = (
        "from console.cli.prompter import TtyPrompter\nfrom console.remote.prompter import Ask, Question\n"
        "answer = TtyPrompter().ask(Question(Ask.PASSWORD, 'ns1', 'admin', 'Password:\\x1b[2J [yes/no]'))\n"
        "print(answer, len(answer.reveal()), answer.reveal() == b'hunter2')\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        with open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), 0)
        os.execv(sys.executable, [sys.executable, "-c", program])
    said = b""
    while b"[yes/no]" not in said:
        said += os.read(terminal, 4096)
    os.write(terminal, b"hunter2\n")
    while chunk := heard(terminal):
        said += chunk
    os.waitpid(pid, 0)
    assert "[admin@ns1] Password:␛[2J" in said.decode()
    assert b"hunter2" not in said
    assert b"Secret(***) 7 True" in said


def test_a_reader_who_has_enough(run: Run) -> None:
    process = in_a_process("zone", "show", "sandbox", "example.net")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    assert process.wait(60) == 1


# --- signals


def start_slow_bump(box: Path) -> subprocess.Popen[bytes]:
    """A bump whose check takes two seconds; returns once it runs on the host."""
    tool = box / "bin/named-checkzone"
    tool.write_text(tool.read_text().replace("tool=${0##*/}\n", f"tool=${{0##*/}}\n: >{box}/begun; sleep 2\n"))
    process = in_a_process("zone", "bump", "sandbox", "example.net", "--yes")
    end = time.monotonic() + 30
    while not (box / "begun").exists():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_for_the_outcome_and_it_is_journaled(run: Run, box: Path, number: signal.Signals) -> None:
    process = start_slow_bump(box)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert f"Ended by {number.name}".encode() in err
    (entry,) = json.loads(run("journal", "--json")[1])["transactions"]
    assert entry["state"] == "applied"
    assert entry["transaction"].encode() in err
    assert served(box) > SERIAL


def test_a_second_interrupt_leaves_and_says_where_the_truth_is(run: Run, box: Path) -> None:
    process = start_slow_bump(box)
    assert process.stderr is not None
    os.kill(process.pid, signal.SIGINT)
    first = process.stderr.readline() + process.stderr.readline()
    assert b"not stopped halfway" in first
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    (entry,) = json.loads(run("journal", "--json")[1])["transactions"]
    assert entry["state"] in (None, "unknown")
    assert entry["transaction"].encode() in err
    assert b"opsconsole journal --ask" in err
    deadline = time.monotonic() + 30
    while run("journal", "--ask")[0] == 3:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (entry,) = json.loads(run("journal", "--json")[1])["transactions"]
    assert entry["state"] == "applied"
    assert served(box) > SERIAL


def test_an_interrupt_while_watching_ends_the_watching_only(
    run: Run, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSCONSOLE_SANDBOX_LAG", "60")
    process = in_a_process("zone", "bump", "sandbox", "example.net", "--yes")
    assert process.stdout is not None
    for line in process.stdout:
        if b"still serves" in line:
            os.kill(process.pid, signal.SIGINT)
            break
    out, err = process.communicate(timeout=25)
    assert process.returncode == 1
    assert b"No longer watching; the change itself is done." in err
    assert b"ns2.example.net 192.0.2.53: " in out
    (entry,) = json.loads(run("journal", "--json")[1])["transactions"]
    assert entry["state"] == "applied"
