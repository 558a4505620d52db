"""What was changed, by whom, where and with what result: kept on this machine, appended to and never rewritten.

One JSON object a line, in one file a month below `$XDG_STATE_HOME/opsconsole/journal/`. Every record carries the
sha256 of itself and of the record before it, so that a changed byte is found. An intent is on the disk before the first
byte goes to a host, the outcome after the answer. Contents live beside it in `blobs/`, named by their sha256.
"""

from __future__ import annotations

import getpass
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.change.chain import (
    JournalError,
    append_line,
    blob_names,
    dump,
    last,
    locked,
    repairs,
    sealed,
    sync_directory,
    unseal,
    write_new,
)
from console.change.codec import plan_from_json, plan_to_json
from console.change.entry import JournalEntry, from_intent, with_outcome
from console.change.outcome import Outcome
from console.change.plan import Plan, sha256
from console.remote.connection import Connection

__all__ = ["Journal", "JournalEntry", "JournalError", "Problem", "default_directory"]

VERSION = 1
LINE_LIMIT = 60_000
"""Bytes of a line; what would be longer goes to a blob."""
HEAD = 2048
"""Bytes kept of each command's output."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One place where the journal is not as it was written."""

    file: str
    line: int
    """1-based; 0: the file as a whole."""
    what: str


