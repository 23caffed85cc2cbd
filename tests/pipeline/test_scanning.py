"""Recordings of several hosts, and of one host by several tools, after their first pass."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conversion import SPEC, ndiscap, pktmon
from etl_writer import Event, TraceSpec, build
from payloads import (
    PROPERTY_IF_INDEX,
    PROPERTY_PHYS_ADDRESS,
    Sighting,
    ndis_1001,
    ndis_5101,
    pktmon_20,
    pktmon_30,
    pktmon_70,
    pktmon_160,
)  # fmt: skip
from pcapng_reader import read_capture
from wnv import open_trace
from wnv.packets.points import PointKind
from wnv.pipeline.network import build_topology
from wnv.providers import words
from wnv.topology.model import NodeKind
from wnv.topology.tree import render_tree

BOOT = SPEC.boot_time
SEEN = 0x40000000 | 0x80000000 | 1
"""Keyword of a whole Ethernet frame."""
ADAPTER = 4
CODE = 201
"""A reason of pktmon that was another one in the builds of 2018."""


def frame(number: int) -> bytes:
    return bytes([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xB5]) + bytes([number] * 50)


def by_ndiscap(name: str, number: int) -> list[Event]:
    return [
        ndiscap(5101, ndis_5101(1, name, ADAPTER, [(ADAPTER, f"{name} miniport")])),
        ndiscap(1001, ndis_1001(frame(number), miniport=ADAPTER), SEEN, ticks=SPEC.t0 + 100 * number),
    ]


def by_pktmon(name: str, mac: int, *, drop_reason: int = 0) -> list[Event]:
    seen = Sighting(component=7, drop_reason=drop_reason)
    return [
        pktmon(160 if not drop_reason else 170, pktmon_160(seen, frame(mac)), ticks=SPEC.t0 + 100 * mac),
        pktmon(20, pktmon_20(7, 2, "nic.sys", name), ticks=SPEC.t0 + 9000),
        pktmon(30, pktmon_30(7, PROPERTY_IF_INDEX, ADAPTER), ticks=SPEC.t0 + 9000),
        pktmon(70, pktmon_70(7, bytes([2, 0, 0, 0, 0, mac]), PROPERTY_PHYS_ADDRESS), ticks=SPEC.t0 + 9000),
    ]


def record(
    folder: Path, name: str, events: list[Event], host: str = "", spec: TraceSpec = SPEC, *, later_boot: int = 0
) -> None:  # fmt: skip
    """A recording, and an inventory that names its host. `later_boot`: seconds after that of others."""
    spec = replace(spec, boot_time=BOOT + later_boot * 10**7, logger_name=name)
    (folder / f"{name}.etl").write_bytes(build(spec, events))
    if host:
        inventory = {"format": "wnv-inventory/1", "computer": {"Name": host}}
        (folder / f"{name}.inventory.json").write_text(json.dumps(inventory), encoding="utf-8")


class TestTwoHosts:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Adapters of one index and pktmon's components of one number, on builds that number reasons differently."""
        record(tmp_path, "a", [*by_ndiscap("Intel", 1), *by_pktmon("Contoso", 2, drop_reason=CODE)], "NODE1")
        old = replace(SPEC, build=17763)
        events = [*by_ndiscap("Mellanox", 3), *by_pktmon("Fabrikam", 4, drop_reason=CODE)]
        record(tmp_path, "b", events, "NODE2", old, later_boot=60)
        return tmp_path

    def test_share_no_point_and_no_name(self, folder: Path) -> None:
        with open_trace(folder, use_cache=False) as trace:
            facts = trace.scanned().capture
        assert (facts.host_of_session, facts.hosts, facts.builds) == ([0, 1], ["NODE1", "NODE2"], [20348, 17763])
        said = {one.name: (one.host, one.details.get("nic"), one.mac) for one in facts.points}
        assert said == {
            "eth:4@NODE1": (0, "Intel", None), "nic:7@NODE1": (0, None, bytes([2, 0, 0, 0, 0, 2])),
            "eth:4@NODE2": (1, "Mellanox", None), "nic:7@NODE2": (1, None, bytes([2, 0, 0, 0, 0, 4])),
        }  # fmt: skip
        assert {one.kind for one in facts.points} == {PointKind.MINIPORT}

    def test_tables_say_whose_they_are(self, folder: Path) -> None:
        with open_trace(folder, use_cache=False) as trace:
            hosts = trace.sql("SELECT host, os_build FROM session ORDER BY session_id").to_pylist()
            seen = trace.sql("""
                SELECT points.name, points.host, session.host AS by_session, n_packets
                FROM observations JOIN points USING (point_id) JOIN session USING (session_id) ORDER BY observation_id
            """).to_pylist()
        assert hosts == [{"host": "NODE1", "os_build": 20348}, {"host": "NODE2", "os_build": 17763}]
        assert [row["name"] for row in seen] == ["eth:4@NODE1", "nic:7@NODE1", "eth:4@NODE2", "nic:7@NODE2"]
        assert all(row["host"] == row["by_session"] and row["n_packets"] == 1 for row in seen)

    def test_a_reason_is_that_of_the_windows_that_logged_it(self, folder: Path, tmp_path: Path) -> None:
        reasons = [words.drop_reason(CODE, build) for build in (20348, 17763)]
        assert reasons[0].slug != reasons[1].slug
        with open_trace(folder, use_cache=False) as trace:
            query = "SELECT drop_reason FROM {} WHERE drop_reason IS NOT NULL ORDER BY ts_ns"
            for table in ("observations", "drops"):
                found = [row["drop_reason"] for row in trace.sql(query.format(table)).to_pylist()]
                assert found == [one.slug for one in reasons]
            trace.convert(str(tmp_path / "all.pcapng"))
        packets = read_capture((tmp_path / "all.pcapng").read_bytes()).packets
        comments = [one.comment for one in packets if one.comment]
        assert [text.partition(" (")[0] for text in comments] == [f"dropped: {one.text}" for one in reasons]

    def test_are_two_trees(self, folder: Path) -> None:
        with open_trace(folder, use_cache=False) as trace:
            topology = build_topology(trace.stored())
        assert topology.hosts == {0: "NODE1", 1: "NODE2"}
        lines = list(render_tree(topology, ["NODE1", "NODE2"]))
        first, second = lines[: lines.index("")], lines[lines.index("") + 1 :]
        assert (first[0], second[0]) == ("NODE1", "NODE2")
        assert any("02:00:00:00:00:02" in line for line in first)
        assert any("02:00:00:00:00:04" in line for line in second)
        assert not any("02:00:00:00:00:04" in line for line in first)


