from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payloads import Echo, Tcp, Udp, arp, ethernet, ip
from wnv.packets.headers import find_network_layer, original_bytes, summarize
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
