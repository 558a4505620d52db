"""SOA serial numbers: RFC 1982 arithmetic, and the next one by the policy that a zone already uses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import Enum

SPACE = 1 << 32
HALF = 1 << 31
MAX = SPACE - 1

_DATES = range(1980_00_00_00, 2100_00_00_00)
"""The date form, with numbers that rolled on past nn = 99 or the end of a month. Unix times get there in 2032."""
_UNIXTIME_FROM = 1_000_000_000
"""2001-09-09; smaller numbers are counters."""
_UNIXTIME_SLACK = 3 * 86400
"""Seconds that a zone made from unix time may be ahead of the clock."""


class Policy(Enum):
    DATE = "date"
    """YYYYMMDDnn (RFC 1912 2.2)."""
    UNIXTIME = "unixtime"
    COUNTER = "counter"


def compare(left: int, right: int) -> int | None:
    """1: left is newer, -1: right is newer, 0: equal, None: undefined, they are 2^31 apart (RFC 1982 3.2)."""
    distance = (left - right) % SPACE
    if distance == 0:
        return 0
    if distance == HALF:
        return None
    return 1 if distance < HALF else -1


def newer(left: int, right: int) -> bool:
    """True if a secondary that has `right` would fetch `left`."""
    return compare(left, right) == 1


def add(serial: int, amount: int) -> int:
    """RFC 1982 3.1; ValueError if the amount is not in 0…2^31-1."""
    if not 0 <= amount < HALF:
        raise ValueError(f"a serial number can be raised by 0 to {HALF - 1}, not by {amount}")
    return (serial + amount) % SPACE


def date_of(serial: int) -> date | None:
    """The day in a YYYYMMDDnn serial; None if it has no such form."""
    day = serial // 100
    if serial not in _DATES:
        return None
    try:
        return date(day // 10000, day // 100 % 100, day % 100)
    except ValueError:
        return None


def policy_of(serial: int, now: datetime) -> Policy:
    """The policy that the number was made by. `now` is aware; it tells unix times from large counters."""
    if serial in _DATES:
        return Policy.DATE
    if _UNIXTIME_FROM <= serial <= now.timestamp() + _UNIXTIME_SLACK:
        return Policy.UNIXTIME
    return Policy.COUNTER


def next_serial(old: int, now: datetime, policy: Policy | None = None, above: Iterable[int] = ()) -> int:
    """A serial newer than `old` and than every served one in `above`, by the policy of `old` unless one is given.

    The policy's own number is taken when it is newer than all of them; else counting goes on from the newest.
    Never 0. ValueError if none is newer than all of them (two are 2^31 or more apart): see `repair`.
    """
    floor = [old, *above]
    wish = _wish(policy or policy_of(old, now), now)
    if wish is not None and all(newer(wish, serial) for serial in floor):
        return wish
    for serial in floor:
        following = add(serial, 1) or 1
        if all(newer(following, other) for other in floor):
            return following
    raise ValueError("no serial is newer than all of " + ", ".join(str(serial) for serial in floor))


def _wish(policy: Policy, now: datetime) -> int | None:
    """What the policy would write on a fresh start; None for a counter."""
    if policy is Policy.DATE:
        return int(f"{now:%Y%m%d}01")
    if policy is Policy.UNIXTIME:
        return int(now.timestamp()) % SPACE
    return None


def judge(new: int, old: int | None, served: Iterable[tuple[str, int]] = ()) -> str | None:
    """Why `new` must not be published: a sentence; None when it is newer than all.

    Args:
        old: in the file so far; None: it had none that named could load.
        served: (who, serial).
    """
    if not 0 <= new <= MAX:
        return f"Serial {new} does not fit in 32 bits: named refuses the zone."
    if new == 0:
        return "Serial 0 is not used: some software takes it for 'no serial'."
    in_file = () if old is None else (("the file", old),)
    for who, serial in (*in_file, *served):
        reason = _not_newer(new, who, serial)
        if reason is not None:
            return reason
    return None


def _not_newer(new: int, who: str, serial: int) -> str | None:
    order = compare(new, serial)
    if order == 1:
        return None
    if order == 0:
        return f"Serial {new} is the one that {who} has already: secondaries would not fetch the change."
    if order is None:
        return f"Serial {new} and {serial} of {who} are 2^31 apart: RFC 1982 leaves undefined which is newer."
    return f"Serial {new} is older than {serial} of {who} in serial arithmetic: secondaries would never fetch it."


def repair(served: int, target: int) -> tuple[int, ...]:
    """Serials to publish one after another, waiting for every server each time, to get from `served` to `target`.

    One when the target is newer already, else two by way of `served` + 2^31-1 (RFC 1982 3.1), and a third where the
    target lies just before `served`; none if they are equal.
    """
    if served == target:
        return ()
    if newer(target, served):
        return (target,)
    middle = add(served, HALF - 1) or add(served, HALF - 2)
    return (middle, *repair(middle, target))
