"""Sightings in global order of time go in, finished journeys come out; memory is bounded by what is on its way.

A sighting waits a few milliseconds, so that chains of NBLs and their frames can be told apart by what follows; a
journey is ended a second after its last sighting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wnv.arrays import BOOL, I32, I64
from wnv.clock import NO_TIME
from wnv.diagnostics import Code, Log
from wnv.journeys import layout as c
from wnv.journeys.collect import Collector, Limits, Sighted
from wnv.journeys.drops import DropRows
from wnv.journeys.flows import FlowRows
from wnv.journeys.held import Held
from wnv.journeys.hops import HeldHops, Hops
from wnv.journeys.hosts import HostQueues, Hosts
from wnv.journeys.nat import NatRows
from wnv.journeys.outcome import joined, journey_columns, judge
from wnv.journeys.places import Places
from wnv.journeys.sights import Keys
from wnv.packets.headers import Texts
from wnv.packets.points import Point
from wnv.providers.stages import Columns, Stretch, Tables
from wnv.schema import DROPS, FLOWS, HOPS, JOURNEYS, NAT_SESSIONS, Table
from wnv.topology.model import Topology

WINDOW_NS = 1_000_000_000
"""Time of the recording after which a packet that was not seen again is taken to have ended its journey."""
ARRIVED_NS = 100_000_000
"""The same where it was last seen leaving the host, or at the NIC of a VM or container: more is not to come."""
_HOLD_NS = 5_000_000
_LAST = int(np.iinfo(np.int64).max) - WINDOW_NS
_OPEN_MAX = 1 << 18
"""Journeys on their way at once, 950 bytes each; beyond these the oldest are ended."""
_HELD_MAX = 1 << 18
"""Sightings that wait, whatever their times say."""
_LINKED_AT_ONCE = 1 << 15
_CLOSED_AT_ONCE = 1 << 11
_LIFETIMES = 1 << 16
_THREADS = 1 << 12
_WAYS = 1 << 18
_LOCALS = 1 << 14
_QUESTIONS = 1 << 16
_DOUBTED = 800
_MAP_SLOTS = 1 << 16
_MAP_SLOTS_MAX = 1 << 22
_WHOLES = 1 << 12
_COVERS = 1 << 14
_NBL_EXPIRY_NS = 1_000_000_000
_CROSSED_AT_ONCE = 1 << 10
_FIRST_IS_LAST = (
    (c.J_FIRST_TS, c.J_LAST_TS), (c.J_WHAT, c.J_LAST_WHAT), (c.J_SRC_HIGH, c.J_LAST_SRC_HIGH),
    (c.J_SRC_LOW, c.J_LAST_SRC_LOW), (c.J_DST_HIGH, c.J_LAST_DST_HIGH), (c.J_DST_LOW, c.J_LAST_DST_LOW),
    (c.J_PORTS, c.J_LAST_PORTS), (c.J_FIRST_TUPLE, c.J_TUPLE), (c.J_FIRST_TUPLE_BACK, c.J_TUPLE_BACK),
    (c.J_SEQ, c.J_SEQ_END),
)  # fmt: skip
"""What a packet was when it left one host is what it was first on the next; of ICMP also its identifier."""
_COPIED_FROM_FRAMES = (
    c.CONTENT, c.TUPLE, c.TUPLE_BACK, c.ADDRESSES, c.IP_ID, c.HASH_8, c.HASH_32, c.WHAT, c.SRC_HIGH, c.SRC_LOW,
    c.DST_HIGH, c.DST_LOW, c.PORTS, c.LENGTH, c.SEQ, c.SEQ_END, c.TCP_FLAGS, c.FLAGS, c.ASKS, c.ANSWERS,
)  # fmt: skip


@dataclass(slots=True)
class _Open:
    """Journeys that can still go on, and what finds them; see `layout` for the columns."""

    journeys: I64
    visited: I32
    content_heads: I64
    tuple_heads: I64
    keys: I64
    key_heads: I64
    wholes: I64
    covers: I64
    scalars: I64

    @classmethod
    def empty(cls, n: int) -> _Open:
        from wnv.journeys import offload_loops

        one = cls(
            np.zeros((n, c.N_JOURNEY), np.int64), np.zeros((n, c.VISITED_MAX), np.int32),
            np.full(2 * n, -1, np.int64), np.full(2 * n, -1, np.int64), np.zeros((2 * n, c.N_KEY), np.int64),
            np.full(2 * n, -1, np.int64), np.zeros((_WHOLES, offload_loops.N_WHOLE), np.int64),
            np.zeros((_COVERS, offload_loops.N_COVER), np.int64), np.zeros(c.N_SCALARS, np.int64),
        )  # fmt: skip
        one.scalars[[c.Z_NEXT_ID, c.Z_NEXT_DROP]] = 1
        one.scalars[c.Z_FREE : c.Z_LAST_ARRIVED + 1] = -1
        one._free(0, 0)
        return one

    def _free(self, first: int, first_key: int) -> None:
        """Put rows from `first` on at the front of the lists of free ones."""
        n, n_keys = len(self.journeys), len(self.keys)
        self.journeys[first:, c.J_LRU_NEXT] = np.append(np.arange(first + 1, n), self.scalars[c.Z_FREE])
        self.scalars[c.Z_FREE] = first
        self.keys[first_key:, c.K_NEXT] = np.append(np.arange(first_key + 1, n_keys), self.scalars[c.Z_KEY_FREE])
        self.scalars[c.Z_KEY_FREE] = first_key

    def grow(self) -> None:
        """Twice the room."""
        from wnv.journeys import loops

        n, n_keys = len(self.journeys), len(self.keys)
        self.journeys = np.concatenate([self.journeys, np.zeros((n, c.N_JOURNEY), np.int64)])
        self.visited = np.concatenate([self.visited, np.zeros((n, c.VISITED_MAX), np.int32)])
        self.keys = np.concatenate([self.keys, np.zeros((n_keys, c.N_KEY), np.int64)])
        self._free(n, n_keys)
        self.content_heads, self.tuple_heads, self.key_heads = (np.full(4 * n, -1, np.int64) for _ in range(3))
        loops.relink(self.journeys, self.content_heads, self.tuple_heads, self.keys, self.key_heads)


@dataclass(slots=True)
class _Nbls:
    """Lifetimes of NBLs, and the runs of threads; see `nbl_loops.tie_nbls`."""

    runs: I64
    run_slots: I64
    lifetimes: I64
    life_slots: I64

    @classmethod
    def empty(cls) -> _Nbls:
        from wnv.journeys import nbl_loops

        return cls(
            np.zeros((_THREADS, nbl_loops.N_RUN), np.int64), np.full(4 * _THREADS, -1, np.int64),
            np.full((_LIFETIMES, nbl_loops.N_LIFETIME), -1, np.int64), np.full(4 * _LIFETIMES, -1, np.int64),
        )  # fmt: skip


@dataclass(slots=True)
class _Ended:
    """Rows that are complete and wait to be handed on."""

    parts: list[Tables] = field(default_factory=list)

    def add(self, table: Table, columns: Columns) -> None:
        if columns and len(next(iter(columns.values()))):
            self.parts.append({table.name: columns})

    def take(self) -> list[Tables]:
        parts, self.parts = self.parts, []
        return parts


class Stitcher:
    """The stage that follows packets; see `providers.stages.Stage`."""

    tables = (JOURNEYS, HOPS, DROPS, FLOWS, NAT_SESSIONS)

    def __init__(
        self, topology: Topology, points: Sequence[Point], *, limits: Limits | None = None, builds: Sequence[int] = (),
        log: Log | None = None, hosts: Hosts | None = None,
    ) -> None:  # fmt: skip
        """`limits`: what the recording lost or left out; without, nothing is called vanished. `builds`: of Windows, by
        session."""
        from wnv.journeys import loops, offload_loops

        self._hosts = hosts or Hosts()
        n_hosts = len(self._hosts)
        self._limits = limits or Limits()
        self._log = log or Log()
        self._keys = Keys()
        self.places = Places(topology, points, self._hosts.labels())
        self._collector = Collector(self.places, self._keys, self._limits)
        self._topology = topology
        self._held = Held()
        self._waiting: I64 = np.zeros((c.N_SIGHT, 0), np.int64)
        self._open = _Open.empty(1 << 15)
        self._nbls = _Nbls.empty()
        self._threads: I64 = np.full((_THREADS, loops.N_THREAD), -1, np.int64)
        self._map = np.zeros(_MAP_SLOTS, np.int64), np.zeros(_MAP_SLOTS, np.int64)
        self._n_mapped = 0
        self._activity: I64 = np.zeros((0, loops.N_ACTIVITY), np.int64)
        self._ways: I64 = np.full((_WAYS, 4), -1, np.int64)
        self._local: I64 = np.full((_LOCALS, 3), -2, np.int64)
        self._answers: I64 = np.zeros((_QUESTIONS, c.N_ANSWER), np.int64)
        self._nat = NatRows(self._keys, self._hosts.first_sessions())
        self._flows = FlowRows()
        self._drops = DropRows(self.places, topology, self._collector.texts, builds)
        self._hops = HeldHops(self.places, self._drops, self._hosts.words())
        self._builds = builds
        room = _CLOSED_AT_ONCE + offload_loops.PARTS_MAX
        self._closed = np.empty((room, c.N_JOURNEY), np.int64), np.empty((room, c.VISITED_MAX), np.int32)
        self._forwards, self._has_deliveries, self._sees_wire = np.zeros((3, n_hosts), np.bool_)
        """Of each host: whether it forwards packets, whether its switches state what they deliver, whether packets were
        seen at its physical NICs."""
        self._has_large = False
        self._of_hosts = self._hosts.matrix()
        self._crossing: I64 = np.zeros((_CROSSED_AT_ONCE if n_hosts > 1 else 1, c.N_JOURNEY), np.int64)
        self._crossed: I64 = np.zeros((0, c.N_JOURNEY), np.int64)
        """Open journeys as they were when they came to another host, where they had been translated before."""
        self._queues = HostQueues(n_hosts)
        self._last_ts = NO_TIME
        self._ended = _Ended()
        self._learn_addresses(points)

    # --- the stage ------------------------------------------------------------------------------------

    def add(self, stretch: Stretch) -> Iterator[Tables]:
        """Take the next stretch; rows that are complete, piece by piece."""
        for new in self._collected(stretch):
            yield from self._follow(new)

    def add_of_host(self, stretch: Stretch, heard_ns: int) -> Iterator[Tables]:
        """Take the next stretch of one of several hosts, with times by one clock. All were heard up to `heard_ns`."""
        for new in self._collected(stretch):
            self._queues.add(int(stretch.host[0]), new)
        for new in self._queues.take(heard_ns):
            yield from self._follow(new)

    def _collected(self, stretch: Stretch) -> Iterator[Sighted]:
        for new in self._collector.collect(stretch):
            self._nat.learn(self._collector.take_statements())
            self._take_mappings()
            if len(new):
                yield new

    def _follow(self, new: Sighted) -> Iterator[Tables]:
        self._hold(new)
        self._last_ts = max(self._last_ts, int(new.sights[c.TS].max()))
        self._advance(max(self._last_ts - _HOLD_NS, self._held.crowded_before(_HELD_MAX)))
        while self._end_some(self._last_ts - _HOLD_NS - WINDOW_NS):
            yield from self._ended.take()
        yield from self._ended.take()

    def finish(self) -> Iterator[Tables]:
        """All that is left, piece by piece."""
        for new in self._queues.take(None):
            yield from self._follow(new)
        self._advance(_LAST)
        while self._end_some(_LAST):
            yield from self._ended.take()
        self._ended.add(DROPS, self._drops.take(None))
        self._ended.add(FLOWS, self._flows.columns(self._nat))
        self._ended.add(NAT_SESSIONS, self._nat.columns())
        self._collector.readings.record(self._log)
        self._log.record(Code.JOURNEYS_ENDED_EARLY, count=int(self._open.scalars[c.Z_FORCED]))
        yield from self._ended.take()

    # --- holding --------------------------------------------------------------------------------------

    def _hold(self, new: Sighted) -> None:
        """Put new sightings behind those held, and tie NBLs to their frames."""
        from wnv.journeys import nbl_loops

        held = self._held
        first = len(held)
        held.add(new)
        nbl_loops.tie_nbls(
            held.sights, first, len(held), held.base, held.nbl, held.switch, self._nbls.runs, self._nbls.run_slots,
            self._nbls.lifetimes, self._nbls.life_slots, held.next_frame, self._open.scalars, _NBL_EXPIRY_NS,
        )  # fmt: skip

    def _advance(self, horizon: int) -> None:
        """Link all sightings before a time."""
        from wnv.journeys import nbl_loops

        held = self._held
        nbl_loops.close_runs(
            self._nbls.runs, self._open.scalars, self._nbls.lifetimes, held.sights, held.base, held.next_frame, horizon
        )  # fmt: skip
        n = held.n_before(horizon)
        ready = self._spread(n)
        together = np.concatenate([self._waiting, ready], axis=1) if self._waiting.shape[1] else ready
        if (np.diff(together[c.ORDER]) < 0).any():
            together = together[:, np.argsort(together[c.ORDER], kind="stable")]
        n_ready = max(int(np.searchsorted(together[c.ORDER], horizon)), together.shape[1] - _HELD_MAX)
        self._waiting = together[:, n_ready:].copy()
        together = _in_order_of_appearance(together[:, :n_ready])
        for start in range(0, together.shape[1], _LINKED_AT_ONCE):
            self._link(together[:, start : start + _LINKED_AT_ONCE])
        held.drop(n)

    def _spread(self, n: int) -> I64:
        """The first `n` sightings held, an event about an NBL once for each packet that the NBL owns.

        May be the memory of those held: what is changed in it is changed there.
        """
        from wnv.journeys import nbl_loops

        held = self._held.sights
        copies = np.ones(n, np.int64)
        nbl_loops.spread_lifetimes(held, n, self._held.base, self._nbls.lifetimes, copies)
        ready, n_ready = held, n
        if (copies > 1).any():
            rows = np.repeat(np.arange(n), copies)
            ready, n_ready = held[:, rows], len(rows)
            ready[c.KEY_TWO] += np.where(
                ready[c.LIFETIME] >= 0, np.arange(len(rows)) - np.repeat(np.cumsum(copies) - copies, copies), 0
            )
        frame = np.empty(n_ready, np.int64)
        nbl_loops.find_frames(
            ready, n_ready, held, len(self._held), self._held.base, self._nbls.lifetimes, self._held.next_frame, frame
        )  # fmt: skip
        ready = ready[:, :n_ready]
        is_first = ready[c.EVENT] == c.RECEIVED
        is_first |= (ready[c.EVENT] == c.ROUTED) & (held[c.EVENT, np.maximum(frame, 0)] == c.EGRESS)
        mine = np.flatnonzero((frame >= 0) & is_first)
        for column in _COPIED_FROM_FRAMES:
            ready[column, mine] = held[column, frame[mine]]
        return ready

    # --- linking --------------------------------------------------------------------------------------

    def _link(self, sights: I64) -> None:
        from wnv.journeys import loops

        if len(self._activity) < 4 * len(self.places):
            wider = np.zeros((8 * len(self.places) + 64, self._activity.shape[1]), np.int64)
            wider[: len(self._activity)] = self._activity
            self._activity = wider
        if not self._has_deliveries.all():
            self._note(self._has_deliveries, sights, sights[c.EVENT] == c.DELIVERED)
        if not self._forwards.all():
            self._note(self._forwards, sights, np.isin(sights[c.EVENT], (c.TRANSLATED, c.FORWARDED)))
        if not self._sees_wire.all():
            is_wire = self.places.holds(sights[c.PLACE], c.IS_PHYSICAL) & (sights[c.FRAME_ID] >= 0)
            self._note(self._sees_wire, sights, is_wire)
        if len(self._hosts) > 1 and not self._has_large:
            self._has_large = bool((sights[c.FLAGS] & (c.IS_LARGE | c.IS_LONG)).any())
        done = 0
        one = self._open
        while done < sights.shape[1]:
            part = np.ascontiguousarray(sights[:, done:])
            out = np.zeros((c.N_OUT, part.shape[1]), np.int64)
            n = loops.link(
                part, part.shape[1], one.journeys, one.visited, one.content_heads, one.tuple_heads, one.keys,
                one.key_heads, self._threads, self.places.matrix, self.places.following, *self._map, self._activity,
                self._ways, self._local, self._answers, one.wholes, one.covers, one.scalars, WINDOW_NS, self._of_hosts,
                self._crossing, out,
            )  # fmt: skip
            if self._collector.readings.is_doubtful:
                _doubt(part[:, :n], out[:, :n])
            self._drops.add(part[:, :n], out[:, :n])
            self._hops.add(part, out, n, one.journeys)
            done += n
            if one.scalars[c.Z_CROSSED]:
                self._take_crossing()
                continue
            if done < sights.shape[1]:
                if len(one.journeys) >= _OPEN_MAX:
                    # Whether it is journeys or their identities that there is no more room for.
                    while self._end_some(int(np.iinfo(np.int64).min), int(one.scalars[c.Z_OPEN]) * 7 // 8):
                        pass
                else:
                    one.grow()

    @staticmethod
    def _note(truth: BOOL, sights: I64, holds: BOOL) -> None:
        """Remember of each host whether something holds for one of its sightings."""
        if holds.any():
            truth[np.unique(sights[c.HOST, holds])] = True

    def _take_crossing(self) -> None:
        """Journeys that came to another host, translated by the one before: its NAT counts them, the next begins."""
        scalars = self._open.scalars
        crossing = self._crossing[: int(scalars[c.Z_CROSSED])].copy()
        scalars[c.Z_CROSSED] = 0
        self._count_translated(crossing)
        self._forget_crossed(crossing)
        self._crossed = np.concatenate([self._crossed, crossing])

    def _count_translated(self, journeys: I64) -> None:
        """Count the translations of the hosts where journeys were seen last."""
        is_crossed = (journeys[:, c.J_FLAGS] & c.J_CROSSED) != 0
        if is_crossed.any() and len(self._crossed):
            order = np.argsort(self._crossed[:, c.J_ID], kind="stable")
            known = self._crossed[order]
            place = np.minimum(np.searchsorted(known[:, c.J_ID], journeys[:, c.J_ID]), len(known) - 1)
            rows = np.flatnonzero(is_crossed & (known[place, c.J_ID] == journeys[:, c.J_ID]))
            journeys = journeys.copy()
            for column, was in _FIRST_IS_LAST:
                journeys[rows, column] = known[place[rows], was]
        self._nat.count(journeys)

    def _forget_crossed(self, journeys: I64) -> None:
        if len(self._crossed):
            self._crossed = self._crossed[~np.isin(self._crossed[:, c.J_ID], journeys[:, c.J_ID])]

    def _end_some(self, before_ts: int, n_open_max: int = _OPEN_MAX) -> bool:
        """End some of the journeys last seen before a time; whether there are more."""
        from wnv.journeys import loops, offload_loops

        one = self._open
        n = loops.close(
            one.journeys, one.visited, one.content_heads, one.tuple_heads, one.keys, one.key_heads, self._activity,
            self._ways, self._local, self._answers, one.wholes, one.covers, one.scalars, self.places.matrix,
            self.places.following, before_ts,
            min(_LAST, before_ts + WINDOW_NS - ARRIVED_NS) if before_ts > -_LAST else before_ts, n_open_max,
            *self._closed,
        )  # fmt: skip
        if n:
            rows, paths = self._closed
            order = np.argsort(rows[:n, c.J_ID])
            self._write_journeys(rows[order], paths[order])
        is_all = n < len(self._closed[0]) - offload_loops.PARTS_MAX
        if is_all:
            self._ended.add(DROPS, self._drops.take(self._last_ts - WINDOW_NS))
        return not is_all

    def _write_journeys(self, ended: I64, paths: I32) -> None:
        hops = self._hops.take(ended)
        if self._collector.readings.is_doubtful:
            _doubt_journeys(ended, hops)
        self._ended.add(HOPS, hops.columns)
        n_hops = np.bincount(np.searchsorted(ended[:, c.J_ID], hops.journey), minlength=len(ended))
        host = ended[:, c.J_HOST]
        self._forwards[host[(ended[:, c.J_FLAGS] & c.J_TRANSLATED) != 0]] = True
        self._forwards[self._nat.hosts()] = True
        verdict = judge(
            ended,
            self.places,
            self._limits,
            never_forwards=~self._forwards[host],
            has_deliveries=self._has_deliveries[host],
            sees_wire=self._sees_wire[host],
            has_large=self._has_large,
        )
        verdict = joined(ended, verdict)
        self._count_translated(ended)
        self._forget_crossed(ended)
        confidence = np.minimum(ended[:, c.J_CONFIDENCE], verdict.sure) / 1000
        flow = self._flows.add(ended, verdict.outcome, confidence, self._nat)
        names = self._drop_names(ended)
        self._ended.add(JOURNEYS, journey_columns(
            ended, verdict, n_hops, paths, flow, self.places, self._limits, self._builds, names
        ))  # fmt: skip

    def _drop_names(self, ended: I64) -> Texts:
        """Why each journey's packet was dropped; null where it was not."""
        code = np.full(len(ended), -1, np.int32)
        rows = np.flatnonzero(ended[:, c.J_FLAGS] & c.J_IS_DROPPED)
        if not len(rows):
            return Texts(code, [])
        of_drop = (c.J_DROP_KIND, c.J_DROP_CODE, c.J_DROP_LOCATION, c.J_DROP_SESSION)
        names = self._drops.names(*(ended[rows, column] for column in of_drop))
        code[rows] = names.code
        return Texts(code, names.values)

    # --- what is known beforehand ----------------------------------------------------------------------

    def _take_mappings(self) -> None:
        """Translations that WinNat stated go to the loops' table."""
        from wnv.journeys import loops

        before, after = self._nat.take_translations()
        if not len(before):
            return
        self._n_mapped += len(before)
        while 3 * self._n_mapped > len(self._map[0]) and len(self._map[0]) < _MAP_SLOTS_MAX:
            known = self._map[0] != 0
            keys, values = self._map[0][known], self._map[1][known]
            self._map = np.zeros(2 * len(self._map[0]), np.int64), np.zeros(2 * len(self._map[0]), np.int64)
            loops.add_translations(*self._map, keys, values)
        loops.add_translations(*self._map, before, after)

    def _learn_addresses(self, points: Sequence[Point]) -> None:
        """Addresses that the recording says are the host's own."""
        for point in points:
            for address in point.ipv4:
                self._local_address(int.from_bytes(address, "big"), point.host)
        for node in self._topology.nodes:
            for text in (
                node.properties.get("addresses", ()) if node.kind in ("physical_nic", "team", "host_vnic") else ()
            ):
                value = _address_number(text)
                if value is not None:
                    self._local_address(value, self._hosts.of(node.session_id))

    def _local_address(self, value: int, host: int) -> None:
        from wnv.journeys.table_loops import of_host, slot_of

        value = of_host(value, host)
        slot = slot_of(value, len(self._local) - 1)
        self._local[slot] = value, -1, 1


