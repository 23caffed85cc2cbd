"""Microsoft-Windows-WinNat: translations, sessions, published ports and drops, as columns (vmswitch.md, "Containers").

Addresses in these events are SOCKADDRs of a stated length: family u16, port in network order, then of IPv4 the address
at offset 4, of IPv6 at offset 8. For ICMP the port stands for the identifier.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from wnv.arrays import BOOL, I16, I32, I64, U64
from wnv.decode.columns import Decoded
from wnv.decode.values import Blobs, Column, Fixed

GUID: Final = "66c07ecd-6667-43fc-93f8-05cf07f446ec"

SESSION_CREATED, SESSION_TIMED_OUT, SESSION_DELETED = 1001, 1004, 1005
SESSION_IDS: Final = (SESSION_CREATED, 1002, 1003, SESSION_TIMED_OUT, SESSION_DELETED, 1017, 1018)
BOUND: Final = 1006
TRANSLATED: Final = 1009
MAPPING_IDS: Final = (1027, 1029)
DROPPED, LEFT_TO_HOST, FORWARDED = 1030, 1034, 1035
PACKET_IDS: Final = (DROPPED, LEFT_TO_HOST, FORWARDED)
IDS: Final = frozenset({*SESSION_IDS, BOUND, TRANSLATED, *MAPPING_IDS, *PACKET_IDS})

ACTION_REASONS: Final = {
    0: "none", 1: "parsing_failure", 2: "first_fragment_missing", 3: "icmp_error_payload_invalid",
    4: "icmp_error_no_session", 5: "hairpin_no_next_hop", 6: "no_static_mapping", 7: "next_hop_unavailable",
    8: "clone_failed", 9: "translation_failed", 10: "hop_limit_exceeded", 11: "larger_than_mtu",
    12: "route_lookup_failed", 13: "no_route", 14: "session_creation_failed", 15: "not_an_external_interface",
    16: "no_instance_for_forward_interface", 17: "nat_is_internal_host", 18: "routable_in_own_compartment",
    19: "protocol_not_supported", 20: "destined_to_nat", 21: "outside_address_port_ranges", 22: "mux_rejected",
    23: "mux_no_vip", 24: "mux_encapsulation_failed", 25: "no_instance_for_arrival_interface",
}  # fmt: skip
"""Stable names for WINNATM_PACKET_ACTION_REASON; in the table of drops with `nat_` before them."""

_FAMILY_IPV4, _FAMILY_IPV6 = 2, 23
_ICMP, _ICMPV6 = 1, 58
_ICMP_ERRORS: Final = (3, 4, 5, 11, 12)
_FIRST_ICMPV6_QUERY: Final = 128


@dataclass(frozen=True, slots=True)
class Ends:
    """An address and port a row; `version` 0 = not there, `port` -1 = none."""

    version: I16
    high: U64
    low: U64
    """An IPv4 address stands in the lowest 32 bits."""
    port: I32

    def __len__(self) -> int:
        return len(self.version)

    def take(self, rows: I64) -> Ends:
        return Ends(self.version[rows], self.high[rows], self.low[rows], self.port[rows])

    @classmethod
    def concatenate(cls, parts: Iterable[Ends]) -> Ends:
        found = list(parts)
        return cls(
            np.concatenate([one.version for one in found]), np.concatenate([one.high for one in found]),
            np.concatenate([one.low for one in found]), np.concatenate([one.port for one in found]),
        )  # fmt: skip


def read_ends(column: Column) -> Ends:
    """SOCKADDRs, or bare addresses of 4 or 16 bytes, of one field; what is neither is not there."""
    n = len(column)
    version, port = np.zeros(n, np.int16), np.full(n, -1, np.int32)
    high, low = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    if not isinstance(column, Blobs) or not n:
        return Ends(version, high, low, port)
    start = column.offsets[:-1]
    size = np.diff(column.offsets)
    if column.is_valid is not None:
        size = np.where(column.is_valid, size, 0)
    data = column.data
    family = np.zeros(n, np.int64)
    is_long = size >= 8
    family[is_long] = data[start[is_long]].astype(np.int64) | data[start[is_long] + 1].astype(np.int64) << 8
    is_v4 = is_long & (family == _FAMILY_IPV4)
    is_v6 = (size >= 24) & (family == _FAMILY_IPV6)
    for rows, at, width, number in (
        (np.flatnonzero(is_v4), 4, 4, 4), (np.flatnonzero(is_v6), 8, 16, 6),
        (np.flatnonzero(size == 4), 0, 4, 4), (np.flatnonzero(~is_v4 & ~is_v6 & (size == 16)), 0, 16, 6),
    ):  # fmt: skip
        first = start[rows] + at
        version[rows] = number
        for k in range(width):
            byte = data[first + k].astype(np.uint64)
            if width - k > 8:
                high[rows] = high[rows] << np.uint64(8) | byte
            else:
                low[rows] = low[rows] << np.uint64(8) | byte
    with_port = np.flatnonzero(is_v4 | is_v6)
    port[with_port] = data[start[with_port] + 2].astype(np.int32) << 8 | data[start[with_port] + 3]
    return Ends(version, high, low, port)


@dataclass(frozen=True, slots=True)
class Translations:
    """1009: a packet, before and after. A row an event; `event`: row in what was decoded."""

    event: I64
    before_src: Ends
    before_dst: Ends
    after_src: Ends
    after_dst: Ends
    ip_id: I64
    protocol: I64
    is_error: BOOL
    """An ICMP error message, which belongs to the session of the packet that it is about."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """1001 to 1005, 1017, 1018: a session, as created, changed or ended. `event_id` says which."""

    event: I64
    event_id: I64
    inside_src: Ends
    inside_dst: Ends
    outside_src: Ends
    outside_dst: Ends
    protocol: I64
    compartment: I64
    """-1 = not stated (version 0)."""


@dataclass(frozen=True, slots=True)
class Mappings:
    """1027 and 1029: published ports; 1006: a port that was taken."""

    event: I64
    outside: Ends
    inside: Ends
    protocol: I64
    compartment: I64


def numbers(decoded: Decoded, name: str, missing: int = -1) -> I64:
    """A numeric field as integers; `missing` where it is not there."""
    n = len(decoded)
    if name not in decoded.fields.names:
        return np.full(n, missing, np.int64)
    column = decoded.fields[name]
    if not isinstance(column, Fixed) or column.values.dtype.kind not in "iub":
        return np.full(n, missing, np.int64)
    values = column.values.astype(np.int64)
    return values if column.is_valid is None else np.where(column.is_valid, values, missing)


def read_translations(event: I64, decoded: Decoded) -> Translations:
    """Of decoded 1009 events."""
    fields = decoded.fields
    return Translations(
        event, read_ends(fields["IncomingSrcAddr"]), read_ends(fields["IncomingDstAddr"]),
        read_ends(fields["TranslatedSrcAddr"]), read_ends(fields["TranslatedDstAddr"]),
        numbers(decoded, "Identification"), numbers(decoded, "TransportProtocol"), _is_error(decoded),
    )  # fmt: skip


def _is_error(decoded: Decoded) -> BOOL:
    protocol, kind = numbers(decoded, "TransportProtocol"), numbers(decoded, "IcmpType", 0)
    is_error: BOOL = (protocol == _ICMP) & np.isin(kind, _ICMP_ERRORS)
    is_error |= (protocol == _ICMPV6) & (kind > 0) & (kind < _FIRST_ICMPV6_QUERY)
    return is_error | (numbers(decoded, "IcmpPayload", 0) > 0)


def read_sessions(event: I64, event_id: int, decoded: Decoded) -> Sessions:
    """Of decoded 1001 to 1005 events of one id."""
    fields = decoded.fields
    return Sessions(
        event, np.full(len(event), event_id, np.int64), read_ends(fields["InternalSrcAddr"]),
        read_ends(fields["InternalDstAddr"]), read_ends(fields["ExternalSrcAddr"]),
        read_ends(fields["ExternalDstAddr"]), numbers(decoded, "TransportProtocol"),
        numbers(decoded, "InternalCompartmentId"),
    )  # fmt: skip


def read_bindings(event: I64, decoded: Decoded) -> Mappings:
    """Of decoded 1006 events: an inside address and port has got an outside one."""
    fields = decoded.fields
    return Mappings(
        event, read_ends(fields["ExternalAddr"]), read_ends(fields["InternalAddr"]),
        numbers(decoded, "TransportProtocol"), numbers(decoded, "InternalCompartmentId"),
    )  # fmt: skip


def read_mappings(event: I64, decoded: Decoded) -> Mappings:
    """Of decoded 1027 and 1029 events."""
    fields = decoded.fields
    return Mappings(
        event, read_ends(fields["ExternalTransportAddress"]), read_ends(fields["InternalTransportAddress"]),
        numbers(decoded, "TransportProtocol"), numbers(decoded, "CompartmentId"),
    )  # fmt: skip
