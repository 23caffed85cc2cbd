"""The schemas that merging adds to a recording: TRACE_EVENT_INFO and EVENT_MAP_INFO (etl-format.md, section 9.4)."""

from __future__ import annotations

import struct
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from wnv.decode.description import EventDescription, FieldDescription, InType, OutType, Source, ValueMap

CLASS: Final = "bbccf6c1-6cd1-48c4-80ff-839482e37671"
"""Class of the events that carry them."""
EVENT_INFO, MAP_INFO = 0x20, 0x21
"""Their opcodes."""

INFOS_MAX: Final = 1 << 15
INFO_BYTES_MAX: Final = 16 * 2**20
_FIELDS_MAX: Final = 4096
_DEPTH_MAX: Final = 8
_ALTERNATIVES_MAX: Final = 8
_TEXT_BYTES_MAX: Final = 2048

_GUID_BYTES: Final = 16
_HEAD_BYTES: Final = 0x70
_EVENT_GUID_AT, _DESCRIPTOR_AT, _OFFSETS_AT, _PROPERTIES_AT = 0x10, 0x20, 0x30, 0x64
_DESCRIPTOR: Final = struct.Struct("<HBBBBHQ")
_OFFSETS: Final = struct.Struct("<7I")  # decoding source; names of provider, level, channel, keywords, task, opcode
_COUNTS: Final = struct.Struct("<2I")
_PROPERTY: Final = struct.Struct("<2I2HI2HI")
_IS_STRUCT, _LENGTH_IS_INDEX, _COUNT_IS_INDEX, _COUNT_IS_FIXED = 0x01, 0x02, 0x04, 0x20
_FROM_XML, _FROM_MOF = 0, 1

_MAP_HEAD: Final = struct.Struct("<4I")
_MAP_ENTRY: Final = struct.Struct("<2I")
# evntcons.h, MAP_FLAGS: of a manifest 1 value map, 2 bit map, 4 pattern map; of WMI 8 value map, 16 bit map.
_BIT_MAPS, _PATTERN_MAP = 0x02 | 0x10, 0x04
_CORRECTED_COUNTS: Final = {("e13c0d23-ccbc-4e12-931b-d9cc2eee27e4", 82): ("Stack", "FrameCount")}
"""Of arrays whose count a provider's own manifest states wrongly: of .NET's stacks it says 2."""
_HAS_LENGTH: Final = frozenset({InType.UNICODE_STRING, InType.ANSI_STRING, InType.BINARY})


@dataclass(frozen=True, slots=True)
class _Info:
    """One TRACE_EVENT_INFO."""

    raw: bytes

    @property
    def key(self) -> tuple[str, int, int]:
        """Provider, id and version; of classic events the class, opcode and version."""
        event_id, version, _, _, opcode, _, _ = _DESCRIPTOR.unpack_from(self.raw, _DESCRIPTOR_AT)
        if self.source == _FROM_MOF:
            return _guid(self.raw, _EVENT_GUID_AT), opcode, version
        return _guid(self.raw, 0), event_id, version

    @property
    def source(self) -> int:
        found: int = _OFFSETS.unpack_from(self.raw, _OFFSETS_AT)[0]
        return found

    def text(self, at: int) -> str:
        """The UTF-16 text at an offset; 0 = there is none. Windows puts a blank behind some."""
        return _wide(self.raw, at).rstrip()

    def texts(self, at: int) -> Iterator[str]:
        """The texts of a list that an empty one ends."""
        while text := _wide(self.raw, at):
            yield text.strip()
            at += len(text.encode("utf-16-le")) + 2


