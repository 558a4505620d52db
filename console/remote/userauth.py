"""The client's side of SSH user authentication (RFC 4252, 4256) over paramiko's transport.

paramiko's own handler answers prompts on its transport thread, never asks the host whether a key would do before it is
unlocked, and forgets which methods may continue. This one hands every message to the thread that logs in.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.message import Message

from console.remote.errors import AuthFailed, LinkLost
from console.remote.secret import Secret

REPLY = 120.0
"""Seconds to wait for an answer: sshd's LoginGraceTime, as a push to a phone may hold it up."""

_SERVICE_REQUEST, _SERVICE_ACCEPT = 5, 6
_REQUEST, _FAILURE, _SUCCESS, _BANNER = 50, 51, 52, 53
_METHOD = 60
"""PK_OK, PASSWD_CHANGEREQ or INFO_REQUEST: which one depends on what was asked."""
_INFO_RESPONSE = 61

MAX_PROMPTS = 64


class Answer(Enum):
    ACCEPTED = "accepted"
    PARTIAL = "accepted, and more is asked for"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Prompt:
    text: str
    """Host text, not yet made safe."""
    echo: bool


Answers = Callable[[str, Sequence[Prompt]], Sequence[Secret]]
"""Title and instructions, and the prompts, to one answer each."""


class _Request(Message):
    """A message that keeps what it carries out of tracebacks."""

    def __repr__(self) -> str:
        return "Message(***)"


class _Handler(AuthHandler):
    def __init__(self, transport: paramiko.Transport) -> None:
        super().__init__(transport)
        self.inbox: queue.SimpleQueue[tuple[int, Message]] = queue.SimpleQueue()
        types = (_SERVICE_ACCEPT, _FAILURE, _METHOD)
        self._table: dict[int, Callable[[Message], None]] = {kind: partial(self._take, kind) for kind in types}
        self._table |= {_SUCCESS: self._succeed, _BANNER: self._show}

    @property
    def _handler_table(self) -> dict[int, Callable[[Message], None]]:
        return self._table

    def _take(self, kind: int, message: Message) -> None:
        self.inbox.put((kind, message))

    def _succeed(self, message: Message) -> None:
        self.authenticated = True
        transport: Any = self.transport
        transport._auth_trigger()
        self.inbox.put((_SUCCESS, message))

    def _show(self, message: Message) -> None:
        self.banner = message.get_string().decode("utf-8", "replace")


