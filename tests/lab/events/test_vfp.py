from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab_recordings import decoded
from wnv_lab.etl.layout import EventKind
from wnv_lab.events import vfp
from wnv_lab.events.vfp import Encap, Flow, Rule, SwitchPort

PORT = SwitchPort(7, "3c0f", "Container Port 6a8ea02a")
RULE = Rule("VNET_LAYER", "OUT_GROUP", "deny-dns", 3)
MACS: dict[str, Any] = {"source_mac": "00-15-5D-01-02-03", "destination_mac": "00-15-5D-01-02-04"}
SRC_DST_MAC = {"SrcMacAddr": "00-15-5D-01-02-03", "DstMacAddr": "00-15-5D-01-02-04"}
FRAME = bytes(range(60))
START = {"PortId": 7, "Direction": 1}
NAMES = {"PortName": "3c0f", "PortFriendlyName": "Container Port 6a8ea02a"}
GFT = {"GftFlags": 0}
ADDRESSES_4 = {"SrcIpv4Addr": "10.0.0.5", "DstIpv4Addr": "10.0.0.9"}
ADDRESSES_6 = {"SrcIpv6Addr": "fd00::5", "DstIpv6Addr": "fd00::9"}
PORTS = {"SrcPort": 50000, "DstPort": 80}

TCP4 = Flow("10.0.0.5", "10.0.0.9", 6, 50000, 80, is_tcp_syn=True)
TCP6 = Flow("fd00::5", "fd00::9", 6, 50000, 80, is_tcp_syn=True)
PING4 = Flow("10.0.0.5", "10.0.0.9", 1, icmp_type=8)
PING6 = Flow("fd00::5", "fd00::9", 58, icmp_type=128)
GRE4 = Flow("10.0.0.5", "10.0.0.9", 47, gre_key=5001)
GRE6 = Flow("fd00::5", "fd00::9", 47, gre_key=5001)
FLOWS = [
    (TCP4, ADDRESSES_4 | PORTS | {"IpProtocol": 6, "IsTcpSyn": True}, (101, 110, 115)),
    (TCP6, ADDRESSES_6 | PORTS | {"IpProtocol": 6, "IsTcpSyn": True}, (102, 111, 116)),
    (PING4, ADDRESSES_4 | {"IpProtocol": 1, "IcmpType": 8}, (103, 112, 117)),
    (PING6, ADDRESSES_6 | {"IpProtocol": 58, "IcmpType": 128}, (104, 113, 118)),
    (GRE4, ADDRESSES_4 | {"GreKey": 5001}, (105, 114, 119)),
    (GRE6, ADDRESSES_6 | {"GreKey": 5001}, (121, 122, 120)),
]


@pytest.mark.parametrize(("flow", "fields", "ids"), FLOWS, ids=["tcp4", "tcp6", "ping4", "ping6", "gre4", "gre6"])
def test_rules_results_and_layers_without_rule_decode(
    tmp_path: Path, flow: Flow, fields: dict[str, Any], ids: tuple[int, int, int]
) -> None:
    kinds = tuple(flow.kind_of(kinds) for kinds in (vfp.RULE_KINDS, vfp.RESULT_KINDS, vfp.NO_RULE_KINDS))
    assert tuple(kind.id for kind in kinds) == ids
    rows = decoded(tmp_path, zip(kinds, (
        vfp.rule_matched(PORT, 1, RULE, flow, status=vfp.STATUS_BLOCKED, status_location=12),
        vfp.packet_result(PORT, 1, flow, status=vfp.STATUS_BLOCKED, status_location=12),
        vfp.no_rule(PORT, 1, flow, layer_id="SLB_NAT_LAYER"),
    ), strict=True))  # fmt: skip
    status, location = {"Status": vfp.STATUS_BLOCKED}, {"StatusLocation": 12}
    place = {"LayerId": "VNET_LAYER", "GroupId": "OUT_GROUP", "RuleId": "deny-dns", "RuleType": 3}
    assert rows == [
        START | place | fields | status | NAMES | GFT | location,
        START | status | fields | NAMES | GFT | location,
        START | {"LayerId": "SLB_NAT_LAYER"} | fields | NAMES | GFT,
    ]


