"""What named-checkzone lets pass although it breaks mail or names: the console's own rules over a zone file.

Each rule is a small pure function that yields what it found; `RULES` is the one place that lists them. The mistakes and
their measured effects are in features.md 3.1 and 3.9 of the project's reference notes; the ids are the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from console.dns import serial as serials
from console.dns import tokens
from console.dns.zonefile import Record, ZoneText
from console.findings import Finding, Place, Severity


class Hit(NamedTuple):
    line: int
    why: str
    """One sentence."""
    evidence: str = ""


class Zone:
    """A zone text and the look-ups that several rules share, each built once and in one pass."""

    def __init__(self, text: ZoneText, today: date) -> None:
        self.text = text
        self.today = today
        self.apex = text.origin.lower()
        self.name = self.apex.rstrip(".")
        self.by_type: dict[str, list[Record]] = defaultdict(list)
        self.owners: set[str] = set()
        for record in text.records:
            self.by_type[record.type].append(record)
            self.owners.add(record.owner.lower())
        self.addressed = {r.owner.lower() for kind in ("A", "AAAA") for r in self.by_type[kind]}
        self.delegated = {r.owner.lower() for r in self.by_type["NS"]} - {self.apex}
        self.whole = not any(d.name in ("$INCLUDE", "$GENERATE") for d in text.directives)
        """Every record of the zone is in the text, so that a name that is not there does not exist."""

    def inside(self, name: str) -> bool:
        """At or below the zone's name."""
        return within(name, self.apex)

    def repeats_origin(self, name: str, origin: str) -> bool:
        """A relative name that ends in the zone's own name and is completed with it once more.

        One-label zones are left alone, and `$ORIGIN .`, under which BIND writes its own files.
        """
        if "." not in self.name or tokens.is_absolute(name) or not self.inside(origin.lower()):
            return False
        lower = name.lower()
        return lower == self.name or lower.endswith(f".{self.name}")

    def exists(self, name: str) -> bool:
        """Has records, or a wildcard or a delegation may answer for it. Names that are too long are not judged."""
        if name in self.owners or len(name) > tokens.NAME_MAX:
            return True
        return any(up in self.delegated or f"*.{up}" in self.owners for up in ancestors(name, self.apex))


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    severity: Severity
    source: str
    hint: str
    check: Callable[[Zone], Iterator[Hit]]


def within(name: str, parent: str) -> bool:
    """Absolute lower-case names; a name is within itself."""
    return parent == "." or name == parent or name.endswith(f".{parent}")


def ancestors(name: str, top: str) -> Iterator[str]:
    """The names above `name`, up to and including `top`."""
    while name != top and "." in name[:-1]:
        name = name.split(".", 1)[1]
        yield name


HOST_WORD = {"NS": 0, "CNAME": 0, "DNAME": 0, "PTR": 0, "MX": 1, "KX": 1, "AFSDB": 1, "SVCB": 1, "HTTPS": 1, "SRV": 3}
"""Which word of the rdata is a name."""

_COMMON_ENDS = frozenset("com net org edu gov mil int arpa info biz".split())  # noqa: SIM905


def hosts(zone: Zone) -> Iterator[tuple[Record, str]]:
    """(record, name as written) of every name in rdata."""
    for kind, index in HOST_WORD.items():
        for record in zone.by_type[kind]:
            words = record.words
            if len(words) > index:
                yield record, words[index]
    for record in zone.by_type["SOA"]:
        for word in record.words[:2]:
            yield record, word


def texts(zone: Zone) -> Iterator[tuple[Record, tuple[bytes, ...]]]:
    """TXT and SPF records with the bytes of their strings."""
    for kind in ("TXT", "SPF"):
        for record in zone.by_type[kind]:
            yield record, tuple(tokens.unescape(word) for word in record.words)


def is_spf(strings: tuple[bytes, ...]) -> bool:
    """RFC 7208 4.5: the version, then a space or the end."""
    joined = b"".join(strings).lower()
    return joined == b"v=spf1" or joined.startswith(b"v=spf1 ")


def serial_range(zone: Zone) -> Iterator[Hit]:
    soa = zone.text.soa
    if soa is None or (soa.serial is not None and soa.serial <= serials.MAX):
        return
    digits = f"has {len(soa.serial_text)} digits and " if len(soa.serial_text) > 10 else ""
    why = f"Serial {soa.serial_text[:40]} {digits}does not fit in 32 bits: named refuses the zone."
    if soa.serial is None:
        why = f"The SOA has {soa.serial_text[:40]!r} where its serial should be: named refuses the zone."
    yield Hit(soa.line, why, soa.serial_text)


