"""Conversations: both directions of a tuple, both sides of a NAT."""

from __future__ import annotations

import numpy as np

from wnv.arrays import F64, I64
from wnv.journeys import layout as c
from wnv.journeys.columns import addresses, distinct_rows, port_numbers, texts_of
from wnv.journeys.nat import Key, NatRows, of_host_hash
from wnv.journeys.outcome import Outcome
from wnv.journeys.protocols import protocol_name
from wnv.providers.stages import Columns

_TCP = 6
_WITHOUT_PORTS = (1, 58)
"""Of ICMP a flow is what goes between two addresses, whatever the identifiers."""
_SYN, _ACK = 2, 0x10
_TRANSITS_KEPT = 64
"""Of each flow, for the median."""
(
    _SESSION, _WHAT, _SRC_HIGH, _SRC_LOW, _DST_HIGH, _DST_LOW, _PORTS, _OTHER_WHAT, _OTHER_SRC_HIGH, _OTHER_SRC_LOW,
    _OTHER_DST_HIGH, _OTHER_DST_LOW, _OTHER_PORTS, _NAT, _FIRST, _LAST, _N, _N_BACK, _BYTES, _BYTES_BACK, _AGAIN, _LOST,
    _SYN_TS, _HANDSHAKE, _SEQ_END, _SEQ_END_BACK, _CONFIDENCE, _N_TRANSITS, _N_FLOW,
) = range(29)  # fmt: skip


