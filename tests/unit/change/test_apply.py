"""Plans carried out on this machine, in scratch directories: what must come of each kind of trouble."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import time
from pathlib import Path

import pytest

from console.change.apply import Mode
from console.change.outcome import State
from console.change.plan import Probe
from console.change.wire import script
from tests.unit.change.kit import Bench, edit, run, tool_path

OLD, NEW = b"old text\n", b"new text\n"


def holds(path: Path, text: str, within: float = 0) -> Probe:
    return Probe(f"{path.name} holds {text}", 'grep -q -- "$2" "$1"', (str(path), text), within)


def never(within: float = 0) -> Probe:
    return Probe("pigs fly", "echo no pigs; exit 1", (), within)


def test_applied_with_every_step_told(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    check = ("grep", "-c", "new", "{temp}")
    outcome = bench.apply(
        bench.plan(edit(path, OLD, NEW, check=check), run("cat", str(path), verify=holds(path, "new")))
    )
    assert (outcome.state, outcome.good) == (State.APPLIED, True), outcome
    assert path.read_bytes() == NEW
    phases = [(event.step, event.phase) for event in outcome.events]
    assert phases == [
        *((0, "check"), (0, "start"), (0, "write"), (0, "done")),
        *((1, "start"), (1, "run"), (1, "verify"), (1, "done")),
    ]
    assert bench.events == list(outcome.events)
    assert [event.output for event in outcome.events if event.phase == "check"] == [b"1\n"]
    assert bench.leftovers() == []
    assert bench.locks_free()
    original = Path(bench.places.backups, outcome.transaction, "0")
    assert original.read_bytes() == OLD
    assert stat.S_IMODE(original.parent.stat().st_mode) == 0o700


def test_observing_refuses_whatever_the_caller_thinks(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW)), mode=Mode.OBSERVE)
    assert outcome.state is State.REFUSED
    assert path.read_bytes() == OLD
    assert bench.journal.entries() == []
    assert not Path(bench.places.state).exists()


def test_only_the_plan_that_was_shown(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    plan = bench.plan(edit(path, OLD, NEW))
    other = bench.plan(edit(path, OLD, b"another\n"))
    assert bench.apply(other, shown=plan.digest()).state is State.REFUSED
    assert path.read_bytes() == OLD
    assert bench.apply(plan, shown=plan.digest()).state is State.APPLIED


def test_only_on_the_host_it_was_made_for(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW)), connection=bench.connect("another"))
    assert (outcome.state, outcome.reason) == (State.REFUSED, "the plan was made for bench, and this is another")
    assert path.read_bytes() == OLD


def test_a_planted_leftover_is_not_followed(bench: Bench) -> None:
    path, secret = bench.file("zone", OLD), bench.root / "secret"
    secret.write_bytes(b"secret")
    dead = "20200101T000000Z-00000001"
    Path(bench.places.state, "transactions", dead).mkdir(parents=True)
    (bench.files / f".opsc-{dead}-0.bak").symlink_to(secret)
    os.mkfifo(bench.files / f".opsc-{dead}-1.bak")
    assert bench.apply(bench.plan(edit(path, OLD, NEW))).state is State.APPLIED
    assert bench.leftovers() == []
    assert secret.read_bytes() == b"secret"
    assert not Path(bench.places.backups, dead).exists()


def test_a_file_that_changed_is_a_conflict_with_its_content(bench: Bench) -> None:
    path = bench.file("zone", b"theirs\n")
    outcome = bench.apply(bench.plan(run("touch", str(bench.root / "ran")), edit(path, OLD, NEW)))
    assert outcome.state is State.CONFLICT
    assert outcome.host_content == b"theirs\n"
    assert path.read_bytes() == b"theirs\n"
    assert not (bench.root / "ran").exists(), "files are looked at before any command runs"


def test_a_file_that_went_or_came_is_a_conflict(bench: Bench) -> None:
    gone = bench.apply(bench.plan(edit(bench.files / "gone", OLD, NEW)))
    assert (gone.state, gone.host_content) == (State.CONFLICT, None)
    there = bench.file("there", OLD)
    came = bench.apply(bench.plan(edit(there, None, NEW)))
    assert (came.state, came.host_content) == (State.CONFLICT, OLD)
    assert there.read_bytes() == OLD


def test_a_file_that_comes_at_the_last_moment_is_a_conflict(bench: Bench) -> None:
    foreign = 'PATH=${PATH#*:}; for last; do :; done; [ "$last" != ./made ] || echo foreign >./made; exec ln "$@"'
    bench.tool("ln", foreign)
    one, made = bench.file("one", OLD), bench.files / "made"
    outcome = bench.apply(bench.plan(edit(one, OLD, NEW), edit(made, None, NEW)))
    assert (outcome.state, outcome.host_content) == (State.CONFLICT, b"foreign\n"), outcome
    assert (one.read_bytes(), made.read_bytes(), bench.leftovers()) == (OLD, b"foreign\n", [])


def test_content_that_is_there_already_still_runs_commands(bench: Bench) -> None:
    path = bench.file("zone", NEW)
    ran = bench.root / "ran"
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW), run("touch", str(ran), verify=holds(path, "new"))))
    assert outcome.state is State.ALREADY
    assert ran.exists()


def test_one_transaction_runs_once(bench: Bench) -> None:
    path, log = bench.file("zone", OLD), bench.root / "log"
    plan = bench.plan(edit(path, OLD, NEW), run("sh", "-c", 'echo x >>"$0"', str(log)))
    first = bench.apply(plan)
    path.write_bytes(OLD)
    second = bench.apply(plan, first.transaction)
    assert (second.state, second.reason, second.events) == (first.state, first.reason, first.events)
    assert (path.read_bytes(), log.read_text()) == (OLD, "x\n")
    again = bench.reconcile(first.transaction)
    assert again is not None
    assert (again.state, again.events) == (first.state, first.events)


def test_a_transaction_belongs_to_one_plan(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    first = bench.apply(bench.plan(edit(path, OLD, NEW)))
    other = bench.apply(bench.plan(edit(path, NEW, b"third\n")), first.transaction)
    assert other.state is State.REFUSED
    assert path.read_bytes() == NEW


def test_what_never_began_cannot_begin_after_it_was_asked_for(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    name = "20261123T051500Z-1f2e3d4c"
    asked = bench.reconcile(name)
    assert asked is not None
    assert asked.state is State.REFUSED
    late = bench.apply(bench.plan(edit(path, OLD, NEW)), name)
    assert late.state is State.REFUSED
    assert path.read_bytes() == OLD


def test_new_file_and_removal(bench: Bench) -> None:
    made, gone = bench.files / "made", bench.file("gone", OLD)
    outcome = bench.apply(bench.plan(edit(made, None, NEW, mode=0o640), edit(gone, OLD, None)))
    assert outcome.state is State.APPLIED
    assert (made.read_bytes(), stat.S_IMODE(made.stat().st_mode)) == (NEW, 0o640)
    assert not gone.exists()
    assert made.stat().st_nlink == 1
    assert bench.leftovers() == []


def test_new_file_and_removal_are_taken_back(bench: Bench) -> None:
    made, gone = bench.files / "made", bench.file("gone", OLD, 0o640)
    os.chown(gone, 12345, 23456)
    steps = (edit(made, None, NEW), edit(gone, OLD, None), run("false"))
    outcome = bench.apply(bench.plan(*steps))
    assert outcome.state is State.ROLLED_BACK, outcome
    assert not made.exists()
    found = gone.stat()
    assert (gone.read_bytes(), stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (OLD, 0o640, 12345, 23456)
    assert bench.leftovers() == []


def test_owner_mode_and_attributes_stay(bench: Bench) -> None:
    path = bench.file("zone", OLD, 0o2640)
    os.chown(path, 12345, 23456)
    path.chmod(0o2640)
    os.setxattr(path, "user.note", b"kept")
    assert bench.apply(bench.plan(edit(path, OLD, NEW))).state is State.APPLIED
    found = path.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o2640, 12345, 23456)
    assert os.getxattr(path, "user.note") == b"kept"


@pytest.mark.parametrize("kind", ["symlink", "hard link", "fifo", "directory", "dangling"])
def test_what_is_no_plain_file_is_refused_with_the_reason(bench: Bench, kind: str) -> None:
    real, path = bench.file("real", OLD), bench.files / "zone"
    match kind:
        case "symlink":
            path.symlink_to(real)
        case "dangling":
            path.symlink_to("nowhere")
        case "hard link":
            path.hardlink_to(real)
        case "fifo":
            os.mkfifo(path)
        case _:
            path.mkdir()
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW)))
    assert outcome.state is State.REFUSED, outcome
    wanted = {"symlink": "symbolic link", "dangling": "symbolic link", "hard link": "2 names"}
    assert wanted.get(kind, "not a regular file") in outcome.reason
    assert real.read_bytes() == OLD
    assert bench.leftovers() == []


def test_a_directory_open_to_everybody_is_refused(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    bench.files.chmod(0o777)
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW)))
    assert (outcome.state, "by everybody" in outcome.reason) == (State.REFUSED, True)


@pytest.mark.parametrize("sign", ["+", "."])
def test_nor_is_it_let_in_by_the_sign_of_an_acl_or_a_security_context(bench: Bench, sign: str) -> None:
    bench.tool("ls", f"""PATH=${{PATH#*:}}; ls "$@" | sed 's/^\\([-dl].\\{{9\\}}\\) /\\1{sign} /'""")
    path = bench.file("zone", OLD)
    done = bench.apply(bench.plan(edit(path, OLD, NEW)))
    assert done.state is State.APPLIED, done
    bench.files.chmod(0o777)
    outcome = bench.apply(bench.plan(edit(path, NEW, OLD)))
    assert (outcome.state, "by everybody" in outcome.reason) == (State.REFUSED, True), outcome


@pytest.mark.parametrize("mark", ["wrote.2", "ran.2", "done.2"])
def test_a_mark_that_cannot_be_made_takes_all_back(bench: Bench, mark: str) -> None:
    """No room for it in the state directory, say: the worker goes on, backwards."""
    one, two = bench.file("one", OLD), bench.file("two", OLD)
    spoil = run("sh", "-c", 'for each in "$0"/*; do mkdir "$each/$1"; done', f"{bench.places.state}/transactions", mark)
    last = run("touch", str(bench.root / "ran")) if mark == "ran.2" else edit(two, OLD, NEW)
    outcome = bench.apply(bench.plan(edit(one, OLD, NEW), spoil, last))
    assert outcome.state is State.ROLLED_BACK, outcome
    assert "cannot be written" in outcome.reason
    assert (one.read_bytes(), two.read_bytes(), (bench.root / "ran").exists()) == (OLD, OLD, False)
    assert bench.leftovers() == []


def test_a_rename_that_fails_takes_all_back(bench: Bench) -> None:
    bench.tool("mv", 'PATH=${PATH#*:}; for last; do :; done; [ "$last" != ./two ] || exit 1; exec mv "$@"')
    one, two = bench.file("one", OLD), bench.file("two", OLD)
    outcome = bench.apply(bench.plan(edit(one, OLD, NEW), edit(two, OLD, NEW)))
    assert outcome.state is State.ROLLED_BACK, outcome
    assert f"{two} could not be replaced" in outcome.reason
    assert (one.read_bytes(), two.read_bytes(), bench.leftovers()) == (OLD, OLD, [])


def test_checker_that_is_not_there_refuses_before_anything(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW, check=("no-such-checker", "{temp}"))))
    assert outcome.state is State.REFUSED
    assert outcome.reason == "no-such-checker is not on this host"
    assert path.read_bytes() == OLD


