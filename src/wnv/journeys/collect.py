"""Everything in a stretch that says something about packets, as sightings in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from wnv.arrays import I64
from wnv.clock import NO_TIME
from wnv.decode.columns import Decoded
from wnv.decode.values import Blobs
from wnv.journeys import layout as c
from wnv.journeys.assumptions import Readings
from wnv.journeys.columns import distinct_rows
from wnv.journeys.places import Places
from wnv.journeys.sights import Keys, Packets, empty_sights, fill_ends, fill_keys
from wnv.packets.headers import HEADERS_BYTES
from wnv.packets.points import IN, LINK_RAW, LINK_UNKNOWN, NO_DIRECTION, OUT
from wnv.packets.sightings import PacketRows
from wnv.providers import vfp, vmswitch, wfp, winnat
from wnv.providers.stages import Stretch

(KIND_PKTMON, KIND_SWITCH, KIND_SWITCH_EVENT, KIND_WINNAT, KIND_VFP, KIND_WFP, KIND_TCPIP) = range(1, 8)
"""`layout.DROP_KIND`: whose numbers `DROP_CODE` is of. `KIND_SWITCH_EVENT`: the id of the VmSwitch event."""
VFP_EVENT_BITS = 16
"""`layout.DROP_LOCATION` of a drop by VFP: the id of its event, above it the location that the event states."""
_EVENTS_AT_ONCE = 1 << 14  # few enough that their columns stay in the processor's cache
_PROVIDERS = (vmswitch.GUID, winnat.GUID, vfp.GUID, wfp.WFP_GUID, wfp.TCPIP_GUID)
_LOOSE_WAITS_NS = 1_000_000
_PADDING_BYTES = 256
_ICMP, _TCP, _UDP = 1, 6, 17
_FRAME_BYTES = 1518
_SEGMENT_BYTES, _SEGMENT_BYTES_MAX = 1460, 9216  # of TCP in such a frame, and in any frame on a wire


@dataclass(frozen=True, slots=True)
class Sighted:
    """Sightings, with address and switch of those that are about NBLs."""

    sights: I64
    nbl: I64
    switch: I64

    def __len__(self) -> int:
        return int(self.sights.shape[1])

    @classmethod
    def empty(cls) -> Sighted:
        return cls(empty_sights(0), np.zeros(0, np.int64), np.zeros(0, np.int64))

    @classmethod
    def merge(cls, parts: Iterable[Sighted]) -> Sighted:
        """Sightings of several kinds in order of their events; those without a time are left out."""
        from wnv.journeys.held_loops import scatter

        found = [part for part in parts if len(part)]
        if not found:
            return cls.empty()
        key = np.concatenate([part.sights[c.ROW] for part in found])
        is_timed = np.concatenate([part.sights[c.TS] != NO_TIME for part in found])
        if len(found) == 1 and is_timed.all() and not (np.diff(key) < 0).any():
            return found[0]
        n = int(is_timed.sum())
        place = np.full(len(key), n, np.int64)  # the last is where the timeless go
        order = np.argsort(key, kind="stable")
        place[order[is_timed[order]]] = np.arange(n)
        merged = cls(np.empty((c.N_SIGHT, n + 1), np.int64), np.empty(n + 1, np.int64), np.empty(n + 1, np.int64))
        at = 0
        for part in found:
            to = place[at : at + len(part)]
            scatter(part.sights, to, merged.sights)
            merged.nbl[to], merged.switch[to] = part.nbl, part.switch
            at += len(part)
        return cls(merged.sights[:, :n], merged.nbl[:n], merged.switch[:n])


@dataclass(slots=True)
class Statements:
    """What WinNat said in a stretch: sessions, mappings, translations, each with rows, times, recording and host."""

    sessions: list[tuple[winnat.Sessions, I64, I64, I64, I64]]
    mappings: list[tuple[winnat.Mappings, I64, I64, I64, I64]]
    translations: list[tuple[winnat.Translations, I64, I64, I64, I64]]


@dataclass(slots=True)
class Limits:
    """What the recording cannot show."""

    is_complete: bool = False
    """Nothing was lost, and nothing overwritten."""
    why_incomplete: str = "whether anything was lost is not known"
    filters: str = ""
    """What a packet had to fit to be recorded, in words; empty: every packet was."""
    has_offload: bool = False
    """Hardware carries flows past the host."""
    is_truncated: bool = False
    """Frames were cut so short that headers behind a carrier's can be missing."""


