"""Finds the best description of every event of a recording, and decodes the events of one kind at once.

Sources, best first: the event's own schema, EventSource manifests in the recording, schemas that merging added,
then the catalog (with what a bundle or the user added), then the classic classes of the kernel, then none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

import numpy as np

from wnv.arrays import I32, I64
from wnv.decode import classic, metadata
from wnv.decode.columns import Decoded, Fit, decode_kind
from wnv.decode.description import EventDescription, Source
from wnv.decode.manifest import join_chunks, parse_manifest
from wnv.decode.metadata import Metadata
from wnv.decode.processes import ProcessNotes, ProcessTable
from wnv.decode.program import ELEMENTS_MORE, ELEMENTS_PER_BYTE, Program, build_program
from wnv.decode.provider import Descriptions
from wnv.decode.summaries import summary_template
from wnv.decode.tracelogging import Schemas
from wnv.decode.values import distinct_ranges
from wnv.diagnostics import Code, Log
from wnv.errors import WnvError
from wnv.etl import layout
from wnv.etl.events import NO_HOOK, NO_PROVIDER, Events
from wnv.etl.extended import Items, traits_name
from wnv.etl.reader import Slice

KINDS_COUNTED_MAX: Final = 1 << 16
"""Of events that were not decoded; more are counted together."""
KINDS_KEPT_MAX: Final = 1 << 16
"""Descriptions looked up and not forgotten."""
_FIELDS_KEPT_MAX: Final = 1 << 18  # of all programs, some 300 bytes each
_CELLS_MAX: Final = 1 << 22  # values decoded at a time, of 16 bytes and more: bounds the memory
_COMMON_KINDS: Final = 16
_CHUNK_BYTES_MAX: Final = 16 * 2**20
MANIFEST_ID, _MANIFEST_OPCODE = 0xFFFE, 0xFE


class DescribesEvents(Protocol):
    """The catalog, as far as it is needed here."""

    def describe(self, provider: str, event_id: int, version: int, *, build: int) -> EventDescription | None: ...


class Form(StrEnum):
    """How an event says what it is."""

    TRACELOGGING = "tracelogging"
    MANIFEST = "manifest"
    """By provider, id and version."""
    CLASSIC = "classic"
    """By class, opcode and version."""
    KERNEL = "kernel"
    """By hook id (group and opcode) and version."""
    WPP = "wpp"
    """By message number."""


class Reason(StrEnum):
    """Why an event is not wholly decoded."""

    NO_DESCRIPTION = "no description"
    WPP = "a WPP message: its words are in the component's private symbols"
    SCHEMA_INVALID = "its own schema cannot be read"
    CUT = "its payload is shorter than its description"
    UNKNOWN_LAYOUT = "the layout of a field is not known"


@dataclass(frozen=True, slots=True)
class Undecoded:
    """Events of one kind that were not wholly decoded."""

    form: Form
    provider: str
    """GUID, or class of a classic event; empty where there is none."""
    provider_name: str
    event_id: int
    """Opcode of a classic event, hook id of a kernel event, number of a message."""
    version: int
    reason: Reason
    count: int


@dataclass(frozen=True, slots=True)
class _Kind:
    form: Form
    provider: str
    event_id: int
    version: int


class Decoder:
    """`learn` from every slice of the first pass, then take the `kinds` of every slice of the second."""

    def __init__(
        self, build: int | Sequence[int], catalog: DescribesEvents | None, log: Log,
        session_of_buffer: I64 | None = None,
    ) -> None:  # fmt: skip
        """`build`: of Windows, 0 = not known; of several recordings that of each. `session_of_buffer`: number of each
        buffer's session, None = one."""
        builds = [build] if isinstance(build, int) else list(build)
        self._build, self._catalog, self._log = builds[0], catalog, log
        self._builds: I64 | None = np.array(builds, np.int64) if len(set(builds)) > 1 else None
        """By session, where they differ."""
        self._schemas = Schemas()
        self._metadata = Metadata()
        self._chunks: list[tuple[int, int, str, bytes]] = []
        self._chunk_bytes = 0
        self._manifests: dict[str, list[Descriptions]] | None = None
        self._descriptions: dict[tuple[_Kind, int], EventDescription | None] = {}
        """By kind and build."""
        self._programs: dict[int, tuple[EventDescription, Program]] = {}
        self._n_program_fields = 0
        self._undecoded: dict[tuple[_Kind, Reason], tuple[str, int]] = {}
        self._notes = ProcessNotes(session_of_buffer)

    # --- pass 1 ---------------------------------------------------------------------------------------

    def learn(self, piece: Slice) -> None:
        """Take the descriptions that the events carry for others, and what they say of processes."""
        events = piece.events
        self._notes.learn(piece)
        texts = events.guids.texts
        if metadata.CLASS in texts:
            mine = events.provider == texts.index(metadata.CLASS)
            for row in np.flatnonzero(mine & np.isin(events.opcode, (metadata.EVENT_INFO, metadata.MAP_INFO))):
                self._metadata.learn(int(events.opcode[row]), _payload(events, int(row)))
        mine = (events.event_id == MANIFEST_ID) & (events.opcode == _MANIFEST_OPCODE) & events.has_descriptor
        for row in np.flatnonzero(mine):
            payload = _payload(events, int(row))
            self._chunk_bytes += len(payload)
            if self._chunk_bytes <= _CHUNK_BYTES_MAX:
                self._chunks.append(
                    (int(events.ticks[row]), int(events.pid[row]), texts[events.provider[row]], payload)
                )

    def _finish_learning(self) -> dict[str, list[Descriptions]]:
        """Parse the manifests that came in pieces, once all are there; what cannot be read is recorded."""
        if self._manifests is None:
            self._chunks.sort(key=lambda chunk: chunk[0])
            joined = join_chunks((pid, provider, payload) for _, pid, provider, payload in self._chunks)
            self._chunks = []
            self._manifests = {}
            n_bad = joined.n_bad
            for provider, xml in joined.manifests:
                try:
                    found = parse_manifest(xml)
                except WnvError:
                    n_bad += 1
                    continue
                self._manifests.setdefault(provider, []).extend(
                    Descriptions(replace(one, guid=provider), Source.EVENT_SOURCE) for one in found
                )
            self._log.record(Code.DESCRIPTION_INVALID, detail="EventSource manifests", count=n_bad)
            self._log.record(Code.DESCRIPTION_INVALID, detail="event metadata", count=self._metadata.n_bad)
        return self._manifests

    @property
    def processes(self) -> ProcessTable:
        """Which process a pid was at a time, after the first pass."""
        counted = dict(self._undecoded)
        try:
            return self._notes.table(self.kinds)
        finally:
            self._undecoded = counted  # these events come again in the second pass

    def sessions(self, events: Events) -> I64:
        """The session of each event."""
        return self._notes.sessions(events)

    # --- descriptions -----------------------------------------------------------------------------------

    def describe(
        self, provider: str, event_id: int, version: int, build: int | None = None
    ) -> EventDescription | None:  # fmt: skip
        """The best description of an event with a descriptor and no schema of its own.

        `provider`: GUID; `build`: of the Windows that logged it, None = that of the first recording.
        """
        key = _Kind(Form.MANIFEST, provider, event_id, version), self._build if build is None else build
        if key not in self._descriptions:
            self._remember(key, self._find(*key))
        return self._descriptions[key]

    def knows(self, form: Form, provider: str, event_id: int, version: int) -> bool:
        """Whether events of this kind are decoded, or are about the recording itself.

        `provider`: GUID, class of a classic event, empty for kernel events; `event_id`: opcode of a classic event,
        hook id of a kernel event.
        """
        kind = _Kind(form, provider, event_id, version)
        if _is_read_elsewhere(kind):
            return True
        if form is Form.MANIFEST:
            return self.describe(provider, event_id, version) is not None
        if form is Form.CLASSIC:
            return self._describe_classic(provider, event_id, version) is not None
        event_class = classic.class_of_hook(event_id) if form is Form.KERNEL else None
        return event_class is not None and self._describe_classic(event_class, event_id & 0xFF, version) is not None

    def _remember(self, key: tuple[_Kind, int], description: EventDescription | None) -> None:
        if len(self._descriptions) >= KINDS_KEPT_MAX:
            self._descriptions.clear()
        self._descriptions[key] = description

    def _find(self, kind: _Kind, build: int) -> EventDescription | None:
        manifests = self._finish_learning().get(kind.provider, ())
        found = [one.describe(kind.event_id, kind.version) for one in manifests]
        found.append(self._metadata.describe(kind.provider, kind.event_id, kind.version))
        known = [one for one in found if one is not None]
        listed = None
        if self._catalog is not None:
            listed = self._catalog.describe(kind.provider, kind.event_id, kind.version, build=build)
        if not known:
            return listed
        best = known[0]
        names = tuple(field.name for field in best.fields)
        if listed is not None and names == tuple(field.name for field in listed.fields):
            # Ours has a line in plain words, and a name where merging left it out.
            best = replace(best, summary=best.summary or listed.summary, name=best.name or listed.name)
        elif not best.summary:  # a line needs its own fields alone; other builds have more
            best = replace(best, summary=summary_template(kind.provider, kind.event_id, names))
        others = [*best.alternatives, *(one for more in known[1:] for one in (more, *more.alternatives))]
        return replace(best, alternatives=tuple(one for one in others if one.fields != best.fields))

    def _describe_classic(self, event_class: str, opcode: int, version: int) -> EventDescription | None:
        key = _Kind(Form.CLASSIC, event_class, opcode, version), self._build
        if key not in self._descriptions:
            found = self._metadata.describe_classic(event_class, opcode, version)
            self._remember(key, found or classic.describe(event_class, opcode, version))
        return self._descriptions[key]

    def _program(self, description: EventDescription) -> Program:
        known = self._programs.get(id(description))  # kept alive by being in the value
        if known is None:
            if len(self._programs) >= KINDS_KEPT_MAX or self._n_program_fields > _FIELDS_KEPT_MAX:
                self._programs.clear()
                self._n_program_fields = 0
            known = self._programs[id(description)] = description, build_program(description.fields)
            self._n_program_fields += len(known[1])
        return known[1]

    # --- pass 2 ---------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start pass 2, which may be run several times: counts begin anew."""
        self._undecoded.clear()

    def kinds(self, piece: Slice) -> Iterator[tuple[EventDescription | None, I64, Decoded | None]]:
        """All events of a slice, those of one kind together; `rows` are rows in the slice, ascending.

        None where there is no description. Large kinds come in several parts, and so do those of which some
        events fit another description than the others. Events whose `fit` is not whole are counted as undecoded.
        """
        events, schemas = piece.events, piece.items.of_type(layout.ITEM_SCHEMA)
        is_own = np.zeros(len(events), np.bool_)
        is_own[schemas.event] = True
        yield from self._own_kinds(events, piece.items, schemas)
        rest = np.flatnonzero(~is_own)
        build = None if self._builds is None else self._builds[self.sessions(events)]
        for rows in _groups(_keys(events, rest)):
            if build is None:
                yield from self._decode_group(events, rest[rows], self._build)
                continue
            mine = build[rest[rows]]
            for one in np.unique(mine).tolist():
                yield from self._decode_group(events, rest[rows[mine == one]], one)

    def _own_kinds(
        self, events: Events, items: Items, schemas: Items
    ) -> Iterator[tuple[EventDescription | None, I64, Decoded | None]]:
        """Events that carry a schema: one kind is one provider with one schema."""
        if not len(schemas):
            return
        _, first = np.unique(schemas.event, return_index=True)
        event, start, n_bytes = schemas.event[first], schemas.start[first], schemas.n_bytes[first]
        codes, _ = distinct_ranges(schemas.data, start, n_bytes)
        traits = items.of_type(layout.ITEM_TRAITS)
        for group in _groups(codes << 33 | events.provider[event].astype(np.int64) << 1 | _is_narrow(events, event)):
            rows = event[group]
            one = int(rows[0])
            raw = schemas.data[start[group[0]] : start[group[0]] + n_bytes[group[0]]].tobytes()
            kind = _Kind(Form.TRACELOGGING, _provider(events, one), int(events.event_id[one]), int(events.version[one]))
            at = int(np.searchsorted(traits.event, one))
            has_traits = at < len(traits) and traits.event[at] == one
            description = self._schemas.describe(
                raw, kind.provider, provider_name=traits_name(traits.raw(at)) or "" if has_traits else "",
                event_id=kind.event_id, version=kind.version,
            )  # fmt: skip
            if description is None:
                self._count(kind, "", Reason.SCHEMA_INVALID, len(rows))
                yield None, rows, None
            else:
                yield from self._decode(events, rows, kind, description)

    def _decode_group(
        self, events: Events, rows: I64, build: int
    ) -> Iterator[tuple[EventDescription | None, I64, Decoded | None]]:
        kind = _kind_of(events, int(rows[0]))
        description = None
        if kind.form is Form.MANIFEST:
            description = self.describe(kind.provider, kind.event_id, kind.version, build)
        elif kind.form is Form.CLASSIC:
            description = self._describe_classic(kind.provider, kind.event_id, kind.version)
        elif kind.form is Form.KERNEL:
            event_class = classic.class_of_hook(kind.event_id)
            if event_class is not None:
                description = self._describe_classic(event_class, kind.event_id & 0xFF, kind.version)
        if description is not None:
            yield from self._decode(events, rows, kind, description)
            return
        if not _is_read_elsewhere(kind):
            reason = Reason.WPP if kind.form is Form.WPP else Reason.NO_DESCRIPTION
            self._count(kind, "", reason, len(rows))
        yield None, rows, None

    def _decode(
        self, events: Events, rows: I64, kind: _Kind, description: EventDescription
    ) -> Iterator[tuple[EventDescription, I64, Decoded]]:
        for some in _portions(rows, events.payload_bytes[rows], self._program(description)):
            best = self._decode_rows(events, some, description)
            rank = _rank(best)
            found = [best]
            chosen = np.zeros(len(some), np.int64)
            for number, other in enumerate(description.alternatives, 1):
                open_rows = np.flatnonzero(rank < _EXACT)
                if not len(open_rows):
                    break
                decoded = self._decode_rows(events, some[open_rows], other)
                is_better = _rank(decoded) > rank[open_rows]
                found.append(decoded.take(is_better))
                better = open_rows[is_better]
                rank[better], chosen[better] = _rank(decoded)[is_better], number
            for number, decoded in enumerate(found):
                mine = chosen == number
                if not mine.any():
                    continue
                part = decoded
                if number == 0:
                    part = decoded if mine.all() else decoded.take(mine)
                elif len(decoded) != mine.sum():  # a later alternative fits some of its rows still better
                    part = self._decode_rows(events, some[mine], description.alternatives[number - 1])
                self._count_fit(kind, part)
                yield part.description, some[mine], part

    def _decode_rows(self, events: Events, rows: I64, description: EventDescription) -> Decoded:
        return decode_kind(
            events.data, events.payload_start[rows], events.payload_bytes[rows].astype(np.int64),
            np.where(_is_narrow(events, rows) != 0, 4, 8), description, self._program(description),
        )  # fmt: skip

    def why_raw(self, piece: Slice, row: int) -> Reason | None:
        """Why an event has no description; None for those about the recording itself."""
        if (piece.items.of_type(layout.ITEM_SCHEMA).event == row).any():
            return Reason.SCHEMA_INVALID
        kind = _kind_of(piece.events, row)
        if kind.form is Form.WPP:
            return Reason.WPP
        return None if _is_read_elsewhere(kind) else Reason.NO_DESCRIPTION

    # --- what was not decoded ---------------------------------------------------------------------------

    def _count_fit(self, kind: _Kind, decoded: Decoded) -> None:
        name = decoded.description.provider_name
        for fit, reason in ((Fit.CUT, Reason.CUT), (Fit.UNKNOWN, Reason.UNKNOWN_LAYOUT)):
            self._count(kind, name, reason, int((decoded.fit == fit).sum()))

    def _count(self, kind: _Kind, provider_name: str, reason: Reason, n: int) -> None:
        if not n:
            return
        key = kind, reason
        if key not in self._undecoded and len(self._undecoded) >= KINDS_COUNTED_MAX:
            key = _Kind(kind.form, "", 0, 0), reason
        self._undecoded[key] = provider_name, self._undecoded.get(key, ("", 0))[1] + n

    def undecoded(self) -> list[Undecoded]:
        """What was not wholly decoded since `begin`, the most frequent first."""
        found = [
            Undecoded(kind.form, kind.provider, name, kind.event_id, kind.version, reason, count)
            for (kind, reason), (name, count) in self._undecoded.items()
        ]
        return sorted(found, key=lambda row: (-row.count, row.form, row.provider, row.event_id, row.version))


