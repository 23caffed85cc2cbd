from __future__ import annotations

import struct
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissection import columns_of, dissect
from payloads import Echo, Tcp, Udp, arp, ethernet, ip, vxlan, wifi
from plain import uncompiled
from random_frames import FrameMaker
from wnv.packets.headers import (
    COLUMNS,
    Headers,
    address_texts,
    decode_packets,
    find_network_layer,
    ipv4_texts,
    ipv6_texts,
    mac_texts,
    original_bytes,
    summarize,
)
from wnv.packets.points import LINK_ETHERNET, LINK_RAW, LINK_UNKNOWN, LINK_UPPER_PDU, LINK_WIFI

LINKS = (LINK_ETHERNET, LINK_RAW, LINK_WIFI, LINK_UPPER_PDU, LINK_UNKNOWN)
V4 = ip("10.0.0.1", "10.0.0.2", Tcp(40000, 443, bytes(60)))  # 100 bytes
V6 = ip("fe80::1", "fe80::2", Udp(53, 53, bytes(52)))  # 100 bytes


def tagged(packet: bytes, *tags: int) -> bytes:
    """An Ethernet frame with a tag of each type, outermost first."""
    plain = ethernet(packet)
    return plain[:12] + b"".join(struct.pack(">HH", tag, 7) for tag in tags) + plain[12:]


def large_send(packet: bytes) -> bytes:
    """The packet with 0 in place of its length, as a stack hands it to an adapter that will cut it."""
    at = 4 if packet[0] >> 4 == 6 else 2
    return packet[:at] + b"\0\0" + packet[at + 2 :]


def lengths(frames: list[tuple[bytes, int, int]]) -> list[int]:
    """Of (captured bytes, link type, stated length)."""
    data = np.frombuffer(b"".join(frame for frame, _, _ in frames) + bytes(64), np.uint8)
    n_bytes = np.array([len(frame) for frame, _, _ in frames], np.int64)
    link = np.array([link for _, link, _ in frames], np.uint16)
    stated = np.array([stated for _, _, stated in frames], np.int64)
    found: list[int] = original_bytes(data, np.cumsum(n_bytes) - n_bytes, n_bytes, stated, link).tolist()
    return found


