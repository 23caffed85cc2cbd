"""Headers of frames, and rewrites that keep every checksum right."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from wnv_lab.frames import ACK, IPV4, echo, ethernet, ipv4, tcp, udp
from wnv_lab.frames import ICMP as ICMP_NUMBER
from wnv_lab.frames import TCP as TCP_NUMBER
from wnv_lab.frames import UDP as UDP_NUMBER
from wnv_lab.offload import finished
from wnv_lab.parsing import flow_key, header_of, rewrite_between

macs = st.binary(min_size=6, max_size=6)
addresses = st.binary(min_size=4, max_size=4)
ports = st.integers(1, 65535)


def frame_of(src: bytes, dst: bytes, sport: int, dport: int, payload: bytes, *, is_tcp: bool, is_open: bool) -> bytes:
    part = (tcp(src, dst, sport, dport, 1, 2, ACK, payload, is_finished=not is_open) if is_tcp
            else udp(src, dst, sport, dport, payload, is_finished=not is_open))  # fmt: skip
    return ethernet(b"\x02" * 6, b"\x04" * 6, IPV4, ipv4(src, dst, TCP_NUMBER if is_tcp else UDP_NUMBER, part))


@given(addresses, addresses, ports, ports, st.binary(max_size=40), addresses, ports, macs, st.booleans(), st.booleans())
def test_a_translated_frame_is_the_frame_that_the_other_sender_would_make(
    src: bytes, dst: bytes, sport: int, dport: int, payload: bytes, outside: bytes, port: int, mac: bytes,
    is_tcp: bool, is_open: bool,
) -> None:  # fmt: skip
    dport = 4788 if dport == 4789 else dport
    before_frame = frame_of(src, dst, sport, dport, payload, is_tcp=is_tcp, is_open=is_open)
    before = header_of(before_frame)
    after = before.copy()
    after.src, after.sport, after.eth_src, after.ttl = outside, port, mac, before.ttl - 1
    rewrite = rewrite_between(before, after)
    assert rewrite is not None
    got = rewrite(before_frame, is_open)
    found = header_of(got)
    assert (found.src, found.sport, found.eth_src, found.ttl) == (outside, port, mac, before.ttl - 1)
    got = finished(got) if is_open else got
    right = Ether(got)
    del right[IP].chksum
    del right[TCP if is_tcp else UDP].chksum
    assert bytes(right) == got


@given(addresses, addresses, ports, ports, addresses)
def test_a_translated_echo_has_the_right_checksum(src: bytes, dst: bytes, old: int, new: int, outside: bytes) -> None:
    frame = ethernet(b"\x02" * 6, b"\x04" * 6, IPV4, ipv4(src, dst, ICMP_NUMBER, echo(False, old, 3)))
    before = header_of(frame)
    after = before.copy()
    after.src, after.ident = outside, new
    rewrite = rewrite_between(before, after)
    got = frame if rewrite is None else rewrite(frame, False)
    right = Ether(got)
    del right[IP].chksum
    del right[ICMP].chksum
    assert bytes(right) == got
    assert (right[ICMP].id, header_of(got).src) == (new, outside)


def test_encapsulation_wraps_and_its_reverse_unwraps() -> None:
    inner = frame_of(b"\n\xf4\1\2", b"\n\xf4\2\3", 1000, 80, b"hello", is_tcp=True, is_open=False)
    before = header_of(inner)
    after = before.copy()
    after.outer_src, after.outer_dst, after.vni = b"\n\0\0\x0b", b"\n\0\0\x0c", 4096
    after.outer_eth_src, after.outer_eth_dst = b"\x06" * 6, b"\x08" * 6
    wrap, unwrap = rewrite_between(before, after), rewrite_between(after, before)
    assert wrap is not None
    assert unwrap is not None
    outer = wrap(inner, False)
    packet = Ether(outer)
    assert (packet[VXLAN].vni, packet[UDP].dport, packet[IP].src) == (4096, 4789, "10.0.0.11")
    assert packet[IP].len == len(outer) - 14
    assert header_of(outer).vni == 4096
    assert unwrap(outer, False) == inner


def test_nothing_changed_is_no_rewrite() -> None:
    header = header_of(frame_of(b"\n\0\0\1", b"\n\0\0\2", 5, 6, b"", is_tcp=True, is_open=False))
    assert rewrite_between(header, header.copy()) is None


@given(addresses, addresses, ports, ports)
def test_packets_of_one_flow_have_one_key_and_others_another(src: bytes, dst: bytes, sport: int, dport: int) -> None:
    one = frame_of(src, dst, sport, dport, b"a", is_tcp=True, is_open=False)
    two = frame_of(src, dst, sport, dport, b"bb", is_tcp=True, is_open=False)
    other = frame_of(src, dst, sport % 65535 + 1, dport, b"a", is_tcp=True, is_open=False)
    assert flow_key(one) == flow_key(two) != flow_key(other)
