"""NAT sessions: what WinNat states of them, and what journeys show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from wnv.arrays import BOOL, I64
from wnv.clock import NO_TIME
from wnv.journeys import layout as c
from wnv.journeys.collect import Statements
from wnv.journeys.columns import addresses, as_lists, distinct_rows, texts_of
from wnv.journeys.protocols import protocol_name
from wnv.journeys.sights import Keys, pack_ports
from wnv.providers import winnat
from wnv.providers.stages import Columns

_EVIDENCE_MAX = 16
_ICMP, _ICMPV6 = 1, 58
_PROTOCOL_MAX = 0xFF
_TUPLE_COLUMNS = (c.J_FIRST_TUPLE, c.J_FIRST_TUPLE_BACK, c.J_TUPLE, c.J_TUPLE_BACK)
Side = tuple[int, int, int, int]
"""Version, high and low half of the address, port; -1 = none."""
Pair = tuple[int, int, int, int]
"""Hashes of a packet's tuple before and after translation; of ICMP also its identifier before and after, else 0."""
Key = tuple[int, int, Side, Side, Side, Side]
"""Host, protocol, inside source and destination, outside source and destination."""


@dataclass(slots=True)
class _Session:
    nat_id: int
    key: Key
    session_id: int
    first_ns: int
    last_ns: int
    n_packets: int = 0
    compartment: int = -1
    confidence: int = 1000
    why: int = c.WHY_STATED
    evidence: list[int] = field(default_factory=list)

    def see(self, ts_ns: int, row: int = -1) -> None:
        if ts_ns != NO_TIME:
            self.first_ns = ts_ns if self.first_ns == NO_TIME else min(self.first_ns, ts_ns)
            self.last_ns = max(self.last_ns, ts_ns)
        if row >= 0 and len(self.evidence) < _EVIDENCE_MAX:
            self.evidence.append(row)


