"""Inventories: every section by itself, and whatever else a file may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from networks import named_edges, node
from wnv.clock import NO_TIME
from wnv.diagnostics import Code, Log
from wnv.topology.build import Builder
from wnv.topology.inventory import FORMAT, host_name, inventory_facts, parse_inventory, taken_ns
from wnv.topology.model import NodeKind, Topology

SECTIONS = (
    "adapters", "teams", "switches", "switch_ports", "vms", "containers", "compartments", "interfaces", "addresses",
    "hns_networks", "hns_endpoints", "hns_namespaces", "nats", "nat_external_addresses", "nat_static_mappings",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["Name", "Id", "ID", "ifIndex", "Policies", "Subnets", "SwitchId", "PortName", "NicName", "Type",
         "CompartmentId", "Resources", "Members", "MacAddress", "Filters", "VMId"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def _topology(**sections: Any) -> Topology:  # Any: JSON
    return Builder().finish(inventory_facts({"format": FORMAT, **sections}))


ADAPTERS = [
    {"Name": name, "InterfaceDescription": "Intel X710", "ifIndex": index, "InterfaceGuid": f"{{{guid}}}",
     "MacAddress": "3C-EC-EF-00-00-01", "Virtual": False, "Filters": [{"Name": "top", "ifIndex": index + 20},
                                                                     {"Name": "low", "ifIndex": index + 10}]}
    for index, name, guid in ((4, "NIC1", "5c2d5e1f-0000-4000-8000-000000000001"),
                              (5, "NIC2", "5c2d5e1f-0000-4000-8000-000000000002"))
]  # fmt: skip


class TestSections:
    def test_adapters_with_filters_top_first(self) -> None:
        topology = _topology(adapters=ADAPTERS[0])
        assert node(topology, "NIC1").kind is NodeKind.PHYSICAL_NIC
        assert {one.name: one.properties["order"] for one in topology.nodes if one.kind is NodeKind.LAYER} == {
            "low": 0, "top": 1,
        }  # fmt: skip

    def test_an_adapter_with_rdma(self) -> None:
        topology = _topology(adapters=[{"Name": "S1", "ifIndex": 4, "RdmaEnabled": True}, {"Name": "S2", "ifIndex": 5}])
        assert [(one.name, one.properties.get("rdma")) for one in topology.nodes] == [("S1", True), ("S2", None)]

    def test_a_team_is_a_nic_above_its_members(self) -> None:
        team = {"Name": "Team1", "ifIndex": 12, "Virtual": True}
        topology = _topology(
            adapters=[*ADAPTERS, team], teams={"Name": "Team1", "Members": ["NIC1", "NIC2"], "TeamNics": "Team1"}
        )
        assert node(topology, "Team1").kind is NodeKind.TEAM
        assert [edge for edge in named_edges(topology) if edge[1] == "member"] == [
            ("NIC1", "member", "Team1"), ("NIC2", "member", "Team1"),
        ]  # fmt: skip

    @pytest.mark.parametrize(("embedded", "relation"), [(False, "uplink"), (True, "member")])
    def test_a_switch_with_its_uplink_or_embedded_team(self, embedded: bool, relation: str) -> None:
        switch = {
            "Name": "LAN", "Id": "5c2d5e1f-0000-4000-8000-000000000009", "SwitchType": 2, "NetAdapterNames": ["NIC1"],
            "EmbeddedTeamingEnabled": embedded,
        }  # fmt: skip
        topology = _topology(adapters=ADAPTERS, switches=[switch])
        assert ("NIC1", relation, "LAN") in named_edges(topology)
        assert node(topology, "LAN").properties["type"] == "external"

    def test_a_vm_by_its_port(self) -> None:
        port = {
            "SwitchName": "LAN", "SwitchId": "5c2d5e1f-0000-4000-8000-000000000009", "PortId": 4,
            "PortName": "5C2D5E1F-0000-4000-8000-000000000007", "NicFriendlyName": "Network Adapter",
            "NicName": "5C2D5E1F-0000-4000-8000-000000000005--5C2D5E1F-0000-4000-8000-000000000006",
            "NicType": "Synthetic", "VMName": "web", "VMId": "5C2D5E1F-0000-4000-8000-000000000005", "VlanId": 20,
            "DhcpGuard": True, "HasSriov": True, "Acls": {"Name": "no-smtp"},
        }  # fmt: skip
        topology = _topology(switch_ports=port)
        place = topology.resolve_nic(str(port["NicName"]))
        assert (place.vm, place.nic, place.vswitch, place.port) == (
            "web", "web/Network Adapter", "LAN", "port of web/Network Adapter",
        )  # fmt: skip
        said = node(topology, place.port).properties
        assert (said["vlan"], said["dhcp_guard"], said["policies"]) == (20, True, ["ACL no-smtp"])
        assert node(topology, place.nic).properties["sriov"] == "SR-IOV"

    def test_nat_with_addresses_and_published_ports(self) -> None:
        topology = _topology(
            nats={"Name": "nat1", "InternalIPInterfaceAddressPrefix": "172.20.0.0/16"},
            nat_external_addresses={"NatName": "nat1", "IPAddress": "10.0.0.10"},
            nat_static_mappings={"NatName": "nat1", "Protocol": "TCP", "ExternalIPAddress": "10.0.0.10",
                                 "ExternalPort": 8080, "InternalIPAddress": "172.20.1.5", "InternalPort": 80},
            hns_networks={"ID": "5c2d5e1f-0000-4000-8000-000000000011", "Name": "nat", "Type": "NAT",
                          "Subnets": {"AddressPrefix": "172.20.0.0/16"}},
        )  # fmt: skip
        said = node(topology, "nat1").properties
        assert said["external_addresses"] == ["10.0.0.10"]
        assert said["mappings"] == ["TCP 10.0.0.10:8080 → 172.20.1.5:80"]
        (edge,) = topology.edges
        assert (edge.kind.value, edge.confidence, edge.reason) == (
            "translates", 0.9, "the NAT translates the network's subnet",
        )  # fmt: skip

    def test_compartments_of_namespaces_and_interfaces(self) -> None:
        topology = _topology(
            adapters=ADAPTERS[0], interfaces={"ifIndex": 4, "CompartmentId": 1},
            addresses=[{"ifIndex": 4, "IPAddress": "10.0.0.10"}],
            hns_namespaces={"ID": "x", "CompartmentId": 3, "Containers": ["shop"]},
        )  # fmt: skip
        assert node(topology, "NIC1").properties["addresses"] == ["10.0.0.10"]
        assert ("shop", "in_compartment", "3") in named_edges(topology)


class TestDamage:
    @pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"format": "other"}', b"[" * 100_000])
    def test_what_is_no_inventory_counts(self, content: bytes) -> None:
        log = Log()
        assert parse_inventory(content, log) == {}
        assert log.count(Code.INVENTORY_INVALID) == 1

    def test_with_or_without_a_byte_order_mark(self) -> None:
        for start in (b"", b"\xef\xbb\xbf"):
            parsed = parse_inventory(start + b'{"format": "wnv-inventory/1", "computer": {"Name": "SRV1"}}', Log())
            assert host_name(parsed) == "SRV1"

    def test_rows_that_are_none_count(self) -> None:
        log = Log()
        assert list(inventory_facts({"format": FORMAT, "vms": [1, "x"]}, 0, log)) == []
        assert log.count(Code.INVENTORY_INVALID) == 2

    @given(st.dictionaries(st.sampled_from(SECTIONS), JSON, max_size=6))
    def test_no_content_raises(self, sections: dict[str, object]) -> None:
        _topology(**sections)


def test_the_page_of_the_format_names_every_section() -> None:
    page = Path("docs/formats/inventory.md").read_text(encoding="utf-8")
    assert [section for section in SECTIONS if f"`{section}`" not in page] == []
    assert f'"{FORMAT}"' in page


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 61), ("1970-01-01T01:01:00.5+01:00", 60.5), ("1970-01-01T00:01:00", 61),
        ("yesterday", None), ("9999-12-31T23:59:59Z", None), (7, None), (None, None),
    ],
)  # fmt: skip
def test_when_it_was_taken(text: object, seconds: float | None) -> None:
    expected = NO_TIME if seconds is None else int(seconds * 1e9)
    assert taken_ns({"computer": {"CollectedUtc": text}}) == expected
    assert taken_ns({"computer": []}) == NO_TIME
