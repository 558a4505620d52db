"""A bench for changes: a scratch host (this machine, own directories for locks, state and originals) and its tools."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from console.change.apply import Mode, Places, apply, reconcile
from console.change.journal import Journal
from console.change.outcome import Outcome, StepEvent
from console.change.plan import EditFile, Plan, RunCommand, Step
from console.remote.local import Local
from console.remote.prompter import HostKeyQuestion, Question
from console.remote.secret import Secret
from console.remote.wire import PATH


class Nobody:
    """Answers no question."""

    def ask(self, question: Question) -> Secret | None:
        raise AssertionError(question)

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        raise AssertionError(question)


class Bench:
    def __init__(self, root: Path, name: str = "bench") -> None:
        self.root = root
        self.files = root / "files"
        self.tools = root / "tools"
        self.places = Places(str(root / "run"), str(root / "state"), str(root / "backups"))
        for folder in (self.files, self.tools):
            folder.mkdir(mode=0o755, exist_ok=True)
        self.journal = Journal(root / "journal")
        self.connection = self.connect(name)
        self.events: list[StepEvent] = []

    def connect(self, name: str, path: str | None = None) -> Local:
        return Local(Nobody(), name=name, path=path or f"{self.tools}:{PATH}")

    def file(self, name: str, content: bytes, mode: int = 0o644) -> Path:
        path = self.files / name
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def tool(self, name: str, text: str) -> str:
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    def plan(self, *steps: Step, **more: Any) -> Plan:
        return Plan(self.connection.name, "test", "thing", "A change", steps, sudo=False, **more)

    def apply(self, plan: Plan, transaction: str | None = None, **more: Any) -> Outcome:
        self.events.clear()
        connection = more.pop("connection", self.connection)
        return apply(
            plan,
            connection,
            self.journal,
            mode=more.pop("mode", Mode.ACT),
            places=self.places,
            transaction=transaction,
            on_event=self.events.append,
            **more,
        )

    def reconcile(self, transaction: str, connection: Local | None = None) -> Outcome | None:
        return reconcile(transaction, connection or self.connection, sudo=False, places=self.places)

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.files.rglob(".opsc-*"))

    def locks_free(self) -> bool:
        """Nobody holds a lock of ours (the worker tidies up for some milliseconds after its result)."""
        return all(
            subprocess.run(["flock", "-w", "5", str(lock), "true"], check=False).returncode == 0
            for lock in Path(self.places.run).glob("*.lock")
        )


def edit(path: Path | str, base: bytes | None, content: bytes | None, **more: Any) -> EditFile:
    return EditFile(str(path), "because", base, content, **more)


def run(*argv: str, **more: Any) -> RunCommand:
    return RunCommand(argv, "because", **more)


TOOLS = """
    awk base64 bash cat chmod chown cmp cp cut date dd df env false flock grep head id ln ls mkdir mkfifo mktemp mv
    openssl ps readlink rm rmdir sed setsid sh sha256sum sleep sort stat sync tail timeout touch tr true wc
"""


def tool_path(without: Sequence[str], folder: Path) -> str:
    """A PATH of one directory that has the usual tools but some."""
    folder.mkdir()
    for name in TOOLS.split():
        found = shutil.which(name, path=PATH)
        if found and name not in without:
            (folder / name).symlink_to(found)
    return str(folder)
