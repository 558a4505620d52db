"""What a host says while a plan is carried out is read whatever it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.change.wire import LINE_LIMIT, Report, token

NONCE = "1f2e3d4c5b6a7988"
WORD = st.one_of(
    st.sampled_from([b"E", b"R", b"N", b"S", b"F", b"C", b"X", b"D", b"Z", b"-", b".", b"0", b"9" * 5000, b"applied"]),
    st.binary(max_size=8),
)
LINE = st.lists(WORD, max_size=9).map(lambda words: b" ".join([b"OPSC1", NONCE.encode(), *words]) + b"\n")


@given(st.lists(st.one_of(LINE, st.binary(max_size=30)), max_size=8), st.integers(1, 40))
def test_foreign_words_never_raise_and_chunks_do_not_matter(pieces: list[bytes], size: int) -> None:
    said = b"".join(pieces)
    whole, cut = Report(NONCE), Report(NONCE)
    whole.feed(said)
    for start in range(0, len(said), size):
        cut.feed(said[start : start + size])
    assert (cut.events, cut.state, cut.files, cut.ran, cut.noise) == (
        whole.events,
        whole.state,
        whole.files,
        whole.ran,
        whole.noise,
    )


def test_an_index_of_five_thousand_digits_is_noise() -> None:
    report = Report(NONCE)
    report.feed(b"OPSC1 %s C %s yes\n" % (NONCE.encode(), b"9" * 5000))
    report.feed(b"OPSC1 %s F %s a b c\n" % (NONCE.encode(), b"9" * 5000))
    assert (report.ran, report.files, len(report.noise)) == ({}, [], 4096)


def test_a_line_that_never_ends_is_not_kept_and_the_next_one_is_read() -> None:
    report = Report(NONCE)
    for _ in range(12):
        report.feed(b"x" * (LINE_LIMIT // 4))
    assert len(report._rest) <= LINE_LIMIT
    report.feed(b"\nOPSC1 %s R applied -1 %s .\n" % (NONCE.encode(), token("seen").encode()))
    assert report.complete
    assert report.reason == "seen"
    assert len(report.noise) == 4096
