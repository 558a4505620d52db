"""A zone file, lossless: its bytes stay as they are; records, directives and the serial's place are read from them.

Ordinary lines take one anchored regex; lines with quotes, parentheses or escapes take the tokenizer. Reading follows
BIND 9.18 (lib/dns/master.c, lib/isc/lex.c): where named would refuse a line there is a warning, never an exception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from console.dns import tokens
from console.dns.tokens import Entry, Token


class Record(NamedTuple):
    """One resource record as written. A named tuple, because a zone may have a million."""

    owner: str
    """Absolute, with the final dot; escapes and case as written."""
    ttl: int | None
    """Seconds: its own, else from `$TTL`, else the previous record's; None when this file does not say."""
    rdclass: str
    type: str
    """Upper case."""
    rdata: str
    """As written, on one line: without parentheses and comments; see `words`."""
    first: int
    """1-based line of its first word."""
    last: int
    written: str
    """The owner as written; empty when the line starts blank and so takes the previous owner."""
    own_ttl: bool
    """The TTL stands in the record."""
    origin: str
    """What relative names in it are completed with."""

    @property
    def inherited(self) -> bool:
        return not self.written

    @property
    def words(self) -> tuple[str, ...]:
        """The rdata's words, quotes and escapes kept (`tokens.unescape`), names not completed (`absolute`)."""
        return tokens.words(self.rdata)

    def absolute(self, name: str) -> str:
        """A name of the rdata, completed."""
        return tokens.absolute(name, self.origin)


@dataclass(frozen=True, slots=True)
class Directive:
    name: str
    """`$ORIGIN`, `$TTL`, `$INCLUDE`, `$GENERATE`, or an unknown one; upper case."""
    args: tuple[str, ...]
    line: int
    origin: str
    """In force where it stands."""


@dataclass(frozen=True, slots=True)
class Soa:
    """The first SOA of the file and where its serial stands."""

    record: Record
    serial_text: str
    """Empty when the record ends before it."""
    serial: int | None
    """None if the text is no number. May be too large for 32 bits."""
    line: int
    """Of the serial."""
    start: int
    """Byte offset of the serial in the file."""
    end: int


@dataclass(frozen=True, slots=True)
class Warn:
    line: int
    why: str


@dataclass(frozen=True, slots=True)
class ZoneText:
    data: bytes
    origin: str
    """Of the zone, with the final dot."""
    lines: tuple[bytes, ...]
    """With their line ends; joined they are `data`."""
    records: tuple[Record, ...]
    directives: tuple[Directive, ...]
    soa: Soa | None
    cut_texts: tuple[tuple[int, int], ...]
    """(index in `records`, byte offset of `;`) of TXT and SPF records with a comment right after an unquoted word."""
    warnings: tuple[Warn, ...]

    def to_bytes(self) -> bytes:
        return b"".join(self.lines)

    @property
    def serial(self) -> int | None:
        return self.soa.serial if self.soa else None

    @property
    def serial_problem(self) -> str:
        """Why the serial cannot be changed in this file; empty when it can."""
        if self.soa is not None:
            if self.soa.serial is None:
                return f"Line {self.soa.line}: the SOA has no number where its serial should be."
            return ""
        includes = [d for d in self.directives if d.name == "$INCLUDE"]
        if includes:
            where = ", ".join(f"{' '.join(d.args[:1])} (line {d.line})" for d in includes)
            return f"The serial is not in this file: it has no SOA, but includes {where}."
        return "The file has no SOA record."


class SerialError(ValueError):
    """The serial cannot be set; str() says why."""


