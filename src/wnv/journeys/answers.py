"""Which packet answers which: numbers that a question and its answer share, and where answers start.

A question has its number in `layout.ASKS`, what answers it has the same in `layout.ANSWERS`: request and reply of ARP
(RFC 826), neighbour discovery (RFC 4861), echo (RFC 792, RFC 4443: identifier and sequence), DNS and NetBIOS names
(identifier), DHCP (transaction), NTP and SNMP, and of TCP (RFC 9293) what an acknowledgement names. An error of ICMP
answers the packet that it quotes. A packet can ask and answer at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wnv.arrays import BOOL, I64, U8
from wnv.journeys import layout as c
from wnv.journeys.places import Places
from wnv.packets.headers import Headers, decode_packets
from wnv.packets.points import LINK_RAW, NO_DIRECTION

if TYPE_CHECKING:
    from wnv.journeys.sights import Keys, Packets

_ICMP, _TCP, _UDP, _ICMPV6 = 1, 6, 17, 58
_ARP_REQUEST, _ARP_REPLY = 1, 2
_ECHO = {(_ICMP, 8): True, (_ICMP, 0): False, (_ICMPV6, 128): True, (_ICMPV6, 129): False}
_SOLICITATION, _ADVERTISEMENT = 135, 136
_TARGET_OFFSET, _TARGET_BYTES = 8, 16  # in a neighbour's message
_QUOTE_OFFSET = 8
_FIN, _SYN, _ACK = 1, 2, 16
_DNS, _DHCP, _NTP, _NETBIOS_NAMES, _SNMP = 53, 67, 123, 137, 161
_NUMBERED = (_DNS, _NETBIOS_NAMES)
"""The message starts with an identifier of 16 bits."""
_DHCP_CLIENT, _DHCP_ID_OFFSET = 68, 4
_LOW_32 = 0xFFFFFFFF

ANSWER_WORDS = (
    "", "ARP reply", "ICMP echo reply", "neighbour advertisement", "ICMP error", "TCP reset", "TCP SYN-ACK",
    "TCP acknowledgement", "UDP reply",
)  # fmt: skip
"""By `layout.J_ANSWER_KIND`."""


def fill_answers(sights: I64, keys: Keys, headers: Headers, packets: Packets, payload_at: I64) -> None:
    """Numbers of questions and answers. `payload_at`: where each packet's payload starts in its frame."""
    forth, back = sights[c.TUPLE], sights[c.TUPLE_BACK]
    asks, answers = np.zeros(len(forth), np.int64), np.zeros(len(forth), np.int64)
    is_arp = headers.arp_op >= 0
    if is_arp.any():
        # Who asks for its own address, or tells the world of it, wants no answer.
        is_other = is_arp & ((sights[c.SRC_LOW] != sights[c.DST_LOW]) | (sights[c.SRC_HIGH] != sights[c.DST_HIGH]))
        _give(asks, is_other & (headers.arp_op == _ARP_REQUEST), forth, 1)
        _give(answers, is_other & (headers.arp_op == _ARP_REPLY), back, 1)
    protocol = headers.protocol
    is_tcp = headers.tcp_seq >= 0
    if is_tcp.any():
        flags = headers.tcp_flags.astype(np.int64)
        wants = is_tcp & ((headers.tcp_payload_bytes > 0) | (flags & (_SYN | _FIN) > 0))
        _give(asks, wants, forth, sights[c.SEQ_END] & _LOW_32)
        _give(answers, is_tcp & (flags & _ACK > 0), back, headers.tcp_ack)
    rows = np.flatnonzero((protocol == _UDP) & (headers.src_port >= 0) & (headers.dst_port >= 0))
    if len(rows):
        _fill_services(asks, answers, keys, headers, packets, payload_at, sights, rows)
    rows = np.flatnonzero((headers.icmp_type >= 0) & (headers.ip_version > 0))
    if len(rows):
        _fill_icmp(asks, answers, keys, headers, packets, sights, rows)
    known = forth != 0
    sights[c.ASKS], sights[c.ANSWERS] = np.where(known, asks, 0), np.where(known, answers, 0)


def _give(column: I64, mask: BOOL, of_tuple: I64, detail: I64 | int) -> None:
    number = of_tuple ^ (np.asarray(detail, np.int64) + 1) * c.SPREAD
    column[mask] = np.where(number == 0, 1, number)[mask]


def _fill_services(
    asks: I64, answers: I64, keys: Keys, headers: Headers, packets: Packets, payload_at: I64, sights: I64, rows: I64
) -> None:  # fmt: skip
    """Of services that answer each datagram with one."""
    src, dst = headers.src_port[rows].astype(np.int64), headers.dst_port[rows].astype(np.int64)
    for port in (_DNS, _NTP, _NETBIOS_NAMES, _SNMP):
        for column, where, of_tuple in ((asks, dst, sights[c.TUPLE]), (answers, src, sights[c.TUPLE_BACK])):
            mine = rows[where == port]
            if port in _NUMBERED:
                mine = mine[packets.n_bytes[mine] >= payload_at[mine] + 2]
                detail = _number_at(packets.data, packets.start[mine] + payload_at[mine], 2)
            else:
                detail = np.zeros(len(mine), np.int64)
            if len(mine):
                some = np.zeros(len(mine), np.int64)
                _give(some, np.ones(len(mine), np.bool_), of_tuple[mine], detail)
                column[mine] = some
    # A client of DHCP has no address yet: the transaction alone says what belongs together.
    for column, here, there in ((asks, dst, src), (answers, src, dst)):
        mine = rows[(here == _DHCP) & (there == _DHCP_CLIENT)]
        mine = mine[packets.n_bytes[mine] >= payload_at[mine] + _DHCP_ID_OFFSET + 4]
        if len(mine):
            transaction = _number_at(packets.data, packets.start[mine] + payload_at[mine] + _DHCP_ID_OFFSET, 4)
            column[mine] = keys.hash(np.full(len(mine), _DHCP, np.int64), transaction)


