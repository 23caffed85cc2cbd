"""What a packet says, in a line for people: the columns Protocol and Info, as Wireshark's users know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from wnv.arrays import BOOL, I16, I32, I64, U8, U16
from wnv.packets import names
from wnv.packets.applications import Application, Applications
from wnv.packets.headers import ETHERTYPE_ARP, Headers, Texts, ipv4_texts, ipv6_at, mac_texts
from wnv.packets.points import LINK_ETHERNET, LINK_RAW, LINK_WIFI

_TEXT_MAX = 512
"""Characters of one text of a packet (a name, a URI) in a line; the columns of `frames` have all of it."""
_ICMP, _TCP, _UDP, _ICMPV6, _SCTP = 1, 6, 17, 58, 132
_UDP_HEADER_BYTES = 8
_ACK, _SYN = 0x10, 0x02
_ECHO_V6, _ECHO_REPLY_V6, _SOLICITATION, _ADVERTISEMENT = 128, 129, 135, 136
_TARGET_OFFSET = 8
"""Of the address in a neighbor solicitation or advertisement (RFC 4861, 4.3, 4.4)."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A column of text in which most values are distinct; none is null."""

    data: U8
    """UTF-8 of all of them, one behind the other."""
    offset: I64
    """Where in `data` each starts; one more than there are lines, the last being the end."""

    def __len__(self) -> int:
        return len(self.offset) - 1

    def tolist(self) -> list[str]:
        data, bounds = self.data.tobytes(), self.offset.tolist()
        return [data[at:stop].decode() for at, stop in pairwise(bounds)]


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a line: words, then a value; of rows where the value is null neither is shown."""

    words: str
    values: I64 | I32 | I16 | BOOL | Texts | None = None
    """Numbers or texts, -1 being null; flags show the words alone where they are true; `None` does everywhere."""
    hex_digits: int = 0
    """Above 0: the number is shown in hex, with at least so many digits."""


def describe(
    data: U8, start: I64, n_bytes: I64, link_type: U16, packets: Headers, messages: Applications
) -> tuple[Texts, Lines]:  # fmt: skip
    """Protocol and line of each packet.

    `packets` are innermost headers and `messages` what was found in them, both with a row for each frame; `data`,
    `start`, `n_bytes` and `link_type` are what they were read from.
    """
    sheet = _Sheet(len(packets))
    _describe_messages(sheet, messages)
    is_later = packets.ip_fragment_offset > 0
    rows = sheet.claim(is_later & (packets.ip_version == 4), "IPv4")
    later = packets.ip_fragment_offset[rows].astype(np.int64) * 8
    protocol = _named(packets.protocol[rows], lambda number: names.IP_PROTOCOLS.get(number, "unknown"))
    sheet.write(rows, Piece("Fragmented IP protocol (proto=", protocol), Piece(" ", packets.protocol[rows]),
                Piece(", off=", later), Piece(", ID=", packets.ip_id[rows], 4), Piece(")"))  # fmt: skip
    rows = sheet.claim(is_later, "IPv6")
    later = packets.ip_fragment_offset[rows].astype(np.int64) * 8
    has_more = packets.ip_flags[rows] & 1 == 1
    sheet.write(
        rows, Piece("IPv6 fragment (off=", later), Piece(" more=y", has_more), Piece(" more=n", ~has_more),
        Piece(" ident=0x", packets.ip_id[rows], 8), Piece(" nxt=", packets.protocol[rows]), Piece(")"),
    )  # fmt: skip
    _describe_tcp(sheet, data, start, packets)
    for number in (_UDP, _SCTP):
        rows = sheet.claim(packets.protocol == number, names.IP_PROTOCOLS[number])
        if number == _UDP:
            _name_by_port(sheet, packets, rows)
        length = packets.udp_length[rows]
        payload = np.where(length >= _UDP_HEADER_BYTES, length - _UDP_HEADER_BYTES, packets.payload_bytes[rows])
        sheet.write(rows, *_ports(packets, rows), Piece(" Len=", payload))
    _describe_icmp(sheet, packets)
    _describe_icmpv6(sheet, data, start, n_bytes, packets)
    _describe_arp(sheet, packets)
    rows = sheet.claim(packets.gre_protocol >= 0, "GRE")
    sheet.write(rows, Piece("Encapsulates 0x", packets.gre_protocol[rows], 4))
    rows = sheet.claim(packets.protocol >= 0)
    sheet.name(rows, packets.protocol[rows], lambda number: names.IP_PROTOCOLS.get(number, f"IP {number}"))
    sheet.write(rows, Piece("IP protocol ", packets.protocol[rows]))
    for version in (4, 6):
        rows = sheet.claim(packets.ip_version == version, f"IPv{version}")
        sheet.write(rows, Piece("Header of ", n_bytes[rows]), Piece(" bytes captured"))
    rows = sheet.claim(packets.network_type >= 0)
    kind = packets.network_type[rows]
    sheet.name(rows, kind, _network_name)
    is_ethertype = kind >= 256
    sheet.write(rows, Piece("EtherType 0x", np.where(is_ethertype, kind, -1), 4),
                Piece("LLC, DSAP 0x", np.where(is_ethertype, -1, kind), 2))  # fmt: skip
    for link, name in ((LINK_WIFI, "802.11"), (LINK_ETHERNET, "Ethernet"), (LINK_RAW, "IP")):
        rows = sheet.claim(link_type == link, name)
        sheet.write(rows, Piece("", n_bytes[rows]), Piece(" bytes captured"))
    rows = sheet.claim(np.ones(len(packets), np.bool_))
    sheet.write(rows, Piece("", n_bytes[rows]), Piece(" bytes captured"))
    return sheet.build()


def _name_by_port(sheet: _Sheet, packets: Headers, rows: I64) -> None:
    """Protocols that are not looked into, by the port at either end."""
    if not len(rows):
        return
    source, target = packets.src_port[rows], packets.dst_port[rows]
    for port, name in names.UDP_PORTS.items():
        sheet.rename(rows[(source == port) | (target == port)], name)


def _network_name(number: int) -> str:
    return names.NETWORK_TYPES.get(number, f"0x{number:04x}" if number >= 256 else "LLC")


def _ports(packets: Headers, rows: I64) -> tuple[Piece, Piece]:
    return Piece("", packets.src_port[rows]), Piece(" → ", packets.dst_port[rows])


def _describe_messages(sheet: _Sheet, messages: Applications) -> None:
    if not bool((messages.application >= 0).any()):
        return
    for application, name in ((Application.DNS, "DNS"), (Application.MDNS, "MDNS"), (Application.LLMNR, "LLMNR")):
        rows = sheet.claim(messages.application == application, name)
        opcode, is_response = messages.dns_opcode[rows], messages.dns_is_response[rows]
        operation = _named(opcode, lambda number: names.DNS_OPCODES.get(number, f"Operation {number}"))
        kind = _named(messages.dns_qry_type[rows], lambda number: names.DNS_TYPES.get(number, f"TYPE{number}"))
        error = np.where(messages.dns_rcode[rows] > 0, messages.dns_rcode[rows], -1)
        sheet.write(
            rows, Piece("", operation), Piece(" response", is_response == 1),
            Piece(" 0x", messages.dns_id[rows], 4),
            Piece(" ", _named(error, lambda number: names.DNS_ERRORS.get(number, f"Error {number}"))),
            Piece(" ", kind), Piece(" ", messages.dns_qry_name.take(rows)),
            Piece(" A ", ipv4_texts(messages.dns_a[rows])), Piece(" AAAA ", messages.dns_aaaa.take(rows)),
        )  # fmt: skip
    rows = sheet.claim(messages.application == Application.DHCP, "DHCP")
    kind = _named(messages.dhcp_type[rows], lambda number: names.DHCP_TYPES.get(number, f"type {number}"))
    sheet.write(rows, Piece("DHCP"), Piece(" ", kind), Piece(" - Transaction ID 0x", messages.dhcp_id[rows], 1))
    for application, name in ((Application.HTTP, "HTTP"), (Application.SSDP, "SSDP")):
        is_mine = messages.application == application
        rows = sheet.claim(is_mine & (messages.http_method.code < 0), name)
        sheet.write(rows, Piece("HTTP/1.", messages.http_version[rows]), Piece(" ", messages.http_status[rows]),
                    Piece(" ", messages.http_phrase.take(rows)))  # fmt: skip
        rows = sheet.claim(is_mine, name)
        sheet.write(rows, Piece("", messages.http_method.take(rows)), Piece(" ", messages.http_uri.take(rows)),
                    Piece(" HTTP/1.", messages.http_version[rows]))  # fmt: skip
    rows = sheet.claim(messages.application == Application.TLS, "TLS")
    handshake = messages.tls_handshake_type[rows]
    record = np.where(handshake >= 0, -1, messages.tls_record_type[rows])
    server = messages.tls_sni.take(rows)
    alert = messages.tls_alert[rows]
    sheet.write(
        rows, Piece("", _named(record, names.TLS_RECORDS.__getitem__)),
        Piece("", _named(handshake, names.TLS_HANDSHAKES.__getitem__)), Piece(" (SNI=", server),
        Piece(" (", _named(alert, lambda number: names.TLS_ALERTS.get(number, str(number)))),
        Piece(")", (server.code >= 0) | (alert >= 0)),
    )  # fmt: skip


def _describe_tcp(sheet: _Sheet, data: U8, start: I64, packets: Headers) -> None:
    from wnv.packets import loops

    is_tcp = packets.protocol == _TCP
    rows = sheet.claim(is_tcp & (packets.tcp_flags >= 0) & (packets.tcp_flags & _SYN != 0), "TCP")
    if len(rows):  # what opens a connection has options that say how it can go on
        begin = start[packets.row[rows]]
        stop = begin + packets.transport_offset[rows] + packets.tcp_header_bytes[rows]
        found = np.full((loops.N_TCP_OPTIONS, len(rows)), -1, np.int64)
        is_whole = packets.payload_offset[rows] >= 0  # all of the header was captured
        loops.read_tcp_options(data, begin + packets.transport_offset[rows] + 20, np.where(is_whole, stop, 0), found)
        sheet.write(rows, *_segment(packets, rows), Piece(" MSS=", found[loops.TCP_MSS]),
                    Piece(" WS=", found[loops.TCP_SCALE]), Piece(" SACK_PERM", found[loops.TCP_SACK] == 1))  # fmt: skip
    rows = sheet.claim(is_tcp, "TCP")
    sheet.write(rows, *_segment(packets, rows))


def _segment(packets: Headers, rows: I64) -> tuple[Piece, ...]:
    flags = packets.tcp_flags[rows]
    acknowledged = np.where((flags >= 0) & (flags & _ACK != 0), packets.tcp_ack[rows], -1)
    return (
        *_ports(packets, rows), Piece(" ", _named(flags, _tcp_flags)), Piece(" Seq=", packets.tcp_seq[rows]),
        Piece(" Ack=", acknowledged), Piece(" Win=", packets.tcp_window[rows]),
        Piece(" Len=", packets.tcp_payload_bytes[rows]),
    )  # fmt: skip


def _tcp_flags(flags: int) -> str:
    said = [name for bit, name in enumerate(names.TCP_FLAGS) if flags >> bit & 1]
    return f"[{', '.join(said) or '<None>'}]"


def _describe_icmp(sheet: _Sheet, packets: Headers) -> None:
    is_icmp = packets.protocol == _ICMP
    # Queries and their replies, which have a number; the other types say why with their code.
    rows = sheet.claim(is_icmp & (packets.icmp_id >= 0), "ICMP")
    number = packets.icmp_seq[rows]
    swapped = np.where(number >= 0, (number & 0xFF) << 8 | number >> 8, -1)  # as Windows' ping counts
    sheet.write(
        rows, Piece("", _named(packets.icmp_type[rows], lambda kind: names.ICMP_TYPES.get(kind, f"Type {kind}"))),
        Piece(" id=0x", packets.icmp_id[rows], 4), Piece(", seq=", number), Piece("/", swapped),
        Piece(", ttl=", packets.ip_ttl[rows]),
    )  # fmt: skip
    rows = sheet.claim(is_icmp, "ICMP")
    sheet.write(rows, *_kind_and_code(packets, rows, names.ICMP_TYPES, names.ICMP_CODES))


def _describe_icmpv6(sheet: _Sheet, data: U8, start: I64, n_bytes: I64, packets: Headers) -> None:
    is_icmp = packets.protocol == _ICMPV6
    kind = packets.icmp_type
    rows = sheet.claim(is_icmp & ((kind == _ECHO_V6) | (kind == _ECHO_REPLY_V6)), "ICMPv6")
    sheet.write(
        rows, Piece("", _named(kind[rows], names.ICMPV6_TYPES.__getitem__)), Piece(" id=0x", packets.icmp_id[rows], 4),
        Piece(", seq=", packets.icmp_seq[rows]), Piece(", hop limit=", packets.ip_ttl[rows]),
    )  # fmt: skip
    target = packets.transport_offset.astype(np.int64) + _TARGET_OFFSET
    is_neighbor = is_icmp & ((kind == _SOLICITATION) | (kind == _ADVERTISEMENT)) & (packets.transport_offset >= 0)
    rows = sheet.claim(is_neighbor & (target + 16 <= n_bytes[packets.row]), "ICMPv6")
    sheet.write(
        rows, Piece("Neighbor Solicitation for", kind[rows] == _SOLICITATION),
        Piece("Neighbor Advertisement of", kind[rows] == _ADVERTISEMENT),
        Piece(" ", ipv6_at(data, start[packets.row[rows]] + target[rows])),
    )  # fmt: skip
    rows = sheet.claim(is_icmp, "ICMPv6")
    sheet.write(rows, *_kind_and_code(packets, rows, names.ICMPV6_TYPES, names.ICMPV6_CODES))


def _kind_and_code(
    packets: Headers, rows: I64, types: Mapping[int, str], codes: Mapping[tuple[int, int], str]
) -> tuple[Piece, ...]:
    """The type in words, and the code too where it has any."""
    kind, code = packets.icmp_type[rows], packets.icmp_code[rows]
    both = np.where((kind >= 0) & (code >= 0), kind.astype(np.int64) << 8 | code, -1)
    is_known = np.isin(both, [one << 8 | other for one, other in codes])
    said = _named(np.where(is_known, both, -1), lambda number: codes[number >> 8, number & 0xFF])
    return (
        Piece("", _named(kind, lambda number: types.get(number, f"Type {number}"))), Piece(" (", said),
        Piece(")", is_known), Piece(", code ", np.where(is_known | (code == 0), -1, code)),
    )  # fmt: skip


def _describe_arp(sheet: _Sheet, packets: Headers) -> None:
    is_arp = packets.network_type == ETHERTYPE_ARP
    is_whole = is_arp & (packets.arp_target_ip >= 0)
    is_request, is_reply = is_whole & (packets.arp_op == 1), is_whole & (packets.arp_op == 2)
    is_same = packets.arp_sender_ip == packets.arp_target_ip
    rows = sheet.claim(is_request & is_same, "ARP")
    sheet.write(rows, Piece("ARP Announcement for ", ipv4_texts(packets.arp_sender_ip[rows])))
    rows = sheet.claim(is_request & (packets.arp_sender_ip == 0), "ARP")
    sheet.write(rows, Piece("Who has ", ipv4_texts(packets.arp_target_ip[rows])), Piece("? (ARP Probe)"))
    rows = sheet.claim(is_request, "ARP")
    sheet.write(rows, Piece("Who has ", ipv4_texts(packets.arp_target_ip[rows])),
                Piece("? Tell ", ipv4_texts(packets.arp_sender_ip[rows])))  # fmt: skip
    rows = sheet.claim(is_reply & is_same, "ARP")
    sheet.write(rows, Piece("Gratuitous ARP for ", ipv4_texts(packets.arp_sender_ip[rows])), Piece(" (Reply)"))
    rows = sheet.claim(is_reply, "ARP")
    sheet.write(rows, Piece("", ipv4_texts(packets.arp_sender_ip[rows])),
                Piece(" is at ", mac_texts(packets.arp_sender_mac[rows])))  # fmt: skip
    rows = sheet.claim(is_arp, "ARP")
    sheet.write(rows, Piece("ARP operation ", packets.arp_op[rows]))


def _named(values: I64 | I32 | I16, word_of: Callable[[int], str]) -> Texts:
    """Words for numbers below 65 536; -1 is null."""
    is_there = np.zeros(_NAMED_MAX + 1, np.bool_)
    is_there[values] = True  # -1 is the last
    is_there[-1] = False
    distinct = np.flatnonzero(is_there)
    code_of = np.full(_NAMED_MAX + 1, -1, np.int32)
    code_of[distinct] = np.arange(len(distinct))
    return Texts(code_of[values], [word_of(number) for number in distinct.tolist()])


_NAMED_MAX = 1 << 16


class _Sheet:
    """Lines while they are made: kinds of packets claim rows, each row once, and say how its line is made."""

    def __init__(self, n: int) -> None:
        self._is_open = np.ones(n, np.bool_)
        self._protocol = Texts(np.full(n, -1, np.int32), [])
        self._template: I16 = np.full(n, -1, np.int16)
        self._pieces: list[tuple[str, int]] = []
        self._first_piece = [0]
        self._values: list[I64] = []
        self._texts: list[bytes] = []
        self._room = 0

    def claim(self, is_meant: BOOL, protocol: str | None = None) -> I64:
        """Those of the rows that nobody has claimed; `protocol` becomes their name."""
        rows = np.flatnonzero(is_meant & self._is_open)
        self._is_open[rows] = False
        if protocol is not None:
            self.rename(rows, protocol)
        return rows

    def rename(self, rows: I64, protocol: str) -> None:
        """Another protocol for claimed rows."""
        if len(rows):
            self._protocol.code[rows] = self._number(protocol)

    def name(self, rows: I64, values: I32 | I16, word_of: Callable[[int], str]) -> None:
        """Protocols of claimed rows by a number."""
        named = _named(values, word_of)
        numbers = np.array([*map(self._number, named.values), -1], np.int32)
        self._protocol.code[rows] = numbers[named.code]

    def _number(self, protocol: str) -> int:
        values = self._protocol.values
        if protocol not in values:
            values.append(protocol)
        return values.index(protocol)

    def write(self, rows: I64, *pieces: Piece) -> None:
        """The line of claimed rows; values have a row for each of them."""
        if not len(rows):
            return
        from wnv.packets import loops

        block = np.empty((len(rows), len(pieces)), np.int64)
        for column, piece in enumerate(pieces):
            values, n_bytes = piece.values, len(piece.words.encode())
            if isinstance(values, Texts):
                block[:, column], text_bytes = self._text_numbers(values)
                shown = loops.AS_TEXT
                self._room += text_bytes
            elif values is None or values.dtype == np.bool_:
                block[:, column] = 0 if values is None else np.where(values, 0, -1)
                shown = loops.AS_NOTHING
            else:
                block[:, column] = values
                shown = loops.AS_HEX + piece.hex_digits if piece.hex_digits else loops.AS_NUMBER
                n_bytes += max(len(str(values.max())), piece.hex_digits)
            self._pieces.append((piece.words, shown))
            self._room += n_bytes * len(rows)
        self._values.append(block.ravel())
        self._template[rows] = len(self._first_piece) - 1
        self._first_piece.append(len(self._pieces))

    def _text_numbers(self, texts: Texts) -> tuple[I64, int]:
        """Numbers of the texts among all of the sheet, and how long those of the rows are together."""
        encoded = [_shortened(text).encode() for text in texts.values]
        n_bytes = np.array([*map(len, encoded), 0], np.int64)  # the last is that of null
        first = len(self._texts)
        self._texts += encoded
        code = texts.code.astype(np.int64)
        return np.where(code >= 0, code + first, -1), int(n_bytes[code].sum())

    def build(self) -> tuple[Texts, Lines]:
        from wnv.packets import loops

        words = [text.encode() for text, _ in self._pieces]
        word_at, all_words = _bounds(words)
        pieces = np.empty((len(words), loops.N_PIECE_COLUMNS), np.int64)
        pieces[:, loops.PIECE_AT], pieces[:, loops.PIECE_BYTES] = word_at[:-1], np.diff(word_at)
        pieces[:, loops.PIECE_FORMAT] = [shown for _, shown in self._pieces]
        n_values = np.array([len(block) for block in self._values], np.int64)
        text_at, texts = _bounds(self._texts)
        out = np.empty(self._room, np.uint8)
        offset = np.empty(len(self._template) + 1, np.int64)
        loops.write_lines(
            self._template, pieces, np.array(self._first_piece, np.int64),
            np.concatenate([np.zeros(0, np.int64), *self._values]), np.cumsum(n_values) - n_values, all_words,
            texts, text_at, out, offset,
        )  # fmt: skip
        return self._protocol, Lines(out[: offset[-1]], offset)


def _bounds(parts: list[bytes]) -> tuple[I64, U8]:
    """Where each of the parts starts in all of them one behind the other, and all of them."""
    at = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=at[1:])
    return at, np.frombuffer(b"".join(parts), np.uint8)


def _shortened(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"
