"""Dumps of event schemas as JSON: a file a provider, and what differs in older builds.

This is what the catalog is made of (tools/build_catalog.py), and `wnv catalog add` takes it too. Dumps lost the
out-types, so what is known by the names of fields is put back: socket addresses, IPv6 addresses, statuses, ids
of processes. Texts of messages are not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from wnv.decode.description import FieldDescription, InType, OutType, ValueMap
from wnv.decode.manifest import IN_TYPES, LEVELS, MOST_BYTES, OUT_TYPES
from wnv.decode.provider import EventEntry, Layout, ProviderEvents, Variant, is_guid
from wnv.errors import WnvError

_DUMP_IN_TYPES: Final[Mapping[str, InType]] = MappingProxyType(
    {**IN_TYPES, "countedutf16string": InType.MANIFEST_COUNTED_STRING, "countedutf8string": InType.COUNTED_ANSI_STRING}
)
_DUMP_OUT_TYPES: Final[Mapping[str, OutType]] = MappingProxyType({**OUT_TYPES, "macaddress": OutType.HEX_BINARY})
_WITHOUT_NAME = re.compile(r"task_0|keyword_")
"""Names that dumping made up."""

_IN_32_BITS: Final = frozenset({InType.INT32, InType.UINT32, InType.HEX_INT32})
_OUT_TYPES_BY_NAME: Final[Sequence[tuple[re.Pattern[str], frozenset[InType], OutType]]] = tuple(
    (re.compile(pattern), in_types, out_type)
    for pattern, in_types, out_type in (
        (r"(?i)\w*ipv6\w*addr(?:ess)?[01]?|\w*ipv6nexthop", frozenset({InType.BINARY}), OutType.IPV6),
        (r"(?i)\w*ipv4\w*(?:addr(?:ess)?|prefix|nexthop)[01]?", frozenset({InType.UINT32}), OutType.IPV4),
        (r"(?i)(?:user|client)?(?:mode)?p(?:rocess)?id", _IN_32_BITS, OutType.PID),
        (r"(?i)hresult", _IN_32_BITS, OutType.HRESULT),
        (r"(?i)mac(?:address)?[12]?", frozenset({InType.BINARY}), OutType.HEX_BINARY),
    )
)
"""Whole names of fields, the types they are stored in, and what that makes of them, whichever the provider."""


@dataclass(frozen=True, slots=True)
class Dump:
    """One file: a provider as of a build, or what differs in that build."""

    guid: str
    name: str
    build: int
    keywords: dict[str, int | None]
    events: dict[tuple[int, int], EventEntry]
    """By id and version; of one variant, or several where the dump has the event several times."""
    missing: frozenset[tuple[int, int]] = frozenset()
    """Ids and versions that an older build does not have."""


def parse_dump(data: bytes | Mapping[str, Any], *, maps: Mapping[str, ValueMap] | None = None) -> Dump:  # Any: JSON
    """The provider of a dump. Raises `WnvError` if it is none. `maps`: those of the newest build, for an older one."""
    try:
        if isinstance(data, bytes):
            if len(data) > MOST_BYTES:
                raise WnvError(f"a dump of {len(data):,} bytes is too large: {MOST_BYTES:,} at most")
            data = json.loads(data)
        if not isinstance(data, Mapping):
            raise TypeError("not a JSON object")
        return _dump(data, {**(maps or {}), **parse_maps(data)})
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
        raise WnvError(
            f"not a dump of event schemas ({what})",
            advice="It needs provider, guid and events, each with id, version and fields (name, inType).",
        ) from error


def parse_maps(data: Mapping[str, Any]) -> dict[str, ValueMap]:  # Any: JSON
    """The value maps of a dump, and its maps of single bits (`bitMaps`), by name."""
    return {
        name: ValueMap(name, {int(value, 0): str(word) for value, word in words.items()}, is_bits)
        for key, is_bits in (("maps", False), ("bitMaps", True))
        for name, words in data.get(key, {}).items()
    }


def _dump(data: Mapping[str, Any], maps: Mapping[str, ValueMap]) -> Dump:  # Any: JSON
    guid = str(data["guid"]).strip("{}").lower()
    if not is_guid(guid):
        raise ValueError(f"{data['guid']!r} is no GUID")
    build = re.search(r"10\.0\.(\d+)", str(data.get("build", "")))
    events: dict[tuple[int, int], EventEntry] = {}
    confirmed = _confirmed(data["events"])
    for row in data["events"]:
        entry = _entry(row, maps, confirmed)
        key = entry.event_id, entry.version
        before = events.get(key)
        if before is not None:
            layouts = tuple(dict.fromkeys(before.variants[0].layouts + entry.variants[0].layouts))
            entry = _with_variants(before, (Variant(0, 0, layouts),))
        events[key] = entry
    return Dump(
        guid,
        str(data["provider"]),
        int(build[1]) if build else 0,
        {
            name: None if mask is None else int(mask, 16)
            for name, mask in data.get("keywords", {}).items()
            if not _WITHOUT_NAME.match(name)
        },
        events,
        frozenset((int(event_id), int(version)) for event_id, version in data.get("notInThisBuild", ())),
    )


def _confirmed(events: Iterable[Mapping[str, Any]]) -> set[tuple[str, object]]:  # Any: JSON
    """Fields and the lengths they have by a manifest or another decoder: the same pair elsewhere is no guess."""
    return {
        (field["name"], field.get("length", field.get("count")))
        for event in events
        for field in event["fields"]
        if field.get("lengthFrom") in ("xml", "airbus", "known")
    }


def _entry(
    row: Mapping[str, Any], maps: Mapping[str, ValueMap], confirmed: set[tuple[str, object]]
) -> EventEntry:  # Any: JSON
    event_id, version = int(row["id"]), int(row["version"])
    if not (0 <= event_id <= 0xFFFF and 0 <= version <= 0xFF):
        raise ValueError(f"there is no event {event_id} version {version}")
    keywords = tuple(str(word) for word in row.get("keywords", ()) if not _WITHOUT_NAME.match(word))
    task = str(row.get("task", ""))
    return EventEntry(
        event_id,
        version,
        _name(str(row.get("symbol", "")), event_id, version),
        LEVELS.get(row.get("level", "")),
        "" if _WITHOUT_NAME.match(task) else task,
        str(row.get("opcode", "")),
        keywords,
        (Variant(0, 0, (_layout(row["fields"], maps, confirmed),)),),
    )


def _name(symbol: str, event_id: int, version: int) -> str:
    """The symbol without what dumping put behind it to tell events apart."""
    if _WITHOUT_NAME.match(symbol):
        return ""
    return symbol.removesuffix(f"_V{version}").removesuffix(str(event_id)).rstrip(".") or symbol


def _layout(
    rows: Sequence[Mapping[str, Any]], maps: Mapping[str, ValueMap], confirmed: set[tuple[str, object]]
) -> Layout:  # Any: JSON
    fields: dict[str, FieldDescription] = {}
    for n, row in enumerate(rows):
        name = str(row["name"])
        name = f"{name}_{n}" if name in fields else name
        in_type = _DUMP_IN_TYPES.get(str(row["inType"]).lower())
        length, count = (_size(row.get(key), fields) for key in ("length", "count"))
        members = _layout(row.get("members", ()), maps, confirmed)
        if members:
            in_type = InType.STRUCT
        has_unknown_length = in_type is InType.BINARY and length is None and n < len(rows) - 1
        if in_type is None or has_unknown_length:  # a structure whose members are not known is of no known type
            fields[name] = FieldDescription(name, InType.BINARY, is_unsure=True)
            break
        is_guess = (
            row.get("lengthFrom") == "name" and (row["name"], row.get("length", row.get("count"))) not in confirmed
        )
        fields[name] = FieldDescription(
            name,
            in_type,
            out_type_of(name, in_type, length, str(row.get("outType", ""))),
            length,
            count,
            map=maps.get(row.get("map", "")),
            members=members,
            is_unsure=is_guess or bool(row.get("unsure")),
        )
    return tuple(fields.values())


def _size(value: object, before: Mapping[str, FieldDescription]) -> int | str | None:
    if value is None or (isinstance(value, int) and 0 <= value <= 0xFFFF):
        return value
    if isinstance(value, str) and value in before:
        return value
    raise ValueError(f"{value!r} is neither a size nor an earlier field")


def out_type_of(name: str, in_type: InType, length: int | str | None, stated: str) -> OutType:
    """What the dump says, or what the field's name says where that leaves no doubt."""
    if stated:
        return _DUMP_OUT_TYPES.get(stated.lower(), OutType.DEFAULT)
    found = (out for pattern, in_types, out in _OUT_TYPES_BY_NAME if in_type in in_types and pattern.fullmatch(name))
    out_type = next(found, OutType.DEFAULT)
    if out_type is OutType.IPV6 and isinstance(length, int) and length != 16:
        return OutType.DEFAULT
    return out_type


