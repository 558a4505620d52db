"""The lab's wires: a switch in a network namespace of its own, so that no rule of this machine sees its packets.

Two networks: one that the name servers share with this machine, and one for SSH from this machine to the primary.
Pulling a wire takes the switch's port down; neither end gets an error, as with a real one.
"""

from __future__ import annotations

import json
import subprocess

from tests.live.lab.zones import Addresses

LINKS = {"console": "dns", "primary": "dns", "secondary": "dns", "admin": "admin", "console-admin": "admin"}
"""Wire to bridge: `admin` is SSH's only way; `primary` and `secondary` carry DNS; `console` is our own DNS wire."""


def ip(*args: str, netns: str = "") -> str:
    """ip(8), in a namespace when one is named."""
    command = ["ip", *(["-n", netns] if netns else []), *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def taken_octets() -> set[int]:
    """Octets of 10.99.x that this machine has an address or a route in."""
    names = [route.get("dst", "") for route in json.loads(ip("-j", "route", "show", "table", "all"))]
    return {int(name.split(".")[2].split("/")[0]) for name in names if name.startswith("10.99.")}


class Network:
    """Everything made for lab `octet` carries its number, so that it can be removed by name."""

    def __init__(self, octet: int) -> None:
        self.at = Addresses(octet)
        self.switch = f"opslab{octet}-switch"
        self.machines = {name: f"opslab{octet}-{name}" for name in ("primary", "secondary")}
        self._ours = {"dns": f"opslab{octet}d", "admin": f"opslab{octet}a"}

    def up(self) -> None:
        for name in (self.switch, *self.machines.values()):
            ip("netns", "add", name)
            ip("link", "set", "lo", "up", netns=name)
        for bridge in ("dns", "admin"):
            ip(
                "link",
                "add",
                f"br-{bridge}",
                "type",
                "bridge",
                "forward_delay",
                "0",
                "stp_state",
                "0",
                netns=self.switch,
            )
            ip("link", "set", f"br-{bridge}", "up", netns=self.switch)
        self._plug("console", self._ours["dns"], "")
        self._plug("console-admin", self._ours["admin"], "")
        self._plug("primary", "host0", self.machines["primary"])
        self._plug("admin", "host1", self.machines["primary"])
        self._plug("secondary", "host0", self.machines["secondary"])
        for name, address in (("dns", self.at.console), ("admin", self.at.admin_console)):
            ip("address", "add", f"{address}/25", "dev", self._ours[name])
            ip("link", "set", self._ours[name], "up")

    def _plug(self, wire: str, end: str, netns: str) -> None:
        """A veth pair: `wire` is the switch's port, `end` the other side."""
        there = ["netns", netns] if netns else []
        ip("link", "add", end, *there, "type", "veth", "peer", "name", wire, "netns", self.switch)
        ip("link", "set", wire, "master", f"br-{LINKS[wire]}", "up", netns=self.switch)

    def cut(self, link: str) -> None:
        """Pulls a wire of `LINKS`."""
        ip("link", "set", link, "down", netns=self._known(link))

    def mend(self, link: str) -> None:
        """Plugs it in again. Does nothing to one that is in."""
        ip("link", "set", link, "up", netns=self._known(link))

    def _known(self, link: str) -> str:
        if link not in LINKS:
            raise KeyError(f"no wire {link!r}; there are {', '.join(LINKS)}")
        return self.switch

    def down(self) -> None:
        """Removes what there is of it; the wires go with the switch."""
        there = {line.split()[0] for line in ip("netns", "list").splitlines() if line.strip()}
        for end in self._ours.values():
            subprocess.run(["ip", "link", "delete", end], capture_output=True, check=False)
        for name in (self.switch, *self.machines.values()):
            if name in there:
                ip("netns", "delete", name)
