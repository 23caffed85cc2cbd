"""What a point says of the virtual network."""

from __future__ import annotations

import pytest

from wnv.packets.points import Point
from wnv.providers.facts import Thing
from wnv.topology.points import point_facts


@pytest.mark.parametrize(
    ("key", "details", "things"),
    [
        ("ndiscap", {"miniport_if_index": 4, "if_index": 4}, {Thing.NIC}),
        ("ndiscap", {"miniport_if_index": 4, "if_index": 9}, {Thing.NIC, Thing.LAYER}),
        ("ndiscap.switch", {"if_index": 8}, {Thing.VSWITCH}),
        ("pktmon", {"component": 3, "component_type": "Miniport"}, {Thing.NIC}),
        ("pktmon", {"component": 3, "component_type": "Filter"}, {Thing.LAYER}),
        ("pktmon", {"component": 3}, {Thing.LAYER}),
        ("ras", {}, set()),
        ("ndiscap", {}, set()),
        ("ndiscap.port", {"if_index": 8}, set()),
    ],
)
def test_things_of(key: str, details: dict[str, str | int], things: set[Thing]) -> None:
    assert {one.subject.thing for one in point_facts(Point((key, 0), details=details), 5)} == things


@pytest.mark.parametrize(
    ("nic_type", "relation"), [("External", "uplink"), ("Internal", "on_switch"), ("", "on_switch")]
)
def test_a_port_with_its_nic(nic_type: str, relation: str) -> None:
    details: dict[str, str | int] = {"if_index": 8, "port_id": 3, "port": "p", "nic": "n", "nic_type": nic_type}
    found = point_facts(Point(("ndiscap.port", 0), details=details), 5)
    assert {one.relation for one in found if one.relation} == {"has_port", "connects", relation}
    (port,) = {one.target for one in found if one.relation == "has_port"}
    assert port is not None
    assert port.keys == (("name", "p"), ("switch_port", "8:3"), ("point", 5))
