"""A connection that is made on first use."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from console.remote.connection import Connection, LinkState
from console.remote.errors import LinkLost
from console.remote.replay import Recording, Replay
from console.wrapped import Limited, Wrapped


@pytest.fixture
def slow() -> Iterator[tuple[threading.Event, threading.Event, Replay]]:
    """Somebody has begun to make it; let it be made; what it is then."""
    begun, let = threading.Event(), threading.Event()
    yield begun, let, Replay([Recording("x", stdout=b"y")])
    let.set()


def test_close_does_not_wait_for_what_is_being_made(slow: tuple[threading.Event, threading.Event, Replay]) -> None:
    begun, let, inner = slow
    inner.connect()

    def make() -> Connection:
        begun.set()
        assert let.wait(10)
        return inner

    wrapped, raised = Wrapped("box", make), []

    def use() -> None:
        try:
            wrapped.run("x")
        except LinkLost as lost:
            raised.append(lost.sent)

    user = threading.Thread(target=use)
    user.start()
    assert begun.wait(10)
    closer = threading.Thread(target=wrapped.close)
    closer.start()
    closer.join(2)
    waited = closer.is_alive()
    let.set()
    user.join(10)
    assert not waited
    assert raised == [False]
    assert inner.state is LinkState.IDLE, "it was closed by who had waited for it"
    with pytest.raises(LinkLost):
        wrapped.connect()


def test_it_is_made_once_and_what_is_not_made_is_known_to_be_so() -> None:
    made: list[Replay] = []

    def make() -> Connection:
        made.append(Replay([Recording("x", stdout=b"yes")], user="me"))
        return made[-1]

    wrapped = Wrapped("box", make)
    assert (wrapped.address, wrapped.user, wrapped.state) == ("", "", LinkState.IDLE)
    assert wrapped.run("x").stdout == wrapped.run("x").stdout == b"yes"
    assert (wrapped.address, wrapped.user, wrapped.state) == ("a recording", "me", LinkState.UP)
    assert len(made) == 1


def test_a_limit_of_the_inventory_only_grants_more() -> None:
    limited = Limited("box", lambda: Replay([Recording("x", stdout=b"12345678")]), deadline=60, limit=6)
    assert limited.run("x", limit=2).stdout == b"123456"
    assert limited.run("x", limit=8).stdout == b"12345678"
