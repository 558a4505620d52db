"""known_hosts files: read with tolerance, judged as OpenSSH judges, appended to and never rewritten (sshd(8))."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Standing(Enum):
    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


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
    """The name in a known_hosts file: `[host]:port`, `host` for port 22, or the HostKeyAlias as it is."""
    raise NotImplementedError


def judge(
    files: Iterable[str], host: str, port: int, key_type: str, key_blob: bytes, *, alias: str | None = None
) -> Verdict:
    """What the files say about this key of this host. Files that do not exist are no error."""
    raise NotImplementedError


def fingerprint(key_blob: bytes) -> str:
    """`SHA256:…` as `ssh-keygen -l` prints it."""
    raise NotImplementedError