def serial_in_the_future(zone: Zone) -> Iterator[Hit]:
    soa = zone.text.soa
    day = serials.date_of(soa.serial) if soa and soa.serial is not None else None
    if soa and day and day > zone.today + timedelta(days=1):
        why = f"Serial {soa.serial} is dated {day:%Y-%m-%d}, in the future: until then only counting on is possible."
        yield Hit(soa.line, why, soa.serial_text)


def rdata_without_dot(zone: Zone) -> Iterator[Hit]:
    for record, name in hosts(zone):
        if tokens.is_absolute(name) or name == "@" or "." not in name or record.origin == ".":
            continue
        full = record.absolute(name)
        if zone.repeats_origin(name, record.origin) or (
            _foreign_end(name, zone) and zone.whole and not zone.exists(full.lower())
        ):
            yield Hit(record.first, f"{record.type} name {name} has no final dot, so it means {full}", record.rdata)


def _foreign_end(name: str, zone: Zone) -> bool:
    """Ends in a top level domain that everybody knows, or in the zone's own."""
    last = name.rsplit(".", 1)[1].lower()
    return last in _COMMON_ENDS or ("." in zone.name and last == zone.name.rsplit(".", 1)[1])


def owner_repeats_origin(zone: Zone) -> Iterator[Hit]:
    for record in zone.text.records:
        written = record.written
        if written and written[-1] != "." and "." in written and zone.repeats_origin(written, record.origin):
            yield Hit(record.first, f"Owner {written} has no final dot, so it means {record.owner}", written)
    for directive in zone.text.directives:
        if directive.name == "$ORIGIN" and directive.args and zone.repeats_origin(directive.args[0], directive.origin):
            full = tokens.absolute(directive.args[0], directive.origin)
            yield Hit(directive.line, f"$ORIGIN {directive.args[0]} has no final dot, so it means {full}")


def pointer_without_dot(zone: Zone) -> Iterator[Hit]:
    if not within(zone.apex, "arpa."):
        return
    for record in zone.by_type["PTR"]:
        name = "".join(record.words[:1])
        if name and name != "@" and not tokens.is_absolute(name) and within(record.origin.lower(), "arpa."):
            why = f"PTR name {name} has no final dot, so it means {record.absolute(name)}"
            yield Hit(record.first, why, record.rdata)


def string_too_long(zone: Zone) -> Iterator[Hit]:
    for record, strings in texts(zone):
        longest = max(map(len, strings), default=0)
        if longest > 255:
            yield Hit(record.first, f"A string of this {record.type} record has {longest} bytes; 255 is the limit.")


_SPF_TERM = re.compile(
    rb"[+~?-]?(?:(?:ip4|ip6|include|exists):|(?:redirect|exp)=|all(?= |\Z)|(?:a|mx|ptr)(?=[ :/]|\Z))", re.I
)

_OPEN_ENDS = (b" ", b":", b"=", b"+", b"-", b"~", b"?")
"""A string that ends so wants the next one to go on without a space."""


def spf_chunks_glued(zone: Zone) -> Iterator[Hit]:
    for record, strings in texts(zone):
        if len(strings) < 2 or not is_spf((*strings[:1], b" ", *strings[1:])):
            continue
        for left, right in pairwise(strings):
            if left and left[-1:] not in _OPEN_ENDS and _SPF_TERM.match(right):
                end = left.rsplit(b" ", 1)[-1].decode("latin-1")
                why = f"The strings are joined without a space: {end!r} runs into {right.decode('latin-1')!r}."
                yield Hit(record.first, why, record.rdata)
                break


_TAG = re.compile(rb";\s*[A-Za-z][A-Za-z0-9_]*\s*=")


def semicolon_cuts_text(zone: Zone) -> Iterator[Hit]:
    data = zone.text.data
    for index, offset in zone.text.cut_texts:
        record = zone.text.records[index]
        glued = data[offset - 1 : offset] not in (b" ", b"\t")
        if record.rdata and (glued or _TAG.match(data, offset)):
            line_end = data.find(b"\n", offset)
            lost = data[offset : line_end if line_end >= 0 else len(data)].decode("latin-1").strip()
            why = f"A ';' outside quotes starts a comment: the record is only {record.rdata}."
            yield Hit(record.first, why, lost)


def mixed_ttls(zone: Zone) -> Iterator[Hit]:
    seen: dict[tuple[str, str], int] = {}
    told: set[tuple[str, str]] = set()
    for record in zone.text.records:
        if record.ttl is None or record.type == "RRSIG":
            continue
        key = (record.owner.lower(), record.type)
        first = seen.setdefault(key, record.ttl)
        if first != record.ttl and key not in told:
            told.add(key)
            why = f"TTL {record.ttl} here and {first} above in one set: named keeps only one of them."
            yield Hit(record.first, why, f"{record.owner} {record.type}")