def test_checker_that_has_nowhere_to_run_is_not_said_to_refuse(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW, check=("true",), check_cwd="/nonexistent")))
    assert (outcome.state, outcome.reason) == (State.REFUSED, "true could not be run in /nonexistent")


def test_checker_says_no(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    check = ("sh", "-c", "pwd; cat $0; exit 3", "{temp}")
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW, check=check, check_cwd="/usr")))
    assert outcome.state is State.REFUSED
    assert path.read_bytes() == OLD
    assert [(event.exit_status, event.output) for event in outcome.events] == [(3, b"/usr\nnew text\n")]
    assert bench.leftovers() == []
    accepting = edit(path, OLD, NEW, check=check, check_accepts=(0, 3))
    assert bench.apply(bench.plan(accepting)).state is State.APPLIED


def test_a_forced_check_is_told_and_does_not_decide(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW, check=("sh", "-c", "echo bad; exit 1"), check_accepts=())))
    assert outcome.state is State.APPLIED
    assert (outcome.events[0].phase, outcome.events[0].output) == ("check", b"bad\n")


def test_a_checker_that_rewrites_the_file_is_caught(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW, check=("sh", "-c", 'echo more >>"$0"', "{temp}"))))
    assert outcome.state is State.REFUSED
    assert "changed the file" in outcome.reason
    assert path.read_bytes() == OLD