class Metadata:
    """The descriptions of one recording: `learn` in the first pass, `describe` behind it."""

    def __init__(self) -> None:
        self._infos: dict[tuple[int, str, int, int], list[_Info]] = {}
        self._maps: dict[tuple[str, str], ValueMap] = {}
        self._described: dict[tuple[int, str, int, int], EventDescription | None] = {}
        self._n_bytes = 0
        self._n = 0
        self.n_bad = 0
        """Events that hold neither, or came after too many others."""

    def __len__(self) -> int:
        return self._n

    def learn(self, opcode: int, raw: bytes) -> None:
        """Take one event of class `CLASS`."""
        if opcode not in (EVENT_INFO, MAP_INFO):
            return
        self._n_bytes += len(raw)
        if self._n >= INFOS_MAX or self._n_bytes > INFO_BYTES_MAX:
            self.n_bad += 1
        elif opcode == MAP_INFO:
            self._learn_map(raw)
        elif len(raw) < _HEAD_BYTES:
            self.n_bad += 1
        else:
            info = _Info(raw)
            if info.source in (_FROM_XML, _FROM_MOF):
                known = self._infos.setdefault((info.source, *info.key), [])
                if info not in known and len(known) <= _ALTERNATIVES_MAX:
                    known.append(info)
                    self._n += 1

    def _learn_map(self, raw: bytes) -> None:
        found = parse_map(raw)
        if found is None:
            self.n_bad += 1
            return
        self._maps.setdefault((found[0], found[1].name), found[1])
        self._n += 1

    def describe(self, provider: str, event_id: int, version: int) -> EventDescription | None:
        """Of an event with a descriptor. `provider`: GUID."""
        return self._describe((_FROM_XML, provider, event_id, version))

    def describe_classic(self, event_class: str, opcode: int, version: int) -> EventDescription | None:
        """Of a classic event, by the GUID of its class."""
        return self._describe((_FROM_MOF, event_class, opcode, version))

    def _describe(self, key: tuple[int, str, int, int]) -> EventDescription | None:
        if key not in self._infos:
            return None
        if key not in self._described:
            found = [_parse(info, lambda guid, name: self._maps.get((guid, name))) for info in self._infos[key]]
            known = [one for one in found if one is not None]
            self._described[key] = replace(known[0], alternatives=tuple(known[1:])) if known else None
        return self._described[key]


def parse_map(raw: bytes) -> tuple[str, ValueMap] | None:
    """Provider and map of an event with opcode 0x21; None if it is none."""
    if len(raw) < _GUID_BYTES + _MAP_HEAD.size:
        return None
    body = raw[_GUID_BYTES:]
    name_at, flags, n, _ = _MAP_HEAD.unpack_from(body)
    if flags & _PATTERN_MAP or n > (len(body) - _MAP_HEAD.size) // _MAP_ENTRY.size:
        return None
    words: dict[int, str] = {}
    budget = 4 * len(body)  # offsets may point to the same text again and again
    for k in range(n):
        at, value = _MAP_ENTRY.unpack_from(body, _MAP_HEAD.size + k * _MAP_ENTRY.size)
        word = _wide(body, at).strip()
        budget -= len(word)
        if budget < 0:
            return None
        words.setdefault(value, word)
    return _guid(raw, 0), ValueMap(_wide(body, name_at).strip(), words, is_bits=bool(flags & _BIT_MAPS))


_FindMap = Callable[[str, str], ValueMap | None]


def parse_event_info(raw: bytes, find_map: _FindMap = lambda guid, name: None) -> EventDescription | None:
    """The description in a TRACE_EVENT_INFO; None if it is none. `find_map`: by provider and name."""
    return _parse(_Info(raw), find_map) if len(raw) >= _HEAD_BYTES else None


def _parse(info: _Info, find_map: _FindMap) -> EventDescription | None:
    raw = info.raw
    _, provider_at, _, _, keywords_at, task_at, opcode_at = _OFFSETS.unpack_from(raw, _OFFSETS_AT)
    n, n_top = _COUNTS.unpack_from(raw, _PROPERTIES_AT)
    if n_top > n or n > (len(raw) - _HEAD_BYTES) // _PROPERTY.size:
        return None
    parser = _Properties(info, n, lambda name: find_map(_guid(raw, 0), name))
    fields = parser.fields(0, n_top, 0)
    if fields is None:
        return None
    guid, event_id, version = info.key
    wrong, right = _CORRECTED_COUNTS.get((guid, event_id), ("", ""))
    if any(one.name == right for one in fields):
        fields = tuple(replace(one, count=right) if one.name == wrong else one for one in fields)
    level = _DESCRIPTOR.unpack_from(raw, _DESCRIPTOR_AT)[3]
    task, opcode = info.text(task_at), info.text(opcode_at)
    return EventDescription(
        guid, event_id, version, "/".join(word for word in (task, opcode) if word), fields, Source.METADATA,
        provider_name=info.text(provider_at), level=level, task=task, opcode=opcode,
        keywords=tuple(info.texts(keywords_at)) if keywords_at else (),
    )  # fmt: skip