class Texts:
    """Numbers for texts that go with drops: rules, extensions."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """-1 for no text."""
        if not text:
            return -1
        number = self._numbers.setdefault(text, len(self.values))
        if number == len(self.values):
            self.values.append(text)
        return number


class _Rows:
    """Rows of a stretch by provider, and a range of them."""

    def __init__(self, stretch: Stretch) -> None:
        self._of = {guid: stretch.events_of({guid}) for guid in _PROVIDERS}
        self._packet_row = np.zeros(0, np.int64) if stretch.packets is None else stretch.packets.event_row
        self._event_row = stretch.event_row
        self.first_packet, self.end_packet = 0, len(self._packet_row)

    def between(self, first: int, end: int) -> _Rows:
        """Those from `first` to before `end`."""
        some = object.__new__(_Rows)
        some._of = {
            guid: rows[np.searchsorted(rows, first) : np.searchsorted(rows, end)] for guid, rows in self._of.items()
        }
        some._packet_row, some._event_row = self._packet_row, self._event_row
        last = min(end, len(self._event_row)) - 1
        some.first_packet = int(np.searchsorted(self._packet_row, self._event_row[first]))
        some.end_packet = int(np.searchsorted(self._packet_row, self._event_row[last], "right"))
        return some

    def of(self, guid: str) -> I64:
        """Rows in the stretch of a provider's events."""
        return self._of[guid]


