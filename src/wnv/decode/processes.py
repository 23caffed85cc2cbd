"""Which process a pid was at a time, and in which container: from the starts, ends and rundowns that were recorded.

Windows uses a pid again as soon as its process has ended, so a name holds from the start of a process to its end
and no longer; where an end was not recorded, until the last that was said of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

import numpy as np

from wnv.arrays import BOOL, I64
from wnv.clock import NO_TIME
from wnv.decode import classic
from wnv.decode.columns import Decoded
from wnv.decode.values import Value, offsets_of
from wnv.etl.events import NULL_ID, Events, Guids
from wnv.etl.reader import Slice

KERNEL_PROCESS: Final = "22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716"
"""Microsoft-Windows-Kernel-Process: id 1 start, 2 stop, 15 rundown; described by the recording if at all."""
EVENTS_MAX: Final = 1 << 17
"""Starts, ends and rundowns that are taken of a recording."""
_BYTES_MAX: Final = 64 * 2**20
_POINTS_MAX: Final = 1 << 20

_CONFIDENCE_MIN: Final = 0.9
_START, _END, _THERE = 1, 2, 3
_CLASSIC_OPCODES: Final = {1: _START, 2: _END, 3: _THERE, 4: _THERE}
_MANIFEST_IDS: Final = {1: _START, 2: _END, 15: _THERE}
PROCESS_HOOKS: Final = 0x0300
"""Hook ids of the class Process, with the opcode below."""
_NAME_CUT: Final = 14  # characters of ImageFileName that the kernel keeps
_EVER: Final = int(NO_TIME) + 1
_ALWAYS: Final = 2**63 - 1

DecodesKinds = Callable[[Slice], Iterable[tuple[object, I64, Decoded | None]]]


@dataclass(frozen=True, slots=True)
class Process:
    """One process."""

    session_id: int
    pid: int
    first_ns: int
    """Its start, or the earliest time at which it can only have been this one."""
    last_ns: int
    name: str
    """File name of its image, without folders; as cut by the kernel."""


@dataclass(slots=True)
class ProcessTable:
    """The processes of a recording, each pid's in order of time."""

    processes: tuple[Process, ...]
    point_key: I64
    """Where events said their container: session and pid, time, number of the container's id."""
    point_ns: I64
    point_container: I64
    guids: Guids | None = None
    _key: I64 = field(init=False)
    _first_ns: I64 = field(init=False)
    _last_ns: I64 = field(init=False)
    _container: I64 = field(init=False)

    def __post_init__(self) -> None:
        self._key = _keys([one.session_id for one in self.processes], [one.pid for one in self.processes])
        self._first_ns = np.array([one.first_ns for one in self.processes], np.int64)
        self._last_ns = np.array([one.last_ns for one in self.processes], np.int64)
        rows = self._rows(self.point_key, self.point_ns)
        rows, said = rows[rows >= 0], self.point_container[rows >= 0]
        known = np.full(len(self.processes), -1, np.int64)
        known[rows] = said
        # Two containers for one process cannot be: neither is taken.
        known[rows[known[rows] != said]] = -1
        self._container = known

    def names(self, session_id: I64, pid: I64, ts_ns: I64) -> list[str | None]:
        """The process that each pid was; None where the recording does not say."""
        names: list[str | None] = [*(one.name or None for one in self.processes), None]
        return [names[row] for row in self._rows(_packed(session_id, pid), ts_ns).tolist()]

    def containers(self, session_id: I64, pid: I64, ts_ns: I64) -> list[str | None]:
        """The id of the container that each pid's process was in; None on the host, and where nobody says."""
        if self.guids is None:
            return [None] * len(pid)
        key = _packed(session_id, pid)
        rows = self._rows(key, ts_ns)
        codes = np.where(rows >= 0, np.append(self._container, -1)[rows], self._between(key, ts_ns))
        texts: list[str | None] = [*self.guids.texts, None]
        return [texts[code] for code in codes.tolist()]

    def _rows(self, key: I64, ts_ns: I64) -> I64:
        """Number of the process of each key at a time, -1 = none."""
        rows = last_before(self._key, self._first_ns, key, ts_ns)
        if len(self.processes):
            rows = np.where((rows >= 0) & (ts_ns <= self._last_ns[rows]) & (ts_ns != NO_TIME), rows, -1)
        return rows

    def _between(self, key: I64, ts_ns: I64) -> I64:
        """Of a pid whose process is not known: the container that its events named before and behind."""
        if not len(self.point_key):
            return np.full(len(key), -1, np.int64)
        before = last_before(self.point_key, self.point_ns, key, ts_ns)
        behind = last_before(self.point_key, -self.point_ns, key, -ts_ns)
        first, second = self.point_container[before], self.point_container[behind]
        return np.where((before >= 0) & (behind >= 0) & (first == second) & (ts_ns != NO_TIME), first, -1)


