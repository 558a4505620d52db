"""Real machines to test against: see `Lab`."""

from tests.live.lab.access import User
from tests.live.lab.machine import Machine, until
from tests.live.lab.nameserver import NameServer, dig
from tests.live.lab.session import Lab, LabUnavailable, missing, sweep
from tests.live.lab.zones import LOG_FILE, SERIALS, UPDATE_KEY, ZONE_FILES, ZONES

__all__ = [
    "LOG_FILE",
    "SERIALS",
    "UPDATE_KEY",
    "ZONES",
    "ZONE_FILES",
    "Lab",
    "LabUnavailable",
    "Machine",
    "NameServer",
    "User",
    "dig",
    "missing",
    "sweep",
    "until",
]
