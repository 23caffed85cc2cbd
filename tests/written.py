"""Recordings of packets on their way, event by event, for hosts with other habits than the lab's.

Made from the format documents alone (ndis-packetcapture.md, vmswitch.md, the schemas of WinNat and WFP). Each call
writes an event a microsecond after the one before; `at` goes to another time, processor or thread.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from etl_writer import Event, TraceSpec, build, event_header
from payloads import ethernet, ndis_1001, ndis_1003, wstr
from stitched import Row, rows_at

NDIS = "2ed6006e-4729-4609-b423-3ee7bcd678ef"
VMSWITCH = "67dc0d66-3695-47c0-9642-33f76f7bd7ad"
WINNAT = "66c07ecd-6667-43fc-93f8-05cf07f446ec"
TCPIP = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
WHOLE, SEND, RECEIVE, IN_SWITCH = 0xC0000001, 0x100000000, 0x200000000, 0x1000000
TCP, UDP = 6, 17
Tuple = tuple[str, int, str, int]
"""Source address and port, destination address and port."""


@dataclass(frozen=True, slots=True)
class Nic:
    """A NIC on a switch, or a physical one."""

    name: str
    port_id: int
    kind: str
    """As 1003 says it: External, Internal, Synthetic."""
    if_index: int
    switch: str = "ext"
    compartment: int = 1

    @property
    def guid(self) -> str:
        own = str(uuid5(NAMESPACE_DNS, self.name)).upper()
        return f"{str(uuid5(NAMESPACE_DNS, 'VM' + self.name)).upper()}--{own}" if self.kind == "Synthetic" else own

    @property
    def port(self) -> str:
        return str(uuid5(NAMESPACE_DNS, "port " + self.name)).upper()

    @property
    def switch_guid(self) -> str:
        return str(uuid5(NAMESPACE_DNS, "switch " + self.switch)).upper()

    @property
    def switch_index(self) -> int:
        return 40 + len(self.switch)

    @property
    def mac(self) -> str:
        return f"00:15:5d:00:00:{self.port_id + 16 * len(self.switch):02x}"


UPLINK = Nic("Ethernet", 1, "External", 5)
HOST = Nic("vEthernet (ext)", 2, "Internal", 31)
VM_A, VM_B = Nic("VMA", 5, "Synthetic", 0), Nic("VMB", 6, "Synthetic", 0)
GATEWAY = Nic("vEthernet (nat)", 1, "Internal", 30, "nat")
CONTAINER = Nic("c1", 5, "Internal", 50, "nat", 2)
ALONE = Nic("Ethernet 2", 0, "External", 6)
"""A physical NIC without a switch."""


def counted(text: str) -> bytes:
    """XxxLen in UTF-16 characters, then the text without NUL (vmswitch.md, "Strings")."""
    return struct.pack("<I", len(text)) + text.encode("utf-16le")


def socket_address(address: str, port: int) -> bytes:
    """SOCKADDR_IN or SOCKADDR_IN6."""
    packed = ip_address(address).packed
    if len(packed) == 4:
        return struct.pack("<H", 2) + struct.pack(">H", port) + packed + bytes(8)
    return struct.pack("<H", 23) + struct.pack(">HI", port, 0) + packed + bytes(4)


@dataclass(slots=True)
class Writing:
    """Events of a recording, in the order of the calls unless `at` says otherwise."""

    us: float = 1000.0
    cpu: int = 0
    tid: int = 0
    events: list[Event] = field(default_factory=list)

    def at(self, us: float | None = None, *, cpu: int = 0, tid: int = 0) -> Writing:
        self.us, self.cpu, self.tid = self.us if us is None else us, cpu, tid
        return self

    def add(self, provider: str, event_id: int, payload: bytes, *, version: int = 0, keyword: int = 0) -> Writing:
        self.us += 1
        ticks = TraceSpec().t0 + round(self.us * 10)
        self.events.append(
            event_header(
                provider=provider, id=event_id, version=version, ticks=ticks, cpu=self.cpu, tid=self.tid,
                keyword=keyword, payload=payload,
            )
        )  # fmt: skip
        return self

    def interface(self, nic: Nic) -> Writing:
        """TCPIP 1527."""
        head = struct.pack("<IQIIIII", nic.if_index, nic.if_index << 24, 2, nic.compartment, 0, 0, 6)
        mac = bytes.fromhex(nic.mac.replace(":", ""))
        return self.add(TCPIP, 1527, head + mac + struct.pack("<IIII", 6, 0, 0, 0) + wstr(nic.name))

    def seen(self, nic: Nic, packet: bytes, direction: int) -> Writing:
        """1001 right above a NIC's miniport; `direction` is `SEND` or `RECEIVE`."""
        body = ndis_1001(ethernet(packet), miniport=nic.if_index, gft=(0, 0))
        return self.add(NDIS, 1001, body, keyword=WHOLE | direction)

    def ingress(self, nic: Nic, packet: bytes) -> Writing:
        return self._switched(nic, packet, [], SEND)

    def egress(self, nic: Nic, to: Nic, packet: bytes, *, is_readable: bool = True) -> Writing:
        return self._switched(nic, packet, [to], RECEIVE, is_readable)

    def _switched(
        self, nic: Nic, packet: bytes, to: list[Nic], direction: int, is_readable: bool = True
    ) -> Writing:  # fmt: skip
        body = ndis_1003(
            ethernet(packet), miniport=nic.switch_index, port_id=nic.port_id, port_name=nic.port, nic_name=nic.guid,
            nic_type=nic.kind, destinations=[(one.port_id, one.port, one.guid, one.kind) for one in to],
        )  # fmt: skip
        if not is_readable:
            blank = ndis_1003(
                ethernet(packet), miniport=nic.switch_index, port_id=nic.port_id, port_name=nic.port,
                nic_name=nic.guid, nic_type=nic.kind,
            )  # fmt: skip
            count_at = 12 + len(wstr(nic.port) + wstr(nic.guid) + wstr(nic.kind))
            body = blank[:count_at] + struct.pack("<I", len(to)) + blank[count_at + 4 :]
        return self.add(NDIS, 1003, body, keyword=WHOLE | IN_SWITCH | direction)

    def received(self, nic: Nic, nbl: int) -> Writing:
        return self._passage(56, [nic], nbl)

    def routed(self, nic: Nic, to: Nic, nbl: int) -> Writing:
        return self._passage(57, [nic, to], nbl)

    def delivered(self, nic: Nic, nbl: int) -> Writing:
        return self._passage(58, [nic], nbl)

    def _passage(self, event_id: int, nics: list[Nic], nbl: int) -> Writing:
        texts = [text for nic in nics for text in (nic.guid, nic.name)]
        texts += [nics[0].switch_guid, nics[0].switch]
        return self.add(VMSWITCH, event_id, b"".join(map(counted, texts)) + struct.pack("<Q", nbl), keyword=2)

    def dropped(self, nic: Nic, reason: int) -> Writing:
        """VmSwitch 54."""
        texts = (nic.guid, nic.name, nic.switch_guid, nic.switch)
        return self.add(VMSWITCH, 54, b"".join(map(counted, texts)) + struct.pack("<II", reason, 0), keyword=2)

    def crosses(self, nic: Nic, to: Nic, packet: bytes, nbl: int, **habits: bool) -> Writing:
        """A switch, on one thread: received, seen, routed, seen, delivered."""
        self.received(nic, nbl).ingress(nic, packet).routed(nic, to, nbl)
        return self.egress(nic, to, packet, **habits).delivered(to, nbl)

    def translated(
        self, before: Tuple, after: Tuple, *, protocol: int = TCP, ident: int = 1
    ) -> Writing:  # fmt: skip
        """WinNat 1009."""
        pairs = b""
        for src, sport, dst, dport in (before, after):
            one = socket_address(src, sport)
            pairs += struct.pack("<I", len(one)) + one + socket_address(dst, dport)
        return self.add(WINNAT, 1009, pairs + struct.pack("<IIIIII", ident, protocol, 0, 0, 0, 0), keyword=4)

    def forwarded(self, packet: bytes, *, arrived: int, leaves: int) -> Writing:
        """WinNat 1035, with the headers of an IPv4 packet."""
        protocol = packet[9]
        n_transport = 20 if protocol == TCP else 8
        body = struct.pack(
            "<14I", 0, 2, arrived, 1, protocol, 1, leaves, len(packet), len(packet), 20, n_transport, 0, 0, 0
        )
        return self.add(WINNAT, 1035, body + packet[: 20 + n_transport], keyword=0x40)

    def rows(self, folder: Path, **spec: Any) -> dict[str, list[Row]]:  # Any: what TraceSpec takes
        """What wnv makes of it."""
        path = folder / "written.etl"
        path.write_bytes(build(TraceSpec(buffer_size=65536, **spec), self.events))
        return rows_at(path)


def outcomes(rows: dict[str, list[Row]]) -> list[tuple[str, str]]:
    """Path and outcome of each journey, in order of first sighting."""
    return [(row["path"], row["outcome"]) for row in rows["journeys"]]