_EXACT: Final = 3


def _rank(decoded: Decoded) -> I64:
    """How well each event fits: to the last byte, whole, as far as the layout is known, cut."""
    rank: I64 = np.select([decoded.is_exact, decoded.is_whole, decoded.fit == Fit.UNKNOWN], [_EXACT, 2, 1], 0)
    return rank


def _portions(rows: I64, n_bytes: I32, program: Program) -> list[I64]:
    """The rows in parts that have at most `_CELLS_MAX` values, or one row."""
    n_values = np.full(len(rows), len(program), np.int64)
    if program.has_arrays:
        n_values += ELEMENTS_PER_BYTE * n_bytes.astype(np.int64) + ELEMENTS_MORE
    part = np.cumsum(n_values) // _CELLS_MAX
    return np.split(rows, np.flatnonzero(np.diff(part)) + 1)


def _payload(events: Events, row: int) -> bytes:
    start = int(events.payload_start[row])
    return events.data[start : start + int(events.payload_bytes[row])].tobytes()


def _provider(events: Events, row: int) -> str:
    number = int(events.provider[row])
    return "" if number == NO_PROVIDER else events.guids.texts[number]


def _is_narrow(events: Events, rows: I64) -> I64:
    narrow: I64 = (layout.BITS[events.kind[rows]] == 32).astype(np.int64)
    return narrow


