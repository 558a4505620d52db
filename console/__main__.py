"""`opsconsole`: arguments in, a screen or a CLI verb out."""

from __future__ import annotations

import gc
import os
import sys

VERBS = ("hosts", "zone", "journal", "undo")


def main(words: list[str] | None = None) -> int:
    """The exit status. `words`: instead of the command line."""
    words = sys.argv[1:] if words is None else words
    host = _screen_host(words)
    if host is None:
        return _verb(words)
    if not (os.isatty(0) and os.isatty(1)):
        sys.stderr.write("opsconsole: the screen needs a terminal.\n  `opsconsole --help` shows what works without.\n")
        return 64
    # Something to look at while Textual is imported; the screen covers it.
    os.write(1, b"opsconsole is opening\xe2\x80\xa6\n")
    return _screen(host)


def _screen_host(words: list[str]) -> str | None:
    """The host to open the screen on, empty when none was named; None: this is for the verbs."""
    if words[:1] == ["--"]:
        words = words[1:]
        return words[0] if len(words) == 1 else None
    if not words:
        return ""
    if len(words) == 1 and not words[0].startswith("-") and words[0] not in VERBS:
        return words[0]
    return None


def _screen(host: str) -> int:
    # What is imported is no garbage, and looking for some takes a tenth of the way to the first frame.
    gc.disable()
    from console.inventory import InventoryError
    from screens.app import run

    try:
        return run(host)
    except InventoryError as why:
        sys.stderr.write(f"opsconsole: {why}\n")
        return 64


def _verb(words: list[str]) -> int:
    from console.cli.parser import run

    try:
        return run(words)
    except BrokenPipeError:
        # Whoever read us has enough. Python would complain about it once more while shutting down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
