"""Slices and sightings as Python values, to compare a trace folder with the recording that it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import wnv
from conversion import at, ndiscap, pktmon, record
from etl_writer import (
    Event,
    compact,
    container_id,
    event_header,
    full_header,
    instance,
    message,
    perfinfo,
    prov_traits,
    related_activity,
    schema_tl,
    sid,
    stack32,
    stack64,
    system,
)  # fmt: skip
from payloads import PACKET_END, PACKET_START, WHOLE, Sighting, ndis_1001, ndis_1003, pktmon_160
from wnv.etl.reader import Slice
from wnv.packets.sightings import PacketRows

Row = tuple[Any, ...]  # Any: values of all kinds

_PROVIDER = "11111111-2222-3333-4444-555555555555"
_HEADER = (
    "kind", "ticks", "ts_ns", "cpu", "pid", "tid", "hook_id", "event_id", "version", "level", "opcode", "keyword",
    "payload_bytes", "buffer",
)  # fmt: skip
_FRAGMENT = ("link_type", "vlan", "priority", "is_large_send", "n_coalesced", "source_port", "has_group", "is_drop",
             "remark")  # fmt: skip


def event_rows(slices: Iterable[Slice]) -> Iterator[Row]:
    """All that is known of each event."""
    for piece in slices:
        events, texts = piece.events, [*piece.events.guids.texts, ""]
        items: dict[int, list[tuple[int, bytes]]] = {}
        for number in range(len(piece.items)):
            items.setdefault(int(piece.items.event[number]), []).append(
                (int(piece.items.type[number]), piece.items.raw(number))
            )
        activity = events.activity()
        for row in range(len(events)):
            start, n_bytes = int(events.payload_start[row]), int(events.payload_bytes[row])
            yield (
                piece.first_row + row,
                *(int(getattr(events, name)[row]) for name in _HEADER),
                texts[events.provider[row]],
                texts[piece.container[row]],
                int(events.offset[row]) + start - int(events.position[row]),
                activity[row].tobytes(),
                tuple(items.get(row, ())),
                events.data[start : start + n_bytes].tobytes(),
            )


def sighting_rows(batches: Iterable[PacketRows | None]) -> Iterator[Row]:
    """All that is known of each sighting."""
    for rows in batches:
        if rows is None:
            continue
        fragments = rows.fragments
        for row in range(len(rows)):
            start, n_bytes = int(fragments.start[row]), int(fragments.n_bytes[row])
            of_group = (fragments.group, fragments.number, fragments.appearance) if fragments.has_group[row] else ()
            of_drop = (fragments.drop_reason, fragments.drop_location) if fragments.is_drop[row] else ()
            yield (
                int(rows.event_row[row]), int(rows.ts_ns[row]), int(rows.pid[row]), int(rows.tid[row]),
                int(rows.original_bytes[row]), int(rows.point[row]), int(rows.direction[row]),
                rows.data[start : start + n_bytes].tobytes(),
                *(int(getattr(fragments, name)[row]) for name in _FRAGMENT),
                *(int(column[row]) for column in (*of_group, *of_drop)),
            )  # fmt: skip


def every_kind() -> list[Event]:
    """Events with each kind of header, with items of each kind that tables tell of, and packets in between."""
    frame = bytes(range(60))
    two = [(2, "p2", "n2", "Internal"), (3, "p3", "n3", "External")]
    return [
        system(0x052A, ticks=at(1), payload=b"\1\2\3\4"),
        compact(0x0F32, ticks=at(2), payload=b"compact!"),
        perfinfo(0x0F43, ticks=at(3), payload=b"perfinfo"),
        full_header(_PROVIDER, 3, ticks=at(4), payload=b"full"),
        full_header(_PROVIDER, 4, ticks=at(4), payload=b"full32", bits=32),
        instance(_PROVIDER, 5, ticks=at(5), payload=b"instance"),
        message(77, guid=_PROVIDER, ticks=at(6), payload=b"wpp"),
        event_header(provider=_PROVIDER, id=7, ticks=at(7), activity_id=_PROVIDER, keyword=1 << 63),
        event_header(
            provider=_PROVIDER, id=8, ticks=at(8), payload=b"with items", cpu=1,
            items=[related_activity(_PROVIDER), sid(18), stack64([1, 2, 3]), container_id(_PROVIDER)],
        ),
        event_header(provider=_PROVIDER, ticks=at(9), items=[schema_tl("Named"), prov_traits("Provider.Name")]),
        event_header(provider=_PROVIDER, id=9, ticks=at(10), payload=b"32", bits=32, items=[stack32([5])]),
        event_header(provider=_PROVIDER, id=9, ticks=at(10), payload=b"broken", chain=b"\xff" * 8, flags=1),
        pktmon(160, pktmon_160(Sighting(group=1 << 40), frame), ticks=at(11)),
        pktmon(160, pktmon_160(Sighting(group=1 << 40, appearance=2, drop_reason=7), frame), ticks=at(12)),
        ndiscap(1001, ndis_1001(frame[:20]), PACKET_START, ticks=at(13)),
        ndiscap(1001, ndis_1001(frame[20:]), PACKET_END, ticks=at(14)),
        ndiscap(1003, ndis_1003(frame, destinations=two), WHOLE, ticks=at(15)),
        ndiscap(1001, ndis_1001(b""), WHOLE, ticks=at(16)),
    ]  # fmt: skip


def imported(folder: Path, events: Iterable[Event]) -> tuple[Path, Path]:
    """A recording with these events, and the trace folder that was made of it."""
    path = record(folder, events)
    place = folder / "in.wnv"
    with wnv.open_trace(path) as trace:
        trace.save(place)
    return path, place
