"""What a capture was told, out of events laid out as the written facts say."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion import ndiscap, pktmon, record
from etl_writer import Event
from payloads import ndis_1016, pktmon_100, pktmon_110
from wnv.diagnostics import Code, Log
from wnv.etl.reader import Recording
from wnv.pipeline import scan
from wnv.providers.capture_rules import IDS, NDISCAP, PKTMON, RULES_MAX, CaptureRules

OFF, LTE, EQU, MASK, LIST, RANGE, NOT_EQUAL = 0, 1, 3, 4, 5, 6, 0x83
ONE, TWO = ip_address("10.0.0.5").packed, ip_address("10.0.0.6").packed


def told(*rules: bytes) -> CaptureRules:
    found = CaptureRules()
    assert all(found.learn(NDISCAP, 1016, raw) for raw in rules)
    return found


@pytest.mark.parametrize("wide", [False, True])
def test_the_length_that_packets_were_cut_at_whatever_the_width_of_the_size(wide: bool) -> None:
    assert told(ndis_1016(0x11, LTE, struct.pack("<I", 128), wide=wide)).truncate_bytes == 128


def test_whether_each_layer_of_an_adapter_was_recorded() -> None:
    assert told().is_multi_layer is None
    assert told(ndis_1016(3, LTE, b"\1\0\0\0")).is_multi_layer is True
    assert told(ndis_1016(3, OFF, b"")).is_multi_layer is False


@pytest.mark.parametrize(
    ("rule", "directive", "value", "words"),
    [
        (12, EQU, ONE, "IPv4 address 10.0.0.5"),
        (10, LIST, ONE + TWO, "source IPv4 address 10.0.0.5 or 10.0.0.6"),
        (11, RANGE, ONE + TWO, "destination IPv4 address 10.0.0.5 to 10.0.0.6"),
        (12, NOT_EQUAL, ONE, "IPv4 address not 10.0.0.5"),
        (15, EQU, ip_address("fd00::1").packed, "IPv6 address fd00::1"),
        (9, MASK, b"\2\0\0\0\0\1\xff\xff\xff\0\0\0", "MAC 02:00:00:00:00:01/ff:ff:ff:00:00:00"),
        (6, EQU, b"\x08\x06", "EtherType ARP"),
        (6, EQU, b"\x06\x08", "EtherType ARP"),
        (6, EQU, b"\x12\x34", "EtherType 12 34"),
        (16, EQU, b"\x06", "IP protocol TCP"),
        (16, EQU, b"\x59", "IP protocol 89"),
        (4, EQU, struct.pack("<I", 12), "ifIndex 12"),
        (19, EQU, b"\0\x50", "bytes behind the IP header 00 50"),
        (12, EQU, b"\1\2\3", "IPv4 address 01 02 03"),
        (99, EQU, b"", "rule 99 any"),
        (12, OFF, ONE, "IPv4 address 10.0.0.5"),
        (12, OFF, b"", ""),
    ],
)
def test_a_rule_of_ndis_in_words(rule: int, directive: int, value: bytes, words: str) -> None:
    assert told(ndis_1016(rule, directive, value)).words == words


def test_rules_hold_together_and_filters_each_alone() -> None:
    found = told(ndis_1016(12, EQU, ONE), ndis_1016(16, EQU, b"\x06"), ndis_1016(16, EQU, b"\x06"))
    found.learn(PKTMON, 100, pktmon_100(1, "web", protocol=6, ports=(80, 0)))
    found.learn(PKTMON, 110, pktmon_110(2, "<empty>", ips=("fd00::1", "::")))
    assert found.words == "IPv4 address 10.0.0.5, IP protocol TCP; web: TCP port 80, or IP fd00::1"


def test_a_filter_of_pktmon_in_words() -> None:
    found = CaptureRules()
    found.learn(PKTMON, 100, pktmon_100(
        1, macs=("02:00:00:00:00:01", "02:00:00:00:00:02"), ether_type=0x800, vlan=20, ips=("10.0.0.5", "10.0.0.6"),
        protocol=132, ports=(80, 443), tcp_flags=2,
    ))  # fmt: skip
    found.learn(PKTMON, 100, pktmon_100(2, "all"))
    ends = "MAC 02:00:00:00:00:01 and 02:00:00:00:00:02, EtherType IPv4, VLAN 20, IP 10.0.0.5 and 10.0.0.6"
    assert found.choices == [f"{ends}, IP protocol 132 port 80 and 443, TCP flags 0x02", "all: any packet"]


def test_no_more_is_kept_than_people_read() -> None:
    found = told(*(ndis_1016(12, EQU, number.to_bytes(4, "big")) for number in range(1000)))
    assert (len(found.demands), found.demands[-1]) == (RULES_MAX + 1, "…")


@given(st.sampled_from([(NDISCAP, 1016), (PKTMON, 100), (PKTMON, 110)]), st.binary(max_size=120))
def test_whatever_an_event_holds_is_taken_or_refused(kind: tuple[str, int], raw: bytes) -> None:
    found = CaptureRules()
    if not found.learn(*kind, raw):
        assert found == CaptureRules()


def test_other_events_say_nothing() -> None:
    assert CaptureRules().learn(NDISCAP, 1001, b"")
    assert {NDISCAP: {1016}, PKTMON: {100, 110}} == IDS


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (pktmon(100, pktmon_100(1, "<empty>", ips=("10.0.0.5", "0.0.0.0"))), "IP 10.0.0.5"),
        (ndiscap(1016, ndis_1016(12, EQU, ONE)), "IPv4 address 10.0.0.5"),
        (ndiscap(1016, ndis_1016(0x11, LTE, b"\x80\0\0\0")), ""),
        (ndiscap(1011, bytes(4)), ""),
    ],
)
def test_a_recording_says_what_alone_it_holds(tmp_path: Path, event: Event, words: str) -> None:
    with Recording([record(tmp_path, [event])], Log()) as recording:
        assert scan(recording).overview.filters() == words


def test_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    short = [ndiscap(1016, b"\x11\1\xff\0"), pktmon(100, b"\1\0a\0"), pktmon(110, pktmon_100(1)[:-1])]
    log = Log()
    with Recording([record(tmp_path, short)], log) as recording:
        scan(recording)
    assert [(row.code, row.count) for row in log.rows()] == [(Code.RUNDOWN_INVALID, 1)] * 3
