"""What single VmSwitch events say, by the fields they have."""

from __future__ import annotations

import pytest

from wnv.providers.facts import Change, Fact, Thing
from wnv.providers.vmswitch_control import IDS, NAMING_IDS, facts

NIC, SWITCH, PORT = (f"5c2d5e1f-0000-4000-8000-00000000000{number}" for number in range(3))
NAMES = {
    "NicName": NIC, "NicFName": "Ethernet", "SwitchName": SWITCH, "SwitchFName": "LAN", "PortName": PORT,
    "PortFName": "uplink",
}  # fmt: skip


def _relations(found: list[Fact]) -> list[tuple[str, str, Change]]:
    return [(one.subject.thing.value, one.relation, one.change) for one in found if one.relation]


class TestRelations:
    def test_a_bound_nic_is_the_uplink(self) -> None:
        assert _relations(list(facts(17, NAMES))) == [
            ("vswitch", "has_port", Change.SEEN), ("nic", "connects", Change.BEGUN), ("nic", "uplink", Change.BEGUN),
        ]  # fmt: skip

    def test_a_connected_nic_is_on_the_switch(self) -> None:
        assert ("nic", "on_switch", Change.BEGUN) in _relations(list(facts(232, NAMES)))

    def test_a_disconnection_ends_both(self) -> None:
        found = list(facts(234, {"NicName": NIC, "PortName": PORT}))
        assert _relations(found) == [("nic", "connects", Change.ENDED), ("nic", "on_switch", Change.ENDED)]
        assert {one.confidence for one in found} == {0.9}

    def test_only_the_operation_that_is_known_deletes(self) -> None:
        assert [one.change for one in facts(233, {**NAMES, "Operation": 8})][-1] is Change.ENDED
        assert {one.change for one in facts(233, {**NAMES, "Operation": 3})} == {Change.SEEN}

    def test_a_routed_packet_names_two_nics(self) -> None:
        fields = {"SrcNicName": NIC, "DestNicName": PORT, "SwitchName": SWITCH}
        assert _relations(list(facts(57, fields))) == [("nic", "on_switch", Change.SEEN)] * 2

    def test_a_team_member_that_could_not_be_taken_is_none(self) -> None:
        fields = {**NAMES, "NetCfgInstanceId": PORT}
        assert ("nic", "member", Change.SEEN) in _relations(list(facts(116, fields)))
        assert ("nic", "member", Change.SEEN) not in _relations(list(facts(116, {**fields, "Status": 5})))


class TestProperties:
    @pytest.mark.parametrize(
        ("event_id", "fields", "thing", "said"),
        [
            (31, {"MacAddress": "00-15-5D-01-02-03"}, Thing.NIC, {"mac": "00:15:5d:01:02:03"}),
            (22, {}, Thing.NIC, {"media": "disconnected"}),
            (89, {"VirtualSubnetId": 5001, "EnableDhcpGuard": True}, Thing.PORT, {"vsid": 5001, "dhcp_guard": True}),
            (102, {"VMName": "web", "VMId": NIC}, Thing.VM, {"friendly_name": "web"}),
            (219, {"RoutingDomainCount": 2}, Thing.PORT, {"routing_domains": 2}),
        ],
    )
    def test_of(self, event_id: int, fields: dict[str, object], thing: Thing, said: dict[str, object]) -> None:
        found = [one.properties for one in facts(event_id, {**NAMES, **fields}) if one.subject.thing is thing]
        assert any(said.items() <= properties.items() for properties in found)

    def test_the_name_of_a_vm_comes_with_its_drops(self) -> None:
        fields = {**NAMES, "NicName": f"{NIC}--{PORT}", "VMName": "web"}
        (vm,) = [one for one in facts(33, fields) if one.subject.thing is Thing.VM and one.properties]
        assert (vm.subject.keys, vm.properties) == ((("guid", NIC),), {"friendly_name": "web"})


@pytest.mark.parametrize("event_id", sorted({*IDS, *NAMING_IDS}))
def test_events_without_names_say_nothing_of_a_thing(event_id: int) -> None:
    assert list(facts(event_id, {})) == []
