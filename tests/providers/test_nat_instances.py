"""Instances of WinNat."""

from __future__ import annotations

import pytest

from wnv.providers.facts import Change
from wnv.providers.nat_instances import facts, prefix_text


def test_an_instance_by_its_inside_prefix() -> None:
    (nat,) = facts(1019, {
        "InstanceName": "nat1", "PrefixLength": 16, "AddressPrefix": 0x14AC, "CompartmentId": 1, "InstanceType": 1,
        "ExternalInterfaceIndex": 4,
    })  # fmt: skip
    assert nat.properties == {
        "friendly_name": "nat1", "prefix": "172.20.0.0/16", "compartment": 1, "external_if_index": 4,
    }  # fmt: skip
    assert nat.change is Change.BEGUN


def test_outside_addresses_and_published_ports() -> None:
    (address,) = facts(1026, {"InstanceName": "nat1", "IPAddress": "10.0.0.10:0"})
    assert address.properties["external_addresses"] == ["10.0.0.10"]
    (mapping,) = facts(1029, {
        "InstanceName": "nat1", "TransportProtocol": 6, "ExternalTransportAddress": "10.0.0.10:8080",
        "InternalTransportAddress": "172.20.1.5:80",
    })  # fmt: skip
    assert mapping.properties["mappings"] == ["TCP 10.0.0.10:8080 → 172.20.1.5:80"]


@pytest.mark.parametrize(
    ("number", "n_bits", "text"),
    [("10.1.0.0", 16, "10.1.0.0/16"), (0x14AC, 16, "172.20.0.0/16"), (0, 16, ""), (1, 0, ""), (1, 33, ""),
     (1 << 32, 8, ""), ("none", 8, ""), (None, None, "")],
)  # fmt: skip
def test_prefixes(number: object, n_bits: object, text: str) -> None:
    assert prefix_text(number, n_bits) == text


def test_nothing_without_a_name() -> None:
    assert list(facts(1019, {"PrefixLength": 16})) == []