class TestOriginalBytes:
    @pytest.mark.parametrize(
        ("frame", "link", "stated", "length"),
        [
            pytest.param(ethernet(V4), LINK_ETHERNET, 0, 114, id="whole"),
            pytest.param(ethernet(V4)[:60], LINK_ETHERNET, 0, 114, id="IPv4, truncated"),
            pytest.param(ethernet(V4)[:34], LINK_ETHERNET, 0, 114, id="IPv4 header and no more"),
            pytest.param(ethernet(V4)[:33], LINK_ETHERNET, 0, 33, id="half an IPv4 header"),
            pytest.param(ethernet(V6)[:54], LINK_ETHERNET, 0, 114, id="IPv6, truncated"),
            pytest.param(ethernet(V6)[:53], LINK_ETHERNET, 0, 53, id="half an IPv6 header"),
            pytest.param(tagged(V4, 0x8100)[:60], LINK_ETHERNET, 0, 118, id="with a VLAN tag"),
            pytest.param(tagged(V6, 0x88A8, 0x8100)[:70], LINK_ETHERNET, 0, 122, id="with two VLAN tags"),
            pytest.param(tagged(V4, 0x9100, 0x8100)[:60], LINK_ETHERNET, 0, 122, id="with an old outer tag"),
            pytest.param(tagged(V4, 0x8100, 0x8100, 0x8100)[:60], LINK_ETHERNET, 0, 60, id="with three tags"),
            pytest.param(tagged(V4, 0x8100)[:17], LINK_ETHERNET, 0, 17, id="cut inside the tag"),
            pytest.param(V4[:40], LINK_RAW, 0, 100, id="IPv4 without a link layer"),
            pytest.param(V6[:40], LINK_RAW, 0, 100, id="IPv6 without a link layer"),
            pytest.param(ethernet(V4)[:60], LINK_WIFI, 0, 60, id="Wi-Fi is not looked into"),
            pytest.param(ethernet(V4)[:60], LINK_UPPER_PDU, 0, 60, id="nor is a payload"),
            pytest.param(ethernet(large_send(V4)), LINK_ETHERNET, 0, 114, id="a large send"),
            pytest.param(ethernet(large_send(V4))[:60], LINK_ETHERNET, 0, 60, id="a large send, truncated"),
            pytest.param(ethernet(large_send(V6))[:60], LINK_ETHERNET, 0, 60, id="a large IPv6 send, truncated"),
            pytest.param(ethernet(ip("10.0.0.1", "10.0.0.2", Udp(1, 2))) + bytes(18), LINK_ETHERNET, 0, 60,
                         id="padded to the smallest frame"),
            pytest.param(ethernet(arp("10.0.0.1", "10.0.0.2"))[:30], LINK_ETHERNET, 0, 30, id="no IP"),
            pytest.param(ethernet(V6, ether_type=0x0800)[:60], LINK_ETHERNET, 0, 60, id="EtherType and version differ"),
            pytest.param(ethernet(V4)[:60], LINK_ETHERNET, 1500, 1500, id="stated, which counts more"),
            pytest.param(ethernet(V4)[:60], LINK_ETHERNET, 40, 60, id="stated less than captured (16 bits wrapped)"),
            pytest.param(b"", LINK_ETHERNET, 0, 0, id="nothing"),
            pytest.param(b"", LINK_RAW, 9, 9, id="nothing but its length"),
        ],
    )  # fmt: skip
    def test_is_what_it_was_on_the_wire(self, frame: bytes, link: int, stated: int, length: int) -> None:
        assert lengths([(frame, link, stated)]) == [length]

    @given(st.lists(st.tuples(st.binary(max_size=80), st.sampled_from(LINKS), st.integers(0, 65535)), max_size=8))
    def test_of_one_frame_does_not_depend_on_its_neighbours(self, frames: list[tuple[bytes, int, int]]) -> None:
        alone = [lengths([frame])[0] for frame in frames]
        assert lengths(frames) == alone
        assert all(length >= len(frame) for (frame, _, _), length in zip(frames, alone, strict=True))


class TestFindNetworkLayer:
    @pytest.mark.parametrize(
        ("frame", "link", "found"),
        [
            (ethernet(V4), LINK_ETHERNET, (4, 14, 100)),
            (tagged(V6, 0x8100), LINK_ETHERNET, (6, 18, 100)),
            (V6, LINK_RAW, (6, 0, 100)),
            (ethernet(large_send(V4)), LINK_ETHERNET, (4, 14, 0)),
            (ethernet(arp("10.0.0.1", "10.0.0.2")), LINK_ETHERNET, (0, 0, 0)),
        ],
    )
    def test_version_place_and_length(self, frame: bytes, link: int, found: tuple[int, int, int]) -> None:
        data, zero = np.frombuffer(frame + bytes(64), np.uint8), np.zeros(1, np.int64)
        layer = find_network_layer(data, zero, zero + len(frame), np.array([link], np.uint16))
        assert (layer.version[0], layer.offset[0], layer.total_bytes[0]) == found


