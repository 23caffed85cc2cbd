"""Counting in the first pass, without decoding it, what has nothing more to say: most events of most recordings.

A kind of event is met in the usual way first, by all who want to see it. From then on its events are only counted
here, and the usual packets with their points and link types, in the threads that read the file.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np

from wnv.arrays import BOOL, I32, I64
from wnv.clock import NO_TIME, Clock
from wnv.etl import layout
from wnv.etl.events import Found, Guids
from wnv.overview import Census
from wnv.packets.points import LINK_ETHERNET, LINK_RAW, Channel
from wnv.providers.packets import PacketReader
from wnv.providers.plain import PLAIN_KINDS, PlainPackets

_LINKS = (LINK_ETHERNET, LINK_RAW)
"""What usual packets can be."""
_KINDS_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known at some time, for the threads that count; replaced as a whole when there is more."""

    guids: I64
    kinds: I64
    """Place in `guids`, and id << 8 | version, a row each."""
    keys: list[int]
    """Of the census."""
    is_packet: BOOL
    seed: int
    slots: I32
    plain: PlainPackets | None


@dataclass(frozen=True, slots=True)
class TallyCounts:
    """What was counted in one piece."""

    is_left: BOOL
    known: _Known
    n_events: I64
    """By kind."""
    extremes: I64
    """First and last time of what was counted, in ns UTC; without those that have none."""
    n_seen: I64
    """Sightings by point and link type."""
    n_drops: I64
    """By point."""


class PlainTally:
    """The tally of one recording's first pass (see `etl.reader.Tally`), for a recording of one file."""

    def __init__(self, clock: Clock, guids: Guids, census: Census, packets: PacketReader) -> None:
        self._clock, self._guids, self._census, self._packets = clock, guids, census, packets
        self._known: _Known | None = None
        self._size: object = None
        self._n_pieces = self._n_renewed = self._renewed_at = 0

    def count(self, found: Found) -> TallyCounts | None:
        known = self._known
        if known is None:
            return None
        from wnv.providers import plain_loops as loops

        numbers = np.empty(len(found.position), np.int32)
        loops.number_kinds(
            found.words.view(np.int64), found.position, found.kind, layout.EVENT32, layout.EVENT64, known.guids,
            known.kinds, known.slots, known.seed, numbers,
        )  # fmt: skip
        is_left = numbers < 0
        n_seen = n_drops = np.zeros(0, np.int64)
        packets = np.flatnonzero(known.is_packet[numbers] & ~is_left)
        if len(packets) and known.plain is None:
            is_left[packets] = True
        elif known.plain is not None and len(packets):
            seen = known.plain.read(found, packets, measures=False)
            is_left[packets[seen.is_unusual]] = True
            point = seen.column(loops.SEEN_POINT)
            link = np.searchsorted(_LINKS, seen.column(loops.SEEN_LINK))
            n_seen = np.bincount(point * len(_LINKS) + link)
            n_drops = np.bincount(point[seen.column(loops.SEEN_DROP) != 0])
        counted = numbers[~is_left]
        extremes = self._extremes(found.ticks[~is_left])
        n_events = np.bincount(counted, minlength=len(known.keys))
        return TallyCounts(is_left, known, n_events, extremes, n_seen, n_drops)

    def _extremes(self, ticks: I64) -> I64:
        if not len(ticks):
            return ticks
        ts_ns = self._clock.ts_ns(np.array([ticks.min(), ticks.max()]))
        # Ticks far from all others have no time.
        return ts_ns if (ts_ns != NO_TIME).all() else self._clock.ts_ns(ticks)

    def add(self, counted: TallyCounts | None) -> None:
        if counted is not None:
            self._census.add_counts(dict(zip(counted.known.keys, counted.n_events.tolist(), strict=True)))
            self._census.add_times(0, counted.extremes)
            for key in np.flatnonzero(counted.n_seen).tolist():
                channel = Channel(key // len(_LINKS), _LINKS[key % len(_LINKS)])
                self._packets.count_seen(channel, int(counted.n_seen[key]))
            for point in np.flatnonzero(counted.n_drops).tolist():
                self._packets.count_drops(point, int(counted.n_drops[point]))
        self._n_pieces += 1
        # Less and less often: a recording that shows new points all the time would cost their square.
        if self._n_pieces - self._renewed_at > self._n_renewed // 4:
            self._renew()

    def _renew(self) -> None:
        """Know the kinds and points that were met by now."""
        size = self._census.n_kinds, self._packets.n_known
        if size == self._size:
            return
        from wnv.providers import plain_loops as loops

        guids = self._guids.known()
        kinds, keys, is_packet = [], [], []
        for key, code, number, version in self._census.plain_kinds(len(guids)):
            guid = self._guids.texts[code]
            if guid in PacketReader.guids and (guid, number) not in PLAIN_KINDS:
                continue
            kinds.append((code, number << 8 | version))
            keys.append(key)
            is_packet.append((guid, number) in PLAIN_KINDS)
        del kinds[_KINDS_MAX:], keys[_KINDS_MAX:], is_packet[_KINDS_MAX:]
        table = np.array(kinds, np.int64).reshape(-1, 2)
        slots = np.full(1 << (2 * len(kinds) + 1).bit_length(), -1, np.int32)
        seed = secrets.randbits(30)
        loops.index_kinds(table, seed, slots)
        # One more place: the events of no known kind have number -1.
        self._known = _Known(
            guids, table, keys, np.array([*is_packet, False]), seed, slots, self._packets.plain_packets()
        )
        self._size, self._renewed_at = size, self._n_pieces
        self._n_renewed += 1