def test_an_effect_that_is_not_seen_takes_all_back_with_a_fresh_time(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    reload = run(
        *("cp", str(path), str(bench.root / "served")),
        verify=never(within=1),
        undo=("cp", str(path), str(bench.root / "served")),
        undo_verify=holds(bench.root / "served", "old"),
    )
    before = time.time() - 2
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW), reload))
    assert outcome.state is State.ROLLED_BACK, outcome
    assert path.read_bytes() == OLD
    assert path.stat().st_mtime > before
    assert (bench.root / "served").read_bytes() == OLD
    assert [event.phase for event in outcome.events][-4:] == ["verify", "undo", "undo", "undo-verify"]
    assert bench.leftovers() == []


def test_a_probe_that_says_never_is_not_waited_for(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    probe = Probe("it loads", "echo syntax error; exit 2", (), 30)
    began = time.monotonic()
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW), run("true", verify=probe, undo_verify=holds(path, "old"))))
    assert outcome.state is State.ROLLED_BACK
    assert time.monotonic() - began < 10
    assert b"syntax error\n" in [event.output for event in outcome.events]


def test_a_probe_is_asked_until_it_is_seen(bench: Bench) -> None:
    count = bench.root / "count"
    probe = Probe("third time", 'echo x >>"$1"; [ "$(wc -l <"$1")" -ge 3 ]', (str(count),), 10)
    assert bench.apply(bench.plan(run("true", verify=probe))).state is State.APPLIED
    assert count.read_text() == "x\n" * 3


