"""Zone colours: each line alone, with what the line before left open."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console.dns import zonefile
from console.dns.highlight import START, State, after, spans, state_before

LINES = st.lists(
    st.lists(
        st.sampled_from([*'a@()";\\ \t\x1bé', "SOA", "TXT", "IN", "300", "$TTL", "1.2"]),
        max_size=12,
    ).map("".join),
    max_size=8,
)


def coloured(line: str, state: State = START) -> list[tuple[str, str]]:
    return [(line[start:end], kind) for start, end, kind in spans(line, state)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("$TTL 1h ; day", [("$TTL", "directive"), ("1h", "ttl"), ("; day", "comment")]),
        ("$BAD x", [("$BAD", "error")]),
        ("www 300 IN A 192.0.2.1",
         [("www", "owner"), ("300", "ttl"), ("IN", "class"), ("A", "type"), ("192.0.2.1", "number")]),
        ("\tin mx 10 mail", [("in", "class"), ("mx", "type"), ("10", "number")]),
        ("AAAA AAAA 2001:db8::1", [("AAAA", "owner"), ("AAAA", "type"), ("2001:db8::1", "number")]),
        ('t TXT "a;(b" c', [("t", "owner"), ("TXT", "type"), ('"a;(b"', "string")]),
        ("t TXT v=DKIM1; k=rsa", [("t", "owner"), ("TXT", "type"), ("; k=rsa", "comment")]),
        ('t TXT "open', [("t", "owner"), ("TXT", "type"), ('"open', "error")]),
        ('t TXT "a"\\;b ; c', [("t", "owner"), ("TXT", "type"), ('"a"', "string"), ("; c", "comment")]),
        ("x FOO 1", [("x", "owner"), ("FOO", "error"), ("1", "number")]),
        ("x A 1.2.3.4 )", [("x", "owner"), ("A", "type"), ("1.2.3.4", "number"), (")", "error")]),
        ("@ SOA ns hm 2026112301 1h", [("@", "owner"), ("SOA", "type"), ("2026112301", "serial")]),
        ("", []),
    ],
)  # fmt: skip
def test_one_line(line: str, expected: list[tuple[str, str]]) -> None:
    assert coloured(line) == expected
    assert after(line) == START


def test_serial_over_lines() -> None:
    lines = ["@ IN SOA ns1 hm ( ; start", "", "  2026112301 ; serial", "  3600 900 )", "www A 192.0.2.1"]
    assert coloured(lines[2], state_before(lines, 2)) == [("2026112301", "serial"), ("; serial", "comment")]
    assert coloured(lines[3], state_before(lines, 3)) == [("3600", "number"), ("900", "number")]
    assert state_before(lines, 4) is START


def test_string_carried_over_a_line() -> None:
    lines = ['x TXT "carry \\', 'more" rest', "y A 1.2.3.4"]
    assert coloured(lines[1], state_before(lines, 1)) == [('more"', "string")]
    assert state_before(lines, 2) is START


def test_known_states_are_used_and_fed() -> None:
    lines = ["@ SOA a b (", *["  1"] * 50, ")", *["w A 1.2.3.4"] * 50]
    known: dict[int, State] = {}
    assert state_before(lines, 40, known).depth == 1
    assert set(known) == {40}
    known[90] = State(depth=7)
    assert state_before(lines, 95, known).depth == 7


@given(LINES)
@example(['"\\', ""])
def test_any_lines_give_spans_in_order_inside_the_line(lines: list[str]) -> None:
    state = START
    for index, line in enumerate(lines):
        assert state_before(lines, index) == state
        end = 0
        for start, stop, _ in spans(line, state):
            assert end <= start < stop <= len(line)
            end = stop
        state = after(line, state)


@given(LINES)
def test_open_parentheses_agree_with_the_parser(lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    zone = zonefile.parse(text.encode("latin-1"), "example.com")
    never_closed = any(warning.why == "parenthesis is never closed" for warning in zone.warnings)
    assert (state_before([*lines, ""], len(lines)).depth > 0) == never_closed
