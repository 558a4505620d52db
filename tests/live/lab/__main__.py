"""`make lab` and `make lab-down`: python -m tests.live.lab up | down | list | build."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.live.lab.build import base_machine
from tests.live.lab.session import Lab, LabUnavailable, missing, sweep

UNAVAILABLE = 69
"""Exit status where this machine cannot run a lab (EX_UNAVAILABLE of sysexits.h)."""


def main(argv: list[str]) -> int:
    verbs = {"up": _up, "down": _down, "list": _list, "build": _build}
    if len(argv) != 1 or argv[0] not in verbs:
        print("usage: python -m tests.live.lab up | down | list | build", file=sys.stderr)
        return 64
    try:
        verbs[argv[0]]()
    except LabUnavailable as lacking:
        print(f"No lab on this machine: {lacking}.", file=sys.stderr)
        return UNAVAILABLE
    return 0


def _kept() -> list[Lab]:
    return [lab for lab in Lab.running() if lab.kept]


def _up() -> None:
    labs = _kept()
    if not labs:
        print("Booting the lab; the very first time its base machine is built, which takes about a minute …")
        started = time.monotonic()
        labs = [Lab.boot(keep=True)]
        print(f"Up after {time.monotonic() - started:.1f} s.")
    for lab in labs:
        print(_about(lab))


def _down() -> None:
    sweep()
    labs = _kept()
    for lab in labs:
        lab.down()
    print("Removed." if labs else "No lab was running.")


def _list() -> None:
    for lab in Lab.running():
        print(f"{lab.address}  {'kept' if lab.kept else 'of a test session'}  ssh -F {lab.ssh_config} lab-ops")


def _build() -> None:
    if lacks := missing():
        raise LabUnavailable("the lab needs " + "; ".join(lacks))
    print(f"Base machine of the lab: {base_machine()}")


def _about(lab: Lab) -> str:
    users = "\n".join(f"  lab-{user.name:<9} {user.about}" for user in lab.users.values())
    return f"""
A primary name server with four zones, at {lab.address} by SSH and {lab.at.ns1} by DNS, and a friend's secondaries
at {lab.at.ns2} and {lab.at.ns3} where you have no login. Break what you like.

  ssh -F {lab.ssh_config} lab-ops
  dig @{lab.at.ns2} lab.example SOA

Logins (passwords in {lab.access.passwords}):
{users}
  lab-behind    the same machine by another address, through lab-ops

The console on it:

  OPSCONSOLE_SSH_CONFIG={lab.ssh_config} {Path(sys.executable).with_name("opsconsole")} lab-ops

`make lab-down` removes it.
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
