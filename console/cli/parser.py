"""The words of `opsconsole`, and what runs for each. Imports nothing that takes long: `--help` is quick."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from console.cli.exits import FAILED, USAGE, Stop

EPILOG = """\
HOST is a name from the inventory, an ssh alias, `local` (this machine) or `sandbox` (a make-believe host).
Exit status: 0 fine, 1 failed or warnings, 2 errors found, 3 unknown, 64 usage.
"""


class Parser(argparse.ArgumentParser):
    """argparse, except that wrong usage ends with 64 (EX_USAGE)."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def build() -> Parser:
    """Every verb and option."""
    from console import __version__

    parser = Parser(
        prog="opsconsole",
        description="A keyboard-driven console for people who run their own internet server.\n"
        "Without a verb it opens the screen, on HOST if one is given.",
        usage="opsconsole [HOST] | opsconsole VERB …",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"opsconsole {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    _leaf(verbs, "hosts", "which hosts there are").set_defaults(run="hosts:show")
    _zone(verbs)
    journal = _leaf(verbs, "journal", "what was changed, when, by whom, with what result")
    journal.add_argument("--verify", action="store_true", help="prove that no record was altered")
    journal.add_argument("--ask", action="store_true", help="ask the hosts about outcomes that are not known here")
    journal.set_defaults(run="journal:show")
    undo = _leaf(verbs, "undo", "take a change back, as another change", changes=True)
    undo.add_argument("id", metavar="ID", help="transaction from the journal, or its beginning")
    undo.set_defaults(run="journal:undo")
    return parser


def _zone(verbs: argparse._SubParsersAction[Parser]) -> None:
    zone = verbs.add_parser("zone", help="zones of a BIND server", description="Zones of a BIND server.")
    subs = zone.add_subparsers(dest="subverb", metavar="VERB", required=True)
    listing = _leaf(subs, "list", "every zone, with its serials and what is wrong")
    listing.add_argument("host", metavar="HOST")
    listing.set_defaults(run="zone_look:list_zones")
    show = _on_zone(subs, "show", "the text of a zone: exact bytes when stdout is no terminal")
    show.add_argument("--canonical", action="store_true", help="as named-compilezone understands it")
    show.set_defaults(run="zone_look:show")
    check = _on_zone(subs, "check", "named-checkzone on a copy, and our own rules")
    check.add_argument("--file", metavar="F", help="check this text instead of the zone's own; - is stdin")
    check.set_defaults(run="zone_look:check")
    bump = _on_zone(subs, "bump", "raise the serial and nothing else", changes=True)
    bump.set_defaults(run="zone_change:bump")
    put = _on_zone(subs, "put", "replace the text, reload, and see every name server follow", changes=True)
    put.add_argument("--file", metavar="F", required=True, help="the new text; - is stdin")
    put.add_argument("--base", metavar="SHA256", help="refuse unless the zone's file has this hash now")
    put.add_argument("--force", action="store_true", help="write it whatever named-checkzone says")
    put.set_defaults(run="zone_change:put")
    watch = _leaf(subs, "watch", "named's log as it comes; ctrl-c ends it")
    watch.add_argument("host", metavar="HOST")
    watch.add_argument("zone", metavar="ZONE", nargs="?", help="only lines about this zone")
    watch.add_argument("--view", help=argparse.SUPPRESS)
    watch.add_argument("--last", metavar="N", type=_count, default=20, help="lines of the past to begin with (20)")
    watch.set_defaults(run="zone_look:watch")


def _on_zone(subs: argparse._SubParsersAction[Parser], name: str, text: str, *, changes: bool = False) -> Parser:
    leaf = _leaf(subs, name, text, changes=changes)
    leaf.add_argument("host", metavar="HOST")
    leaf.add_argument("zone", metavar="ZONE")
    leaf.add_argument("--view", help="where a zone is in several views")
    return leaf


def _leaf(subs: argparse._SubParsersAction[Parser], name: str, text: str, *, changes: bool = False) -> Parser:
    leaf = subs.add_parser(name, help=text, description=f"{text[:1].upper()}{text[1:]}.")
    leaf.add_argument("--json", action="store_true", help="one JSON object on stdout")
    leaf.add_argument("--no-input", action="store_true", help="never ask; what would have to be asked is refused")
    leaf.add_argument("--timeout", metavar="S", type=_seconds, help="seconds to watch or to wait for name servers")
    if changes:
        leaf.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
        leaf.add_argument("--yes", action="store_true", help="do it without asking")
    return leaf


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86400:
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 100_000:
        raise ValueError(text)
    return value


def run(words: Sequence[str]) -> int:
    """Does what the words say; the exit status."""
    from importlib import import_module

    arguments = build().parse_args(words)
    module, _, function = arguments.run.partition(":")
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    try:
        status = int(getattr(import_module(f"console.cli.{module}"), function)(arguments))
        sys.stdout.flush()
    except Stop as why:
        _say(why, as_json=arguments.json)
        return why.status
    except KeyboardInterrupt:
        sys.stderr.write("\nopsconsole: stopped.\n")
        return FAILED
    return status


def _say(why: Stop, *, as_json: bool) -> None:
    """The reason on stderr; with --json on stdout too, unless the command's own object is there already."""
    from console.cli.output import Output

    try:
        out = Output(as_json=as_json)
        out.error(why.sentence, why.advice)
        if not why.told:
            out.emit("error", status=why.status, error=why.sentence, advice=why.advice)
    except OSError:
        return