class TestSummarize:
    @pytest.mark.parametrize(
        ("frame", "link", "words"),
        [
            (ethernet(V4), LINK_ETHERNET, "TCP 10.0.0.1:40000 → 10.0.0.2:443"),
            (V6, LINK_RAW, "UDP [fe80::1]:53 → [fe80::2]:53"),
            (ethernet(ip("10.0.0.1", "10.0.0.2", Echo())), LINK_ETHERNET, "ICMP 10.0.0.1 → 10.0.0.2, echo request"),
            (ethernet(V4)[:34], LINK_ETHERNET, "TCP 10.0.0.1 → 10.0.0.2"),
            (ip("10.0.0.1", "10.0.0.2", b"", protocol=99), LINK_RAW, "IP protocol 99 10.0.0.1 → 10.0.0.2"),
            (ethernet(arp("10.0.0.1", "10.0.0.2")), LINK_ETHERNET, "42 bytes that are not IP"),
        ],
    )
    def test_names_the_packet(self, frame: bytes, link: int, words: str) -> None:
        assert summarize(frame, link) == words

    @given(st.binary(max_size=90), st.sampled_from(LINKS))
    def test_has_something_to_say_of_any_bytes(self, frame: bytes, link: int) -> None:
        assert summarize(frame, link)
        assert summarize(ethernet(V4)[:20] + frame, LINK_ETHERNET)


def headers_of(*frames: bytes, link: int = LINK_ETHERNET) -> Headers:
    data, start, n_bytes = columns_of(frames)
    return decode_packets(data, start, n_bytes, np.full(len(frames), link, np.uint16))


def table_of(headers: Headers | None) -> dict[str, object] | None:
    """All columns as lists, the carried packets' too."""
    if headers is None:
        return None
    columns: dict[str, object] = {name: getattr(headers, name).tolist() for name in COLUMNS}
    return {**columns, "inner": table_of(headers.inner)}


class TestDecodePackets:
    def test_the_uncompiled_loops_find_the_same(self) -> None:
        maker = FrameMaker(21)
        for link, make in ((LINK_ETHERNET, maker.ethernet), (LINK_RAW, maker.packet)):
            frames = [make() for _ in range(150)]
            frames += [frame[: maker.random.randrange(len(frame))] for frame in frames]
            compiled = table_of(headers_of(*frames, link=link))
            with uncompiled():
                assert table_of(headers_of(*frames, link=link)) == compiled

    @given(st.lists(st.binary(max_size=100), max_size=6), st.sampled_from(LINKS))
    def test_random_bytes_never_raise_and_mean_the_same_uncompiled(self, frames: list[bytes], link: int) -> None:
        compiled = table_of(headers_of(*frames, link=link))
        with uncompiled():
            assert table_of(headers_of(*frames, link=link)) == compiled

    @given(st.integers(0, 10_000), st.integers(0, 200), st.binary(min_size=80, max_size=80))
    def test_nothing_is_read_behind_a_frame(self, seed: int, cut: int, behind: bytes) -> None:
        frame = FrameMaker(seed).ethernet()[:cut]
        data, start, n_bytes = columns_of([frame + behind])
        link = np.array([LINK_ETHERNET], np.uint16)
        assert table_of(decode_packets(data, start, n_bytes - 80, link)) == table_of(headers_of(frame))

    def test_frames_outside_the_data_are_refused(self) -> None:
        one, link = np.ones(1, np.int64), np.array([LINK_ETHERNET], np.uint16)
        for start, n_bytes in ((one, one * 10), (-one, one), (one, -one)):
            with pytest.raises(ValueError, match="outside"):
                decode_packets(np.zeros(10, np.uint8), start, n_bytes, link)

    def test_wifi_frames_as_tshark_reads_them(self, tshark: Path, tmp_path: Path) -> None:
        maker = FrameMaker(22)
        frames = []
        for n in range(300):
            packet = maker.packet()
            frames.append(
                wifi(packet, ether_type=0x86DD if packet[0] >> 4 == 6 else 0x0800, to_ds=bool(n & 1),
                     from_ds=bool(n & 2), qos=bool(n & 4))
            )  # fmt: skip
        fields = ("wlan.da", "wlan.sa", "tcp.srcport", "ip.src")
        shown = dissect(tshark, tmp_path, [(frame, len(frame)) for frame in frames], fields, LINK_WIFI,
                        ("wlan.check_checksum:FALSE",))  # fmt: skip
        headers = headers_of(*frames, link=LINK_WIFI)
        addresses = address_texts(headers.ip_version, headers.src_high, headers.src_low, headers.has_src).tolist()
        for row, theirs in enumerate(shown):
            assert [mac_texts(headers.eth_dst).tolist()[row]] == theirs["wlan.da"]
            assert [mac_texts(headers.eth_src).tolist()[row]] == theirs["wlan.sa"]
            if headers.ip_version[row] == 4:
                assert addresses[row] == theirs["ip.src"][0]
            if theirs["tcp.srcport"]:
                assert headers.src_port[row] == int(theirs["tcp.srcport"][0])

    def test_tags_of_bare_payload_name_both_ends(self) -> None:
        tags = [(20, bytes([10, 0, 0, 1])), (21, bytes([10, 0, 0, 2])), (24, (2).to_bytes(4, "big")),
                (25, (80).to_bytes(4, "big")), (26, (4000).to_bytes(4, "big")), (0, b"")]  # fmt: skip
        pdu = b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in tags)
        headers = headers_of(pdu + b"payload", link=LINK_UPPER_PDU)
        assert (headers.protocol[0], headers.src_port[0], headers.dst_port[0]) == (6, 80, 4000)
        assert ipv4_texts(headers.src_low.view(np.int64)).tolist() == ["10.0.0.1"]
        assert (headers.payload_offset[0], headers.payload_bytes[0]) == (len(pdu), 7)

    def test_take_keeps_carried_packets_with_their_rows(self) -> None:
        frames = [ethernet(V4), ethernet(vxlan(ethernet(V6), 7, "10.0.0.1", "10.0.0.2")), ethernet(V6)]
        headers = headers_of(*frames)
        taken = headers.take(np.array([2, 1]))
        assert (taken.row.tolist(), taken.protocol.tolist()) == ([2, 1], [17, 17])
        assert taken.inner is not None
        assert (taken.inner.row.tolist(), taken.inner.ip_version.tolist()) == ([1], [6])


