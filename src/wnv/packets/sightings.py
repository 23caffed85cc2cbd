"""Sightings of whole packets: what capture points saw, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wnv.arrays import BOOL, I64, U8, U32
from wnv.packets.frames import Fragments

_PADDING_BYTES = 256


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


def merge_rows(parts: Sequence[PacketRows]) -> PacketRows:
    """Rows of several sources in one buffer, one behind the other; in their own where they share it."""
    if all(part.data is parts[0].data for part in parts):
        data, moved = parts[0].data, [part.fragments for part in parts]
    else:
        from wnv import kernels

        # A frame that leaves a switch by many ports has many rows; its bytes are copied once.
        frames = [np.unique(part.event_row, return_index=True, return_inverse=True)[1:] for part in parts]
        total = sum(int(part.fragments.n_bytes[row].sum()) for part, (row, _) in zip(parts, frames, strict=True))
        data = np.zeros(total + _PADDING_BYTES, np.uint8)
        moved, used = [], 0
        for part, (row, frame) in zip(parts, frames, strict=True):
            n_bytes = part.fragments.n_bytes[row]
            at = used + np.cumsum(n_bytes) - n_bytes
            kernels.copy_pieces(part.data, part.fragments.start[row], n_bytes, data, at)
            moved.append(replace(part.fragments, start=at[frame]))
            used += int(n_bytes.sum())

    def column(name: str) -> I64:
        joined: I64 = np.concatenate([getattr(part, name) for part in parts])
        return joined

    return PacketRows(
        data=data, event_row=column("event_row"), ts_ns=column("ts_ns"), pid=column("pid"), tid=column("tid"),  # type: ignore[arg-type] # columns by name
        fragments=Fragments.concatenate(moved), original_bytes=column("original_bytes"), point=column("point"),
        direction=column("direction"),  # type: ignore[arg-type] # columns by name
    )  # fmt: skip
