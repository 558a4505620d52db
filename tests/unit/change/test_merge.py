from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.change.merge import Side, merge

LINE = st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\r\n", b"\n", b"\xff\0\n", b"e"])
TEXT = st.lists(LINE, max_size=12).map(b"".join)


def test_changes_in_different_places_both_stand() -> None:
    found = merge(b"a\nb\nc\nd\n", b"A\nb\nc\nd\n", b"a\nb\nc\nD")
    assert [hunk.side for hunk in found.hunks] == [Side.MINE, Side.NOBODY, Side.THEIRS]
    assert found.text() == b"A\nb\nc\nD"


def test_the_same_place_is_a_conflict() -> None:
    found = merge(b"a\nb\nc\n", b"a\nmine\nc\n", b"a\ntheirs\nc\n")
    (conflict,) = found.conflicts
    assert (conflict.base, conflict.mine, conflict.theirs) == ((b"b\n",), (b"mine\n",), (b"theirs\n",))
    assert found.text() is None


def test_the_same_change_is_no_conflict() -> None:
    found = merge(b"a\nb\n", b"a\nx\n", b"a\nx\n")
    assert (found.hunks[1].side, found.text()) == (Side.BOTH, b"a\nx\n")


@given(TEXT, TEXT, TEXT)
def test_nothing_is_lost(base: bytes, mine: bytes, theirs: bytes) -> None:
    found = merge(base, mine, theirs)
    assert b"".join(b"".join(hunk.base) for hunk in found.hunks) == base
    assert b"".join(b"".join(hunk.mine) for hunk in found.hunks) == mine
    assert b"".join(b"".join(hunk.theirs) for hunk in found.hunks) == theirs


@given(TEXT, TEXT)
def test_one_sided_changes_merge_to_that_side(base: bytes, other: bytes) -> None:
    assert merge(base, base, other).text() == other
    assert merge(base, other, base).text() == other
    assert merge(base, other, other).text() == other


def test_a_large_text_with_two_small_changes() -> None:
    lines = [b"host%d A 192.0.2.1\n" % number for number in range(50_000)]
    mine, theirs = lines.copy(), lines.copy()
    mine[10] = b"mine\n"
    theirs[49_990] = b"theirs\n"
    found = merge(b"".join(lines), b"".join(mine), b"".join(theirs))
    assert (found.text() or b"").count(b"\n") == 50_000
    assert len(found.hunks) == 5