class TestNames:
    def test_of_hosts_without_an_inventory_are_numbers(self, tmp_path: Path) -> None:
        for number, name in enumerate("abc"):
            record(tmp_path, name, by_ndiscap("nic", 1), "NODE2" if name == "b" else "", later_boot=60 * number)
        with open_trace(tmp_path, use_cache=False) as trace:
            assert trace.scanned().capture.hosts == ["host1", "NODE2", "host3"]
            assert [one.name for one in trace.scanned().capture.points] == ["eth:4@host1", "eth:4@NODE2", "eth:4@host3"]
            assert [one.row["host"] for one in trace.overview.sessions] == ["host1", "NODE2", "host3"]

    def test_of_two_boots_of_one_machine_differ(self, tmp_path: Path) -> None:
        record(tmp_path, "a", by_ndiscap("nic", 1), "SRV1")
        record(tmp_path, "b", by_ndiscap("nic", 1), "srv1", later_boot=60)
        with open_trace(tmp_path, use_cache=False) as trace:
            assert trace.scanned().capture.hosts == ["SRV1", "srv1#2"]

    def test_of_one_host_are_no_part_of_its_points(self, tmp_path: Path) -> None:
        record(tmp_path, "a", by_ndiscap("nic", 1), "SRV1")
        with open_trace(tmp_path, use_cache=False) as trace:
            assert trace.scanned().capture.hosts == ["SRV1"]
            assert [one.name for one in trace.scanned().capture.points] == ["eth:4"]

    def test_are_text_whatever_an_inventory_calls_a_host(self, tmp_path: Path) -> None:
        record(tmp_path, "a", by_ndiscap("nic", 1), "\x1b[2J../x")
        record(tmp_path, "b", by_ndiscap("nic", 1), later_boot=60)
        with open_trace(tmp_path, use_cache=False) as trace:
            assert [one.name for one in trace.scanned().capture.points] == ["eth:4@_2J.._x", "eth:4@host2"]


def test_two_files_that_agree_on_the_boot_but_not_on_windows_are_of_two_hosts(tmp_path: Path) -> None:
    record(tmp_path, "a", by_ndiscap("nic", 1))
    record(tmp_path, "b", by_ndiscap("nic", 1), spec=replace(SPEC, build=26100))
    with open_trace(tmp_path, use_cache=False) as trace:
        assert trace.scanned().capture.host_of_session == [0, 1]


class TestOneBoot:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """One adapter, recorded by ndiscap in one session and by pktmon in another."""
        record(tmp_path, "netsh", by_ndiscap("Intel", 1), "NODE1")
        record(tmp_path, "pktmon", by_pktmon("Intel", 2))
        return tmp_path

    def test_is_one_host_with_one_topology(self, folder: Path) -> None:
        with open_trace(folder, use_cache=False) as trace:
            facts = trace.scanned().capture
            topology = build_topology(trace.stored())
            nodes = trace.sql("SELECT DISTINCT session_id FROM nodes").to_pylist()
        assert (facts.host_of_session, facts.hosts) == ([0, 0], ["NODE1"])
        assert [one.name for one in facts.points] == ["eth:4", "nic:7"]
        (nic,) = [one for one in topology.nodes if one.kind is NodeKind.PHYSICAL_NIC]
        assert (nic.session_id, nic.properties["mac"]) == (0, "02:00:00:00:00:02")
        assert [topology.resolve_point(point).node_id for point in (0, 1)] == [nic.node_id] * 2
        assert topology.first_sessions == [0, 0]
        assert nodes == [{"session_id": 0}]
        assert len([line for line in render_tree(topology, ["NODE1", "NODE1"]) if line == "NODE1"]) == 1

    def test_shares_the_points_that_both_sessions_saw(self, tmp_path: Path) -> None:
        record(tmp_path, "one", by_ndiscap("Intel", 1))
        record(tmp_path, "two", by_ndiscap("Intel", 2))
        with open_trace(tmp_path, use_cache=False) as trace:
            (point,) = trace.overview.points
        assert (point.point.name, point.n_packets) == ("eth:4", 2)