def test_what_cannot_be_proven_back_is_broken(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    no_undo = bench.apply(bench.plan(edit(path, OLD, NEW), run("true", verify=never())))
    assert (no_undo.state, path.read_bytes()) == (State.BROKEN, OLD)
    assert "nothing takes back" in no_undo.reason
    unproven = bench.apply(bench.plan(edit(path, OLD, NEW), run("true", verify=never(), undo=("true",))))
    assert unproven.state is State.BROKEN
    failed = bench.apply(
        bench.plan(edit(path, OLD, NEW), run("true", verify=never(), undo=("true",), undo_verify=never()))
    )
    assert failed.state is State.BROKEN
    assert path.read_bytes() == OLD


def test_a_foreign_edit_during_roll_back_is_left_alone(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    reloaded = bench.root / "reloaded"
    vandal = run("sh", "-c", 'echo foreign >"$0"; exit 1', str(path), undo=("touch", str(reloaded)))
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW), vandal))
    assert outcome.state is State.BROKEN
    assert "somebody else" in outcome.reason
    assert path.read_bytes() == b"foreign\n"
    assert not reloaded.exists(), "nothing is loaded again while the file is not ours"
    assert Path(bench.places.backups, outcome.transaction, "0").read_bytes() == OLD


def bracket(
    bench: Bench, path: Path, *, reload_works: bool = True, thaw_works: bool = True, last: bool = True
) -> list[object]:
    """[freeze, edit, reload, thaw, look] with a tool that writes down what it was asked for and what the file held."""
    log = bench.root / "log"
    tool = bench.tool("rndc", f'echo "$1 $(head -c 3 {path})" >>{log}')
    old = holds(path, "old")
    return [
        run(tool, "freeze"),
        edit(path, OLD, NEW),
        run(tool, "reload", verify=None if reload_works else never(), undo=(tool, "reload"), undo_verify=old),
        run(tool, "thaw", always=True, undo=(tool, "freeze"), verify=None if thaw_works else never(), undo_verify=old),
        *([] if last else [run("false")]),
    ]


