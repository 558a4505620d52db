"""`opsconsole hosts`: which names there are, and where they come from."""

from __future__ import annotations

from argparse import Namespace

from console.cli.context import inventory
from console.cli.exits import FINE
from console.cli.output import Output
from console.inventory import Host, Kind


def show(arguments: Namespace) -> int:
    """Lists the hosts; reaches none of them."""
    found = inventory()
    out = Output(as_json=arguments.json)
    rows = [(host.name, _way(host), host.label, host.mode.value, host.source) for host in found.hosts]
    out.table(("HOST", "REACHED", "LABEL", "STARTS IN", "FROM"), rows)
    out.line()
    out.line(f"Inventory: {found.path}" + ("" if found.present else " (not there; none is needed)"))
    out.emit("hosts", inventory=str(found.path), present=found.present, hosts=found.hosts)
    return FINE


def _way(host: Host) -> str:
    if host.kind is not Kind.SSH:
        return {Kind.LOCAL: "directly", Kind.SANDBOX: "make-believe"}[host.kind]
    return f"ssh {host.user + '@' if host.user else ''}{host.ssh}{f' port {host.port}' if host.port else ''}"
