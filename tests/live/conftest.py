"""The lab as fixtures. Each pytest process boots its own, so `-n 2` and a running `make lab` do not meet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.driving import Cli
from tests.live.lab import Lab, missing
from tests.live.lab.build import base_machine

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that lies here is `live`, and without a lab it is skipped with the reason (in CI a skip is a failure)."""
    live = [item for item in items if HERE in item.path.parents]
    lacks = missing() if live else []
    for item in live:
        item.add_marker(pytest.mark.live)
        if lacks:
            item.add_marker(pytest.mark.skip(reason="the lab needs " + "; ".join(lacks)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """The base machine is built before the first test: its minute is none of a test's own time."""
    chosen = any(HERE in item.path.parents for item in session.items)
    if chosen and not session.config.option.collectonly and not missing():
        base_machine()


@pytest.fixture(scope="session")
def session_lab() -> Iterator[Lab]:
    """The lab of this pytest process, booted at first use and removed at its end."""
    lab = Lab.boot()
    yield lab
    lab.down()


@pytest.fixture
def lab(session_lab: Lab) -> Lab:
    """The lab as the last test left it: for tests that change nothing in it, or use `zone_reset` too."""
    return session_lab


@pytest.fixture
def zone_reset(session_lab: Lab) -> Lab:
    """The lab with wires in, named running, configuration and zones pristine, secondaries in step."""
    session_lab.reset()
    return session_lab


@pytest.fixture
def cli(zone_reset: Lab, tmp_path: Path) -> Cli:
    """The command line on a pristine lab, with a home and a journal of its own."""
    return Cli(zone_reset, tmp_path / "home")
