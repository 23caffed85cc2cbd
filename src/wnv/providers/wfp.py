"""Packets that Windows' filters and its TCP/IP refused, as columns: Microsoft-Windows-WFP and -TCPIP.

A filter's run-time id means nothing off the host; it is kept as it is. Reasons of TCP/IP are named by the maps of the
provider's manifest, where the catalog has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from wnv.arrays import BOOL, I64
from wnv.decode.columns import Decoded
from wnv.decode.values import Fixed
from wnv.providers.vfp import fixed_addresses
from wnv.providers.winnat import Ends, numbers, read_ends

WFP_GUID: Final = "0c478c5b-0351-41b1-8c58-4a6737da32e3"
TCPIP_GUID: Final = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
WFP_IDS: Final = (1001, 1003, 1011, 1029)
TRANSPORT_DROP, NETWORK_DROP, ICMP_DROP, FRAMING_DROP = 1214, 1215, 1423, 1478
TCPIP_IDS: Final = (TRANSPORT_DROP, NETWORK_DROP, ICMP_DROP, FRAMING_DROP)
_BY_FILTER: Final = 1001
_LAYER_2: Final = 1029
"""Its addresses are those of stations."""
_INBOUND: Final = (1, 0x3900)
"""FWP_DIRECTION_INBOUND, and what event logs have for it."""
_UNSTATED_OR_OUTBOUND: Final = 0
# FWPS_BUILTIN_LAYERS (fwpsk.h): run-time ids of layers, the same on all builds since Windows 7. A direction of 0 may
# only be unset: these layers see what comes in alone (IP packets, transport, ICMP errors, accept).
_INBOUND_LAYERS: Final = (*range(4), *range(12, 16), *range(28, 32), *range(44, 48))
# The words are those that pktmon has for a drop there.
_LAYER_REASONS: Final = {
    **dict.fromkeys(range(12), "nl_inspection_drop"), **dict.fromkeys(range(12, 16), "inet_receive_inspection"),
    **dict.fromkeys(range(44, 48), "inet_accept_inspection"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusals:
    """Packets refused, of one kind of event. `src` and `dst` are in the direction of the packet."""

    event: I64
    event_id: int
    src: Ends
    dst: Ends
    protocol: I64
    """-1 = not stated."""
    reason: I64
    reason_word: list[str]
    rule: list[str]
    nbl: I64
    """0 = not stated."""
    if_index: I64


def read_wfp(event: I64, event_id: int, decoded: Decoded) -> Refusals:
    """Of decoded WFP events of one id."""
    n = len(decoded)
    src = dst = _no_ends(n)
    layers = numbers(decoded, "LayerId")
    if event_id != _LAYER_2:
        field = "PacketDirection" if event_id == _BY_FILTER else "Direction"
        local, remote = read_ends(decoded.fields["LocalAddress"]), read_ends(decoded.fields["RemoteAddress"])
        stated = numbers(decoded, field)
        is_inbound = np.isin(stated, _INBOUND)
        is_inbound |= (stated == _UNSTATED_OR_OUTBOUND) & np.isin(layers, _INBOUND_LAYERS)
        src, dst = _in_direction(is_inbound, local, remote)
    filters = numbers(decoded, "FilterId")
    rule = [
        f"filter run-time id {one}, layer {layer}" if one >= 0 else ""
        for one, layer in zip(filters.tolist(), layers.tolist(), strict=True)
    ]
    none = np.full(n, -1, np.int64)
    return Refusals(
        event, event_id, src, dst, none, numbers(decoded, "FailureStatus"),
        [_LAYER_REASONS.get(layer, "wfp_filter") for layer in layers.tolist()], rule,
        np.zeros(n, np.int64), none,
    )  # fmt: skip


def read_tcpip(event: I64, event_id: int, decoded: Decoded) -> Refusals:
    """Of decoded TCPIP drop events of one id."""
    n = len(decoded)
    fields = decoded.fields
    if event_id == TRANSPORT_DROP:
        # What a transport refuses it was handed from below.
        src, dst = read_ends(fields["RemoteSockAddr"]), read_ends(fields["LocalSockAddr"])
    elif event_id == NETWORK_DROP:
        family = numbers(decoded, "AddressFamily")
        src, dst = (
            _either(family, _of(decoded, f"{side}IPv4Address"), read_ends(fields[f"IPv6{side}Address"]))
            for side in ("Source", "Dest")
        )
    elif event_id == ICMP_DROP:
        src, dst = read_ends(fields["SourceAddress"]), read_ends(fields["DestAddress"])
    else:
        src = dst = _no_ends(n)
    reason_field = "DropReason" if event_id == ICMP_DROP else "Reason"
    interface = "IfIndex" if "IfIndex" in fields.names else "Interface"
    return Refusals(
        event, event_id, src, dst, numbers(decoded, "IPTransportProtocol"), numbers(decoded, reason_field),
        _words(decoded, reason_field), [""] * n, numbers(decoded, "Nbl", 0), numbers(decoded, interface),
    )  # fmt: skip


def _words(decoded: Decoded, name: str) -> list[str]:
    """The map's word for each reason, as a stable name; empty where there is none."""
    column = decoded.fields[name] if name in decoded.fields.names else None
    if not isinstance(column, Fixed) or column.map is None:
        return [""] * len(decoded)
    known = column.map.words
    return [_slug(known.get(int(value), "")) for value in column.values.tolist()]


def _slug(text: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _of(decoded: Decoded, name: str) -> Fixed | None:
    column = decoded.fields[name] if name in decoded.fields.names else None
    return column if isinstance(column, Fixed) else None


def _either(family: I64, four: Fixed | None, six: Ends) -> Ends:
    if four is None:
        return six
    ends = fixed_addresses(four, 4)
    is_six = family == 23
    return Ends(
        np.where(is_six, six.version, ends.version).astype(np.int16), np.where(is_six, six.high, ends.high),
        np.where(is_six, six.low, ends.low), ends.port,
    )  # fmt: skip


def _in_direction(is_inbound: BOOL, local: Ends, remote: Ends) -> tuple[Ends, Ends]:
    """Source and destination."""

    def either(one: Ends, other: Ends) -> Ends:
        return Ends(
            np.where(is_inbound, one.version, other.version).astype(np.int16),
            np.where(is_inbound, one.high, other.high), np.where(is_inbound, one.low, other.low),
            np.where(is_inbound, one.port, other.port).astype(np.int32),
        )  # fmt: skip

    return either(remote, local), either(local, remote)


def _no_ends(n: int) -> Ends:
    nothing = np.zeros(n, np.uint64)
    return Ends(np.zeros(n, np.int16), nothing, nothing, np.full(n, -1, np.int32))