def _fill_icmp(
    asks: I64, answers: I64, keys: Keys, headers: Headers, packets: Packets, sights: I64, rows: I64
) -> None:  # fmt: skip
    protocol, kind = headers.protocol[rows].astype(np.int64), headers.icmp_type[rows].astype(np.int64)
    echo = (headers.icmp_id[rows].astype(np.int64) & 0xFFFF) << 16 | headers.icmp_seq[rows].astype(np.int64) & 0xFFFF
    for (of_protocol, of_kind), is_question in _ECHO.items():
        mine = (protocol == of_protocol) & (kind == of_kind) & (headers.icmp_seq[rows] >= 0)
        if mine.any():
            column, of_tuple = (asks, c.TUPLE) if is_question else (answers, c.TUPLE_BACK)
            some = np.zeros(len(rows), np.int64)
            _give(some, mine, sights[of_tuple, rows], echo)
            column[rows[mine]] = some[mine]
    at = headers.transport_offset[rows].astype(np.int64)
    for of_kind, column, side in (
        (_SOLICITATION, asks, (c.SRC_HIGH, c.SRC_LOW)), (_ADVERTISEMENT, answers, (c.DST_HIGH, c.DST_LOW)),
    ):  # fmt: skip
        has_target = packets.n_bytes[rows] >= at + _TARGET_OFFSET + _TARGET_BYTES
        some = np.flatnonzero((protocol == _ICMPV6) & (kind == of_kind) & has_target)
        mine, start = rows[some], packets.start[rows[some]] + at[some] + _TARGET_OFFSET
        if len(mine):
            target = _number_at(packets.data, start, 8), _number_at(packets.data, start + 8, 8)
            column[mine] = keys.hash(*target, sights[side[0], mine], sights[side[1], mine])
    quoting = rows[(sights[c.FLAGS, rows] & c.IS_REPLY_LIKE != 0)]
    if len(quoting):
        answers[quoting] = _quoted(headers, packets, keys, quoting)


def _quoted(headers: Headers, packets: Packets, keys: Keys, rows: I64) -> I64:
    """Number of the packet that an error of ICMP quotes; 0 where too little of it is there."""
    from wnv.journeys.sights import pack_ports

    at = headers.transport_offset[rows].astype(np.int64) + _QUOTE_OFFSET
    size = packets.n_bytes[rows] - at
    inner = decode_packets(
        packets.data, packets.start[rows] + at, np.maximum(size, 0), np.full(len(rows), LINK_RAW, np.uint16),
        np.maximum(packets.original_bytes[rows] - at, 0),
    )  # fmt: skip
    has_both = inner.has_src & inner.has_dst & (size > 0)
    protocol = np.maximum(inner.ip_protocol, inner.protocol).astype(np.int64)
    ports = pack_ports(inner.src_port.astype(np.int64), inner.dst_port.astype(np.int64))
    is_told = ~np.isin(protocol, (_TCP, _UDP)) | (inner.src_port >= 0)
    forth, _, _ = keys.tuples(
        protocol, (inner.src_high, inner.src_low), (inner.dst_high, inner.dst_low), ports
    )  # fmt: skip
    ip_id = np.where(inner.ip_version == 4, inner.ip_id.astype(np.int64), -1)
    number = forth ^ ((ip_id & 0xFFFF) + 1) * c.SPREAD ^ c.QUOTED
    return np.where(has_both & is_told, number, 0)


def _number_at(data: U8, at: I64, n_bytes: int) -> I64:
    """In network order; the caller has checked that it lies in `data`."""
    value = np.zeros(len(at), np.int64)
    for k in range(n_bytes):
        value = value << 8 | data[at + k].astype(np.int64)
    return value


def starts_there(ended: I64, places: Places) -> BOOL:
    """Whether what answered a packet was first seen where that ended, coming back: at its NIC, or inside its switch."""
    place, direction, event = ended[:, c.J_LAST_PLACE], ended[:, c.J_LAST_DIR], ended[:, c.J_LAST_EVENT]
    first, way = ended[:, c.J_ANSWER_PLACE], ended[:, c.J_ANSWER_DIR]
    is_known = (ended[:, c.J_ANSWER] > 0) & (place >= 0) & (first >= 0)
    here, there = (places.matrix[:, np.maximum(one, 0)] for one in (place, first))
    is_same = (place == first) | ((here[c.STATION_OF] >= 0) & (here[c.STATION_OF] == there[c.STATION_OF]))
    is_back = (way != direction) | (way == NO_DIRECTION)
    comes_out = np.isin(places.classes(first, way), (c.EXIT, c.WIRE))
    is_inside = (here[c.SWITCH_OF] >= 0) & (here[c.SWITCH_OF] == there[c.SWITCH_OF]) & comes_out
    is_inside &= np.isin(event, (c.INGRESS, c.RECEIVED, c.ROUTED))
    found: BOOL = is_known & ((is_same & is_back) | is_inside)
    return found
