"""What is expected behind a point, against what real recordings show."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import pytest

from networks import topology_at
from wnv import open_trace, sample_path
from wnv.packets.points import IN, OUT, Point
from wnv.topology.build import Builder
from wnv.topology.model import End, Topology

_DIRECTION = {"in": IN, "out": OUT, None: 0}
_REAL = [sample_path()] + [
    Path(folder) / "pktmon-vpn-a.etl" for folder in (os.environ.get("WNV_TRACES"),) if folder
]  # fmt: skip


@pytest.mark.parametrize("path", _REAL, ids=lambda path: path.stem)
def test_every_step_of_every_packet_in_a_real_recording_is_expected(path: Path) -> None:
    topology = topology_at(path)
    with open_trace(path, use_cache=False) as trace:
        rows = trace.table("observations").to_pylist()
    sightings = defaultdict(list)
    for row in rows:
        place = row["point_id"], _DIRECTION[row["direction"]]
        sightings[row["packet_group"], row["packet_number"]].append((row["appearance"], place))
    steps = [
        (one, other)
        for packet in sightings.values()
        for (_, one), (_, other) in zip(sorted(packet), sorted(packet)[1:], strict=False)
    ]
    assert len(steps) > 50
    assert [step for step in steps if step[1] not in topology.expected_next(*step[0]).points] == []
    ends = {topology.expected_next(*max(packet)[1]).end for packet in sightings.values()}
    assert ends <= {End.STACK, End.WIRE}


def _port(number: int, nic: str, nic_type: str) -> Point:
    details: dict[str, str | int] = {
        "if_index": 8, "port_id": number, "port": f"5c2d5e1f-0000-4000-8000-00000000000{number}", "nic": nic,
        "nic_type": nic_type,
    }  # fmt: skip
    return Point(("ndiscap.port", number), f"port{number}", details=details)


def _layer(miniport: int, lower: int) -> Point:
    return Point(
        ("ndiscap", miniport << 32 | lower), f"eth:{lower}", details={"miniport_if_index": miniport, "if_index": lower}
    )


def _topology(*points: Point) -> Topology:
    return Builder().finish(points=points)


class TestSwitch:
    POINTS = (_port(1, "Ethernet", "External"), _port(2, "web", "Synthetic"), _port(3, "nat", "Internal"))

    def test_what_a_vm_sends_comes_out_of_another_port(self) -> None:
        expected = _topology(*self.POINTS).expected_next(1, OUT)
        assert (set(expected.points), expected.end) == ({(0, OUT), (2, IN)}, End.NONE)

    def test_what_comes_by_the_uplink_goes_to_a_nic_inside(self) -> None:
        assert set(_topology(*self.POINTS).expected_next(0, IN).points) == {(1, IN), (2, IN)}

    def test_a_vms_nic_is_the_end_of_what_can_be_seen(self) -> None:
        topology = _topology(*self.POINTS)
        assert topology.expected_next(1, IN).end is End.VM
        assert topology.expected_next(2, IN).end is End.STACK
        assert topology.expected_next(0, OUT).end is End.WIRE

    def test_one_port_alone_says_nothing_of_the_others(self) -> None:
        assert _topology(self.POINTS[1]).expected_next(0, OUT).end is End.UNKNOWN


class TestStack:
    def test_without_a_rundown_the_order_of_filters_is_not_known(self) -> None:
        topology = _topology(_layer(4, 4), _layer(4, 9), _layer(4, 10))
        expected = topology.expected_next(0, IN)
        assert (set(expected.points), expected.end) == ({(1, IN), (2, IN)}, End.UNKNOWN)
        assert expected.reason == "the order of the filters is not known"

    def test_one_filter_has_a_place(self) -> None:
        topology = _topology(_layer(4, 4), _layer(4, 9))
        assert topology.expected_next(0, IN).points == ((1, IN),)
        assert topology.expected_next(1, OUT).points == ((0, OUT),)
        assert topology.expected_next(1, IN).end is End.STACK
        assert topology.expected_next(0, OUT).end is End.WIRE
