"""Frames are what their protocols say: scapy, which shares no code with the lab, reads them so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether

from wnv_lab import frames

A, B = frames.ip_bytes("10.0.0.1"), frames.ip_bytes("10.0.0.2")
MAC_A, MAC_B = frames.mac_bytes("00-15-5D-00-00-01"), frames.mac_bytes("00:15:5d:00:00:02")
ports = st.integers(1, 65535)


def framed(protocol: int, part: bytes) -> bytes:
    return frames.ethernet(MAC_B, MAC_A, frames.IPV4, frames.ipv4(A, B, protocol, part, ident=7))


def with_right_checksums(packet: Ether) -> bytes:
    """The same packet with the checksums that scapy computes."""
    again = packet.copy()
    for layer in (IP, TCP, UDP, ICMP):
        if layer in again:
            del again[layer].chksum
    return bytes(again)


@given(ports, ports, st.integers(0, 2**32 - 1), st.binary(max_size=64))
def test_tcp_segments_have_the_right_checksums(sport: int, dport: int, seq: int, payload: bytes) -> None:
    frame = framed(frames.TCP, frames.tcp(A, B, sport, dport, seq, 5, frames.ACK, payload))
    assert with_right_checksums(Ether(frame)) == frame
    assert (Ether(frame)[TCP].sport, Ether(frame)[TCP].dport, Ether(frame)[TCP].seq) == (sport, dport, seq)


@given(ports, ports, st.binary(max_size=64))
def test_udp_datagrams_have_the_right_checksums(sport: int, dport: int, payload: bytes) -> None:
    frame = framed(frames.UDP, frames.udp(A, B, sport, dport, payload))
    assert with_right_checksums(Ether(frame)) == frame


def test_an_unfinished_checksum_is_the_sum_of_the_pseudo_header() -> None:
    part = frames.tcp(A, B, 1, 2, 3, 4, frames.ACK, b"data", is_finished=False)
    assert int.from_bytes(part[16:18], "big") == frames.pseudo_sum(A, B, frames.TCP, len(part))


def test_echoes_and_arp_read_as_such() -> None:
    ping = Ether(framed(frames.ICMP, frames.echo(False, 1, 2)))
    assert (ping[ICMP].type, ping[ICMP].id, ping[ICMP].seq) == (8, 1, 2)
    assert with_right_checksums(ping) == bytes(ping)
    asked = Ether(frames.ethernet(frames.BROADCAST, MAC_A, frames.ARP, frames.arp(1, MAC_A, A, bytes(6), B)))
    assert (asked[ARP].op, asked[ARP].psrc, asked[ARP].pdst) == (1, "10.0.0.1", "10.0.0.2")


def test_names_are_asked_and_answered() -> None:
    query = frames.dns_query(9, "www.example")
    answer = DNS(frames.dns_answer(query, B))
    assert (DNS(query).qd[0].qname, answer.id, answer.an[0].rdata) == (b"www.example.", 9, "10.0.0.2")
    assert DNS(frames.dns_answer(query, None)).rcode == 3


def test_dhcp_messages_say_their_type_and_server() -> None:
    offer = BOOTP(frames.dhcp(2, 77, MAC_A, yours=B, server=A))
    assert (offer.xid, offer.yiaddr) == (77, "10.0.0.2")
    assert [option for option in offer[DHCP].options if isinstance(option, tuple)][:2] == [
        ("message-type", 2), ("server_id", "10.0.0.1"),
    ]  # fmt: skip


def test_a_tag_stands_before_the_type() -> None:
    plain = framed(frames.UDP, frames.udp(A, B, 1, 2, b"x"))
    assert Ether(frames.tagged(plain, 20, priority=3))[Dot1Q].vlan == 20


def test_addresses_read_as_windows_writes_them() -> None:
    assert frames.mac_text(MAC_A) == "00-15-5D-00-00-01"
    assert frames.ip_text(A) == "10.0.0.1"
