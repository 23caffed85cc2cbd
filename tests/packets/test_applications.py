from __future__ import annotations

import struct

import numpy as np
import pytest

from dissection import columns_of
from payloads import (
    DHCP_REQUEST,
    Tcp,
    Transport,
    Udp,
    dhcp,
    dns,
    ethernet,
    http_request,
    ip,
    tls_client_hello,
    tls_handshake,
    tls_record,
    vxlan,
)
from wnv.arrays import I64
from wnv.packets.applications import Application, Applications, decode_applications
from wnv.packets.headers import Headers, decode_packets
from wnv.packets.points import LINK_ETHERNET

V4 = ("10.0.0.1", "10.0.0.2")


def decoded(*frames: bytes, rows: list[int] | None = None) -> Applications:
    data, start, n_bytes = columns_of(frames)
    headers: Headers = decode_packets(data, start, n_bytes, np.full(len(frames), LINK_ETHERNET, np.uint16))
    chosen: I64 | None = None if rows is None else np.array(rows, np.int64)
    return decode_applications(data, start, headers, chosen)


def frame(transport: Transport) -> bytes:
    return ethernet(ip(*V4, transport))


class TestDecodeApplications:
    @pytest.mark.parametrize(
        ("transport", "application"),
        [
            (Udp(4000, 53, dns("a.b")), Application.DNS),
            (Udp(53, 4000, dns("a.b", is_response=True)), Application.DNS),
            (Udp(5353, 5353, dns("a.b")), Application.MDNS),
            (Udp(4000, 5355, dns("a.b")), Application.LLMNR),
            (Udp(68, 67, dhcp(DHCP_REQUEST)), Application.DHCP),
            (Udp(4000, 1900, b"NOTIFY * HTTP/1.1\r\n"), Application.SSDP),
            (Udp(4000, 1900, b"something else"), Application.NONE),
            (Tcp(4000, 8123, http_request()), Application.HTTP),
            (Tcp(4000, 80, b"HELLO THERE\r\n"), Application.NONE),
            (Tcp(4000, 80, b"GET"), Application.NONE),
            (Tcp(80, 4000, b"HTTP/1.1 2x0 OK\r\n"), Application.NONE),
            (Tcp(4000, 8443, tls_client_hello()), Application.TLS),
            (Tcp(4000, 443, b"\x16\x03\x01\xff\xff\x01"), Application.NONE),
            (Tcp(4000, 443, b"\x16\x09\x01\0\5\x01"), Application.NONE),
            (Tcp(4000, 53), Application.NONE),
            (Udp(4000, 4001, dns("a.b")), Application.NONE),
        ],
    )
    def test_knows_what_a_payload_is(self, transport: Transport, application: Application) -> None:
        assert decoded(frame(transport)).application.tolist() == [application]

    def test_a_message_of_dns_over_tcp_has_its_length_before_it(self) -> None:
        message = dns("a.example", ident=7)
        found = decoded(frame(Tcp(4000, 53, struct.pack(">H", len(message)) + message)))
        assert (found.dns_id.tolist(), found.dns_qry_name.tolist()) == ([7], ["a.example"])

    def test_the_root_has_a_name_and_a_cut_name_none(self) -> None:
        whole = frame(Udp(4000, 53, dns("www.example")))
        found = decoded(frame(Udp(4000, 53, dns(""))), whole, whole[:-8])
        assert found.dns_qry_name.tolist() == ["<Root>", "www.example", None]
        assert found.dns_qry_type.tolist() == [1, 1, -1]

    def test_names_of_many_messages_keep_to_their_rows(self) -> None:
        names = [f"host-{n % 700}.example" for n in range(2000)]
        found = decoded(*(frame(Udp(4000 + n, 53 if n % 2 else 5353, dns(name))) for n, name in enumerate(names)))
        assert found.dns_qry_name.tolist() == names

    def test_an_answer_with_an_ipv6_address(self) -> None:
        record = struct.pack(">HHHIH", 0xC00C, 28, 1, 60, 16) + bytes.fromhex("fe80") + bytes(13) + b"\7"
        message = bytearray(dns("a.b", query_type=28, is_response=True) + record)
        message[7] = 1
        found = decoded(frame(Udp(53, 4000, bytes(message))))
        assert (found.dns_aaaa.tolist(), found.dns_a.tolist()) == (["fe80::7"], [-1])

    def test_the_host_of_a_request_is_found_in_any_letters_and_place(self) -> None:
        lines = b"GET / HTTP/1.1\r\nAccept: */*\r\nhOsT: \t a.example \r\n\r\nHost: b.example\r\n"
        found = decoded(frame(Tcp(4000, 80, lines)), frame(Tcp(4000, 80, b"GET / HTTP/1.1\r\n\r\nHost: b.example\r\n")))
        assert found.http_host.tolist() == ["a.example", None]

    def test_what_an_encrypted_handshake_is_remains_unknown(self) -> None:
        secret = tls_record(b"\x14\xff\xff\xff" + bytes(36))
        found = decoded(frame(Tcp(4000, 443, secret)), frame(Tcp(4000, 443, tls_handshake(bytes(12), kind=20))))
        assert found.tls_record_type.tolist() == [22, 22]
        assert found.tls_handshake_type.tolist() == [-1, 20]

    def test_the_name_in_a_hello_needs_all_of_it(self) -> None:
        hello = frame(Tcp(4000, 443, tls_client_hello("www.example")))
        assert decoded(hello, hello[:-1]).tls_sni.tolist() == ["www.example", None]

    def test_a_carried_packet_is_what_is_read(self) -> None:
        inside = frame(Udp(4000, 53, dns("inside.example")))
        assert decoded(ethernet(vxlan(inside, 7, *V4))).dns_qry_name.tolist() == ["inside.example"]

    def test_only_rows_asked_for_are_read(self) -> None:
        frames = [frame(Udp(4000, 53, dns(f"{n}.example"))) for n in range(4)]
        found = decoded(*frames, rows=[1, 3])
        assert (found.row.tolist(), found.dns_qry_name.tolist(), len(found)) == (
            [1, 3], ["1.example", "3.example"], 2,
        )  # fmt: skip