class FlowRows:
    """Flows of a recording, in order of first packet: a row of numbers each."""

    def __init__(self) -> None:
        self._rows: I64 = np.zeros((256, _N_FLOW), np.int64)
        self._transits: I64 = np.zeros((256, _TRANSITS_KEPT), np.int64)
        self._n = 0
        self._of_tuple: dict[int, int] = {}
        """Flow by hash of a tuple of either side, the smaller of both directions'."""

    def add(self, ended: I64, outcome: I64, confidence: F64, nat: NatRows) -> I64:
        """Count ended journeys, in order of id; the flow of each, from 1."""
        from wnv.journeys import loops

        first = np.minimum(ended[:, c.J_FIRST_TUPLE], ended[:, c.J_FIRST_TUPLE_BACK])
        last = np.minimum(ended[:, c.J_TUPLE], ended[:, c.J_TUPLE_BACK])
        # Hosts can have the same private addresses: a packet that came from one to the other makes them one flow.
        first, last = of_host_hash(first, ended[:, c.J_FIRST_HOST]), of_host_hash(last, ended[:, c.J_HOST])
        has_tuple = (ended[:, c.J_FIRST_TUPLE] != 0) & (ended[:, c.J_WHAT] & 0xFF > 0)
        rows = np.flatnonzero(has_tuple)
        flow = np.full(len(ended), -1, np.int64)
        if len(rows):
            number_of, at = distinct_rows(first[rows], last[rows])
            numbers = np.empty(len(at), np.int64)
            for place in range(len(at)):
                numbers[place] = self._number(
                    ended[rows[at[place]]], int(first[rows[at[place]]]), int(last[rows[at[place]]]), nat
                )
            flow[rows] = numbers[number_of]
        is_lost = np.isin(outcome, (int(Outcome.DROPPED), int(Outcome.VANISHED)))
        loops.count_flows(
            ended, flow, is_lost.astype(np.int64), (confidence * 1000).astype(np.int64), self._rows, self._transits
        )
        return np.where(flow >= 0, flow + 1, -1)

    def _number(self, journey: I64, first: int, last: int, nat: NatRows) -> int:
        nat_id = nat.of_packet(journey, int(journey[c.J_FIRST_HOST]))
        # A port outside serves several conversations, so where a packet was translated its session tells which.
        is_told = nat_id >= 0 and first != last and journey[c.J_WHAT] >> 8 not in _WITHOUT_PORTS
        known = self._of_tuple.get(-nat_id) if is_told else None
        if known is None and not (is_told and self._is_of_another(first, last, nat_id)):
            known = self._of_tuple.get(first, self._of_tuple.get(last))
        if known is None and nat_id >= 0:
            known = self._of_tuple.get(-nat_id)
        if known is None:
            known = self._start(journey)
        self._of_tuple[first] = self._of_tuple[last] = known
        row = self._rows[known]
        if nat_id >= 0:
            self._of_tuple.setdefault(-nat_id, known)
            row[_NAT] = nat_id
        return known

    def _is_of_another(self, first: int, last: int, nat_id: int) -> bool:
        """Whether the flow that has one of these tuples is that of another NAT session."""
        known = self._of_tuple.get(first, self._of_tuple.get(last))
        return known is not None and 0 <= self._rows[known, _NAT] != nat_id

    def _start(self, journey: I64) -> int:
        if self._n == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            self._transits = np.concatenate([self._transits, np.zeros_like(self._transits)])
        row = self._rows[self._n]
        row[[_SESSION, _WHAT, _SRC_HIGH, _SRC_LOW, _DST_HIGH, _DST_LOW, _PORTS]] = journey[[
            c.J_SESSION, c.J_WHAT, c.J_SRC_HIGH, c.J_SRC_LOW, c.J_DST_HIGH, c.J_DST_LOW, c.J_PORTS,
        ]]  # fmt: skip
        row[[_NAT, _SYN_TS, _HANDSHAKE, _SEQ_END, _SEQ_END_BACK]] = -1
        row[_FIRST], row[_CONFIDENCE] = journey[c.J_FIRST_TS], 1000
        self._n += 1
        return self._n - 1

    def columns(self, nat: NatRows) -> Columns:
        """All rows of `schema.FLOWS`. Where a NAT stands between, src and dst are those inside."""
        rows = self._rows[: self._n].copy()
        for row in np.flatnonzero(rows[:, _NAT] >= 0).tolist():
            self._take_sides(rows[row], nat.sides(int(rows[row, _NAT])))
        has_other = rows[:, _OTHER_WHAT] > 0
        version = np.maximum(rows[:, _WHAT], 0) & 0xFF
        other_version = np.where(has_other, rows[:, _OTHER_WHAT] & 0xFF, 0)
        kept = np.minimum(rows[:, _N_TRANSITS], _TRANSITS_KEPT)
        transit = np.array([
            int(np.median(self._transits[row, :n])) if n else -1 for row, n in enumerate(kept.tolist())
        ], np.int64)  # fmt: skip
        return {
            "flow_id": np.arange(1, len(rows) + 1),
            "session_id": rows[:, _SESSION],
            "protocol": texts_of(rows[:, _WHAT] >> 8, protocol_name),
            "src": addresses(version, rows[:, _SRC_HIGH], rows[:, _SRC_LOW]),
            "sport": port_numbers(rows[:, _PORTS], True),
            "dst": addresses(version, rows[:, _DST_HIGH], rows[:, _DST_LOW]),
            "dport": port_numbers(rows[:, _PORTS], False),
            "outside_src": addresses(other_version, rows[:, _OTHER_SRC_HIGH], rows[:, _OTHER_SRC_LOW]),
            "outside_sport": np.where(has_other, port_numbers(rows[:, _OTHER_PORTS], True), -1),
            "outside_dst": addresses(other_version, rows[:, _OTHER_DST_HIGH], rows[:, _OTHER_DST_LOW]),
            "outside_dport": np.where(has_other, port_numbers(rows[:, _OTHER_PORTS], False), -1),
            "nat_id": np.where(rows[:, _NAT] >= 0, nat.numbers()[np.maximum(rows[:, _NAT], 0)], -1),
            "first_ns": rows[:, _FIRST],
            "last_ns": rows[:, _LAST],
            "n_packets": rows[:, _N],
            "n_packets_back": rows[:, _N_BACK],
            "n_bytes": rows[:, _BYTES],
            "n_bytes_back": rows[:, _BYTES_BACK],
            "n_retransmissions": rows[:, _AGAIN],
            "n_lost": rows[:, _LOST],
            "handshake_ns": rows[:, _HANDSHAKE],
            "transit_ns": transit,
            "confidence": rows[:, _CONFIDENCE] / 1000,
        }

    @staticmethod
    def _take_sides(row: I64, sides: Key) -> None:
        """Inside and outside of the flow's NAT session, each in the direction of the flow's first packet."""
        _, protocol, inside_src, inside_dst, outside_src, outside_dst = sides
        first = int(row[_SRC_HIGH]), int(row[_SRC_LOW])
        is_forward = first in ((inside_src[1], inside_src[2]), (outside_src[1], outside_src[2]))
        inside = (inside_src, inside_dst) if is_forward else (inside_dst, inside_src)
        outside = (outside_src, outside_dst) if is_forward else (outside_dst, outside_src)
        for (src, dst), at in ((inside, _WHAT), (outside, _OTHER_WHAT)):
            ports = [c.NO_PORT if one[3] < 0 or protocol in (1, 58) else one[3] for one in (src, dst)]
            row[at : at + 6] = src[0] | int(protocol) << 8, src[1], src[2], dst[1], dst[2], ports[0] << 32 | ports[1]
