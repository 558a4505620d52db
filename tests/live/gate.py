"""Holds what the console does on the host at one exact moment: a tool that waits until the test has done its worst."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.live.lab import Lab, until

TOOLS = ("cat", "ln", "mv", "named-checkzone", "rndc", "setsid")
PLACE = "/var/lib/lab-gate"
WRAPPER = f"""#!/bin/sh
name=${{0##*/}}
real=$(PATH=/usr/sbin:/usr/bin; command -v "$name")
[ -e {PLACE}/armed ] || exec "$real" "$@"
{{ read -r tool when; read -r pattern; }} <{PLACE}/armed
[ "$tool" = "$name" ] || exec "$real" "$@"
case "$* > $(readlink /proc/$$/fd/1)" in
$pattern) ;;
*) exec "$real" "$@" ;;
esac
mkdir {PLACE}/taken 2>/dev/null || exec "$real" "$@"
hold() {{
    : >{PLACE}/reached
    while [ ! -e {PLACE}/open ]; do sleep 0.02; done
}}
if [ "$when" = before ]; then hold; exec "$real" "$@"; fi
"$real" "$@"
status=$?
hold
exit $status
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """Before or after the first call of a tool whose arguments, and then `> FILE` for its stdout, fit the pattern."""

    tool: str
    when: str
    pattern: str


MOMENTS = {
    "the plan is arriving": Moment("cat", "before", "*/in.*"),
    "the plan has arrived": Moment("setsid", "before", "*/worker.*"),
    "the new text lies beside the old one": Moment("named-checkzone", "before", "*.opsc-*.tmp *"),
    "the check is over": Moment("named-checkzone", "after", "*.opsc-*.tmp *"),
    "the old text is about to go": Moment("mv", "before", "*.opsc-*.zone >*"),
    "the new text is in place": Moment("mv", "after", "*.opsc-*.zone >*"),
    "named is about to load it": Moment("rndc", "before", "reload *"),
    "named has been told": Moment("rndc", "after", "reload *"),
    "all is done but the result": Moment("mv", "before", "*/result.*"),
}


class Gate:
    """At one moment of the console's work on the primary."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._place = lab.primary.root / PLACE.lstrip("/")

    def until_reached(self, deadline: float = 40.0) -> None:
        until((self._place / "reached").exists, "the moment", deadline)

    @property
    def reached(self) -> bool:
        return (self._place / "reached").exists()

    def open(self) -> None:
        (self._place / "open").touch()


@contextmanager
def gate(lab: Lab, moment: Moment) -> Iterator[Gate]:
    """Wraps the tools of the primary while the block lasts; it is open at its end whatever happens."""
    place = lab.primary.root / PLACE.lstrip("/")
    lab.primary.run(f"rm -rf {PLACE}; mkdir -p {PLACE}")
    wrappers = [lab.primary.root / "usr/local/sbin" / name for name in TOOLS]
    for wrapper in wrappers:
        wrapper.write_text(WRAPPER)
        wrapper.chmod(0o755)
    (place / "armed").write_text(f"{moment.tool} {moment.when}\n{moment.pattern}\n")
    held = Gate(lab)
    try:
        yield held
    finally:
        held.open()
        for wrapper in wrappers:
            wrapper.unlink()
