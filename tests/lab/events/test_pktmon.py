from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab_recordings import decoded
from wnv_lab.etl.layout import EventKind
from wnv_lab.events import pktmon
from wnv_lab.events.drop_reasons import DropLocation, DropReason
from wnv_lab.events.pktmon import ComponentType, Counted, Direction, FrameTemplate, PacketType, Property, Sighting

FRAME = bytes.fromhex("00155d01020400155d0102030800") + bytes(range(40))
GROUP = pktmon.group_id(3, 0x1234)
SIGHTING = Sighting(GROUP, 1, 4, Direction.TX, 30, 2)
PLACE: dict[str, Any] = {
    "PktGroupId": 3 << 48 | 0x1234, "PktNumber": 1, "AppearanceCount": 4, "DirTag": 4, "PacketType": 1,
    "ComponentId": 30, "EdgeId": 2, "FilterId": 0, "DropReason": 0, "DropLocation": 0,
}  # fmt: skip
COUNTED = {"PktCount" if name == "PktNumber" else name: value for name, value in PLACE.items()}
MACS: dict[str, Any] = {"source_mac": "00-15-5D-01-02-03", "destination_mac": "00-15-5D-01-02-04"}
GUID = "86e2a814-8893-431d-a1dc-f44931d6b99a"


def test_a_frame_is_one_of_the_sightings_of_a_packet(tmp_path: Path) -> None:
    payload = FrameTemplate(30, 2, Direction.TX).fill(GROUP, 1, 4, FRAME[:32], len(FRAME))
    (fields,) = decoded(tmp_path, [(pktmon.KIND_160, payload)])
    sizes = {"OriginalPayloadSize": len(FRAME), "LoggedPayloadSize": 32, "Payload": FRAME[:32].hex()}
    assert fields == PLACE | sizes


@pytest.mark.parametrize("kind", [pktmon.KIND_170, pktmon.KIND_240])
def test_a_drop_says_why_and_where(tmp_path: Path, kind: EventKind) -> None:
    reason, location = DropReason.FILTERED_VLAN, DropLocation.VMS_POLICY_ENFORCER
    template = FrameTemplate(30, 2, Direction.TX, drop_reason=reason, drop_location=location)
    (fields,) = decoded(tmp_path, [(kind, template.fill(GROUP, 1, 4, FRAME))])
    assert (fields["DropReason"], fields["DropLocation"]) == (9, 0xE000204E)
    assert (fields["OriginalPayloadSize"], fields["Payload"]) == (len(FRAME), FRAME.hex())


def test_sizes_wrap_at_64_kib_as_the_fields_do() -> None:
    payload = FrameTemplate(30, 2, Direction.TX).fill(GROUP, 1, 1, FRAME, 0x1_0005)
    assert payload[30:34] == (5).to_bytes(2, "little") + len(FRAME).to_bytes(2, "little")


@pytest.mark.parametrize("pointer_size", [4, 8])
@pytest.mark.parametrize(("build", "place"), [(17763, PLACE), (26100, COUNTED)])
def test_out_of_band_data_decodes(tmp_path: Path, pointer_size: int, build: int, place: dict[str, Any]) -> None:
    detail = pktmon.switch_forwarding_detail(source_port_id=5, source_nic_index=2, n_destinations=1)
    template = pktmon.NblInfoTemplate(
        checksum=1, large_send=2, hash_info=3, hash_value=4, virtual_subnet=5, coalesce=6, name_resolution=7,
        supplemental=8, switch_forwarding_detail=detail, gft_offload_info=9, gft_flow_entry_id=10,
        pointer_size=pointer_size,
    )  # fmt: skip
    payload = template.fill(SIGHTING, vlan_id=42, priority=1)
    (fields,) = decoded(tmp_path, [(pktmon.KIND_180, payload)], build=build, pointer_size=pointer_size)
    assert fields == place | {
        "TcpIpChecksum": 1, "TcpLargeSend": 2, "Ieee8021Q": 42 << 4 | 1, "HashInfo": 3, "HashValue": 4,
        "VirtualSubnetInfo": 5, "TcpRecvSegCoalesceInfo": 6, "NrtNameResolutionId": 7,
        "TcpSendOffloadsSupplementalInfo": 8, "SwitchForwardingDetail": 5 | 2 << 16 | 1 << 24, "GftOffloadInfo": 9,
        "GftFlowEntryId": 10,
    }  # fmt: skip


