"""Disks that are full, read-only or immutable: the old file stays, and the reason is told.

Each runs in a mount namespace of its own (`unshare -m`, root), so that no mount of this machine is touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from console.change.outcome import State
from console.change.plan import Probe
from tests.unit.change.kit import Bench, edit, run

OLD, NEW = b"old text\n" * 100, b"new text\n" * 20_000


def inside(scenario: str) -> dict[str, object]:
    """Runs a scenario of this file in its own mount namespace and returns what it says."""
    command = ["unshare", "-m", "--propagation", "private", sys.executable, "-m", __name__, scenario]
    done = subprocess.run(command, capture_output=True, check=False, cwd=Path(__file__).parents[2], timeout=250)
    assert done.returncode == 0, done.stderr.decode()
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", ["files", "state", "backups", "all"])
def test_a_disk_full_at_any_level(place: str) -> None:
    """From no room at all to room enough: the old file whole, or the new one; and both happen."""
    said = inside(f"full-{place}")
    assert said["torn"] == []
    assert said["leftovers"] == []
    assert said["applied"]
    assert said["kept"]


def test_a_read_only_file_system() -> None:
    said = inside("read-only")
    assert (said["state"], said["old"]) == ("refused", True)
    assert "Read-only file system" in str(said["reason"])


def test_an_immutable_file() -> None:
    said = inside("immutable")
    assert (said["state"], said["old"], said["leftovers"]) == ("refused", True, [])
    assert "not permitted" in str(said["reason"])


def test_a_file_that_is_a_mount_of_its_own() -> None:
    """As in a container: a rename over it cannot work, and it is not written in place instead."""
    said = inside("bind-mounted")
    assert (said["state"], said["old"], said["leftovers"]) == ("refused", True, [])


def mount(*args: str) -> None:
    subprocess.run(["mount", *args], check=True)


def full(root: Path, place: str) -> dict[str, object]:
    bench = Bench(root)
    bench.connection.connect()
    small = root / "small"
    small.mkdir()
    torn, kept, applied, leftovers = [], 0, 0, set()
    for room in range(0, 1000, 85):
        mount("-t", "tmpfs", "-o", "size=1024k,mode=755", "small", str(small))
        for name in ("files", "state", "backups", "run"):
            folder = root / name
            if folder.is_symlink() or folder.is_dir():
                subprocess.run(["rm", "-rf", str(folder)], check=True)
        bench.places = type(bench.places)(
            *(str((small if place in (n, "all") else root) / n) for n in ("run", "state", "backups"))
        )
        bench.files = (small if place in ("files", "all") else root) / "files"
        bench.files.mkdir()
        path = bench.file("zone", OLD)
        with contextlib.suppress(OSError), (small / "ballast").open("wb", buffering=0) as ballast:
            ballast.write(b"x" * ((1024 - room) * 1024))
        outcome = bench.apply(bench.plan(edit(path, OLD, NEW), run("true", verify=Probe("ok", "exit 0"))))
        content = path.read_bytes()
        if content not in (OLD, NEW):
            torn.append(room)
        if outcome.state is State.APPLIED:
            applied += 1
            assert content == NEW
        elif outcome.state in (State.REFUSED, State.ROLLED_BACK):
            kept += 1
            assert content == OLD, outcome
        else:
            assert outcome.state in (State.UNKNOWN, State.BROKEN), outcome
        leftovers |= set(bench.leftovers())
        subprocess.run(["umount", "-l", str(small)], check=True)
    return {"torn": torn, "kept": kept, "applied": applied, "leftovers": sorted(leftovers)}


def one(root: Path, scenario: str) -> dict[str, object]:
    bench = Bench(root)
    path = bench.file("zone", OLD)
    if scenario == "read-only":
        mount("--bind", str(bench.files), str(bench.files))
        mount("-o", "remount,ro,bind", str(bench.files))
    elif scenario == "immutable":
        subprocess.run(["chattr", "+i", str(path)], check=True)
    else:
        mount("--bind", str(path), str(path))
    try:
        outcome = bench.apply(bench.plan(edit(path, OLD, NEW)))
    finally:
        if scenario == "immutable":
            subprocess.run(["chattr", "-i", str(path)], check=True)
    held = path.read_bytes() == OLD
    return {"state": outcome.state.value, "reason": outcome.reason, "old": held, "leftovers": bench.leftovers()}


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        name, _, place = sys.argv[1].partition("-")
        print(json.dumps(full(Path(folder), place) if name == "full" else one(Path(folder), sys.argv[1])))
        subprocess.run(
            ["sh", "-c", 'cd / && umount -l "$1"/files/zone "$1"/files 2>/dev/null', "sh", folder], check=False
        )


if __name__ == "__main__":
    main()
