"""Adapters told by the packets that pass them: an index of NDIS and a name of the switch become one NIC."""

from __future__ import annotations

import numpy as np

from wnv.packets.points import IN, NO_DIRECTION, OUT, Point
from wnv.topology.build import Builder
from wnv.topology.model import End, NodeKind
from wnv.topology.passing import Sightings, passing

CONTAINER, GATEWAY, WIRE, CONTAINER_PORT, GATEWAY_PORT, UPLINK_PORT = range(6)
POINTS = [
    *(Point(("ndiscap", index), details={"miniport_if_index": index, "if_index": index}) for index in (31, 22, 5)),
    *(
        Point(("ndiscap.port", number), details={
            "if_index": 40, "port_id": number, "nic": f"00000000-0000-4000-8000-00000000000{number}", "nic_type": kind,
        })
        for number, kind in ((3, "Internal"), (1, "Internal"), (2, "External"))
    ),
]  # fmt: skip
Row = tuple[int, int, int, int]
"""Microseconds, point, direction, frame."""


def _sightings(*rows: Row, is_one_event: bool = False) -> Sightings:
    columns = np.array(rows, np.int64).T
    event = np.zeros(len(rows), np.int64) if is_one_event else np.arange(len(rows))
    return Sightings(np.zeros(len(rows), np.int64), columns[0] * 1000, event, columns[1], columns[2], columns[3])


SENT: tuple[Row, ...] = (
    (0, CONTAINER, OUT, 1), (3, CONTAINER_PORT, OUT, 1), (4, GATEWAY_PORT, IN, 1), (6, GATEWAY, IN, 1),
    (12, WIRE, OUT, 2),
)  # fmt: skip


def test_an_adapter_is_the_nic_whose_port_logs_the_same_frames_next() -> None:
    assert passing(_sightings(*SENT), POINTS).ports == {(0, 31): CONTAINER_PORT, (0, 22): GATEWAY_PORT}


def test_an_uplink_is_the_adapter_behind_the_external_port() -> None:
    seen = passing(
        _sightings((0, GATEWAY, OUT, 1), (1, GATEWAY_PORT, OUT, 1), (2, UPLINK_PORT, OUT, 1), (3, WIRE, OUT, 1)), POINTS
    )
    assert seen.ports == {(0, 22): GATEWAY_PORT, (0, 5): UPLINK_PORT}


def test_directions_that_contradict_each_other_tell_nothing() -> None:
    assert passing(_sightings((0, CONTAINER, IN, 1), (3, CONTAINER_PORT, OUT, 1)), POINTS).ports == {}
    assert passing(_sightings((0, CONTAINER, NO_DIRECTION, 1), (3, CONTAINER_PORT, OUT, 1)), POINTS).ports


def test_a_frame_for_many_ports_tells_nothing_of_any() -> None:
    seen = passing(_sightings((0, GATEWAY_PORT, IN, 1), (0, UPLINK_PORT, IN, 1), is_one_event=True), POINTS)
    assert seen.ports == {}


def test_neighbours_that_change_are_not_tied() -> None:
    rows: list[Row] = []
    for k in range(10):
        rows += [(100 * k, CONTAINER, OUT, k), (100 * k + 1, CONTAINER_PORT if k % 2 else GATEWAY_PORT, OUT, k)]
    assert passing(_sightings(*rows), POINTS).ports == {}


def test_adapters_that_hand_frames_to_each_other_are_virtual() -> None:
    seen = passing(_sightings((0, CONTAINER, OUT, 1), (6, GATEWAY, IN, 1), (12, WIRE, OUT, 2)), POINTS)
    assert seen.virtual == {(0, 31), (0, 22)}


def test_the_topology_has_one_nic_for_index_and_name_and_says_why() -> None:
    topology = Builder().finish((), POINTS, passed=passing(_sightings(*SENT), POINTS))
    nics = {node.properties.get("if_index"): node for node in topology.nodes if "if_index" in node.properties}
    assert nics[31].guid.endswith("3")
    assert nics[31].kind is NodeKind.HOST_VNIC
    assert nics[31].confidence == 0.9
    assert "the same frames" in nics[31].reason
    assert nics[5].kind is NodeKind.PHYSICAL_NIC
    assert topology.resolve_point(CONTAINER).station == topology.resolve_point(CONTAINER_PORT).station


def test_what_sends_next_what_an_uplink_sent_is_a_member_of_its_team() -> None:
    team, member, other = WIRE, CONTAINER, GATEWAY
    rows = (
        (0, UPLINK_PORT, OUT, 1), (1, team, OUT, 1), (2, member, OUT, 1),
        (10, other, IN, 2), (11, team, IN, 2), (12, UPLINK_PORT, IN, 2),
    )  # fmt: skip
    seen = passing(_sightings(*rows), POINTS)
    assert seen.members == {(0, 5, 31), (0, 5, 22)}
    nodes = {node.properties.get("if_index"): node for node in Builder().finish((), POINTS, passed=seen).nodes}
    assert [nodes[index].kind for index in (5, 31, 22)] == [
        NodeKind.TEAM, NodeKind.PHYSICAL_NIC, NodeKind.PHYSICAL_NIC,
    ]  # fmt: skip


def test_a_wire_behind_the_port_of_a_vm_is_not_its_nic() -> None:
    assert passing(_sightings((0, CONTAINER_PORT, OUT, 1), (1, WIRE, OUT, 1)), POINTS).ports == {}


def test_what_a_virtual_adapter_of_an_unknown_switch_sends_has_not_left_the_host() -> None:
    seen = passing(_sightings((0, CONTAINER, OUT, 1), (6, GATEWAY, IN, 1), (12, WIRE, OUT, 2)), POINTS[:3])
    topology = Builder().finish((), POINTS[:3], passed=seen)
    ends = [topology.expected_next(point, OUT).end for point in (CONTAINER, GATEWAY, WIRE)]
    assert ends == [End.UNKNOWN, End.UNKNOWN, End.WIRE]
