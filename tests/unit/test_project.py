"""The project as it reaches others: the wheel, the lock, what is imported when, and what must never be in git."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOP = ("console", "screens", "styles")


def files() -> list[str]:
    """Paths that git has or would take, as far as they are there."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    return sorted(path for path in listed.split("\0") if path and (ROOT / path).is_file())


def run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment}, check=False, timeout=100
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing stale in the work tree gets in."""
    copy = tmp_path_factory.mktemp("source")
    for path in files():
        if not path.startswith("tests/"):
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, copy / path)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist"), cwd=copy)
    return next((copy / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of a clean environment with the wheel in it; its dependencies are lent by the one that runs the tests.

    A path in a .pth file is not searched for further .pth files, so an editable install there is not seen.
    """
    place = tmp_path_factory.mktemp("clean")
    venv.create(place, symlinks=True)
    python = str(place / "bin/python")
    install = ("install", "--quiet", "--no-index", "--no-deps", str(wheel))
    run(sys.executable, "-m", "pip", "--python", python, *install)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    Path(site, "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin"


def test_the_wheel_has_every_file_of_the_three_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    ours = {path for path in files() if path.startswith(tuple(f"{top}/" for top in TOP))}
    assert {path for path in inside if ".dist-info/" not in path} == ours
    assert any(path.endswith(".sh") for path in ours)
    assert any(re.fullmatch(r"styles/\w+\.tcss", path) for path in ours)


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    assert f"Version: {PROJECT['project']['version']}\n" in metadata
    assert "License-Expression: MIT\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata


def test_an_installed_wheel_runs(installed: Path, tmp_path: Path) -> None:
    version = run(str(installed / "opsconsole"), "--version", cwd=tmp_path).stdout
    assert PROJECT["project"]["version"] in version
    assert "sandbox" in run(str(installed / "opsconsole"), "--help", cwd=tmp_path).stdout
    where = run(str(installed / "python"), "-c", "import console; print(console.__file__)", cwd=tmp_path).stdout
    assert Path(where.strip()).is_relative_to(installed.parent)


def modules_after(code: str) -> set[str]:
    """Top-level names in sys.modules once `code` has run in a fresh interpreter."""
    tell = "import json, sys; print(); print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    out = run(sys.executable, "-c", f"{code}\n{tell}").stdout
    return set(json.loads(out.splitlines()[-1]))


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_a_question_about_itself_loads_nothing_heavy(argument: str) -> None:
    code = f"""
import sys
from console.__main__ import main
sys.argv = ["opsconsole", "{argument}"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    heavy = {"textual", "rich", "paramiko", "cryptography", "dns", "keyring", "asyncio"}
    assert modules_after(code) & heavy == set()


def test_nothing_under_console_imports_textual() -> None:
    sources = [path for path in files() if path.startswith("console/") and path.endswith(".py")]
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in sources]
    loaded = modules_after("".join(f"import {name}\n" for name in names))
    assert "console" in loaded
    assert "textual" not in loaded


def test_the_lock_pins_all_that_is_asked_for() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = dict(re.findall(r"(?m)^([a-z0-9._-]+)==(\S+) \\$", lock))
    wanted = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    for requirement in map(Requirement, wanted):
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} but {version} is locked: make lock"
    entries = [part for part in re.split(r"(?m)^(?=[a-z])", lock) if part[:1].isalpha()]
    assert len(entries) == len(pinned)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"(?m)^\s*-(?!-hash)|://", lock), "options and addresses have no place in the lock"


def test_git_holds_no_registry_and_no_path_of_this_machine() -> None:
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "deb.debian" + ".org", "security.debian" + ".org"]
    places = [f"{ROOT}/", "/work/" + "main", "/work/" + "shared"]
    found = []
    for path in files():
        text = (ROOT / path).read_bytes().decode("utf-8", "replace")
        found += [f"{path}: {word}" for word in (*hosts, *places) if word in text]
    assert found == []


def in_a_suite(tmp_path: Path, tests: dict[str, str], *options: str, ci: str) -> subprocess.CompletedProcess[str]:
    """pytest with our conftest over test files of its own."""
    shutil.copyfile(ROOT / "tests/conftest.py", tmp_path / "conftest.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = serial: alone\n")
    for name, text in tests.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "OPSCONSOLE"))}
    quick = [
        part for name in ("hypothesispytest", "asyncio", "syrupy", "textual-snapshot") for part in ("-p", f"no:{name}")
    ]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rfE", *quick, *options, "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**environment, "CI": ci},
        check=False,
        timeout=60,
    )


SKIPPING = {
    "inside": "import pytest\ndef test_it(): pytest.skip('no tool inside')\n",
    "mark": "import pytest\n@pytest.mark.skip(reason='no tool mark')\ndef test_it(): pass\n",
    "module": "import pytest\npytest.skip('no tool module', allow_module_level=True)\n",
    "fine": "import pytest\ndef test_it(): pass\n@pytest.mark.xfail\ndef test_known(): assert False\n",
}


def test_a_skip_is_a_failure_in_ci_and_only_there(tmp_path: Path) -> None:
    strict = in_a_suite(tmp_path, SKIPPING, "--continue-on-collection-errors", ci="true")
    assert "1 failed, 1 passed, 1 xfailed, 2 errors" in strict.stdout
    for how in ("inside", "mark", "module"):
        assert f"Nothing may be skipped in CI: no tool {how}" in strict.stdout
    lax = in_a_suite(tmp_path, SKIPPING, ci="")
    assert "1 passed, 3 skipped, 1 xfailed" in lax.stdout


CROWD = """
import pathlib, time, pytest

def stay(name):
    begin = time.monotonic()
    time.sleep(0.05)
    with open(pathlib.Path(__file__).with_name("times"), "a") as out:
        out.write(f"{name} {begin} {time.monotonic()}\\n")

@pytest.mark.parametrize("n", range(12))
def test_many(n): stay("many")

@pytest.mark.serial
@pytest.mark.parametrize("n", range(3))
def test_alone(n): stay("alone")
"""


def test_a_serial_test_runs_beside_no_other(tmp_path: Path) -> None:
    done = in_a_suite(tmp_path, {"crowd": CROWD}, "-n", "2", "--dist", "worksteal", ci="")
    assert "15 passed" in done.stdout
    spans = [line.split() for line in (tmp_path / "times").read_text().splitlines()]
    alone = [(float(begin), float(end)) for name, begin, end in spans if name == "alone"]
    others = [(float(begin), float(end)) for _, begin, end in spans]
    for begin, end in alone:
        assert sum(b < end and begin < e for b, e in others) == 1
