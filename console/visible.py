"""Foreign text made visible: nothing that comes out can move a cursor, hide, or turn text around.

The rule works on characters, not on escape sequences, so an unterminated or split sequence is no special case.
"""

from __future__ import annotations

from itertools import groupby

TAB_STOP = 8

# Printable by category, yet nothing (or only a hole) is drawn: joiners, fillers, variation selectors, blank braille.
# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, less what str.isprintable() already refuses.
_UNSEEN = frozenset(
    map(
        chr,
        (
            0x034F,
            0x115F,
            0x1160,
            0x17B4,
            0x17B5,
            *range(0x180B, 0x1810),
            0x2800,
            0x3164,
            *range(0xFE00, 0xFE10),
            0xFFA0,
            *range(0xE0100, 0xE01F0),
        ),
    )
)


def is_plain(character: str) -> bool:
    """Whether one character may reach a terminal as it is.

    False for the Unicode categories Cc, Cf, Cs, Co, Cn, Zl, Zp, for every space but U+0020, and for
    characters that draw nothing.
    """
    return character.isprintable() and character not in _UNSEEN


def token(character: str) -> str:
    """What is shown in place of a character that may not be: `␛`, `\\x9c`, `<U+202E>`."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8, as surrogateescape keeps it
        return f"\\x{code - 0xDC00:02x}"
    return f"<U+{code:04X}>"


def decode(text: str | bytes) -> str:
    """Bytes as UTF-8, with each undecodable byte kept as a surrogate; text as it is."""
    return text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text


def _plain(text: str) -> bool:
    return text.isprintable() and (text.isascii() or _UNSEEN.isdisjoint(text))


def _line_pieces(line: str, *, tabs: bool) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    column = 0
    for plain, run in groupby(line, lambda character: is_plain(character) or (tabs and character == "\t")):
        if plain:
            text = "".join(run)
            if "\t" in text:
                text = (" " * (column % TAB_STOP) + text).expandtabs(TAB_STOP)[column % TAB_STOP :]
            found.append((text, False))
        else:
            text = "".join(map(token, run))
            found.append((text, True))
        column += len(text)
    return found


def pieces(text: str | bytes, *, multiline: bool = False) -> list[tuple[str, bool]]:
    """The text in runs of `(shown, made)`; `made` is True for tokens that stand for hidden characters.

    With `multiline`, newlines stay and tabs become spaces up to the next multiple of eight columns; without it both
    are tokens. Joined, the runs are what `visible` returns.
    """
    text = decode(text)
    if _plain(text):
        return [(text, False)] if text else []
    if not multiline:
        return _line_pieces(text, tabs=False)
    found: list[tuple[str, bool]] = []
    for number, line in enumerate(text.split("\n")):
        if number:
            found.append(("\n", False))
        found += [(line, False)] if line and _plain(line) else _line_pieces(line, tabs=True)
    return found


def visible(text: str | bytes, *, multiline: bool = False) -> str:
    """The text with every character that could mislead a reader or a terminal replaced by a visible token."""
    text = decode(text)
    if _plain(text):
        return text
    return "".join(shown for shown, _ in pieces(text, multiline=multiline))
