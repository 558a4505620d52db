"""The keys that a login may use: those of an agent, and key files, in the order that spares MaxAuthTries."""

from __future__ import annotations

import base64
import binascii
import copy
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.agent import AgentKey, AgentSSH
from paramiko.pkey import PublicBlob, UnknownKeyType

from console.remote.secret import Secret
from console.remote.target import Target

AGENT_ANSWER = 10.0
"""Seconds for an agent to list its keys."""
AGENT_SIGN = 60.0
"""Seconds for an agent to sign: it may ask its owner, or wait for a touch."""

CERTIFICATE = "-cert-v01@openssh.com"

_MAGIC = b"openssh-key-v1\0"


class KeyUnusable(Exception):
    """A key that is there but cannot be used; `str()` says why, without a secret in it."""


class WrongPassphrase(KeyUnusable):
    """It does not open the key file."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One public key and the way to sign with it."""

    label: str
    """`agent, me@laptop`, `/home/me/.ssh/id_ed25519`: for the user."""
    public: bytes | None
    """Plain public key blob; None: not known before the file is opened."""
    key_type: str
    load: Callable[[Secret | None], paramiko.PKey]
    encrypted: bool = False
    """`load` needs the passphrase."""
    needs_person: bool = False
    """Signing asks someone to touch or to confirm: ask the host first whether it is worth it."""
    certificate: PublicBlob | None = None


class Agent(AgentSSH):
    """The agent behind one socket, without touching SSH_AUTH_SOCK, which other threads share."""

    def __init__(self, path: str) -> None:
        """Raises OSError, ValueError or SSHException when there is no agent that answers."""
        super().__init__()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._sock.settimeout(AGENT_ANSWER)
            self._sock.connect(path)
            self._connect(self._sock)  # type: ignore[attr-defined]
            self._sock.settimeout(AGENT_SIGN)
        except BaseException:
            self._sock.close()
            raise

    def close(self) -> None:
        self._sock.close()


@dataclass(slots=True)
class Ring:
    """Every identity of a target, in order, and what was left out with the reason."""

    identities: tuple[Identity, ...]
    trouble: tuple[str, ...]
    agent: Agent | None

    def close(self) -> None:
        if self.agent:
            self.agent.close()


def gather(target: Target) -> Ring:
    """Opens the agent, looks at the key files. Never raises; the caller closes the ring."""
    agent, trouble = _agent(target.identity_agent)
    held = {key.asbytes(): key for key in agent.get_keys()} if agent else {}
    files: list[Identity] = []
    for path in target.identity_files:
        try:
            found = _file(Path(path), held)
        except KeyUnusable as problem:
            trouble.append(str(problem))
        else:
            files += [found] if found else []
    named = {identity.public for identity in files}
    others = [_held(key, "agent") for blob, key in held.items() if blob not in named and not target.identities_only]
    ordered = _order(files, others, configured=target.identities_configured)
    certificates = _certificates(target)
    return Ring(tuple(each for one in ordered for each in _certified(one, certificates)), tuple(trouble), agent)


def _order(files: list[Identity], others: list[Identity], *, configured: bool) -> list[Identity]:
    """What needs nobody first; what only lies in a default place and is locked, last."""
    in_agent = [one for one in files if one.label.startswith("agent")]
    open_files = [one for one in files if one not in in_agent and not one.encrypted]
    locked = [one for one in files if one.encrypted]
    if configured:
        return in_agent + open_files + locked + others
    return in_agent + others + open_files + locked


def _agent(path: str | None) -> tuple[Agent | None, list[str]]:
    if path is None:
        return None, []
    try:
        return Agent(path), []
    except (OSError, ValueError, paramiko.SSHException) as problem:
        return None, [f"the agent at {path} does not answer: {problem}"]


def _held(key: AgentKey, label: str) -> Identity:
    comment = getattr(key, "comment", "")
    return Identity(
        label=f"{label}, {comment}" if comment else label,
        public=key.asbytes(),
        key_type=key.get_name(),
        load=lambda _secret: key,
        needs_person=key.get_name().startswith("sk-"),
    )


def _file(path: Path, held: dict[bytes, AgentKey]) -> Identity | None:
    """The identity of a key file; None: there is nothing there.

    Raises:
        KeyUnusable: readable by others, or not readable by us, or a public key whose private one no agent holds.
    """
    text = _read(path)
    itself = _public_line(text or b"")
    public, encrypted = itself or _beside(path), False
    if text is not None:
        inside, encrypted = read_public(text)
        public = inside or public
    if public in held:
        key = held[public]
        return Identity(f"agent, {path}", public, key.get_name(), lambda _secret: key, False, _touched(public))
    if text is None:
        return None
    if itself:
        raise KeyUnusable(f"{path} is a public key, and the agent does not hold the private one")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnusable(f"{path} can be read by others, so it is not used (chmod 600)")
    return Identity(str(path), public, _type(public), lambda secret: _open(path, secret), encrypted, _touched(public))


