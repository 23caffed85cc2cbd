"""The topology of a trace folder: recordings of several hosts, each with its own inventory."""

from __future__ import annotations

import json
from pathlib import Path

from networks import NIC, PORT, SWITCH, at, connected, passage, write_events
from wnv import open_trace
from wnv.packets.points import IN, OUT
from wnv.pipeline.network import build_topology, coverage
from wnv.topology.model import End, NodeKind
from wnv_lab.etl.writer import EtlWriter
from wnv_lab.events import ndiscap
from wnv_lab.events.fields import Named

OTHER = Named("9D2D5E1F-0000-4000-8000-000000000002", "Container NIC 99999999")


def _write(path: Path, nic: Named, start_ns: int, host: str) -> None:
    with EtlWriter(path, build=26100, n_processors=1, start_ns=start_ns, boot_ns=start_ns - 10**12) as etl:
        for seconds, kind, payload in (passage(nic, SWITCH), connected(nic, PORT, SWITCH)):
            etl.add(start_ns + int(seconds * 10**9), 0, 4, 8, kind, payload)
        frame = ndiscap.FrameTemplate(4, 4, build=26100).fill(bytes(60))
        keyword = ndiscap.frame_keyword(ndiscap.KIND_1001, is_send=True)
        etl.add(start_ns + 3 * 10**9, 0, 4, 8, ndiscap.KIND_1001, frame, keyword=keyword)
    inventory = {
        "format": "wnv-inventory/1", "computer": {"Name": host},
        "adapters": {"Name": f"NIC of {host}", "ifIndex": 4, "Virtual": False},
    }  # fmt: skip
    path.with_name(f"{path.stem}.inventory.json").write_text(json.dumps(inventory), encoding="utf-8")


def test_hosts_that_share_indexes_and_names_are_told_apart(tmp_path: Path) -> None:
    _write(tmp_path / "one.etl", NIC, at(0), "SRV1")
    _write(tmp_path / "two.etl", OTHER, at(100), "SRV2")
    with open_trace(tmp_path, use_cache=False) as trace:
        topology = build_topology(trace.stored())
    assert topology.hosts == {0: "SRV1", 1: "SRV2"}
    nics = [(one.session_id, one.name) for one in topology.nodes if one.kind is NodeKind.PHYSICAL_NIC]
    assert nics == [(0, "NIC of SRV1"), (1, "NIC of SRV2")]
    assert [topology.resolve_point(point).nic for point in (0, 1)] == ["NIC of SRV1", "NIC of SRV2"]
    assert [topology.resolve_nic(OTHER.name, session_id=session).nic for session in (0, 1)] == [
        "", "Container NIC 99999999",
    ]  # fmt: skip
    assert [topology.expected_next(point, OUT).end for point in (0, 1)] == [End.WIRE, End.WIRE]
    assert topology.expected_next(2, IN).end is End.UNKNOWN


def test_the_coverage_of_a_recording(tmp_path: Path) -> None:
    write_events(tmp_path / "net.etl", [passage()])
    with open_trace(tmp_path / "net.etl", use_cache=False) as trace:
        seen = coverage(trace.stored(), build_topology(trace.stored()))
    assert (seen.seen, seen.silent, seen.blind) == ((), (), ())
