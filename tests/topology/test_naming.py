"""Names for people, from the best to the last resort."""

from __future__ import annotations

from typing import Any

import pytest

from wnv.providers.facts import Fact, Key, Ref, Thing
from wnv.topology.build import Builder

GUID = "5c2d5e1f-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("thing", "keys", "said", "name"),
    [
        (Thing.NIC, (("if_index", 4),), {"alias": "Ethernet", "description": "Intel"}, "Ethernet"),
        (Thing.NIC, (("if_index", 4),), {"description": "Intel"}, "Intel"),
        (Thing.NIC, (("if_index", 4),), {}, "NIC ifIndex 4"),
        (Thing.NIC, (("guid", GUID),), {"friendly_name": GUID}, "NIC 5c2d5e1f"),
        (Thing.VSWITCH, (("guid", GUID),), {}, "vSwitch 5c2d5e1f"),
        (Thing.VSWITCH, (("name", "lan"),), {}, "lan"),
        (Thing.COMPARTMENT, (("id", 3),), {}, "3"),
        (Thing.CONTAINER, (("id", "0123456789abcdef"),), {}, "0123456789ab"),
        (Thing.PORT, (("guid", GUID),), {"port_id": 7}, "port 7"),
        (Thing.TEAM, (("address", 0x1000),), {}, "team"),
        (Thing.NETWORK, (("guid", GUID),), {"friendly_name": "nat"}, "nat"),
    ],
)
def test_names(thing: Thing, keys: tuple[Key, ...], said: dict[str, Any], name: str) -> None:
    (node,) = Builder().finish([Fact(Ref(thing, keys), said)]).nodes
    assert node.name == name


@pytest.mark.parametrize(("endpoint", "name"), [("shop", "shop"), ("Ethernet", "0123456789ab"), (GUID, "0123456789ab")])
def test_a_container_takes_the_name_of_its_endpoint_if_that_is_one(endpoint: str, name: str) -> None:
    container, nic = Ref(Thing.CONTAINER, (("id", "0123456789abcdef"),)), Ref(Thing.NIC, (("endpoint", "e"),))
    facts = [Fact(nic, {"endpoint_name": endpoint}), Fact(container, relation="owns", target=nic)]
    topology = Builder().finish(facts)
    (node,) = [one for one in topology.nodes if one.node_id.startswith("container")]
    assert node.name == name
    assert (node.confidence < 1) == (name == endpoint)


def test_a_node_knows_what_it_is_part_of() -> None:
    switch, port = Ref(Thing.VSWITCH, (("guid", "s"),)), Ref(Thing.PORT, (("guid", "p"),))
    topology = Builder().finish([Fact(switch, relation="has_port", target=port)])
    assert {one.node_id: one.parent for one in topology.nodes} == {"vswitch:s": "", "port:p": "vswitch:s"}


@pytest.mark.parametrize(
    ("guids", "marks"),
    [
        ((GUID, "6d2d5e1f-0000-4000-8000-000000000001"), ("5c2d5e1f", "6d2d5e1f")),
        ((GUID, "5c2d5e1f-0000-4000-8000-000000000002"), ("000000000001", "000000000002")),
        ((GUID, "5c2d5e1f-0000-4000-8001-000000000001"), (GUID, "5c2d5e1f-0000-4000-8001-000000000001")),
    ],
)
def test_nodes_of_one_name_are_told_apart_by_as_little_of_their_guids_as_does(
    guids: tuple[str, str], marks: tuple[str, str]
) -> None:
    facts = [Fact(Ref(Thing.NIC, (("guid", guid),)), {"friendly_name": "Network Adapter"}) for guid in guids]
    assert [node.name for node in Builder().finish(facts).nodes] == [f"Network Adapter ({mark})" for mark in marks]