def _doubt(sights: I64, out: I64) -> None:
    """What rests on a reading that the recording contradicts is no more than likely."""
    rests = (sights[c.EVENT] >= c.RECEIVED) & (sights[c.EVENT] <= c.DELIVERED) & (out[c.O_CONFIDENCE] > _DOUBTED)
    out[c.O_CONFIDENCE, rests], out[c.O_WHY, rests] = _DOUBTED, c.WHY_MISREAD


def _doubt_journeys(ended: I64, hops: Hops) -> None:
    """A journey is as sure as its weakest hop."""
    lowest = np.full(len(ended), 1000, np.int64)
    sure = np.rint(np.asarray(hops.columns["confidence"], np.float64) * 1000).astype(np.int64)
    np.minimum.at(lowest, np.searchsorted(ended[:, c.J_ID], hops.journey), sure)
    less = np.flatnonzero((lowest == _DOUBTED) & (lowest < ended[:, c.J_CONFIDENCE]))
    ended[less, c.J_CONFIDENCE], ended[less, c.J_WHY] = _DOUBTED, c.WHY_MISREAD


def _address_number(text: Any) -> int | None:  # Any: JSON of an inventory
    """An address as the loops compare it; None if it is none."""
    from ipaddress import ip_address

    try:
        address = ip_address(str(text).split("/", 1)[0])
    except ValueError:
        return None
    number = int(address)
    folded = (number >> 64) ^ (number & 0xFFFFFFFFFFFFFFFF)
    return folded - (1 << 64) if folded >> 63 else folded


def _in_order_of_appearance(sights: I64) -> I64:
    """Sightings of one pktmon packet by its own count, which is surer than their times (pktmon.md)."""
    mine = np.flatnonzero(sights[c.KEY_KIND] == c.KEY_PKTMON)
    if len(mine) < 2:
        return sights
    mixed = sights[c.KEY_ONE, mine] * 0x10001 ^ sights[c.KEY_TWO, mine]
    order = np.argsort(mixed, kind="stable")
    same = mixed[order[1:]] == mixed[order[:-1]]
    appearance = sights[c.APPEARANCE, mine]
    if not (same & (appearance[order[1:]] < appearance[order[:-1]])).any():
        return sights
    by_appearance = np.lexsort((appearance, mixed))
    out = sights.copy()
    out[:, mine[order]] = sights[:, mine[by_appearance]]
    return out
