"""One named of the lab, and what tests do to it behind the console's back."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.query

from tests.live.lab.machine import Machine
from tests.live.lab.zones import FILE_LOGGING, Addresses


@dataclass(frozen=True, slots=True)
class NameServer:
    name: str
    machine: Machine
    address: str
    unit: str
    zones_conf: str
    """The file that names its zones and their primaries."""
    at: Addresses
    rndc_options: tuple[str, ...] = ()

    def rndc(self, *args: str, check: bool = True) -> str:
        """rndc(8) on the machine itself; both of its outputs together."""
        done = self.machine.run('rndc "$@" 2>&1', *self.rndc_options, *args, check=check)
        return done.stdout

    def stop(self) -> None:
        self.machine.run('systemctl stop "$1"', self.unit)

    def start(self) -> None:
        """Also after more starts in a row than systemd likes."""
        self.machine.run('systemctl reset-failed "$1"; systemctl start "$1"', self.unit)

    def journal(self, after: str = "") -> list[str]:
        """What this named logged since the cursor `after`."""
        return self.machine.journal(self.unit, after)

    def serial(self, zone: str) -> int | None:
        """The serial it serves, asked from this machine over UDP; None when there is no answer or no such zone."""
        query = dns.message.make_query(zone, "SOA", flags=0)
        try:
            reply = dns.query.udp(query, self.address, timeout=1.0)
        except (OSError, dns.exception.Timeout):
            return None
        authoritative = reply.flags & dns.flags.AA
        return next((rdata.serial for rrset in reply.answer for rdata in rrset if authoritative), None)

    def refuse_notify(self) -> None:
        """Takes its zones from the primary's other address: a NOTIFY then comes from nobody it knows."""
        self._edit(self.zones_conf, self.at.ns1, self.at.ns1_alias)

    def accept_notify(self) -> None:
        """The other way round."""
        self._edit(self.zones_conf, self.at.ns1_alias, self.at.ns1)

    def allow_transfer(self, *addresses: str) -> None:
        """Sets the primary's ACL of those who may transfer. Without an address nobody may."""
        path = "/etc/bind/named.conf.options"
        text = self.machine.read(path).decode()
        allowed = " ".join(f"{address};" for address in addresses) or "none;"
        self.machine.write(path, re.sub(r"(?m)^acl secondaries \{.*\};$", f"acl secondaries {{ {allowed} }};", text))
        self.rndc("reconfig")

    def log_to_file(self) -> None:
        """From the journal to /var/log/named/named.log, with time, category and severity."""
        self.machine.write("/etc/bind/named.conf.logging", FILE_LOGGING)
        self.rndc("reconfig")

    def log_to_journal(self) -> None:
        self.machine.write("/etc/bind/named.conf.logging", "")
        self.rndc("reconfig")

    def _edit(self, path: str, old: str, new: str) -> None:
        text = self.machine.read(path).decode()
        assert f"{{ {old}; }}" in text, f"{path} does not name {old}"
        self.machine.write(path, text.replace(f"{{ {old}; }}", f"{{ {new}; }}"))
        self.rndc("reconfig")


def dig(*args: str, server: str) -> str:
    """dig(1) from this machine: its output, or an empty string when nobody answered."""
    command = ["dig", f"@{server}", "+time=1", "+tries=1", "+norecurse", *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    return done.stdout if done.returncode == 0 else ""
