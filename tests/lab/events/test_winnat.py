from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab_recordings import decoded
from wnv_lab.events import winnat
from wnv_lab.events.fields import Socket

INSIDE, SERVER, OUTSIDE = Socket("172.20.0.5", 50000), Socket("93.184.216.34", 443), Socket("10.0.0.9", 1025)
TUPLES = {"internal_src": INSIDE, "internal_dst": SERVER, "external_src": OUTSIDE, "external_dst": SERVER}
AS_DECODED = {
    "InternalAddrLen": 16, "InternalSrcAddr": "172.20.0.5:50000", "InternalDstAddr": "93.184.216.34:443",
    "ExternalAddrLen": 16, "ExternalSrcAddr": "10.0.0.9:1025", "ExternalDstAddr": "93.184.216.34:443",
    "TransportProtocol": 6,
}  # fmt: skip
IP_HEADER, TCP_HEADER = bytes(range(20)), bytes(range(32))


def test_a_session_states_both_tuples_and_from_version_1_the_compartment(tmp_path: Path) -> None:
    state = {"lifetime_s": 60, "tcp_state": winnat.STATE_INTERNAL_SYN, "protocol": winnat.TCP}
    old = winnat.session(**TUPLES, **state)  # type: ignore[arg-type]  # the fields are of two types
    new = winnat.session(**TUPLES, **state, compartment_id=3)  # type: ignore[arg-type]
    kinds = [winnat.KIND_1001, winnat.KIND_1002, winnat.KIND_1003, winnat.KIND_1004, winnat.KIND_1005]
    newer = [winnat.KIND_1001_V1, winnat.KIND_1002_V1, winnat.KIND_1003_V1, winnat.KIND_1004_V1, winnat.KIND_1005_V1]
    rows = decoded(tmp_path, [*((kind, old) for kind in kinds), *((kind, new) for kind in newer)])
    fields = AS_DECODED | {"Lifetime": 60, "TcpSessionState": 1}
    assert rows == [fields] * 5 + [fields | {"InternalCompartmentId": 3}] * 5


def test_sessions_of_the_log_that_is_always_on_have_no_state(tmp_path: Path) -> None:
    payload = winnat.session_operational(**TUPLES, protocol=winnat.TCP)
    assert decoded(tmp_path, [(winnat.KIND_1017, payload), (winnat.KIND_1018, payload)]) == [AS_DECODED] * 2


@pytest.mark.parametrize("compartment", [None, 4])
def test_a_binding_ties_inside_to_outside(tmp_path: Path, compartment: int | None) -> None:
    payload = winnat.binding(
        internal=INSIDE, external=OUTSIDE, protocol=winnat.UDP, session_count=2, is_configured=True,
        compartment_id=compartment,
    )  # fmt: skip
    kind = winnat.KIND_1006 if compartment is None else winnat.KIND_1006_V1
    (fields,) = decoded(tmp_path, [(kind, payload)])
    assert fields == {
        "InternalAddrLen": 16, "InternalAddr": "172.20.0.5:50000", "ExternalAddrLen": 16,
        "ExternalAddr": "10.0.0.9:1025", "TransportProtocol": 17, "SessionCount": 2, "Configured": True,
    } | ({} if compartment is None else {"InternalCompartmentId": 4})  # fmt: skip


def test_a_translation_shows_one_packet_before_and_after(tmp_path: Path) -> None:
    template = winnat.TranslationTemplate(INSIDE, SERVER, OUTSIDE, SERVER, winnat.ICMP, icmp_type=8)
    (fields,) = decoded(tmp_path, [(winnat.KIND_1009, template.fill(0xBEEF))])
    assert fields == {
        "IncomingAddrLen": 16, "IncomingSrcAddr": "172.20.0.5:50000", "IncomingDstAddr": "93.184.216.34:443",
        "TranslatedAddrLen": 16, "TranslatedSrcAddr": "10.0.0.9:1025", "TranslatedDstAddr": "93.184.216.34:443",
        "Identification": 0xBEEF, "TransportProtocol": 1, "Status": 0, "IcmpType": 8, "IcmpCode": 0,
        "IcmpPayload": False,
    }  # fmt: skip


