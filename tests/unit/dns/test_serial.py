"""Serial numbers: RFC 1982, and never one that a secondary would not fetch."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.dns import serial
from console.dns.serial import Policy, compare, judge, newer, next_serial, policy_of, repair

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NUMBERS = st.integers(0, 2**32 - 1)


def by_the_book(left: int, right: int) -> int | None:
    """RFC 1982 3.2, word for word."""
    if left == right:
        return 0
    if (left < right and right - left < 2**31) or (left > right and left - right > 2**31):
        return -1
    if (left < right and right - left > 2**31) or (left > right and left - right < 2**31):
        return 1
    return None


def test_a_million_pairs_and_the_edges() -> None:
    rng = random.Random(1982)
    edges = [0, 1, 2, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1, 2026112301]
    for left in edges:
        for right in edges:
            assert compare(left, right) == by_the_book(left, right)
    bits = rng.getrandbits
    for _ in range(1_000_000):
        left, right = bits(32), bits(32)
        if compare(left, right) != by_the_book(left, right):
            pytest.fail(f"{left} {right}")
    for _ in range(10_000):
        left = bits(32)
        assert compare(left, (left + 2**31) % 2**32) is None


@given(NUMBERS, st.integers(1, 2**31 - 1))
def test_adding_makes_newer(number: int, amount: int) -> None:
    assert newer(serial.add(number, amount), number)


@pytest.mark.parametrize("amount", [-1, 2**31])
def test_amounts_that_rfc1982_does_not_define(amount: int) -> None:
    with pytest.raises(ValueError, match="raised by"):
        serial.add(1, amount)


@pytest.mark.parametrize(
    ("number", "policy"),
    [
        (2026112301, Policy.DATE),
        (1999010100, Policy.DATE),
        (2026123200, Policy.DATE),
        (2026113399, Policy.DATE),
        (int(NOW.timestamp()), Policy.UNIXTIME),
        (1_500_000_000, Policy.UNIXTIME),
        (1_950_000_000, Policy.COUNTER),
        (0, Policy.COUNTER),
        (1, Policy.COUNTER),
        (20261123, Policy.COUNTER),
        (4294967295, Policy.COUNTER),
    ],
)
def test_policy_is_told_from_the_number(number: int, policy: Policy) -> None:
    assert policy_of(number, NOW) is policy


@pytest.mark.parametrize(
    ("old", "following"),
    [
        (2026112205, 2026112301),
        (2026112301, 2026112302),
        (2026112399, 2026112400),
        (2026112400, 2026112401),
        (2027010100, 2027010101),
        (2026123199, 2026123200),
        (2099123199, 2099123200),
        (7, 8),
        (2**31 - 1, 2**31),
        (4294967295, 1),
        (4294967294, 4294967295),
        (1_700_000_000, int(NOW.timestamp())),
        (int(NOW.timestamp()), int(NOW.timestamp()) + 1),
    ],
)
def test_next(old: int, following: int) -> None:
    assert next_serial(old, NOW) == following


def test_a_rolled_date_finds_back_to_dates() -> None:
    assert next_serial(2026123200, datetime(2027, 1, 5, tzinfo=UTC)) == 2027010501


def test_next_is_above_what_is_served() -> None:
    assert next_serial(2026112301, NOW, above=(2026112307, 2026112303)) == 2026112308
    assert next_serial(5, NOW, above=(9,)) == 10
    assert next_serial(5, NOW, Policy.DATE) == 2026112301
    assert next_serial(2026112301, NOW, Policy.COUNTER) == 2026112302
    with pytest.raises(ValueError, match="no serial is newer than all of"):
        next_serial(1, NOW, above=(1 + 2**31,))


@given(NUMBERS, st.lists(NUMBERS, max_size=3), st.sampled_from([None, *Policy]))
def test_next_is_newer_than_all_or_refused(old: int, above: list[int], policy: Policy | None) -> None:
    try:
        following = next_serial(old, NOW, policy, above)
    except ValueError:
        assert above
        return
    assert 1 <= following <= 4294967295
    assert judge(following, old, [("x", number) for number in above]) is None


def test_a_hundred_and_fifty_changes_a_day_for_a_year() -> None:
    number = 2026010100
    for day in range(365):
        now = datetime.fromtimestamp(1767225600 + day * 86400, UTC)
        for _ in range(150):
            following = next_serial(number, now)
            assert newer(following, number)
            assert len(str(following)) == 10
            number = following


@pytest.mark.parametrize(
    ("new", "old", "served", "word"),
    [
        (2026112302, 2026112301, [], None),
        (2026112302, 2026112301, [("192.0.2.53", 2026112301)], None),
        (2026112301, 2026112301, [], "already"),
        (2026112300, 2026112301, [], "older than 2026112301 of the file"),
        (2026112302, 2026112301, [("ns2", 2026112309)], "older than 2026112309 of ns2"),
        (2026112302, 2026112301, [("ns2", 2026112302)], "ns2 has already"),
        (1, 1 + 2**31, [], "2^31 apart"),
        (0, 4294967295, [], "Serial 0"),
        (20261123011, 2026112301, [], "32 bits"),
        (-1, 5, [], "32 bits"),
    ],
)
def test_judge(new: int, old: int, served: list[tuple[str, int]], word: str | None) -> None:
    reason = judge(new, old, served)
    if word is None:
        assert reason is None
    else:
        assert reason is not None
        assert word in reason


@given(NUMBERS.filter(bool), NUMBERS.filter(bool))
def test_repair_leads_there_by_newer_steps(served: int, target: int) -> None:
    steps = repair(served, target)
    assert len(steps) <= 3
    at = served
    for step in steps:
        assert step != 0
        assert newer(step, at)
        at = step
    assert at == target


def test_repair_of_a_date_typo_takes_two_steps() -> None:
    assert repair(2062112301, 2026112301) == (2062112301 + 2**31 - 1, 2026112301)
    assert repair(5, 6) == (6,)
    assert repair(5, 5) == ()


def test_dates() -> None:
    assert serial.date_of(2026112301) == date(2026, 11, 23)
    assert serial.date_of(2026113101) is None
    assert serial.date_of(20261123) is None
