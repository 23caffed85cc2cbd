from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wnv
from dissection import Frame, columns_of, dissect
from payloads import BROADCAST, MAC_A, MAC_B, Echo, Tcp, Udp, arp, dns, ethernet, ip, nvgre, vxlan
from pcapng_reader import read_capture
from random_frames import FrameMaker
from wnv.packets.points import LINK_ETHERNET, LINK_RAW, LINK_UNKNOWN, LINK_UPPER_PDU, LINK_WIFI
from wnv.packets.table import frame_columns
from wnv.schema import FRAMES, Kind

LINKS = (LINK_ETHERNET, LINK_RAW, LINK_WIFI, LINK_UPPER_PDU, LINK_UNKNOWN)
BY_OTHERS = {"frame_id", "session_id", "bytes"}

Row = dict[str, int | str | None]

FIELDS: dict[str, tuple[tuple[str, ...], int]] = {
    # field of tshark: the columns it stands in, one behind the other; and the version of IP it belongs to, 0 = any
    "eth.dst": (("eth_dst",), 0), "eth.src": (("eth_src",), 0), "eth.type": (("eth_type",), 0),
    "vlan.id": (("vlan_id", "vlan2_id"), 0), "vlan.priority": (("vlan_priority", "vlan2_priority"), 0),
    "arp.opcode": (("arp_op",), 0), "arp.src.hw_mac": (("arp_sender_mac",), 0),
    "arp.src.proto_ipv4": (("arp_sender_ip",), 0), "arp.dst.hw_mac": (("arp_target_mac",), 0),
    "arp.dst.proto_ipv4": (("arp_target_ip",), 0),
    "ip.version": (("ip_version",), 0), "ip.hdr_len": (("ip_header_bytes",), 4), "ip.len": (("ip_length",), 4),
    "ip.dsfield": (("ip_traffic_class",), 4), "ip.id": (("ip_id",), 4), "ip.flags": (("ip_flags",), 4),
    "ip.frag_offset": (("ip_fragment_offset",), 4), "ip.ttl": (("ip_ttl",), 4), "ip.proto": (("ip_protocol",), 4),
    "ip.src": (("ip_src",), 4), "ip.dst": (("ip_dst",), 4),
    "ipv6.version": (("ip_version",), 6), "ipv6.tclass": (("ip_traffic_class",), 6), "ipv6.plen": (("ip_length",), 6),
    "ipv6.nxt": (("ip_protocol",), 6), "ipv6.hlim": (("ip_ttl",), 6), "ipv6.src": (("ip_src",), 6),
    "ipv6.dst": (("ip_dst",), 6), "ipv6.fraghdr.ident": (("ip_id",), 6), "ipv6.fraghdr.more": (("ip_flags",), 6),
    "ipv6.fraghdr.offset": (("ip_fragment_offset",), 6),
    "tcp.srcport": (("tcp_src_port",), 0), "tcp.dstport": (("tcp_dst_port",), 0), "tcp.seq_raw": (("tcp_seq",), 0),
    "tcp.ack_raw": (("tcp_ack",), 0), "tcp.flags": (("tcp_flags",), 0), "tcp.window_size_value": (("tcp_window",), 0),
    "tcp.hdr_len": (("tcp_header_bytes",), 0), "tcp.len": (("tcp_payload_bytes",), 0),
    "udp.srcport": (("udp_src_port",), 0), "udp.dstport": (("udp_dst_port",), 0), "udp.length": (("udp_length",), 0),
    "icmp.type": (("icmp_type",), 0), "icmp.code": (("icmp_code",), 0), "icmp.ident": (("icmp_id",), 0),
    "icmp.seq": (("icmp_seq",), 0), "icmpv6.type": (("icmpv6_type",), 0), "icmpv6.code": (("icmpv6_code",), 0),
    "icmpv6.echo.identifier": (("icmpv6_id",), 0), "icmpv6.echo.sequence_number": (("icmpv6_seq",), 0),
}  # fmt: skip
OUTER_FIELDS = {
    "gre.proto": "gre_protocol", "gre.key": "gre_key", "vxlan.flags": "vxlan_flags", "vxlan.vni": "vxlan_vni",
}  # fmt: skip
SERVICE_TAG_FIELDS = ("ieee8021ad.id", "ieee8021ad.priority")  # where tshark puts `vlan.id` of a tag of type 0x88a8
MESSAGE_FIELDS = {
    "dns.id": "dns_id", "dns.flags.response": "dns_is_response", "dns.flags.opcode": "dns_opcode",
    "dns.flags.rcode": "dns_rcode", "dns.count.answers": "dns_answers", "dns.qry.type": "dns_qry_type",
    "dns.qry.name": "dns_qry_name", "dhcp.id": "dhcp_id", "dhcp.option.dhcp": "dhcp_type",
    "dhcp.hw.mac_addr": "dhcp_client_mac", "dhcp.ip.your": "dhcp_assigned",
    "dhcp.option.requested_ip_address": "dhcp_requested", "dhcp.option.hostname": "dhcp_hostname",
    "http.request.method": "http_method", "http.request.uri": "http_uri", "http.host": "http_host",
    "http.response.code": "http_status", "http.response.phrase": "http_phrase",
    "tls.record.content_type": "tls_record_type", "tls.record.version": "tls_record_version",
    "tls.handshake.type": "tls_handshake_type", "tls.handshake.version": "tls_hello_version",
    "tls.alert_message.desc": "tls_alert", "tls.handshake.extensions_server_name": "tls_sni",
}  # fmt: skip
QUOTES_A_PACKET = {("icmp_type", kind) for kind in (3, 4, 5, 11, 12)} | {("icmpv6_type", kind) for kind in (1, 2, 3, 4)}