def test_headers_alone_decode(tmp_path: Path) -> None:
    ports: dict[str, Any] = {"protocol": 6, "source_port": 50000, "destination_port": 80, "tcp_flags": 2, "vlan_id": 7}
    four, six = decoded(tmp_path, [
        (pktmon.KIND_120, pktmon.parsed(
            SIGHTING, **MACS, **ports, ether_type=0x800, source="10.0.0.5", destination="10.0.0.9")),
        (pktmon.KIND_150, pktmon.parsed(
            SIGHTING, **MACS, **ports, ether_type=0x86DD, source="fd00::5", destination="fd00::9")),
    ], said=["frame_header_only"])  # fmt: skip
    same = {
        "DestinationMAC": "00:15:5d:01:02:04", "SourceMAC": "00:15:5d:01:02:03", "VlanId": 7, "Protocol": 6,
        "DestinationPort": 80, "SourcePort": 50000, "TCPFlags": 2,
    } | COUNTED  # fmt: skip
    assert four == same | {"EtherType": 0x800, "SourceIP": "10.0.0.5", "DestinationIP": "10.0.0.9"}
    assert six == same | {"EtherType": 0x86DD, "SourceIP": "fd00::5", "DestinationIP": "fd00::9"}


def test_what_a_transport_carries_decodes(tmp_path: Path) -> None:
    ports: dict[str, Any] = {"protocol": 17, "source_port": 53, "destination_port": 50000, "data": b"dns"}
    place: dict[str, Any] = {"direction": Direction.IN, "component_id": 3, "edge_id": 1}
    reason: dict[str, Any] = {"drop_reason": DropReason.INET_ENDPOINT_NOT_FOUND, "original_bytes": 9}
    four, six = decoded(tmp_path, [
        (pktmon.KIND_200, pktmon.transport_payload(**place, **ports, source="10.0.0.9", destination="10.0.0.5")),
        (pktmon.KIND_230, pktmon.transport_payload(
            **place, **ports, **reason, source="fd00::9", destination="fd00::5")),
    ])  # fmt: skip
    same = {
        "DirTag": 1, "PacketType": PacketType.L4_PAYLOAD, "ComponentId": 3, "EdgeId": 1, "FilterId": 0,
        "DropLocation": 0, "Protocol": 17, "DestinationPort": 50000, "SourcePort": 53, "LoggedPayloadSize": 3,
        "Payload": b"dns".hex(),
    }  # fmt: skip
    assert four == same | {
        "DropReason": 0, "OriginalPayloadSize": 3, "SourceIP": "10.0.0.9", "DestinationIP": "10.0.0.5"
    }  # fmt: skip
    assert six == same | {
        "DropReason": 1204, "OriginalPayloadSize": 9, "SourceIP": "fd00::9", "DestinationIP": "fd00::5"
    }  # fmt: skip


def test_a_packet_context_decodes(tmp_path: Path) -> None:
    (fields,) = decoded(tmp_path, [(pktmon.KIND_250, pktmon.context(SIGHTING, context_type=1, packet_context=2**63))])
    assert fields == PLACE | {"Type": 1, "PktContext": 2**63}


