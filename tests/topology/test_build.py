"""Topologies of recordings: what is there, from when to when, and what two sources disagree on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab_recordings import START_NS, writer
from networks import (
    HOST_NIC,
    NIC,
    PORT,
    SWITCH,
    VM_ID,
    VM_NIC,
    Event,
    at,
    connected,
    disconnected,
    named_edges,
    node,
    passage,
    topology_at,
    topology_of,
)  # fmt: skip
from wnv.diagnostics import Code, Log
from wnv.providers.facts import Change, Fact, Ref, Thing
from wnv.topology.build import Builder
from wnv.topology.model import ALWAYS, FOREVER, EdgeKind, NodeKind
from wnv_lab.events import hns, lbfo, ndiscap, synthnic, tcpip, vmswitch, winnat
from wnv_lab.events.fields import Named

ENDPOINT = "5c2d5e1f-0000-4000-8000-0000000000e1"
NETWORK = "5c2d5e1f-0000-4000-8000-0000000000f1"
CONTAINER = "36bf51ae39f5334c4961c58e9c2d4ed73491719b2840691d6b265e224da5e233"


class TestNames:
    def test_the_names_inside_packet_events_make_nics_and_their_switch(self, tmp_path: Path) -> None:
        topology = topology_of(tmp_path, [passage(), passage(HOST_NIC), passage(seconds=2)])
        assert named_edges(topology) == [
            ("Container NIC 6a8ea02a", "on_switch", "nat"),
            ("HNS Internal NIC", "on_switch", "nat"),
        ]

    def test_the_nic_of_a_vm_names_its_vm(self, tmp_path: Path) -> None:
        topology = topology_of(tmp_path, [passage(VM_NIC)])
        assert node(topology, VM_ID.lower()).kind is NodeKind.VM
        assert (topology.resolve_nic(VM_NIC.name).owner, topology.resolve_nic(VM_NIC.name).vm) == (
            "vm_nic",
            "VM 5c2d5e1f",
        )

    def test_the_name_of_a_vm_comes_from_other_events(self, tmp_path: Path) -> None:
        named = vmswitch.protocol_version(vm_name="web", vm_id=VM_ID)
        topology = topology_of(tmp_path, [passage(VM_NIC), (2, vmswitch.KIND_102, named)])
        assert topology.resolve_nic(VM_NIC.name).vm == "web"
        assert node(topology, "web/Network Adapter").kind is NodeKind.VM_NIC

    def test_synthnic_tells_the_same_nic_and_that_it_can_bypass_the_switch(self, tmp_path: Path) -> None:
        vm, adapter = VM_NIC.name.split("--")
        said = synthnic.virtual_function(
            vm_name="web", vm_id=vm, nic_guid=adapter, nic_name="fast", vf_id="3", pf_luid="1"
        )
        topology = topology_of(tmp_path, [passage(VM_NIC), (2, synthnic.KIND_12584, said)])
        assert [one.kind for one in topology.nodes if one.kind is NodeKind.VM_NIC] == ["vm_nic"]
        assert topology.resolve_nic(VM_NIC.name).vm == "web"
        assert node(topology, "web/fast").properties["sriov"] == "virtual function 3"

    def test_a_renamed_switch_has_its_last_name(self, tmp_path: Path) -> None:
        renamed = vmswitch.switch_event(Named(SWITCH.name, "frontend"))
        topology = topology_of(tmp_path, [passage(), (2, vmswitch.KIND_66, renamed)])
        assert [one.name for one in topology.nodes if one.kind is NodeKind.VSWITCH] == ["frontend"]
        assert topology.contradictions == []

    def test_equal_names_are_told_apart(self, tmp_path: Path) -> None:
        other = Named("6D2D5E1F-0000-4000-8000-000000000002", NIC.friendly_name)
        topology = topology_of(tmp_path, [passage(), passage(other)])
        names = {one.name for one in topology.nodes if one.kind is NodeKind.CONTAINER_NIC}
        assert names == {"Container NIC 6a8ea02a (5c2d5e1f)", "Container NIC 6a8ea02a (6d2d5e1f)"}


class TestTime:
    def test_a_nic_is_at_its_port_from_when_it_was_connected(self, tmp_path: Path) -> None:
        topology = topology_of(tmp_path, [connected(seconds=2), disconnected(seconds=4)])
        (edge,) = [one for one in topology.edges if one.kind is EdgeKind.CONNECTS]
        assert (edge.from_ns, edge.to_ns) == (at(2), at(4))
        assert topology.resolve_nic(NIC.name, at(3)).port == "Container Port 6a8ea02a"
        assert topology.resolve_nic(NIC.name, at(1)).port == ""
        assert topology.resolve_nic(NIC.name, at(5)).port == ""

    def test_a_nic_that_is_moved_is_at_one_port_at_a_time(self, tmp_path: Path) -> None:
        lan, port = Named("7D2D5E1F-0000-4000-8000-000000000001", "LAN"), Named("7D2D5E1F-0000-4000-8000-000000000002")
        topology = topology_of(tmp_path, [connected(seconds=1), connected(port=port, switch=lan, seconds=3)])
        assert topology.resolve_nic(NIC.name, at(2)).vswitch == "nat"
        assert topology.resolve_nic(NIC.name, at(4)).vswitch == "LAN"
        assert topology.contradictions == []

    def test_what_was_seen_all_along_has_no_bounds(self, tmp_path: Path) -> None:
        topology = topology_of(tmp_path, [passage(seconds=2)])
        assert {(one.from_ns, one.to_ns) for one in topology.nodes} == {(ALWAYS, FOREVER)}
        assert {(one.from_ns, one.to_ns) for one in topology.edges} == {(ALWAYS, FOREVER)}

    def test_a_switch_and_a_nic_can_be_made_and_deleted(self, tmp_path: Path) -> None:
        deleted = vmswitch.operation_done(
            NIC, operation=vmswitch.OPERATION_DELETE, nic_instance_id="5C2D5E1F-0000-4000-8000-000000000002"
        )
        topology = topology_of(
            tmp_path,
            [
                (1, vmswitch.KIND_62, vmswitch.switch_event(SWITCH)),
                connected(seconds=2),
                (3, vmswitch.KIND_233, deleted),
                (4, vmswitch.KIND_64, vmswitch.switch_event(SWITCH)),
            ],
        )
        switch, nic = node(topology, "nat"), node(topology, NIC.name.lower())
        assert (switch.from_ns, switch.to_ns) == (at(1), at(4))
        assert nic.to_ns == at(3)
        assert (node(topology, "nat").confidence, nic.confidence) == (1.0, 0.9)

    def test_what_appears_in_between_was_not_there_before(self, tmp_path: Path) -> None:
        topology = topology_of(tmp_path, [passage(HOST_NIC, seconds=1), connected(seconds=2), passage(seconds=3)])
        assert node(topology, NIC.name.lower()).from_ns == at(2)
        assert node(topology, PORT.name.lower()).from_ns == at(2)
        assert (node(topology, "nat").from_ns, node(topology, HOST_NIC.name.lower()).from_ns) == (ALWAYS, ALWAYS)

    def test_a_port_of_which_frames_have_no_time_begins_with_its_connection(self, tmp_path: Path) -> None:
        frame = ndiscap.SwitchFrameTemplate(8, 8, 3, PORT.name, NIC.name, "Internal").fill(bytes(60))
        whole = ndiscap.frame_keyword(ndiscap.KIND_1003, is_send=True)
        path = tmp_path / "net.etl"
        with writer(path) as etl:
            seconds, kind, payload = connected(seconds=2)
            etl.add(at(seconds), 0, 4, 8, kind, payload)
            etl.add(at(3), 0, 4, 8, ndiscap.KIND_1003, frame, keyword=whole)
        topology = topology_at(path)
        assert [one.name for one in topology.nodes if one.kind is NodeKind.VSWITCH] == ["nat"]
        (edge,) = [one for one in topology.edges if one.kind is EdgeKind.CONNECTS]
        assert edge.from_ns == at(2)
        assert topology.resolve_point(0).vswitch == "nat"

    def test_evidence_names_the_events(self, tmp_path: Path) -> None:
        topology = topology_of(tmp_path, [passage(seconds=1), connected(seconds=2)])
        rows = {one.kind.value: one.evidence for one in topology.edges}
        assert rows["connects"] == (3,)  # two of the session itself come first
        assert topology.nodes[0].evidence[0] == 2


class TestContainers:
    def events(self) -> list[Event]:
        network: dict[str, object] = {
            "ID": NETWORK, "Name": "nat", "Type": "NAT", "SwitchGuid": SWITCH.name, "NatName": "nat1",
            "Subnets": [{"AddressPrefix": "172.20.0.0/16", "GatewayAddress": "172.20.0.1"}],
        }  # fmt: skip
        endpoint: dict[str, object] = {
            "ID": ENDPOINT, "Name": "shop", "VirtualNetwork": NETWORK, "MacAddress": "00-15-5D-01-02-03",
            "IPAddress": "172.20.1.5", "SharedContainers": [CONTAINER],
            "Policies": [{"Type": "VLAN", "VLAN": 20}, {"Type": "PortMapping", "InternalPort": 80,
                                                         "ExternalPort": 8080, "Protocol": "TCP"}],
        }  # fmt: skip
        port = Named(PORT.name, ENDPOINT)
        return [
            (1, hns.KIND_1040, _entity(NETWORK, network)),
            (1, hns.KIND_1041, _entity(ENDPOINT, endpoint)),
            connected(port=port, seconds=2),
        ]

    def test_the_friendly_name_of_the_port_ties_endpoint_and_nic(self, tmp_path: Path) -> None:
        topology = topology_of(tmp_path, self.events())
        place = topology.resolve_nic(NIC.name)
        assert (place.nic, place.container, place.network, place.vswitch) == (
            "Container NIC 6a8ea02a", "shop", "nat", "nat",
        )  # fmt: skip
        nic = node(topology, NIC.name.lower())
        assert (nic.properties["addresses"], nic.properties["vlan"]) == (["172.20.1.5"], 20)
        assert nic.properties["policies"] == ["published port 8080 → 80 TCP"]

    def test_network_nat_and_switch_belong_together(self, tmp_path: Path) -> None:
        instance = winnat.external_address(
            instance_name="nat1", address="10.0.0.10", first_port=1025, last_port=65535
        )  # fmt: skip
        topology = topology_of(tmp_path, [*self.events(), (3, winnat.KIND_1026, instance)])
        edges = named_edges(topology)
        assert ("nat1", "translates", "nat") in edges
        assert ("nat", "carried_by", "nat") in edges
        assert node(topology, "nat1").properties["external_addresses"] == ["10.0.0.10"]

    def test_a_container_shares_the_kernel_unless_its_nic_is_that_of_a_vm(self, tmp_path: Path) -> None:
        topology = topology_of(tmp_path, self.events())
        assert node(topology, "shop").properties["isolation"] == "process"
        of_vm = [*self.events()[:2], connected(VM_NIC, Named(PORT.name, ENDPOINT))]
        topology = topology_of(tmp_path, of_vm)
        assert node(topology, "shop").properties["isolation"] == "hyper-v"

    def test_an_adapter_in_a_compartment_of_its_own_is_that_of_a_container(self, tmp_path: Path) -> None:
        rows = [
            (1, tcpip.KIND_1527_V1, tcpip.interface_rundown(
                if_index=index, if_luid=tcpip.luid(6, index), alias=alias, mac_address=f"00155d00000{index}",
                compartment_id=compartment))
            for index, alias, compartment in ((4, "Ethernet", 1), (7, "vEthernet (Container NIC 6a8ea02a)", 3))
        ]  # fmt: skip
        topology = topology_of(tmp_path, [passage(), *rows])
        place = topology.resolve_nic(NIC.name)
        assert (place.owner, place.compartment, place.nic) == (
            "container_nic", 3, "vEthernet (Container NIC 6a8ea02a)",
        )  # fmt: skip
        assert (place.confidence, place.reason) == (0.9, "two sources use the same name, and no other NIC has it")


class TestTeams:
    def test_members_of_a_team_lead_to_the_only_uplink(self, tmp_path: Path) -> None:
        members = ["6D2D5E1F-0000-4000-8000-00000000000A", "6D2D5E1F-0000-4000-8000-00000000000B"]
        bound = vmswitch.connection(Named("6D2D5E1F-0000-4000-8000-00000000000C", "Team1"), PORT, SWITCH)
        placed = [
            (1, lbfo.KIND_13, lbfo.membership(team_nic=0xFFFF_8000_0000_1000, member=one)) for one in members
        ]  # fmt: skip
        topology = topology_of(tmp_path, [*placed, (2, vmswitch.KIND_17, bound)])
        team = node(topology, "Team1")
        assert team.kind is NodeKind.TEAM
        assert {one.source_id for one in topology.edges if one.kind is EdgeKind.MEMBER} == {
            f"nic:{member.lower()}" for member in members
        }
        assert topology.resolve_nic("6D2D5E1F-0000-4000-8000-00000000000C").is_uplink

    def test_members_of_an_embedded_team_belong_to_the_switch(self, tmp_path: Path) -> None:
        member = vmswitch.team_member(
            SWITCH, Named("6D2D5E1F-0000-4000-8000-00000000000C", "SET"), nic_index=1,
            adapter_guid="6D2D5E1F-0000-4000-8000-00000000000A",
        )  # fmt: skip
        topology = topology_of(tmp_path, [(1, vmswitch.KIND_116, member)])
        assert ("NIC 6d2d5e1f", "member", "nat") in named_edges(topology)


class TestInventory:
    INVENTORY = {  # noqa: RUF012 - a constant
        "format": "wnv-inventory/1",
        "computer": {"Name": "SRV1"},
        "switch_ports": [{
            "SwitchName": "nat", "SwitchId": SWITCH.name, "PortId": 3, "PortName": PORT.name, "NicName": NIC.name,
            "NicFriendlyName": NIC.friendly_name, "NicType": "Internal", "MacAddress": "00-15-5D-01-02-03",
            "VlanId": 20,
        }],
        "containers": {"Id": CONTAINER, "Name": "/shop", "Isolation": "Process", "EndpointIds": ENDPOINT,
                       "CompartmentId": 2},
        "hns_endpoints": [{"ID": ENDPOINT, "Resources": {"Allocators": [{"EndpointPortGuid": PORT.name}]}}],
    }  # fmt: skip

    def test_it_names_what_the_recording_does_not(self, tmp_path: Path) -> None:
        topology = topology_of(tmp_path, [passage()], self.INVENTORY)
        place = topology.resolve_nic(NIC.name)
        assert (topology.hosts[0], place.container, place.compartment) == ("SRV1", "shop", 2)
        assert place.port == "port of Container NIC 6a8ea02a"
        assert (node(topology, NIC.name.lower()).source, topology.inventory) == ("both", "net.inventory.json")

    def test_what_it_contradicts_is_kept_and_said(self, tmp_path: Path) -> None:
        mac = vmswitch.nic_mac(mac_address="00-15-5D-99-99-99", nic=NIC)
        topology = topology_of(tmp_path, [(1, vmswitch.KIND_31, mac)], self.INVENTORY)
        (found,) = topology.contradictions
        assert (found.property, found.values, found.sources) == (
            "mac", ("00:15:5d:99:99:99", "00:15:5d:01:02:03"), ("recording", "inventory"),
        )  # fmt: skip
        nic = node(topology, NIC.name.lower())
        assert nic.properties["mac"] == "00:15:5d:99:99:99"
        rows = dict(zip(*(topology.tables()["nodes"][name] for name in ("node_id", "properties")), strict=True))
        assert json.loads(str(rows[nic.node_id]))["contradictions"][0]["property"] == "mac"

    def test_it_holds_from_when_the_recording_last_said_another_thing(self, tmp_path: Path) -> None:
        lan = Named("7D2D5E1F-0000-4000-8000-000000000001", "LAN")
        other = Named("7D2D5E1F-0000-4000-8000-000000000002")
        events = [connected(port=other, switch=lan, seconds=1), disconnected(port=other, seconds=3)]
        topology = topology_of(tmp_path, events, self.INVENTORY)
        assert [topology.resolve_nic(NIC.name, at(seconds)).vswitch for seconds in (2, 4)] == ["LAN", "nat"]
        assert topology.contradictions == []

    @pytest.mark.parametrize("content", [{"format": "other"}, [], "text", {"format": "wnv-inventory/1", "vms": 7}])
    def test_what_is_no_inventory_counts_and_changes_nothing(self, tmp_path: Path, content: object) -> None:
        log = Log()
        topology = topology_of(tmp_path, [passage()], content, log)
        assert log.has(Code.INVENTORY_INVALID)
        assert len(topology.nodes) == 2


class TestBounds:
    def test_more_things_than_any_host_has_are_counted_and_left_out(self) -> None:
        log = Log()
        builder = Builder(log)
        facts = (Fact(Ref(Thing.VM, (("guid", f"vm{number}"),))) for number in range(20_000))
        topology = builder.finish(facts)
        assert len(topology.nodes) == 16_384
        assert log.count(Code.TOPOLOGY_LIMIT) == 20_000 - 16_384

    def test_a_nic_that_never_rests_costs_no_more_than_it_says(self) -> None:
        nic = Ref(Thing.NIC, (("guid", "n"),))
        topology = Builder().finish(
            Fact(nic, relation="connects", target=Ref(Thing.PORT, (("guid", f"p{number}"),)), change=Change.BEGUN,
                 ts_ns=number)
            for number in range(1_000)
        )  # fmt: skip
        assert len(topology.edges) == 1_000
        assert topology.resolve_nic("n").port.startswith("port of NIC n")
        assert len(topology.places) < 25_000

    def test_events_that_do_not_fit_are_counted(self, tmp_path: Path) -> None:
        log = Log()
        topology = topology_of(
            tmp_path, [passage(), (2, hns.KIND_1040, _text_entity(NETWORK, '{"Type": "NAT", '))], log=log
        )
        assert log.has(Code.RUNDOWN_INVALID)
        assert len(topology.nodes) == 2

    def test_payloads_cut_short_say_nothing(self, tmp_path: Path) -> None:
        seconds, kind, payload = connected()
        topology = topology_of(tmp_path, [(seconds, kind, payload[:n]) for n in range(0, len(payload), 7)])
        assert [one for one in topology.edges if one.kind is EdgeKind.CONNECTS] == []


def _entity(entity_id: str, settings: dict[str, object]) -> bytes:
    return _text_entity(entity_id, json.dumps(settings))


def _text_entity(entity_id: str, settings: str) -> bytes:
    return hns.entity(
        entity_type=hns.ENTITY_NETWORK, entity_id=entity_id, operation_type=hns.OPERATION_CREATE, settings=settings
    )


def test_the_start_is_that_of_the_writer() -> None:
    assert at(0) == START_NS
