"""Which events say something of the virtual network, and how a stretch of them becomes facts.

Most such events are few. Those of packets are not: they repeat the same names, so each distinct combination is read
once, and found by the bytes of the payload without the part that differs from packet to packet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from wnv.arrays import I64
from wnv.diagnostics import Code, Log
from wnv.packets.numbering import RangeNumbers
from wnv.providers import (
    components,
    hns,
    interfaces,
    layers,
    lbfo,
    nat_instances,
    synthnic,
    sysconfig,
    tcpip,
    vmswitch_control,
)  # fmt: skip
from wnv.providers.facts import Fact, Facts, Fields
from wnv.providers.reading import payload
from wnv.providers.stages import Stretch

EVENTS_MAX: Final = 100_000
"""Events of one recording that are read one by one; more says nothing new on any real host."""
FACTS_MAX: Final = 400_000
_POINTER: Final = -1


@dataclass(frozen=True, slots=True)
class Source:
    """A provider whose decoded events say something of the virtual network."""

    provider: str
    read: Callable[[int, Fields], Facts]
    ids: frozenset[int]
    naming: Mapping[int, int] = field(default_factory=dict)
    """Events of packets, and how many bytes at the end of their payload are not about names; -1 = a pointer."""


SOURCES: Final = (
    Source(vmswitch_control.GUID, vmswitch_control.facts, vmswitch_control.IDS, vmswitch_control.NAMING_IDS),
    Source(tcpip.GUID, tcpip.facts, tcpip.IDS),
    Source(hns.GUID, hns.facts, hns.IDS),
    Source(synthnic.GUID, synthnic.facts, synthnic.IDS),
    Source(lbfo.GUID, lbfo.facts, lbfo.IDS),
    Source(lbfo.PLATFORM_GUID, lbfo.platform_facts, lbfo.PLATFORM_IDS),
    Source(nat_instances.GUID, nat_instances.facts, nat_instances.IDS),
)
PROVIDERS: Final = frozenset({*(one.provider for one in SOURCES), components.GUID, layers.GUID, sysconfig.GUID})
"""GUIDs of all providers that are read."""
EVENT_IDS: Final[Mapping[str, frozenset[int]]] = {
    **{one.provider: one.ids | frozenset(one.naming) for one in SOURCES},
    components.GUID: components.IDS,
    layers.GUID: layers.IDS,
}
"""Of these providers, only events with these ids are read."""


class FactReader:
    """Facts of a recording, stretch by stretch; bounded, and damage goes to the log."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._names: dict[tuple[str, int, int], RangeNumbers] = {}
        self._components = components.Rundown()
        self._n_events = 0
        self._n_facts = 0

    def read(self, stretch: Stretch) -> Iterator[Fact]:
        """Facts of the next stretch; those of pktmon's components come at the end (`rest`)."""
        events = stretch.piece.events
        for source in SOURCES:
            rows = stretch.events_of((source.provider,))
            if len(rows):
                ids = events.event_id[rows]
                wanted = [rows[np.isin(ids, sorted(source.ids))]]
                wanted += [self._new_names(stretch, source.provider, rows[ids == n], n, source.naming[n])
                           for n in source.naming]  # fmt: skip
                yield from self._decoded(stretch, self._some(np.sort(np.concatenate(wanted))), source)
        self._read_components(stretch)
        yield from self._raw(stretch, layers.GUID, events.event_id, layers.IDS, layers.parse)
        yield from self._raw(stretch, sysconfig.GUID, events.opcode, frozenset({sysconfig.INTERFACE}), _interface)

    def rest(self) -> Iterator[Fact]:
        """Facts that need all events."""
        self._log.record(Code.TOPOLOGY_LIMIT, detail="components of pktmon", count=self._components.n_refused)
        for fact in self._components.facts():
            if self._has_room():
                yield fact

    def _some(self, rows: I64) -> I64:
        """The rows, but not more than are left of `EVENTS_MAX`."""
        left = max(0, EVENTS_MAX - self._n_events)
        self._n_events += len(rows)
        self._log.record(Code.TOPOLOGY_LIMIT, detail="events about it", count=len(rows) - left)
        return rows[:left]

    def _has_room(self) -> bool:
        self._n_facts += 1
        if self._n_facts > FACTS_MAX:
            self._log.record(Code.TOPOLOGY_LIMIT, detail="facts about it")
        return self._n_facts <= FACTS_MAX

    def _new_names(self, stretch: Stretch, provider: str, rows: I64, event_id: int, tail: int) -> I64:
        """Of events that name things, those that name them as none did before in their session."""
        if not len(rows):
            return rows
        events = stretch.piece.events
        behind = events.pointer_bytes[rows].astype(np.int64) if tail == _POINTER else np.full(len(rows), tail, np.int64)
        n_bytes = np.maximum(0, events.payload_bytes[rows].astype(np.int64) - behind)
        new = []
        for session in np.unique(stretch.session_id[rows]).tolist():
            mine = stretch.session_id[rows] == session
            known = self._names.setdefault((provider, event_id, session), RangeNumbers())
            n_before = len(known)
            codes = known.number(events.data, events.payload_start[rows[mine]], n_bytes[mine])
            distinct, first = np.unique(codes, return_index=True)
            new.append(rows[mine][first[distinct >= n_before]])
        return np.concatenate(new)

    def _decoded(self, stretch: Stretch, rows: I64, source: Source) -> Iterator[Fact]:
        if not len(rows):
            return
        found: list[tuple[int, int, Fields]] = []
        for description, places, decoded in stretch.decoder.kinds(stretch.piece.take(rows)):
            if description is not None and decoded is not None:
                whole = zip(rows[places].tolist(), decoded.to_pylist(), decoded.is_whole.tolist(), strict=True)
                found += [(row, description.event_id, fields) for row, fields, is_whole in whole if is_whole]
        for row, event_id, fields in sorted(found, key=lambda one: one[0]):
            yield from self._checked(stretch, row, source.read(event_id, fields), source.provider, event_id)

    def _raw(
        self, stretch: Stretch, provider: str, ids: np.ndarray, wanted: frozenset[int],
        parse: Callable[[int, bytes], Facts],
    ) -> Iterator[Fact]:  # fmt: skip
        rows = stretch.events_of((provider,))
        rows = self._some(rows[np.isin(ids[rows], sorted(wanted))])
        for row in rows.tolist():
            raw = payload(stretch.piece.events, row)
            yield from self._checked(stretch, row, parse(int(ids[row]), raw), provider, int(ids[row]))

    def _checked(self, stretch: Stretch, row: int, facts: Facts, provider: str, event_id: int) -> Iterator[Fact]:
        """The facts of one event with its time and row, as far as it can be read."""
        try:
            for fact in facts:
                if not self._has_room():
                    return
                yield replace(
                    fact, ts_ns=int(stretch.piece.events.ts_ns[row]), event_row=int(stretch.event_row[row]),
                    session_id=int(stretch.session_id[row]),
                )  # fmt: skip
        except ValueError:
            self._log.record(Code.RUNDOWN_INVALID, detail=f"{provider} {event_id}")

    def _read_components(self, stretch: Stretch) -> None:
        rows = stretch.events_of((components.GUID,))
        events = stretch.piece.events
        rows = self._some(rows[np.isin(events.event_id[rows], sorted(components.IDS))])
        if not len(rows):
            return
        for description, places, decoded in stretch.decoder.kinds(stretch.piece.take(rows)):
            if description is None or decoded is None:
                continue
            for row, fields in zip(rows[places].tolist(), decoded.to_pylist(), strict=True):
                self._components.learn(
                    description.event_id, fields, int(events.ts_ns[row]), int(stretch.event_row[row]),
                    int(stretch.session_id[row]),
                )  # fmt: skip


def _interface(opcode: int, raw: bytes) -> Facts:
    yield from interfaces.facts(sysconfig.parse_interface(raw))
