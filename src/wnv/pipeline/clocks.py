"""The clocks of a recording's hosts, from its sightings at the edges of each host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wnv.arrays import BOOL, I64
from wnv.clock import NO_TIME
from wnv.journeys import layout as c
from wnv.journeys.clocks import SIGHTINGS_MAX, HostClock, Seen, estimate_clocks, find_crossings
from wnv.journeys.sights import Keys, Packets, empty_sights, fill_keys
from wnv.packets.points import LINK_UNKNOWN, Point, PointKind
from wnv.packets.sightings import PacketRows
from wnv.pipeline.stored import StoredTrace
from wnv.providers.reading import mix
from wnv.providers.stages import Tables
from wnv.topology.model import NodeKind, Topology

_ALL = 1 << 64


def read_clocks(stored: StoredTrace, topology: Topology) -> list[HostClock]:
    """The clock of each host against that of the first. Of one host nothing is read."""
    n_hosts = stored.capture.n_hosts
    if n_hosts == 1:
        return [HostClock()]
    points = stored.capture.points
    is_edge = _edges(points, topology)
    host = np.array([point.host for point in points], np.int64)
    keys, parts, n_kept, threshold = Keys(), [Seen.concatenate([])], 0, _ALL
    chances: list[I64] = [np.zeros(0, np.int64)]
    for packets in stored.sightings():
        rows = np.flatnonzero(is_edge[packets.point] & (packets.fragments.link_type != LINK_UNKNOWN))
        if not len(rows):
            continue
        seen, chance = _seen(packets, rows, host, keys)
        parts.append(seen)
        chances.append(chance)
        n_kept += len(seen)
        while n_kept > SIGHTINGS_MAX:
            # Every host leaves out the same packets, so those that are left still have both their sightings.
            threshold >>= 1
            whole, chance = Seen.concatenate(parts), np.concatenate(chances)
            mine = chance.view(np.uint64) < np.uint64(threshold)
            parts, chances, n_kept = [whole.take(mine)], [chance[mine]], int(mine.sum())
            if threshold == 1:
                break
    return estimate_clocks(find_crossings(Seen.concatenate(parts)), n_hosts)


def by_first_clock(tables: dict[str, dict[str, Sequence[Any]]], clocks: Sequence[HostClock]) -> Tables:
    """The rows of `nodes` and `edges` with their times by the first host's clock. `clocks`: of each session."""
    if all(one.is_first for one in clocks):
        return tables
    return {
        name: {**columns, **{side: _by_first_clock(columns, side, clocks) for side in ("from_ns", "to_ns")}}
        for name, columns in tables.items()
    }


def _by_first_clock(
    columns: dict[str, Sequence[Any]], side: str, clocks: Sequence[HostClock]
) -> list[int | None]:  # Any: values of all kinds
    found: list[int | None] = []
    for session, time in zip(columns["session_id"], columns[side], strict=True):
        shifted = NO_TIME if time is None else int(clocks[session].corrected(np.array([time]))[0])
        found.append(None if shifted == NO_TIME else shifted)
    return found


def _seen(packets: PacketRows, rows: I64, host: I64, keys: Keys) -> tuple[Seen, I64]:
    """Sightings to compare, and a number of each packet that does not depend on who saw it."""
    fragments = packets.fragments
    sights = empty_sights(len(rows))
    fill_keys(sights, keys, Packets(
        packets.data, fragments.start[rows], fragments.n_bytes[rows], fragments.link_type[rows],
        packets.original_bytes[rows],
    ))  # fmt: skip
    is_told = (sights[c.CONTENT] != 0) & (sights[c.TUPLE] != 0)
    identity = keys.hash(sights[c.CONTENT], sights[c.TUPLE], sights[c.OUTER])
    place = packets.point[rows]
    seen = Seen(
        host[place], np.where(is_told, identity, 0), sights[c.HASH_32],
        mix(sights[c.MAC_SRC], sights[c.MAC_DST]).view(np.int64), packets.ts_ns[rows], place,
        packets.direction[rows].astype(np.int64),
    )  # fmt: skip
    chance = mix(
        sights[c.IP_ID], sights[c.SEQ], sights[c.SEQ_END], sights[c.SRC_LOW], sights[c.DST_LOW], sights[c.PORTS],
        sights[c.WHAT],
    )  # fmt: skip
    return seen, chance.view(np.int64)


def _edges(points: Sequence[Point], topology: Topology) -> BOOL:
    """Points where packets leave and reach a host; where the topology knows none of a host's, all of its points."""
    is_edge = np.array([_is_edge(number, point, topology) for number, point in enumerate(points)], np.bool_)
    host = np.array([point.host for point in points], np.int64)
    for one in np.unique(host).tolist():
        if not is_edge[host == one].any():
            is_edge[host == one] = True
    return is_edge


def _is_edge(number: int, point: Point, topology: Topology) -> bool:
    place = topology.resolve_point(number)
    owner = place.owner in (NodeKind.PHYSICAL_NIC, NodeKind.TEAM)
    return owner or place.is_uplink or point.kind is PointKind.EXTERNAL_NIC