def rows_of(frames: Sequence[Frame], link_types: int | Sequence[int] = LINK_ETHERNET) -> list[Row]:
    """All columns of the frames, row by row."""
    data, start, n_bytes = columns_of([frame for frame, _ in frames])
    link = np.broadcast_to(np.array(link_types, np.uint16), len(frames)).copy()
    columns = frame_columns(data, start, n_bytes, link, np.array([long for _, long in frames], np.int64))
    rows: list[Row] = [dict.fromkeys(FRAMES.names) for _ in frames]
    for name, column in columns.items():
        assert len(column) == len(frames)
        for row, value in zip(rows, column.tolist(), strict=True):
            row[name] = None if value == -1 else value
    return rows


def whole(*frames: bytes) -> list[Frame]:
    return [(frame, len(frame)) for frame in frames]


def values_of(row: Row, names: Sequence[str], version: int) -> list[int | str]:
    """What a field of tshark should show: outer columns, then inner ones; nulls are not shown."""
    found: list[int | str] = []
    for level in ("", "inner_"):
        if version in (0, row[f"{level}ip_version"]):
            found += [value for name in names if (value := row[level + name]) is not None]
    return found


def parsed(texts: Sequence[str], like: str) -> list[int | str]:
    return [text if KINDS[like] == Kind.TEXT else int(text, 0) for text in texts]


KINDS = {column.name: column.kind for column in FRAMES.columns}


def differences(row: Row, theirs: dict[str, list[str]], *, is_cut: bool) -> list[str]:
    """Fields of headers in which the columns of a frame and tshark differ.

    In a frame that is cut tshark shows no more of the header in which it is cut: then it must not show anything else.
    """
    quotes = any((name, row[prefix + name]) in QUOTES_A_PACKET for name in ("icmp_type", "icmpv6_type")
                 for prefix in ("", "inner_"))  # fmt: skip
    found = []
    for field, (names, version) in FIELDS.items():
        ours = values_of(row, names, version)
        shown = parsed([*theirs.get(f"ieee8021ad.{field[5:]}", ()), *theirs[field]], names[0])
        if quotes:
            shown = shown[: len(ours)]
        if not (is_subsequence(shown, ours) if is_cut else ours == shown):
            found.append(f"{field}: {ours}, tshark {shown}")
    for field, name in {**OUTER_FIELDS, **MESSAGE_FIELDS}.items():
        shown = parsed(theirs[field], name)
        ours = [value] if (value := row[name]) is not None else []
        if not (is_subsequence(shown, ours) if is_cut else ours == shown):
            found.append(f"{field}: {ours}, tshark {shown}")
    return found


