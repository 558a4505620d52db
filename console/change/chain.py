"""The journal's files: sealed records, one a line, each knowing the one before; appended, never rewritten."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from console.change.plan import sha256

_TAIL = 1 << 17
_SEAL = ',"sha256":"'
_SEAL_LENGTH = len(_SEAL) + 64 + len('"}')


class JournalError(Exception):
    """The journal cannot be written or read. Without a journal there is no change."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One writer at a time among all processes."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def append_line(path: Path, line: bytes) -> None:
    """One write, on the disk when it returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise JournalError(f"{path} is not a file of ours")
        if os.write(descriptor, line) != len(line):
            raise JournalError(f"{path}: the line was not taken whole (is the disk full?)")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes) -> None:
    """A new file of ours, 0600, on the disk when it returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(folder: Path) -> None:
    """Its names are on the disk when it returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def last(files: list[Path]) -> tuple[int, str, bytes]:
    """Number and seal of the last whole record, and the torn line after it, if any."""
    torn = b""
    for path in reversed(files):
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().split(b"\n")
        if path is files[-1]:
            torn = lines[-1]
        for line in reversed(lines):
            record, _ = unseal(line)
            if record is not None:
                return int(record["seq"]), str(record["sha256"]), torn
    return 0, "", torn


def dump(value: object) -> bytes:
    """ASCII only: nothing in it acts on a terminal. Raises TypeError for what has no JSON form (a Secret)."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sealed(record: Mapping[str, Any]) -> bytes:
    """The line of a record, with the sha256 of itself at its end."""
    text = dump(record)
    return text[:-1] + f'{_SEAL}{hashlib.sha256(text).hexdigest()}"}}'.encode()


def unseal(line: bytes) -> tuple[dict[str, Any] | None, str]:
    """The record of a line, or None and what is wrong with it."""
    body, seal = line[:-_SEAL_LENGTH] + b"}", line[-_SEAL_LENGTH:]
    if not seal.startswith(_SEAL.encode()) or not seal.endswith(b'"}'):
        return None, "the line is not a record, or was changed"
    if hashlib.sha256(body).hexdigest().encode() != seal[len(_SEAL) : -2]:
        return None, "the record was changed after it was written"
    try:
        record = json.loads(line)
    except ValueError:
        return None, "the line is not a record, or was changed"
    if not isinstance(record, dict) or not isinstance(record.get("seq"), int):
        return None, "the line is not a record of ours"
    return record, ""


def repairs(following: bytes, line: bytes) -> bool:
    """Does the record after a torn line own up to it?"""
    record, _ = unseal(following)
    return record is not None and record.get("repairs") == sha256(line)


def blob_names(value: object) -> set[str]:
    """The contents that a record speaks of."""
    if isinstance(value, dict):
        if set(value) == {"blob"}:
            return {str(value["blob"])}
        return set().union(*(blob_names(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(blob_names(item) for item in value))
    return set()