class UserAuth:
    """One login on one transport. Not thread-safe: one thread asks and waits."""

    def __init__(self, transport: paramiko.Transport, user: str) -> None:
        self._transport = transport
        self._wire: Any = transport
        self._user = user
        self._handler = _Handler(transport)
        self._handler.username = user
        transport.auth_handler = self._handler
        self._serving = False
        self.methods: tuple[str, ...] | None = None
        """What may continue, as the host said last; None before it said anything."""
        self.attempts = 0
        """Requests that the host may count against MaxAuthTries."""

    def none(self) -> Answer:
        """Asks for nothing, to learn the methods."""
        return self._outcome(self._ask(self._request("none")))

    def probe(self, algorithm: str, blob: bytes) -> bool:
        """Whether the host would accept this public key; nothing is signed."""
        message = self._request("publickey")
        message.add_boolean(False)
        message.add_string(algorithm)
        message.add_string(blob)
        reply = self._ask(message)
        if reply[0] == _METHOD:
            return True
        self._outcome(reply)
        return False

    def publickey(self, key: paramiko.PKey) -> Answer:
        """Raises whatever `key` raises when it cannot sign."""
        blob = key.public_blob.key_blob if key.public_blob else key.asbytes()
        algorithm = self.algorithm(key.public_blob.key_type if key.public_blob else key.get_name())
        message = self._request("publickey")
        message.add_boolean(True)
        message.add_string(algorithm)
        message.add_string(blob)
        signed = Message()
        signed.add_string(self._wire.session_id)
        signed.add_bytes(message.asbytes())
        self._serve()
        message.add_string(key.sign_ssh_data(signed.asbytes(), algorithm))
        return self._outcome(self._ask(message))

    def algorithm(self, key_type: str) -> str:
        """The signature algorithm for a key: its own name, but for RSA what the host takes of RFC 8332."""
        base, suffix = key_type.removesuffix("-cert-v01@openssh.com"), ""
        if base != key_type:
            suffix = "-cert-v01@openssh.com"
        if base != "ssh-rsa":
            return key_type
        self._serve()
        taken = self._wire.server_extensions.get("server-sig-algs", b"").decode("ascii", "replace").split(",")
        wanted = ("rsa-sha2-512", "rsa-sha2-256")
        return next((name for name in wanted if name in taken), wanted[0]) + suffix

    def password(self, secret: Secret) -> Answer:
        """Sends it, once.

        Raises:
            AuthFailed: the host wants a new password.
        """
        message = self._request("password")
        message.add_boolean(False)
        message.add_string(secret.reveal())
        reply = self._ask(message)
        if reply[0] == _METHOD:
            raise AuthFailed("the password has expired: the host asks for a new one, which this console does not set")
        return self._outcome(reply)

    def interactive(self, answers: Answers) -> Answer:
        """As many rounds of prompts as the host likes."""
        message = self._request("keyboard-interactive")
        message.add_string("")
        message.add_string("")
        reply = self._ask(message)
        while reply[0] == _METHOD:
            text, prompts = _info(reply[1])
            response = _Request()
            response.add_byte(bytes([_INFO_RESPONSE]))
            response.add_int(len(prompts))
            for secret in answers(text, prompts) if prompts else ():
                response.add_string(secret.reveal())
            reply = self._ask(response)
        return self._outcome(reply)

    def _request(self, method: str) -> Message:
        message = _Request()
        message.add_byte(bytes([_REQUEST]))
        message.add_string(self._user)
        message.add_string("ssh-connection")
        message.add_string(method)
        return message

    def _serve(self) -> None:
        if self._serving:
            return
        message = Message()
        message.add_byte(bytes([_SERVICE_REQUEST]))
        message.add_string("ssh-userauth")
        self._send(message)
        if self._receive()[0] != _SERVICE_ACCEPT:
            raise LinkLost("the host answers out of turn", sent=False)
        self._serving = True

    def _ask(self, message: Message) -> tuple[int, Message]:
        self._serve()
        self._send(message)
        return self._receive()

    def _send(self, message: Message) -> None:
        if not self._transport.is_active():
            raise self._lost()
        try:
            self._wire._send_message(message)
        except (OSError, EOFError, paramiko.SSHException):
            lost = True
        else:
            lost = False
        if lost:
            raise self._lost()

    def _receive(self) -> tuple[int, Message]:
        until = time.monotonic() + REPLY
        while time.monotonic() < until:
            try:
                return self._handler.inbox.get(timeout=0.1)
            except queue.Empty:
                if not self._transport.is_active() and self._handler.inbox.empty():
                    raise self._lost() from None
        raise LinkLost(f"the host gave no answer within {REPLY:.0f} s", sent=False)

    def _lost(self) -> LinkLost:
        return LinkLost("the host closed the connection during login", sent=False)

    def _outcome(self, reply: tuple[int, Message]) -> Answer:
        kind, message = reply
        if kind == _SUCCESS:
            return Answer.ACCEPTED
        if kind != _FAILURE:
            raise LinkLost("the host answers out of turn", sent=False)
        self.attempts += 1
        self.methods = tuple(message.get_string().decode("ascii", "replace").split(","))
        return Answer.PARTIAL if message.get_boolean() else Answer.REFUSED


def _info(message: Message) -> tuple[str, tuple[Prompt, ...]]:
    """An INFO_REQUEST: title and instructions as one text, and the prompts."""
    title, instructions, _language = (message.get_string().decode("utf-8", "replace") for _ in range(3))
    count = message.get_int()
    if count > MAX_PROMPTS:
        raise AuthFailed(f"the host asks {count} questions at once")
    prompts = tuple(
        Prompt(message.get_string().decode("utf-8", "replace"), message.get_boolean()) for _ in range(count)
    )
    return "\n".join(part.strip() for part in (title, instructions) if part.strip()), prompts