@dataclass(slots=True)
class Journal:
    """Any number of processes may use one directory.

    Args:
        directory: `$XDG_STATE_HOME/opsconsole/journal` unless given; made when it is missing.
    """

    directory: Path = field(default_factory=lambda: default_directory())

    def begin(self, transaction: str, plan: Plan, connection: Connection) -> None:
        """Writes the intent, contents first, and has it on the disk when it returns.

        Raises:
            JournalError: then nothing may be changed.
        """
        blobs: dict[str, bytes] = {}
        try:
            body: object = plan_to_json(plan, blobs)
            text = dump(body)
        except (TypeError, ValueError) as why:
            raise JournalError(f"the plan cannot be written down: {why}") from None
        with _failing_closed():
            if len(text) > LINE_LIMIT // 2:
                blobs[sha256(text)] = text
                body = {"blob": sha256(text)}
            for name, content in blobs.items():
                self._keep(name, content)
            record = _actor() | {
                "event": "intent",
                "transaction": transaction,
                "host": connection.name,
                "address": connection.address,
                "login": connection.user,
                "privilege": connection.privilege.value,
                "subject": plan.subject,
                "object": plan.object,
                "title": plan.title,
                "risk": plan.risk.value,
                "digest": plan.digest(),
                "sudo": plan.sudo,
                "facts": dict(plan.facts),
                "plan": body,
            }
            self._append(record)

    def finish(self, outcome: Outcome) -> None:
        """Writes what came of it.

        Raises:
            JournalError: it could not be written; the transaction stays open here.
        """
        self._outcome("outcome", outcome)

    def reconciled(self, outcome: Outcome) -> None:
        """Writes what the host said later about a transaction whose answer was lost."""
        self._outcome("reconciled", outcome)

    def entries(self) -> list[JournalEntry]:
        """Oldest first. Lines that cannot be understood are left out here and named by `verify`."""
        found: dict[str, JournalEntry] = {}
        for record in self._records():
            name = str(record.get("transaction", ""))
            if record.get("event") == "intent":
                entry = from_intent(record)
                if entry is not None:
                    found[name] = entry
            elif record.get("event") in ("outcome", "reconciled") and name in found:
                found[name] = with_outcome(found[name], record)
        return list(found.values())

    def entry(self, transaction: str) -> JournalEntry | None:
        return next((entry for entry in self.entries() if entry.transaction == transaction), None)

    def open_transactions(self) -> list[JournalEntry]:
        """Those whose outcome is not known here: the console was killed, or the link was lost."""
        return [entry for entry in self.entries() if entry.open]

    def plan(self, entry: JournalEntry) -> Plan:
        """The Plan of an entry, contents included.

        Raises:
            JournalError: a content is missing or was changed.
        """
        body = entry.plan
        try:
            if set(body) == {"blob"}:
                body = json.loads(self.blob(body["blob"]))
            plan = plan_from_json(body, self.blob)
        except (KeyError, TypeError, ValueError) as why:
            raise JournalError(f"the plan of {entry.transaction} cannot be read back: {why}") from why
        if plan.digest() != entry.digest:
            raise JournalError(f"the plan of {entry.transaction} is not the one that was written")
        return plan

    def blob(self, name: str) -> bytes:
        """A content by its sha256.

        Raises:
            JournalError: it is not there, or is not what it was.
        """
        if len(name) != 64 or set(name) - set("0123456789abcdef"):
            raise JournalError(f"{name!r} names no content")
        try:
            content = (self.directory / "blobs" / name).read_bytes()
        except OSError as why:
            raise JournalError(f"the content {name} cannot be read: {why.strerror}") from why
        if sha256(content) != name:
            raise JournalError(f"the content {name} was changed")
        return content

    def verify(self) -> list[Problem]:
        """Every place where a record, the chain or a content is not as it was written. Empty: all is well."""
        problems: list[Problem] = []
        seq, seal = 0, ""
        for path in self._files():
            lines = path.read_bytes().split(b"\n")
            for number, line in enumerate(lines, 1):
                if number == len(lines):
                    if line:
                        problems.append(
                            Problem(path.name, number, "the last line is cut off; the next one written repairs it")
                        )
                    continue
                record, problem = unseal(line)
                if record is None:
                    torn = number < len(lines) - 1 and repairs(lines[number], line)
                    if not torn:
                        problems.append(Problem(path.name, number, problem))
                    continue
                if record.get("prev") != seal and (seal or record.get("seq") != 1):
                    problems.append(Problem(path.name, number, "the record before it is missing or was changed"))
                elif record.get("seq") != seq + 1:
                    problems.append(Problem(path.name, number, f"it is record {record.get('seq')}, not {seq + 1}"))
                seq, seal = int(record.get("seq", 0)), str(record["sha256"])
                problems += [Problem(path.name, number, what) for what in self._blob_problems(record)]
        return problems

    def _blob_problems(self, record: Mapping[str, Any]) -> Iterator[str]:
        for name in sorted(blob_names(record)):
            try:
                content = self.blob(name)
                if record.get("plan") == {"blob": name}:
                    for inner in sorted(blob_names(json.loads(content))):
                        self.blob(inner)
            except JournalError as why:
                yield str(why)

    def _outcome(self, event: str, outcome: Outcome) -> None:
        with _failing_closed():
            events = [
                {
                    "step": item.step,
                    "phase": item.phase,
                    "message": item.message[:500],
                    "exit_status": item.exit_status,
                    "at": item.at,
                    "output_sha256": sha256(item.output) if item.output else "",
                    "output": item.output[:HEAD].decode("utf-8", "backslashreplace"),
                }
                for item in outcome.events
            ]
            record = _actor() | {
                "event": event,
                "transaction": outcome.transaction,
                "state": outcome.state.value,
                "reason": outcome.reason[:4000],
                "duration": round(outcome.duration, 3),
                "events": events,
            }
            if len(dump(record)) > LINE_LIMIT - 1000:
                text = dump(events)
                self._keep(sha256(text), text)
                record["events"] = {"blob": sha256(text)}
            if outcome.host_content is not None:
                self._keep(sha256(outcome.host_content), outcome.host_content)
                record["host_content"] = {"blob": sha256(outcome.host_content)}
            self._append(record)

    def _keep(self, name: str, content: bytes) -> None:
        folder = self._folder("blobs")
        path = folder / name
        if path.exists() and sha256(path.read_bytes()) == name:
            return
        temp = folder / f".{name}.{os.getpid()}.{os.urandom(4).hex()}"
        try:
            write_new(temp, content)
            temp.replace(path)
        finally:
            temp.unlink(missing_ok=True)
        sync_directory(folder)

    def _append(self, record: dict[str, Any]) -> None:
        folder = self._folder("")
        with locked(folder / "lock"):
            files = self._files()
            month = f"{datetime.now(UTC):%Y-%m}.jsonl"
            path = folder / max([month, *(item.name for item in files)])
            seq, seal, torn = last(files)
            record |= {"v": VERSION, "seq": seq + 1, "prev": seal}
            if torn:
                record["repairs"] = sha256(torn)
            line = sealed(record) + b"\n"
            if torn:
                line = b"\n" + line
                path = files[-1]
            fresh = not path.exists()
            append_line(path, line)
            if fresh:
                sync_directory(folder)

    def _folder(self, name: str) -> Path:
        folder = self.directory / name if name else self.directory
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise JournalError(f"{folder} is not a directory of ours")
        if found.st_mode & 0o077:
            folder.chmod(0o700)
        return folder

    def _files(self) -> list[Path]:
        return sorted(self.directory.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].jsonl"))

    def _records(self) -> Iterator[dict[str, Any]]:
        for path in self._files():
            for line in path.read_bytes().split(b"\n"):
                record, _ = unseal(line)
                if record is not None:
                    events = record.get("events")
                    if isinstance(events, dict) and "blob" in events:
                        try:
                            record["events"] = json.loads(self.blob(str(events["blob"])))
                        except JournalError:
                            record["events"] = []
                    yield record


def default_directory() -> Path:
    """`$XDG_STATE_HOME/opsconsole/journal`, `~/.local/state/…` without it."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return base / "opsconsole" / "journal"


@contextmanager
def _failing_closed() -> Iterator[None]:
    """Whatever keeps the journal from being written becomes a JournalError."""
    try:
        yield
    except OSError as why:
        raise JournalError(f"{why.filename or 'the journal'}: {why.strerror}") from why
    except (TypeError, ValueError) as why:
        raise JournalError(f"this cannot be written down: {why}") from None


def _actor() -> dict[str, Any]:
    try:
        tty = os.ttyname(0)
    except OSError:
        tty = ""
    return {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "who": _user(), "uid": os.getuid(), "tty": tty}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
