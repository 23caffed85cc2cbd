"""Pictures: well-formed, with nothing of a name in them but text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from networks import HOST_NIC, NIC, VM_NIC, at, connected, disconnected, passage, topology_of
from wnv.export.graph import Drawing, drawing_of, render_mermaid, render_svg, way_of
from wnv.providers.facts import Fact, Ref, Thing
from wnv.topology.build import Builder

SVG = "{http://www.w3.org/2000/svg}"


def _drawing(tmp_path: Path) -> Drawing:
    return drawing_of(topology_of(tmp_path, [passage(), passage(HOST_NIC), passage(VM_NIC)]))


def _named(*names: str) -> Drawing:
    """A switch of the first name with NICs of the others on it."""
    switch = Ref(Thing.VSWITCH, (("id", "switch"),))
    facts = [Fact(switch, {"friendly_name": names[0]})]
    for number, name in enumerate(names[1:]):
        nic = Ref(Thing.NIC, (("if_index", number + 1),))
        facts += [Fact(nic, {"alias": name}), Fact(nic, relation="on_switch", target=switch)]
    return drawing_of(Builder().finish(facts))


def test_lines_lead_from_the_switch_to_what_is_on_it(tmp_path: Path) -> None:
    drawing = _drawing(tmp_path)
    assert sorted((one.name, other.name) for one, other, _ in drawing.lines) == [
        ("VM 5c2d5e1f/Network Adapter", "VM 5c2d5e1f"), ("nat", "Container NIC 6a8ea02a"), ("nat", "HNS Internal NIC"),
        ("nat", "VM 5c2d5e1f/Network Adapter"),
    ]  # fmt: skip


def test_a_picture_of_a_time(tmp_path: Path) -> None:
    topology = topology_of(tmp_path, [connected(seconds=2), disconnected(seconds=4)])
    assert [len(drawing_of(topology, ts_ns=at(seconds)).lines) for seconds in (1, 3, 5)] == [0, 1, 0]


def test_mermaid_has_a_box_a_node_and_a_line_an_edge(tmp_path: Path) -> None:
    lines = list(render_mermaid(_drawing(tmp_path)))
    assert lines[0] == "flowchart LR"
    assert sum("<br/>" in line for line in lines) == 5
    assert sum(" --- " in line for line in lines) == 4


def test_svg_has_boxes_lines_and_the_way_of_a_packet(tmp_path: Path) -> None:
    drawing = _drawing(tmp_path)
    way = [(0, node.node_id) for node in drawing.nodes[:2]]
    root = ET.fromstring("\n".join(render_svg(drawing, "net", way)))
    boxes = [one for one in root.iter(f"{SVG}rect") if one.get("rx") == "6"]
    assert len(boxes) == len(drawing.nodes)
    assert [one.text for one in root.iter(f"{SVG}text") if one.get("fill") == "#ffffff"] == ["1", "2"]
    assert sum(one.get("stroke") == "#c2410c" for one in boxes) == 2
    assert len(list(root.iter(f"{SVG}path"))) == len(drawing.lines) + 1
    places = {(one.get("x"), one.get("y")) for one in boxes}
    assert len(places) == len(boxes)


def test_a_picture_of_nothing() -> None:
    assert list(render_mermaid(_drawing_of_nothing())) == ["flowchart LR"]
    assert ET.fromstring("\n".join(render_svg(_drawing_of_nothing(), "net"))) is not None


def _drawing_of_nothing() -> Drawing:
    return drawing_of(Builder().finish())


def test_more_than_can_be_read_is_left_out_and_counted() -> None:
    drawing = _named("LAN", *(f"NIC {number}" for number in range(500)))
    assert (len(drawing.nodes), drawing.n_left_out) == (400, 101)
    assert "101 more not drawn" in list(render_svg(drawing, "net"))[-2]


@given(st.lists(st.text(min_size=1, max_size=40), min_size=2, max_size=4))
@settings(max_examples=50)
def test_names_are_nothing_but_text(names: list[str]) -> None:
    drawing = _named(*names, '"]; click n0 "javascript:alert(1)"', "<script>alert(1)</script>&amp;")
    svg = "\n".join(render_svg(drawing, names[0]))
    root = ET.fromstring(svg)
    assert {one.tag for one in root.iter()} <= {SVG + name for name in ("svg", "title", "rect", "path", "text", "g")}
    for line in list(render_mermaid(drawing))[1:]:
        text = re.sub(r'^  n\d+[\[({/]{1,2}"|"[\])}/]{1,2}$|<br/>|^  n\d+ (-- [a-zA-Z-]+ )?--- n\d+$', "", line)
        assert not set(text) & set("<>\"'`[]{}|;&\n") - set(";") or re.fullmatch(r"[^<>\"'`\[\]{}|&\n]*", text)


def _of_two_hosts() -> Drawing:
    """A NIC and a switch of the same names and numbers on each."""
    nic, switch = Ref(Thing.NIC, (("if_index", 4),)), Ref(Thing.VSWITCH, (("name", "lan"),))
    other = Ref(Thing.NIC, (("if_index", 5),))
    facts = [
        Fact(nic, {"alias": "Ethernet"}), Fact(nic, relation="uplink", target=switch),
        Fact(other, {"alias": "vEthernet"}), Fact(other, relation="on_switch", target=switch),
    ]  # fmt: skip
    topology = Builder(host_of_session=(0, 1, 0)).finish(
        replace(one, session_id=host) for host in (0, 1) for one in facts
    )
    topology.hosts = {0: "NODE1", 1: "NODE<2>", 2: "NODE1"}
    return drawing_of(topology)


def test_hosts_stand_one_below_the_other() -> None:
    drawing = _of_two_hosts()
    assert len(drawing.nodes) == 6
    root = ET.fromstring("\n".join(render_svg(drawing, "net")))
    assert {"NODE1", "NODE<2>"} <= {one.text for one in root.iter(f"{SVG}text")}
    frames = [one for one in root.iter(f"{SVG}rect") if one.get("rx") == "10"]
    tops = [int(str(one.get("y"))) for one in frames]
    boxes = [int(str(one.get("y"))) for one in root.iter(f"{SVG}rect") if one.get("rx") == "6"]
    assert len(frames) == 2
    assert sum(y > tops[1] for y in boxes) == sum(tops[0] < y < tops[1] for y in boxes) == 3
    lines = list(render_mermaid(drawing))
    assert [line for line in lines if "subgraph" in line] == [
        '  subgraph h0["NODE1"]',
        '  subgraph h1["NODE#60;2#62;"]',
    ]
    assert lines.count("  end") == 2


def test_a_way_from_host_to_host_passes_equal_names_of_both() -> None:
    drawing = _of_two_hosts()

    def hop(session_id: int, nic: str) -> dict[str, object]:
        return {"session_id": session_id, "nic": nic, "vswitch": "lan", "container": "", "vm": ""}

    names = {(node.session_id, node.node_id): node.name for node in drawing.nodes}
    way = way_of(drawing, [hop(2, "vEthernet"), hop(2, "Ethernet"), hop(1, "Ethernet"), hop(1, "vEthernet")])
    assert [(session, names[session, node]) for session, node in way] == [
        (0, "vEthernet"), (0, "lan"), (0, "Ethernet"), (1, "Ethernet"), (1, "lan"), (1, "vEthernet"),
    ]  # fmt: skip


def test_the_nic_of_the_container_is_drawn(tmp_path: Path) -> None:
    svg = "\n".join(render_svg(_drawing(tmp_path), "net"))
    assert NIC.friendly_name in svg


def test_a_journey_passes_the_switch_between_two_of_its_nics(tmp_path: Path) -> None:
    drawing = _drawing(tmp_path)

    def hop(nic: str, vswitch: str = "nat", container: str = "", vm: str = "") -> dict[str, object]:
        return {"session_id": 0, "nic": nic, "vswitch": vswitch, "container": container, "vm": vm}

    names = {(node.session_id, node.node_id): node.name for node in drawing.nodes}
    guest = "VM 5c2d5e1f/Network Adapter"
    hops = [hop(guest, vm="VM 5c2d5e1f"), hop(guest, vm="VM 5c2d5e1f"), hop("HNS Internal NIC"), hop("unknown")]
    assert [names[key] for key in way_of(drawing, hops)] == ["VM 5c2d5e1f", guest, "nat", "HNS Internal NIC"]
    assert [names[key] for key in way_of(drawing, hops[::-1])] == ["HNS Internal NIC", "nat", guest, "VM 5c2d5e1f"]
    assert way_of(drawing, [hop("unknown")]) == []
