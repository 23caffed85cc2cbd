"""What makes two sightings the same packet, and what does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from payloads import ACK, SYN, Echo, Icmp, Tcp, Transport, Udp, arp, ethernet, ip, nvgre, vxlan
from wnv.arrays import I64
from wnv.journeys import layout as c
from wnv.journeys.sights import Keys, Packets, empty_sights, fill_ends, fill_keys
from wnv.packets.points import LINK_ETHERNET
from wnv.providers.winnat import Ends

KEYS = Keys()
A, B, OUT = "172.20.1.5", "93.184.216.34", "10.0.0.10"
SEGMENT = Tcp(49152, 80, b"GET / HTTP/1.1 and more than thirty-two bytes", seq=7, ack=9)


def seen(*frames: bytes, cut: int = 1 << 16, keys: Keys = KEYS) -> I64:
    """A matrix with a column a frame."""
    captured = [frame[:cut] for frame in frames]
    sizes = np.array([len(one) for one in captured], np.int64)
    sights = empty_sights(len(frames))
    fill_keys(sights, keys, Packets(
        np.frombuffer(b"".join(captured) + bytes(256), np.uint8), np.cumsum(sizes) - sizes, sizes,
        np.full(len(frames), LINK_ETHERNET, np.uint16), np.array([len(one) for one in frames], np.int64),
    ))  # fmt: skip
    return sights


def same(sights: I64, column: int) -> bool:
    return bool(sights[column, 0] == sights[column, 1])


@pytest.mark.parametrize(
    "other",
    [
        ethernet(ip(A, B, SEGMENT, ttl=63)),
        ethernet(ip(A, B, SEGMENT), src_mac="02-00-00-00-00-77", dst_mac="02-00-00-00-00-78"),
        ethernet(ip(A, B, SEGMENT), vlan=7),
        ethernet(ip(A, B, SEGMENT, dscp=10)),
    ],
    ids=["hop limit", "stations", "VLAN", "DSCP"],
)
def test_what_hops_change_is_not_compared(other: bytes) -> None:
    sights = seen(ethernet(ip(A, B, SEGMENT)), other)
    assert same(sights, c.CONTENT)
    assert same(sights, c.TUPLE)
    assert same(sights, c.HASH_32)


def test_translation_changes_the_tuple_alone() -> None:
    sights = seen(ethernet(ip(A, B, SEGMENT)), ethernet(ip(OUT, B, Tcp(1025, 80, SEGMENT.payload, seq=7, ack=9))))
    assert same(sights, c.CONTENT)
    assert same(sights, c.HASH_32)
    assert not same(sights, c.TUPLE)


@pytest.mark.parametrize(
    "other",
    [
        ip(A, B, SEGMENT, ident=2),
        ip(A, B, Tcp(49152, 80, SEGMENT.payload, seq=8, ack=9)),
        ip(A, B, Tcp(49152, 80, SEGMENT.payload, seq=7, ack=10)),
        ip(A, B, Tcp(49152, 80, SEGMENT.payload, seq=7, ack=9, flags=ACK | SYN)),
        ip(A, B, Tcp(49152, 80, SEGMENT.payload + b"x", seq=7, ack=9)),
    ],
    ids=["sent again", "sequence", "acknowledgement", "flags", "length"],
)
def test_another_packet_has_other_content(other: bytes) -> None:
    assert not same(seen(ethernet(ip(A, B, SEGMENT)), ethernet(other)), c.CONTENT)


def test_payload_tells_apart_what_headers_do_not() -> None:
    first, other = (ethernet(ip(A, B, Udp(5000, 53, payload))) for payload in (b"a" * 40, b"b" * 40))
    assert same(seen(first, other), c.CONTENT)
    assert not same(seen(first, other), c.HASH_32)


def test_bytes_that_were_cut_off_are_not_compared() -> None:
    sights = seen(ethernet(ip(A, B, SEGMENT)), cut=64)
    assert sights[c.HASH_8, 0] >= 0
    assert sights[c.HASH_32, 0] == -1
    whole = seen(ethernet(ip(A, B, SEGMENT)))
    assert sights[c.CONTENT, 0] == whole[c.CONTENT, 0]
    assert seen(ethernet(ip(A, B, SEGMENT)), cut=30)[c.CONTENT, 0] == 0


def test_both_directions_of_a_conversation_are_found_from_each_other() -> None:
    sights = seen(ethernet(ip(A, B, SEGMENT)), ethernet(ip(B, A, Tcp(80, 49152))))
    assert sights[c.TUPLE, 0] == sights[c.TUPLE_BACK, 1]
    assert sights[c.TUPLE_BACK, 0] == sights[c.TUPLE, 1]


@pytest.mark.parametrize("carry", [vxlan, nvgre], ids=["VXLAN", "NVGRE"])
def test_a_carried_packet_is_told_by_what_is_inside(carry: Callable[[bytes, int, str, str], bytes]) -> None:
    inside = ethernet(ip(A, B, SEGMENT))
    sights = seen(inside, ethernet(carry(inside, 4096, "10.0.0.1", "10.0.0.2")))
    assert same(sights, c.CONTENT)
    assert same(sights, c.TUPLE)
    assert sights[c.OUTER].tolist()[0] == 0
    assert sights[c.OUTER].tolist()[1] != 0
    assert sights[c.VNI].tolist() == [-1, 4096]


def test_identifiers_of_icmp_are_no_part_of_it() -> None:
    sights = seen(ethernet(ip(A, B, Echo(7, 1))), ethernet(ip(OUT, B, Echo(1025, 1))), ethernet(ip(A, B, Echo(7, 2))))
    assert same(sights, c.CONTENT)
    assert sights[c.CONTENT, 2] != sights[c.CONTENT, 0]
    assert sights[c.SEQ].tolist() == [7, 1025, 7]


def test_an_error_message_is_like_an_answer_and_its_content_is_not_compared() -> None:
    sights = seen(ethernet(ip(B, A, Icmp(3, 4, bytes(4) + ip(A, B, SEGMENT)))))
    assert sights[c.FLAGS, 0] & c.IS_REPLY_LIKE
    assert sights[c.HASH_8, 0] == -1


def test_arp_is_told_by_who_asks_for_whom() -> None:
    sights = seen(*(ethernet(arp("10.0.0.5", target)) for target in ("10.0.0.1", "10.0.0.2")))
    assert not same(sights, c.CONTENT)
    assert sights[c.WHAT, 0] & 0xFF == 4


def test_a_frame_to_all_is_marked() -> None:
    assert seen(ethernet(arp("10.0.0.5", "10.0.0.1"), dst_mac="FF-FF-FF-FF-FF-FF"))[c.FLAGS, 0] & c.IS_GROUP


def test_other_recordings_cannot_know_the_hashes() -> None:
    frame = ethernet(ip(A, B, SEGMENT))
    assert seen(frame, keys=Keys())[c.CONTENT, 0] != seen(frame)[c.CONTENT, 0]


@pytest.mark.parametrize("inner", [SEGMENT, Udp(5000, 53, b"x"), Echo(7, 1)], ids=["TCP", "UDP", "ICMP"])
def test_what_an_event_states_is_found_by_the_frame(inner: Transport) -> None:
    sights = seen(ethernet(ip(A, B, inner)))
    src, dst = (int.from_bytes(bytes(map(int, one.split("."))), "big") for one in (A, B))
    ports = (inner.src_port, inner.dst_port) if isinstance(inner, Tcp | Udp) else (7, 0)
    stated = empty_sights(1)

    def end(value: int, port: int) -> Ends:
        return Ends(
            np.array([4], np.int16), np.zeros(1, np.uint64), np.array([value], np.uint64), np.array([port], np.int32)
        )

    protocol = np.array([inner.protocol if isinstance(inner, Tcp | Udp) else 1])
    fill_ends(stated, KEYS, protocol, end(src, ports[0]), end(dst, ports[1]))
    assert stated[c.TUPLE, 0] == sights[c.TUPLE, 0]
    assert stated[c.ADDRESSES, 0] == sights[c.ADDRESSES, 0]
    nothing = np.zeros(1, np.uint64)
    nowhere = Ends(np.zeros(1, np.int16), nothing, nothing, np.zeros(1, np.int32))
    fill_ends(stated, KEYS, protocol, end(src, 1), nowhere)
    assert stated[c.TUPLE, 0] == 0


def test_nothing_seen_is_nothing() -> None:
    assert seen().shape == (c.N_SIGHT, 0)