def out_of_zone(zone: Zone) -> Iterator[Hit]:
    end = zone.apex if zone.apex == "." else f".{zone.apex}"
    for record in zone.text.records:
        owner = record.owner.lower()
        if not owner.endswith(end) and owner != zone.apex:
            yield Hit(record.first, f"{record.owner} is not in this zone: named drops the record.", record.rdata)


def rname_with_at(zone: Zone) -> Iterator[Hit]:
    for record in zone.by_type["SOA"]:
        rname = "".join(record.words[1:2])
        if "@" in rname and rname != "@":
            why = f"The mailbox {rname} of the SOA has an '@'; in DNS its first dot takes that place."
            yield Hit(record.first, why, rname)


def default_ttl_missing(zone: Zone) -> Iterator[Hit]:
    setters = [d.line for d in zone.text.directives if d.name in ("$TTL", "$INCLUDE")]
    start = min(setters, default=None)
    for record in zone.text.records:
        if start is not None and record.first > start:
            return
        if not record.own_ttl:
            yield Hit(record.first, "There is no $TTL above: the TTL comes from the SOA's minimum or a neighbour.")
            return


def type_spf(zone: Zone) -> Iterator[Hit]:
    for record in zone.by_type["SPF"]:
        yield Hit(record.first, f"{record.owner} has a record of type SPF, which nothing reads any more.", record.rdata)


def several_spf(zone: Zone) -> Iterator[Hit]:
    first: dict[str, tuple[Record, tuple[bytes, ...]]] = {}
    for record, strings in texts(zone):
        if record.type == "TXT" and is_spf(strings):
            other, same = first.setdefault(record.owner.lower(), (record, strings))
            if same != strings:
                why = f"{record.owner} has an SPF record on line {other.first} already: two make every check fail."
                yield Hit(record.first, why, record.rdata)


def glue_missing(zone: Zone) -> Iterator[Hit]:
    if not zone.whole:
        return
    for record in zone.by_type["NS"]:
        owner = record.owner.lower()
        target = record.absolute("".join(record.words[:1]) or ".").lower()
        if owner != zone.apex and zone.inside(owner) and within(target, owner) and target not in zone.addressed:
            why = f"{target} serves {record.owner} from inside it, but has no A or AAAA record here to reach it by."
            yield Hit(record.first, why, record.rdata)


RULES = (
    Rule("Z003", Severity.CRITICAL, "RFC 1982 2", "Write today's date and at most 99 changes a day.", serial_range),
    Rule("Z004", Severity.WARNING, "RFC 1912 2.2", "Keep counting, or go back in two steps.", serial_in_the_future),
    Rule("Z006", Severity.ERROR, "RFC 1035 5.1", "Put a dot after the name.", rdata_without_dot),
    Rule("Z007", Severity.ERROR, "RFC 1035 5.1", "Put a dot after the name, or shorten it.", owner_repeats_origin),
    Rule("Z008", Severity.ERROR, "RFC 1912 2.4", "Put a dot after the name.", pointer_without_dot),
    Rule("Z009", Severity.CRITICAL, "RFC 1035 3.3", 'Split it: "first part" "second part".', string_too_long),
    Rule("Z010", Severity.ERROR, "RFC 7208 3.3", "Put the space inside one of the strings.", spf_chunks_glued),
    Rule("Z011", Severity.CRITICAL, "RFC 1035 5.1", "Put quotes around the text.", semicolon_cuts_text),
    Rule("Z019", Severity.WARNING, "RFC 2181 5.2", "Make them equal.", mixed_ttls),
    Rule("Z020", Severity.ERROR, "RFC 1034 4.2.1", "Move it to its own zone.", out_of_zone),
    Rule("Z024", Severity.WARNING, "RFC 1912 2.2", "Write hostmaster.example.com. for it.", rname_with_at),
    Rule("Z029", Severity.WARNING, "RFC 2308 4", "Put a $TTL line at the top.", default_ttl_missing),
    Rule("Z031", Severity.WARNING, "RFC 7208 3.1", "Keep the TXT record only.", type_spf),
    Rule("Z032", Severity.CRITICAL, "RFC 7208 4.5", "Merge them into one.", several_spf),
    Rule("Z035", Severity.ERROR, "RFC 1034 4.2.1", "Add the address of the name server.", glue_missing),
)


def lint(zone: ZoneText, file: str, today: date) -> tuple[Finding, ...]:
    """All that the rules find, in the order of the lines. Linear in the size of the zone."""
    view = Zone(zone, today)
    subject = view.name or "."
    found = [
        Finding(rule.id, rule.severity, subject, Place(file, line), why, evidence, rule.source, hint=rule.hint)
        for rule in RULES
        for line, why, evidence in rule.check(view)
    ]
    return tuple(sorted(found, key=lambda finding: (finding.where.line, finding.id)))