class TestTexts:
    @given(st.lists(st.integers(0, 2**128 - 1) | st.integers(0, 2**33) | st.none(), max_size=20))
    def test_of_ipv6_addresses_are_those_of_the_standard_library(self, numbers: list[int | None]) -> None:
        values = [number or 0 for number in numbers]
        high = np.array([value >> 64 for value in values], np.uint64)
        low = np.array([value & (1 << 64) - 1 for value in values], np.uint64)
        given = np.array([number is not None for number in numbers], np.bool_)
        expected = [None if number is None else str(ip_address(number.to_bytes(16, "big"))) for number in numbers]
        texts = address_texts(np.full(len(values), 6, np.int16), high, low, given)
        assert [text and ip_address(text) for text in texts.tolist()] == [
            text and ip_address(text) for text in expected
        ]
        assert len(texts.values) == len(set(texts.values))

    def test_of_both_versions_in_one_column(self) -> None:
        version = np.array([4, 6, 6, -1], np.int16)
        zero, low = np.zeros(4, np.uint64), np.array([0x0A000001, 0x0A000001, 1, 0], np.uint64)
        texts = address_texts(version, zero, low, version > 0)
        assert texts.tolist() == ["10.0.0.1", "::a00:1", "::1", None]
        assert texts.take(np.array([2, 0])).tolist() == ["::1", "10.0.0.1"]

    def test_an_ipv4_address_mapped_to_ipv6_shows_both(self) -> None:
        texts = ipv6_texts(np.zeros(1, np.uint64), np.array([0xFFFF_0A00_0001], np.uint64))
        assert texts.tolist() == ["::ffff:10.0.0.1"]

    def test_of_mac_addresses(self) -> None:
        assert mac_texts(np.array([0x0200_0000_000A, -1, 0])).tolist() == [
            "02:00:00:00:00:0a", None, "00:00:00:00:00:00",
        ]  # fmt: skip
