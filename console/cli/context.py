"""A host opened for one command, and the zone it is about."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console import hosts
from console.cli.exits import FAILED, UNKNOWN, USAGE, Stop
from console.cli.output import Output
from console.cli.prompter import TtyPrompter
from console.inventory import Host, Inventory, InventoryError

if TYPE_CHECKING:
    from console.dns.desk import Opened
    from console.dns.state import Snapshot, Zone
    from console.remote.connection import Connection


@dataclass(frozen=True, slots=True)
class Open:
    """What a verb works with."""

    host: Host
    connection: Connection
    out: Output
    prompter: TtyPrompter


def inventory() -> Inventory:
    """The inventory with the aliases of ssh_config.

    Raises:
        Stop: the file has a mistake.
    """
    try:
        return hosts.inventory()
    except InventoryError as why:
        raise Stop(USAGE, str(why), "Correct the file; `opsconsole hosts` shows where it is.") from why


def find(name: str) -> Host:
    """The host of that name.

    Raises:
        Stop: there can be no such host.
    """
    try:
        return inventory().find(name)
    except InventoryError as why:
        raise Stop(USAGE, str(why), "`opsconsole hosts` lists those that are known.") from why


@contextlib.contextmanager
def opened(arguments: Namespace) -> Iterator[Open]:
    """Connects to the host that the arguments name, and closes it in the end.

    Raises:
        Stop: it cannot be reached, or the link was lost.
    """
    from console.remote.errors import RemoteError

    out = Output(as_json=arguments.json)
    prompter = TtyPrompter(may_ask=not arguments.no_input)
    host = find(arguments.host)
    try:
        connection = hosts.connect_to(host, prompter)
        try:
            connection.connect()
            yield Open(host, connection, out, prompter)
        finally:
            connection.close()
    except RemoteError as why:
        raise Stop(UNKNOWN, _sentence(str(why)), _advice(why)) from why


def survey(here: Open) -> Snapshot:
    """The server's zones, with what it serves."""
    from console.dns import desk

    return desk.survey(here.connection, hosts.dns_view(here.host))


def pick(snapshot: Snapshot, name: str, view: str | None) -> Zone:
    """The zone of that name.

    Raises:
        Stop: there is none, or it is in several views and none was named.
    """
    wanted = name.rstrip(".").lower() or "."
    found = [zone for zone in snapshot.zones if zone.name == wanted and view in (None, zone.view)]
    if len(found) == 1:
        return found[0]
    if found:
        views = ", ".join(zone.view for zone in found)
        raise Stop(USAGE, f"Zone {wanted} is in several views: {views}.", "Name one with --view.")
    if not snapshot.zones:
        reason = snapshot.findings[0].why if snapshot.findings else "its configuration has none"
        raise Stop(FAILED, f"{snapshot.host} has no zones: {reason}")
    raise Stop(FAILED, f"{snapshot.host} has no zone {wanted}.", f"`opsconsole zone list {snapshot.host}` shows all.")


def read(here: Open, snapshot: Snapshot, zone: Zone) -> Opened:
    """The zone's file as it is now.

    Raises:
        Stop: it has none, or it cannot be read.
    """
    from console.dns import desk

    try:
        return desk.open_zone(here.connection, snapshot, zone)
    except desk.Unreadable as why:
        raise Stop(FAILED, str(why)) from why


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _advice(why: Exception) -> str:
    """What to do; by the name of the error's class, so that nothing of the remote room is imported for it."""
    return {
        "HostKeyUnknown": "Compare the fingerprint on a terminal, once: `opsconsole zone list HOST` asks there.",
        "HostKeyChanged": "Find out why before anything else; if the change is right, remove the old line yourself.",
        "AuthFailed": "Try `ssh HOST` with the same name; a password can only be asked for on a terminal.",
        "SudoRefused": "The login needs sudo on that host; its password can only be asked for on a terminal.",
        "ConnectFailed": "Try `ssh HOST` with the same name.",
        "Cancelled": "It can only be asked on a terminal, and not with --no-input.",
    }.get(type(why).__name__, "")