@dataclass(slots=True)
class _Properties:
    """The array of properties; members of structures stand behind those of the event."""

    info: _Info
    n: int
    find_map: Callable[[str], ValueMap | None]
    n_fields: int = 0
    names: dict[int, str] = field(default_factory=dict)
    """By number, unique among siblings: lengths and counts name their field by its number."""

    def fields(self, first: int, n: int, depth: int) -> tuple[FieldDescription, ...] | None:
        """None: structures hold each other, or more fields than an event can have."""
        self.n_fields += n
        if first + n > self.n or depth > _DEPTH_MAX or self.n_fields > _FIELDS_MAX:
            return None
        taken: Counter[str] = Counter()
        for number in range(first, first + n):
            name = self.info.text(self._property(number)[1])
            taken[name] += 1
            self.names[number] = name if taken[name] == 1 else f"{name}_{taken[name]}"
        found: list[FieldDescription] = []
        for number in range(first, first + n):
            one = self._field(number, depth)
            if one is None:
                return None
            found.append(one)
        return tuple(found)

    def _field(self, number: int, depth: int) -> FieldDescription | None:
        flags, _, kind, shown, map_at, n_elements, n_units, _ = self._property(number)
        own_name = self.names[number]
        count: int | str | None = None
        if flags & _COUNT_IS_INDEX:
            count = self._name(n_elements)
        elif flags & _COUNT_IS_FIXED or n_elements > 1:
            count = n_elements
        if flags & _IS_STRUCT:
            members = self.fields(kind, shown, depth + 1)
            if members is None:
                return None
            return FieldDescription(own_name, InType.STRUCT, count=count, members=members)
        try:
            in_type, is_unsure = InType(kind), False
        except ValueError:  # of a Windows to come: bytes of which nothing is known
            in_type, is_unsure = InType.BINARY, True
        length: int | str | None = None
        if in_type in _HAS_LENGTH and not is_unsure:
            # A length is stated for numbers too, and means nothing there.
            length = self._name(n_units) if flags & _LENGTH_IS_INDEX else n_units or None
        name = self.info.text(map_at) if map_at else ""
        return FieldDescription(
            own_name, in_type, _out_type(shown), length, count,
            map=self.find_map(name) if name else None, is_unsure=is_unsure,
        )  # fmt: skip

    def _name(self, number: int) -> str:
        return self.names.get(number, "")

    def _property(self, number: int) -> tuple[int, ...]:
        return _PROPERTY.unpack_from(self.info.raw, _HEAD_BYTES + number * _PROPERTY.size)


def _out_type(number: int) -> OutType:
    try:
        return OutType(number)
    except ValueError:
        return OutType.DEFAULT


def _guid(raw: bytes, at: int) -> str:
    return str(uuid.UUID(bytes_le=raw[at : at + _GUID_BYTES]))


def _wide(raw: bytes, at: int) -> str:
    """UTF-16 from `at` to its NUL or the end, or `_TEXT_BYTES_MAX`; empty for 0, which stands for no text."""
    if not 0 < at < len(raw):
        return ""
    end, stop = at, min(len(raw), at + _TEXT_BYTES_MAX)
    while True:
        end = raw.find(b"\0\0", end, stop)
        if end < 0:
            end = stop
            break
        if (end - at) % 2 == 0:
            break
        end += 1
    return raw[at : at + (end - at) // 2 * 2].decode("utf-16-le", "replace")
