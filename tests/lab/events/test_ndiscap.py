from __future__ import annotations

from pathlib import Path

import pytest

from command_line import done
from lab_recordings import START_NS, complaints, decoded, rows_of, writer
from wnv_lab.events import ndiscap
from wnv_lab.events.ndiscap import Destination, FrameTemplate, SwitchFrameTemplate, frame_keyword, out_of_band

FRAME = bytes.fromhex("00155d01020400155d0102030800") + bytes(range(60))
PORTS = (
    Destination(4, "port-4", "vm1--nic", "Synthetic"),
    Destination(9, "port-9", "nic-9", "External"),
)


@pytest.mark.parametrize(("build", "has_gft"), [(14393, False), (17763, True), (26100, True)])
def test_a_frame_ends_with_gft_numbers_from_2019_on(tmp_path: Path, build: int, has_gft: bool) -> None:
    template = FrameTemplate(5, 7, build=build, gft_flow_entry_id=11, gft_offload_information=12)
    (fields,) = decoded(tmp_path, [(ndiscap.KIND_1001, template.fill(FRAME))], build=build)
    gft = {"GftFlowEntryId": 11, "GftOffloadInformation": 12} if has_gft else {}
    assert fields == {
        "MiniportIfIndex": 5, "LowerIfIndex": 7, "FragmentSize": len(FRAME), "Fragment": FRAME.hex(),
    } | gft  # fmt: skip


@pytest.mark.parametrize("pointer_size", [4, 8])
def test_a_switch_frame_names_its_source_and_destinations(tmp_path: Path, pointer_size: int) -> None:
    oob = out_of_band(vlan_id=42, priority=3, hash_value=77, pointer_size=pointer_size)
    template = SwitchFrameTemplate(12, 12, 3, "port-3", "nic-3", "Internal", PORTS, oob=oob)
    (fields,) = decoded(tmp_path, [(ndiscap.KIND_1003, template.fill(FRAME))], pointer_size=pointer_size)
    assert fields["Destination"] == [
        {"DestinationPortId": port, "DestinationPortName": name, "DestinationNicName": nic, "DestinationNicType": kind}
        for port, name, nic, kind in PORTS
    ]
    assert [fields[name] for name in ("SourcePortId", "SourcePortName", "SourceNicName", "SourceNicType")] == [
        3, "port-3", "nic-3", "Internal",
    ]  # fmt: skip
    assert (fields["Fragment"], fields["OOBData"]) == (FRAME.hex(), oob.hex())


def test_a_frame_may_have_its_own_out_of_band_data() -> None:
    template = SwitchFrameTemplate(12, 12, 3, "p", "n", "External")
    own = template.fill(FRAME, out_of_band(vlan_id=5))
    assert own != template.fill(FRAME) == template.fill(FRAME, out_of_band())


def test_the_vlan_stands_in_the_fifth_entry_above_the_priority() -> None:
    data = out_of_band(vlan_id=0x123, priority=5)
    assert int.from_bytes(data[32:40], "little") == 0x1235


def test_frames_reach_a_capture_with_the_vlan_of_their_nbl(tmp_path: Path) -> None:
    template = SwitchFrameTemplate(12, 12, 3, "port-3", "nic-3", "Internal", oob=out_of_band(vlan_id=42))
    path = tmp_path / "vlan.etl"
    with writer(path) as etl:
        keyword = frame_keyword(ndiscap.KIND_1003, is_send=True)
        etl.add(START_NS + 100, 0, 4, 8, ndiscap.KIND_1003, template.fill(FRAME), keyword)
    done("convert", path, "-w", tmp_path / "vlan.pcapng")
    assert complaints(path) == []
    assert FRAME in (tmp_path / "vlan.pcapng").read_bytes()


