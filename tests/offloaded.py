"""Recordings of the lab in which offload works at a place that is recorded: large frames there become their segments.

The lab cuts and joins below the last place that a capture sees. `cut_at` writes such a recording again, with the
segments of each large frame at the places where a switch, a driver or a NIC would cut it, or has not joined it yet.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl_writer import Event, TraceSpec, build, event_header
from payloads import DIR_OUT, DIR_TX, NDISCAP, PKTMON, SEND
from recordings import see
from wnv_lab.offload import segments

Row = dict[str, Any]  # Any: the fields are of many types
MSS = 1460
_PKTMON_HEAD = struct.Struct("<QHHHHHHHIIHH")
_FIRST_GROUP = 0x7000_0000


@dataclass(frozen=True, slots=True)
class Sight:
    """A frame that an event of ndiscap or pktmon has."""

    row: Row
    frame: bytes
    start: int
    """Of the frame in the event's payload."""
    place: int
    """Interface of ndiscap, component of pktmon."""
    is_sent: bool
    is_egress: bool = False
    """Out of a switch, of 1003."""


Place = Callable[[Sight], bool]
Change = Callable[[Sight, int, Event], "list[Event]"]


def at_places(*places: int) -> Place:
    """Frames at these interfaces of ndiscap (1001), or components of pktmon."""
    return lambda sight: sight.place in places and sight.row["event_id"] != 1003


def out_of_switch(*places: int) -> Place:
    """Frames that leave a switch, and those at these interfaces."""
    return lambda sight: sight.is_egress or (sight.place in places and sight.row["event_id"] != 1003)


def _unchanged(_sight: Sight, _number: int, event: Event) -> list[Event]:
    return [event]


def cut_at(path: Path, folder: Path, is_there: Place, change: Change = _unchanged) -> Path:
    """The recording with segments where `is_there` says so; `change` makes events of each one, which it numbers.

    What comes up is segments before it is joined, so their times are before the large frame's. A segment of pktmon is
    a packet of its own, with the same numbers at each place.
    """
    seen = see(path)
    header = seen.header
    spec = TraceSpec(
        start_time=header.start_filetime, boot_time=header.boot_filetime, t0=header.base_ticks,
        perf_freq=header.perf_freq, build=header.build, cpus=header.n_processors, buffer_size=1 << 17,
    )  # fmt: skip
    groups: dict[tuple[int, int, int], list[int]] = {}
    events: list[Event] = []
    for row in seen.ordered:
        sight = sight_of(row)
        if sight is not None and is_there(sight):
            events += _cut(sight, groups, change)
        elif row["provider"]:
            events.append(event_of(row, row["payload"], row["ticks"]))
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / path.name
    made.write_bytes(build(spec, sorted(events, key=lambda event: event.ticks or 0)))
    inventory = path.with_suffix(".inventory.json")
    if inventory.exists():
        shutil.copy(inventory, made.with_suffix(".inventory.json"))
    return made


def sight_of(row: Row) -> Sight | None:
    """The frame of an event; None where it has none."""
    payload = row["payload"]
    if row["provider"] == PKTMON and row["event_id"] in (160, 170):
        head = _PKTMON_HEAD.unpack_from(payload)
        return Sight(row, payload[_PKTMON_HEAD.size :], _PKTMON_HEAD.size, head[5], head[3] in (DIR_OUT, DIR_TX))
    if row["provider"] != NDISCAP or row["event_id"] not in (1001, 1003):
        return None
    at, count = 8, 0
    if row["event_id"] == 1003:
        at = _behind_port(payload, at)
        (count,) = struct.unpack_from("<I", payload, at)
        at += 4
        for _ in range(count):
            at = _behind_port(payload, at)
    (n_bytes,) = struct.unpack_from("<I", payload, at)
    (lower,) = struct.unpack_from("<I", payload, 4)
    frame = payload[at + 4 : at + 4 + n_bytes]
    return Sight(row, frame, at + 4, lower, bool(row["keyword"] & SEND) or count > 0, count > 0)


def _behind_port(payload: bytes, at: int) -> int:
    """Behind a port's number and three texts."""
    at += 4
    for _ in range(3):
        while payload[at : at + 2] != b"\0\0":
            at += 2
        at += 2
    return at


def _cut(sight: Sight, groups: dict[tuple[int, int, int], list[int]], change: Change) -> Iterator[Event]:
    row = sight.row
    pieces = segments(sight.frame, MSS)
    if len(pieces) < 2:
        yield event_of(row, row["payload"], row["ticks"])
        return
    first = row["ticks"] if sight.is_sent else row["ticks"] - len(pieces)
    for k, piece in enumerate(pieces):
        payload = row["payload"]
        if row["provider"] == NDISCAP:
            head, rest = payload[: sight.start - 4], payload[sight.start + len(sight.frame) :]
            payload = head + struct.pack("<I", len(piece)) + piece + rest
        else:
            fields = list(_PKTMON_HEAD.unpack_from(payload))
            group = groups.setdefault((fields[0], fields[1], k), [_FIRST_GROUP + len(groups), 0])
            group[1] += 1
            fields[0], fields[1], fields[2], fields[-2:] = group[0], 1, group[1], [len(piece)] * 2
            payload = _PKTMON_HEAD.pack(*fields) + piece
        yield from change(sight, k, event_of(row, payload, first + k))


def event_of(row: Row, payload: bytes, ticks: int) -> Event:
    """An event like a row, with another payload."""
    return event_header(
        provider=row["provider"], id=row["event_id"], version=row["version"], level=row["level"],
        opcode=row["opcode"], keyword=row["keyword"], cpu=row["cpu"], pid=row["pid"], tid=row["tid"], ticks=ticks,
        payload=payload,
    )  # fmt: skip