class Collector:
    """Reads what the providers say of packets."""

    def __init__(self, places: Places, keys: Keys, limits: Limits) -> None:
        self._places, self._keys, self.limits = places, keys, limits
        self._names = vmswitch.Names()
        self.texts = Texts()
        self.readings = Readings()
        self._sessions_seen: set[int] = set()
        self._nic_places: dict[tuple[int, int, int, int], int] = {}
        self._statements = Statements([], [], [])

    def take_statements(self) -> Statements:
        """What WinNat said since the last call."""
        said, self._statements = self._statements, Statements([], [], [])
        return said

    def collect(self, stretch: Stretch) -> Iterator[Sighted]:
        """All sightings of a stretch, in order of events, some thousands at a time."""
        sessions, at = np.unique(stretch.session_id, return_index=True)
        for session, host in zip(sessions.tolist(), stretch.host[at].tolist(), strict=True):
            if session not in self._sessions_seen:
                self._sessions_seen.add(session)
                self._places.prepare(session, host)
        rows = _Rows(stretch)
        for first in range(0, len(stretch), _EVENTS_AT_ONCE):
            yield self._some(stretch, rows.between(first, first + _EVENTS_AT_ONCE))

    def _some(self, stretch: Stretch, rows: _Rows) -> Sighted:
        parts = [self._frames(stretch, rows), self._passages(stretch, rows), self._switch_drops(stretch, rows)]
        parts += self._nat(stretch, rows)
        parts += self._vfp(stretch, rows)
        parts += self._refusals(stretch, rows)
        return Sighted.merge(parts)

    # --- frames ---------------------------------------------------------------------------------------

    def _frames(self, stretch: Stretch, rows: _Rows) -> Sighted:
        packets = stretch.packets
        if packets is None or rows.first_packet == rows.end_packet:
            return Sighted.empty()
        mine = slice(rows.first_packet, rows.end_packet)
        packets = packets.take(mine)  # type: ignore[arg-type] # a slice chooses as an array does, without a copy
        n = len(packets)
        fragments = packets.fragments
        event = np.searchsorted(stretch.event_row, packets.event_row)
        sights = empty_sights(n)
        session = stretch.session_id[event]
        self._fill_events(sights, stretch, event)
        sights[c.PLACE] = self._places.of_points(packets.point)
        sights[c.DIR] = packets.direction
        sights[c.FRAME_ID] = stretch.frame_id[mine]
        ingress = self._places.ingress_of(packets.point)
        is_port = (ingress != 0) & (packets.direction != NO_DIRECTION)
        sights[c.EVENT] = np.where(is_port, np.where(packets.direction == ingress, c.INGRESS, c.EGRESS), c.FRAME)
        is_unplaced = self._places.has_unread_ports(packets.point)
        sights[c.EVENT, is_unplaced] = c.EGRESS
        sights[c.STATION] = self._stations(sights[c.PLACE])
        is_pktmon = fragments.has_group
        sights[c.KEY_KIND] = np.where(is_pktmon, c.KEY_PKTMON, c.NO_KEY)
        sights[c.KEY_ONE] = fragments.group.view(np.int64)
        sights[c.KEY_TWO] = fragments.number.astype(np.int64) | session << 32
        sights[c.APPEARANCE] = fragments.appearance
        sights[c.IS_DROP] = fragments.is_drop
        sights[c.DROP_CODE] = np.where(fragments.is_drop, fragments.drop_reason.astype(np.int64), -1)
        sights[c.DROP_LOCATION] = fragments.drop_location
        sights[c.DROP_KIND] = np.where(fragments.is_drop, KIND_PKTMON, 0)
        sights[c.VLAN] = fragments.vlan
        is_cut = (fragments.n_bytes < HEADERS_BYTES) & (packets.original_bytes > fragments.n_bytes)
        self.limits.is_truncated |= bool(is_cut.any())
        sights[c.FLAGS] = np.where(fragments.is_large_send | (fragments.n_coalesced > 1), c.IS_LARGE, 0)
        sights[c.FLAGS] |= np.where(is_unplaced, c.IS_UNPLACED, 0)
        self._fill_frames(sights, packets)
        _mark_long(sights)
        silent = np.flatnonzero((sights[c.DIR] == NO_DIRECTION) & (sights[c.EVENT] == c.FRAME))
        if len(silent):
            stations = (sights[column, silent] for column in (c.PLACE, c.MAC_SRC, c.MAC_DST))
            sights[c.DIR, silent] = self._places.directions(*stations)
        none = np.zeros(n, np.int64)
        return Sighted(sights, none, none)

    def _fill_frames(self, sights: I64, packets: PacketRows) -> None:
        """Keys of each distinct frame once: a frame that leaves by many ports has many rows."""
        fragments = packets.fragments
        usable = fragments.link_type != LINK_UNKNOWN
        is_first = np.ones(len(packets), np.bool_)
        is_first[1:] = (fragments.start[1:] != fragments.start[:-1]) | (
            packets.event_row[1:] != packets.event_row[:-1]
        )  # fmt: skip
        rows = np.flatnonzero(is_first & usable)
        if len(rows) == len(packets):
            fill_keys(sights, self._keys, Packets(
                packets.data, fragments.start, fragments.n_bytes, fragments.link_type, packets.original_bytes
            ))  # fmt: skip
            return
        one = sights[:, rows]
        fill_keys(one, self._keys, Packets(
            packets.data, fragments.start[rows], fragments.n_bytes[rows], fragments.link_type[rows],
            packets.original_bytes[rows],
        ))  # fmt: skip
        of_row = np.searchsorted(rows, np.arange(len(packets)), "right") - 1
        mine = np.flatnonzero(usable & (of_row >= 0))
        for column in (
            *range(c.CONTENT, c.VLAN), *range(c.OUTER, c.VNI + 1), c.LENGTH, c.SEQ, c.SEQ_END, c.TCP_FLAGS, c.FLAGS,
            c.ASKS, c.ANSWERS,
        ):  # fmt: skip
            sights[column, mine] = one[column, of_row[mine]]

    def _fill_events(self, sights: I64, stretch: Stretch, event: I64) -> None:
        """When, by which event, on which thread."""
        events = stretch.piece.events
        sights[c.ROW] = stretch.event_row[event]
        sights[c.TS] = sights[c.ORDER] = events.ts_ns[event]
        sights[c.SESSION] = stretch.session_id[event]
        host = sights[c.HOST] = stretch.host[event]
        # DPCs run on the idle thread, which every processor has, so the processor is part of it.
        sights[c.THREAD] = (host & 0x7FFF) << 48 | events.cpu[event].astype(np.int64) << 32 | events.tid[event]

    def _stations(self, place: I64) -> I64:
        """What tells NICs apart: the topology's station, else the place itself."""
        station = self._places.matrix[c.STATION_OF, np.maximum(place, 0)]
        return np.where(station >= 0, station, -2 - place)

    # --- the switch -----------------------------------------------------------------------------------

    def _passages(self, stretch: Stretch, chosen: _Rows) -> Sighted:
        rows = chosen.of(vmswitch.GUID)
        rows = rows[np.isin(stretch.piece.events.event_id[rows], vmswitch.NBL_IDS)]
        if not len(rows):
            return Sighted.empty()
        found = vmswitch.read_passages(stretch.piece.events.select(rows), self._names)
        event = rows[found.event]
        sights = empty_sights(len(event))
        self._fill_events(sights, stretch, event)
        session = sights[c.SESSION]
        is_routed = found.passage == vmswitch.ROUTED
        nic = np.where(is_routed, found.destination, found.nic)
        friendly = np.where(is_routed, found.destination_friendly, found.nic_friendly)
        sights[c.PLACE] = self._nics(nic, friendly, found.switch, session)
        sights[c.STATION] = self._stations(sights[c.PLACE])
        routed = np.flatnonzero(is_routed)
        came_from = (one[routed] for one in (found.nic, found.nic_friendly, found.switch, session))
        sights[c.SOURCE, routed] = self._stations(self._nics(*came_from))
        passage = self.readings.read(
            stretch.piece.events.event_id[event].astype(np.int64), found.nbl.view(np.int64),
            session << 32 | found.switch, sights[c.STATION], sights[c.SOURCE],
        )  # fmt: skip
        sights[c.EVENT] = c.RECEIVED + (passage - vmswitch.RECEIVED)
        is_uplink = self._places.holds(sights[c.PLACE], c.IS_PHYSICAL)
        inward = np.where(is_uplink, OUT, IN)
        sights[c.DIR] = np.where(passage == vmswitch.RECEIVED, np.where(is_uplink, IN, OUT), inward)
        return Sighted(sights, found.nbl.view(np.int64), found.switch)

    def _nics(self, nic: I64, friendly: I64, switch: I64, session: I64) -> I64:
        codes, first = distinct_rows(nic, friendly, switch, session)
        numbers = []
        columns = zip(*(column[first].tolist() for column in (nic, friendly, switch, session)), strict=True)
        for key in columns:
            known = self._nic_places.get(key)
            if known is None:
                name, shown, where = (self._names.text(number) for number in key[:3])
                known = self._nic_places[key] = self._places.of_nic(name, shown, where, key[3]) if name else -1
            numbers.append(known)
        places: I64 = np.array(numbers, np.int64)[codes]
        return places

    def _switch_drops(self, stretch: Stretch, chosen: _Rows) -> Sighted:
        rows = chosen.of(vmswitch.GUID)
        rows = rows[np.isin(stretch.piece.events.event_id[rows], vmswitch.DROP_IDS)]
        if not len(rows):
            return Sighted.empty()
        found = vmswitch.read_drops(stretch.piece.events.select(rows), self._names)
        event = rows[found.event]
        sights = empty_sights(len(event))
        self._fill_events(sights, stretch, event)
        has_nic = found.nic >= 0
        none = np.full(len(event), -1, np.int64)
        place = self._nics(found.nic, none, found.switch, sights[c.SESSION])
        ports = [self._names.text(number) for number in found.port.tolist()]
        by_port = [
            self._places.of_port(name, "", session)
            for name, session in zip(ports, sights[c.SESSION].tolist(), strict=True)
        ]
        place = np.where(has_nic & (place >= 0), place, np.array(by_port, np.int64))
        sights[c.PLACE] = place
        sights[c.STATION] = np.where(place >= 0, self._stations(place), -1)
        is_numbered = np.isin(found.event_id, (54, 55))
        self._fill_loose(sights, np.where(is_numbered, found.reason, found.event_id), KIND_SWITCH)
        sights[c.DROP_KIND] = np.where(is_numbered, KIND_SWITCH, KIND_SWITCH_EVENT)
        rule = [
            self.texts.number(self._rule_of(event_id, self._names.text(rule), self._names.text(extension), weight))
            for event_id, rule, extension, weight in zip(
                found.event_id.tolist(),
                found.rule.tolist(),
                found.extension.tolist(),
                found.reason.tolist(),
                strict=True,
            )
        ]
        sights[c.DROP_RULE] = rule
        nothing = np.zeros(len(event), np.int64)
        return Sighted(sights, nothing, nothing)

    @staticmethod
    def _rule_of(event_id: int, rule: str, extension: str, weight: int) -> str:
        if event_id == 131:
            return f"extended ACL of weight {weight}"
        return ": ".join(part for part in (extension, rule) if part)

    @staticmethod
    def _fill_loose(sights: I64, code: I64, kind: int) -> None:
        """A drop that names no packet waits until it shows which packets went on."""
        sights[c.EVENT] = c.LOOSE_DROP
        sights[c.IS_DROP] = 1
        sights[c.ORDER] = sights[c.TS] + _LOOSE_WAITS_NS
        sights[c.DROP_CODE] = code
        sights[c.DROP_KIND] = kind

    # --- WinNat ---------------------------------------------------------------------------------------

    def _nat(self, stretch: Stretch, rows: _Rows) -> list[Sighted]:
        parts = []
        for event_id, event, decoded in self._decoded(stretch, rows, winnat.GUID, winnat.IDS):
            if event_id == winnat.TRANSLATED:
                parts.append(self._translations(stretch, event, decoded))
            elif event_id == winnat.BOUND:
                parts.append(self._bindings(stretch, event, decoded))
            elif event_id in winnat.PACKET_IDS:
                parts.append(self._nat_packets(stretch, event_id, event, decoded))
            elif event_id in winnat.SESSION_IDS:
                said = winnat.read_sessions(event, event_id, decoded)
                self._statements.sessions.append((said, *self._when(stretch, event)))
                if event_id == winnat.SESSION_CREATED:
                    parts.append(self._noted_sessions(stretch, said))
            else:
                self._statements.mappings.append((winnat.read_mappings(event, decoded), *self._when(stretch, event)))
        return parts

    def _noted(self, stretch: Stretch, event: I64, place: I64) -> I64:
        """What a part of Windows says of packets that pass."""
        sights = empty_sights(len(event))
        self._fill_events(sights, stretch, event)
        sights[c.EVENT], sights[c.PLACE] = c.NOTED, place
        return sights

    def _noted_sessions(self, stretch: Stretch, said: winnat.Sessions) -> Sighted:
        sights = self._noted(stretch, said.event, self._nat_places(stretch.session_id[said.event]))
        outside = empty_sights(len(said.event))
        fill_ends(outside, self._keys, said.protocol, said.outside_src, said.outside_dst)
        fill_ends(sights, self._keys, said.protocol, said.inside_src, said.inside_dst)
        sights[c.TUPLE_AFTER], sights[c.TUPLE_AFTER_BACK] = outside[c.TUPLE], outside[c.TUPLE_BACK]
        nothing = np.zeros(len(said.event), np.int64)
        return Sighted(sights, nothing, nothing)

    def _bindings(self, stretch: Stretch, event: I64, decoded: Decoded) -> Sighted:
        """1006: the inside end stands as the source, the outside one as the destination."""
        said = winnat.read_bindings(event, decoded)
        sights = self._noted(stretch, event, self._nat_places(stretch.session_id[event]))
        fill_ends(sights, self._keys, said.protocol, said.inside, said.outside)
        sights[c.TUPLE] = sights[c.TUPLE_BACK] = sights[c.ADDRESSES] = 0
        nothing = np.zeros(len(event), np.int64)
        return Sighted(sights, nothing, nothing)

    def _when(self, stretch: Stretch, event: I64) -> tuple[I64, I64, I64, I64]:
        ts_ns = stretch.piece.events.ts_ns[event]
        return stretch.event_row[event], ts_ns, stretch.session_id[event], stretch.host[event]

    def _nat_places(self, session: I64) -> I64:
        distinct, inverse = np.unique(session, return_inverse=True)
        numbers = [self._places.of_part("WinNat", "nat", one) for one in distinct.tolist()]
        return np.array(numbers, np.int64)[inverse.reshape(-1)]

    def _translations(self, stretch: Stretch, event: I64, decoded: Decoded) -> Sighted:
        said = winnat.read_translations(event, decoded)
        self._statements.translations.append((said, *self._when(stretch, event)))
        sights = empty_sights(len(event))
        self._fill_events(sights, stretch, event)
        sights[c.PLACE] = self._nat_places(sights[c.SESSION])
        sights[c.EVENT] = c.TRANSLATED
        sights[c.IP_ID] = said.ip_id
        before = empty_sights(len(event))
        fill_ends(before, self._keys, said.protocol, said.before_src, said.before_dst)
        fill_ends(sights, self._keys, said.protocol, said.after_src, said.after_dst)
        sights[c.TUPLE_AFTER], sights[c.TUPLE_AFTER_BACK] = sights[c.TUPLE], sights[c.TUPLE_BACK]
        for column in (c.TUPLE, c.TUPLE_BACK):
            sights[column] = before[column]
        nothing = np.zeros(len(event), np.int64)
        return Sighted(sights, nothing, nothing)

    def _nat_packets(self, stretch: Stretch, event_id: int, event: I64, decoded: Decoded) -> Sighted:
        """1030, 1034, 1035: IP and transport header of the packet, which say all but its payload."""
        n = len(event)
        sights = empty_sights(n)
        self._fill_events(sights, stretch, event)
        headers = [decoded.fields[name] for name in ("IPHeader", "TransportHeader")]
        if all(isinstance(one, Blobs) for one in headers):
            self._fill_headers(sights, headers, winnat.numbers(decoded, "PacketLength", 0))  # type: ignore[arg-type] # checked above
        sights[c.HASH_8] = sights[c.HASH_32] = -1
        sights[c.PLACE] = self._nat_places(sights[c.SESSION])
        if event_id == winnat.DROPPED:
            sights[c.EVENT], sights[c.IS_DROP] = c.DROPPED, 1
            sights[c.DROP_CODE] = winnat.numbers(decoded, "ActionReason", 0)
            sights[c.DROP_KIND] = KIND_WINNAT
        else:
            sights[c.EVENT] = c.LEFT_TO_HOST if event_id == winnat.LEFT_TO_HOST else c.FORWARDED
        nothing = np.zeros(n, np.int64)
        return Sighted(sights, nothing, nothing)

    def _fill_headers(self, sights: I64, headers: list[Blobs], length: I64) -> None:
        from wnv import kernels

        n = len(length)
        sizes = [np.diff(one.offsets) for one in headers]
        room = sizes[0] + sizes[1]
        start = np.cumsum(room) - room
        data = np.zeros(int(room.sum()) + _PADDING_BYTES, np.uint8)
        kernels.copy_pieces(headers[0].data, headers[0].offsets[:-1], sizes[0], data, start)
        kernels.copy_pieces(headers[1].data, headers[1].offsets[:-1], sizes[1], data, start + sizes[0])
        fill_keys(sights, self._keys, Packets(
            data, start, room, np.full(n, LINK_RAW, np.uint16), np.maximum(length, room)
        ))  # fmt: skip
        sights[c.FLAGS] = 0
        _mark_long(sights)

    # --- drops by filters and stacks --------------------------------------------------------------------

    def _vfp(self, stretch: Stretch, rows: _Rows) -> list[Sighted]:
        parts = []
        for event_id, event, decoded in self._decoded(stretch, rows, vfp.GUID, vfp.IDS):
            passed = vfp.read_matches(event, event_id, decoded)
            if passed is not None:
                parts.append(self._matches(stretch, passed))
            found = vfp.read_blocks(event, event_id, decoded)
            if found is None:
                continue
            sights = empty_sights(len(found.event))
            self._fill_events(sights, stretch, found.event)
            fill_ends(sights, self._keys, found.protocol, found.src, found.dst)
            sights[c.TUPLE] = sights[c.TUPLE_BACK] = 0  # without ports; the addresses tell
            sights[c.PLACE] = [
                self._places.of_port(name, friendly, session)
                for name, friendly, session in zip(
                    found.port, found.port_friendly, sights[c.SESSION].tolist(), strict=True
                )
            ]
            sights[c.STATION] = np.where(sights[c.PLACE] >= 0, self._stations(sights[c.PLACE]), -1)
            self._fill_loose(sights, found.status, KIND_VFP)
            sights[c.DROP_LOCATION] = found.event_id | found.location << VFP_EVENT_BITS
            sights[c.DROP_RULE] = [self.texts.number(text) for text in found.rule]
            nothing = np.zeros(len(found.event), np.int64)
            parts.append(Sighted(sights, nothing, nothing))
        return parts

    def _matches(self, stretch: Stretch, found: vfp.Blocks) -> Sighted:
        """Rules that let a packet pass."""
        session = stretch.session_id[found.event]
        names = zip(found.port, found.port_friendly, session.tolist(), strict=True)
        sights = self._noted(stretch, found.event, np.array([self._places.of_port(*one) for one in names], np.int64))
        fill_ends(sights, self._keys, found.protocol, found.src, found.dst)
        sights[c.TUPLE] = sights[c.TUPLE_BACK] = 0  # without ports; the addresses tell
        sights[c.DROP_RULE] = [self.texts.number(text) for text in found.rule]
        nothing = np.zeros(len(found.event), np.int64)
        return Sighted(sights, nothing, nothing)

    def _refusals(self, stretch: Stretch, rows: _Rows) -> list[Sighted]:
        parts = []
        for event_id, event, decoded in self._decoded(stretch, rows, wfp.WFP_GUID, frozenset(wfp.WFP_IDS)):
            parts.append(self._refused(stretch, wfp.read_wfp(event, event_id, decoded), KIND_WFP, "WFP"))
        for event_id, event, decoded in self._decoded(stretch, rows, wfp.TCPIP_GUID, frozenset(wfp.TCPIP_IDS)):
            parts.append(self._refused(stretch, wfp.read_tcpip(event, event_id, decoded), KIND_TCPIP, "TCPIP"))
        return parts

    def _refused(self, stretch: Stretch, found: wfp.Refusals, kind: int, part: str) -> Sighted:
        n = len(found.event)
        sights = empty_sights(n)
        self._fill_events(sights, stretch, found.event)
        # Where no protocol is stated it is TCP or UDP, or ICMP where there are no ports.
        is_open = found.protocol < 0
        has_ports = (found.src.port > 0) | (found.dst.port > 0)
        guess = np.where(is_open, np.where(has_ports, _TCP, _ICMP), found.protocol)
        other = empty_sights(n)
        fill_ends(other, self._keys, np.where(is_open & has_ports, _UDP, guess), found.src, found.dst)
        fill_ends(sights, self._keys, guess, found.src, found.dst)
        sights[c.TUPLE_AFTER] = other[c.TUPLE]
        sights[c.TUPLE] = np.where(has_ports, sights[c.TUPLE], 0)
        sights[c.WHAT] = np.where(is_open & has_ports, -1, sights[c.WHAT])
        sights[c.PLACE] = [self._places.of_part(part, "ip", one) for one in sights[c.SESSION].tolist()]
        self._fill_loose(sights, found.reason, kind)
        sights[c.DROP_LOCATION] = [self.texts.number(word) for word in found.reason_word]
        sights[c.DROP_RULE] = [self.texts.number(rule) for rule in found.rule]
        nothing = np.zeros(n, np.int64)
        return Sighted(sights, nothing, nothing)

    # --- what limits the recording ----------------------------------------------------------------------

    @staticmethod
    def _decoded(stretch: Stretch, chosen: _Rows, guid: str, ids: frozenset[int]) -> Iterable[tuple[int, I64, Decoded]]:
        """Whole events of these ids, those of one kind together: id, rows in the stretch, fields."""
        rows = chosen.of(guid)
        if not len(rows):
            return
        rows = rows[np.isin(stretch.piece.events.event_id[rows], list(ids))]
        if not len(rows):
            return
        for description, places, decoded in stretch.decoder.kinds(stretch.piece.take(rows)):
            if description is None or decoded is None:
                continue
            whole = decoded.is_whole
            if whole.any():
                yield description.event_id, rows[places[whole]], decoded.take(whole) if not whole.all() else decoded


def _mark_long(sights: I64) -> None:
    """Mark what has more bytes of TCP or UDP than one frame of most networks carries."""
    is_large = sights[c.LENGTH] > _FRAME_BYTES
    if is_large.any():
        sights[c.FLAGS] |= np.where(is_large & (sights[c.WHAT] >> 8 == _UDP), c.IS_LONG, 0)
    n_bytes = sights[c.SEQ_END] - sights[c.SEQ]  # of what is not TCP 0 or 1
    if (n_bytes > _SEGMENT_BYTES).any():
        sights[c.FLAGS] |= np.where(n_bytes > _SEGMENT_BYTES, c.IS_LONG, 0)
        sights[c.FLAGS] |= np.where(n_bytes > _SEGMENT_BYTES_MAX, c.IS_LARGE, 0)