@pytest.mark.parametrize(
    ("trouble", "wanted"),
    [
        ({}, "freeze old,reload new,thaw new"),
        ({"reload_works": False}, "freeze old,reload new,reload old,thaw old"),
        ({"thaw_works": False}, "freeze old,reload new,thaw new,freeze new,reload old,thaw old"),
        ({"last": False}, "freeze old,reload new,thaw new,freeze new,reload old,thaw old"),
    ],
)
def test_a_dynamic_zone_is_never_left_frozen(bench: Bench, trouble: dict[str, bool], wanted: str) -> None:
    path = bench.file("zone", OLD)
    outcome = bench.apply(bench.plan(*bracket(bench, path, **trouble)))  # type: ignore[arg-type]
    assert (bench.root / "log").read_text().replace("\n", ",").rstrip(",") == wanted
    assert outcome.state is (State.ROLLED_BACK if trouble else State.APPLIED), outcome


def test_a_freeze_that_was_refused_is_not_thawed(bench: Bench) -> None:
    """Another admin froze the zone between our look and our change: his freeze stays."""
    path = bench.file("zone", OLD)
    steps = bracket(bench, path)
    steps[0] = run("sh", "-c", "echo already frozen; exit 1", all_or_nothing=True)
    outcome = bench.apply(bench.plan(*steps))  # type: ignore[arg-type]
    assert outcome.state is State.REFUSED, outcome
    assert "exit status 1" in outcome.reason
    assert not (bench.root / "log").exists(), "no tool was asked for anything else"
    assert path.read_bytes() == OLD


def test_a_conflict_between_freeze_and_edit_thaws(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    steps = bracket(bench, path)
    steps[0] = run("sh", "-c", 'echo dumped >"$0"', str(path))
    steps[3] = run("touch", str(bench.root / "thawed"), always=True)
    outcome = bench.apply(bench.plan(*steps))  # type: ignore[arg-type]
    assert (outcome.state, outcome.host_content) == (State.CONFLICT, b"dumped\n")
    assert (bench.root / "thawed").exists()
    assert path.read_bytes() == b"dumped\n"


def test_a_command_that_hangs_is_ended(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW), run("sleep", "60", deadline=1)))
    assert outcome.state is State.ROLLED_BACK
    assert "did not end within 1 s" in outcome.reason
    assert path.read_bytes() == OLD


def test_argv_is_run_exactly(bench: Bench) -> None:
    words = (
        "",
        " ",
        "a b",
        "'",
        '"',
        "$(id)",
        "`id`",
        "*",
        "-n",
        "line\nline\n",
        "\\",
        "é",
        "\udcff",
        "~",
        "a=b",
        "\x1b[31m",
    )
    tool = bench.tool("show args", 'for word; do printf "%s\\0" "$word"; done')
    outcome = bench.apply(bench.plan(run(tool, *words)))
    said = next(event.output for event in outcome.events if event.phase == "run")
    assert said == b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in words)


def test_no_function_or_builtin_takes_a_commands_place(bench: Bench) -> None:
    for name in ("emit", "finish", "echo", "exec"):
        bench.tool(name, f'printf "%s" "the real {name}"')
        outcome = bench.apply(bench.plan(run(name, "x")))
        assert outcome.events[1].output == f"the real {name}".encode()


def test_long_output_is_bounded(bench: Bench) -> None:
    outcome = bench.apply(
        bench.plan(run("head", "-c", "3000000", "/dev/zero"), run("sh", "-c", "yes 1>&2 & sleep 0.2; kill $!"))
    )
    assert outcome.state is State.APPLIED
    assert max(len(event.output) for event in outcome.events) == 32768


OWN_STATUS = Path("/proc/self/status")
"""A signal that whoever started the tests ignores is ignored by all below it; that is not ours."""


