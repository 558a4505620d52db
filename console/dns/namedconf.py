"""Reads named.conf as `named-checkconf -p -x` prints it (named.conf(5)); tolerant of everything else.

Pure: text in, `Config` out. What is not understood goes to `Config.warnings`; nothing raises.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<skip>[\s\x00]+|//[^\n]*|\#[^\n]*|/\*.*?(?:\*/|\Z))
      | "(?P<string>(?:[^"\\]|\\.)*)(?:"|\Z)
      | (?P<mark>[{};])
      | (?P<word>[^\s"{};]+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_DEPTH = 40

KINDS = {"master": "primary", "slave": "secondary"}
"""Old zone types and their names since BIND 9.16."""

_LIST_WORDS = ("primaries", "masters", "remote-servers")
_YES = ("yes", "true", "1")


@dataclass(frozen=True, slots=True)
class Statement:
    """`words… { body };`. The words after the block (rare) follow those before it."""

    words: tuple[str, ...]
    body: tuple[Statement, ...] | None = None

    @property
    def head(self) -> str:
        return self.words[0].lower() if self.words else ""


@dataclass(frozen=True, slots=True)
class ZoneStatement:
    """One `zone` with what it inherits from its view and the options."""

    name: str
    """Without the final dot; `.` for the root."""
    view: str
    kind: str
    """BIND's word, old spellings translated; `in-view` for a reference to another view's zone."""
    file: str
    """As written: relative to `Config.directory`."""
    text: bool
    """The file is in text form (masterfile-format, or its default for the type)."""
    primaries: tuple[str, ...]
    also_notify: tuple[str, ...]
    allow_transfer: tuple[str, ...] | None
    notify: str
    dynamic: bool
    signed: bool
    in_view: str = ""
    zone_class: str = "IN"


@dataclass(frozen=True, slots=True)
class Channel:
    """A logging channel: `kind` is `file`, `syslog`, `stderr` or `null`; `path` as written, for a file."""

    name: str
    kind: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    directory: str = ""
    """The `directory` option; empty: where named was started."""
    zones: tuple[ZoneStatement, ...] = ()
    views: tuple[str, ...] = ()
    acls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name to its elements, as text (`!10.0.0.0/8`, `key xfer`)."""
    servers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Named lists (`primaries`, `masters`, `remote-servers`), resolved to `address#port`."""
    keys: tuple[str, ...] = ()
    """Names of TSIG keys. Secrets are not kept."""
    listens: tuple[tuple[str, int], ...] = (("127.0.0.1", 53), ("::1", 53))
    """Loopback first. `any` stands here as the loopback address."""
    channels: Mapping[str, Channel] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Logging category to channel names."""
    grows: bool = False
    """Zones may exist that the file does not name: catalog-zones or allow-new-zones."""
    warnings: tuple[str, ...] = ()


def parse(data: bytes) -> Config:
    """Configuration from the output of `named-checkconf -p -x` (or a plain named.conf without includes)."""
    warnings: list[str] = []
    tree = statements(data.decode("utf-8", "surrogateescape"), warnings)
    options = _merged(statement.body or () for statement in tree if statement.head == "options")
    acls = {st.words[1]: st.body or () for st in tree if st.head == "acl" and len(st.words) > 1}
    lists = {st.words[1]: st for st in tree if st.head in _LIST_WORDS and len(st.words) > 1}
    scope = _Scope(acls, lists)
    zones: list[ZoneStatement] = []
    views: list[str] = []
    grows = _says_yes(options, "allow-new-zones") or "catalog-zones" in options
    for statement in tree:
        if statement.head == "zone":
            zones.extend(_zone(statement, None, (options,), scope, warnings))
        elif statement.head == "view" and len(statement.words) > 1:
            views.append(statement.words[1])
            inner = _merged([statement.body or ()])
            grows = grows or _says_yes(inner, "allow-new-zones") or "catalog-zones" in inner
            for child in statement.body or ():
                if child.head == "zone":
                    zones.extend(_zone(child, statement, (inner, options), scope, warnings))
    channels, categories = _logging(tree)
    return Config(
        directory=_value((options,), "directory"),
        zones=tuple(zones),
        views=tuple(views),
        acls={name: tuple(scope.elements(body)) for name, body in acls.items()},
        servers={name: tuple(scope.addresses(st)) for name, st in lists.items()},
        keys=tuple(st.words[1] for st in tree if st.head == "key" and len(st.words) > 1),
        listens=_listens(tree, scope),
        channels=channels,
        categories=categories,
        grows=grows,
        warnings=tuple(warnings),
    )


