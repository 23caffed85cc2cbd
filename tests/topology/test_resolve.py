"""Places of points: at a NIC, at a layer of its stack, at a port."""

from __future__ import annotations

from wnv.packets.points import Point, PointKind
from wnv.providers.facts import Fact, Ref, Thing
from wnv.topology.build import Builder
from wnv.topology.model import Topology

ADAPTER = Point(("ndiscap", 0), kind=PointKind.MINIPORT, details={"miniport_if_index": 4, "if_index": 4})
FILTER = Point(("ndiscap", 1), kind=PointKind.FILTER, details={"miniport_if_index": 4, "if_index": 9, "layer": "WFP"})
PORT = Point(
    ("ndiscap.port", 2), kind=PointKind.HOST_VNIC,
    details={"if_index": 8, "port_id": 3, "port": "p", "nic": "n", "nic_type": "Internal", "vswitch": "LAN"},
)  # fmt: skip
SWITCH = Point(("ndiscap.switch", 8), kind=PointKind.SWITCH_PORT, details={"if_index": 8})
OTHER = Point(("ras", 0), kind=PointKind.VPN, description="VPN connection of bob")


def _topology(*facts: Fact) -> Topology:
    return Builder().finish(facts, [ADAPTER, FILTER, PORT, SWITCH, OTHER])


def test_a_layer_and_its_adapter_are_one_station() -> None:
    topology = _topology(Fact(Ref(Thing.NIC, (("if_index", 4),)), {"alias": "Ethernet"}))
    adapter, layer = topology.resolve_point(0), topology.resolve_point(1)
    assert (adapter.name, adapter.kind, layer.name, layer.nic) == (
        "Ethernet",
        "miniport",
        "WFP on Ethernet",
        "Ethernet",
    )
    assert adapter.station == layer.station >= 0


def test_a_port_has_the_nic_that_is_connected() -> None:
    place = _topology().resolve_point(2)
    assert (place.kind, place.nic, place.vswitch, place.port, place.owner) == (
        "host_vnic", "n", "LAN", "port of n", "host_vnic",
    )  # fmt: skip
    assert place.switch == _topology().resolve_point(3).switch


def test_the_name_of_a_port_or_nic_leads_to_the_same_station() -> None:
    topology = _topology()
    assert topology.resolve_nic("n").station == topology.resolve_nic("p").station == topology.resolve_point(2).station


def test_a_point_outside_of_the_virtual_network_has_only_its_description() -> None:
    place = _topology().resolve_point(4)
    assert (place.kind, place.name, place.nic, place.station) == ("vpn", "VPN connection of bob", "", -1)


def test_a_container_and_its_compartment() -> None:
    nic, container = Ref(Thing.NIC, (("name", "n"),)), Ref(Thing.CONTAINER, (("id", "shop"),))
    compartment = Ref(Thing.COMPARTMENT, (("id", 3),))
    network = Ref(Thing.NETWORK, (("guid", "w"),))
    place = _topology(
        Fact(container, relation="owns", target=nic), Fact(container, relation="in_compartment", target=compartment),
        Fact(network, {"friendly_name": "nat"}), Fact(nic, relation="on_network", target=network),
    ).resolve_point(2)  # fmt: skip
    assert (place.container, place.compartment, place.network, place.owner) == ("shop", 3, "nat", "container_nic")


def test_an_uplink_leads_out() -> None:
    switch = Ref(Thing.VSWITCH, (("if_index", 8),))
    place = _topology(Fact(Ref(Thing.NIC, (("name", "u"),)), relation="uplink", target=switch)).resolve_nic("u")
    assert (place.is_uplink, place.vswitch, place.owner) == (True, "LAN", "physical_nic")