@pytest.mark.parametrize(("flow", "fields", "event_id"), [
    (TCP4, FLOWS[0][1], 106), (TCP6, FLOWS[1][1], 107), (PING4, FLOWS[2][1], 108), (PING6, FLOWS[3][1], 109),
])  # fmt: skip
def test_later_packets_match_the_flow(tmp_path: Path, flow: Flow, fields: dict[str, Any], event_id: int) -> None:
    kind = flow.kind_of(vfp.FLOW_KINDS)
    (row,) = decoded(tmp_path, [(kind, vfp.flow_matched(PORT, 1, flow, layer_id="VNET_LAYER", flow_type=2))])
    assert kind.id == event_id
    assert row == START | {"LayerId": "VNET_LAYER", "FlowType": 2} | fields | NAMES | GFT


def test_packets_with_their_bytes_decode(tmp_path: Path) -> None:
    packet = {"PktLen": 60, "PktContents": FRAME.hex()}
    rows = decoded(tmp_path, [
        (vfp.KIND_1, vfp.intercept(PORT, 1, FRAME, intercept_type=2)),
        (vfp.KIND_51, vfp.guard_drop(PORT, 1, FRAME, reason=4)),
        (vfp.KIND_100, vfp.processing_start(PORT, 1, FRAME, processing_type=5, resume_layer=6)),
        (vfp.KIND_156, vfp.transformed(PORT, 1, FRAME)),
        (vfp.KIND_157, vfp.transformed(PORT, 1, FRAME, gft_flags=9)),
    ])  # fmt: skip
    assert rows == [
        START | {"Type": 2} | packet | NAMES | GFT,
        START | {"Reason": 4} | packet | NAMES | GFT,
        START | {"ProcessingType": 5} | packet | NAMES | GFT | {"ResumeLayer": 6},
        START | packet | NAMES | GFT,
        START | packet | NAMES | {"GftFlags": 9},
    ]


def test_guards_say_what_they_dropped(tmp_path: Path) -> None:
    guard: dict[str, Any] = {"reason": 1, **MACS}
    rows = decoded(tmp_path, [
        (vfp.KIND_52, vfp.guard_drop_link(PORT, 1, **guard, ether_type=0x88CC)),
        (vfp.KIND_53, vfp.guard_drop_flow(PORT, 1, TCP4, **guard, has_ports=False)),
        (vfp.KIND_54, vfp.guard_drop_flow(PORT, 1, TCP6, **guard, has_ports=False)),
        (vfp.KIND_55, vfp.guard_drop_flow(PORT, 1, TCP4, **guard)),
        (vfp.KIND_56, vfp.guard_drop_flow(PORT, 1, TCP6, **guard)),
        (vfp.KIND_57, vfp.guard_drop_arp(PORT, 1, reason=1, operation=2, sender_mac="a", sender="10.0.0.5",
                                         target_mac="b", target="10.0.0.9")),
    ])  # fmt: skip
    start, tcp, ports = START | {"Reason": 1}, {"IpProtocol": 6}, PORTS | {"IsTcpSyn": True}
    assert rows == [
        start | SRC_DST_MAC | {"Type": 0x88CC} | NAMES | GFT,
        start | SRC_DST_MAC | ADDRESSES_4 | tcp | NAMES | GFT,
        start | SRC_DST_MAC | ADDRESSES_6 | tcp | NAMES | GFT,
        start | SRC_DST_MAC | ADDRESSES_4 | tcp | ports | NAMES | GFT,
        start | SRC_DST_MAC | ADDRESSES_6 | tcp | ports | NAMES | GFT,
        start | {"ArpType": 2, "SenderMacAddr": "a", "SenderIpAddr": "10.0.0.5", "TargetMacAddr": "b",
                 "TargetIpAddr": "10.0.0.9"} | NAMES | GFT,
    ]  # fmt: skip


def test_rewrites_decode(tmp_path: Path) -> None:
    outer: dict[str, Any] = {**MACS, "network_id": 4096}
    rows = decoded(tmp_path, [
        (vfp.KIND_151, vfp.mac_rewrite(PORT, 1, **MACS)),
        (vfp.KIND_152, vfp.address_rewrite(PORT, 1, TCP4)),
        (vfp.KIND_153, vfp.address_rewrite(PORT, 1, TCP6)),
        (vfp.KIND_154, vfp.encapsulation(PORT, 1, **outer, source="10.0.0.5", destination="10.0.0.9")),
        (vfp.KIND_158, vfp.encapsulation(PORT, 1, **outer, source="fd00::5", destination="fd00::9")),
        (vfp.KIND_155, vfp.decapsulation(PORT, 1)),
    ])  # fmt: skip
    network = {"EncapType": vfp.ENCAP_VXLAN, "GreKey": 4096}
    unique = {"PortUniqueName": PORT.name, "PortFriendlyName": PORT.friendly_name}
    assert rows == [
        START | SRC_DST_MAC | NAMES,
        START | ADDRESSES_4 | PORTS | NAMES,
        START | ADDRESSES_6 | PORTS | NAMES,
        START | SRC_DST_MAC | ADDRESSES_4 | network | unique,
        START | SRC_DST_MAC | ADDRESSES_6 | network | unique,
        START | NAMES,
    ]


