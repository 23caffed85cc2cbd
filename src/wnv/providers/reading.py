"""What every packet provider offers, and what they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wnv.arrays import BOOL, I64, U8, U16, U32, U64, read_rows
from wnv.diagnostics import Code, Log
from wnv.etl.events import Events
from wnv.packets.frames import Fragments, Observations

_U32 = np.dtype("V4")
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Sightings:
    """What a provider found in a slice. `event` in `fragments` counts rows of the events it was given."""

    fragments: Fragments
    observations: Observations
    data: U8
    """What the fragments point into: the slice's memory, or a fresh buffer."""
    n_without_bytes: int = 0
    """Sightings that carry parsed headers but no bytes."""


class PacketProvider(Protocol):
    """Reads the packets of one Windows provider on one host. `events` are those of both alone, in their order."""

    guid: str
    packet_ids: frozenset[int]
    """Events that carry a frame, or part of one."""

    def learn(self, events: Events, log: Log) -> None:
        """Take names and properties out of rundown events; pass 1 shows all of them before any packet is read."""

    def read(self, events: Events, log: Log | None) -> list[Sightings]:
        """The packets in `events`; damage is recorded where `log` is given."""

    def name_points(self, link_types: dict[int, int]) -> None:
        """Fill in what is known of its points; `link_types`: the commonest of each point."""


def read_u32(data: U8, at: I64, end: I64) -> I64:
    """Unsigned 32-bit integers at any position; -1 where they do not lie before `end`."""
    inside = (at >= 0) & (at + 4 <= end)
    out = np.full(len(at), -1, np.int64)
    out[inside] = read_rows(data, at[inside], _U32).view("<u4")
    return out


def mix(*columns: I64 | U32 | U16 | U8) -> U64:
    """One number a row out of several columns: equal rows get equal ones, others hardly ever."""
    out = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        out = (out ^ column.astype(np.uint64)) * _MIX
        out ^= out >> np.uint64(29)
    return out


def refuse(log: Log | None, broken: BOOL, event_id: int) -> None:
    """Count packet events that do not fit their layout."""
    if log is not None:
        log.record(Code.FRAME_LAYOUT_UNKNOWN, count=int(broken.sum()), detail=f"event {event_id}")


def wide_text(raw: bytes, at: int) -> tuple[str, int]:
    """The NUL-terminated UTF-16 text at `at` and the place behind it; -1 as place if it has no end."""
    end = at
    while end + 2 <= len(raw):
        if raw[end : end + 2] == b"\0\0":
            return raw[at:end].decode("utf-16-le", "replace"), end + 2
        end += 2
    return "", -1


def payload(events: Events, row: int) -> bytes:
    """The payload of one event; for rundown events, of which there are few."""
    start = int(events.payload_start[row])
    return events.data[start : start + int(events.payload_bytes[row])].tobytes()
