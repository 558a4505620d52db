"""named's log lines, from the journal, a file with any print-* setting, or old syslog, as events.

Pure: any bytes in, `LogEvent` out, nothing raises. Formats measured with BIND 9.18.49; the 9.11 forms lack `@0x…`
after `client` and the serial at the end of transfers. Views add `view NAME:` or a third part to the zone name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from console.dns.state import LogSource
from console.findings import Severity


class Kind(Enum):
    """What a line tells. The values are the words that screens and `--json` use."""

    LOADED = "loaded"
    NOT_LOADED = "not loaded"
    ZONE_ERROR = "zone error"
    """A line of a zone file that named did not understand; it names file and line, not the zone."""
    SERIAL_SAME = "serial unchanged"
    SERIAL_BACK = "serial gone backwards"
    NOTIFIES = "sending notifies"
    NOTIFY_FAILED = "notify failed"
    XFR_STARTED = "transfer started"
    XFR_ENDED = "transfer ended"
    XFR_FALLBACK = "no journal, whole zone instead"
    XFR_DENIED = "transfer denied"
    XFR_REFUSED = "not authoritative for transfer"
    XFR_FAILED = "transfer failed"
    NOTIFY_GOT = "notify received"
    NOTIFY_SERIAL = "notify tells a serial"
    NOTIFY_REFUSED = "notify refused"
    UP_TO_DATE = "up to date"
    REFRESH_FAILED = "refresh failed"
    FETCH_STARTED = "fetch started"
    FETCH_DONE = "fetch done"
    FETCH_FAILED = "fetch failed"
    EXPIRED = "expired"
    UPDATED = "updated"
    UPDATE_DENIED = "update denied"
    TSIG_FAILED = "bad signature"
    FROZEN = "frozen"
    THAWED = "thawed"
    COMMAND = "rndc command"
    SERVER = "server"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line. Empty strings and None where the line does not say."""

    text: str
    """The message as named wrote it, not yet made safe."""
    kind: Kind = Kind.OTHER
    zone: str = ""
    view: str = ""
    peer: str = ""
    """Address of the other side, without port."""
    serial: int | None = None
    severity: Severity = Severity.INFO
    time: str = ""
    """As the line has it."""
    category: str = ""
    detail: str = ""
    """`AXFR`, `IXFR`, `AXFR-style IXFR`, or the reason of a failure."""


_SEVERITIES = {
    "debug": Severity.INFO,
    "info": Severity.INFO,
    "notice": Severity.NOTICE,
    "warning": Severity.WARNING,
    "error": Severity.ERROR,
    "critical": Severity.CRITICAL,
}
_PRIORITIES = (Severity.CRITICAL,) * 3 + (
    Severity.ERROR,
    Severity.WARNING,
    Severity.NOTICE,
    Severity.INFO,
    Severity.INFO,
)