def test_a_daemon_inherits_nothing_of_ours(bench: Bench) -> None:
    path, told = bench.file("zone", OLD), bench.root / "told"
    look = 'grep -E "SigIgn|SigBlk|Umask" /proc/self/status; ls -l /proc/self/fd'
    text = f"{{ {look}; }} >{told}; sleep 30 & echo $! >{told}.pid"
    daemon = bench.tool("daemon", text)
    began = time.monotonic()
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW), run(daemon)))
    pid = int(Path(f"{told}.pid").read_text())
    try:
        assert outcome.state is State.APPLIED
        assert time.monotonic() - began < 10, "a daemon that keeps stdout open is not waited for"
        ignored = {name: int(value, 16) for name, value in re.findall(r"(SigIgn|SigBlk):\t(\w+)", told.read_text())}
        own = {name: int(value, 16) for name, value in re.findall(r"(SigIgn|SigBlk):\t(\w+)", OWN_STATUS.read_text())}
        assert {name: value & ~own[name] for name, value in ignored.items()} == {"SigBlk": 0, "SigIgn": 0}
        assert "Umask:\t0077" not in told.read_text()
        assert ".lock" not in told.read_text()
        assert not any("/run/" in os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir())
        assert bench.locks_free()
    finally:
        os.kill(pid, 9)


HOSTILE = [
    "a b",
    "'",
    '"',
    "$HOME",
    "$(id)",
    "new\nline",
    "end\n",
    "-rf",
    "--",
    "*",
    "\\",
    "ünï",
    "\udcff",
    ";id",
    "~",
    "x" * 255,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_names(bench: Bench, name: str) -> None:
    path = bench.file(name, OLD)
    folder = bench.files / f"d{name[:200]}"
    folder.mkdir()
    check = ("sh", "-c", 'test -f "$1"', "sh", "{temp}")
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW, check=check), edit(folder / name, None, NEW, check=check)))
    assert outcome.state is State.APPLIED, outcome
    assert path.read_bytes() == (folder / name).read_bytes() == NEW
    assert bench.leftovers() == []


CONTENTS = {
    "empty": b"",
    "crlf": b"a\r\nb\r\n",
    "no final newline": b"a\nb",
    "nul": b"a\0b\n",
    "latin-1": b"caf\xe9\n",
    "all bytes": bytes(range(256)),
    "newlines": b"\n\n\n",
    "1 MB": bytes(range(256)) * 4096,
}


@pytest.mark.parametrize("name", CONTENTS)
def test_every_byte_arrives(bench: Bench, name: str) -> None:
    path = bench.file("zone", OLD)
    made = bench.files / "made"
    outcome = bench.apply(bench.plan(edit(path, OLD, CONTENTS[name]), edit(made, None, CONTENTS[name])))
    assert outcome.state is State.APPLIED
    assert path.read_bytes() == made.read_bytes() == CONTENTS[name]


