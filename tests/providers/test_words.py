"""PktMon's numbers in words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.providers.words import (
    DropLocation,
    DropReason,
    component_type,
    direction,
    drop_location,
    drop_reason,
    ndis_medium,
    packet_type,
    property_type,
)

NEW = 26100
OLD = 17763
U32 = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def schemas_dir(repo_root: Path) -> Path:
    """Folder of event schemas, of which the repository keeps only what it needs."""
    folder = Path(os.environ.get("WNV_SCHEMAS") or repo_root.parent / "shared" / "schemas")
    if not folder.is_dir():
        pytest.skip(f"no schemas at {folder}: set WNV_SCHEMAS to the folder that holds them")
    return folder


@pytest.fixture(scope="module")
def stored(repo_root: Path) -> dict[str, dict[str, list[str]]]:
    """Tables of drop_words.json, typed for those that hold pairs."""
    tables: dict[str, dict[str, list[str]]] = json.loads(
        (repo_root / "src/wnv/data/drop_words.json").read_text(encoding="utf-8")
    )
    return tables


def test_the_stored_words_are_what_the_schemas_give(repo_root: Path, schemas_dir: Path, tmp_path: Path) -> None:
    made = tmp_path / "drop_words.json"
    subprocess.run([sys.executable, repo_root / "tools/build_words.py", schemas_dir, made], check=True)
    assert made.read_bytes() == (repo_root / "src/wnv/data/drop_words.json").read_bytes()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (component_type(2), "Miniport"),
        (component_type(9), "NetVsc Miniport"),
        (component_type(99), "type 99"),
        (property_type(10), "VMSwitchName"),
        (property_type(0), "property 0"),
        (direction(0), "None"),
        (direction(3), "Rx"),
        (direction(7), "direction 7"),
        (ndis_medium(16), "WiFi"),
        (ndis_medium(1), "medium 1"),
        (packet_type(3, NEW), "IP"),
        (packet_type(3, OLD), "MBB"),
        (packet_type(9, OLD), "packet type 9"),
        (packet_type(9, NEW), "ESP"),
    ],
)
def test_small_numbers(words: str, expected: str) -> None:
    assert words == expected


@pytest.mark.parametrize(
    ("code", "slug", "text"),
    [
        (13, "failed_pvlan_setting", "Failed PVLAN setting"),
        (16, "mac_spoofing", "MAC spoofing"),
        (20, "virtual_subnet_id", "Virtual subnet ID"),
        (23, "mtu_mismatch", "MTU mismatch"),
        (24, "native_fwding_req", "Native forwarding required"),
        (25, "invalid_vlan_format", "Invalid VLAN format"),
        (28, "invalid_first_nb_too_small", "Invalid first NB too small"),
        (37, "invalid_pd_queue", "Invalid PD queue"),
        (402, "vf_not_ready", "VF not ready"),
        (404, "vmbus_error", "VMBus error"),
        (602, "fl_invalid_snap_header", "framing layer: invalid SNAP header"),
        (707, "ipv4_guard", "IPv4 guard"),
        (711, "unicast_no_destination", "Unicast no destination"),
        (714, "icmpv6_limiter", "ICMPv6 limiter"),
        (801, "http_receive_suppressed", "HTTP: receive suppressed"),
        (920, "nl_dont_fragment_mtu_exceeded", "IP layer: do not fragment MTU exceeded"),
        (1201, "inet_destination_multicast", "TCP/IP transport: destination multicast"),
        (1220, "inet_fin_wait2", "TCP/IP transport: FIN wait 2"),
        (
            1321,
            "slbmux_packet_destination_ip_and_port_not_subject_to_nat",
            "load balancer: packet destination IP and port not subject to NAT",
        ),
        (1410, "ipsec_dosp_block", "IPsec: DoS protection block"),
        (1505, "netcx_lso_failure", "NetCx driver: LSO failure"),
    ],
)
def test_a_drop_reason_in_words(code: int, slug: str, text: str) -> None:
    assert drop_reason(code, NEW) == DropReason(code, slug, text)


def test_slugs_are_stable_names_and_no_two_are_equal(stored: dict[str, dict[str, list[str]]]) -> None:
    slugs = [slug for slug, _ in stored["drop_reason"].values()]
    assert len(slugs) == len(set(slugs)) == 262
    assert [slug for slug in slugs if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", slug)] == []


def test_every_text_starts_right_and_has_no_symbols(stored: dict[str, dict[str, list[str]]]) -> None:
    for title in ("drop_reason", "drop_location"):
        for _, text in stored[title].values():
            assert re.fullmatch(r"[A-Za-z][A-Za-z0-9/ :,-]*[A-Za-z0-9]", text), text


@pytest.mark.parametrize(
    ("code", "slug"),
    [
        (38, "low_power"),
        (101, "pause"),
        (102, "reset"),
        (103, "send_aborted"),
        (104, "protocol_not_bound"),
        (201, "microport_error"),
        (202, "vf_not_ready"),
        (203, "microport_not_ready"),
        (204, "vmbus_error"),
    ],
)
def test_builds_of_2018_number_drop_reasons_the_old_way(code: int, slug: str) -> None:
    found = drop_reason(code, OLD)
    assert (found.code, found.slug) == (code, slug)


def test_the_numbering_changes_with_the_build() -> None:
    builds = (17134, 17763, 18362, 28000, 0)
    old, new = "vf_not_ready", "reset"
    assert [drop_reason(202, build).slug for build in builds] == [old, old, new, new, new]


def test_a_number_the_list_of_2018_lacks_is_of_the_later_list() -> None:
    assert drop_reason(711, OLD) == drop_reason(711, NEW)


def test_an_unknown_drop_reason_keeps_its_number() -> None:
    assert drop_reason(255, NEW) == DropReason(255, "reason_255", "reason 0xff (unknown to wnv)")


@pytest.mark.parametrize(
    ("code", "name", "component", "text"),
    [
        (0xE0001001, "PMLOC_NDIS_FAKE_FILTER_SEND", "NDIS", "NDIS: fake filter send"),
        (
            0xE0002045,
            "PMLOC_VMS_PT_NIC_FWD1",
            "virtual switch",
            "virtual switch: protocol NIC forward 1",
        ),
        (0xE0003001, "PMLOC_NETVSC_VF_SEND1", "NetVSC", "NetVSC: VF send 1"),
        (
            0xE000423F,
            "PMLOC_TCPIP_NL_RCV_ARP_RESPONSE1",
            "TCP/IP",
            "TCP/IP: IP layer, receive ARP response 1",
        ),
        (0xE0005002, "PMLOC_HTTP_WSK_SEND", "HTTP", "HTTP: WSK send"),
        (
            0xE0006063,
            "PMLOC_VFP_DEFAULT_FWD_PKT_UNICAST_NO_DESTINATION",
            "VFP",
            "VFP: default forward packet unicast no destination",
        ),
        (0xE0007001, "PMLOC_SLBMUX_PACKET_PARSE_FAIL", "SLB MUX", "SLB MUX: packet parse fail"),
        (0xE0008002, "PMLOC_IPSEC_ESP_INBOUND_AUTH", "IPsec", "IPsec: ESP inbound authentication"),
        (0xE0009003, "PMLOC_NETCX_NIC_QUEUE_STOP", "NetCx", "NetCx: NIC queue stop"),
    ],
)
def test_a_drop_location_in_words(code: int, name: str, component: str, text: str) -> None:
    assert drop_location(code, NEW) == DropLocation(code, name, component, text)


def test_a_new_location_of_a_known_component_names_the_component() -> None:
    bare = "location 0xe0002fff"
    assert drop_location(0xE0002FFF, NEW) == DropLocation(0xE0002FFF, bare, "virtual switch", f"virtual switch: {bare}")


def test_other_locations_are_shown_as_they_are() -> None:
    assert drop_location(0x1234, NEW) == DropLocation(0x1234, "location 0x00001234", "", "location 0x00001234")
    assert drop_location(0xE000F001, NEW).component == ""
    assert drop_location(0xE0002001, OLD).text == "location 0xe0002001"


@given(code=U32, build=U32)
def test_every_number_has_words(code: int, build: int) -> None:
    reason, location = drop_reason(code, build), drop_location(code, build)
    assert (reason.code, location.code) == (code, code)
    assert reason.slug
    assert reason.text
    assert location.name
    assert location.text


def test_all_the_spec_lists_is_there(stored: dict[str, dict[str, list[str]]]) -> None:
    assert {title: len(table) for title, table in stored.items()} == {
        "component_type": 15,
        "direction": 7,
        "drop_component": 9,
        "drop_location": 612,
        "drop_reason": 262,
        "drop_reason_2018": 47,
        "ndis_medium": 3,
        "packet_type": 12,
        "packet_type_2018": 4,
        "property_type": 17,
    }


def test_no_sentence_of_microsofts_is_stored(repo_root: Path, schemas_dir: Path) -> None:
    schema = json.loads((schemas_dir / "Microsoft-Windows-PktMon.json").read_text(encoding="utf-8"))
    ours = (repo_root / "src/wnv/data/drop_words.json").read_text(encoding="utf-8")
    sentences = [text for text in schema["maps"]["DropReason2018"].values() if len(text.split()) > 3]
    assert sentences
    assert [text for text in sentences if text in ours] == []
