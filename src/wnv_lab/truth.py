"""What really happened: journeys, hops, drops, NAT sessions, sightings, topology; as Parquet and as JSON.

Columns that wnv has too bear wnv's names, so that a comparison is a join. Times are nanoseconds UTC by the host's own
clock, whole 100 ns as the recording states them; `skew_ns` of truth.json says how much a host's clock is off.
Rows are kept as runs, a run a stage and chain, and expanded column by column when they are written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wnv_lab.arrays import I64
from wnv_lab.frames import ARP, ICMP, IPV4, TCP, UDP, ip_text, mac_text
from wnv_lab.model import Header, Host, Nic, Port
from wnv_lab.scenario import nearest_build
from wnv_lab.stack import Stack
from wnv_lab.stages import Kind, Route, Sink, Stage
from wnv_lab.winnat import Session, WinNat
from wnv_lab.world import PER_NBL, Trip, World, starts_hop

if TYPE_CHECKING:
    from wnv_lab.capture.recording import Recording

FLUSH_ROWS = 200_000
PROTOCOL_NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp"}
EVENTS = {
    Kind.NIC: "seen",
    Kind.RECEIVED: "ingress",
    Kind.ROUTED: "egress",
    Kind.DELIVERED: "egress",
    Kind.NAT_TRANSLATED: "translated",
    Kind.NAT_SKIPPED: "left_to_host",
    Kind.STACK: "delivered",
    Kind.DROP: "dropped",
}
JSON_ROWS = 20_000
"""A table with more rows is in Parquet only."""

_TEXT, _INT = pa.string(), pa.int64()
HOP_TEMPLATE = {
    "host": _TEXT,
    "seq": _INT,
    "point": _TEXT,
    "kind": _TEXT,
    "nic": _TEXT,
    "vswitch": _TEXT,
    "port": _TEXT,
    "port_guid": _TEXT,
    "if_index": _INT,
    "container": _TEXT,
    "vm": _TEXT,
    "compartment": _INT,
    "event": _TEXT,
    "direction": _TEXT,
    "protocol": _TEXT,
    "src": _TEXT,
    "sport": _INT,
    "dst": _TEXT,
    "dport": _INT,
    "eth_src": _TEXT,
    "eth_dst": _TEXT,
    "vlan": _INT,
    "outer_src": _TEXT,
    "outer_dst": _TEXT,
    "vni": _INT,
    "rewrite": _TEXT,
    "drop_reason": _TEXT,
    "drop_reason_code": _INT,
    "drop_location": _INT,
    "drop_event": _TEXT,
    "rule": _TEXT,
}
"""Columns of hops that are the same for all packets of a flow."""
JOURNEY_SCHEMA = pa.schema(
    {
        "journey_id": _INT,
        "host": _TEXT,
        "first_ns": _INT,
        "last_ns": _INT,
        "protocol": _TEXT,
        "src": _TEXT,
        "sport": _INT,
        "dst": _TEXT,
        "dport": _INT,
        "src_last": _TEXT,
        "sport_last": _INT,
        "dst_last": _TEXT,
        "dport_last": _INT,
        "n_hops": _INT,
        "first_point": _TEXT,
        "last_point": _TEXT,
        "path": _TEXT,
        "outcome": _TEXT,
        "drop_reason": _TEXT,
        "drop_reason_code": _INT,
        "drop_location": _INT,
    }
)
NAT_SCHEMA = pa.schema(
    {
        "nat_id": _INT,
        "host": _TEXT,
        "nat": _TEXT,
        "protocol": _TEXT,
        "inside_src": _TEXT,
        "inside_sport": _INT,
        "inside_dst": _TEXT,
        "inside_dport": _INT,
        "outside_src": _TEXT,
        "outside_sport": _INT,
        "outside_dst": _TEXT,
        "outside_dport": _INT,
        "first_ns": _INT,
        "last_ns": _INT,
        "n_packets": _INT,
        "kind": _TEXT,
        "compartment": _INT,
    }
)


def protocol_name(header: Header) -> str:
    """tcp, udp, icmp, arp, or the number."""
    if header.ethertype == ARP:
        return "arp"
    if header.ethertype != IPV4:
        return f"ethertype {header.ethertype:#06x}"
    return PROTOCOL_NAMES.get(header.protocol, str(header.protocol))


def place_of(stage: Stage) -> tuple[str, str, Nic | None, Port | None, Stack | None]:
    """Name and kind of a hop's point, and what stands there."""
    place = stage.place
    if stage.kind in (Kind.ROUTED, Kind.DELIVERED, Kind.EGRESS) and len(stage.targets) == 1:
        place = stage.targets[0]
    if isinstance(place, Nic):
        return place.point, f"{place.kind}_nic", place, None, place.stack
    if isinstance(place, Port):
        return place.point, "port", place.nic, place, place.nic.stack
    if isinstance(place, WinNat):
        return place.point, "nat", None, None, None
    return place.point, "stack", None, None, place


