"""Hops: what is written of each sighting once it belongs to a journey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import numpy as np

from wnv.arrays import I32, I64
from wnv.journeys import layout as c
from wnv.journeys.columns import addresses, distinct_rows, listed, port_numbers
from wnv.journeys.drops import DropRows
from wnv.journeys.places import Places
from wnv.packets.headers import Texts
from wnv.packets.points import IN, OUT
from wnv.providers.stages import ColumnData, Columns, RowLists
from wnv.schema import HOPS

_DIRECTIONS = [{IN: "in", OUT: "out"}.get(number, "") for number in range(3)]
_ALL_64 = (1 << 64) - 1


_ROOM = 1 << 14
_WORD_RANK: I64 = np.zeros(len(c.EVENT_WORDS), np.int64)
_WORD_RANK[[
    c.FRAME, c.INGRESS, c.EGRESS, c.FORWARDED, c.RECEIVED, c.ROUTED, c.DELIVERED, c.LEFT_TO_HOST, c.TRANSLATED,
    c.DROPPED, c.LOOSE_DROP,
]] = range(11)  # fmt: skip
"""Of several events that make one hop, the one that says most names it."""


@dataclass(frozen=True, slots=True)
class Hops:
    """The hops of ended journeys, in order of journey and hop."""

    columns: Columns
    journey: I64
    """Journey of each hop."""


class HeldHops:
    """Linked sightings whose journeys are still open: see `hops_loops`."""

    def __init__(self, places: Places, drops: DropRows, words: Sequence[str] = c.WHY_WORDS) -> None:
        """`words`: those of `layout.WHY_WORDS`, with what this recording adds to them."""
        from wnv.journeys import hops_loops as held

        self._places, self._drops, self._words = places, drops, words
        self._wide: I64 = np.zeros((0, held.N_WIDE), np.int64)
        self._narrow: I32 = np.zeros((0, held.N_NARROW), np.int32)
        self._rare: I64 = np.zeros((0, held.N_RARE_COLUMNS), np.int64)
        self._state: I64 = np.zeros(held.N_STATE, np.int64)
        self._state[[held.S_FREE, held.S_RARE_FREE]] = -1

    def __len__(self) -> int:
        from wnv.journeys import hops_loops as held

        return len(self._wide) - int(self._state[held.S_N_FREE])

    def add(self, sights: I64, out: I64, n_new: int, journeys: I64) -> None:
        """Take the first `n_new` linked sightings; `journeys` are the open ones, which remember their hops."""
        from wnv.journeys import hops_loops as held

        while self._state[held.S_N_FREE] < n_new:
            n, room = len(self._wide), max(_ROOM, len(self._wide))
            self._wide = np.concatenate([self._wide, np.zeros((room, held.N_WIDE), np.int64)])
            more = np.zeros((room, held.N_NARROW), np.int32)
            more[:, held.N_NEXT] = np.append(np.arange(n + 1, n + room), self._state[held.S_FREE])
            self._narrow = np.concatenate([self._narrow, more])
            self._state[held.S_FREE] = n
            self._state[held.S_N_FREE] += room
        while self._state[held.S_N_RARE_FREE] < n_new:
            n, room = len(self._rare), max(_ROOM, len(self._rare))
            rare = np.zeros((room, held.N_RARE_COLUMNS), np.int64)
            rare[:, 0] = np.append(np.arange(n + 1, n + room), self._state[held.S_RARE_FREE])
            self._rare = np.concatenate([self._rare, rare])
            self._state[held.S_RARE_FREE] = n
            self._state[held.S_N_RARE_FREE] += room
        held.hold_hops(sights, out, n_new, journeys, self._wide, self._narrow, self._rare, self._state)

    def take(self, ended: I64) -> Hops:
        """The hops of these journeys (rows of the loops' matrix, by id)."""
        from wnv.journeys import hops_loops as held

        n = int(ended[:, c.J_N_HELD].sum())
        sights, out = np.empty((c.N_SIGHT, n), np.int64), np.empty((c.N_OUT, n), np.int64)
        held.take_hops(ended, self._wide, self._narrow, self._rare, self._state, sights, out)
        return self._build(sights, out)

    def _build(self, sights: I64, out: I64) -> Hops:
        from wnv.journeys import hops_loops, loops

        total = out.shape[1]
        hop_of, first, last = (np.empty(total, np.int64) for _ in range(3))
        said = np.empty((7, total), np.int64)
        n = loops.group_hops(sights, out, _WORD_RANK, hop_of, first, last, said)
        first, last, said = first[:n], last[:n], said[:, :n]
        loops.date_copies(out[c.O_JOURNEY], sights[c.EVENT], hop_of, n, first)
        if (np.diff(first) < 0).any():
            by_first = np.argsort(first, kind="stable")
            place = np.empty(n, np.int64)
            place[by_first] = np.arange(n)
            hop_of, first, last, said = place[hop_of], first[by_first], last[by_first], said[:, by_first]
        journey = out[c.O_JOURNEY, first]
        ts = sights[c.TS, first]
        one, what = np.empty((c.N_SIGHT, n), np.int64), np.empty((c.N_OUT, n), np.int64)
        hops_loops.merge_hops(sights, out, first, last, said, one, what)
        columns = hop_columns(one, what, self._places, self._drops, self._words)
        is_start = np.ones(n, np.bool_)
        is_start[1:] = journey[1:] != journey[:-1]
        begin = np.flatnonzero(is_start)
        seq = np.arange(n) - np.repeat(begin, np.diff(np.append(begin, n)))
        latency = np.maximum(np.diff(ts, prepend=ts[:1]), 0)
        evidence = RowLists(np.empty(n + 1, np.int64), np.empty(total, np.int64))
        hops_loops.list_rows(hop_of, sights[c.ROW], evidence.offsets, evidence.values)
        whole = {**columns, "seq": seq, "latency_ns": np.where(is_start, -1, latency), "evidence": evidence}
        return Hops({column.name: whole[column.name] for column in HOPS.columns}, journey)


def hop_columns(
    sights: I64, out: I64, places: Places, drops: DropRows, words: Sequence[str] = c.WHY_WORDS
) -> dict[str, ColumnData]:  # fmt: skip
    """Rows of `schema.HOPS`, but for their numbers and evidence."""
    place = out[c.O_PLACE]
    known = places.known
    is_drop = sights[c.IS_DROP] != 0
    event = np.where(is_drop, c.DROPPED, sights[c.EVENT])
    what, ports = out[c.O_WHAT], out[c.O_PORTS]
    version = np.where(what >= 0, what & 0xFF, 0)
    compartment = np.array([*(-1 if one.compartment is None else one.compartment for one in known), -1], np.int64)
    reason = Texts(np.full(len(place), -1, np.int32), [])
    if is_drop.any():
        rows = np.flatnonzero(is_drop)
        some = drops.reasons(sights[:, rows])
        code: I32 = np.full(len(place), -1, np.int32)
        code[rows] = some.code
        reason = Texts(code, some.values)
    return {
        "journey_id": out[c.O_JOURNEY],
        "session_id": sights[c.SESSION],
        "ts_ns": sights[c.TS],
        "point": listed(place, places.names),
        "kind": listed(place, places.kinds),
        "nic": listed(place, [one.nic for one in known]),
        "vswitch": listed(place, [one.vswitch for one in known]),
        "port": listed(place, [one.port for one in known]),
        "container": listed(place, [one.container for one in known]),
        "vm": listed(place, [one.vm for one in known]),
        "compartment": compartment[place],
        "event": listed(event, c.EVENT_WORDS),
        "direction": listed(out[c.O_DIR], _DIRECTIONS),
        "src": addresses(version, out[c.O_SRC_HIGH], out[c.O_SRC_LOW]),
        "sport": port_numbers(ports, True),
        "dst": addresses(version, out[c.O_DST_HIGH], out[c.O_DST_LOW]),
        "dport": port_numbers(ports, False),
        "outer_src": addresses(out[c.O_OUTER_VERSION], out[c.O_OUTER_SRC_HIGH], out[c.O_OUTER_SRC_LOW]),
        "outer_dst": addresses(out[c.O_OUTER_VERSION], out[c.O_OUTER_DST_HIGH], out[c.O_OUTER_DST_LOW]),
        "vni": np.where(out[c.O_OUTER_VERSION] > 0, out[c.O_VNI], -1),
        "rewrite": rewrites(sights, out),
        "drop_id": np.where(is_drop, out[c.O_DROP] & ~c.DROP_IS_SAME, -1),
        "drop_reason": reason,
        "rule": listed(sights[c.DROP_RULE], drops.rules),
        "frame_id": sights[c.FRAME_ID],
        "confidence": out[c.O_CONFIDENCE] / 1000,
        "reason": listed(out[c.O_WHY], words),
    }


_REWRITE_COLUMNS = (
    c.O_CHANGED, c.O_WHAT, c.O_OLD_WHAT, c.O_SRC_HIGH, c.O_SRC_LOW, c.O_DST_HIGH, c.O_DST_LOW, c.O_PORTS,
    c.O_OLD_SRC_HIGH, c.O_OLD_SRC_LOW, c.O_OLD_DST_HIGH, c.O_OLD_DST_LOW, c.O_OLD_PORTS, c.O_OLD_MAC_SRC,
    c.O_OLD_MAC_DST, c.O_OUTER_VERSION, c.O_OUTER_SRC_HIGH, c.O_OUTER_SRC_LOW, c.O_OUTER_DST_HIGH, c.O_OUTER_DST_LOW,
    c.O_VNI, c.O_OLD_VNI, c.O_OLD_VLAN, c.O_PARTS,
)  # fmt: skip


def rewrites(sights: I64, out: I64) -> Texts:
    """`172.20.1.5:49200 → 10.0.0.10:1025` where the packet changed since the hop before; null where it did not."""
    code: I32 = np.full(out.shape[1], -1, np.int32)
    rows = np.flatnonzero(out[c.O_CHANGED])
    if not len(rows):
        return Texts(code, [])
    columns = [out[column, rows] for column in _REWRITE_COLUMNS]
    columns += [sights[column, rows] for column in (c.MAC_SRC, c.MAC_DST, c.VLAN)]
    number, first = distinct_rows(*columns)
    texts = [_rewrite(*row) for row in zip(*(column[first].tolist() for column in columns), strict=True)]
    code[rows] = number
    return Texts(code, texts)


def _rewrite(
    changed: int, what: int, old_what: int, src_high: int, src_low: int, dst_high: int, dst_low: int, ports: int,
    old_src_high: int, old_src_low: int, old_dst_high: int, old_dst_low: int, old_ports: int, old_mac_src: int,
    old_mac_dst: int, outer_version: int, outer_src_high: int, outer_src_low: int, outer_dst_high: int,
    outer_dst_low: int, vni: int, old_vni: int, old_vlan: int, n_parts: int, mac_src: int, mac_dst: int, vlan: int,
) -> str:  # fmt: skip
    parts = []
    if changed & (c.CHANGED_CUT | c.CHANGED_JOINED):
        what_became = "cut into" if changed & c.CHANGED_CUT else "joined from"
        parts.append(f"{what_became} {n_parts:,} segment{'s' if n_parts != 1 else ''}")
    if changed & c.CHANGED_PART_DROPPED:
        parts.append("one of its segments")
    if changed & c.CHANGED_SRC:
        before = _end(old_what & 0xFF, old_src_high, old_src_low, old_ports >> 32 & 0xFFFFFFFF)
        parts.append(f"{before} → {_end(what & 0xFF, src_high, src_low, ports >> 32 & 0xFFFFFFFF)}")
    if changed & c.CHANGED_DST:
        before = _end(old_what & 0xFF, old_dst_high, old_dst_low, old_ports & 0xFFFFFFFF)
        parts.append(f"{before} → {_end(what & 0xFF, dst_high, dst_low, ports & 0xFFFFFFFF)}")
    if changed & c.CHANGED_OUTER:
        if outer_version:
            carrier = f"{_address(outer_version, outer_src_high, outer_src_low)} → " + _address(
                outer_version, outer_dst_high, outer_dst_low
            )
            parts.append(f"encapsulated{f' VNI {vni}' if vni >= 0 else ''} {carrier}")
        else:
            parts.append(f"decapsulated{f' VNI {old_vni}' if old_vni >= 0 else ''}")
    if changed & c.CHANGED_MAC_SRC:
        parts.append(f"source MAC {_mac(old_mac_src)} → {_mac(mac_src)}")
    if changed & c.CHANGED_MAC_DST:
        parts.append(f"destination MAC {_mac(old_mac_dst)} → {_mac(mac_dst)}")
    if changed & c.CHANGED_VLAN:
        parts.append(f"VLAN {old_vlan} → {vlan}")
    return ", ".join(parts)


def _address(version: int, high: int, low: int) -> str:
    if version == 4:
        return str(IPv4Address(low & 0xFFFFFFFF))
    return str(IPv6Address((high & _ALL_64) << 64 | low & _ALL_64))


def _end(version: int, high: int, low: int, port: int) -> str:
    address = _address(version, high, low) if version in (4, 6) else "?"
    if port > 0xFFFF:
        return address
    return f"[{address}]:{port}" if version == 6 else f"{address}:{port}"


def _mac(value: int) -> str:
    return value.to_bytes(6, "big").hex(":") if value >= 0 else "?"
