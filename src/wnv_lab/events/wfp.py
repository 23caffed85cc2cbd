"""Microsoft-Windows-WFP: packets that a filter of the host's stack blocked.

Facts: the schema. Every build from 14393 on has all versions; a driver writes the newest. The filter's number is of
that boot alone and means nothing off the host.
"""

from __future__ import annotations

import struct
from typing import Final

from wnv_lab.etl.layout import FILETIME_1970, EventKind
from wnv_lab.events.fields import Socket, boolean, guid, mac, sid, sized, sockaddr, u16, u32, u64, wstr

GUID: Final = guid("0c478c5b-0351-41b1-8c58-4a6737da32e3")

_DROPPED: Final = 0x100_0000_0000
_AOAC: Final = 0x10

KIND_1001: Final = EventKind(GUID, 1001, keyword=_AOAC | _DROPPED)
KIND_1001_V1: Final = EventKind(GUID, 1001, version=1, keyword=_AOAC | _DROPPED)
KIND_1001_V2: Final = EventKind(GUID, 1001, version=2, keyword=_AOAC | _DROPPED)
KIND_1029: Final = EventKind(GUID, 1029, keyword=_DROPPED)
KIND_1029_V1: Final = EventKind(GUID, 1029, version=1, keyword=_DROPPED)

INBOUND, OUTBOUND, FORWARD = 0x3900, 0x3901, 0x3902
LOCAL_SYSTEM: Final = sid(18)

# Run-time ids of layers, as current builds number them.
LAYER_INBOUND_TRANSPORT_V4: Final = 12
LAYER_OUTBOUND_TRANSPORT_V4: Final = 14
LAYER_AUTH_RECEIVE_ACCEPT_V4: Final = 44
LAYER_AUTH_CONNECT_V4: Final = 48


def _filetime(ts_ns: int) -> bytes:
    return u64(ts_ns // 100 + FILETIME_1970)


def blocked(
    *,
    ts_ns: int,
    local: Socket,
    remote: Socket,
    direction: int,
    filter_id: int,
    layer_id: int,
    app_id: str = "System",
    user_sid: bytes = LOCAL_SYSTEM,
    scope_id: int = 0,
    reauth_reason: int = 0,
    original_profile: int = 0,
    current_profile: int = 0,
    is_loopback: bool = False,
    vswitch_id: str = "",
    source_vswitch_port: int = 0,
    destination_vswitch_port: int = 0,
    enterprise_id: str = "",
    policy_flags: int = 0,
    effective_name: str = "",
    version: int = 2,
) -> bytes:
    """1001: blocked between IP and the programs; versions 1 and 2 add the vSwitch, 2 the policy."""
    parts = [
        _filetime(ts_ns), sized(sockaddr(local)), sized(sockaddr(remote)), u32(scope_id), wstr(app_id), user_sid,
        struct.pack("<IIII", reauth_reason, original_profile, current_profile, direction), boolean(is_loopback),
        u64(filter_id), u16(layer_id),
    ]  # fmt: skip
    if version >= 1:
        parts += [wstr(vswitch_id), u32(source_vswitch_port), u32(destination_vswitch_port)]
    if version >= 2:
        parts += [wstr(enterprise_id), u64(policy_flags), wstr(effective_name)]
    return b"".join(parts)


def blocked_frame(
    *,
    ts_ns: int,
    local_mac: str | bytes,
    remote_mac: str | bytes,
    ether_type: int,
    filter_id: int,
    layer_id: int,
    media_type: int = 0,
    interface_type: int = 6,
    vlan_tag: int = 0,
    vswitch_id: str = "",
    source_vswitch_port: int = 0,
    destination_vswitch_port: int = 0,
    version: int = 1,
) -> bytes:
    """1029: blocked at the link layer; version 1 adds the vSwitch. Addresses are MACs."""
    start = _filetime(ts_ns) + sized(mac(local_mac)) + sized(mac(remote_mac))
    middle = struct.pack("<HIIHQH", ether_type, media_type, interface_type, vlan_tag, filter_id, layer_id)
    if version < 1:
        return start + middle
    return start + middle + wstr(vswitch_id) + u32(source_vswitch_port) + u32(destination_vswitch_port)