def rewrite_text(before: Header | None, after: Header) -> str | None:
    """What a hop changed, for people: `172.20.1.5:49152 → 10.0.0.10:1024`."""
    if before is None:
        return None
    parts = []
    if after.outer_src and not before.outer_src:
        parts.append(f"VXLAN {after.vni} {ip_text(after.outer_src)} → {ip_text(after.outer_dst)}")
    if before.outer_src and not after.outer_src:
        parts.append("VXLAN removed")
    for old, old_port, new, new_port in (
        (before.src, before.sport, after.src, after.sport),
        (before.dst, before.dport, after.dst, after.dport),
    ):
        if (old, old_port) != (new, new_port):
            parts.append(f"{_socket(old, old_port)} → {_socket(new, new_port)}")
    for name, old, new in (
        ("source MAC", before.eth_src, after.eth_src),
        ("destination MAC", before.eth_dst, after.eth_dst),
    ):
        if old != new:
            parts.append(f"{name} {mac_text(old)} → {mac_text(new)}")
    return ", ".join(parts) or None


def _socket(address: bytes, port: int | None) -> str:
    return ip_text(address) + ("" if port is None else f":{port}")


class TruthRecorder:
    """Watches all hosts and writes what it saw into a folder."""

    def __init__(self, world: World, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.world = world
        self.folder = folder
        self._templates: dict[str, list[Any]] = {name: [] for name in HOP_TEMPLATE}  # Any: a column's own type
        self._codes: dict[int, int] = {}
        self._runs: list[tuple[int, int, int, list[int], list[int], int]] = []
        self._n_rows = 0
        self._ends: list[tuple[list[int], str]] = []
        self._sessions: list[tuple[Host, Session]] = []
        self._writers: dict[str, pq.ParquetWriter] = {}
        self.n_rows: dict[str, int] = {}
        self.disconnections: list[tuple[Port, int]] = []
        self._n_drops = 0

    # -- watching ------------------------------------------------------------------------------------------------

    def sink(self, stage: Stage, route: Route) -> Sink | None:
        """A hop begins in this stage, or nothing does."""
        kind = stage.kind
        if not starts_hop(stage, route):
            return None
        number = self._template(stage, route)
        runs = self._runs
        is_per_nbl = kind in PER_NBL

        def see(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            begin += trip.host.skew_ns
            if is_per_nbl and len(trip.nbls) != len(trip.frames):
                at = 0
                for place, n in enumerate(trip.per_nbl):
                    runs.append(
                        (
                            number,
                            begin + place * gap,
                            0,
                            trip.journeys[at : at + n],
                            [trip.nbls[place]] * n,
                            trip.branch,
                        )
                    )
                    at += n
            else:
                runs.append((number, begin, gap, trip.journeys, trip.nbl_of_packets(), trip.branch))
            self._n_rows += len(trip.frames)

        return see

    def begin(self, route: Route, trip: Trip) -> None:
        """A chain sets out."""
        del route, trip
        if self._n_rows >= FLUSH_ROWS:
            self._flush()

    def end(self, route: Route, trip: Trip, outcome: str) -> None:
        """A chain, or some of its packets, has come to its end."""
        del route
        self._ends.append((trip.journeys, outcome))

    def connected(self, port: Port, now_ns: int) -> None:
        """The topology has the container's start from the scenario."""

    def disconnected(self, port: Port, now_ns: int) -> None:
        """A NIC was taken from its port: the edge ends."""
        self.disconnections.append((port, now_ns))

    def session(self, host: Host, session: Session) -> None:
        """A NAT session was made."""
        self._sessions.append((host, session))

    def _template(self, stage: Stage, route: Route) -> int:
        point, kind, nic, port, stack = place_of(stage)
        header = stage.header
        is_ip = header.ethertype in (IPV4, ARP)
        container = next(
            (
                c
                for h in self.world.hosts
                if h.name == route.host_name
                for c in h.containers
                if (nic is not None and c.endpoint.nic is nic) or (stack is not None and c.name == stack.name)
            ),
            None,
        )
        vm = next(
            (
                v
                for h in self.world.hosts
                if h.name == route.host_name
                for v in h.vms
                if nic is not None and v.nic is nic
            ),
            None,
        )
        reason = stage.reason
        row = {
            "host": route.host_name,
            "seq": stage.hop,
            "point": point,
            "kind": kind,
            "nic": nic.name if nic is not None else None,
            "vswitch": port.switch.name if port is not None else None,
            "port": port.friendly if port is not None else None,
            "port_guid": port.name if port is not None else None,
            "if_index": (nic.if_index or None) if nic is not None else None,
            "container": container.name if container is not None else None,
            "vm": vm.name if vm is not None and container is None else None,
            "compartment": stack.compartment if stack is not None and (nic is None or nic.is_visible) else None,
            "event": EVENTS[stage.kind],
            "direction": stage.direction,
            "protocol": protocol_name(header),
            "src": ip_text(header.src) if is_ip and header.src else None,
            "sport": header.sport,
            "dst": ip_text(header.dst) if is_ip and header.dst else None,
            "dport": header.dport,
            "eth_src": mac_text(header.outer_eth_src or header.eth_src),
            "eth_dst": mac_text(header.outer_eth_dst or header.eth_dst),
            "vlan": header.vlan,
            "outer_src": ip_text(header.outer_src) if header.outer_src else None,
            "outer_dst": ip_text(header.outer_dst) if header.outer_dst else None,
            "vni": header.vni or None,
            "rewrite": rewrite_text(stage.before, header),
            "drop_reason": reason.name if reason else None,
            "drop_reason_code": reason.code if reason else None,
            "drop_location": reason.location if reason else None,
            "drop_event": reason.event if reason else None,
            "rule": stage.rule or None,
        }
        for name, column in self._templates.items():
            column.append(row[name])
        return len(self._templates["seq"]) - 1

    # -- writing -------------------------------------------------------------------------------------------------

    def write_rows(self, name: str, table: pa.Table) -> None:
        """Append rows to a table's file."""
        writer = self._writers.get(name)
        if writer is None:
            writer = self._writers[name] = pq.ParquetWriter(
                self.folder / f"{name}.parquet", table.schema, compression="zstd", store_schema=False
            )
        writer.write_table(table)
        self.n_rows[name] = self.n_rows.get(name, 0) + table.num_rows

    def _expanded(self) -> dict[str, I64]:
        runs = self._runs
        sizes = np.fromiter((len(run[3]) for run in runs), np.int64, len(runs))
        first = np.repeat(np.cumsum(sizes) - sizes, sizes)
        within = np.arange(int(sizes.sum()), dtype=np.int64) - first
        template, begin, gap, branch = (
            np.repeat(np.fromiter((run[i] for run in runs), np.int64, len(runs)), sizes) for i in (0, 1, 2, 5)
        )
        n = int(sizes.sum())
        journey = np.fromiter(chain.from_iterable(run[3] for run in runs), np.int64, n)
        nbl = np.fromiter(chain.from_iterable(run[4] for run in runs), np.uint64, n)
        order = np.lexsort((np.arange(n), journey))
        return {
            "template": template[order],
            "ts": (begin + within * gap)[order],
            "journey": journey[order],
            "nbl": nbl.view(np.int64)[order],
            "branch": branch[order],
        }

    def _columns(self, template: I64, names: Sequence[str]) -> dict[str, pa.Array]:
        made = {}
        for name in names:
            encoded = pa.array(self._templates[name], HOP_TEMPLATE[name])
            if pa.types.is_string(encoded.type):
                encoded = encoded.dictionary_encode()
                codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)[template]
                made[name] = pa.DictionaryArray.from_arrays(
                    pa.array(codes.astype(np.int32), mask=codes < 0), encoded.dictionary
                )
            else:
                made[name] = encoded.take(pa.array(template))
        return made

    def _flush(self) -> None:
        """Write all journeys that are over: between two trips none is half-way."""
        if not self._runs:
            self._ends.clear()
            return
        rows = self._expanded()
        self._runs.clear()
        self._n_rows = 0
        template, ts, journey = rows["template"], rows["ts"], rows["journey"]
        is_first = np.r_[True, journey[1:] != journey[:-1]]
        latency = np.r_[0, np.diff(ts)]
        latency[is_first] = 0
        drop = np.array([value is not None for value in self._templates["drop_reason"]])[template]
        drop_ids = np.where(drop, self._n_drops + np.cumsum(drop) - 1, -1)
        self._n_drops += int(drop.sum())
        columns = {
            "journey_id": pa.array(journey),
            "ts_ns": pa.array(ts),
            "latency_ns": pa.array(latency, mask=is_first),
            "nbl": pa.array(rows["nbl"].view(np.uint64)),
            "branch": pa.array(rows["branch"]),
            "drop_id": pa.array(drop_ids, mask=~drop),
        }
        columns |= self._columns(template, list(HOP_TEMPLATE))
        hops = pa.table(columns)
        self.write_rows("hops", hops)
        self._write_drops(hops, drop)
        self._write_journeys(template, ts, journey, is_first)

    def _write_drops(self, hops: pa.Table, drop: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        names = [
            "drop_id",
            "ts_ns",
            "journey_id",
            "host",
            "protocol",
            "src",
            "sport",
            "dst",
            "dport",
            "point",
            "nic",
            "vswitch",
            "port",
            "drop_reason",
            "drop_reason_code",
            "drop_location",
            "drop_event",
            "rule",
        ]
        self.write_rows("drops", hops.select(names).filter(pa.array(drop)))

    def _write_journeys(
        self, template: I64, ts: I64, journey: I64, is_first: np.ndarray[Any, np.dtype[np.bool_]]
    ) -> None:
        first = np.flatnonzero(is_first)
        last = np.r_[first[1:], journey.size] - 1
        ids = journey[first]
        outcomes = dict(chain.from_iterable(((j, outcome) for j in journeys) for journeys, outcome in self._ends))
        self._ends.clear()
        points = self._templates["point"]
        paths: dict[bytes, str] = {}
        said = []
        for begin, end in zip(first.tolist(), last.tolist(), strict=True):
            way = template[begin : end + 1]
            key = way.tobytes()
            path = paths.get(key)
            if path is None:
                path = paths[key] = " > ".join(points[t] for t in way.tolist())
            said.append(path)
        where = self._columns(template[first], ["host", "protocol", "src", "sport", "dst", "dport", "point"])
        end_of = self._columns(
            template[last],
            ["src", "sport", "dst", "dport", "point", "drop_reason", "drop_reason_code", "drop_location"],
        )
        table = pa.table(
            {
                "journey_id": pa.array(ids),
                "host": where["host"],
                "first_ns": pa.array(ts[first]),
                "last_ns": pa.array(np.maximum.reduceat(ts, first)),
                "protocol": where["protocol"],
                "src": where["src"],
                "sport": where["sport"],
                "dst": where["dst"],
                "dport": where["dport"],
                "src_last": end_of["src"],
                "sport_last": end_of["sport"],
                "dst_last": end_of["dst"],
                "dport_last": end_of["dport"],
                "n_hops": pa.array(last - first + 1),
                "first_point": where["point"],
                "last_point": end_of["point"],
                "path": pa.array(said),
                "outcome": pa.array([outcomes.get(j, "unknown") for j in ids.tolist()]),
                "drop_reason": end_of["drop_reason"],
                "drop_reason_code": end_of["drop_reason_code"],
                "drop_location": end_of["drop_location"],
            }
        )
        self.write_rows("journeys", table.cast(JOURNEY_SCHEMA))

    def close(self, recordings: Sequence[Recording], topology: dict[str, list[dict[str, object]]]) -> None:
        """Write the rest: sessions, topology, and the small tables as JSON too."""
        self._flush()
        sessions = [
            {
                "nat_id": number,
                "host": host.name,
                "nat": _nat_name(host, s),
                "protocol": PROTOCOL_NAMES.get(s.protocol, ""),
                "inside_src": ip_text(s.inside_src),
                "inside_sport": s.inside_sport,
                "inside_dst": ip_text(s.inside_dst),
                "inside_dport": s.inside_dport,
                "outside_src": ip_text(s.outside_src),
                "outside_sport": s.outside_sport,
                "outside_dst": ip_text(s.outside_dst),
                "outside_dport": s.outside_dport,
                "first_ns": s.first_ns + host.skew_ns,
                "last_ns": s.last_ns + host.skew_ns,
                "n_packets": s.n_packets,
                "kind": s.kind,
                "compartment": s.compartment,
            }
            for number, (host, s) in enumerate(self._sessions)
        ]
        self.write_rows("nat", pa.Table.from_pylist(sessions, NAT_SCHEMA))
        for name, rows in topology.items():
            self.write_rows(name, pa.Table.from_pylist(rows))
        for writer in self._writers.values():
            writer.close()
        scenario = self.world.scenario
        said: dict[str, object] = {
            "scenario": scenario.name,
            "title": scenario.title,
            "start_ns": self.world.start_ns,
            "end_ns": self.world.end_ns,
            "hosts": [
                {"host": h.name, "build": h.build, "written_as": nearest_build(h.build), "skew_ns": h.skew_ns}
                for h in self.world.hosts
            ],
            "recordings": [recording.described() for recording in recordings],
            "n_rows": self.n_rows,
        }
        for name in sorted(self.n_rows):
            if self.n_rows[name] <= JSON_ROWS and name != "sightings":
                said[name] = pq.read_table(self.folder / f"{name}.parquet").to_pylist()
        text = json.dumps(said, indent=1, ensure_ascii=False)
        (self.folder / "truth.json").write_text(text + "\n", encoding="utf-8")


def _nat_name(host: Host, session: Session) -> str:
    for nat in (*host.nats, *(n.nat for n in host.networks if n.nat is not None)):
        if nat.outside == session.outside_src and session in nat.sessions.values():
            return nat.name
    return ""
