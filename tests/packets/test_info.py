from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from dissection import Frame, columns_of, dissect
from payloads import (
    ACK,
    DHCP_OFFER,
    MAC_B,
    PSH,
    RST,
    SYN,
    Echo,
    Icmp,
    Tcp,
    Udp,
    arp,
    authentication_header,
    dhcp,
    dns,
    ethernet,
    fragment_header,
    gre,
    http_request,
    http_response,
    ip,
    ip_bytes,
    tls_client_hello,
    tls_record,
    vxlan,
    wifi,
)
from plain import uncompiled
from random_frames import FrameMaker
from wnv.packets.info import Lines
from wnv.packets.points import LINK_ETHERNET, LINK_RAW, LINK_UNKNOWN, LINK_UPPER_PDU, LINK_WIFI
from wnv.packets.table import frame_columns

V4, V6 = ("10.0.0.1", "10.0.0.2"), ("fe80::1", "fe80::2")
SYN_OPTIONS = bytes.fromhex("020405b40103030801010402")  # MSS 1460, window scale 8, SACK permitted
PDU = bytes.fromhex("000c0004") + b"http" + bytes.fromhex("00180004000000020019000400000050001a00040000c03000000000")


def told(frames: list[Frame], link_type: int = LINK_ETHERNET) -> list[tuple[str | None, str]]:
    """Protocol and line of each frame."""
    data, start, n_bytes = columns_of([frame for frame, _ in frames])
    link = np.full(len(frames), link_type, np.uint16)
    columns = frame_columns(data, start, n_bytes, link, np.array([long for _, long in frames], np.int64))
    protocol = columns["protocol"].tolist() if "protocol" in columns else [None] * len(frames)
    return list(zip(protocol, columns["info"].tolist(), strict=True))


def lldp(n_bytes: int = 46) -> bytes:
    return ethernet(bytes(n_bytes), ether_type=0x88CC)


