"""The tree: what stands in it, how wide it is, and that names cannot do harm."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from networks import HOST_NIC, NIC, SWITCH, VM_NIC, at, connected, disconnected, passage, topology_at, topology_of
from wnv import sample_path
from wnv.providers.facts import Fact, Ref, Thing, nic_facts
from wnv.text import visible
from wnv.topology.build import Builder
from wnv.topology.tree import render_tree, speed_text

NAMES = st.text(min_size=1, max_size=60)


def test_adapters_of_a_real_recording_with_their_stacks() -> None:
    lines = list(render_tree(topology_at(sample_path()), ["host"]))
    assert lines[:5] == [
        "host",
        "├─ Ethernet 2: physical NIC, fe80::5c19:f5b3:a4bc:efda, 10.9.0.22,",
        "│  │  00:22:48:7b:b0:99, ifIndex 9, 50 Gbit/s, compartment 1 (the host)",
        "│  └─ stack: http, tcpip, lltdio, mslldp, rspndr › wfplwfs › pacer › npcap › xdp",
        "│        › wfplwfs › netvsc",
    ]
    assert any("its packets can go by Ethernet 9 instead, in hardware (SR-IOV)" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_switch_with_what_is_on_it(tmp_path: Path) -> None:
    topology = topology_of(tmp_path, [passage(), passage(HOST_NIC), passage(VM_NIC)])
    assert list(render_tree(topology, ["host"])) == [
        "host",
        "└─ vSwitch nat, no uplink known",
        "   ├─ HNS Internal NIC: host vNIC",
        "   ├─ Container NIC 6a8ea02a: container NIC, its container shares the host's",
        "   │     kernel",
        "   └─ VM 5c2d5e1f/Network Adapter: VM NIC",
        "      └─ VM 5c2d5e1f, what happens inside is not visible",
    ]


def test_guids_and_reasons_on_request(tmp_path: Path) -> None:
    topology = topology_of(tmp_path, [passage()])
    text = "\n".join(render_tree(topology, ["host"], with_guids=True, with_reasons=True, width=400))
    assert f"{{{SWITCH.name.lower()}}}" in text
    assert "inferred: named as HNS names the NICs of containers, event 2" in text


def test_as_it_was_at_a_time(tmp_path: Path) -> None:
    topology = topology_of(tmp_path, [connected(seconds=2), disconnected(seconds=4)])
    for seconds, is_there in ((1, False), (3, True), (5, False)):
        text = "\n".join(render_tree(topology, ["host"], ts_ns=at(seconds)))
        assert ("      └─ " in text or "   └─ Container NIC" in text) is is_there


def test_a_recording_that_says_nothing() -> None:
    assert list(render_tree(Builder().finish(), ["host"])) == [
        "host",
        "└─ nothing in the recording tells of adapters or switches",
    ]


@given(NAMES, NAMES, NAMES)
@settings(max_examples=50)
def test_no_name_reaches_the_terminal_raw(nic: str, friendly: str, switch: str) -> None:
    nic_ref, where = Ref(Thing.NIC, (("name", nic),)), Ref(Thing.VSWITCH, (("name", switch),))
    facts = [
        *nic_facts(nic, friendly), Fact(where, {"friendly_name": switch}),
        Fact(nic_ref, relation="on_switch", target=where),
    ]  # fmt: skip
    text = "".join(render_tree(Builder().finish(facts), ["host"], with_guids=True, with_reasons=True))
    assert visible(text) == text


def test_speeds() -> None:
    assert [speed_text(bits) for bits in (10**10, 72_200_000, 56_000, 12)] == [
        "10 Gbit/s", "72.2 Mbit/s", "56 kbit/s", "12 bit/s",
    ]  # fmt: skip


def test_a_container_whose_nic_is_only_named(tmp_path: Path) -> None:
    assert topology_of(tmp_path, [passage(NIC)]).resolve_nic(NIC.name).container == "Container NIC 6a8ea02a"
