"""The password of one connection, and the moment it may be sent.

sudo is run without a pty as `sudo -k -S -p <random prompt>`: the password goes out only after that prompt, once; what
the script is to read goes out only after the go-marker, which the host computes (measured: reliability.md 5).

At a second prompt the run is ended. pam_faillock, where a host has it, counts that unanswered question as a failure
too: one wrong password is two of its failures.
"""

from __future__ import annotations

import re
import threading

from console.remote.errors import Cancelled, SudoRefused
from console.remote.prompter import Ask, Prompter, Question
from console.remote.secret import Secret

GO_DEADLINE = 15.0
"""Seconds that sudo may take to start the script, or to ask; the time a person takes to answer not counted."""


class SudoPassword:
    """The sudo password of one connection, in memory only, asked for when a host first asks.

    While an answer is unproven nobody else may use it: two runs must not spend two tries on one typing error.
    """

    def __init__(self, host: str, prompter: Prompter) -> None:
        self._host = host
        self._prompter = prompter
        self._turn = threading.Lock()
        self._proven: Secret | None = None
        self._failed = False

    def attempt(self) -> SudoAttempt:
        """One run's use of the password."""
        return SudoAttempt(self)

    def forget(self) -> None:
        """Wipes it; the next run asks again."""
        proven, self._proven = self._proven, None
        if proven:
            proven.wipe()

    def _ask(self, whose: str) -> Secret:
        question = Question(Ask.SUDO, self._host, whose, f"sudo password of {whose}", failed=self._failed)
        secret = self._prompter.ask(question)
        if secret is None:
            raise Cancelled(f"no sudo password was given for {self._host}: nothing was run")
        return secret


class SudoAttempt:
    """At most one password for one run. Ends with `accepted`, `refused` or `drop`; `drop` after either does nothing."""

    def __init__(self, password: SudoPassword) -> None:
        self._password = password
        self._secret: Secret | None = None
        self._holds_turn = False

    @property
    def sent(self) -> bool:
        return self._secret is not None

    def line(self, whose: str) -> bytes:
        """The password and a newline.

        Args:
            whose: The user whose password sudo asks for, which need not be the one who logged in (`rootpw`).

        Raises:
            Cancelled: the user gave none.
        """
        password = self._password
        secret = password._proven
        if secret is None:
            password._turn.acquire()
            self._holds_turn = True
            secret = password._proven or password._ask(whose)
        self._secret = secret
        return secret.reveal() + b"\n"

    def accepted(self) -> None:
        """The script has started. Keeps the password, if one was asked for and no other run has wiped it since."""
        if self._secret:
            self._password._proven = self._secret
            self._password._failed = False
        self.drop()

    def refused(self, *, wrong: bool) -> None:
        """sudo did not let us: forgotten. `wrong`: because of the password."""
        if self._secret is not None:
            self._password.forget()
            self._secret.wipe()
            self._password._failed = wrong
        self.drop()

    def drop(self) -> None:
        """Lets others have their turn. An unproven password is not kept."""
        if self._secret is not None and self._secret is not self._password._proven:
            self._secret.wipe()
        self._secret = None
        if self._holds_turn:
            self._holds_turn = False
            self._password._turn.release()


class SudoGate:
    """The state machine on stderr, from `sudo` to the go-marker.

    Args:
        asked: sudo's prompt; its group is whose password is wanted.
    """

    def __init__(self, asked: re.Pattern[bytes], attempt: SudoAttempt) -> None:
        self._asked = asked
        self._attempt = attempt
        self.open = False

    def look(self, noise: bytes, begun: bool) -> bytes:
        """Looks at all that came on stderr before the go-marker; returns what to send now, mostly nothing.

        Raises:
            SudoRefused: it asks a second time.
            Cancelled: it asks, and the user gave no password.
        """
        if begun:
            self._attempt.accepted()
            self.open = True
            return b""
        asked: list[bytes] = self._asked.findall(noise)
        if len(asked) > 1:
            self._attempt.refused(wrong=True)
            raise SudoRefused("wrong password: sudo did not take it, nothing was run")
        if not asked or self._attempt.sent:
            return b""
        return self._attempt.line(asked[0].decode("utf-8", "backslashreplace"))

    def ended(self, noise: bytes) -> SudoRefused:
        """What to raise when sudo ended, or fell silent, before the go-marker."""
        said = self._asked.sub(b"", noise).decode("utf-8", "backslashreplace").strip()
        self._attempt.refused(wrong="incorrect password" in said)
        return SudoRefused(f"sudo refused, nothing was run: {_OUR_COMMAND.sub('…', said) or 'it said nothing'}")

    def drop(self) -> None:
        self._attempt.drop()


_OUR_COMMAND = re.compile(r"(?<=/bin/sh -c )PATH=\S*;export PATH;.* opsc( [\w+/=.:@,-]+)*")
"""What sudo quotes of us when it does not allow it: thousands of characters that nobody can read."""
