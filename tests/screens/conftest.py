"""Fixtures of the screens' tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """A scratch directory with a short name: its paths stand on screens of 80 columns."""
    with tempfile.TemporaryDirectory(prefix="oc-") as name:
        yield Path(name)
