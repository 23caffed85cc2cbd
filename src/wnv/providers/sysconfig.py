"""What merging adds about the host: SystemConfigEx events (etl-format.md, section 9.4).

`pktmon` and `netsh trace stop` merge their files, so these stand in most recordings. Opcode 0x24 is documented
nowhere: in every real file that has it, it is a MIB_IF_ROW2 for each network interface, with the names
that people know them by (docs/decisions/0002).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from wnv.diagnostics import Code, Log
from wnv.etl.events import Events
from wnv.providers.reading import payload, wide_text
from wnv.providers.registry import NULL_GUID

GUID = "9b79ee91-b5fd-41c0-a243-4248e266e9d0"
_BUILD, _PATHS, INTERFACE = 0x20, 0x21, 0x24

# MIB_IF_ROW2 (netioapi.h): LUID, index, GUID, two texts of 257 characters, the MAC with its length.
_IF_ROW_BYTES = 1352
_TEXT_BYTES = 2 * 257
_INDEX_AT, _GUID_AT, _ALIAS_AT, _MAC_SIZE_AT, _MTU_AT = 8, 12, 28, 1056, 1124
_DESCRIPTION_AT = _ALIAS_AT + _TEXT_BYTES
_FLAGS_AT, _STATUS_AT, _SPEED_AT = 1152, 1156, 1192
_FLAG_HARDWARE, _FLAG_FILTER, _STATUS_UP = 0x01, 0x02, 1


@dataclass(frozen=True, slots=True)
class HostInterface:
    """A network interface, or a filter on one: each has an ifIndex of its own."""

    if_index: int
    alias: str
    """The name in `Get-NetAdapter`: `Ethernet 2`, `vEthernet (nat)`."""
    description: str
    mac: bytes
    mtu: int
    speed_bits: int
    """Transmit speed in bits a second; 0 where unknown."""
    is_filter: bool
    """A lightweight filter on an adapter, not an adapter."""
    is_up: bool
    guid: str = ""
    """Of the interface, lower case; empty if it has none."""
    is_hardware: bool = False
    """Windows counts it as hardware: a physical NIC, or that of a VM."""


@dataclass(slots=True)
class HostFacts:
    """What the recording says of the machine it was made on. Nothing in an ETL names the host."""

    build_text: str = ""
    """Such as `20348.2461.amd64fre.fe_release.210507-1500`."""
    product: str = ""
    """Such as `Windows Server 2022 Datacenter`."""
    windows_folder: str = ""
    interfaces: dict[int, HostInterface] = field(default_factory=dict)

    def learn(self, events: Events, log: Log) -> None:
        """Take what the events of the provider say; the last of several files wins."""
        for row in np.flatnonzero(np.isin(events.opcode, (_BUILD, _PATHS, INTERFACE))):
            raw, opcode = payload(events, int(row)), int(events.opcode[row])
            if opcode == INTERFACE:
                self._learn_interface(raw, log)
            elif opcode == _BUILD:
                self.build_text, at = wide_text(raw, 8)
                self.product, _ = wide_text(raw, at) if at > 0 else ("", -1)
            else:
                _, at = wide_text(raw, 0)
                self.windows_folder, _ = wide_text(raw, at) if at > 0 else ("", -1)

    def _learn_interface(self, raw: bytes, log: Log) -> None:
        if len(raw) < _IF_ROW_BYTES:
            log.record(Code.RUNDOWN_INVALID, detail="network interface of the host")
            return
        one = parse_interface(raw)
        self.interfaces[one.if_index] = one


def parse_interface(raw: bytes) -> HostInterface:
    """A row of the interface table; `ValueError` if it is too short."""
    if len(raw) < _IF_ROW_BYTES:
        raise ValueError(f"{len(raw)} bytes")
    guid = str(UUID(bytes_le=raw[_GUID_AT : _GUID_AT + 16]))
    n_mac, mtu = struct.unpack_from("<I", raw, _MAC_SIZE_AT)[0], struct.unpack_from("<I", raw, _MTU_AT)[0]
    return HostInterface(
        if_index=struct.unpack_from("<I", raw, _INDEX_AT)[0], alias=_fixed_text(raw, _ALIAS_AT),
        description=_fixed_text(raw, _DESCRIPTION_AT),
        mac=raw[_MAC_SIZE_AT + 4 : _MAC_SIZE_AT + 4 + min(n_mac, 32)], mtu=mtu,
        speed_bits=struct.unpack_from("<Q", raw, _SPEED_AT)[0], is_filter=bool(raw[_FLAGS_AT] & _FLAG_FILTER),
        is_up=struct.unpack_from("<I", raw, _STATUS_AT)[0] == _STATUS_UP, guid="" if guid == NULL_GUID else guid,
        is_hardware=bool(raw[_FLAGS_AT] & _FLAG_HARDWARE),
    )  # fmt: skip


def _fixed_text(raw: bytes, at: int) -> str:
    return raw[at : at + _TEXT_BYTES].decode("utf-16-le", "replace").split("\0", 1)[0]