class NatRows:
    """NAT sessions of a recording, in order of first appearance. Few beside the packets they translate."""

    def __init__(self, keys: Keys, session_of_host: Sequence[int] = (0,)) -> None:
        """`session_of_host`: the first recording of each host, for sessions that nobody states."""
        self._keys, self._session_of_host = keys, session_of_host
        self._sessions: dict[Key, _Session] = {}
        self._rows: list[_Session] = []
        self._hosts: set[int] = set()
        self._of_tuple: dict[int, int] = {}
        """Session by the hash of a tuple on either side, in either direction, as that of its host: the last that
        had it."""
        self._of_pair: dict[Pair, int] = {}
        """Session by what its packets become: an outside port serves one inside end after another, and several at once
        to different destinations."""
        self._mapped: set[tuple[int, int, Side]] = set()
        """Published ports: host, protocol and outside end."""
        self._compartments: dict[tuple[int, int, Side], int] = {}
        self._before: list[I64] = []
        self._after: list[I64] = []

    def learn(self, said: Statements) -> None:
        """Take what WinNat stated."""
        for mappings, _, _, _, hosts in said.mappings:
            for host, protocol, end, compartment in zip(
                hosts.tolist(), mappings.protocol.tolist(), _sides(mappings.outside), mappings.compartment.tolist(),
                strict=True,
            ):  # fmt: skip
                self._mapped.add((host, protocol, end))
                self._compartments[host, protocol, end] = compartment
        for sessions, row, ts_ns, session, host in said.sessions:
            ends = (sessions.inside_src, sessions.inside_dst, sessions.outside_src, sessions.outside_dst)
            self._state(sessions.protocol, ends, row, ts_ns, session, host, sessions.compartment)
        for found, row, ts_ns, session, host in said.translations:
            self._learn_translations(found, row, ts_ns, session, host)

    def _learn_translations(self, found: winnat.Translations, row: I64, ts_ns: I64, session: I64, host: I64) -> None:
        """Of packets: which side is inside follows from which end was rewritten."""
        # By addresses first: the identifier of ICMP changes both ways, and stands where a port of either end does.
        is_out = _moved(found.before_src, found.after_src) | (
            ~_moved(found.before_dst, found.after_dst) & (found.before_src.port != found.after_src.port)
        )
        for rows, ends in (
            (
                np.flatnonzero(is_out & ~found.is_error),
                (found.before_src, found.before_dst, found.after_src, found.after_dst),
            ),
            (
                np.flatnonzero(~is_out & ~found.is_error),
                (found.after_dst, found.after_src, found.before_dst, found.before_src),
            ),
        ):
            if len(rows):
                some = tuple(one.take(rows) for one in ends)
                none = np.full(len(rows), -1, np.int64)
                self._state(found.protocol[rows], some, row[rows], ts_ns[rows], session[rows], host[rows], none)  # type: ignore[arg-type] # four of them

    def _state(
        self, protocol: I64, ends: tuple[winnat.Ends, winnat.Ends, winnat.Ends, winnat.Ends], row: I64, ts_ns: I64,
        session: I64, host: I64, compartment: I64,
    ) -> None:  # fmt: skip
        ends = _without_sides(protocol, ends)
        columns = [host, protocol]
        for end in ends:
            columns += [
                end.version.astype(np.int64),
                end.high.view(np.int64),
                end.low.view(np.int64),
                end.port.astype(np.int64),
            ]
        number_of, first = distinct_rows(*columns)
        inside = self._hashes(protocol[first], ends[0].take(first), ends[1].take(first))
        outside = self._hashes(protocol[first], ends[2].take(first), ends[3].take(first))
        of_host = [of_host_hash(value, host[first]) for value in (*inside, *outside)]
        last = np.zeros(len(first), np.int64)
        last[number_of] = np.arange(len(row))  # of equal places the last value stays
        distinct = zip(*(column[first].tolist() for column in columns), strict=True)
        for number, values in enumerate(distinct):
            key = _key_of(values)
            one = self._session(key, int(session[first[number]]), int(ts_ns[first[number]]))
            one.see(int(ts_ns[first[number]]), int(row[first[number]]))
            one.see(int(ts_ns[last[number]]))
            if compartment[first[number]] >= 0:
                one.compartment = int(compartment[first[number]])
            identifiers = (key[2][3], key[4][3]) if key[1] in (_ICMP, _ICMPV6) else (0, 0)
            self._find_by(one.nat_id, [int(value[number]) for value in of_host], identifiers)
        is_changed = inside[0] != outside[0]
        self._before += [of_host[0][is_changed], of_host[3][is_changed]]
        self._after += [outside[0][is_changed], inside[1][is_changed]]
        self._before += [of_host[2][is_changed] ^ c.REVERSE, of_host[1][is_changed] ^ c.REVERSE]
        self._after += [inside[0][is_changed], outside[1][is_changed]]

    def _find_by(self, nat_id: int, tuples: Sequence[int], identifiers: tuple[int, int]) -> None:
        """`tuples`, as those of the host: inside, there and back, then outside. `identifiers`: inside and outside."""
        for value in tuples:
            self._of_tuple[value] = nat_id
        inside, inside_back, outside, outside_back = tuples
        self._of_pair[inside, outside, *identifiers] = nat_id
        self._of_pair[outside_back, inside_back, *identifiers[::-1]] = nat_id

    def _hashes(self, protocol: I64, src: winnat.Ends, dst: winnat.Ends) -> tuple[I64, I64]:
        ports = pack_ports(src.port.astype(np.int64), dst.port.astype(np.int64))
        one, back, _ = self._keys.tuples(protocol, (src.high, src.low), (dst.high, dst.low), ports)
        return one, back

    def _session(self, key: Key, session_id: int, ts_ns: int) -> _Session:
        # Where both ends are rewritten, as on the way from a container to a published port of its own host, a packet of
        # the other direction looks like one from inside.
        one = self._sessions.get(key) or self._sessions.get((*key[:2], *key[:1:-1]))
        if one is None:
            one = self._sessions[key] = _Session(len(self._rows) + 1, key, session_id, ts_ns, ts_ns)
            self._rows.append(one)
            self._hosts.add(key[0])
        return one

    def take_translations(self) -> tuple[I64, I64]:
        """Hashes of tuples before (as those of their host) and after translation, as stated since the last call;
        and the other way round, see `layout.REVERSE`."""
        none = [np.zeros(0, np.int64)]
        before, after = np.concatenate(self._before or none), np.concatenate(self._after or none)
        self._before, self._after = [], []
        return before, after

    def count(self, journeys: I64) -> None:
        """Count the packets that were translated on the host where they were seen last; sessions nobody stated are
        inferred. Journeys that came from another host are as they were when they came."""
        protocol = journeys[:, c.J_WHAT] >> 8
        # Errors of ICMP have no identifier; of what was cut short the protocol is not known.
        has_session = (protocol <= _PROTOCOL_MAX) & (~np.isin(protocol, (_ICMP, _ICMPV6)) | (journeys[:, c.J_SEQ] >= 0))
        rows = np.flatnonzero(((journeys[:, c.J_FLAGS] & c.J_TRANSLATED) != 0) & has_session)
        if not len(rows):
            return
        some = journeys[rows]
        is_icmp = np.isin(protocol[rows], (_ICMP, _ICMPV6))
        identifiers = [np.where(is_icmp, some[:, column], 0) for column in (c.J_SEQ, c.J_SEQ_END)]
        number_of, first = distinct_rows(some[:, c.J_HOST], some[:, c.J_FIRST_TUPLE], some[:, c.J_TUPLE], *identifiers)
        counts = np.bincount(number_of)
        begin, end = np.full(len(first), np.iinfo(np.int64).max), np.full(len(first), np.iinfo(np.int64).min)
        np.minimum.at(begin, number_of, some[:, c.J_FIRST_TS])
        np.maximum.at(end, number_of, some[:, c.J_LAST_TS])
        sure = np.zeros(len(first), np.int64)
        np.maximum.at(sure, number_of, some[:, c.J_CONFIDENCE])
        for number, row in enumerate(first.tolist()):
            span = int(begin[number]), int(end[number])
            self._count_one(some[row], int(counts[number]), span, int(sure[number]))

    def _count_one(self, journey: I64, n: int, span: tuple[int, int], sure: int) -> None:
        """`journey`: one of `n` that were translated alike, between two times."""
        nat_id = self.of_packet(journey, int(journey[c.J_HOST]))
        if nat_id < 0:
            one = self._session(_inferred(journey), self._session_of_host[int(journey[c.J_HOST])], span[0])
            one.confidence, one.why = sure, c.WHY_NAT_INFERRED
            tuples = of_host_hash(journey[list(_TUPLE_COLUMNS)], journey[c.J_HOST]).tolist()
            self._find_by(one.nat_id, tuples, _identifiers(journey))
            one.see(span[0], int(journey[c.J_LAST_ROW]))
        else:
            one = self._rows[nat_id - 1]
        one.n_packets += n
        one.see(span[0])
        one.see(span[1])

    def of_packet(self, journey: I64, first_host: int) -> int:
        """The session of an ended journey, which was as it was first on a host; -1 = none that is known.

        What packets alone show is no more than what they became; a session that WinNat stated may also be one of
        several that a packet went through.
        """
        columns, hosts = journey[[c.J_FIRST_TUPLE, c.J_TUPLE]], np.array([first_host, journey[c.J_HOST]])
        first, last = of_host_hash(columns, hosts).tolist()
        nat_id = self._of_pair.get((first, last, *_identifiers(journey)))
        if nat_id is not None:
            return nat_id
        nat_id = self._of_tuple.get(first, self._of_tuple.get(last, -1))
        is_open = first == last or nat_id < 0 or int(journey[c.J_WHAT]) >> 8 in (_ICMP, _ICMPV6)
        return nat_id if is_open or self._rows[nat_id - 1].confidence == 1000 else -1

    def __len__(self) -> int:
        return len(self._rows)

    def hosts(self) -> list[int]:
        """Those that translate."""
        return sorted(self._hosts)

    def sides(self, nat_id: int) -> Key:
        """Inside and outside ends of a session."""
        return self._rows[nat_id - 1].key

    def numbers(self) -> I64:
        """Number in order of first appearance of each session, by its number here; 0 stays 0."""
        order = sorted(self._rows, key=lambda one: (one.first_ns, one.nat_id))
        numbers = np.zeros(len(order) + 1, np.int64)
        numbers[[one.nat_id for one in order]] = np.arange(1, len(order) + 1)
        return numbers

    def columns(self) -> Columns:
        """All rows of `schema.NAT_SESSIONS`."""
        found = sorted(self._rows, key=lambda one: (one.first_ns, one.nat_id))
        columns: dict[str, object] = {
            "nat_id": np.arange(1, len(found) + 1),
            "session_id": np.array([one.session_id for one in found], np.int64),
            "protocol": texts_of(np.array([one.key[1] for one in found], np.int64), protocol_name),
        }
        for place, name in enumerate(("inside_src", "inside_dst", "outside_src", "outside_dst"), 2):
            sides = [one.key[place] for one in found]
            version, high, low, port = (np.array([side[k] for side in sides], np.int64) for k in range(4))  # type: ignore[index] # as above
            columns[name] = addresses(version, high, low)
            columns[name.replace("src", "sport").replace("dst", "dport")] = port
        columns |= {
            "first_ns": np.array([one.first_ns for one in found], np.int64),
            "last_ns": np.array([one.last_ns for one in found], np.int64),
            "n_packets": np.array([one.n_packets for one in found], np.int64),
            "kind": ["mapping" if self._is_mapping(one) else "dynamic" for one in found],
            "compartment": np.array([self._compartment(one) for one in found], np.int64),
            "confidence": np.array([one.confidence / 1000 for one in found]),
            "reason": [c.WHY_WORDS[one.why] or None for one in found],
            "evidence": as_lists([one.evidence for one in found]),
        }
        return columns  # type: ignore[return-value] # of the types that `Columns` lists

    def _is_mapping(self, one: _Session) -> bool:
        return any(
            (one.key[0], one.key[1], (side[0], side[1], side[2], side[3])) in self._mapped
            or (one.key[0], one.key[1], (side[0], 0, 0, side[3])) in self._mapped
            for side in (one.key[4],)
        )

    def _compartment(self, one: _Session) -> int:
        if one.compartment >= 0:
            return one.compartment
        outside = one.key[4]
        anywhere = (outside[0], 0, 0, outside[3])
        return self._compartments.get((*one.key[:2], outside), self._compartments.get((*one.key[:2], anywhere), -1))


