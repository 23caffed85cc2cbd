"""Scenario files: what they may say, and how mistakes in them are told."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from lab_worlds import HEAD, scenario_of
from wnv_lab import scenario as module
from wnv_lab.errors import LabError
from wnv_lab.scenario import Scenario, machine_names, parse_scenario, read_scenario, scenario_names

HOST = '[[host]]\nname = "H"\nnic = [{ name = "E", address = "10.0.0.10/24", gateway = "10.0.0.1" }]\n'
TOPICS = {"paths", "faults", "captures", "mechanics", "load"}


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_has_a_story_to_tell(name: str) -> None:
    found = read_scenario(name)
    assert found.name == name
    assert found.title
    assert len(found.title) < 90
    assert found.story.strip().endswith(".")
    assert found.look_for
    assert found.command.startswith("wnv ")
    assert found.topic in TOPICS


def test_there_is_one_for_everything_that_was_asked_for() -> None:
    assert set(scenario_names()) >= {
        "nat-web", "nat-published-port", "nat-containers", "transparent", "transparent-team-vlan", "l2bridge-pod",
        "overlay-pods", "hyperv-container", "vm-external", "set-team", "default-switch", "private-and-internal",
        "acl-drop", "vlan-mismatch", "mac-spoofing", "mtu-too-small", "firewall-block", "vfp-block",
        "nat-ports-exhausted", "no-port-mapping", "nic-disabled", "silent-loss", "slow-hop", "lost-buffers",
        "wrapped-ring", "truncated", "physical-only", "filtered-capture", "sriov", "busy",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "complaint", "advice"),
    [
        (HOST.replace("gateway", "gatevay"), "gatevay", "gateway"),
        (HOST.replace('"H"', "7"), "expected str", ""),
        ("", "lacks 'host'", "add host"),
        (HOST + '[[host]]\nname = "H"\n', "two machines", "name of its own"),
        (HOST + 'vm = [{ name = "v", switch = "LAN" }]\n', "LAN", "known"),
        (HOST + 'network = [{ name = "n", type = "natt", subnet = "172.16.0.0/16" }]\n', "natt", "nat"),
        (HOST + 'switch = [{ name = "s", kind = "external" }]\n', "no uplinks|uplinks", "an external switch"),
        (HOST + '[[traffic]]\nkind = "ping"\nsource = "nobody"\nto = "H"\n', "nobody", "known"),
        (HOST + '[doubts]\nside_54_55 = "both"\n', "both", ""),
        ("[[host", "is not TOML", ""),
        (HOST.replace("10.0.0.10/24", "10.0.0.310/24"), r"host\[0\].nic\[0\].address is '10.0.0.310/24'", ""),
        (HOST.replace("10.0.0.1\"", "10.0.0.1/24\""), r"host\[0\].nic\[0\].gateway", ""),
        (HOST.replace("address", 'mac = "7", address'), r"host\[0\].nic\[0\].mac is '7'", "00-15-5D"),
        (HOST.replace("address", "mtu = 3, address"), r"host\[0\].nic\[0\].mtu is 3", "68 to 65535"),
        (HOST + "processors = 0\n", r"host\[0\].processors is 0", "1 to 64"),
        (HOST + 'network = [{ name = "n", type = "nat", subnet = "172.16.0.1/16" }]\n', r"network\[0\].subnet", ""),
        (HOST + 'network = [{ name = "n", type = "nat", subnet = "172.16.0.0/16", vlan = 5000 }]\n', "is 5000", "4094"),
        (HOST + '[[traffic]]\nkind = "ping"\nsource = "H"\nto = "HH"\n', r"traffic\[0\].to 'HH'", "H"),
        (HOST + '[[traffic]]\nkind = "udp"\nsource = "H"\nto = "10.0.0.1"\nn_bytes = -1\n', "is -1", "0 or more"),
        (HOST + '[[traffic]]\nkind = "udp"\nsource = "H"\nto = "10.0.0.1"\nnbs = 17\n', "nbs is 17", "1 to 16"),
        (HOST + '[[fault]]\nkind = "loss"\nat = "nobody"\n', r"fault\[0\].at 'nobody'", "known"),
        (HOST + '[[fault]]\nkind = "lose"\nat = "H"\n', r"fault\[0\].kind 'lose'", "loss"),
        (HOST + '[[fault]]\nkind = "loss"\nat = "H"\nshare = 7\n', "share is 7", "0 to 1"),
        (HOST + 'rules = [{ layer = "acls" }]\n', r"rules\[0\].layer 'acls'", "acl"),
        (HOST + '[capture]\nproviders = ["vmswich"]\n', r"providers\[0\] 'vmswich'", "vmswitch"),
        ('start = "2026-03-02T09:00:00"\n' + HOST, "without a time zone", "Z"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_what_to_do(text: str, complaint: str, advice: str) -> None:
    with pytest.raises(LabError, match=complaint) as caught:
        parse_scenario(HEAD + text, "made")
    assert advice in caught.value.advice


def test_a_name_that_does_not_exist_has_its_nearest() -> None:
    with pytest.raises(LabError) as caught:
        read_scenario("nat-wep")
    assert "nat-web" in caught.value.advice


def test_a_file_is_read_and_named_after_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + HOST, encoding="utf-8")
    assert read_scenario(str(path)).name == "mine"
    with pytest.raises(LabError, match="cannot be read"):
        read_scenario(str(tmp_path / "none.toml"))
    path.write_bytes(b"\x93\xff")
    with pytest.raises(LabError, match="is not text"):
        read_scenario(str(path))


def test_machines_are_hosts_peers_vms_and_containers() -> None:
    assert machine_names(read_scenario("vm-external")) == ["HV1", "router", "www", "app", "db"]
    assert machine_names(scenario_of(HOST)) == ["H"]


def test_the_page_has_every_key(repo_root: Path) -> None:
    page = (repo_root / "docs" / "reference" / "lab-scenario.md").read_text(encoding="utf-8")
    kinds = [value for name, value in vars(module).items() if name.endswith("Spec")] + [Scenario]
    missing = [
        f"{kind.__name__}.{entry.name}" for kind in kinds for entry in fields(kind) if f"`{entry.name}`" not in page
    ]
    assert missing == []