def _with_variants(entry: EventEntry, variants: tuple[Variant, ...]) -> EventEntry:
    return EventEntry(
        entry.event_id, entry.version, entry.name, entry.level, entry.task, entry.opcode, entry.keywords, variants
    )


def merge_builds(newest: Dump, older: Sequence[Dump]) -> ProviderEvents:
    """One provider out of the dump of its newest build and those of older builds, in any order.

    An older dump says only what differs from the newest.
    """
    by_build = sorted(older, key=lambda dump: dump.build)
    dumps = [*by_build, newest]
    entries = []
    for key in sorted({key for dump in dumps for key in dump.events}):
        variants: list[Variant] = []
        for dump in dumps:
            entry = None if key in dump.missing else dump.events.get(key) or newest.events.get(key)
            layouts = entry.variants[0].layouts if entry else ()
            if variants and variants[-1].layouts == layouts:
                variants[-1] = Variant(variants[-1].since, dump.build, layouts)
            else:
                variants.append(Variant(dump.build, dump.build, layouts))
        head = next(dump.events[key] for dump in reversed(dumps) if key in dump.events)
        # What is the same in every build that is known needs no builds.
        known = tuple(variants) if len(variants) > 1 else (Variant(0, 0, variants[0].layouts),)
        entries.append(_with_variants(head, known))
    return ProviderEvents(newest.guid, newest.name, newest.keywords, tuple(entries))
