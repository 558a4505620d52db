"""What is wrong, as a value: subjects produce it, screens show it beside its thing, `--json` carries it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """Ordered: the larger, the worse."""

    INFO = 0
    NOTICE = 1
    WARNING = 2
    ERROR = 3
    CRITICAL = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is: a file and line on the host, or a fact of the host."""

    file: str = ""
    line: int = 0
    """1-based; 0 when the whole file or no file is meant."""
    fact: str = ""
    """Such as `served serial at 192.0.2.53`, when there is no line."""

    def __str__(self) -> str:
        if self.file:
            return f"{self.file}:{self.line}" if self.line else self.file
        return self.fact


@dataclass(frozen=True, slots=True)
class Finding:
    id: str
    """Stable rule id (`Z007`); `named` for what named's own tools said."""
    severity: Severity
    subject: str
    """What it is about: a zone name, a queue id, …"""
    where: Place
    why: str
    """One sentence."""
    evidence: str = ""
    """The text that proves it, as the host gave it (not yet made safe)."""
    source: str = ""
    """RFC section, man page or measured fact behind the rule."""
    fix: str = ""
    """Name of the fix that its subject can turn into a Plan (`bump`, `thaw`, …); empty: none."""
    hint: str = ""
    """What a person would do about it."""


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The highest severity among them, None when there is none."""
    return max((finding.severity for finding in findings), default=None)
