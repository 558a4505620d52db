"""The host picker: inventory, ssh aliases, this machine, the sandbox."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from console.commands import Command
from console.inventory import Host, Kind
from screens.base import OpsScreen
from screens.safe import content
from screens.widgets.columns import Column
from screens.widgets.table import VirtualTable

WAYS = {Kind.SSH: "ssh", Kind.LOCAL: "here", Kind.SANDBOX: "make-believe"}


def cells(host: Host) -> tuple[str, ...]:
    way = WAYS[host.kind] + (f" {host.ssh}" if host.ssh and host.ssh != host.name else "")
    return host.name, host.label, way, host.mode.value, host.source


class HostsScreen(OpsScreen):
    SCOPE = "hosts"

    def body(self) -> ComposeResult:
        columns = (
            Column("host", "Host", 14, flex=2),
            Column("label", "Label", 20, flex=1),
            Column("way", "Reached by", 14, flex=2),
            Column("mode", "Mode", 7),
            Column("source", "From", 13),
        )
        table: VirtualTable[Host] = VirtualTable(
            columns, identity=lambda host: host.name, cells=cells, empty="No host."
        )
        yield table
        yield Static("", classes="note")

    def on_mount(self) -> None:
        inventory = self.ops.inventory
        table = self.query_one(VirtualTable)
        table.update(inventory.hosts)
        table.focus()
        note = f"Inventory: {inventory.path}" + (
            "" if inventory.present else " (not there yet; ssh aliases work without it)"
        )
        self.query_one(".note", Static).update(content(note))
        super().on_mount()

    def focus_body(self) -> None:
        self.query_one(VirtualTable).focus()

    def reason_against(self, command: Command) -> str:
        if command.id == "hosts.open" and self.query_one(VirtualTable).cursor_row is None:
            return "No host is chosen."
        return super().reason_against(command)

    def on_virtual_table_row_selected(self) -> None:
        self.do_open()

    def do_open(self) -> None:
        host = self.query_one(VirtualTable).cursor_row
        if host is not None:
            self.ops.open_host(host)

    def do_filter(self) -> None:
        self.filter_table(self.query_one(VirtualTable))
