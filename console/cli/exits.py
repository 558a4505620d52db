"""What the exit status of `opsconsole` means, and the one exception that carries it."""

from __future__ import annotations

FINE = 0
WARNINGS = 1
"""Warnings were found, or something failed."""
FAILED = 1
ERRORS = 2
"""Errors were found."""
UNKNOWN = 3
"""The host could not be reached, or nobody knows what came of a change."""
USAGE = 64
"""EX_USAGE of sysexits.h."""


class Stop(Exception):
    """Ends the command: what went wrong in one sentence, and what to do about it."""

    def __init__(self, status: int, sentence: str, advice: str = "", *, told: bool = False) -> None:
        """`told`: the command has printed its own JSON object about it."""
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.advice = advice
        self.told = told
