"""Questions asked on the controlling terminal. Never on stdin, which may carry data."""

from __future__ import annotations

import contextlib
import os
import termios
from collections.abc import Iterator

from console.remote.prompter import Ask, HostKeyQuestion, Question
from console.remote.secret import Secret
from console.visible import visible

TTY = "/dev/tty"
_LINE_LIMIT = 4096


class NoTerminal(Exception):
    """There is nobody who could be asked."""


class TtyPrompter:
    """Asks on /dev/tty with echo off. Without a terminal, or when told not to ask, every answer is a refusal."""

    def __init__(self, *, may_ask: bool = True) -> None:
        self._may_ask = may_ask

    def ask(self, question: Question) -> Secret | None:
        lines = [f"{question.host} refused the last answer."] if question.failed else []
        text = visible(question.text).strip() or f"{question.kind.value}:"
        who = f"{question.user}@{question.host}" if question.user else question.host
        lines.append(text if question.kind is Ask.PASSPHRASE else f"[{visible(who)}] {text}")
        try:
            answer = self._read("\n".join(lines) + " ", echo=question.echo)
        except NoTerminal:
            return None
        return None if answer is None else Secret(answer)

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        known = ", ".join(question.other_types)
        suspicion = f"Beware: this host is already known with other key types ({known}).\n" if known else ""
        note = f"Note: {visible(question.note)}.\n" if question.note else ""
        file = visible(question.known_hosts)
        yes = f"Yes adds one line to {file}." if file else "Yes accepts it for now: there is no known_hosts file."
        text = (
            f"{visible(question.host)} ({visible(question.address)}) is not known yet.\n"
            f"It shows this {visible(question.key_type)} key: {visible(question.fingerprint)}\n"
            f"{suspicion}{note}Compare it with what the host's console prints. {yes}\nIs it the right one? [yes/no] "
        )
        return self.confirm(text)

    def confirm(self, text: str) -> bool:
        """True only for `yes` written out; `text` is safe already."""
        try:
            answer = self._read(text, echo=True)
        except NoTerminal:
            return False
        return answer is not None and answer.strip().lower() == b"yes"

    @property
    def can_ask(self) -> bool:
        """There is a terminal, and asking is allowed."""
        try:
            with self._terminal():
                return True
        except NoTerminal:
            return False

    @contextlib.contextmanager
    def _terminal(self) -> Iterator[int]:
        if not self._may_ask:
            raise NoTerminal
        try:
            terminal = os.open(TTY, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as why:
            raise NoTerminal from why
        try:
            yield terminal
        finally:
            os.close(terminal)

    def _read(self, text: str, *, echo: bool) -> bytes | None:
        """One line without its newline; None at end of file (ctrl-d)."""
        with self._terminal() as terminal:
            before = termios.tcgetattr(terminal)
            quiet = termios.tcgetattr(terminal)
            if not echo:
                quiet[3] &= ~termios.ECHO
            try:
                termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
                os.write(terminal, text.encode())
                answer = os.read(terminal, _LINE_LIMIT)
            finally:
                termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
                if not echo:
                    os.write(terminal, b"\n")
        return answer.removesuffix(b"\n") if answer.endswith(b"\n") else None