def test_components_and_their_properties_decode(tmp_path: Path) -> None:
    rows = decoded(tmp_path, [
        (pktmon.KIND_20, pktmon.component(
            component_id=30, component_type=ComponentType.VMS_VM_NIC, name="vmswitch.sys", description="web")),
        (pktmon.KIND_30, pktmon.number_property(component_id=30, property_type=Property.IF_INDEX, value=20)),
        (pktmon.KIND_40, pktmon.guid_property(component_id=30, value=GUID)),
        (pktmon.KIND_50, pktmon.number_property(component_id=30, property_type=Property.NDIS_OBJECT, value=0x790001)),
        (pktmon.KIND_60, pktmon.medium_property(component_id=30)),
        (pktmon.KIND_65, pktmon.address_property(component_id=30, address="10.0.0.5")),
        (pktmon.KIND_66, pktmon.address_property(component_id=30, address="fd00::5")),
        (pktmon.KIND_70, pktmon.mac_property(component_id=30, mac_address="00-15-5D-01-02-03")),
        (pktmon.KIND_73, pktmon.text_property(component_id=30, value="nat")),
        (pktmon.KIND_75, pktmon.ether_type_property(component_id=30, ether_type=0x0800)),
        (pktmon.KIND_10, pktmon.driver_failure(status=5)),
    ])  # fmt: skip
    of = {"ComponentId": 30}
    assert rows == [
        {"Id": 30, "Type": 5, "Name": "vmswitch.sys", "Description": "web"},
        of | {"Type": 1, "Value": 20},
        of | {"Type": 4, "Value": GUID},
        of | {"Type": 9, "Value": 0x790001},
        of | {"Type": 5, "Value": 0},
        of | {"Type": 13, "IpAddress": "10.0.0.5"},
        of | {"Type": 13, "IpAddress": "fd00::5"},
        of | {"Type": 6, "Size": 6, "Value": "00155d010203"},
        of | {"Type": 10, "Value": "nat"},
        of | {"Type": 7, "EtherType": 0x0800},
        {"Status": 5},
    ]


def test_counters_and_filters_decode(tmp_path: Path) -> None:
    counters: dict[str, Any] = {"inward": Counted(Direction.RX, 1, 60), "outward": Counted(Direction.TX, 2, 120)}
    drops, flows, four, six = decoded(tmp_path, [
        (pktmon.KIND_80, pktmon.drop_counters(component_id=30, **counters)),
        (pktmon.KIND_90, pktmon.flow_counters(component_id=30, edge_name="Upper", edge_id=1, **counters)),
        (pktmon.KIND_100, pktmon.packet_filter(filter_id=1, name="web", address1="10.0.0.5", port1=80, protocol=6)),
        (pktmon.KIND_110, pktmon.packet_filter(filter_id=2, name="six", address1="fd00::5", address2="::")),
    ])  # fmt: skip
    numbers = {
        "DirTagIn": 3, "PacketsIn": 1, "BytesIn": 60, "DirTagOut": 4, "PacketsOut": 2, "BytesOut": 120,
    }  # fmt: skip
    assert drops == {"ComponentId": 30} | numbers
    assert flows == {"ComponentId": 30, "EdgeName": "Upper", "EdgeId": 1} | numbers
    assert (four["FilterName"], four["IpAddress1"], four["Port1"], four["Protocol"]) == ("web", "10.0.0.5", 80, 6)
    assert (six["FilterId"], six["IpAddress1"], six["IpAddress2"]) == (2, "fd00::5", "::")


@pytest.mark.parametrize(
    ("build", "missing"),
    [
        (14393, {20, 160, 65, 66, 200, 240, 250, 270}),
        (17763, {65, 66, 200, 240, 250, 270}),
        (20348, {250, 270}),
        (22000, {270}),
        (26100, set()),
    ],
)
def test_builds_differ_in_the_events_they_have(build: int, missing: set[int]) -> None:
    kinds = (
        pktmon.KIND_20, pktmon.KIND_65, pktmon.KIND_66, pktmon.KIND_160, pktmon.KIND_200, pktmon.KIND_240,
        pktmon.KIND_250, pktmon.KIND_270,
    )  # fmt: skip
    assert {kind.id for kind in kinds if not pktmon.is_written_by(kind, build)} == missing
