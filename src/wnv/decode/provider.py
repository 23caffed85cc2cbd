"""What is known of one provider: its events, and how their layouts differ between builds of Windows.

This is also the form in which the catalog keeps a provider on disk: one JSON file, an event a line, with the
field descriptions of all events shared in one list. Manifests and dumps are turned into it once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wnv.decode.description import EventDescription, FieldDescription, InType, OutType, Source, ValueMap
from wnv.decode.summaries import summary_template
from wnv.errors import WnvError

FORMAT = 1
"""Of the file; others are refused."""

OTHER_BUILD_CONFIDENCE = 0.9
"""Of a layout that is known from another build, or inferred (cap of what no recording has confirmed)."""
LOWER_VERSION_CONFIDENCE = 0.6
"""Of the layout of the nearest lower version: newer versions mostly append fields."""

Layout = tuple[FieldDescription, ...]

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IS_COUNTED, _IS_UNSURE = 1, 2


@dataclass(frozen=True, slots=True)
class Variant:
    """How an event is laid out from one build of Windows on."""

    since: int
    """The first build that is known to have it so; 0 = no build is named."""
    until: int
    """The last build that is known to have it so; 0 = no build is named."""
    layouts: tuple[Layout, ...]
    """The likeliest first; empty: that build has no such event."""


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One id and version of a provider."""

    event_id: int
    version: int
    name: str
    level: int | None
    task: str
    opcode: str
    keywords: tuple[str, ...]
    variants: tuple[Variant, ...]
    """By build, ascending; at least one has a layout."""


@dataclass(frozen=True, slots=True)
class ProviderEvents:
    """All that is known of a provider."""

    guid: str
    """Lower case, without braces."""
    name: str
    keywords: dict[str, int | None]
    """Mask by name; None = unknown."""
    events: tuple[EventEntry, ...]
    """By id and version, ascending."""


class Descriptions:
    """Looks the events of one provider up."""

    def __init__(self, provider: ProviderEvents, source: Source) -> None:
        self.provider = provider
        self._source = source
        self._events = {(event.event_id, event.version): event for event in provider.events}
        self._versions: dict[int, list[int]] = {}
        for event_id, version in sorted(self._events):
            self._versions.setdefault(event_id, []).append(version)

    def describe(self, event_id: int, version: int, *, build: int = 0) -> EventDescription | None:
        """This id and version as Windows build `build` lays it out (0 = not known: the newest), or None."""
        entry = self._events.get((event_id, version))
        return None if entry is None else self._described(entry, build)

    def describe_lower(self, event_id: int, version: int, *, build: int = 0) -> EventDescription | None:
        """The nearest lower version as a guess at this one, or None."""
        lower = [known for known in self._versions.get(event_id, ()) if known < version]
        if not lower:
            return None
        return with_lower_version(self._described(self._events[event_id, lower[-1]], build), version)

    def _described(self, entry: EventEntry, build: int) -> EventDescription:
        chosen, others, doubt = _layouts_at(entry.variants, build)
        first, *second = chosen.layouts
        alternatives = [self._event(entry, layout, "another reading of the documents") for layout in second]
        seen = set(chosen.layouts)
        for variant in others:
            where = f"as in builds {variant.since} to {variant.until}" if variant.since else "as in other builds"
            alternatives += [self._event(entry, layout, where) for layout in variant.layouts if layout not in seen]
            seen.update(variant.layouts)
        return replace(self._event(entry, first, doubt), alternatives=tuple(alternatives))

    def _event(self, entry: EventEntry, layout: Layout, doubt: str) -> EventDescription:
        unsure = [field.name for field in all_fields(layout) if field.is_unsure]
        reasons = [doubt] if doubt else []
        if unsure:
            reasons.append(f"the layout of {unsure[0]} is inferred")
        return EventDescription(
            provider=self.provider.guid,
            event_id=entry.event_id,
            version=entry.version,
            name=entry.name,
            fields=layout,
            source=self._source,
            provider_name=self.provider.name,
            level=entry.level,
            task=entry.task,
            opcode=entry.opcode,
            keywords=entry.keywords,
            summary=summary_template(self.provider.guid, entry.event_id, (field.name for field in layout)),
            confidence=OTHER_BUILD_CONFIDENCE if reasons else 1.0,
            reason="; ".join(reasons),
        )


def with_lower_version(found: EventDescription, version: int) -> EventDescription:
    """A description of a lower version as a guess at `version`."""
    reason = f"version {version} is not known: read as version {found.version}"

    def guess(one: EventDescription) -> EventDescription:
        return replace(_with_confidence(one, LOWER_VERSION_CONFIDENCE, reason), version=version)

    return replace(guess(found), alternatives=tuple(guess(other) for other in found.alternatives))


def _with_confidence(event: EventDescription, most: float, reason: str) -> EventDescription:
    reasons = [reason, event.reason] if event.reason else [reason]
    return replace(event, confidence=min(event.confidence, most), reason="; ".join(reasons))


def _layouts_at(variants: Sequence[Variant], build: int) -> tuple[Variant, list[Variant], str]:
    """The variant of a build, the others that have layouts (nearest builds first), and what makes it doubtful."""
    at_or_below = [n for n, variant in enumerate(variants) if variant.since <= build]
    # An unknown build is taken for the newest, a build older than all that are known for the oldest.
    n = len(variants) - 1 if not build else at_or_below[-1] if at_or_below else 0
    is_between = n + 1 < len(variants) and variants[n].until < build
    doubt = ""
    if not variants[n].layouts:  # the event is there, so this build has it after all
        with_layout = [k for k, variant in enumerate(variants) if variant.layouts]
        above = [k for k in with_layout if k > n]
        n = above[0] if above else with_layout[-1]
        doubt = f"not known of build {build}" if build and not is_between else ""
    elif is_between:
        doubt = f"builds {variants[n].until} and {variants[n + 1].since} differ, and {build} is between them"
    others = [variants[k] for k in sorted(range(len(variants)), key=lambda k: abs(k - n)) if k != n]
    return variants[n], [other for other in others if other.layouts], doubt


