"""The inventory says what the host is, in the form of docs/formats/inventory.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lab_worlds import ran
from wnv_lab.build import build_world
from wnv_lab.inventory import FORMAT, inventory
from wnv_lab.scenario import read_scenario, scenario_names


def of(name: str, host: int = 0) -> dict[str, Any]:  # Any: JSON
    return inventory(build_world(read_scenario(name), 0).hosts[host], 0)


@pytest.mark.parametrize("name", scenario_names())
def test_every_host_has_one_that_is_json(name: str) -> None:
    found = json.loads(json.dumps(of(name)))
    assert found["format"] == FORMAT
    indices = [row["ifIndex"] for row in found["adapters"]]
    assert len(set(indices)) == len(indices)


def test_an_endpoint_leads_to_its_port_its_container_and_its_compartment() -> None:
    found = of("nat-web")
    (endpoint,), (container,) = found["hns_endpoints"], found["containers"]
    (allocator,) = endpoint["Resources"]["Allocators"]
    port = next(row for row in found["switch_ports"] if row["PortName"].lower() == allocator["EndpointPortGuid"])
    assert port["SwitchName"] == "nat"
    assert container["EndpointIds"] == [endpoint["ID"]]
    assert endpoint["SharedContainers"] == [container["Id"]]
    assert [row["CompartmentId"] for row in found["compartments"]] == [1, container["CompartmentId"]]
    assert endpoint["IPAddress"] in [row["IPAddress"] for row in found["addresses"]]


def test_a_vm_nic_bears_both_guids() -> None:
    found = of("vm-external")
    vm = next(row for row in found["vms"] if row["Name"] == "app")
    port = next(row for row in found["switch_ports"] if row["VMName"] == "app")
    assert port["NicName"].lower().startswith(f"{vm['Id']}--")


def test_hyperv_isolation_has_a_utility_vm_and_no_compartment() -> None:
    found = of("hyperv-container")
    (container,) = found["containers"]
    assert (container["Isolation"], container["CompartmentId"]) == ("HyperV", None)
    assert [row["Id"] for row in found["vms"] if row["IsUtility"]] == [container["UtilityVmId"]]


def test_teams_nats_and_mappings_are_there() -> None:
    assert of("transparent-team-vlan")["teams"][0]["Members"] == ["NIC1", "NIC2"]
    assert of("set-team")["switches"][0]["NetAdapterNames"] == ["NIC1", "NIC2"]
    assert of("nat-published-port")["nat_static_mappings"] == [{
        "NatName": of("nat-published-port")["nats"][0]["Name"], "Protocol": "TCP", "ExternalIPAddress": "10.0.0.10",
        "ExternalPort": 8080, "InternalIPAddress": "172.20.1.5", "InternalPort": 80,
    }]  # fmt: skip


def test_it_stands_beside_the_recording() -> None:
    result = ran("nat-web")
    assert result.inventories == (result.recordings[0].with_suffix(".inventory.json"),)


def keys_of(value: object) -> set[str]:
    """Every key at any depth."""
    if isinstance(value, list):
        return {key for one in value for key in keys_of(one)}
    if isinstance(value, dict):
        return {str(key) for key in value} | {key for one in value.values() for key in keys_of(one)}
    return set()


def test_the_page_has_every_section_and_every_key(repo_root: Path) -> None:
    page = (repo_root / "docs" / "formats" / "inventory.md").read_text(encoding="utf-8")
    assert [section for section in of("nat-web") if f"`{section}`" not in page] == []
    for name in ("nat-published-port", "transparent-team-vlan", "l2bridge-pod", "vfp-block", "hyperv-container"):
        assert [key for key in sorted(keys_of(of(name))) if not re.search(rf"\b{key}\b", page)] == []