def test_destinations_may_have_8_bytes_each(tmp_path: Path) -> None:
    template = SwitchFrameTemplate(12, 12, 3, "port-3", "nic-3", "Internal", PORTS, has_names=False)
    path = tmp_path / "double.etl"
    with writer(path) as etl:
        etl.add(START_NS + 100, 0, 4, 8, ndiscap.KIND_1003, template.fill(FRAME))
    (row,) = rows_of(path)
    named = SwitchFrameTemplate(12, 12, 3, "port-3", "nic-3", "Internal")
    assert row["payload_bytes"] == len(named.fill(FRAME)) + 8 * len(PORTS)
    done("convert", path, "-w", tmp_path / "double.pcapng")
    assert FRAME in (tmp_path / "double.pcapng").read_bytes()


def test_direction_and_fragment_stand_in_the_keyword() -> None:
    start, end = ndiscap.PACKET_START, ndiscap.PACKET_END
    first = frame_keyword(ndiscap.KIND_1001, is_send=True, is_last=False)
    last = frame_keyword(ndiscap.KIND_1001, is_send=False, is_first=False)
    unknown = frame_keyword(ndiscap.KIND_1003, is_send=None, link=ndiscap.WIRELESS_WAN)
    assert (first & start, first & end, first & ndiscap.SEND_PATH) == (start, 0, ndiscap.SEND_PATH)
    assert (last & start, last & end, last & ndiscap.RECEIVE_PATH) == (0, end, ndiscap.RECEIVE_PATH)
    assert unknown & (ndiscap.SEND_PATH | ndiscap.RECEIVE_PATH | ndiscap.ETHERNET) == 0
    assert unknown & ndiscap.WIRELESS_WAN


def test_what_is_said_of_the_capture_itself_decodes(tmp_path: Path) -> None:
    rows = decoded(tmp_path, [
        (ndiscap.KIND_1002, ndiscap.metadata(miniport_if_index=1, lower_if_index=2, data=b"\x01\x02")),
        (ndiscap.KIND_1011, ndiscap.rules_count(3)),
        (ndiscap.KIND_1012, ndiscap.driver(friendly_name="NDIS Capture", unique_name="u", service_name="NdisCap")),
        (ndiscap.KIND_1014, ndiscap.layer(miniport_if_index=1, lower_if_index=2, media_type=0, context=9)),
        (ndiscap.KIND_1016, ndiscap.rule(rule_id=ndiscap.RULE_TRUNCATE_BYTES, directive=1, value=b"\x80\0\0\0")),
        (ndiscap.KIND_2002, ndiscap.failure(error_code=5, location=6, context=7)),
        (ndiscap.KIND_3001, ndiscap.state(previous=1, following=2, location=3, context=4)),
        (ndiscap.KIND_5000, b""),
        (ndiscap.KIND_5100, ndiscap.rundown(source_id=1, rundown_id=2, param1=3, param2=4, text="t", description="d")),
    ])  # fmt: skip
    assert rows == [
        {"MiniportIfIndex": 1, "LowerIfIndex": 2, "MetadataSize": 2, "Metadata": "0102"},
        {"RulesCount": 3},
        {"FriendlyName": "NDIS Capture", "UniqueName": "u", "ServiceName": "NdisCap", "Version": ""},
        {"MiniportIfIndex": 1, "LowerIfIndex": 2, "MediaType": 0, "ReferenceContext": 9},
        {"RuleId": 0x11, "Directive": 1, "Length": 4, "Value": "80000000"},
        {"ErrorCode": 5, "Location": 6, "Context": 7},
        {"PreviousState": 1, "NextState": 2, "Location": 3, "Context": 4},
        {},
        {"SourceId": 1, "RundownId": 2, "Param1": 3, "Param2": 4, "ParamStr": "t", "Description": "d"},
    ]  # fmt: skip


def test_a_source_lists_its_layers(tmp_path: Path) -> None:
    payload = ndiscap.source(
        source_id=ndiscap.SOURCE_NDIS, source_name="Ethernet", if_index=5, layers=[(1, "WFP LWF"), (2, "QoS")]
    )
    (fields,) = decoded(tmp_path, [(ndiscap.KIND_5101, payload)])
    assert (fields["SourceName"], fields["IfIndex"], fields["LayerCount"]) == ("Ethernet", 5, 2)
    assert [layer["LayerName"] for layer in fields["LayerInfo"]] == ["WFP LWF", "QoS"]