def is_subsequence(some: Sequence[int | str], of: Sequence[int | str]) -> bool:
    rest = iter(of)
    return all(value in rest for value in some)


METHODS = (b"GET", b"POST", b"HEAD", b"OPTIONS")
ALL_FIELDS = (*FIELDS, *OUTER_FIELDS, *SERVICE_TAG_FIELDS, *MESSAGE_FIELDS)


class TestAgainstTshark:
    def check(self, tshark: Path, folder: Path, frames: list[Frame], link_type: int = LINK_ETHERNET) -> None:
        found = dissect(tshark, folder, frames, ALL_FIELDS, link_type)
        for (frame, long), row, theirs in zip(frames, rows_of(frames, link_type), found, strict=True):
            assert not differences(row, theirs, is_cut=len(frame) < long), frame.hex()

    def test_whole_frames(self, tshark: Path, tmp_path: Path) -> None:
        maker = FrameMaker(1)
        self.check(tshark, tmp_path, whole(*(maker.ethernet() for _ in range(3000))))

    def test_messages(self, tshark: Path, tmp_path: Path) -> None:
        maker = FrameMaker(2)
        self.check(tshark, tmp_path, whole(*(maker.message() for _ in range(1500))))

    def test_bare_packets(self, tshark: Path, tmp_path: Path) -> None:
        maker = FrameMaker(3)
        self.check(tshark, tmp_path, whole(*(maker.packet() for _ in range(500))), LINK_RAW)

    def test_truncated_frames(self, tshark: Path, tmp_path: Path) -> None:
        maker = FrameMaker(4)
        whole_ones = [maker.ethernet() for _ in range(3000)] + [maker.message() for _ in range(1000)]
        frames = [(frame[: maker.random.randrange(14, len(frame))], len(frame)) for frame in whole_ones]
        # A method with nothing behind it is HTTP to tshark by its port; to us it could be anything.
        frames = [(frame[:-1] if frame.endswith(METHODS) else frame, long) for frame, long in frames]
        self.check(tshark, tmp_path, frames)

    @pytest.mark.parametrize("name", ["pktmon-demikernel", "pktmon-vpn-a"])
    def test_frames_of_real_recordings(self, tshark: Path, tmp_path: Path, traces_dir: Path, name: str) -> None:
        out = tmp_path / "out.pcapng"
        with wnv.open_trace(traces_dir / f"{name}.etl") as trace:
            trace.convert(str(out))
        found = [(packet.frame, packet.original_bytes) for packet in read_capture(out).packets]
        self.check(tshark, tmp_path, found)


