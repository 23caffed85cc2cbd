"""From fragments to frames: the bytes of one packet as they were captured (ndis-packetcapture.md, Reassembly)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from wnv.arrays import BOOL, I32, I64, U8, U16, U32, U64
from wnv.diagnostics import Code, Log

FRAME_BYTES_MAX = 1 << 20
"""Large sends reach about 64 KiB, and what is joined from fragments may be more; beyond this it is damage."""
_PENDING_MAX = 4096
NO_VLAN_RECORDED = -1


@dataclass(frozen=True, slots=True)
class Fragments:
    """One row a packet event with bytes, in the order of its slice. Most are whole frames."""

    event: I64
    """Row in the slice."""
    start: I64
    """Of the bytes, in the slice's memory."""
    n_bytes: I64
    stated_bytes: I64
    """Length of the whole packet as the event states it; 0 where it does not."""
    link_type: U16
    is_first: BOOL
    is_last: BOOL
    stream: U64
    """Fragments of one frame have the same: made of processor, thread, interface, direction."""
    vlan: I32
    """VLAN id from out-of-band data; 0 = recorded as untagged, `NO_VLAN_RECORDED` = not recorded."""
    priority: U8
    is_large_send: BOOL
    n_coalesced: U16
    """Segments that RSC joined; 0 = none, or not recorded."""
    source_port: I32
    """Switch port it came from, from out-of-band data; -1 = not recorded."""
    has_group: BOOL
    group: U64
    """PktMon's PktGroupId."""
    number: U16
    """PktNumber: which packet of the group."""
    appearance: U16
    """AppearanceCount: which sighting of the packet."""
    is_drop: BOOL
    drop_reason: U32
    drop_location: U32
    remark: I32
    """Row in the texts of the provider that read it (radio data of Wi-Fi frames); -1 = none."""

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: I64 | BOOL) -> Fragments:
        return Fragments(**{name: getattr(self, name)[rows] for name in _FRAGMENT_COLUMNS})

    @classmethod
    def whole(cls, event: I64, start: I64, n_bytes: I64, link_type: U16, **known: object) -> Fragments:
        """Rows that are whole frames, with nothing known beyond what is given."""
        n = len(event)
        columns: dict[str, object] = {
            "stated_bytes": np.zeros(n, np.int64), "is_first": np.ones(n, np.bool_), "is_last": np.ones(n, np.bool_),
            "stream": np.zeros(n, np.uint64), "vlan": np.full(n, NO_VLAN_RECORDED, np.int32),
            "priority": np.zeros(n, np.uint8), "is_large_send": np.zeros(n, np.bool_),
            "n_coalesced": np.zeros(n, np.uint16), "source_port": np.full(n, -1, np.int32),
            "has_group": np.zeros(n, np.bool_), "group": np.zeros(n, np.uint64), "number": np.zeros(n, np.uint16),
            "appearance": np.zeros(n, np.uint16), "is_drop": np.zeros(n, np.bool_),
            "drop_reason": np.zeros(n, np.uint32), "drop_location": np.zeros(n, np.uint32),
            "remark": np.full(n, -1, np.int32),
        }  # fmt: skip
        columns.update(known)
        return cls(event=event, start=start, n_bytes=n_bytes, link_type=link_type, **columns)  # type: ignore[arg-type] # columns by name

    @classmethod
    def concatenate(cls, parts: Sequence[Fragments]) -> Fragments:
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in _FRAGMENT_COLUMNS})

    def completed(self, rows: I64, first: I64) -> Fragments:
        """`rows`, which are the last fragments of frames, with what only their `first` ones say."""
        last, other = self.take(rows), self.take(first)
        is_silent = last.vlan == NO_VLAN_RECORDED
        return replace(
            last, vlan=np.where(is_silent, other.vlan, last.vlan),
            priority=np.where(is_silent, other.priority, last.priority),
            is_large_send=last.is_large_send | other.is_large_send,
            n_coalesced=np.maximum(last.n_coalesced, other.n_coalesced),
            remark=np.where(last.remark < 0, other.remark, last.remark),
        )  # fmt: skip


_FRAGMENT_COLUMNS = tuple(column.name for column in fields(Fragments))


@dataclass(frozen=True, slots=True)
class Observations:
    """One row a sighting. A frame on its way out of a switch is seen at each destination port."""

    fragment: I64
    point: I32
    direction: U8
    """`points.IN`, `OUT` or `NO_DIRECTION`."""

    def __len__(self) -> int:
        return len(self.fragment)

    def take(self, rows: I64 | BOOL) -> Observations:
        return Observations(self.fragment[rows], self.point[rows], self.direction[rows])


