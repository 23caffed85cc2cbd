"""The virtual network of a trace folder: what its events say, and the inventory that was imported with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from wnv.arrays import I64
from wnv.diagnostics import Log
from wnv.packets.points import Point
from wnv.pipeline.stored import StoredTrace
from wnv.providers.facts import Fact
from wnv.schema import EVENTS, FRAMES, OBSERVATIONS
from wnv.store.events import contradiction
from wnv.topology.build import Builder
from wnv.topology.coverage import (
    NETWORK_PROVIDERS,
    Capture,
    Coverage,
    build_coverage,
    join_coverages,
    states_offload,
)
from wnv.topology.inventory import inventory_facts, of_sessions, parse_inventory
from wnv.topology.model import Topology
from wnv.topology.passing import SIGHTINGS_MAX, Passing, Sightings, passing

_TOLD_BY = ("eth_src", "eth_dst", "ip_src", "ip_dst", "ip_id", "sport", "dport", "tcp_seq", "tcp_ack", "tcp_flags",
            "icmp_seq", "arp_op", "original_bytes")  # fmt: skip
"""Columns of frames that tell one frame from another."""


def build_topology(stored: StoredTrace, log: Log | None = None, *, is_dated: bool = False) -> Topology:
    """The virtual network; what cannot be read, or is too much, goes to `log`.

    `is_dated`: packets, too, say when things were there (`Node.known_ns`), which takes a look at all of them.
    """
    log = Log() if log is None else log
    hosts = stored.capture.host_of_session
    builder = Builder(log, hosts)
    for stretch in stored.stretches_of(builder.providers, builder.event_ids):
        builder.learn(stretch)
    content = stored.folder.inventory()
    inventory = parse_inventory(content, log) if content is not None else {}
    name = str(stored.folder.meta.get("inventory") or "")
    of_session = of_sessions(inventory, name, [str(one.row["source"]) for one in stored.overview.sessions], hosts)

    def facts() -> Iterator[Fact]:
        told: list[tuple[int, int]] = []  # what one inventory has wrong is said once
        for session_id, one in of_session.items():
            if (hosts[session_id], id(one)) not in told:
                known = any(id(one) == other for _, other in told)
                yield from inventory_facts(one, hosts.index(hosts[session_id]), None if known else log)
                told.append((hosts[session_id], id(one)))

    topology = builder.finish(
        facts(), stored.capture.points,
        inventory_name=name if of_session else "",
        passed=_passed(stored), first_packets=_first_packets(stored) if is_dated else None,
    )  # fmt: skip
    topology.hosts = {session_id: stored.capture.hosts[host] for session_id, host in enumerate(hosts)}
    return topology


def _first_packets(stored: StoredTrace) -> dict[int, int]:
    """When each point saw its first packet, in ns UTC."""
    first: dict[int, int] = {}
    for batch in stored.dataset(OBSERVATIONS.name).to_batches(columns=["point_id", "ts_ns"]):
        rows = pa.table({"point_id": batch["point_id"], "ts_ns": batch["ts_ns"].cast(pa.int64())})
        for row in rows.group_by("point_id").aggregate([("ts_ns", "min")]).to_pylist():
            point, ts_ns = row["point_id"], row["ts_ns_min"]
            if point is not None and ts_ns is not None:
                first[point] = min(ts_ns, first.get(point, ts_ns))
    return first


def _passed(stored: StoredTrace) -> Passing | None:
    """What the packets at the start of a recording say of its adapters; None where NDIS logged none."""
    points = stored.capture.points
    if not any(point.key[0] == "ndiscap" for point in points):
        return None
    rows = stored.dataset(OBSERVATIONS.name).head(
        SIGHTINGS_MAX, columns=["session_id", "ts_ns", "event_row", "point_id", "direction", "frame_id"]
    )
    rows = rows.filter(pc.is_valid(rows["frame_id"]))
    frame_id = rows["frame_id"].to_numpy()
    known = ds.field("frame_id") <= (int(frame_id.max()) if len(frame_id) else -1)
    frames = stored.dataset(FRAMES.name).to_table(["frame_id", *_TOLD_BY], filter=known)
    codes = np.stack([_codes(frames[name]) for name in _TOLD_BY])
    _, code = np.unique(codes, axis=1, return_inverse=True)
    of_frame = np.zeros(int(frame_id.max()) + 1 if len(frame_id) else 0, np.int64)
    of_frame[frames["frame_id"].to_numpy()] = code.reshape(-1)
    direction = pc.index_in(rows["direction"], pa.array(["in", "out"])).fill_null(-1).to_numpy() + 1
    hosts = stored.capture.host_of_session
    first = np.array([hosts.index(host) for host in hosts], np.int64)
    return passing(
        Sightings(
            first[rows["session_id"].to_numpy()], rows["ts_ns"].cast(pa.int64()).fill_null(0).to_numpy(),
            rows["event_row"].to_numpy().astype(np.int64), rows["point_id"].to_numpy().astype(np.int64),
            direction.astype(np.int64), of_frame[frame_id],
        ), points,
    )  # fmt: skip


def _codes(column: pa.ChunkedArray) -> I64:
    """Numbers that are equal where the values are."""
    encoded = column.combine_chunks().dictionary_encode()
    codes: I64 = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def coverage(stored: StoredTrace, topology: Topology) -> Coverage:
    """What a recording saw of its virtual network, and where it was blind: host by host."""
    facts, points = stored.capture, stored.overview.points
    events = _counts(stored)
    parts = {}
    for host, name in enumerate(facts.hosts):
        mine = [one for one in points if one.point.host == host]
        parts[name] = build_coverage(
            topology, {one.point_id: one.n_packets for one in mine}, {one.point_id: one.point.name for one in mine},
            events[host], facts.host_of_session.index(host), _capture(stored, host),
        )  # fmt: skip
    return join_coverages(parts) if facts.n_hosts > 1 else parts[facts.hosts[0]]


def has_offload(stored: StoredTrace) -> bool:
    """Whether events say that hardware carries flows past a host."""
    return any(states_offload(counts) for counts in _counts(stored))


def _capture(stored: StoredTrace, host: int) -> Capture:
    """How the recordings of one host were made."""
    overview = stored.overview
    numbers = [number for number, one in enumerate(stored.capture.host_of_session) if one == host]
    sessions = [overview.sessions[number] for number in numbers]
    return Capture(
        rules=tuple(one.rules for one in sessions),
        has_layers=any(_is_above(one.point) for one in overview.points if one.point.host == host),
        cut_bytes=_cut_bytes(stored, numbers), lost=tuple(line for one in sessions for line in one.losses()),
    )  # fmt: skip


def _is_above(point: Point) -> bool:
    """Whether NDIS saw packets there above the lowest layer of an adapter."""
    return point.key[0] == "ndiscap" and point.details.get("if_index") != point.details.get("miniport_if_index")


def _cut_bytes(stored: StoredTrace, sessions: list[int]) -> int | None:
    """The most that was kept of a frame that was cut; None where none was."""
    is_cut = (ds.field("captured_bytes") < ds.field("original_bytes")) & ds.field("session_id").isin(sessions)
    most = 0
    for batch in stored.dataset(FRAMES.name).to_batches(columns=["captured_bytes"], filter=is_cut):
        most = max(most, pc.max(batch.column("captured_bytes")).as_py() or 0)
    return most or None


def _counts(stored: StoredTrace) -> list[dict[str, Counter[int]]]:
    """How many events of each id of the network's providers each host logged, by provider."""
    hosts = stored.capture.host_of_session
    events: list[dict[str, Counter[int]]] = [{} for _ in range(stored.capture.n_hosts)]
    if len(events) == 1:
        for one in stored.overview.providers:
            if one.guid in NETWORK_PROVIDERS:
                counts = events[0].setdefault(str(one.guid), Counter())
                for event in one.events:
                    if event.event_id is not None:
                        counts[event.event_id] += event.n_events
        return events
    wanted = ds.field("provider_guid").isin(NETWORK_PROVIDERS) & ds.field("event_id").is_valid()
    keys = ["session_id", "provider_guid", "event_id"]
    rows = stored.dataset(EVENTS.name).to_table(keys, filter=wanted).group_by(keys).aggregate([([], "count_all")])
    for row in rows.to_pylist():
        if not 0 <= row["session_id"] < len(hosts):
            raise contradiction()
        of_host = events[hosts[row["session_id"]]]
        of_host.setdefault(row["provider_guid"], Counter())[row["event_id"]] += row["count_all"]
    return events
