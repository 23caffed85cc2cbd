"""Events in a line: a template of ours (`summaries`) with the fields' texts, or the fields one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from wnv.arrays import I64
from wnv.decode.columns import Decoded
from wnv.decode.description import FieldDescription, OutType
from wnv.decode.summaries import FIELD, fields_of
from wnv.decode.values import Blobs, Column, Fixed
from wnv.decode.words import Show

NamesOf = Callable[[I64], list[str | None]]
"""The names of processes by their ids, one an event."""

_PART: Final = re.compile(r"(\[[^\[\]]*\])")
_SHOWN_MAX: Final = 48  # characters of a field; packets would fill the screen
_NOTHING: Final = frozenset({"", "0", "0x0", "0.0.0.0", "::", "00000000-0000-0000-0000-000000000000"})
_RAW_BYTES: Final = 24
_MAC_DIGITS: Final = 12

_Texts = dict[str, str]


def render_sentences(decoded: Decoded, process_names: NamesOf | None = None) -> list[str]:
    """A line an event. `process_names` are put behind the ids of processes."""
    fields = decoded.description.fields
    if _names_itself(fields):
        process_names = None
    shown = {
        name: _shown(column, field, process_names)
        for name, column, field in zip(decoded.fields.names, decoded.fields.columns, fields, strict=True)
    }
    template = decoded.description.summary
    named = [name for name in dict.fromkeys(fields_of(template)) if name in shown]
    # Lengths and counts say nothing beside what they are of.
    sizes = {size for one in fields for size in (one.length, one.count) if isinstance(size, str)}
    listed = [name for name in shown if name not in sizes]
    title = f"{decoded.description.name}: " if decoded.description.name else ""
    fill = _compiled(template)
    lines = []
    for row, is_said in enumerate(_says(decoded, named) if template else [False] * len(decoded)):
        if is_said:
            lines.append(fill({name: _short(shown[name][row]) for name in named}))
        else:  # a sentence would hide that fields are missing
            texts = ((name, _short(shown[name][row])) for name in listed)
            lines.append(title + ", ".join(f"{name}={text}" for name, text in texts if text))
    return lines


def raw_text(data: bytes) -> str:
    """Bytes as they are: their number, and the first in hexadecimal digits."""
    if not data:
        return "no bytes"
    shown = data[:_RAW_BYTES].hex() + ("…" if len(data) > _RAW_BYTES else "")
    return f"{len(data)} {'byte' if len(data) == 1 else 'bytes'} {shown}"


def _names_itself(fields: Sequence[FieldDescription]) -> bool:
    """Whether an event is about a process and has its name."""
    return any(field.name in ("ImageFileName", "ImageName") for field in fields)


def _says(decoded: Decoded, names: list[str]) -> list[bool]:
    """Whether each event has the fields `names`, which the whole ones have."""
    if decoded.is_whole.all():
        return [True] * len(decoded)
    there = decoded.is_whole.copy()
    texts = [decoded.fields[name].shown() for name in names]
    for row in np.flatnonzero(~there).tolist():
        there[row] = all(column[row] is not None for column in texts)
    return [bool(one) for one in there]


def _shown(column: Column, field: FieldDescription, process_names: NamesOf | None) -> list[str | None]:
    texts = column.shown()
    if isinstance(column, Blobs) and column.show is Show.BYTES:
        return [_grouped(text) for text in texts]
    if process_names is None or field.out_type is not OutType.PID or not isinstance(column, Fixed):
        return texts
    names = process_names(column.values.astype(np.int64))
    return [f"{text} ({name})" if text is not None and name else text for text, name in zip(texts, names, strict=True)]


def _grouped(text: str | None) -> str | None:
    """Six bytes of which nothing else is known are most likely a MAC address."""
    return text if text is None or len(text) != _MAC_DIGITS else bytes.fromhex(text).hex(":")


def _short(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


def _compiled(template: str) -> Callable[[_Texts], str]:
    parts = [(part.strip("[]"), part[0] == "[") for part in _PART.split(template) if part]

    def text_of(texts: _Texts, match: re.Match[str]) -> str:
        said = [texts.get(name, "?") for name in match[1].split("|")]
        return next((text for text in said if text not in _NOTHING), said[0])

    def shown(texts: _Texts, match: re.Match[str]) -> str:
        text = text_of(texts, match)
        # An IPv6 address with a port behind it stands in brackets.
        return f"[{text}]" if match.string.startswith(":{", match.end()) and ":" in text else text

    def fill(texts: _Texts) -> str:
        line = ""
        for part, is_optional in parts:
            first = FIELD.search(part)
            if not is_optional or first is None or text_of(texts, first) not in _NOTHING:
                line += FIELD.sub(lambda match: shown(texts, match), part)
        return line

    return fill