def statements(text: str, warnings: list[str]) -> tuple[Statement, ...]:
    """The generic tree of `words { … };`, unbalanced braces mended with a warning."""
    levels: list[tuple[list[str], list[Statement]]] = [([], [])]
    bodies: list[tuple[Statement, ...] | None] = [None]
    for word in _tokens(text):
        words, done = levels[-1]
        if word == ("mark", "{"):
            if len(levels) > _DEPTH:
                warnings.append("blocks nested too deep")
                break
            levels.append(([], []))
            bodies.append(None)
        elif word == ("mark", "}"):
            if len(levels) == 1:
                warnings.append("a } without its {")
                continue
            _finish(levels[-1], bodies)
            levels.pop()
            bodies.pop()
            bodies[-1] = (bodies[-1] or ()) + tuple(done)
        elif word == ("mark", ";"):
            _finish((words, done), bodies)
        else:
            words.append(word[1])
    while len(levels) > 1:
        warnings.append("the text ends inside a block")
        _finish(levels[-1], bodies)
        inner = tuple(levels.pop()[1])
        bodies.pop()
        bodies[-1] = (bodies[-1] or ()) + inner
    _finish(levels[0], bodies)
    return tuple(levels[0][1])


def absolute(directory: str, path: str) -> str:
    """`path` as named finds it."""
    if not path or path.startswith("/"):
        return path
    return f"{directory.rstrip('/')}/{path}"


def _finish(level: tuple[list[str], list[Statement]], bodies: list[tuple[Statement, ...] | None]) -> None:
    words, done = level
    if words or bodies[-1] is not None:
        done.append(Statement(tuple(words), bodies[-1]))
    words.clear()
    bodies[-1] = None


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "string":
            raw = match.group("string")
            yield "word", _ESCAPE.sub(r"\1", raw) if "\\" in raw else raw
        elif kind != "skip" and kind is not None:
            yield kind, match.group(kind)


Options = Mapping[str, Statement]


def _merged(bodies: Iterable[tuple[Statement, ...]]) -> dict[str, Statement]:
    return {statement.head: statement for body in bodies for statement in body if statement.words}


def _value(levels: Iterable[Options], name: str) -> str:
    for options in levels:
        if name in options and len(options[name].words) > 1:
            return options[name].words[1]
    return ""


def _says_yes(options: Options, name: str) -> bool:
    return _value((options,), name).lower() in _YES


def _first(levels: Iterable[Options], *names: str) -> Statement | None:
    return next((options[name] for options in levels for name in names if name in options), None)


