from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.remote.local import Local


class NoAnswers:
    """A prompter that must not be asked."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the prompter was asked: {name}")


@pytest.fixture
def local() -> Iterator[Local]:
    connection = Local(NoAnswers())  # type: ignore[arg-type]
    yield connection
    connection.close()