@pytest.mark.parametrize(("family", "kind", "inside", "outside"), [
    ("Ipv4", vfp.KIND_207, "10.0.0.5", "10.0.0.9"), ("Ipv6", vfp.KIND_208, "fd00::5", "fd00::9"),
])  # fmt: skip
def test_a_nat_binding_ties_inside_to_outside(
    tmp_path: Path, family: str, kind: EventKind, inside: str, outside: str
) -> None:
    payload = vfp.nat_binding(
        PORT, action=vfp.BINDING_CREATED, internal=inside, internal_port=1, external=outside, external_port=2
    )
    (row,) = decoded(tmp_path, [(kind, payload)])
    assert row == {
        "PortId": 7, "NatPortBindingAction": 1, f"Internal{family}Addr": inside, f"Internal{family}Port": 1,
        f"External{family}Addr": outside, f"External{family}Port": 2, "Reference": 1,
    } | NAMES  # fmt: skip


def test_forwarding_decodes(tmp_path: Path) -> None:
    other = SwitchPort(9, "4d1e", "uplink")
    link: dict[str, Any] = {**MACS, "ether_type": 0x800, "vlan_id": 5}
    rows = decoded(tmp_path, [
        (vfp.KIND_351, vfp.not_forwarded(PORT, reason=3, **link)),
        (vfp.KIND_352, vfp.forwarded(PORT, other, **link, is_broadcast=True)),
        (vfp.KIND_353, vfp.forwarded(PORT, other, **link, is_short=True)),
    ])  # fmt: skip
    names = {"SrcPortName": "3c0f", "SrcPortFriendlyName": PORT.friendly_name}
    both = names | {"DstPortName": "4d1e", "DstPortFriendlyName": "uplink"}
    of_link = SRC_DST_MAC | {"Type": 0x800, "VLAN": 5}
    ports = {"SrcPortId": 7, "DstPortId": 9}
    assert rows == [
        {"SrcPortId": 7, "Reason": 3} | of_link | names | GFT,
        ports | of_link | {"IsBroadcast": True, "InnerForwarding": False} | both | GFT,
        ports | of_link | both | GFT,
    ]


ENCAP = Encap("VXLAN", "00-15-5D-0A-00-01", "00-15-5D-0A-00-02", "192.168.1.1", "192.168.1.2", 4096, 0)


@pytest.mark.parametrize("first", [600, 604, 608])
@pytest.mark.parametrize("number", range(4), ids=["tcp4", "tcp6", "ping4", "ping6"])
def test_a_unified_flow_has_outer_and_inner_headers(tmp_path: Path, first: int, number: int) -> None:
    flow = (TCP4, TCP6, PING4, PING6)[number]
    has_transpositions = first != 608
    kind = vfp.UNIFIED_FLOW_KINDS[has_transpositions, first][number]
    payload = vfp.unified_flow(
        PORT, 1, flow, **MACS, encaps=[ENCAP] if flow.is_ipv4 else [], tni=5, vlan_id=6, unified_flow_id=2**40,
        transpositions=("encap", "", "dnat") if has_transpositions else None, is_hairpin=True,
    )  # fmt: skip
    (row,) = decoded(tmp_path, [(kind, payload)])
    assert kind.id == first + number
    assert (row["TNI"], row["VLAN"], row["NumEncaps"], row["DestMacAddr"]) == (
        5, 6, int(flow.is_ipv4), MACS["destination_mac"],
    )  # fmt: skip
    if flow.is_ipv4:
        assert (row["EncapType0"], row["EncapSrcIpv4Addr0"], row["EncapDstIpv4Addr0"], row["TenantId0"]) == (
            "VXLAN", "192.168.1.1", "192.168.1.2", 4096,
        )  # fmt: skip
        assert (row["EncapType1"], row["EncapSrcIpv4Addr1"]) == ("", "0.0.0.0")
        assert row["SrcIpv4Addr"] == "10.0.0.5"
    else:
        assert row["SrcIpv6Addr"] == "fd00::5"
    assert ("Transposition" in row) == has_transpositions
    if flow.is_icmp:
        assert row["PortFriendlyName"] == PORT.friendly_name
    else:
        assert (row["UnifiedFlow"], row["IsHairpin"], row["OriginalInbound"]) == (2**40, 1, 0)