class TestDescribe:
    @pytest.mark.parametrize(
        ("frame", "protocol", "line"),
        [
            (ip(*V4, Tcp(49200, 80, seq=7, flags=SYN, window=64240, options=SYN_OPTIONS)), "TCP",
             "49200 → 80 [SYN] Seq=7 Win=64240 Len=0 MSS=1460 WS=256 SACK_PERM"),
            (ip(*V4, Tcp(80, 49200, b"abc", seq=1, ack=8, flags=PSH | ACK)), "TCP",
             "80 → 49200 [PSH, ACK] Seq=1 Ack=8 Win=65535 Len=3"),
            (ip(*V4, Tcp(80, 49200, seq=1, flags=0)), "TCP", "80 → 49200 [<None>] Seq=1 Win=65535 Len=0"),
            (ip(*V6, Udp(5000, 6000, bytes(12))), "UDP", "5000 → 6000 Len=12"),
            (ip(*V6, Udp(546, 547, bytes(12))), "DHCPv6", "546 → 547 Len=12"),
            (ip(*V4, Echo(0x2A, 1)), "ICMP", "Echo (ping) request id=0x002a, seq=1/256, ttl=64"),
            (ip(*V6, Echo(0x2A, 1, is_reply=True)), "ICMPv6", "Echo (ping) reply id=0x002a, seq=1, hop limit=64"),
            (ip(*V4, Icmp(3, 4)), "ICMP", "Destination unreachable (Fragmentation needed)"),
            (ip(*V4, Icmp(3, 99)), "ICMP", "Destination unreachable, code 99"),
            (ip(*V4, Icmp(77)), "ICMP", "Type 77"),
            (ip(*V6, Icmp(135, 0, bytes(4) + ip_bytes("fe80::7"))), "ICMPv6", "Neighbor Solicitation for fe80::7"),
            (ip(*V6, Icmp(136, 0, bytes(4) + ip_bytes("fe80::7"))), "ICMPv6", "Neighbor Advertisement of fe80::7"),
            (ip(*V6, Icmp(135)), "ICMPv6", "Neighbor Solicitation"),
            (ip(*V6, Icmp(1, 4)), "ICMPv6", "Destination Unreachable (port unreachable)"),
            (arp(*V4), "ARP", "Who has 10.0.0.2? Tell 10.0.0.1"),
            (arp(*V4, is_reply=True), "ARP", "10.0.0.1 is at 02:00:00:00:00:0a"),
            (arp("0.0.0.0", "10.0.0.2"), "ARP", "Who has 10.0.0.2? (ARP Probe)"),
            (arp("10.0.0.2", "10.0.0.2"), "ARP", "ARP Announcement for 10.0.0.2"),
            (arp("10.0.0.2", "10.0.0.2", is_reply=True), "ARP", "Gratuitous ARP for 10.0.0.2 (Reply)"),
            (ip(*V4, Udp(4000, 53, dns("example.com", ident=0x1234))), "DNS", "Standard query 0x1234 A example.com"),
            (ip(*V4, Udp(53, 4000, dns("example.com", query_type=28, is_response=True, rcode=3))), "DNS",
             "Standard query response 0x1a2b No such name AAAA example.com"),
            (ip(*V4, Udp(53, 4000, dns("a.b", is_response=True, answers=["10.0.0.9", "10.0.0.8"]))), "DNS",
             "Standard query response 0x1a2b A a.b A 10.0.0.9"),
            (ip(*V4, Udp(5353, 5353, dns("", query_type=999))), "MDNS", "Standard query 0x1a2b TYPE999 <Root>"),
            (ip(*V4, Udp(67, 68, dhcp(DHCP_OFFER, xid=0x1234))), "DHCP", "DHCP Offer - Transaction ID 0x1234"),
            (ip(*V4, Udp(67, 68, bytes(100))), "DHCP", "DHCP - Transaction ID 0x0"),
            (ip(*V4, Tcp(4000, 80, http_request("POST", "/a?b=c"))), "HTTP", "POST /a?b=c HTTP/1.1"),
            (ip(*V4, Tcp(8080, 4000, http_response(404, "Not Found"))), "HTTP", "HTTP/1.1 404 Not Found"),
            (ip(*V4, Udp(4000, 1900, b"M-SEARCH * HTTP/1.1\r\n\r\n")), "SSDP", "M-SEARCH * HTTP/1.1"),
            (ip(*V4, Tcp(4000, 443, tls_client_hello("www.example.org"))), "TLS", "Client Hello (SNI=www.example.org)"),
            (ip(*V4, Tcp(4000, 443, tls_client_hello(None))), "TLS", "Client Hello"),
            (ip(*V4, Tcp(443, 4000, tls_record(b"\2\x28", kind=21))), "TLS", "Alert (Handshake Failure)"),
            (ip(*V4, Tcp(443, 4000, tls_record(bytes(26), kind=21))), "TLS", "Alert"),
            (ip(*V4, Tcp(443, 4000, tls_record(b"\xee" * 40))), "TLS", "Encrypted Handshake Message"),
            (ip(*V4, bytes(8), protocol=17, fragment_offset=1480, ident=0xAB), "IPv4",
             "Fragmented IP protocol (proto=UDP 17, off=1480, ID=00ab)"),
            (ip(*V6, bytes(8), protocol=6, extensions=[fragment_header(8, more=True, ident=5)]), "IPv6",
             "IPv6 fragment (off=8 more=y ident=0x00000005 nxt=6)"),
            (ip(*V4, bytes(8), protocol=2), "IGMP", "IP protocol 2"),
            (ip(*V4, bytes(8), protocol=200), "IP 200", "IP protocol 200"),
            (ip(*V4, gre(bytes(4), 0x1234), protocol=47), "GRE", "Encapsulates 0x1234"),
        ],
    )  # fmt: skip
    def test_tells_what_a_packet_says(self, frame: bytes, protocol: str, line: str) -> None:
        ether = ethernet(frame)
        assert told([(ether, len(ether))]) == [(protocol, line)]
        carried = ethernet(vxlan(ether, 7, "192.168.0.1", "192.168.0.2"), dst_mac=MAC_B)
        assert told([(carried, len(carried))]) == [(protocol, line)]
        with uncompiled():
            assert told([(ether, len(ether))]) == [(protocol, line)]

    @pytest.mark.parametrize(
        ("frame", "n_bytes", "protocol", "line"),
        [
            (ethernet(ip(*V4, Tcp(49200, 80))), 38, "TCP", "49200 → 80"),
            (ethernet(ip(*V4, Tcp(49200, 80, flags=RST))), 50, "TCP", "49200 → 80 [RST] Seq=1 Win=65535 Len=0"),
            (ethernet(ip(*V4, Tcp(49200, 80, flags=SYN, options=SYN_OPTIONS))), 58, "TCP",
             "49200 → 80 [SYN] Seq=1 Win=65535 Len=0"),
            (ethernet(ip(*V4, Tcp(4000, 80, http_request("GET", "/index.html")))), 64, "HTTP", "GET /index"),
            (ethernet(ip(*V4, Tcp(80, 4000, http_response(404, "Not Found")))), 65, "HTTP", "HTTP/1.1"),
            (ethernet(ip(*V4, Udp(4000, 53, dns("example.com")))), 50, "DNS", "Standard query 0x1a2b"),
            (ethernet(ip(*V4, Tcp(1, 2))), 20, "IPv4", "Header of 20 bytes captured"),
            (ethernet(ip(*V6, Udp(1, 2), extensions=[authentication_header()])), 54, "IPv6",
             "Header of 54 bytes captured"),
            (lldp(), 60, "LLDP", "EtherType 0x88cc"),
            (ethernet(bytes(46), ether_type=0x1234), 60, "0x1234", "EtherType 0x1234"),
            (ethernet(b"\x42\x42\x03" + bytes(35), ether_type=38), 52, "STP", "LLC, DSAP 0x42"),
            (ethernet(b"\xe0\xe0\x03" + bytes(35), ether_type=38), 52, "LLC", "LLC, DSAP 0xe0"),
            (lldp(), 10, "Ethernet", "10 bytes captured"),
            (b"", 0, "Ethernet", "0 bytes captured"),
        ],
    )  # fmt: skip
    def test_tells_what_is_left_of_a_truncated_frame(
        self, frame: bytes, n_bytes: int, protocol: str | None, line: str
    ) -> None:
        assert told([(frame[:n_bytes], len(frame))]) == [(protocol, line)]

    def test_bare_payload_has_its_ports(self) -> None:
        assert told([(PDU + b"abc", len(PDU) + 3)], LINK_UPPER_PDU) == [("TCP", "80 → 49200")]

    def test_wifi_frames_have_their_packet(self) -> None:
        frame = wifi(ip(*V4, Echo(1, 2)), ether_type=0x0800)
        assert told([(frame, len(frame))], LINK_WIFI) == [("ICMP", "Echo (ping) request id=0x0001, seq=2/512, ttl=64")]

    @pytest.mark.parametrize(("link", "protocol"), [(LINK_WIFI, "802.11"), (LINK_RAW, "IP"), (LINK_UNKNOWN, None)])
    def test_what_nothing_is_known_of_has_its_length(self, link: int, protocol: str | None) -> None:
        assert told([(b"\1\2\3", 3)], link) == [(protocol, "3 bytes captured")]

    def test_long_texts_are_shortened_and_what_is_not_utf8_is_marked(self) -> None:
        found = [
            ethernet(ip(*V4, Tcp(4000, 80, b"GET /" + uri + b" HTTP/1.1\r\n\r\n"))) for uri in (b"a" * 2000, b"\xff")
        ]
        long, marked = (line for _, line in told([(frame, len(frame)) for frame in found]))
        assert long == f"GET /{'a' * 511}… HTTP/1.1"
        assert marked == "GET /\N{REPLACEMENT CHARACTER} HTTP/1.1"

    def test_each_row_has_its_own(self) -> None:
        maker = FrameMaker(9)
        frames = [(frame, len(frame)) for frame in (maker.message() if n % 2 else maker.ethernet() for n in range(300))]
        assert told(frames) == [told([frame])[0] for frame in frames]
        with uncompiled():
            assert told(frames[:100]) == told(frames)[:100]

    def test_as_tshark_tells(self, tshark: Path, tmp_path: Path) -> None:
        maker = FrameMaker(11)
        frames = [
            (frame, len(frame)) for frame in (maker.message() if n % 2 else maker.ethernet() for n in range(2000))
        ]
        theirs = dissect(tshark, tmp_path, frames, ("_ws.col.Protocol", "_ws.col.Info"))
        n_compared = 0
        for (protocol, line), shown in zip(told(frames), theirs, strict=True):
            if protocol in COMPARED:
                assert [protocol] == shown["_ws.col.Protocol"]
                assert agree(line, "".join(shown["_ws.col.Info"]))
                n_compared += 1
        assert n_compared > 1000


COMPARED = {"TCP", "UDP", "DNS", "DHCP", "HTTP", "IPv4", "IPv6"}


def agree(line: str, theirs: str) -> bool:
    """Whether a line says what tshark's does; that has spaces for columns, and says more in some cases."""
    theirs = re.sub(r" Urg=\d+", "", re.sub(r" +", " ", theirs)).strip()
    if line.startswith("Standard query response"):
        return theirs.startswith(line)  # all answers
    head, _, behind = line.partition(" Len=")
    their_head, _, their_behind = theirs.partition(" Len=")
    if "SYN" in head:
        return head == their_head and sorted(behind.split()) == sorted(their_behind.split())
    return head == their_head and behind == their_behind.split(" ")[0]


class TestLines:
    def test_are_texts_one_behind_the_other(self) -> None:
        lines = Lines(np.frombuffer("a→b".encode(), np.uint8), np.array([0, 1, 1, 5]))
        assert len(lines) == 3
        assert lines.tolist() == ["a", "", "→b"]
