"""From a name to a connection: the one place that knows which kind of host is reached how."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from console.inventory import Host, Inventory, Kind, Limits, load

if TYPE_CHECKING:
    from console.dns.desk import View
    from console.dns.probe import Paths
    from console.remote.connection import Connection
    from console.remote.prompter import Prompter


SSH_CONFIG = "OPSCONSOLE_SSH_CONFIG"
"""Environment variable: a file instead of the user's and the system's ssh_config, as `ssh -F` takes it."""


def inventory() -> Inventory:
    """Every host that has a name here: inventory file, ssh aliases, `local`, `sandbox`.

    Raises:
        InventoryError: the inventory file has a mistake.
    """
    from console.remote.ssh_config import aliases

    return load(aliases=aliases(_ssh_config()))


def _ssh_config() -> Path | None:
    named = os.environ.get(SSH_CONFIG)
    return Path(named) if named else None


def connect_to(host: Host, prompter: Prompter) -> Connection:
    """The connection to `host`, not opened yet. What it needs (paramiko, ssh_config) is imported here, not before.

    Raises:
        RemoteError: ssh_config makes no sense for it.
    """
    connection = _connection(host, prompter)
    if host.limits == Limits():
        return connection
    from console.wrapped import Limited

    return Limited(host.name, lambda: connection, host.limits.deadline, host.limits.bytes)


def _connection(host: Host, prompter: Prompter) -> Connection:
    if host.kind is Kind.SANDBOX:
        from console.sandbox.host import open_sandbox

        return open_sandbox(prompter, host.name)
    from console.remote.wire import PATH

    path = ":".join((*host.tool_directories, PATH))
    if host.kind is Kind.LOCAL:
        from console.remote.local import Local

        return Local(prompter, name=host.name, path=path)
    from console.remote.ssh import Ssh
    from console.remote.ssh_config import resolve
    from console.remote.vault import KeyringVault

    target = resolve(host.ssh, user=host.user or None, port=host.port or None, config=_ssh_config())
    return Ssh(host.name, target, prompter, vault=KeyringVault(remember=host.remember), path=path)


def dns_paths(host: Host) -> Paths:
    """Where BIND's things are on `host`, as far as the inventory says so."""
    from console.dns.probe import Paths

    dns = host.dns
    return Paths(
        config=dns.named_conf,
        chroot=dns.chroot,
        rndc=dns.rndc_options,
        log=f"journal:{dns.log_unit}" if dns.log_unit else dns.log_file,
    )


def dns_view(host: Host) -> View:
    """How the name servers of `host` are asked, as its inventory entry says."""
    from console.dns.desk import View

    dns = host.dns
    return View(dns_paths(host), dns.vantage.value, dns.secondaries)
