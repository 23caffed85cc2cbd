"""Interfaces, addresses and compartments of the host's stack."""

from __future__ import annotations

from wnv.providers.facts import Thing
from wnv.providers.tcpip import facts


def test_an_interface_with_its_compartment() -> None:
    fields = {"IfIndex": 7, "Compartment": 3, "IfAlias": "vEthernet (nat)", "DLAddress": "00155d010203"}
    nic, compartment, relation = facts(1527, fields)
    assert nic.properties == {"alias": "vEthernet (nat)", "mac": "00:15:5d:01:02:03"}
    assert (compartment.subject.thing, compartment.subject.keys) == (Thing.COMPARTMENT, (("id", 3),))
    assert relation.relation == "in_compartment"


def test_an_address_of_either_family() -> None:
    v4 = {"IfIndex": 7, "IPProtocol": 2, "IPv4Address": "10.0.0.5", "IPv6Address": "::"}
    v6 = {"IfIndex": 7, "IPProtocol": 23, "IPv4Address": "0.0.0.0", "IPv6Address": "fe80::1", "CompartmentId": 1}
    assert [one.properties for one in facts(1202, v4)] == [{"addresses": ["10.0.0.5"]}]
    assert next(iter(facts(1202, v6))).properties == {"addresses": ["fe80::1"]}
    assert next(iter(facts(1202, {**v4, "IPv4Address": "0.0.0.0"}))).properties == {}


def test_nothing_without_an_interface() -> None:
    assert list(facts(1527, {"IfIndex": 0, "Compartment": 3})) == []
    assert list(facts(1527, {})) == []


def test_loopback_is_told() -> None:
    assert next(iter(facts(1527, {"IfIndex": 1, "InterfaceType": 24}))).properties == {"is_loopback": True}