def last_before(keys: I64, times: I64, key: I64, time: I64) -> I64:
    """For each `key` and `time` the row of the latest of `times` with that key that is not later; -1 = none."""
    n = len(keys)
    is_asked = np.concatenate([np.zeros(n, np.int64), np.ones(len(key), np.int64)])
    all_keys = np.concatenate([keys, key])
    order = np.lexsort((is_asked, np.concatenate([times, time]), all_keys))
    place = np.where(is_asked[order] == 0, np.arange(len(order)), -1)
    latest = np.maximum.accumulate(place) if len(place) else place
    asked = is_asked[order] == 1
    found = latest[asked]
    row = np.where(found >= 0, order[found], -1)
    row = np.where((found >= 0) & (all_keys[row] == all_keys[order[asked]]), row, -1)
    out = np.full(len(key), -1, np.int64)
    out[order[asked] - n] = row
    return out


class ProcessNotes:
    """Collects in the first pass what `table` is made of behind it."""

    def __init__(self, session_of_buffer: I64 | None = None, *, events_max: int = EVENTS_MAX) -> None:
        """`session_of_buffer`: number of the session of each buffer; None = there is one."""
        self._session_of_buffer, self._events_max = session_of_buffer, events_max
        self._notes: list[tuple[Slice, I64]] = []
        self._points: list[tuple[I64, I64, I64]] = []
        self._n = self._n_bytes = self._n_points = 0
        self._guids: Guids | None = None
        self._until_ns = _ALWAYS
        """From here on too many were told: nobody knows who has a pid then."""
        self._table: ProcessTable | None = None

    def sessions(self, events: Events) -> I64:
        """The session of each event."""
        if self._session_of_buffer is None:
            return np.zeros(len(events), np.int64)
        return self._session_of_buffer[events.buffer].astype(np.int64)

    def learn(self, piece: Slice) -> None:
        """Take what the events of a slice say of processes; it is copied."""
        self._learn_containers(piece)
        mine = is_about_processes(piece.events)
        rows = np.flatnonzero(mine)
        n_bytes = int(piece.events.payload_bytes[rows].astype(np.int64).sum())
        if not len(rows):
            return
        if self._n + len(rows) > self._events_max or self._n_bytes + n_bytes > _BYTES_MAX:
            self._until_ns = min(self._until_ns, int(piece.events.ts_ns[rows].min()))
            return
        self._n += len(rows)
        self._n_bytes += n_bytes
        self._notes.append((_copied(piece, rows), self.sessions(piece.events)[rows]))

    def _learn_containers(self, piece: Slice) -> None:
        events = piece.events
        rows = np.flatnonzero((piece.container >= 0) & (events.pid != NULL_ID) & (events.ts_ns != NO_TIME))
        if not len(rows) or self._n_points > _POINTS_MAX:
            return
        self._guids = events.guids
        key = _packed(self.sessions(events)[rows], events.pid[rows].astype(np.int64))
        ts_ns, container = events.ts_ns[rows], piece.container[rows].astype(np.int64)
        # The first and the last of each pid and container: between them stand others of the slice alone.
        order = np.lexsort((ts_ns, container, key))
        is_new = np.ones(len(order), np.bool_)
        is_new[1:] = (np.diff(key[order]) != 0) | (np.diff(container[order]) != 0)
        taken = np.unique(np.concatenate([order[is_new], order[np.append(is_new[1:], True)]]))
        self._points.append((key[taken], ts_ns[taken], container[taken]))
        self._n_points += len(taken)

    def table(self, kinds: DecodesKinds) -> ProcessTable:
        """All that was learned. `kinds` decodes the events of a slice (`Decoder.kinds`)."""
        if self._table is None:
            said = sorted(
                one for note, sessions in self._notes for one in _said(note, sessions, kinds)
                if one[2] < self._until_ns
            )  # fmt: skip
            key, ts_ns, container = (
                np.concatenate([np.zeros(0, np.int64), *(point[column] for point in self._points)])
                for column in range(3)
            )
            self._table = ProcessTable(tuple(_lives(said, self._until_ns)), key, ts_ns, container, self._guids)
            self._notes.clear()
        return self._table


def is_about_processes(events: Events) -> BOOL:
    """Events that tell the name of a process."""
    hook, opcode = events.hook_id, np.isin(events.opcode, tuple(_CLASSIC_OPCODES))
    mine: BOOL = (hook & 0xFF00 == PROCESS_HOOKS) & np.isin(hook & 0xFF, tuple(_CLASSIC_OPCODES))
    texts = events.guids.texts
    if classic.PROCESS in texts:
        mine |= (events.provider == texts.index(classic.PROCESS)) & opcode & ~events.has_descriptor
    if KERNEL_PROCESS in texts:
        ids = np.isin(events.event_id, tuple(_MANIFEST_IDS))
        mine |= (events.provider == texts.index(KERNEL_PROCESS)) & ids & events.has_descriptor
    return mine