def _touched(public: bytes | None) -> bool:
    return _type(public).startswith("sk-")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise KeyUnusable(f"{path} cannot be read: {problem.strerror}") from None


def _beside(path: Path) -> bytes | None:
    """The public key of `path`.pub, as far as there is one."""
    with suppress(OSError):
        return _public_line(path.with_name(path.name + ".pub").read_bytes())
    return None


def _public_line(text: bytes) -> bytes | None:
    """The blob of `ssh-ed25519 AAAA… comment`."""
    with suppress(ValueError, IndexError):
        kind, word = text.split(None, 2)[:2]
        blob = base64.b64decode(word, validate=True)
        return blob if _type(blob).encode() == kind else None
    return None


def read_public(text: bytes) -> tuple[bytes | None, bool]:
    """Public key blob, if it can be read without a passphrase, and whether a passphrase is needed. Never raises."""
    if b"BEGIN OPENSSH PRIVATE KEY" not in text:
        return None, b"ENCRYPTED" in text
    lines = [line.strip() for line in text.splitlines()]
    try:
        data = base64.b64decode(b"".join(line for line in lines if not line.startswith(b"-")), validate=True)
    except (ValueError, binascii.Error):
        return None, False
    if not data.startswith(_MAGIC):
        return None, False
    fields = list(_strings(data[len(_MAGIC) :], 3))
    if len(fields) < 3:
        return None, False
    rest = data[len(_MAGIC) + sum(4 + len(field) for field in fields) + 4 :]
    return next(_strings(rest, 1), None), fields[0] != b"none"


def _strings(data: bytes, count: int) -> Iterator[bytes]:
    """The first `count` SSH strings (RFC 4251 section 5); fewer if there are fewer."""
    for _ in range(count):
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size or len(data) < 4:
            return
        yield data[4 : 4 + size]
        data = data[4 + size :]


def _type(blob: bytes | None) -> str:
    return next(_strings(blob or b"", 1), b"").decode("ascii", "replace")


def _open(path: Path, secret: Secret | None) -> paramiko.PKey:
    """The private key. What the libraries raise carries the passphrase in its frames, so it ends here.

    Raises:
        WrongPassphrase, KeyUnusable.
    """
    # the stub says str, cryptography below it wants bytes
    load: Callable[[str, bytes | None], paramiko.PKey] = paramiko.PKey.from_path  # type: ignore[assignment]
    try:
        key = load(str(path), secret.reveal() if secret else None)
    except UnknownKeyType:
        why = "is of a kind that paramiko does not know"
    except OSError as problem:
        why = f"cannot be read: {problem.strerror}"
    except (ValueError, TypeError, paramiko.SSHException):
        why = ""
    else:
        key.public_blob = None
        return key
    if why:
        raise KeyUnusable(f"{path} {why}")
    if secret:
        raise WrongPassphrase(f"the passphrase does not open {path}")
    raise KeyUnusable(f"{path} is not a private key that can be read")


def _certificates(target: Target) -> dict[bytes, PublicBlob]:
    """Plain public key to the certificate over it."""
    found: dict[bytes, PublicBlob] = {}
    for name in (*target.certificate_files, *(f"{path}-cert.pub" for path in target.identity_files)):
        try:
            blob = PublicBlob.from_file(name)
        except (OSError, ValueError, binascii.Error):
            continue
        plain = certified_key(blob.key_blob)
        if plain:
            found.setdefault(plain, blob)
    return found


def certified_key(blob: bytes) -> bytes | None:
    """The plain public key inside an OpenSSH certificate (PROTOCOL.certkeys); None: not a certificate."""
    name = _type(blob)
    if not name.endswith(CERTIFICATE):
        return None
    plain = name.removesuffix(CERTIFICATE)
    fields = list(_strings(blob, 3 if plain == "ssh-ed25519" else 4))[2:]
    return b"".join(len(part).to_bytes(4, "big") + part for part in (plain.encode(), *fields))


def _certified(identity: Identity, certificates: dict[bytes, PublicBlob]) -> Iterator[Identity]:
    """The key with its certificate first, where there is one, then the key alone."""
    certificate = certificates.get(identity.public or b"")
    if certificate:
        yield Identity(
            f"certificate, {identity.label}",
            identity.public,
            certificate.key_type,
            lambda secret: _with(identity.load(secret), certificate),
            identity.encrypted,
            identity.needs_person,
            certificate,
        )
    yield identity


def _with(key: paramiko.PKey, certificate: PublicBlob) -> paramiko.PKey:
    """A copy, so that the plain key can still be tried after the certificate was refused."""
    certified = copy.copy(key)
    certified.public_blob = certificate
    return certified
