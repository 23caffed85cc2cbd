"""The columns of the table `frames` that follow from the bytes of frames."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from wnv.arrays import I16, I32, I64, U8, U16
from wnv.packets.applications import Applications, decode_applications
from wnv.packets.headers import Headers, Texts, address_texts, decode_packets, ipv4_texts, mac_texts
from wnv.packets.info import Lines, describe
from wnv.packets.overlay import innermost
from wnv.packets.points import LINK_NAMES

Values: TypeAlias = I64 | I32 | I16 | Texts | Lines
"""A column: numbers, -1 being null; or texts."""

_ICMP, _TCP, _UDP, _ICMPV6, _SCTP = 1, 6, 17, 58, 132
_SAME_NAME = (
    "eth_type", "network_type", "vlan_id", "vlan_priority", "vlan2_id", "vlan2_priority", "arp_op", "ip_version",
    "ip_header_bytes", "ip_traffic_class", "ip_length", "ip_id", "ip_flags", "ip_fragment_offset", "ip_ttl",
    "ip_protocol", "tcp_seq", "tcp_ack", "tcp_flags", "tcp_window", "tcp_header_bytes", "tcp_payload_bytes",
    "udp_length",
)  # fmt: skip
_MESSAGE_NUMBERS = (
    "dns_id", "dns_is_response", "dns_opcode", "dns_rcode", "dns_answers", "dns_qry_type", "dhcp_id", "dhcp_type",
    "http_version", "http_status", "tls_record_type", "tls_record_version", "tls_handshake_type", "tls_hello_version",
    "tls_alert",
)  # fmt: skip
_MESSAGE_TEXTS = (
    "dns_qry_name", "dns_aaaa", "dhcp_hostname", "http_method", "http_uri", "http_host", "http_phrase", "tls_sni",
)  # fmt: skip


_PORTS = {_TCP: "tcp", _UDP: "udp", _SCTP: "sctp"}
_QUERIES = {_ICMP: "icmp", _ICMPV6: "icmpv6"}


def frame_columns(data: U8, start: I64, n_bytes: I64, link_type: U16, original_bytes: I64) -> dict[str, Values]:
    """Columns of `schema.FRAMES` by name: all but `frame_id`, `session_id` and `bytes`, in no particular order.

    A row each frame `data[start : start + n_bytes]`; 64 bytes of padding stand behind the last one. **Columns that
    would be null in every row are left out**, and most are. Numbers are signed, of whatever width holds them.
    """
    headers = decode_packets(data, start, n_bytes, link_type, original_bytes)
    messages = decode_applications(data, start, headers)
    packets = innermost(headers)
    protocol, info = describe(data, start, n_bytes, link_type, packets, messages)
    columns: dict[str, Values] = {
        "link_type": _link_types(link_type), "captured_bytes": n_bytes, "original_bytes": original_bytes,
        "protocol": protocol, "info": info, "sport": packets.src_port, "dport": packets.dst_port,
        "gre_protocol": headers.gre_protocol, "gre_key": headers.gre_key, "nvgre_vsid": headers.vsid,
        "nvgre_flow_id": headers.flow_id, "vxlan_flags": headers.vxlan_flags, "vxlan_vni": headers.vni,
    }  # fmt: skip
    addresses = _address_columns(headers)
    columns |= {**addresses, **_number_columns(headers), **_arp_columns(headers), **_message_columns(messages)}
    if headers.inner is not None:
        inner = {**_address_columns(headers.inner), **_number_columns(headers.inner), **_arp_columns(headers.inner)}
        columns |= {f"inner_{name}": _spread(one, headers.inner.row, len(headers)) for name, one in inner.items()}
        addresses = _address_columns(packets)
    columns |= {side: _first_of(addresses[f"ip_{side}"], addresses[f"eth_{side}"]) for side in ("src", "dst")}
    return {name: column for name, column in columns.items() if _is_given(column)}


def _address_columns(headers: Headers) -> dict[str, Texts]:
    version = headers.ip_version
    return {
        "eth_src": mac_texts(headers.eth_src), "eth_dst": mac_texts(headers.eth_dst),
        "ip_src": address_texts(version, headers.src_high, headers.src_low, headers.has_src),
        "ip_dst": address_texts(version, headers.dst_high, headers.dst_low, headers.has_dst),
    }  # fmt: skip


def _number_columns(headers: Headers) -> dict[str, I64 | I32 | I16]:
    """Numbers of the headers; where one column of `headers` serves several protocols, each has its own."""
    columns = {name: getattr(headers, name) for name in _SAME_NAME}
    columns["transport"] = headers.protocol
    is_there = np.zeros(257, np.bool_)
    is_there[headers.protocol] = True
    for number, name in _PORTS.items():
        if is_there[number]:
            is_mine = headers.protocol == number
            columns[f"{name}_src_port"] = np.where(is_mine, headers.src_port, np.int32(-1))
            columns[f"{name}_dst_port"] = np.where(is_mine, headers.dst_port, np.int32(-1))
    for number, name in _QUERIES.items():
        if is_there[number]:
            is_mine = headers.protocol == number
            for field in ("type", "code", "id", "seq"):
                column = getattr(headers, f"icmp_{field}")
                columns[f"{name}_{field}"] = np.where(is_mine, column, column.dtype.type(-1))
    return columns


def _arp_columns(headers: Headers) -> dict[str, Texts]:
    if not bool((headers.arp_op >= 0).any()):
        return {}
    return {
        "arp_sender_mac": mac_texts(headers.arp_sender_mac), "arp_sender_ip": ipv4_texts(headers.arp_sender_ip),
        "arp_target_mac": mac_texts(headers.arp_target_mac), "arp_target_ip": ipv4_texts(headers.arp_target_ip),
    }  # fmt: skip


def _message_columns(messages: Applications) -> dict[str, Values]:
    if not bool((messages.application >= 0).any()):
        return {}
    return {
        **{name: getattr(messages, name) for name in (*_MESSAGE_NUMBERS, *_MESSAGE_TEXTS)},
        **{name: ipv4_texts(getattr(messages, name)) for name in ("dns_a", "dhcp_assigned", "dhcp_requested")},
        "dhcp_client_mac": mac_texts(messages.dhcp_client_mac),
    }  # fmt: skip


def _link_types(link_type: U16) -> Texts:
    distinct, code = np.unique(link_type, return_inverse=True)
    return Texts(code.astype(np.int32), [LINK_NAMES.get(one, f"link{one}") for one in distinct.tolist()])


def _spread(column: Texts | I64 | I32 | I16, rows: I64, n: int) -> Texts | I64 | I32 | I16:
    """The column as that of `n` rows, null where it is not one of `rows`."""
    if isinstance(column, Texts):
        code = np.full(n, -1, np.int32)
        code[rows] = column.code
        return Texts(code, column.values)
    spread = np.full(n, -1, column.dtype)
    spread[rows] = column
    return spread


def _first_of(texts: Texts, others: Texts) -> Texts:
    """The text of each row, or the other where it is null."""
    is_null = texts.code < 0
    if not bool(is_null.any()):
        return texts
    code = np.where(is_null & (others.code >= 0), others.code + len(texts.values), texts.code)
    return Texts(code, texts.values + others.values)


def _is_given(column: Values) -> bool:
    if isinstance(column, Lines):
        return True
    code = column.code if isinstance(column, Texts) else column
    return bool(code.max(initial=-1) >= 0)