def _copied(piece: Slice, rows: I64) -> Slice:
    """The events with memory of their own, which holds their payloads alone."""
    from wnv import kernels

    taken = piece.take(rows)
    events = taken.events
    n_bytes = events.payload_bytes.astype(np.int64)
    offsets = offsets_of(n_bytes)
    data = np.empty(int(offsets[-1]), np.uint8)
    kernels.copy_pieces(events.data, events.payload_start, n_bytes, data, offsets[:-1])
    columns = {name: getattr(events, name) for name in Events.__slots__}
    copied = Events(**{**columns, "data": data, "payload_start": offsets[:-1].copy()})
    return Slice(0, copied, taken.items.of_events(np.zeros(0, np.int64)), taken.container)


_Said = tuple[int, int, int, int, str, int]
"""Session, pid, time, what (start, end or there), name, time of creation or 0."""


def _said(note: Slice, sessions: I64, kinds: DecodesKinds) -> Iterator[_Said]:
    events = note.events
    for _, rows, decoded in kinds(note):
        # A layout that is a guess would name processes by whatever stands there.
        if decoded is None or decoded.description.confidence < _CONFIDENCE_MIN:
            continue
        fields = {
            name.lower(): column for name, column in zip(decoded.fields.names, decoded.fields.columns, strict=True)
        }
        pids, names = fields.get("processid"), fields.get("imagefilename") or fields.get("imagename")
        if pids is None or names is None:
            continue
        created = fields.get("createtime")
        values: list[list[Value]] = [
            pids.to_pylist(), names.to_pylist(), [None] * len(rows) if created is None else created.to_pylist(),
            events.ts_ns[rows].tolist(), sessions[rows].tolist(), events.opcode[rows].tolist(),
            events.event_id[rows].tolist(), events.has_descriptor[rows].tolist(),
            (events.hook_id[rows] & 0xFF).tolist(), decoded.is_whole.tolist(),
        ]  # fmt: skip
        is_hook = bool((events.hook_id[rows] & 0xFF00 == PROCESS_HOOKS).all())
        for pid, name, since, ts_ns, session, opcode, event_id, is_manifest, hook, is_whole in zip(
            *values, strict=True
        ):
            number = hook if is_hook else opcode
            what = _MANIFEST_IDS.get(event_id) if is_manifest else _CLASSIC_OPCODES.get(number)
            if what is not None and is_whole and isinstance(pid, int) and ts_ns != NO_TIME:
                yield session, pid, ts_ns, what, (name or "").rpartition("\\")[2], since or 0


def _lives(said: Sequence[_Said], until_ns: int) -> Iterator[Process]:
    """The processes that starts, ends and rundowns tell of, by session and pid, each pid's in order of time."""
    for (session, pid), group in groupby(said, key=lambda one: one[:2]):
        first_ns, last_ns, name, is_there = _EVER, _EVER, "", False
        free_ns = _EVER  # no process of this pid that comes now was there before
        for _, _, ts_ns, what, said_name, since in group:
            is_other = what == _START or not _is_same(name, said_name)
            if is_there and is_other and ts_ns > first_ns:  # its end was not recorded
                yield Process(session, pid, first_ns, ts_ns - 1 if what == _START else last_ns, name)
                free_ns, is_there = last_ns + 1 if since > last_ns else ts_ns, False
            if not is_there:
                # One that starts was not there before; what is met in the middle was there since the one before it.
                first_ns = ts_ns if what == _START else max(free_ns, since or free_ns)
                is_there, name = True, ""
            name = max(name, said_name, key=len)  # the kernel's class cuts it
            last_ns = ts_ns
            if what == _END:
                yield Process(session, pid, first_ns, ts_ns, name)
                free_ns, is_there = ts_ns + 1, False
        if is_there:
            yield Process(session, pid, first_ns, until_ns if until_ns == _ALWAYS else until_ns - 1, name)


def _is_same(one: str, other: str) -> bool:
    return one[:_NAME_CUT].lower() == other[:_NAME_CUT].lower()


def _keys(session_id: Sequence[int], pid: Sequence[int]) -> I64:
    return _packed(np.array(session_id, np.int64), np.array(pid, np.int64))


def _packed(session_id: I64, pid: I64) -> I64:
    packed: I64 = session_id.astype(np.int64) << 32 | pid.astype(np.int64) & 0xFFFFFFFF
    return packed
