"""Text from a recording made safe to show: names and paths in it were written by whoever sent the traffic."""

from __future__ import annotations

import re
from typing import Final

_UNSEEN: Final = (
    (0x00, 0x1F),  # C0 controls
    (0x7F, 0x9F),  # DEL, C1 controls
    (0xAD, 0xAD),  # soft hyphen
    (0x34F, 0x34F),  # combining grapheme joiner
    (0x600, 0x605),  # Arabic signs that reach over the digits behind them
    (0x61C, 0x61C),  # Arabic letter mark
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian selectors
    (0x200B, 0x200F),  # zero-width characters, direction marks
    (0x2028, 0x202E),  # line and paragraph separators, direction embeddings and overrides
    (0x2060, 0x206F),  # invisible operators, direction isolates
    (0x3164, 0x3164),  # Hangul filler
    (0xD800, 0xDFFF),  # lone surrogates, which UTF-8 cannot carry
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
    (0xFFF0, 0xFFFB),  # interlinear annotations
    (0x110BD, 0x110BD),  # Kaithi number signs
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),  # Egyptian format controls
    (0x1BCA0, 0x1BCA3),  # shorthand format controls
    (0x1D173, 0x1D17A),  # musical format controls
    (0xE0000, 0xE0FFF),  # tags, more variation selectors
)
"""Code points, first and last: control, format, separator and surrogate characters (Unicode's categories Cc,
Cf, Zl, Zp, Cs) and the rest of those that are drawn as nothing (Default_Ignorable_Code_Point)."""

_UNSEEN_PATTERN: Final = re.compile(
    "[" + "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in _UNSEEN) + "]"
)
_UNITS: Final = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet compute a cell instead of showing it; the last four are the fullwidth forms."""


def visible(text: str) -> str:
    r"""`text` with every character that is not drawn, or changes how others are, as `\x1b` or `\u202e`.

    Backslashes stay as they are, for the sake of Windows paths; so applying it twice changes nothing more.
    The result is one line and can be encoded as UTF-8.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN_PATTERN.sub(_escaped, text)


def csv_cell(text: str) -> str:
    """`visible(text)` as a cell that no spreadsheet takes for a formula: an apostrophe before = + - @.

    Only for text: a negative number written by us needs no apostrophe. A tab or carriage return at the start,
    which some programs skip, is escaped by `visible` already. Quoting is left to the writer of the file.
    """
    shown = visible(text)
    return f"'{shown}" if shown.startswith(_FORMULA_STARTS) else shown


def json_escaped(text: str) -> str:
    r"""The JSON `text` with what `visible` writes out as `\u202e`, which JSON reads back as the same character."""
    if text.isascii() and "\x7f" not in text:
        return text
    # What JSON itself has between its strings is drawn, but for line ends.
    return "\n".join(_UNSEEN_PATTERN.sub(_json_escape, line) for line in text.split("\n"))


def _json_escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def counted(n: int, one: str, many: str = "") -> str:
    """`1 buffer`, `2 buffers`: a number with its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def span_text(ns: int) -> str:
    """`12.3 µs`, `1.7 ms`, `38.1 s`: a short time, in nanoseconds."""
    for unit, name in _UNITS:
        if ns >= unit:
            return f"{ns / unit:.3g} {name}" if ns < 1000 * unit else f"{ns / unit:,.0f} {name}"
    return f"{ns} ns"


def end_text(address: object, port: object) -> str:
    """`10.0.0.5:80`, `[fe80::1]:80`, `10.0.0.5`; empty without an address."""
    if address is None:
        return ""
    text = str(address)
    if port is None:
        return text
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"