_WORD = r"[!#-\'*-:<-\[\]-~]"
"""Printable ASCII without `"`, `(`, `)`, `;` and backslash."""
_LINE = re.compile(
    rf"""
    (?!\$)({_WORD}++)?+ [ \t]++
    (?: (\d\w*+)[ \t]++ (?:[Ii][Nn][ \t]++)?+ | [Ii][Nn][ \t]++ (?:(\d\w*+)[ \t]++)?+ )?+
    ([A-Za-z][\w-]*+) [ \t]++
    ({_WORD}(?:[!#-'*-:<-\[\]-~ \t]*{_WORD})?+ | "[^"\\\n]*+"(?:[ \t]++"[^"\\\n]*+")*+) [ \t]*+
    (?:;[^\n]*+)?+ (?:\r?\n|\Z)
    """,
    re.VERBOSE | re.ASCII,
)
_EMPTY = re.compile(r"(?:[ \t]*+(?:;[^\n]*+)?+\r?\n)++")
_QUICK = {form: name for name in tokens.TYPES - {"SOA"} for form in (name, name.lower())}
_TEXTS = ("TXT", "SPF")
_BOM = "\xef\xbb\xbf"


def parse(data: bytes, origin: str) -> ZoneText:
    """Read a zone file. `origin` is the zone's name, with or without its final dot. Never raises on any bytes."""
    text = data.decode("latin-1")
    reader = _Reader(text, origin if tokens.is_absolute(origin) else f"{origin}.")
    reader.run()
    lines = tuple(data.splitlines(keepends=True)) if b"\r" not in data else tuple(re.findall(rb"[^\n]*\n|[^\n]+", data))
    return ZoneText(
        data,
        reader.zone,
        lines,
        tuple(reader.records),
        tuple(reader.directives),
        reader.soa,
        tuple(reader.cut_texts),
        tuple(reader.warnings),
    )


def with_serial(zone: ZoneText, serial: int) -> bytes:
    """The file with another serial, no other byte changed. SerialError when it has none or the number is no serial."""
    if zone.serial_problem or zone.soa is None:
        raise SerialError(zone.serial_problem)
    if not 0 <= serial <= tokens.SERIAL_MAX:
        raise SerialError(f"{serial} does not fit in 32 bits.")
    return zone.data[: zone.soa.start] + str(serial).encode() + zone.data[zone.soa.end :]