def test_a_forwarded_packet_carries_its_headers(tmp_path: Path) -> None:
    place: dict[str, Any] = {
        "arrival_compartment_id": 2, "arrival_if_index": 20, "arrival_network": winnat.FROM_INTERNAL,
        "protocol": winnat.TCP, "forward_compartment_id": 1, "forward_if_index": 5,
    }  # fmt: skip
    forwarded = winnat.ForwardedTemplate(**place).fill(1500, IP_HEADER, TCP_HEADER)
    reason = winnat.REASON_NO_STATIC_MAPPING
    dropped = winnat.packet(
        **place, reason=reason, packet_length=56, ip_header=IP_HEADER, transport_header=TCP_HEADER[:8],
        icmp_protocol=17, icmp_ip_header=IP_HEADER[::-1], icmp_transport_header=TCP_HEADER[:4],
    )  # fmt: skip
    rows = decoded(tmp_path, [
        (winnat.KIND_1035, forwarded), (winnat.KIND_1034, forwarded), (winnat.KIND_1030, dropped),
    ])  # fmt: skip
    arrival = {
        "ArrivalCompartmentId": 2, "ArrivalInterfaceIndex": 20, "ArrivalNetwork": 1, "TransportProtocol": 6,
        "ForwardCompartmentId": 1, "ForwardInterfaceIndex": 5,
    }  # fmt: skip
    whole = {"ActionReason": 0} | arrival | {
        "PacketLength": 1500, "ContinuousLength": 52, "CapturedIPHeaderLength": 20,
        "CapturedTransportHeaderLength": 32, "ICMPErrorTransportProtocol": 0, "ICMPErrorCapturedIPHeaderLength": 0,
        "ICMPErrorCapturedTransportHeaderLength": 0, "IPHeader": IP_HEADER.hex(),
        "TransportHeader": TCP_HEADER.hex(), "ICMPErrorIPHeader": "", "ICMPErrorTransportHeader": "",
    }  # fmt: skip
    assert rows[:2] == [whole, whole]
    assert rows[2] == {"ActionReason": 6} | arrival | {
        "PacketLength": 56, "ContinuousLength": 28, "CapturedIPHeaderLength": 20, "CapturedTransportHeaderLength": 8,
        "ICMPErrorTransportProtocol": 17, "ICMPErrorCapturedIPHeaderLength": 20,
        "ICMPErrorCapturedTransportHeaderLength": 4, "IPHeader": IP_HEADER.hex(),
        "TransportHeader": TCP_HEADER[:8].hex(), "ICMPErrorIPHeader": IP_HEADER[::-1].hex(),
        "ICMPErrorTransportHeader": TCP_HEADER[:4].hex(),
    }  # fmt: skip


def test_what_is_configured_decodes(tmp_path: Path) -> None:
    instance = {"name": "nat1", "prefix": "172.20.0.0", "prefix_length": 20, "external_if_index": 5}
    rows = decoded(tmp_path, [
        (winnat.KIND_1023, winnat.instance(**instance)),  # type: ignore[arg-type]  # texts and numbers
        (winnat.KIND_1023_V1, winnat.instance(**instance, instance_type=2)),  # type: ignore[arg-type]
        (winnat.KIND_1026, winnat.external_address(
            instance_name="nat1", address="10.0.0.9", first_port=1024, last_port=65535)),
        (winnat.KIND_1029, winnat.static_mapping(
            instance_name="nat1", protocol=6, external=Socket("10.0.0.9", 8080), internal=Socket("172.20.0.5", 80))),
        (winnat.KIND_1033, winnat.out_of_ports(instance_name="nat1", protocol=17)),
    ])  # fmt: skip
    assert (rows[0]["InstanceName"], rows[0]["ExternalInterfaceIndex"], rows[0]["UdpInboundRefresh"]) == (
        "nat1", 5, False,
    )  # fmt: skip
    assert (rows[1]["AddressPrefix"], rows[1]["PrefixLength"], rows[1]["InstanceType"]) == ("172.20.0.0", 20, 2)
    assert (rows[2]["PortStart"], rows[2]["PortEnd"]) == (1024, 65535)
    assert (rows[3]["ExternalTransportAddress"], rows[3]["InternalTransportAddress"]) == (
        "10.0.0.9:8080", "172.20.0.5:80",
    )  # fmt: skip
    assert rows[4] == {"InstanceName": "nat1", "TransportProtocol": 17}
