"""Sightings of whole packets: what capture points saw, as columns."""

from __future__ import annotations

from dataclasses import dataclass

from wnv.arrays import BOOL, I64, U8, U32
from wnv.packets.frames import Fragments


@dataclass(frozen=True, slots=True)
class PacketRows:
    """Sightings of whole packets in order of time: a row each, columns of equal length."""

    data: U8
    """What `start` counts in."""
    event_row: I64
    ts_ns: I64
    pid: U32
    tid: U32
    fragments: Fragments
    """`start` and `n_bytes` are those of the whole frame."""
    original_bytes: I64
    point: I64
    direction: U8

    def __len__(self) -> int:
        return len(self.ts_ns)

    def take(self, rows: I64 | BOOL) -> PacketRows:
        return PacketRows(
            self.data, self.event_row[rows], self.ts_ns[rows], self.pid[rows], self.tid[rows],
            self.fragments.take(rows), self.original_bytes[rows], self.point[rows], self.direction[rows],
        )  # fmt: skip
