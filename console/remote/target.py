"""Where a connection goes and with what: the settled result of ssh_config."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One host, or one hop on the way to it. Paths are absolute or relative to the working directory, never `~`."""

    alias: str
    """As the user wrote it, without `user@`."""
    hostname: str
    """What to connect to: a name or an address, without brackets."""
    port: int
    user: str
    identity_files: tuple[str, ...] = ()
    """Private keys, in the order to try; files that do not exist are no error."""
    identities_configured: bool = False
    """The files above were named by the user: they go before what else an agent holds."""
    certificate_files: tuple[str, ...] = ()
    identities_only: bool = False
    """From an agent, only keys that are also among `identity_files`."""
    identity_agent: str | None = None
    """Socket of the agent; None: no agent."""
    host_key_alias: str | None = None
    """The name that known_hosts files use for this host, without a port."""
    user_known_hosts: tuple[str, ...] = ()
    """The first is the one that a new line goes to."""
    global_known_hosts: tuple[str, ...] = ()
    hash_known_hosts: bool = False
    """Write new names hashed."""
    jumps: tuple[Target, ...] = ()
    """The way there, first hop first; each has `jumps` of its own empty."""
    connect_timeout: float | None = None
    """Seconds; None: the caller's default."""
    notes: tuple[str, ...] = ()
    """What of the configuration is not honoured, one sentence each; to be shown."""

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """Every file to look for the host key in, the user's first."""
        return self.user_known_hosts + self.global_known_hosts

    @property
    def address(self) -> str:
        """`user@192.0.2.1:22`, `user@[2001:db8::1]:22`."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{self.user}@{host}:{self.port}"
