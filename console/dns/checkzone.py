"""named-checkzone in strict mode: its argv, and every line it prints as a finding on the right source line.

Its exit status does not tell enough (features.md 3.9: most mistakes pass with 0), and its own defaults are laxer than
named's. Messages as BIND 9.18 prints them; 9.16 and 9.20 differ in words, not in form.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace

from console.dns.zonefile import Record, ZoneText
from console.findings import Finding, Place, Severity

STRICT = ("-k", "fail", "-m", "fail", "-M", "fail", "-n", "fail", "-r", "fail", "-S", "fail", "-i", "local")
"""`-i local` judges without asking the resolver: the default takes minutes where DNS does not work."""


@dataclass(frozen=True, slots=True)
class Verdict:
    loadable: bool
    """named would load it, by the tool's last word; the exit status is for the caller to compare."""
    serial: int | None
    """`loaded serial`."""
    findings: tuple[Finding, ...]


_PLACED = re.compile(r"(?:(?P<by>dns_[a-z_]+|\$GENERATE|\$INCLUDE): )?(?P<file>\S.*?):(?P<line>\d+): (?P<say>.*)")
_UNPLACED = re.compile(r"(?P<file>\S.*): (?P<say>file does not end with newline)")
_ZONE = re.compile(r"zone (?P<zone>\S+)/(?P<rdclass>[A-Z0-9]+): (?P<say>.*)")
_LOADED = re.compile(r"loaded serial (\d+)\b.*")
_LOADING = re.compile(r"loading from master file (?P<file>.*) failed: (?P<say>.*)")
_ABOUT = re.compile(r"(?:(?P<owner>\S+)/)?(?P<type>[A-Z0-9-]+) (?:'(?P<target>[^']*)'|has semantically) .*")
_SPF = re.compile(r"'(?P<owner>[^']*)' found type SPF record.*")
_BUFFER = re.compile(r"buffer-0x[0-9a-f]+")
_NOT_LOADED = "not loaded due to errors."
_CHATTER = re.compile(r"OK|dump zone to .*|loading \".*|dumping \".*")
"""What the tools say about themselves."""

_WARNS = re.compile(
    r"warning: |ignoring out-of-zone data|TTL set to prior TTL|no TTL specified; using|using RFC1035 TTL semantics"
    r"|file does not end with newline|signature has expired|record with inherited owner|\$TTL \d+ > MAXTTL"
    r"|.*(?:semantically identical|REQUIRED GLUE|SIBLING GLUE|found type SPF record)"
)
"""What named loads all the same."""

_HINTS = (
    (re.compile(r"CNAME and other data"), "A name with a CNAME may have no other record: remove one of them."),
    (
        re.compile(r"bad owner name"),
        "Host names have letters, digits and hyphens only; named refuses others by default.",
    ),
    (re.compile(r"has no address records"), "Add an A or AAAA record for it, or put the final dot after its name."),
    (re.compile(r"is a CNAME \(illegal\)"), "Name the host that the alias stands for."),
    (
        re.compile(r"MX is an address|appears to be an address"),
        "Give a host name there, and the address in its A record.",
    ),
    (re.compile(r"out of range"), "A serial has at most 10 digits and is at most 4294967295."),
    (
        re.compile(r"unknown RR type"),
        "If this was meant as a name: only the first word of a line at its margin is one.",
    ),
    (re.compile(r"REQUIRED GLUE"), "Add the A or AAAA record of that name server to this zone."),
    (re.compile(r"unbalanced parentheses"), "Look for a '(' above that is not closed."),
    (re.compile(r"unbalanced quotes"), "Close the quote on the line that it was opened on."),
    (re.compile(r"multiple RRs of singleton type"), "Keep one of them."),
    (re.compile(r"out-of-zone data"), "Move it to the zone that it belongs to; named drops it here."),
)


def check_argv(zone: str, file: str, directory: str = "", tool: str = "named-checkzone") -> tuple[str, ...]:
    """argv to check a file. `directory`: where relative `$INCLUDE`s start, as in named's options (`-w`, not `-t`)."""
    return (tool, *STRICT, *_where(directory), _zone_name(zone), file)


def compile_argv(
    zone: str, file: str, directory: str = "", tool: str = "named-compilezone", *, raw: bool = False
) -> tuple[str, ...]:
    """argv that prints the canonical text on stdout and its messages on stderr (which `parse` reads).

    `raw`: the file is in named's raw format; what waits in its journal is read too.
    """
    lax = ("-k", "ignore", "-m", "ignore", "-M", "ignore", "-n", "ignore", "-r", "ignore", "-S", "ignore", "-i", "none")
    form = ("-f", "raw", "-j") if raw else ()
    return (tool, *lax, *form, *_where(directory), "-o", "-", _zone_name(zone), file)


def _where(directory: str) -> tuple[str, ...]:
    return ("-w", directory) if directory else ()


def _zone_name(zone: str) -> str:
    return zone.rstrip(".") or "."