@dataclass(frozen=True, slots=True)
class Frames:
    """Whole frames, in the order of the slice (by their last fragment, whose time is the frame's)."""

    fragment: I64
    """Row of the last fragment; nearly all else that is known of the frame stands there."""
    first: I64
    """Row of its first fragment in this slice."""
    data: U8
    """The slice's memory, or a fresh buffer where fragments had to be joined."""
    start: I64
    n_bytes: I64

    def __len__(self) -> int:
        return len(self.fragment)


class FrameJoiner:
    """Joins fragments to frames, also across slices."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._pending: dict[int, bytes] = {}

    def join(self, fragments: Fragments, data: U8) -> Frames:
        if not self._pending and bool((fragments.is_first & fragments.is_last).all()):
            rows = np.arange(len(fragments))
            return Frames(rows, rows, data, fragments.start, fragments.n_bytes)
        return self._join(fragments, data)

    def finish(self) -> None:
        """Count what never got its last fragment."""
        self._log.record(Code.FRAME_INCOMPLETE, count=len(self._pending))
        self._pending = {}

    def _join(self, fragments: Fragments, data: U8) -> Frames:
        """The general case: sort by stream, cut into runs (one frame each), keep what is open at the end."""
        from wnv import kernels

        order = np.argsort(fragments.stream, kind="stable")
        stream = fragments.stream[order]
        is_first, is_last, n_bytes = (
            fragments.is_first[order],
            fragments.is_last[order],
            fragments.n_bytes[order],
        )
        is_new_stream = np.ones(len(order), np.bool_)
        is_new_stream[1:] = stream[1:] != stream[:-1]
        is_new_run = is_new_stream | is_first
        is_new_run[1:] |= is_last[:-1]
        begin = np.flatnonzero(is_new_run)
        end = np.append(begin[1:], len(order))[: len(begin)]
        opens_stream = is_new_stream[begin]
        ends_stream = np.append(opens_stream[1:], True)[: len(begin)]
        run_bytes = np.add.reduceat(n_bytes, begin) if len(begin) else np.zeros(0, np.int64)
        has_start, has_end = is_first[begin], is_last[end - 1]

        heads: dict[int, bytes] = {}
        head_bytes = np.zeros(len(begin), np.int64)
        n_incomplete = 0
        for run in np.flatnonzero(opens_stream).tolist() if self._pending else []:
            head = self._pending.pop(int(stream[begin[run]]), None)
            if head is None:
                continue
            if has_start[run]:
                n_incomplete += 1
            else:
                heads[run], head_bytes[run], has_start[run] = head, len(head), True

        is_too_long = run_bytes + head_bytes > FRAME_BYTES_MAX
        is_whole = has_start & has_end & ~is_too_long
        is_open = has_start & ~has_end & ends_stream & ~is_too_long
        for run in np.flatnonzero(is_open).tolist():
            if len(self._pending) >= _PENDING_MAX:
                is_open[run] = False
                continue
            rows = order[begin[run] : end[run]].tolist()
            pieces = [data[a : a + n].tobytes() for a, n in ((fragments.start[r], fragments.n_bytes[r]) for r in rows)]
            self._pending[int(stream[begin[run]])] = b"".join([heads.get(run, b""), *pieces])
        n_incomplete += int((~is_whole & ~is_open & ~is_too_long).sum())
        self._log.record(Code.FRAME_INCOMPLETE, count=n_incomplete)
        self._log.record(Code.FRAME_TOO_LONG, count=int(is_too_long.sum()))

        # Frames stand in the order of their last fragments, as everything in the slice stands in order of time.
        runs = np.flatnonzero(is_whole)
        runs = runs[np.argsort(order[end[runs] - 1], kind="stable")]
        length = (run_bytes + head_bytes)[runs]
        start = np.cumsum(length) - length
        out = np.zeros(int(length.sum()) + _PADDING_BYTES, np.uint8)
        kernels.join_runs(data, fragments.start[order], n_bytes, begin[runs], end[runs], out, start + head_bytes[runs])
        for run, at in zip(runs.tolist(), start.tolist(), strict=True):
            if run in heads:
                out[at : at + len(heads[run])] = np.frombuffer(heads[run], np.uint8)
        return Frames(order[end[runs] - 1], order[begin[runs]], out, start, length)


_PADDING_BYTES = 256
"""Behind a fresh buffer, so that whole header rows can be read near its end (as in a slice's memory)."""
