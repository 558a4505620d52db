"""What holds for every test: a home of its own, no silent skips in CI, and `serial` kept apart from all others."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CI = os.environ.get("CI") == "true"
HOME = "OPSCONSOLE_TEST_HOME"


def pytest_configure(config: pytest.Config) -> None:
    """Nothing that a test starts reads or writes the developer's own files; only the lab's cache is shared."""
    if HOME in os.environ:
        return
    os.environ.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    home = tempfile.mkdtemp(prefix="opsconsole-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home))
    os.environ[HOME] = os.environ["HOME"] = home
    for name, place in {"CONFIG": ".config", "STATE": ".local/state", "DATA": ".local/share"}.items():
        os.environ[f"XDG_{name}_HOME"] = f"{home}/{place}"


def _no_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"Nothing may be skipped in CI: {reason.removeprefix('Skipped: ')}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _no_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _no_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """Under xdist a `serial` test waits until the other workers are between tests, and they wait for it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    with _turn(Path(os.environ[HOME]), alone=item.get_closest_marker("serial") is not None):
        return (yield)


@contextmanager
def _turn(directory: Path, *, alone: bool) -> Iterator[None]:
    """A lock that many share or one has alone; whoever waits for it alone lets nobody else in before."""
    with (directory / "door").open("w") as door, (directory / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
