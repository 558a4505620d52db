from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.change.codec import plan_from_json, plan_to_json
from console.change.plan import EditFile, Plan, Probe, Risk, RunCommand, Step
from console.change.preview import Kind, diff, render
from console.change.wire import pack, untoken
from tests.unit.change.kit import Bench, edit, run


def plan(*steps: Step) -> Plan:
    return Plan("ns1", "dns", "example.com", "Save zone", steps, warnings=("not atomic: \x1b[2J",))


def test_everything_is_told() -> None:
    check = ("named-checkzone", "-i", "full", "example.com", "{temp}")
    seen = Probe("named serves 2", "x")
    text = render(
        plan(
            edit("/etc/bind/zone", b"a\nb\nc\n", b"a\nB\nc\n", check=check),
            run("rndc", "reload", "a b", verify=seen, undo=("rndc", "reload"), undo_verify=seen),
            run("rndc", "thaw", always=True),
            run("rndc", "flush", verify=seen),
        )
    ).text()
    for wanted in (
        *("Save zone", "host ns1, as root, about dns example.com, risk medium", "warning: not atomic: "),
        *("1. Edit /etc/bind/zone: because", "   -b", "   +B", "   @@ -1,3 +1,3 @@"),
        "   check: named-checkzone -i full example.com TEMP-COPY, exit status 0 means good",
        *("   rndc reload 'a b'", "   verify: seen within 10 s: named serves 2"),
        "   undo: rndc reload; then seen within 10 s: named serves 2",
        *("runs in any case", "   undo: none, this stays", "warning: step 4 cannot be undone"),
    ):
        assert wanted in text, wanted
    assert "\x1b" not in text


def test_line_ends_are_seen() -> None:
    lines = [line.text for line in diff("/z", b"a\nb\n", b"a\r\nb")]
    assert "\\ No newline at end of file" in lines
    assert any(line.startswith("+a") and line != "+a" for line in lines)


def test_new_removed_and_unchanged() -> None:
    assert [line.text for line in diff("/z", None, b"a\n")] == ["--- /dev/null", "+++ /z", "@@ -0,0 +1 @@", "+a"]
    assert [line.text for line in diff("/z", b"a\n", None)] == ["--- /z", "+++ /dev/null", "@@ -1 +0,0 @@", "-a"]
    assert diff("/z", b"a", b"a")[-1].text == "(no change to the text)"
    assert diff("/z", None, b"")[-1].text == "(an empty file)"


@given(st.lists(st.sampled_from("abc"), max_size=30), st.lists(st.sampled_from("abc"), max_size=30))
def test_the_diff_is_one_that_patch_would_take(old: list[str], new: list[str]) -> None:
    """Read back by hand: context and removed lines are the old text's, context and added ones the new text's."""
    lines = diff("/z", "".join(f"{x}\n" for x in old).encode(), "".join(f"{x}\n" for x in new).encode())
    at = [0, 0]
    for line in lines:
        if line.kind is Kind.HUNK:
            numbers = [part[1:].split(",") for part in line.text.split()[1:3]]
            at = [int(n[0]) - (0 if n[1:] == ["0"] else 1) for n in numbers]
        if line.kind in (Kind.CONTEXT, Kind.REMOVED):
            assert old[at[0]] == line.text[1:]
            at[0] += 1
        if line.kind in (Kind.CONTEXT, Kind.ADDED):
            assert new[at[1]] == line.text[1:]
            at[1] += 1
    removed = sum(line.kind is Kind.REMOVED for line in lines)
    assert len(old) - removed + sum(line.kind is Kind.ADDED for line in lines) == len(new)


@pytest.mark.skipif(not shutil.which("patch"), reason="patch(1) is not here")
def test_patch_takes_it(tmp_path: Path) -> None:
    old, new = b"a\nb\nc\nd\ne\nf\ng\nh\n", b"a\nb\nX\nd\ne\nf\ng\nH"
    path = tmp_path / "z"
    path.write_bytes(old)
    text = "".join(f"{line.text}\n" for line in diff(str(path), old, new))
    subprocess.run(["patch", "-p0", str(path)], input=text.encode(), check=True, capture_output=True)
    assert path.read_bytes() == new


def any_plan(chance: random.Random) -> Plan:
    def text() -> str:
        return "".join(chance.choice("ab \"'$\n-é\x1b*") for _ in range(chance.randrange(8))) or "x"

    def content() -> bytes | None:
        return chance.choice([None, chance.randbytes(chance.randrange(40))])

    def probe() -> Probe | None:
        return chance.choice([None, Probe(text(), text(), (text(),), chance.random() * 9)])

    def step(number: int) -> Step:
        if chance.random() < 0.5:
            base, new = content(), content()
            if base is None and new is None:
                new = b""
            check = (text(), "{temp}")
            return EditFile(f"/{number}{text()}", text(), base, new, check, text(), (0, 1), 0o600)
        return RunCommand((text(), text()), text(), probe(), (text(),), probe(), (0, 7), chance.random() < 0.3, 5.0)

    steps = tuple(step(number) for number in range(chance.randrange(1, 5)))
    risk, sudo = chance.choice(list(Risk)), chance.random() < 0.5
    return Plan("h", "s", text(), text(), steps, risk, sudo, text(), (text(),), {text(): text()})


def test_what_is_shown_is_what_travels() -> None:
    """2,000 plans: digest of preview, manifest and the plan read back from the journal's form agree; argv is exact."""
    chance = random.Random(20261123)
    for _ in range(2000):
        wanted = any_plan(chance)
        shown = render(wanted).digest
        data = pack(wanted, "20261123T051500Z-1f2e3d4c")
        manifest = data.data[data.manifest :].decode().splitlines()
        assert f"- plan {shown}" in manifest
        blobs: dict[str, bytes] = {}
        assert plan_from_json(plan_to_json(wanted, blobs), blobs.__getitem__) == wanted
        for number, step in enumerate(wanted.steps):
            if isinstance(step, RunCommand):
                (line,) = [line for line in manifest if line.startswith(f"{number} argv ")]
                assert tuple(untoken(word.encode()).decode() for word in line.split(" ")[2:]) == step.argv
            else:
                (line,) = [line for line in manifest if line.startswith(f"{number} blob ")]
                offset, length = map(int, line.split(" ")[2:])
                assert data.data[offset : offset + length] == (step.content or b"")


def test_every_part_of_a_plan_is_in_its_digest(bench: Bench) -> None:
    first = any_plan(random.Random(1))
    others = [
        replace(first, host="x"),
        replace(first, sudo=not first.sudo),
        replace(first, lock="x"),
        replace(first, steps=(*first.steps, run("x"))),
        replace(first, steps=first.steps[1:]),
        replace(first, facts={"x": "y"}),
    ]
    digests = {render(other).digest for other in [first, *others]}
    assert len(digests) == len(others) + 1
    path = bench.file("zone", b"old")
    for other in others:
        outcome = bench.apply(bench.plan(edit(path, b"old", b"new"), *other.steps), shown=first.digest())
        assert outcome.reason == "the plan is not the one that was shown"
