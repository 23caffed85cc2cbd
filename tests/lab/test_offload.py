"""Large sends cut, segments joined, checksums finished."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from wnv_lab.frames import ACK, IPV4, PSH, ethernet, ipv4, tcp
from wnv_lab.frames import TCP as TCP_NUMBER
from wnv_lab.offload import coalesced, segments

A, B = b"\n\0\0\1", b"\n\0\0\2"


def large(payload: bytes) -> bytes:
    part = tcp(A, B, 1000, 80, 4_294_967_000, 1, ACK | PSH, payload, is_finished=False, is_large_send=True)
    return ethernet(b"\2" * 6, b"\4" * 6, IPV4, ipv4(A, B, TCP_NUMBER, part, is_large_send=True))


@given(st.integers(1461, 9000))
def test_a_large_send_becomes_right_segments_that_join_to_the_same_bytes(n: int) -> None:
    payload = bytes(i & 0xFF for i in range(n))
    cut = segments(large(payload), 1460)
    for frame in cut:
        packet = Ether(frame)
        del packet[IP].chksum
        del packet[TCP].chksum
        assert bytes(packet) == frame
        assert len(frame) <= 1514
    assert b"".join(frame[54:] for frame in cut) == payload
    assert [bool(frame[47] & PSH) for frame in cut] == [False] * (len(cut) - 1) + [True]
    joined = coalesced(cut)
    assert len(joined) == 1
    assert joined[0][54:] == payload


def test_segments_with_a_hole_between_them_stay_apart() -> None:
    first, _, third = segments(large(bytes(4000)), 1460)
    assert coalesced([first, third]) == [first, third]
