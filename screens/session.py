"""One host as the running console knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.evidence import EvidenceBook

if TYPE_CHECKING:
    from console.dns.desk import View
    from console.dns.state import Snapshot
    from console.inventory import Host
    from console.wrapped import Recorded


@dataclass(slots=True)
class Session:
    host: Host
    connection: Recorded
    book: EvidenceBook = field(default_factory=EvidenceBook)
    acting: bool = False
    """False is observe mode: plans are shown, not applied."""
    zones: Snapshot | None = None
    """The last snapshot of the name server."""

    @property
    def view(self) -> View:
        """How this host's name servers are asked."""
        from console.hosts import dns_view

        return dns_view(self.host)