def is_guid(text: str) -> bool:
    """Whether `text` is a GUID in lower case without braces."""
    return _GUID.fullmatch(text) is not None


def encode_provider(provider: ProviderEvents) -> str:
    """The text of the provider's file; the same provider always gives the same text."""
    maps: dict[str, tuple[int, ValueMap]] = {}
    fields: dict[str, int] = {}
    layouts: dict[str, int] = {}
    keywords: dict[str, int] = {}

    def map_number(value_map: ValueMap) -> int:
        key = json.dumps([value_map.name, value_map.is_bits, sorted(value_map.words.items())])
        return maps.setdefault(key, (len(maps), value_map))[0]

    def field_number(field: FieldDescription) -> int:
        row: list[Any] = [  # Any: a JSON row
            field.name,
            int(field.in_type),
            int(field.out_type),
            field.length,
            field.count,
            field.is_counted * _IS_COUNTED | field.is_unsure * _IS_UNSURE,
            None if field.map is None else map_number(field.map),
            [field_number(member) for member in field.members],
        ]
        while len(row) > 2 and row[-1] == _FIELD_DEFAULTS[len(row) - 1]:
            row.pop()
        return fields.setdefault(_compact(row), len(fields))

    def layout_number(layout: Layout) -> int:
        return layouts.setdefault(_compact([field_number(field) for field in layout]), len(layouts))

    events = []
    for event in provider.events:
        variants = [
            [variant.since, variant.until, *(layout_number(layout) for layout in variant.layouts)]
            for variant in event.variants
        ]
        words = keywords.setdefault(_compact(event.keywords), len(keywords))
        head = [event.event_id, event.version, event.name, event.level, event.task, event.opcode, words]
        events.append(_compact([*head, variants]))
    rows = [
        _compact([m.name, int(m.is_bits), {str(value): m.words[value] for value in sorted(m.words)}])
        for _, m in maps.values()
    ]
    known = {"format": FORMAT, "guid": provider.guid, "name": provider.name, "masks": provider.keywords}
    lists = {"keywords": keywords, "maps": rows, "fields": fields, "layouts": layouts, "events": events}
    bodies = [f'"{title}":[\n' + ",\n".join(lines) + "\n]" for title, lines in lists.items()]
    return _compact(known)[:-1] + ",\n" + ",\n".join(bodies) + "}\n"


def decode_provider(text: str | bytes, place: str) -> ProviderEvents:
    """The provider of a file's text. `place` names the file in errors."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise WnvError(
                f"{place} is of format {data['format']!r}, and this wnv reads format {FORMAT}",
                advice="Add the manifest again.",
            )
        return _decoded(data)
    except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise WnvError(
            f"{place} is not a provider of wnv's catalog ({error})", advice="Add the manifest again."
        ) from error


def _decoded(data: Mapping[str, Any]) -> ProviderEvents:  # Any: JSON, checked value by value
    maps = [
        ValueMap(_text(name), {int(value): _text(word) for value, word in words.items()}, bool(bits))
        for name, bits, words in data["maps"]
    ]
    fields: list[FieldDescription] = []
    for row in data["fields"]:  # members stand before what they belong to
        name, in_type, out_type, length, count, flags, map_number, members = row + _FIELD_DEFAULTS[len(row) :]
        fields.append(
            FieldDescription(
                _text(name),
                InType(in_type),
                OutType(out_type),
                length=_size(length),
                count=_size(count),
                is_counted=bool(flags & _IS_COUNTED),
                map=None if map_number is None else maps[_index(map_number)],
                members=tuple(fields[_index(member)] for member in members),
                is_unsure=bool(flags & _IS_UNSURE),
            )
        )
    layouts = [tuple(fields[_index(n)] for n in layout) for layout in data["layouts"]]
    keywords = [tuple(_text(word) for word in words) for words in data["keywords"]]
    events = []
    for event_id, version, name, level, task, opcode, words, variants in data["events"]:
        known = tuple(
            Variant(_index(since), _index(until), tuple(layouts[_index(n)] for n in numbers))
            for since, until, *numbers in variants
        )
        if not any(variant.layouts for variant in known):
            raise ValueError(f"event {event_id} has no layout")
        head = _index(event_id), _index(version), _text(name), None if level is None else _index(level)
        events.append(EventEntry(*head, _text(task), _text(opcode), keywords[_index(words)], known))
    guid = _text(data["guid"])
    if not is_guid(guid):
        raise ValueError(f"{guid!r} is no GUID")
    masks = {_text(word): None if mask is None else _index(mask) for word, mask in data["masks"].items()}
    return ProviderEvents(guid, _text(data["name"]), masks, tuple(events))


_FIELD_DEFAULTS: list[Any] = ["", 0, 0, None, None, 0, None, []]  # Any: a JSON row


def all_fields(layout: Layout) -> Iterator[FieldDescription]:
    """The fields of a layout and, behind each structure, its members."""
    for field in layout:
        yield field
        yield from all_fields(field.members)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _index(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no number")
    return value


def _size(value: object) -> int | str | None:
    if value is None or isinstance(value, str):
        return value
    return _index(value)