def test_leftovers_of_dead_runs_go_and_those_of_live_ones_stay(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    dead, unknown = "20200101T000000Z-00000001", "20200101T000000Z-00000002"
    Path(bench.places.state, "transactions", dead).mkdir(parents=True)
    bench.file(f".opsc-{dead}-0.tmp", b"half")
    bench.file(f".opsc-{dead}-0.bak", b"somebody's only copy")
    bench.file(f".opsc-{unknown}-0.tmp", b"not known here")
    assert bench.apply(bench.plan(edit(path, OLD, NEW))).state is State.APPLIED
    assert bench.leftovers() == [f".opsc-{unknown}-0.tmp"]
    assert Path(bench.places.backups, dead, "0.late").read_bytes() == b"somebody's only copy"


def test_thirty_originals_a_path_are_kept(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    first = bench.apply(bench.plan(edit(path, OLD, NEW)))
    (index,) = Path(bench.places.backups).glob("*.list")
    names = [f"2020010{n // 10}T00000{n % 10}Z-0000000{n % 10}/0" for n in range(30)]
    for name in names:
        Path(bench.places.backups, name).parent.mkdir()
        Path(bench.places.backups, name).write_bytes(b"x")
    index.write_text("".join(f"{name}\n" for name in [f"{first.transaction}/0", *names[1:]]))
    second = bench.apply(bench.plan(edit(path, NEW, OLD)))
    assert index.read_text().split() == [*names[1:], f"{second.transaction}/0"]
    assert not Path(bench.places.backups, first.transaction).exists()
    assert Path(bench.places.backups, names[1]).exists()


def test_a_change_under_way_keeps_others_out(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    asked = bench.root / "asked"
    bench.tool("flock", f'PATH=${{PATH#*:}}; echo "$1 $2" >>{asked}; shift 2; exec flock -n "$@"')
    Path(bench.places.run).mkdir(mode=0o700)
    name = subprocess.run(["sha256sum"], input=os.fsencode(path), capture_output=True, check=True).stdout[:64].decode()
    holder = subprocess.Popen(["flock", f"{bench.places.run}/{name}.lock", "sleep", "60"])
    try:
        while subprocess.run(["flock", "-n", f"{bench.places.run}/{name}.lock", "true"], check=False).returncode == 0:
            assert holder.poll() is None
        outcome = bench.apply(bench.plan(edit(path, OLD, NEW)))
    finally:
        subprocess.run(["pkill", "-P", str(holder.pid)], check=False)
        holder.wait()
    assert (outcome.state, "under way" in outcome.reason) == (State.REFUSED, True), outcome
    assert path.read_bytes() == OLD
    assert asked.read_text() == "-w 10\n", "seconds that it would have waited"


@pytest.mark.parametrize("missing", [("flock",), ("setsid",), ("sha256sum",), ("env",), ("flock", "setsid", "env")])
def test_hosts_that_lack_a_tool(bench: Bench, missing: tuple[str, ...]) -> None:
    connection = bench.connect("bench", tool_path(missing, bench.root / "poor"))
    path = bench.file("zone", OLD)
    done = bench.apply(bench.plan(edit(path, OLD, NEW), run("true", verify=holds(path, "new"))), connection=connection)
    assert done.state is State.APPLIED, done
    failing = bench.plan(edit(path, NEW, b"third\n"), run("true", verify=never(), undo_verify=holds(path, "new")))
    assert bench.apply(failing, connection=connection).state is State.ROLLED_BACK
    assert path.read_bytes() == NEW
    assert bench.leftovers() == []


@pytest.mark.parametrize("tool", ["timeout", "mkfifo", "sed", "sync"])
def test_hosts_that_lack_what_is_needed_are_refused(bench: Bench, tool: str) -> None:
    connection = bench.connect("bench", tool_path((tool,), bench.root / "poor"))
    path = bench.file("zone", OLD)
    outcome = bench.apply(bench.plan(edit(path, OLD, NEW)), connection=connection)
    assert (outcome.state, outcome.reason) == (State.REFUSED, f"the host lacks {tool}")
    assert path.read_bytes() == OLD


def test_plans_that_make_no_sense_are_refused(bench: Bench) -> None:
    path = bench.file("zone", OLD)
    for steps in (
        (),
        (edit("relative", OLD, NEW),),
        (edit("/", OLD, NEW),),
        (edit(path, OLD, NEW), edit(path, NEW, OLD)),
        (edit(path, None, None),),
        (edit(path, OLD, b"x" * ((8 << 20) + 1)),),
        (run(),),
        (run("echo", "a\0b"),),
    ):
        assert bench.apply(bench.plan(*steps)).state is State.REFUSED
    assert path.read_bytes() == OLD
    assert bench.journal.entries() == []


@pytest.mark.parametrize("shell", ["dash", "bash", "bash --posix"])
def test_the_scripts_parse_and_travel(shell: str) -> None:
    for names in (("state", "apply"), ("state", "reconcile"), ("state", "worker", "files", "steps")):
        text = script(*names)
        found = subprocess.run([*shell.split(), "-n"], input=text.encode("ascii"), capture_output=True, check=False)
        assert (found.returncode, found.stderr) == (0, b"")
        if "worker" not in names:
            assert len(text) < 60_000, "it travels as one argument"
