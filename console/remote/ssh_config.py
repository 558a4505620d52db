"""ssh_config as OpenSSH understands it: `ssh -G` where there is an ssh, paramiko's parser where there is none."""

from __future__ import annotations

from pathlib import Path

from console.remote.target import Target


def resolve(alias: str, *, user: str | None = None, port: int | None = None, config: Path | None = None) -> Target:
    """The whole way to `alias` (`host`, `user@host`), jump hosts included.

    Args:
        config: instead of the user's and the system's files.

    Raises:
        ConnectFailed: the alias or the configuration makes no sense, or ssh took more than 10 seconds.
    """
    raise NotImplementedError


def aliases(config: Path | None = None) -> tuple[str, ...]:
    """Every concrete Host name in the user's configuration, in file order, Include followed; no patterns."""
    raise NotImplementedError
