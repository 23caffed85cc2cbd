"""JSON of HNS in both of its versions, and what else may stand in its events."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.providers.facts import Change, Fact, Thing
from wnv.providers.hns import facts, parse_objects

NETWORK, ENDPOINT, PORT, SPACE = (f"5c2d5e1f-0000-4000-8000-00000000000{number}" for number in range(4))


def _said(settings: object, **fields: object) -> list[Fact]:
    return list(facts(1040, {"EntityId": NETWORK, "Settings": json.dumps(settings), "Result": 0, **fields}))


def _properties(found: list[Fact], thing: Thing) -> dict[str, object]:
    return {name: value for one in found if one.subject.thing is thing for name, value in one.properties.items()}


class TestNetworks:
    def test_version_1(self) -> None:
        found = _said({
            "ID": NETWORK, "Name": "ov", "Type": "Overlay", "SwitchGuid": PORT, "SwitchName": "External",
            "Subnets": [{"AddressPrefix": "10.244.1.0/24", "GatewayAddress": "10.244.1.1",
                         "Policies": [{"Type": "VSID", "VSID": 4096}]}],
        })  # fmt: skip
        assert _properties(found, Thing.NETWORK) == {
            "friendly_name": "ov", "type": "overlay", "subnets": ["10.244.1.0/24"], "gateways": ["10.244.1.1"],
            "vsid": 4096,
        }  # fmt: skip
        assert [one.relation for one in found if one.relation] == ["carried_by"]

    def test_version_2(self) -> None:
        found = _said({
            "Id": NETWORK, "Name": "l2", "Type": "L2Bridge",
            "Ipams": [{"Subnets": [{"IpAddressPrefix": "10.0.0.0/24", "Routes": [{"NextHop": "10.0.0.1"}],
                                    "Policies": [{"Type": "VLAN", "Settings": {"IsolationId": 20}}]}]}],
        })  # fmt: skip
        said = _properties(found, Thing.NETWORK)
        assert (said["type"], said["subnets"], said["gateways"], said["vlan"]) == (
            "l2bridge", ["10.0.0.0/24"], ["10.0.0.1"], 20,
        )  # fmt: skip


class TestEndpoints:
    def test_version_2_with_its_namespace(self) -> None:
        found = _said({
            "Id": ENDPOINT, "HostComputeNetwork": NETWORK, "HostComputeNamespace": SPACE,
            "IpConfigurations": [{"IpAddress": "10.244.1.5", "PrefixLength": 24}], "MacAddress": "00-15-5D-01-02-03",
        })  # fmt: skip
        assert _properties(found, Thing.NIC) == {
            "mac": "00:15:5d:01:02:03", "addresses": ["10.244.1.5"], "namespace": SPACE,
        }  # fmt: skip

    def test_a_namespace_puts_endpoints_and_containers_into_a_compartment(self) -> None:
        found = _said({
            "Id": SPACE, "NamespaceId": 3,
            "Resources": [{"Type": "Endpoint", "Data": {"Id": ENDPOINT}}, {"Type": "Container", "Data": {"Id": "c1"}}],
        })  # fmt: skip
        assert [(one.subject.thing, one.relation) for one in found if one.relation] == [
            (Thing.NIC, "in_compartment"), (Thing.CONTAINER, "in_compartment"),
        ]  # fmt: skip
        assert _said({"Id": SPACE, "NamespaceId": 0, "Resources": []}) == []  # no container has started in it yet

    def test_an_attachment_names_endpoint_and_network(self) -> None:
        (found,) = facts(1057, {"EndpointId": ENDPOINT, "NetworkId": NETWORK, "Result": 0})
        assert (found.subject.keys, found.relation) == ((("endpoint", ENDPOINT),), "on_network")


class TestRequests:
    def test_what_failed_says_nothing(self) -> None:
        assert _said({"ID": NETWORK, "Type": "NAT"}, Result=0x80070057) == []

    @pytest.mark.parametrize(("entity", "thing"), [("HostComputeEndpoint", Thing.NIC), ("Network", Thing.NETWORK)])
    def test_a_request_to_delete_ends_it(self, entity: str, thing: Thing) -> None:
        (found,) = facts(1055, {"Request": "DELETE", "Entity": entity, "Id": NETWORK, "Data": ""})
        assert (found.subject.thing, found.change) == (thing, Change.ENDED)


class TestDamage:
    @pytest.mark.parametrize("text", ["{", "[" * 100_000, "x" * (1 << 20) + "x"])
    def test_what_is_no_json_is_an_error_of_value(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_objects(text)

    @given(st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
            ["ID", "Id", "Type", "Name", "VirtualNetwork", "Policies", "Settings", "Subnets", "Ipams", "Resources",
             "Allocators", "Namespace", "CompartmentId", "SharedContainers", "NamespaceId", "Data", "ContainerID"]),
            inner | st.sampled_from(["NAT", NETWORK, "Endpoint"]), max_size=5),
        max_leaves=15))  # fmt: skip
    def test_no_json_raises(self, value: object) -> None:
        _said(value)
