"""Words of a zone file: names, escapes, TTLs, quoted strings (RFC 1035 5.1, read as BIND reads them).

Text is the file decoded as latin-1, so that one character is one byte and nothing is lost.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SERIAL_MAX = 0xFFFFFFFF

NAME_MAX = 1020
"""Characters of the longest name: 255 bytes (RFC 1035 2.3.4), each written as \\DDD."""

CLASSES = {"IN": "IN", "CH": "CH", "CHAOS": "CH", "HS": "HS", "HESIOD": "HS"}

_TYPE_WORDS = """
    A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT NSAP NSAP-PTR SIG KEY PX GPOS
    AAAA LOC NXT EID NIMLOC SRV ATMA NAPTR KX CERT A6 DNAME SINK APL DS SSHFP IPSECKEY RRSIG NSEC DNSKEY DHCID NSEC3
    NSEC3PARAM TLSA SMIMEA HIP NINFO RKEY TALINK CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS SPF UINFO UID GID
    UNSPEC NID L32 L64 LP EUI48 EUI64 URI CAA AVC DOA AMTRELAY RESINFO WALLET TA DLV
"""
TYPES = frozenset(_TYPE_WORDS.split())
"""Types that BIND 9.18 has a name for; `TYPE123` (RFC 3597) is known besides."""

_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t]+)
    | (?P<comment>;[^\n]*)
    | (?P<end>\r?\n|\r)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<quoted>"(?:[^"\\\n]++|\\[\s\S])*+"?)
    | (?P<word>(?:[^ \t\r\n;()"\\]++|\\[^\r\n]|\\)++)
    """,
    re.VERBOSE,
)
_WORDS = re.compile(r'"(?:[^"\\\n]++|\\[\s\S])*+"?|(?:[^ \t\r\n;()"\\]++|\\[^\r\n]|\\)++')
_GENERIC_TYPE = re.compile(r"TYPE\d{1,5}", re.IGNORECASE)
_GENERIC_CLASS = re.compile(r"CLASS\d{1,5}", re.IGNORECASE)
_TTL_PART = re.compile(r"(\d+)([wdhms]?)", re.IGNORECASE)
_TTL = re.compile(r"\d+|(?:\d+[wdhms])+", re.IGNORECASE)
_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1, "": 1}
_ESCAPE = re.compile(r"\\(?:(\d\d\d)|([\s\S])|\Z)")


class Token(NamedTuple):
    """One word or quoted string."""

    text: str
    """As written, with quotes and escapes."""
    start: int
    """Offset of its first byte in the file."""
    line: int
    """1-based."""


class Entry(NamedTuple):
    """Everything up to the end of line that ends it, which parentheses may carry over lines."""

    tokens: list[Token]
    blank: bool
    """Starts with white space: the owner is the previous one."""
    end: int
    """Offset after it."""
    lines: int
    """Line ends that it took."""
    problems: list[tuple[int, str]]
    """(line, why)"""
    cut: int
    """Offset of the first `;` that follows an unquoted word on its line; -1: none."""


def entry_at(text: str, start: int, line: int) -> Entry:
    """Read one entry, beginning at the start of a line."""
    tokens: list[Token] = []
    problems: list[tuple[int, str]] = []
    depth = opened = lines = 0
    cut = -1
    after_word = False
    position = start
    size = len(text)
    scan = _TOKEN.match
    while position < size:
        match = scan(text, position)
        if match is None:  # pragma: no cover - the pattern takes every character
            break
        kind = match.lastgroup
        begin, position = position, match.end()
        if kind == "word":
            tokens.append(Token(match[0], begin, line + lines))
        elif kind == "quoted":
            tokens.append(Token(match[0], begin, line + lines))
            if not closed(match[0]):
                problems.append((line + lines, "quote is not closed on its line"))
            lines += match[0].count("\n")
        elif kind == "comment":
            cut = begin if after_word and cut < 0 else cut
        elif kind == "open":
            opened = opened if depth else line + lines
            depth += 1
        elif kind == "close":
            if depth:
                depth -= 1
            else:
                problems.append((line + lines, "closing parenthesis without an opening one"))
        elif kind == "end":
            lines += match[0].endswith("\n")
            if not depth:
                break
        after_word = kind == "word" or (after_word and kind == "blank")
    if depth:
        problems.append((opened, "parenthesis is never closed"))
    return Entry(tokens, text[start : start + 1] in (" ", "\t"), position, lines, problems, cut)


def words(text: str) -> tuple[str, ...]:
    """Words and quoted strings of rdata on one line, as written."""
    return tuple(_WORDS.findall(text))


def closed(token: str) -> bool:
    """True for a quoted string that has its closing quote."""
    return len(token) >= 2 and token.endswith('"') and not _ends_escaped(token[1:])


def _ends_escaped(text: str) -> bool:
    """True if the last character is taken by a backslash before it."""
    head = text[:-1]
    return (len(head) - len(head.rstrip("\\"))) % 2 == 1


def is_absolute(name: str) -> bool:
    """True for a name that ends in a dot that is not escaped."""
    return name.endswith(".") and not (name.endswith("\\.") and _ends_escaped(name))


def absolute(name: str, origin: str) -> str:
    """The name as BIND completes it; `origin` ends in a dot. Escapes and case stay as written."""
    if name == "@":
        return origin
    if is_absolute(name):
        return name
    return f"{name}." if origin == "." else f"{name}.{origin}"


def unescape(token: str) -> bytes:
    """Bytes of a character string: quotes taken off, \\DDD and \\X resolved (RFC 1035 5.1). \\256 and above wrap."""
    if token.startswith('"'):
        token = token[1:-1] if closed(token) else token[1:]
    if "\\" not in token:
        return token.encode("latin-1")
    return _ESCAPE.sub(_unescaped, token).encode("latin-1")


def _unescaped(match: re.Match[str]) -> str:
    code, char = match.groups()
    if code is not None:
        return chr(int(code) & 0xFF)
    return char or ""


def ttl_seconds(text: str) -> int | None:
    """`3600`, `1h30m`, `2W`: seconds; None if it is not a TTL for BIND or does not fit in 32 bits."""
    if _TTL.fullmatch(text) is None:
        return None
    if len(text) > 40:
        return None
    total = sum(int(number) * _SECONDS[unit.lower()] for number, unit in _TTL_PART.findall(text))
    return total if total <= SERIAL_MAX else None


def class_of(text: str) -> str | None:
    """Canonical class, None if the word is none."""
    upper = text.upper()
    return CLASSES.get(upper) or (upper if _GENERIC_CLASS.fullmatch(upper) else None)


def is_type(text: str) -> bool:
    upper = text.upper()
    return upper in TYPES or _GENERIC_TYPE.fullmatch(upper) is not None