_PREFIX = re.compile(
    r"(?:(?P<time>\d\d-[A-Z][a-z]{2}-\d{4} [\d:.]+|\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)?"
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) )?"
    r"(?:(?:[^\s:]+ )?named(?:\[\d+\])?: )?"
    r"(?:(?P<category>client|cname|config|database|default|delegation-only|dispatch|dnssec|dnstap|edns-disabled|general"
    r"|lame-servers|network|notify|nsid|queries|query-errors|rate-limit|resolver|responselog|rpz|rpz-passthru|security"
    r"|serve-stale|sig0|spill|trust-anchor-telemetry|unmatched|update|update-security|xfer-in|xfer-out|zoneload): )?"
    r"(?:(?P<severity>debug|info|notice|warning|error|critical)(?: \d+)?: )?"
)
_CLIENT = re.compile(
    r"client (?:@0x[0-9a-f]+ )?(?P<peer>[0-9A-Fa-f.:%\w]+)#\d+(?:/key (?P<key>[^\s:(]+))?"
    r"(?: \((?P<name>(?:\\.|[^)\\])*)\))?: (?:view (?P<view>[^:]+): )?"
)
_OUT = re.compile(r"transfer of '(?P<zone>(?:\\.|[^'\\])*?)/[A-Z]+(?:/(?P<view>[^']*))?': ")
_OUT_EVENT = re.compile(r"(?P<form>AXFR-style IXFR|AXFR|IXFR) (?P<event>started|ended)")
_SERIAL = re.compile(r"\(serial (?:\d+ -> )?(?P<serial>\d+)\)$")
_ASKED = re.compile(
    r"(?:bad zone transfer request: |zone transfer )'(?P<zone>.*?)/(?:(?P<form>[A-Z]+)/)?[A-Z]+'(?: |: )(?P<why>.*)"
)
_GOT_NOTIFY = re.compile(r"received notify for zone '(?P<zone>.*?)'(?P<rest>.*)")
_UPDATE = re.compile(r"(?P<what>update|updating zone) '(?P<zone>.*?)/[A-Z]+(?:/(?P<view>[^']*))?'(?P<rest>.*)")
_ZONE = re.compile(r"zone (?P<zone>\S+?)/[A-Z]+\d*(?:/(?P<view>\S+))?(?: \((?:un)?signed\))?: (?P<rest>.*)", re.DOTALL)
_PEER = re.compile(r" (?P<peer>[0-9A-Fa-f.:%\w]+)#\d+(?::? |: |$)")
_NUMBER = re.compile(r"\d+")
_IN = re.compile(
    r"transfer of '(?P<zone>.*?)/[A-Z]+(?:/(?P<view>[^']*))?' from (?P<peer>\S+?)#\d+: (?P<rest>.*)", re.DOTALL
)
_ICE = re.compile(r"(?P<what>freez|thaw)ing zone '(?P<zone>.*?)/[A-Z]+(?:/(?P<view>[^']*))?': (?P<result>.*)")

_BAD = {Kind.NOT_LOADED, Kind.ZONE_ERROR, Kind.SERIAL_BACK, Kind.SERIAL_SAME, Kind.XFR_DENIED, Kind.EXPIRED}
_POOR = {
    Kind.XFR_FAILED,
    Kind.FETCH_FAILED,
    Kind.REFRESH_FAILED,
    Kind.NOTIFY_REFUSED,
    Kind.NOTIFY_FAILED,
    Kind.TSIG_FAILED,
}

_Found = tuple[Kind, str, str, str, "int | None", str]
"""kind, zone, view, peer, serial, detail"""

_ZONE_RULES: tuple[tuple[str, Kind], ...] = (
    ("loaded serial ", Kind.LOADED),
    ("sending notifies (serial ", Kind.NOTIFIES),
    ("not loaded due to errors", Kind.NOT_LOADED),
    ("loading from ", Kind.NOT_LOADED),
    ("zone serial (", Kind.SERIAL_SAME),
    ("serial number (", Kind.SERIAL_BACK),
    ("notify from ", Kind.NOTIFY_SERIAL),
    ("refused notify from ", Kind.NOTIFY_REFUSED),
    ("refresh: ", Kind.REFRESH_FAILED),
    ("Transfer started", Kind.FETCH_STARTED),
    ("transferred serial ", Kind.FETCH_DONE),
    ("expired", Kind.EXPIRED),
    ("notify to ", Kind.NOTIFY_FAILED),
    ("ixfr-from-differences: ", Kind.NOT_LOADED),
)


def parse_line(line: bytes | str) -> LogEvent:
    """One line, with or without its end."""
    text = line.decode("utf-8", "surrogateescape") if isinstance(line, bytes) else line
    text = text.rstrip("\r\n")
    severity: Severity | None = None
    time = ""
    if text.startswith("{"):
        text, time, severity = _journal(text)
    match = _PREFIX.match(text)
    category = ""
    if match is not None and match.end():
        time = match["time"] or time
        category = match["category"] or ""
        severity = _SEVERITIES.get(match["severity"] or "", severity)
        text = text[match.end() :]
    kind, zone, view, peer, serial, detail = _message(text)
    if severity is None:
        severity = Severity.ERROR if kind in _BAD else Severity.WARNING if kind in _POOR else Severity.INFO
    return LogEvent(text, kind, zone.lower(), view, peer, serial, severity, time, category, detail)