def _is_read_elsewhere(kind: _Kind) -> bool:
    """Events about the recording itself: its header, descriptions of others."""
    if kind.form is Form.KERNEL:
        return kind.event_id >> 8 == 0
    if kind.form is Form.CLASSIC:
        return kind.provider == metadata.CLASS and kind.event_id in (metadata.EVENT_INFO, metadata.MAP_INFO)
    return kind.form is Form.MANIFEST and kind.event_id == MANIFEST_ID


def _kind_of(events: Events, row: int) -> _Kind:
    kind, version = int(events.kind[row]), int(events.version[row])
    if kind == layout.MESSAGE:
        return _Kind(Form.WPP, _provider(events, row), int(events.event_id[row]), 0)
    if events.hook_id[row] != NO_HOOK:
        return _Kind(Form.KERNEL, "", int(events.hook_id[row]), version)
    if kind in (layout.EVENT32, layout.EVENT64):
        return _Kind(Form.MANIFEST, _provider(events, row), int(events.event_id[row]), version)
    return _Kind(Form.CLASSIC, _provider(events, row), int(events.opcode[row]), version)


def _keys(events: Events, rows: I64) -> I64:
    """Numbers that events of one kind and pointer size share: form 2 bits, provider 32, what and version 24, 1."""
    hook = events.hook_id[rows].astype(np.int64)
    is_event = events.has_descriptor[rows]
    is_message = events.kind[rows] == layout.MESSAGE
    is_hook = hook != NO_HOOK
    version, opcode = events.version[rows].astype(np.int64), events.opcode[rows].astype(np.int64)
    number = events.event_id[rows].astype(np.int64)
    what = np.where(
        is_hook, hook << 8 | version & 0xFF, np.where(is_event, number << 8 | version, opcode << 16 | version)
    )
    what = np.where(is_message, number, what)
    form = np.where(is_message, 3, np.where(is_hook, 2, np.where(is_event, 1, 0)))
    provider = events.provider[rows].astype(np.int64) + 1
    return form << 57 | provider << 25 | what << 1 | _is_narrow(events, rows)


def _groups(keys: I64) -> Iterator[I64]:
    """The rows of each distinct key, ascending. Few kinds make up most of a recording: these are found first."""
    left = np.arange(len(keys))
    for _ in range(_COMMON_KINDS):
        if not len(left):
            return
        is_same = keys[left] == keys[left[0]]
        yield left[is_same]
        left = left[~is_same]
    if len(left):
        order = np.argsort(keys[left], kind="stable")
        yield from np.split(left[order], np.flatnonzero(np.diff(keys[left[order]])) + 1)
