"""known_hosts files: read with tolerance, judged as OpenSSH judges, appended to and never rewritten (sshd(8))."""

from __future__ import annotations

import base64
import binascii
import errno
import fcntl
import hashlib
import hmac
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path


class Standing(Enum):
    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


class Marker(Enum):
    NONE = ""
    AUTHORITY = "@cert-authority"
    REVOKED = "@revoked"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line that is about the host asked for."""

    path: str
    line: int
    """Counted from 1."""
    marker: Marker
    key_type: str
    key_blob: bytes
    """As on the wire (RFC 4253 section 6.6)."""


@dataclass(frozen=True, slots=True)
class Reading:
    entries: tuple[Entry, ...] = ()
    warnings: tuple[str, ...] = ()
    """One a file: how many lines of it are no known_hosts lines, and the first of them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    standing: Standing
    path: str = ""
    """The file and line that decided: the match, the other key, or the revocation."""
    line: int = 0
    other_types: tuple[str, ...] = ()
    """Key types that the files have of this host, beside the one asked about."""
    authorities: int = 0
    """@cert-authority lines for this host. paramiko cannot check host certificates, so they decide nothing."""
    warnings: tuple[str, ...] = ()


def host_name(host: str, port: int, alias: str | None = None) -> str:
    """The name in a known_hosts file: `[host]:port`, `host` for port 22, or the HostKeyAlias; in lower case."""
    if alias is not None:
        return alias.lower()
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def judge(
    files: Iterable[str], host: str, port: int, key_type: str, key_blob: bytes, *, alias: str | None = None
) -> Verdict:
    """What the files say about this key of this host. Files that do not exist are no error.

    As ssh does it: a host on another port that is not known there may be known under its plain name.
    """
    paths = tuple(files)
    verdict = _weigh(lookup(paths, host_name(host, port, alias)), key_type, key_blob)
    if verdict.standing is Standing.UNKNOWN and alias is None and port != 22:
        plain = _weigh(lookup(paths, host_name(host, 22)), key_type, key_blob)
        if plain.standing in (Standing.KNOWN, Standing.REVOKED):
            return plain
    return verdict


def _weigh(reading: Reading, key_type: str, key_blob: bytes) -> Verdict:
    """To ssh a host that shows a key of a type which it never showed has changed too."""
    plain = [entry for entry in reading.entries if entry.marker is Marker.NONE]
    same = next((entry for entry in plain if entry.key_blob == key_blob), None)
    revoked = next((one for one in reading.entries if one.marker is Marker.REVOKED and one.key_blob == key_blob), None)
    other = next((entry for entry in plain if entry.key_type == key_type), plain[0] if plain else None)
    if revoked:
        standing = Standing.REVOKED
    elif same:
        standing = Standing.KNOWN
    else:
        standing = Standing.CHANGED if other else Standing.UNKNOWN
    decided = revoked or same or other
    return Verdict(
        standing=standing,
        path=decided.path if decided else "",
        line=decided.line if decided else 0,
        other_types=tuple(dict.fromkeys(entry.key_type for entry in plain if entry.key_type != key_type)),
        authorities=sum(entry.marker is Marker.AUTHORITY for entry in reading.entries),
        warnings=reading.warnings,
    )


def known_types(files: Iterable[str], host: str, port: int, *, alias: str | None = None) -> tuple[str, ...]:
    """Key types that the files have of this host, unmarked lines only, in file order."""
    paths = tuple(files)
    entries = lookup(paths, host_name(host, port, alias)).entries
    if not entries and alias is None and port != 22:
        entries = lookup(paths, host_name(host, 22)).entries
    return tuple(dict.fromkeys(entry.key_type for entry in entries if entry.marker is Marker.NONE))


_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


def prefer(known: Sequence[str], offered: Sequence[str]) -> tuple[str, ...]:
    """`offered` host key algorithms, those of the `known` key types first; none is lost, none is added.

    Without this a host that has several keys may show one that we have not stored, which looks like an attack.
    """
    wanted = {algorithm for key_type in known for algorithm in _SIGNATURES.get(key_type, (key_type,))}
    return tuple(sorted(offered, key=lambda algorithm: algorithm not in wanted))


def lookup(files: Iterable[str], name: str) -> Reading:
    """Every line for `name` (as `host_name` gives it) in the files that can be read."""
    entries: list[Entry] = []
    warnings: list[str] = []
    for path in files:
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            continue
        except OSError as problem:
            warnings.append(f"{path}: {problem.strerror}")
            continue
        reading = parse(data, name, path)
        entries += reading.entries
        warnings += reading.warnings
    return Reading(tuple(entries), tuple(warnings))