def _identifiers(journey: I64) -> tuple[int, int]:
    """Of ICMP, as the packet was first and last; 0 of all else."""
    is_icmp = int(journey[c.J_WHAT]) >> 8 in (_ICMP, _ICMPV6)
    return (int(journey[c.J_SEQ]), int(journey[c.J_SEQ_END])) if is_icmp else (0, 0)


def of_host_hash(values: I64, host: I64) -> I64:
    """Hashes of addresses as those of one host, as `table_loops.of_host` makes them."""
    mine: I64 = values ^ (host & 0xFFFF) * c.HOST_MIX
    return mine


_Ends4 = tuple[winnat.Ends, winnat.Ends, winnat.Ends, winnat.Ends]


def _without_sides(protocol: I64, ends: _Ends4) -> _Ends4:
    """ICMP has one identifier, which stands on either side: it becomes the source's."""
    is_icmp = (protocol == _ICMP) | (protocol == _ICMPV6)
    if not is_icmp.any():
        return ends
    out = []
    for src, dst in (ends[:2], ends[2:]):
        identifier = np.maximum(src.port, dst.port)
        out.append(replace(src, port=np.where(is_icmp, identifier, src.port).astype(np.int32)))
        out.append(replace(dst, port=np.where(is_icmp, 0, dst.port).astype(np.int32)))
    return out[0], out[1], out[2], out[3]


