"""Recordings of events about the virtual network, written by the lab's writer, and what wnv makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab_recordings import START_NS, writer
from wnv import open_trace
from wnv.diagnostics import Log
from wnv.pipeline.network import build_topology
from wnv.topology.model import Node, Topology
from wnv_lab.etl.layout import EventKind
from wnv_lab.events import vmswitch
from wnv_lab.events.fields import Named

SECOND = 1_000_000_000
Event = tuple[float, EventKind, bytes]
"""Seconds from the start, kind, payload."""

SWITCH = Named("5C2D5E1F-0000-4000-8000-000000000001", "nat")
NIC = Named("5C2D5E1F-0000-4000-8000-000000000002", "Container NIC 6a8ea02a")
HOST_NIC = Named("5C2D5E1F-0000-4000-8000-000000000003", "HNS Internal NIC")
PORT = Named("5C2D5E1F-0000-4000-8000-000000000004", "Container Port 6a8ea02a")
VM_ID = "5C2D5E1F-0000-4000-8000-000000000005"
VM_NIC = Named(f"{VM_ID}--5C2D5E1F-0000-4000-8000-000000000006", "Network Adapter")


def write_events(path: Path, events: Sequence[Event], **options: Any) -> Path:  # Any: what EtlWriter takes
    """A recording with these events."""
    with writer(path, **options) as etl:
        for seconds, kind, payload in events:
            etl.add(at(seconds), 0, 4, 8, kind, payload)
    return path


def at(seconds: float) -> int:
    """The time of an event, in ns UTC."""
    return START_NS + round(seconds * SECOND)


def topology_of(
    folder: Path, events: Sequence[Event], inventory: object = None, log: Log | None = None, **options: Any
) -> Topology:  # Any: what EtlWriter takes
    """The topology of a recording with these events, and an inventory beside it."""
    path = write_events(folder / "net.etl", events, **options)
    if inventory is not None:
        (folder / "net.inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
    return topology_at(path, log)


def topology_at(path: Path, log: Log | None = None) -> Topology:
    """The topology of a recording."""
    with open_trace(path, use_cache=False) as trace:
        return build_topology(trace.stored(), log)


def node(topology: Topology, name: str) -> Node:
    """The only node of this name, or with this GUID."""
    (found,) = [one for one in topology.nodes if name.lower() in (one.name.lower(), one.guid)]
    return found


def named_edges(topology: Topology) -> list[tuple[str, str, str]]:
    """Edges by the names of their ends: source, kind, target."""
    names = {one.node_id: one.name for one in topology.nodes}
    return sorted((names[one.source_id], one.kind.value, names[one.target_id]) for one in topology.edges)


def passage(nic: Named = NIC, switch: Named = SWITCH, seconds: float = 1) -> Event:
    """A packet that the switch got from a NIC."""
    return seconds, vmswitch.KIND_56, vmswitch.NblTemplate(nic, switch).fill(0xFFFF_8000_1234_5670)


def connected(nic: Named = NIC, port: Named = PORT, switch: Named = SWITCH, seconds: float = 2) -> Event:
    return seconds, vmswitch.KIND_232, vmswitch.connection(nic, port, switch)


def disconnected(nic: Named = NIC, port: Named = PORT, seconds: float = 4) -> Event:
    return seconds, vmswitch.KIND_234, vmswitch.disconnection(nic_name=nic.name, port_name=port.name)
