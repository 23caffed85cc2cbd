"""The packet providers of a recording together: sightings of whole packets, and the points where they were made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wnv.arrays import I64
from wnv.diagnostics import Code, Log
from wnv.etl.events import Events, has_compiled
from wnv.etl.reader import Ordered, Recording, Slice
from wnv.packets.frames import FrameJoiner
from wnv.packets.headers import original_bytes
from wnv.packets.points import LINK_UNKNOWN, LINK_WIFI, Channel, Point, Points, unique_names
from wnv.packets.sightings import PacketRows, merge_rows
from wnv.providers import capture_rules, ndiscap, pktmon, ras
from wnv.providers.capture_rules import CaptureRules
from wnv.providers.ndiscap import Ndiscap
from wnv.providers.pktmon import Pktmon
from wnv.providers.plain import PlainPackets, packet_rows
from wnv.providers.ras import Ras
from wnv.providers.reading import PacketProvider, Sightings, payload
from wnv.providers.sysconfig import GUID as SYSCONFIG
from wnv.providers.sysconfig import HostFacts

_JOINED_IDS = {ndiscap.GUID: {ndiscap.METADATA}, pktmon.GUID: set(pktmon.INFO_IDS)}
"""Events that say more about a packet in another one."""
_MAC_BYTES = 6
# ndiscap's words, then pktmon's; the adapter at the bottom before the layer itself.
_ADAPTER_DETAILS = ("miniport_if_index", "MiniportIfIndex", "if_index", "IfIndex")


@dataclass(frozen=True, slots=True)
class _Host:
    """What reads the packets of one host. What one host says of its adapters and ports holds for no other."""

    ndiscap: Ndiscap
    pktmon: Pktmon
    ras: Ras
    facts: HostFacts

    @property
    def providers(self) -> tuple[PacketProvider, ...]:
        return self.ndiscap, self.pktmon, self.ras


class PacketReader:
    """The packet providers of one recording, through both passes.

    Pass 1 (`learn`) collects names and counts what is seen where; `name_points` ends it. Pass 2 (`packets`)
    yields the sightings themselves.
    """

    guids = frozenset({ndiscap.GUID, pktmon.GUID, ras.GUID})

    def __init__(self, recording: Recording) -> None:
        log = recording.log
        self._log = log
        self.points = Points()
        self.remarks: dict[str, int] = {}
        """What `Fragments.remark` counts in."""
        host_of_session = np.array(recording.host_of_session, np.int64)
        self._host_of_buffer: I64 = host_of_session[recording.session_of_buffer]
        self.hosts = [
            _Host(Ndiscap(points, self.remarks), Pktmon(points), Ras(points), HostFacts())
            for points in map(self.points.of_host, range(int(host_of_session.max()) + 1))
        ]
        self.rules = [CaptureRules() for _ in recording.sessions]
        """What each session was told to record."""
        self._session_of_buffer = recording.session_of_buffer
        self._joiners: dict[tuple[int, str], FrameJoiner] = {}
        self._is_plain = True
        self._plain: PlainPackets | None = None
        self._is_first_pass_2 = True
        self.n_sightings: dict[Channel, int] = {}
        self.n_drops: dict[int, int] = {}
        self.n_without_bytes = 0
        self.n_other_link = 0

    def learn(self, piece: Slice) -> None:
        """Pass 1: names, and how many sightings each point has by link type."""
        for _, provider, events_rows in self._by_provider(piece):
            events = piece.events.select(events_rows)
            provider.learn(events, self._log)
            self._learn_rules(provider.guid, events)
            self._is_plain &= not np.isin(events.event_id, list(_JOINED_IDS.get(provider.guid, ()))).any()
            for found in provider.read(events, self._log):
                self._count(found)
                self._is_plain &= bool((found.fragments.is_first & found.fragments.is_last).all())
                self._is_plain &= not (found.fragments.link_type == LINK_WIFI).any()
        rows = self._rows_of(piece, SYSCONFIG)
        if rows is not None:
            for host, mine in self._by_host(piece, rows):
                self.hosts[host].facts.learn(piece.events.select(mine), self._log)

    def _learn_rules(self, guid: str, events: Events) -> None:
        for event_id in sorted(capture_rules.IDS.get(guid, ())):
            rows = np.flatnonzero(events.event_id == event_id)
            sessions = self._session_of_buffer[events.buffer[rows]]
            bad = sum(
                not self.rules[session].learn(guid, event_id, payload(events, row))
                for row, session in zip(rows.tolist(), sessions.tolist(), strict=True)
            )
            self._log.record(Code.RUNDOWN_INVALID, count=bad, detail=f"capture rule, event {event_id}")

    def _count(self, found: Sightings) -> None:
        self.n_without_bytes += found.n_without_bytes
        last = found.fragments.is_last[found.observations.fragment]
        fragment, point = found.observations.fragment[last], found.observations.point[last]
        link = found.fragments.link_type[fragment].astype(np.int64)
        keys, counts = np.unique(point.astype(np.int64) << 16 | link, return_counts=True)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            if key & 0xFFFF == LINK_UNKNOWN:
                self.n_other_link += count
            self.count_seen(Channel(key >> 16, key & 0xFFFF), count)
        points, drops = np.unique(point[found.fragments.is_drop[fragment]], return_counts=True)
        for number, count in zip(points.tolist(), drops.tolist(), strict=True):
            self.count_drops(number, count)

    def count_seen(self, channel: Channel, count: int) -> None:
        self.n_sightings[channel] = self.n_sightings.get(channel, 0) + count

    def count_drops(self, point: int, count: int) -> None:
        self.n_drops[point] = self.n_drops.get(point, 0) + count

    @property
    def n_known(self) -> tuple[int, int, bool]:
        """Changes when `plain_packets` would."""
        return len(self.points.rows), sum(host.ndiscap.n_ports for host in self.hosts), self._is_plain

    def plain_packets(self) -> PlainPackets | None:
        """A reader of the usual packets at the points known so far; None in a recording where a packet can be spread
        over several events, in one of several hosts, and where compiled code is not loaded."""
        if not self._is_plain or not has_compiled() or not self.points.rows or len(self.hosts) > 1:
            return None
        return PlainPackets(self.points, self.hosts[0].ndiscap, self.hosts[0].pktmon)

    def name_points(self, hosts: Sequence[str]) -> None:
        """Give every point its names, once all rundown events were seen. `hosts`: what to call them, which is part of
        the names if there are several."""
        self._log.record(Code.FRAME_HEADER_ONLY, count=self.n_without_bytes)
        self._log.record(Code.FRAME_LINK_TYPE_UNKNOWN, count=self.n_other_link)
        self._log.record(Code.POINTS_LIMIT, count=self.points.n_refused)
        link_types = self.link_types()
        for host in self.hosts:
            for provider in host.providers:
                provider.name_points(link_types)
        for point in self.points.rows:
            self._name_adapter(point)
        names = [p.name if len(hosts) == 1 else f"{p.name}@{hosts[p.host]}" for p in self.points.rows]
        for point, name in zip(self.points.rows, unique_names(names), strict=True):
            point.name = name

    def _name_adapter(self, point: Point) -> None:
        """The name that Windows shows for the adapter the point is on; a filter's own is the adapter's with more."""
        indexes = (point.details.get(name) for name in _ADAPTER_DETAILS)
        interfaces = self.hosts[point.host].facts.interfaces
        known = (interfaces.get(index) for index in indexes if isinstance(index, int))
        adapter = next((one for one in known if one is not None and one.alias), None)
        if adapter is not None:
            point.details.setdefault("nic", adapter.alias)
            if not point.description.startswith(f"{adapter.alias}, "):
                point.description = f"{adapter.alias}, {point.description}"
            is_port = point.key[0] == "ndiscap.port"  # its index is that of the switch
            if len(adapter.mac) == _MAC_BYTES and not is_port:
                point.mac = point.mac or adapter.mac

    def link_types(self) -> dict[int, int]:
        """The commonest link type of each point."""
        best: dict[int, tuple[int, int]] = {}
        for channel, count in self.n_sightings.items():
            if count > best.get(channel.point, (0, 0))[0]:
                best[channel.point] = (count, channel.link_type)
        return {point: link for point, (_, link) in best.items()}

    def begin(self) -> None:
        """Start pass 2, which may be run several times: what does not fit together is recorded once."""
        log = self._log if self._is_first_pass_2 else Log()
        self._is_first_pass_2 = False
        self._joiners = {(host, guid): FrameJoiner(log) for host in range(len(self.hosts)) for guid in self.guids}
        self._plain = self.plain_packets()

    @property
    def has_plain(self) -> bool:
        """Whether the usual packets are read in the quick way in this pass 2."""
        return self._plain is not None

    def look(self, window: Ordered) -> Slice | PacketRows:
        """Pass 2, for `Recording.windows`: the sightings of a window with none but usual packets, their `event_row`
        counted from its first event; of others the events, for `packets`."""
        if self._plain is None:
            return window.decode()
        seen = self._plain.read(window.found, window.order)
        if seen.is_unusual.any():
            return window.decode()
        return packet_rows(seen, window.found, window.ts_ns())

    def packets(self, piece: Slice) -> PacketRows | None:
        """Pass 2: the sightings of whole packets in a slice, in order of time; None where there are none."""
        parts = [
            self._whole(self._joiners[host, provider.guid], found, rows, piece)
            for host, provider, rows in self._by_provider(piece)
            for found in provider.read(piece.events.select(rows), None)
        ]
        parts = [part for part in parts if len(part)]
        if not parts:
            return None
        together = parts[0] if len(parts) == 1 else merge_rows(parts)
        order = np.argsort(together.event_row, kind="stable")
        if (np.diff(order) == 1).all():
            return together
        return together.take(order)

    @staticmethod
    def _whole(joiner: FrameJoiner, found: Sightings, rows: I64, piece: Slice) -> PacketRows:
        """Join fragments, and put what is known of frame, event and point side by side."""
        frames = joiner.join(found.fragments, found.data)
        frame_of = np.full(len(found.fragments), -1, np.int64)
        frame_of[frames.fragment] = np.arange(len(frames))
        frame = frame_of[found.observations.fragment]
        seen = found.observations.take(frame >= 0)
        frame = frame[frame >= 0]
        known = found.fragments.completed(seen.fragment, frames.first[frame])
        fragments = replace(known, start=frames.start[frame], n_bytes=frames.n_bytes[frame])
        event = rows[fragments.event]
        events = piece.events
        return PacketRows(
            data=frames.data, event_row=piece.first_row + event, ts_ns=events.ts_ns[event], pid=events.pid[event],
            tid=events.tid[event], fragments=fragments,
            original_bytes=original_bytes(
                frames.data, fragments.start, fragments.n_bytes, fragments.stated_bytes, fragments.link_type
            ),
            point=seen.point.astype(np.int64), direction=seen.direction,
        )  # fmt: skip

    def finish(self) -> None:
        """End pass 2."""
        for joiner in self._joiners.values():
            joiner.finish()

    def _by_provider(self, piece: Slice) -> Iterator[tuple[int, PacketProvider, I64]]:
        """Number of the host, who reads a provider there, and the rows of its events in the slice."""
        for number, provider in enumerate(self.hosts[0].providers):
            rows = self._rows_of(piece, provider.guid)
            if rows is not None:
                for host, mine in self._by_host(piece, rows):
                    yield host, self.hosts[host].providers[number], mine

    def _by_host(self, piece: Slice, rows: I64) -> Iterator[tuple[int, I64]]:
        """The rows of each host that has some."""
        if len(self.hosts) == 1:
            yield 0, rows
            return
        host_of_row = self._host_of_buffer[piece.events.buffer[rows]]
        for host in np.unique(host_of_row).tolist():
            yield host, rows[host_of_row == host]

    @staticmethod
    def _rows_of(piece: Slice, guid: str) -> I64 | None:
        texts = piece.events.guids.texts
        if guid not in texts:
            return None
        rows = np.flatnonzero(piece.events.provider == texts.index(guid))
        return rows if len(rows) else None
