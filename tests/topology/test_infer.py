"""What is tied together although no source says so, and where that is not done."""

from __future__ import annotations

from typing import Any

from networks import named_edges, node
from wnv.providers.facts import Fact, Key, Ref, Thing
from wnv.topology.build import Builder
from wnv.topology.model import NodeKind, Topology


def _nic(*keys: Key, **said: Any) -> Fact:  # Any: values of properties
    return Fact(Ref(Thing.NIC, keys), said)


def _switch(*keys: Key, **said: Any) -> Fact:  # Any: values of properties
    return Fact(Ref(Thing.VSWITCH, keys), said)


def _on(nic: Fact, switch: Fact, relation: str = "on_switch") -> Fact:
    return Fact(nic.subject, relation=relation, target=switch.subject)


def _topology(*facts: Fact) -> Topology:
    return Builder().finish(facts)


def _count(topology: Topology, kind: NodeKind) -> int:
    return sum(one.kind is kind for one in topology.nodes)


class TestSwitches:
    def test_known_by_index_and_by_guid_through_a_nic_of_both(self) -> None:
        nic = _nic(("name", "x"))
        by_index, by_guid = _switch(("if_index", 8)), _switch(("guid", "g"), friendly_name="nat")
        topology = _topology(nic, by_index, by_guid, _on(nic, by_index), _on(nic, by_guid))
        assert _count(topology, NodeKind.VSWITCH) == 1
        assert topology.contradictions == []

    def test_a_text_alone_is_the_switch_of_that_name_unless_there_are_two(self) -> None:
        text = _switch(("name", "nat"))
        named = [_switch(("guid", guid), friendly_name="nat") for guid in "ab"]
        assert _count(_topology(text, named[0]), NodeKind.VSWITCH) == 1
        assert _count(_topology(text, *named), NodeKind.VSWITCH) == 3


class TestNics:
    HOST = _nic(("if_index", 7), alias="vEthernet (nat)")

    def test_the_hosts_adapter_is_named_after_the_switchs_nic(self) -> None:
        topology = _topology(self.HOST, _nic(("name", "x"), friendly_name="nat"))
        (nic,) = topology.nodes
        assert (nic.confidence, nic.reason) == (0.9, "two sources use the same name, and no other NIC has it")

    def test_not_where_two_have_that_name(self) -> None:
        others = [_nic(("name", name), friendly_name="nat") for name in "xy"]
        assert _count(_topology(self.HOST, *others), NodeKind.NIC) == 2

    def test_a_nic_named_by_text_is_the_one_of_that_friendly_name(self) -> None:
        switch = _switch(("guid", "g"), friendly_name="nat")
        by_text, by_guid = _nic(("name", "web"), nic_name="web"), _nic(("guid", "n"), friendly_name="Web")
        ports = [Ref(Thing.PORT, keys) for keys in ((("switch_port", "8:3"),), (("guid", "p"),))]
        connects = [
            Fact(nic.subject, relation="connects", target=port)
            for nic, port in zip((by_text, by_guid), ports, strict=True)
        ]  # fmt: skip
        topology = _topology(switch, by_text, by_guid, *connects, _on(by_text, switch), _on(by_guid, switch))
        assert (len(topology.nodes), topology.contradictions) == (3, [])

    def test_the_nic_of_a_vm_is_never_an_adapter_of_the_host(self) -> None:
        topology = _topology(
            _nic(("if_index", 7), alias="Ethernet"), _nic(("name", "v"), friendly_name="Ethernet", kind="vm_nic")
        )
        assert len(topology.nodes) == 2

    def test_an_endpoint_is_the_virtual_nic_with_its_mac(self) -> None:
        mac = "00:15:5d:01:02:03"
        endpoint, nic = _nic(("endpoint", "e"), mac=mac), _nic(("if_index", 7), mac=mac, alias="vEthernet (x)")
        assert len(_topology(endpoint, nic).nodes) == 1
        assert len(_topology(endpoint, _nic(("if_index", 7), mac=mac, is_hardware=True)).nodes) == 2
        assert len(_topology(endpoint, nic, _nic(("if_index", 8), mac=mac)).nodes) == 3

    def test_the_only_adapter_without_an_ip_interface_is_the_only_uplink(self) -> None:
        uplink, switch = _nic(("name", "x"), friendly_name="Ethernet"), _switch(("guid", "g"))
        adapters = [_nic(("if_index", index), source_name=f"Intel {index}") for index in (4, 5)]
        stack = Fact(adapters[1].subject, relation="in_compartment", target=Ref(Thing.COMPARTMENT, (("id", 1),)))
        topology = _topology(uplink, switch, _on(uplink, switch, "uplink"), *adapters, stack)
        assert topology.resolve_nic("x").nic == "Ethernet"
        assert node(topology, "Ethernet").properties["if_index"] == 4
        both = _topology(uplink, switch, _on(uplink, switch, "uplink"), *adapters)
        assert "if_index" not in node(both, "Ethernet").properties


class TestContainers:
    def test_a_short_id_is_the_long_one_that_begins_so(self) -> None:
        short, long = (Fact(Ref(Thing.CONTAINER, (("id", "0123456789abcdef"[:n]),))) for n in (12, 16))
        assert len(_topology(short, long).nodes) == 1


class TestRelations:
    def test_a_network_is_carried_by_the_switch_of_its_name(self) -> None:
        network = Fact(Ref(Thing.NETWORK, (("guid", "n"),)), {"friendly_name": "nat", "type": "nat"})
        topology = _topology(network, _switch(("guid", "g"), friendly_name="NAT"))
        (edge,) = topology.edges
        assert (edge.kind.value, edge.confidence) == ("carried_by", 0.9)

    def test_a_nat_leads_out_by_the_nic_with_its_address(self) -> None:
        nat = Fact(Ref(Thing.NAT, (("name", "n"),)), {"external_addresses": ["10.0.0.10"]})
        nics = [_nic(("if_index", index), alias=f"NIC{index}", addresses=["10.0.0.10"]) for index in (4, 5)]
        assert named_edges(_topology(nat, nics[0])) == [("n", "outside", "NIC4")]
        assert _topology(nat, *nics).edges == []
        by_index = Fact(nat.subject, {"external_if_index": 5})
        assert named_edges(_topology(nat, *nics, by_index)) == [("n", "outside", "NIC5")]

    def test_lbfos_driver_is_bound_to_the_members_of_the_only_team(self) -> None:
        team = _nic(("if_index", 12), alias="Team1", kind="team")
        member = _nic(("if_index", 4), alias="NIC1")
        driver = Fact(Ref(Thing.LAYER, (("component", 3),)), {"layer": "protocol", "driver": "NdisImPlatform.sys"})
        bound = Fact(driver.subject, relation="stacked_on", target=member.subject)
        assert ("NIC1", "member", "Team1") in named_edges(_topology(team, member, driver, bound))