def parse(data: bytes, name: str, path: str = "") -> Reading:
    """The lines of one file that are about `name`. Never raises; garbage is counted, not kept."""
    wanted = name.encode("utf-8", "surrogateescape")
    entries: list[Entry] = []
    garbage: list[int] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        fields = line.split()
        if not fields or fields[0].startswith(b"#"):
            continue
        marker = _MARKERS.get(fields[0], Marker.NONE)
        if marker is not Marker.NONE:
            del fields[0]
        if len(fields) < 3 or fields[0].startswith(b"@"):
            garbage.append(number)
        elif _names(fields[0], wanted):
            blob = _key(fields[1], fields[2])
            if blob is None:
                garbage.append(number)
            else:
                entries.append(Entry(path, number, marker, fields[1].decode("ascii"), blob))
    return Reading(tuple(entries), _count(path, garbage))


_MARKERS = {b"@cert-authority": Marker.AUTHORITY, b"@revoked": Marker.REVOKED}


def _count(path: str, garbage: list[int]) -> tuple[str, ...]:
    if not garbage:
        return ()
    lines = "1 line is" if len(garbage) == 1 else f"{len(garbage)} lines are"
    return (f"{path}: {lines} not understood, the first is line {garbage[0]}",)


def _key(key_type: bytes, text: bytes) -> bytes | None:
    """The key's blob, if it is whole and of the type that the line says."""
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    head = len(key_type).to_bytes(4, "big") + key_type
    at = len(head)
    if not blob.startswith(head) or at == len(blob) or not key_type.isascii():
        return None
    while at < len(blob):
        at += 4 + int.from_bytes(blob[at : at + 4], "big")
    return blob if at == len(blob) else None


def _names(field: bytes, wanted: bytes) -> bool:
    """Whether the first field of a line means `wanted`: hashed, or patterns of which none may deny it."""
    if field.startswith(b"|"):
        return _hashed(field, wanted)
    if wanted not in field.lower() and b"*" not in field and b"?" not in field:
        return False
    found = False
    for pattern in field.split(b","):
        if pattern.startswith(b"!"):
            if _pattern(pattern[1:]).fullmatch(wanted):
                return False
        elif _pattern(pattern).fullmatch(wanted):
            found = True
    return found


def _hashed(field: bytes, wanted: bytes) -> bool:
    parts = field.split(b"|")
    if len(parts) != 4 or parts[1] != b"1":
        return False
    try:
        salt, digest = binascii.a2b_base64(parts[2]), binascii.a2b_base64(parts[3])
    except binascii.Error:
        return False
    return len(salt) == 20 and hmac.digest(salt, wanted, "sha1") == digest


@lru_cache(maxsize=4096)
def _pattern(pattern: bytes) -> re.Pattern[bytes]:
    """ssh_config(5) PATTERNS: only `*` and `?` are special, case is not."""
    body = b"".join({b"*": b".*", b"?": b"."}.get(char, re.escape(char)) for char in _bytes(pattern.lower()))
    return re.compile(body, re.DOTALL)


def _bytes(text: bytes) -> list[bytes]:
    return [text[at : at + 1] for at in range(len(text))]


def fingerprint(key_blob: bytes) -> str:
    """`SHA256:…` as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key_blob).digest()).decode("ascii").rstrip("=")


def plain_name(name: str) -> bool:
    """Whether `name` can stand in a known_hosts line and mean itself only: no pattern, no marker, no second field."""
    return bool(name) and not re.search(r"[\s,*?!|#@\x00-\x1f\x7f]", name)


def append(path: str, name: str, key_type: str, key_blob: bytes, *, hashed: bool = False) -> None:
    """Adds exactly one line, in one write, under a lock; what is there stays byte for byte.

    Makes the file (0600) and its directory (0700) if need be. A final newline that is missing is written first.

    Raises:
        OSError: not writable; a symbolic link; not a regular file.
        ValueError: `name` would not be one plain name.
    """
    if not plain_name(name):
        raise ValueError(f"not a host name for known_hosts: {name!r}")
    line = f"{_hash(name) if hashed else name} {key_type} {base64.b64encode(key_blob).decode('ascii')}\n".encode()
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        fcntl.flock(fd, fcntl.LOCK_EX)
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(fd, line) != len(line):
            raise OSError(errno.ENOSPC, "line written in part only", path)
    finally:
        os.close(fd)


def _hash(name: str) -> str:
    """`|1|salt|hash`, as HashKnownHosts wants it."""
    salt = os.urandom(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return "|1|" + "|".join(base64.b64encode(part).decode("ascii") for part in (salt, digest))