def parse_lines(lines: Iterable[bytes]) -> Iterator[LogEvent]:
    return (parse_line(line) for line in lines if line.strip())


class Follower:
    """Cuts chunks of a stream into events; keeps the unfinished line until the rest comes."""

    LONGEST = 1 << 16
    """Bytes of a line without an end before it is taken as it is."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[LogEvent]:
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > self.LONGEST:
            lines.append(self._rest)
            self._rest = b""
        return list(parse_lines(lines))


def follow_script(source: LogSource, *extra: LogSource, last: int = 200) -> tuple[str, tuple[str, ...]]:
    """Script and arguments for `Connection.stream(…, sudo=True, follow=True)`: the last lines, then what comes.

    Files that are rotated are followed by name. `extra`: more files to follow beside the first.
    """
    if source.kind == "journal":
        script = 'exec journalctl -q --no-pager -o short-iso-precise -f -n "$1" -u "$2"'
        return script, (str(last), source.where)
    files = tuple(dict.fromkeys(each.where for each in (source, *extra) if each.kind == "file"))
    script = 'last=$1; shift; if tail --version >/dev/null 2>&1; then exec tail -q -n "$last" -F -- "$@"; fi; ' \
             'exec tail -q -n "$last" -F "$@"'  # fmt: skip
    return script, (str(last), *files)


def _journal(text: str) -> tuple[str, str, Severity | None]:
    """Message, time and severity of one `journalctl -o json` object; the text itself if it is none."""
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return text, "", None
    if not isinstance(entry, dict):
        return text, "", None
    message = entry.get("MESSAGE", "")
    if isinstance(message, list):
        message = bytes(b for b in message if isinstance(b, int) and 0 <= b < 256).decode("utf-8", "surrogateescape")
    priority = str(entry.get("PRIORITY", ""))
    severity = _PRIORITIES[int(priority)] if re.fullmatch("[0-7]", priority) else None
    return str(message), str(entry.get("__REALTIME_TIMESTAMP", "")), severity


def _message(text: str) -> _Found:
    if text.startswith("client "):
        match = _CLIENT.match(text)
        if match is not None:
            return _client(text, match)
    elif text.startswith("zone "):
        match = _ZONE.match(text)
        if match is not None:
            return _zone(match)
    elif text.startswith("transfer of "):
        match = _IN.match(text)
        if match is not None:
            return _fetch(match)
    elif text.startswith("received control channel command "):
        return Kind.COMMAND, "", "", "", None, text[33:].strip("'")
    elif text.startswith(("dns_rdata_fromtext: ", "dns_master_load: ")):
        return Kind.ZONE_ERROR, "", "", "", None, text.partition(": ")[2]
    elif text.startswith(("freezing zone ", "thawing zone ")):
        match = _ICE.match(text)
        if match is not None:
            kind = Kind.FROZEN if match["what"] == "freez" else Kind.THAWED
            return kind, match["zone"], match["view"] or "", "", None, match["result"]
    elif text.startswith(
        ("all zones loaded", "running", "reloading configuration", "shutting down", "exiting", "starting")
    ):
        return Kind.SERVER, "", "", "", None, ""
    return Kind.OTHER, "", "", "", None, ""


def _client(text: str, client: re.Match[str]) -> _Found:
    peer = client["peer"]
    view = client["view"] or ""
    start = client.end()
    if match := _OUT.match(text, start):
        kind, serial, detail = _sent(text, match.end())
        return kind, match["zone"], match["view"] or view, peer, serial, detail
    if match := _ASKED.match(text, start):
        kind = Kind.XFR_DENIED if match["why"].startswith("denied") else Kind.XFR_REFUSED
        return kind, match["zone"], view, peer, None, match["form"] or match["why"]
    if match := _GOT_NOTIFY.match(text, start):
        strange = match["rest"].endswith("not authoritative")
        kind = Kind.NOTIFY_REFUSED if strange else Kind.NOTIFY_GOT
        return kind, match["zone"], view, peer, None, "not authoritative" if strange else ""
    if match := _UPDATE.match(text, start):
        denied = match["what"] == "update" and "denied" in match["rest"]
        kind = Kind.UPDATE_DENIED if denied else Kind.UPDATED
        return kind, match["zone"], match["view"] or view, peer, None, match["rest"].lstrip(": ")
    if text.startswith("request has invalid signature", start):
        return Kind.TSIG_FAILED, client["name"] or "", view, peer, None, text[start:]
    return Kind.OTHER, "", view, peer, None, ""


def _sent(text: str, start: int) -> tuple[Kind, int | None, str]:
    match = _OUT_EVENT.match(text, start)
    if match is None:
        rest = text[start:]
        if rest.startswith("IXFR version not in journal"):
            return Kind.XFR_FALLBACK, None, ""
        if "aborted" in rest or "failed" in rest or "send" in rest:
            return Kind.XFR_FAILED, None, rest
        return Kind.OTHER, None, ""
    serial = _SERIAL.search(text, match.end())
    kind = Kind.XFR_STARTED if match["event"] == "started" else Kind.XFR_ENDED
    return kind, int(serial["serial"]) if serial else None, match["form"]


def _zone(match: re.Match[str]) -> _Found:
    rest = match["rest"]
    zone, view = match["zone"], match["view"] or ""
    kind = next((kind for start, kind in _ZONE_RULES if rest.startswith(start)), Kind.OTHER)
    if kind is Kind.OTHER:
        return kind, zone, view, "", None, ""
    peer = _PEER.search(rest)
    other = peer["peer"] if peer else ""
    serial: int | None = None
    detail = ""
    if kind in (Kind.LOADED, Kind.NOTIFIES, Kind.FETCH_DONE, Kind.SERIAL_SAME):
        number = _NUMBER.search(rest)
        serial = int(number.group()) if number else None
        if kind is Kind.SERIAL_SAME and "backwards" in rest:
            kind = Kind.SERIAL_BACK
    elif kind is Kind.NOTIFY_SERIAL:
        number = re.search(r": serial (\d+)", rest)
        serial = int(number.group(1)) if number else None
        kind = Kind.UP_TO_DATE if "up to date" in rest else kind
    elif kind is Kind.NOTIFY_FAILED:
        other = other or rest[10:].partition(" ")[0].rstrip(":").partition("#")[0]
        detail = rest
    elif kind is Kind.REFRESH_FAILED:
        detail = rest[9:]
        if not (
            "failure" in rest or "unexpected" in rest or "exceeded" in rest or "could not" in rest or "non-auth" in rest
        ):
            kind = Kind.OTHER
    else:
        detail = rest.rpartition("failed: ")[2] if "failed: " in rest else ""
    return kind, zone, view, other, serial, detail


def _fetch(match: re.Match[str]) -> _Found:
    rest = match["rest"]
    kind = Kind.OTHER
    serial = _SERIAL.search(rest)
    detail = ""
    if rest.startswith("Transfer status: "):
        detail = rest[17:]
        kind = Kind.FETCH_DONE if detail in ("success", "up to date") else Kind.FETCH_FAILED
    elif rest.startswith("Transfer completed"):
        empty = serial is None or int(serial["serial"]) == 0
        kind = Kind.OTHER if empty else Kind.FETCH_DONE
    elif rest.startswith("failed "):
        kind, detail = Kind.FETCH_FAILED, rest
    number = int(serial["serial"]) if serial and kind is not Kind.OTHER else None
    return kind, match["zone"], match["view"] or "", match["peer"], number, detail