def _sides(ends: winnat.Ends) -> list[Side]:
    columns = ends.version.tolist(), ends.high.view(np.int64).tolist(), ends.low.view(np.int64).tolist()
    return list(zip(*columns, ends.port.tolist(), strict=True))


def _moved(one: winnat.Ends, other: winnat.Ends) -> BOOL:
    """Whether addresses differ, whatever the ports."""
    is_other: BOOL = (one.high != other.high) | (one.low != other.low)
    return is_other


def _key_of(values: Sequence[int]) -> Key:
    sides = [tuple(values[k : k + 4]) for k in range(2, 18, 4)]
    return values[0], values[1], *sides  # type: ignore[return-value] # four sides of four


def _inferred(journey: I64) -> Key:
    """The session that a journey shows: what its packet was first, and last."""

    def side(what: int, high: int, low: int, ports: int, is_source: bool) -> Side:
        port = ports >> 32 & 0xFFFFFFFF if is_source else ports & 0xFFFFFFFF
        return what & 0xFF, high, low, -1 if port > 0xFFFF else port

    row = journey.tolist()
    first_src = side(row[c.J_WHAT], row[c.J_SRC_HIGH], row[c.J_SRC_LOW], row[c.J_PORTS], True)
    first_dst = side(row[c.J_WHAT], row[c.J_DST_HIGH], row[c.J_DST_LOW], row[c.J_PORTS], False)
    what, ports = row[c.J_LAST_WHAT], row[c.J_LAST_PORTS]
    last_src = side(what, row[c.J_LAST_SRC_HIGH], row[c.J_LAST_SRC_LOW], ports, True)
    last_dst = side(what, row[c.J_LAST_DST_HIGH], row[c.J_LAST_DST_LOW], ports, False)
    protocol = row[c.J_WHAT] >> 8
    if protocol in (_ICMP, _ICMPV6) and row[c.J_SEQ] >= 0:
        first_id, last_id = row[c.J_SEQ], row[c.J_SEQ_END]
        first_src, first_dst = (*first_src[:3], first_id), (*first_dst[:3], 0)
        last_src, last_dst = (*last_src[:3], last_id), (*last_dst[:3], 0)
        if first_src[:3] == last_src[:3]:
            return (
                row[c.J_HOST],
                protocol,
                (*last_dst[:3], last_id),
                (*last_src[:3], 0),
                (*first_dst[:3], first_id),
                (*first_src[:3], 0),
            )
    if first_src != last_src:
        return row[c.J_HOST], protocol, first_src, first_dst, last_src, last_dst
    return row[c.J_HOST], protocol, last_dst, last_src, first_dst, first_src