class _Reader:
    """State of one pass over the text, as BIND's loader keeps it."""

    def __init__(self, text: str, zone: str) -> None:
        self.text = text
        self.zone = zone
        self.origin = zone
        self.owner = ""
        self.default_ttl: int | None = None
        self.last_ttl: int | None = None
        self.times: dict[str, int] = {}
        self.records: list[Record] = []
        self.directives: list[Directive] = []
        self.warnings: list[Warn] = []
        self.cut_texts: list[tuple[int, int]] = []
        self.soa: Soa | None = None

    def run(self) -> None:
        text, size = self.text, len(self.text)
        position, line = 0, 1
        if text.startswith(_BOM):
            position = len(_BOM)
            self.warn(1, "starts with a byte order mark, which named takes for a name")
        while position < size:
            position, line = self.plain_lines(position, line)
            if position >= size:
                break
            empty = _EMPTY.match(text, position)
            if empty is not None:
                line += text.count("\n", position, empty.end())
                position = empty.end()
                continue
            entry = tokens.entry_at(text, position, line)
            self.entry(entry, line)
            position, line = entry.end, line + entry.lines
        if size and not text.endswith("\n"):
            self.warn(text.count("\n") + 1, "file does not end with a newline")

    def plain_lines(self, position: int, line: int) -> tuple[int, int]:
        """Take ordinary record lines as long as they come; the hot loop."""
        match, text, quick = _LINE.match, self.text, _QUICK
        new, append = tuple.__new__, self.records.append
        owner, origin = self.owner, self.origin
        suffix = "." if origin == "." else f".{origin}"
        default_ttl, last_ttl, times = self.default_ttl, self.last_ttl, self.times
        effective: int | None
        while (found := match(text, position)) is not None:
            written, ttl_first, ttl_last, kind, rest = found.groups()
            rdtype = quick.get(kind)
            if rdtype is None or (rdtype in _TEXTS and rest[0] != '"'):
                break
            if written is None:
                if not owner:
                    break
                written = ""
            elif written == "@":
                owner = origin
            else:
                owner = written if written[-1] == "." else written + suffix
            own = ttl_first or ttl_last
            if own is not None:
                seconds = times.get(own)
                if seconds is None:
                    seconds = tokens.ttl_seconds(own)
                    if seconds is None:
                        break
                    times[own] = seconds
                last_ttl = effective = seconds
            else:
                effective = last_ttl if default_ttl is None else default_ttl
            values = (owner, effective, "IN", rdtype, rest, line, line, written, own is not None, origin)
            append(new(Record, values))
            position = found.end()
            line += 1
        self.owner, self.last_ttl = owner, last_ttl
        return position, line

    def warn(self, line: int, why: str) -> None:
        self.warnings.append(Warn(line, why))

    def entry(self, entry: Entry, line: int) -> None:
        for where, why in entry.problems:
            self.warn(where, why)
        if not entry.tokens:
            return
        if not entry.blank and entry.tokens[0].text.startswith("$"):
            self.directive(entry.tokens)
        else:
            self.record(entry)

    def directive(self, words: list[Token]) -> None:
        name, line = words[0].text.upper(), words[0].line
        args = tuple(word.text for word in words[1:])
        self.directives.append(Directive(name, args, line, self.origin))
        if name not in ("$ORIGIN", "$TTL", "$INCLUDE", "$GENERATE", "$DATE"):
            self.warn(line, f"unknown directive {words[0].text}")
        elif not args:
            self.warn(line, f"{name} without a value")
        elif name == "$ORIGIN":
            self.set_origin(tokens.absolute(args[0], self.origin), line)
        elif name == "$TTL":
            seconds = tokens.ttl_seconds(args[0])
            if seconds is None:
                self.warn(line, f"$TTL {args[0]} is not a time")
            else:
                self.default_ttl = seconds

    def set_origin(self, name: str, line: int) -> None:
        if len(name) > tokens.NAME_MAX:
            self.warn(line, "$ORIGIN is longer than a name can be")
        else:
            self.origin = name

    def record(self, entry: Entry) -> None:
        words = entry.tokens
        first = words[0].line
        written = ""
        if not entry.blank:
            written = words[0].text
            self.owner = tokens.absolute(written, self.origin)
            words = words[1:]
        if not self.owner:
            self.warn(first, "no current owner name")
            return
        ttl, rdclass, words = _ttl_and_class(words)
        if not words:
            self.warn(first, "record without a type")
            return
        kind = words[0].text
        if not tokens.is_type(kind):
            self.warn(words[0].line, f"unknown type {kind}")
        rdata = " ".join(word.text for word in words[1:])
        last = words[-1].line + words[-1].text.count("\n")
        record = Record(
            self.owner,
            self.ttl_of(ttl),
            rdclass,
            kind.upper(),
            rdata,
            first,
            last,
            written,
            ttl is not None,
            self.origin,
        )
        self.records.append(record)
        if record.type == "SOA":
            self.start_of_authority(record, words[1:])
        elif entry.cut >= 0 and record.type in _TEXTS:
            self.cut_texts.append((len(self.records) - 1, entry.cut))

    def ttl_of(self, own: int | None) -> int | None:
        if own is not None:
            self.last_ttl = own
            return own
        return self.last_ttl if self.default_ttl is None else self.default_ttl

    def start_of_authority(self, record: Record, rdata: list[Token]) -> None:
        if record.ttl is None and len(rdata) > 6:
            minimum = tokens.ttl_seconds(rdata[6].text)
            self.default_ttl = minimum
            record = record._replace(ttl=minimum)
            self.records[-1] = record
        if self.soa is not None:
            self.warn(record.first, f"another SOA; the first one is on line {self.soa.record.first}")
            return
        if len(rdata) < 3:
            self.soa = Soa(record, "", None, record.last, 0, 0)
            return
        text, start, line = rdata[2]
        self.soa = Soa(record, text, int(text) if _is_number(text) else None, line, start, start + len(text))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 100


def _ttl_and_class(words: list[Token]) -> tuple[int | None, str, list[Token]]:
    """Take TTL and class off the front, in either order, each at most once (RFC 1035 5.1)."""
    ttl: int | None = None
    rdclass = ""
    while words:
        text = words[0].text
        if ttl is None and (seconds := tokens.ttl_seconds(text)) is not None:
            ttl = seconds
        elif not rdclass and (known := tokens.class_of(text)):
            rdclass = known
        else:
            break
        words = words[1:]
    return ttl, rdclass or "IN", words