class TestFrameColumns:
    def test_are_columns_of_the_table(self) -> None:
        maker = FrameMaker(5)
        frames = [maker.ethernet() for _ in range(500)] + [maker.message() for _ in range(500)]
        data, start, n_bytes = columns_of(frames)
        columns = frame_columns(data, start, n_bytes, np.full(len(frames), LINK_ETHERNET, np.uint16), n_bytes)
        assert set(columns) <= set(FRAMES.names) - BY_OTHERS
        # all but those that these frames cannot have
        assert set(FRAMES.names) - BY_OTHERS - set(columns) <= {
            "dns_aaaa", "sctp_src_port", "sctp_dst_port", "inner_sctp_src_port", "inner_sctp_dst_port",
            "inner_vlan2_id", "inner_vlan2_priority",
        }  # fmt: skip

    def test_what_is_null_in_every_row_is_left_out(self) -> None:
        data, start, n_bytes = columns_of([ethernet(ip("10.0.0.1", "10.0.0.2", Tcp(40000, 443)))])
        columns = frame_columns(data, start, n_bytes, np.array([LINK_ETHERNET], np.uint16), n_bytes)
        assert {"tcp_seq", "ip_src", "info"} <= set(columns)
        assert not {"udp_length", "arp_op", "inner_ip_src", "dns_id", "vxlan_vni", "vlan_id"} & set(columns)

    def test_a_carried_packet_has_its_own_columns_and_is_what_people_see(self) -> None:
        inside = ethernet(
            ip("172.16.0.1", "172.16.0.2", Udp(5000, 53, dns("example.com"))), src_mac=MAC_B, dst_mac=MAC_A
        )
        (row,) = rows_of(whole(ethernet(vxlan(inside, 77, "10.0.0.1", "10.0.0.2"))))
        assert (row["ip_src"], row["udp_dst_port"], row["vxlan_vni"]) == ("10.0.0.1", 4789, 77)
        assert (row["inner_ip_src"], row["inner_udp_dst_port"], row["inner_eth_src"]) == ("172.16.0.1", 53, MAC_B)
        assert [row[name] for name in ("protocol", "src", "sport", "dst", "dport", "dns_qry_name")] == [
            "DNS", "172.16.0.1", 5000, "172.16.0.2", 53, "example.com",
        ]  # fmt: skip

    def test_nvgre_has_its_subnet_and_flow(self) -> None:
        inside = ethernet(ip("fe80::1", "fe80::2", Echo()))
        (row,) = rows_of(whole(ethernet(nvgre(inside, 5001, "10.0.0.1", "10.0.0.2", flow_id=9))))
        assert (row["nvgre_vsid"], row["nvgre_flow_id"], row["inner_icmpv6_type"]) == (5001, 9, 128)
        assert (row["protocol"], row["src"]) == ("ICMPv6", "fe80::1")

    def test_addresses_of_what_is_not_ip_are_those_of_the_link(self) -> None:
        (row,) = rows_of(whole(ethernet(arp("10.0.0.1", "10.0.0.2"), dst_mac=BROADCAST)))
        assert (row["src"], row["dst"], row["sport"]) == (MAC_A, BROADCAST, None)

    def test_fields_of_one_protocol_are_not_those_of_another(self) -> None:
        six, four = rows_of(
            whole(*(ethernet(ip(*pair, Echo(7, 8))) for pair in (("fe80::1", "fe80::2"), ("10.0.0.1", "10.0.0.2"))))
        )
        assert (six["icmpv6_id"], six["icmp_id"]) == (7, None)
        assert (four["icmpv6_id"], four["icmp_id"]) == (None, 7)

    def test_of_no_frames_there_is_nothing_but_an_empty_line_column(self) -> None:
        none = np.zeros(0, np.int64)
        columns = frame_columns(np.zeros(64, np.uint8), none, none, none.astype(np.uint16), none)
        assert all(len(column) == 0 for column in columns.values())

    @given(st.lists(st.tuples(st.binary(max_size=120), st.sampled_from(LINKS), st.integers(0, 200)), max_size=12))
    def test_random_bytes_never_raise_and_neighbours_do_not_matter(self, found: list[tuple[bytes, int, int]]) -> None:
        frames = [(frame, max(len(frame), long)) for frame, _, long in found]
        links = [link for _, link, _ in found]
        alone = [rows_of([frame], link)[0] for frame, link in zip(frames, links, strict=True)]
        assert rows_of(frames, links) == alone

    @given(st.integers(0, 10_000), st.data())
    def test_damaged_frames_never_raise_and_say_no_more_than_they_hold(self, seed: int, data: st.DataObject) -> None:
        maker = FrameMaker(seed)
        frame = bytearray(maker.message() if seed % 3 else maker.ethernet())
        for _ in range(data.draw(st.integers(1, 4))):
            frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
        (row,) = rows_of(whole(bytes(frame)))
        for column in FRAMES.columns:
            value = row[column.name]
            assert value is None or (isinstance(value, str) if column.kind == Kind.TEXT else int(value) >= 0)

    @given(st.integers(0, 10_000), st.integers(0, 300))
    def test_a_cut_frame_says_the_same_or_less(self, seed: int, cut: int) -> None:
        maker = FrameMaker(seed)
        frame = maker.ethernet() if seed % 2 else maker.message()
        full, less = rows_of([(frame, len(frame)), (frame[:cut], len(frame))])
        longer = {"http_uri", "http_host", "http_phrase"}  # as far as they go
        for name in set(FRAMES.names) - {"captured_bytes", "info", "protocol", "src", "dst", "sport", "dport"}:
            assert less[name] in (None, full[name]) or (name in longer and str(full[name]).startswith(str(less[name])))