@dataclass(frozen=True, slots=True)
class _Scope:
    """The names that lists may refer to."""

    acls: Mapping[str, tuple[Statement, ...]]
    lists: Mapping[str, Statement]

    def addresses(self, statement: Statement | None, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """`address#port` (port only where given) of a primaries-like list, named lists followed."""
        if statement is None:
            return
        port = _after(statement.words, "port")
        for item in statement.body or ():
            word = item.words[0] if item.words else ""
            if _is_address(word):
                given = _after(item.words, "port") or port
                yield f"{word}#{given}" if given else word
            elif word in self.lists:
                if word not in seen:
                    yield from self.addresses(self.lists[word], seen | {word})
            elif word:
                yield word

    def elements(self, body: tuple[Statement, ...] | None, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """An address match list as texts, ACL names followed; a nested or negated list keeps its `!`."""
        for item in body or ():
            words = list(item.words)
            bang = "!" if words and words[0].startswith("!") else ""
            if bang:
                words[0] = words[0][1:]
                words = [word for word in words if word]
            if item.body is not None:
                yield from (_negated(bang, text) for text in self.elements(item.body, seen))
            elif len(words) == 1 and words[0] in self.acls:
                if words[0] not in seen:
                    inner = self.elements(self.acls[words[0]], seen | {words[0]})
                    yield from (_negated(bang, text) for text in inner)
            elif words:
                yield bang + " ".join(words)


def _negated(bang: str, text: str) -> str:
    return text[1:] if bang and text.startswith("!") else bang + text


def _after(words: tuple[str, ...], name: str) -> str:
    for here, following in itertools.pairwise(words):
        if here.lower() == name:
            return following
    return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def zone_name(text: str) -> str:
    """A zone's name as it is compared: lower case, without its final dot; `.` for the root."""
    return text.rstrip(".").lower() or "."


def _class(statement: Statement, otherwise: str) -> str:
    return statement.words[2].upper() if len(statement.words) > 2 else otherwise


def _zone(
    statement: Statement, view: Statement | None, outer: tuple[Options, ...], scope: _Scope, warnings: list[str]
) -> Iterator[ZoneStatement]:
    if len(statement.words) < 2:
        warnings.append("a zone statement without a name")
        return
    own = _merged([statement.body or ()])
    levels = (own, *outer)
    kind = _value((own,), "type").lower()
    kind = KINDS.get(kind, kind)
    in_view = _value((own,), "in-view")
    if in_view:
        kind = "in-view"
    if not kind:
        warnings.append(f"zone {statement.words[1]} has no type")
    transfer = _first(levels, "allow-transfer")
    update = _first(levels, "allow-update")
    notify = _value(levels, "notify").lower().replace("master-only", "primary-only")
    policy = _value(levels, "dnssec-policy").lower()
    form = _value(levels, "masterfile-format").lower() or ("text" if kind in ("primary", "hint", "redirect") else "raw")
    yield ZoneStatement(
        name=zone_name(statement.words[1]),
        view=view.words[1] if view else "",
        kind=kind,
        file=_value((own,), "file"),
        text=form == "text",
        primaries=tuple(scope.addresses(_first((own,), "primaries", "masters"))),
        also_notify=tuple(scope.addresses(_first(levels, "also-notify"))),
        allow_transfer=None if transfer is None else tuple(scope.elements(transfer.body)),
        notify=notify,
        dynamic=kind == "primary"
        and (
            "update-policy" in own or (update is not None and tuple(scope.elements(update.body)) not in ((), ("none",)))
        ),
        signed=_value(levels, "inline-signing").lower() in _YES or policy not in ("", "none"),
        in_view=in_view,
        zone_class=_class(statement, _class(view, "IN") if view else "IN"),
    )


def _listens(tree: tuple[Statement, ...], scope: _Scope) -> tuple[tuple[str, int], ...]:
    found: list[tuple[str, int]] = []
    stated = {"listen-on": False, "listen-on-v6": False}
    body = [item for statement in tree if statement.head == "options" for item in statement.body or ()]
    port = next((item.words[1] for item in body if item.head == "port" and len(item.words) > 1), "53")
    for item in body:
        if item.head not in stated:
            continue
        stated[item.head] = True
        if {"tls", "http"} & {word.lower() for word in item.words}:
            continue
        given = _after(item.words, "port") or port
        for text in scope.elements(item.body):
            address = _listen_address(text, six=item.head == "listen-on-v6")
            if address and given.isdigit():
                found.append((address, int(given)))
    for head, default in (("listen-on", "127.0.0.1"), ("listen-on-v6", "::1")):
        if not stated[head] and port.isdigit():
            found.append((default, int(port)))
    return tuple(sorted(dict.fromkeys(found), key=lambda item: (not _loops(item[0]), ":" in item[0])))


def _listen_address(text: str, *, six: bool) -> str:
    """The address to ask at; empty for what is excluded or a network that cannot be resolved from here."""
    if text in ("any", "localhost"):
        return "::1" if six else "127.0.0.1"
    address, _, bits = text.partition("/")
    if _is_address(address) and bits in ("", "32", "128"):
        return address
    return ""


def _loops(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _logging(tree: tuple[Statement, ...]) -> tuple[dict[str, Channel], dict[str, tuple[str, ...]]]:
    channels: dict[str, Channel] = {}
    categories: dict[str, tuple[str, ...]] = {}
    for item in (item for st in tree if st.head == "logging" for item in st.body or ()):
        if len(item.words) < 2:
            continue
        if item.head == "channel":
            own = _merged([item.body or ()])
            kind = next((kind for kind in ("file", "syslog", "stderr", "null") if kind in own), "syslog")
            channels[item.words[1]] = Channel(item.words[1], kind, _value((own,), "file") if kind == "file" else "")
        elif item.head == "category":
            categories[item.words[1]] = tuple(child.words[0] for child in item.body or () if child.words)
    return channels, categories