def parse(output: bytes, zone: ZoneText, checked: str, file: str, directory: str = "") -> Verdict:
    """Read all that named-checkzone or named-compilezone said.

    `checked` is the path that was in argv (a temporary copy), `file` the real one that findings shall name;
    `directory` completes the relative path of an included file. Never raises.
    """
    reading = _Reading(zone, checked, file, directory)
    for line in output.decode("utf-8", "surrogateescape").split("\n"):
        if line.strip():
            reading.line(line.rstrip("\r"))
    return reading.verdict()


@dataclass(slots=True)
class _Reading:
    zone: ZoneText
    checked: str
    file: str
    directory: str
    findings: dict[Finding, None] = field(default_factory=dict)
    """In the order of the output; named says some things twice."""
    generated: list[str] = field(default_factory=list)
    """What was said about lines that $GENERATE made: the next $GENERATE message says where."""
    failures: list[Finding] = field(default_factory=list)
    """`loading … failed`: only told when nothing else tells the reason."""
    serial: int | None = None
    refused: bool = False
    index: dict[tuple[str, str], list[Record]] | None = None

    def line(self, text: str) -> None:
        if text.startswith("zone ") and (found := _ZONE.fullmatch(text)):
            self.about_zone(text, found["say"])
        elif found := _PLACED.fullmatch(text):
            self.placed(text, found["by"] or "", found["file"], int(found["line"][:9]), found["say"])
        elif found := _UNPLACED.fullmatch(text):
            self.add(text, found["say"], self.place(found["file"], len(self.zone.lines)))
        elif not _CHATTER.fullmatch(text):
            self.add(text, text, Place(self.file), Severity.INFO)

    def placed(self, text: str, by: str, file: str, line: int, say: str) -> None:
        if _BUFFER.fullmatch(file):
            self.generated.append(say)
            return
        if by == "$GENERATE" and self.generated:
            say = f"{say} ({'; '.join(self.generated)})"
            self.generated.clear()
        self.add(text, say, self.place(file, line))

    def about_zone(self, text: str, say: str) -> None:
        if found := _LOADED.fullmatch(say):
            self.serial = int(found[1][:20])
        elif say == _NOT_LOADED:
            self.refused = True
        elif found := _LOADING.fullmatch(say):
            self.failures.append(self.finding(text, found["say"], self.place(found["file"], 0), Severity.ERROR))
        else:
            self.add(text, say, Place(self.file, self.line_about(say)))

    def line_about(self, say: str) -> int:
        """The line of the record that a message without a line is about; 0 if it names none."""
        if found := _ABOUT.fullmatch(say):
            records = self.records(found["owner"] or self.zone.origin, found["type"])
            target = _key(found["target"] or "")
            exact = [r for r in records if any(r.absolute(word).lower() == target for word in r.words[-1:])]
            return _first_line(exact or records)
        if found := _SPF.fullmatch(say):
            return _first_line(self.records(found["owner"], "SPF"))
        return self.zone.soa.record.first if self.zone.soa else 0

    def records(self, owner: str, rdtype: str) -> list[Record]:
        if self.index is None:
            self.index = {}
            for record in self.zone.records:
                self.index.setdefault((record.owner.lower(), record.type), []).append(record)
        return self.index.get((_key(owner), rdtype), [])

    def place(self, file: str, line: int) -> Place:
        if file == self.checked:
            return Place(self.file, line)
        return Place(posixpath.join(self.directory, file), line)

    def add(self, text: str, say: str, where: Place, severity: Severity | None = None) -> None:
        if severity is None:
            severity = Severity.WARNING if _WARNS.match(say) else Severity.ERROR
        self.findings[self.finding(text, say, where, severity)] = None

    def finding(self, text: str, say: str, where: Place, severity: Severity) -> Finding:
        hint = next((advice for pattern, advice in _HINTS if pattern.search(say)), "")
        subject = _zone_name(self.zone.origin)
        return Finding("named", severity, subject, where, say, evidence=text, source="named-checkzone(8)", hint=hint)

    def verdict(self) -> Verdict:
        for say in self.generated:
            self.add(say, say, Place(self.file))
        loadable = self.serial is not None and not self.refused
        if loadable:
            return Verdict(True, self.serial, tuple(_milder(finding) for finding in self.findings))
        if not any(finding.severity >= Severity.ERROR for finding in self.findings):
            return Verdict(False, self.serial, (*self.findings, *(self.failures or [self.unexplained()])))
        return Verdict(False, self.serial, tuple(self.findings))

    def unexplained(self) -> Finding:
        why = "not loaded due to errors" if self.refused else "the checker did not say whether the zone loads"
        return self.finding("", why, Place(self.file), Severity.ERROR)


def _milder(finding: Finding) -> Finding:
    """In a zone that loads, nothing that named says is worse than a warning."""
    return replace(finding, severity=min(finding.severity, Severity.WARNING))


def _key(name: str) -> str:
    """A name as named prints it, in the form that records are looked up by."""
    return name.lower() if name.endswith(".") else f"{name.lower()}."


def _first_line(records: list[Record]) -> int:
    return records[0].first if records else 0
