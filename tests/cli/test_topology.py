"""`wnv topology`, as a person runs it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from command_line import done, wnv
from lab_worlds import ran
from networks import NIC, PORT, SWITCH, at, connected, disconnected, passage, write_events
from wnv import sample_path
from wnv.clock import NO_TIME


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_events(tmp_path / "net.etl", [passage(), connected(seconds=2), disconnected(seconds=4)])


def test_a_tree_and_what_was_not_visible() -> None:
    ran = done("topology", sample_path())
    assert ran.lines[0] == "host: Windows Server 2022 Datacenter Azure Edition, build 20348"
    assert "  packets were seen at 4 points" in ran.lines
    assert ran.line("  silent: Ethernet 2:") == "no packet was seen at it"
    assert "SR-IOV)" not in "".join(ran.lines[ran.lines.index("Coverage") :])  # the virtual function was recorded
    assert max(map(len, ran.lines)) <= 80


def test_json_has_nodes_edges_and_coverage(recording: Path) -> None:
    said = json.loads(done("topology", recording, "--format", "json").out)
    assert {node["name"] for node in said["nodes"]} == {"nat", "Container NIC 6a8ea02a", "Container Port 6a8ea02a"}
    (edge,) = [edge for edge in said["edges"] if edge["kind"] == "connects"]
    assert (edge["from_ns"], edge["to_ns"]) == (at(2), at(4))
    assert (said["inventory"], said["contradictions"]) == (None, [])
    assert said["coverage"]["seen"] == []


def test_as_it_was_at_a_time(recording: Path) -> None:
    def ports(time: str) -> int:
        said = json.loads(done("topology", recording, "--format", "json", "--at", time).out)
        return sum(edge["kind"] == "connects" for edge in said["edges"])

    assert [ports(time) for time in ("1", "3", "5")] == [0, 1, 0]


def test_pictures_go_to_a_file(recording: Path, tmp_path: Path) -> None:
    done("topology", recording, "--format", "svg", "-w", tmp_path / "net.svg")
    assert ET.parse(tmp_path / "net.svg").getroot().tag.endswith("svg")
    assert done("topology", recording, "--format", "mermaid").lines[0] == "flowchart LR"


def test_an_inventory_is_used_and_named(recording: Path, tmp_path: Path) -> None:
    inventory = {
        "format": "wnv-inventory/1", "computer": {"Name": "SRV1"},
        "switch_ports": {"SwitchName": "nat", "SwitchId": SWITCH.name, "PortId": 3, "PortName": PORT.name,
                         "NicName": NIC.name, "NicType": "Internal", "MacAddress": "00-15-5D-01-02-03"},
    }  # fmt: skip
    path = tmp_path / "other.json"
    path.write_text(json.dumps(inventory), encoding="utf-8")
    ran = done("topology", recording, "--inventory", path)
    assert "inventory: other.json" in ran.err
    assert ran.lines[0].startswith("SRV1: ")
    assert "00:15:5d:01:02:03" in ran.out
    path.rename(tmp_path / "net.inventory.json")
    assert "inventory: net.inventory.json" in done("topology", recording).err


def test_contradictions_stand_below_the_tree(tmp_path: Path) -> None:
    recording = write_events(tmp_path / "net.etl", [passage()])
    port = {"SwitchName": "other", "SwitchId": "6d2d5e1f-0000-4000-8000-000000000001", "NicName": NIC.name,
            "PortName": "6d2d5e1f-0000-4000-8000-000000000002", "NicType": "Internal"}  # fmt: skip
    inventory = {"format": "wnv-inventory/1", "switch_ports": port}
    (tmp_path / "net.inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
    lines = done("topology", recording).lines
    assert lines[lines.index("Contradictions") + 1] == (
        "  Container NIC 6a8ea02a, on switch: nat (recording) or other (inventory)"
    )


def test_misuse_is_told(recording: Path) -> None:
    ran = wnv("topology", recording, "--at", "yesterday")
    assert (ran.code, bool(ran.err)) == (2, True)
    assert wnv("topology", recording, "--format", "svg", "-w", recording / "x.svg").code == 1
    assert at(0) != NO_TIME


def test_info_of_a_trace_folder_and_of_a_small_recording_tells_the_coverage(tmp_path: Path) -> None:
    done("import", sample_path(), "-w", tmp_path / "x.wnv")
    lines = done("info", tmp_path / "x.wnv").lines
    assert lines[lines.index("Coverage") + 1] == "  packets were seen at 4 points"
    assert "Coverage" in done("info", sample_path()).lines


def test_two_hosts_are_two_trees_of_their_names() -> None:
    folder = ran("overlay-pods").recordings[0].parent
    shown = done("topology", folder)
    heads = [line.partition(":")[0] for line in shown.lines if ": Windows Server 2022, build 20348" in line]
    assert heads == ["NODE1", "NODE2"]
    assert shown.lines.index("") < next(n for n, line in enumerate(shown.lines) if line.startswith("NODE2:"))
    said = json.loads(done("topology", folder, "--format", "json").out)
    assert said["hosts"] == {"0": "NODE1", "1": "NODE2"}
    assert {node["session_id"] for node in said["nodes"]} == {0, 1}
