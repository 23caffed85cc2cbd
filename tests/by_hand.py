"""Recordings of a few packets, written event by event: what no scenario of the lab has.

    with recording(path) as host:
        host.nbl(10, 56, WEB, 0x1000)
        host.port(11, WEB, packet)
        host.nbl(12, 58, DB, 0x1000)

Times are microseconds since the start. Everything stands on one thread unless `tid` says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wnv_lab import frames
from wnv_lab.etl.layout import EventKind
from wnv_lab.etl.writer import EtlWriter
from wnv_lab.events import ndiscap, vmswitch
from wnv_lab.events.fields import Named

START_NS = 1_700_000_000_000_000_000
BUILD = 20348
SWITCH = Named("5C2D5E1F-0000-4000-8000-000000000001", "nat")


@dataclass(frozen=True, slots=True)
class Nic:
    """A NIC at a port of the switch: of a VM (`Synthetic`), of the host (`Internal`), or the uplink (`External`)."""

    port_id: int
    if_index: int
    address: bytes
    mac: bytes
    nic_type: str = "Synthetic"

    @property
    def named(self) -> Named:
        guid = f"5C2D5E1F-0000-4000-8000-0000000001{self.port_id:02x}"
        vm_id = f"5C2D5E1F-0000-4000-8000-0000000003{self.port_id:02x}"
        return Named(f"{vm_id}--{guid}" if self.nic_type == "Synthetic" else guid, f"nic {self.port_id}")

    @property
    def port_name(self) -> str:
        return f"5C2D5E1F-0000-4000-8000-0000000002{self.port_id:02x}"

    def to(self, other: Nic, protocol: int, body: bytes, ident: int = 7) -> bytes:
        """A frame with an IPv4 packet to another NIC."""
        packet = frames.ipv4(self.address, other.address, protocol, body, ident=ident)
        return frames.ethernet(other.mac, self.mac, frames.IPV4, packet)

    def arp(self, operation: int, other: Nic, *, is_broadcast: bool = False) -> bytes:
        """An ARP packet about another NIC."""
        body = frames.arp(operation, self.mac, self.address, other.mac if operation == 2 else bytes(6), other.address)
        return frames.ethernet(frames.BROADCAST if is_broadcast else other.mac, self.mac, frames.ARP, body)


WEB = Nic(1, 11, bytes([172, 20, 1, 5]), bytes([2, 0, 0, 0, 1, 5]))
DB = Nic(2, 12, bytes([172, 20, 1, 6]), bytes([2, 0, 0, 0, 1, 6]))
HOST = Nic(3, 13, bytes([172, 20, 0, 1]), bytes([2, 0, 0, 0, 0, 1]), "Internal")
UPLINK = Nic(9, 5, bytes([172, 20, 9, 9]), bytes([2, 0, 0, 0, 9, 9]), "External")


class Host:
    """Writes what was seen when."""

    def __init__(self, etl: EtlWriter) -> None:
        self._etl = etl

    def event(self, at_us: float, kind: EventKind, payload: bytes, *, tid: int = 8, keyword: int | None = None) -> None:
        self._etl.add(START_NS + round(at_us * 1000), 0, 4, tid, kind, payload, keyword=keyword)

    def nic(self, at_us: float, nic: Nic, frame: bytes, *, is_send: bool | None, tid: int = 8) -> None:
        """1001: a frame at a NIC; sent by its owner, received, or without saying."""
        keyword = ndiscap.frame_keyword(ndiscap.KIND_1001, is_send=is_send)
        payload = ndiscap.FrameTemplate(nic.if_index, nic.if_index, build=BUILD).fill(frame)
        self.event(at_us, ndiscap.KIND_1001, payload, tid=tid, keyword=keyword)

    def port(self, at_us: float, source: Nic, frame: bytes, targets: Sequence[Nic] = (), *, tid: int = 8) -> None:
        """1003: a frame that came from a NIC, into the switch, or out of it to others."""
        ways = [ndiscap.Destination(one.port_id, one.port_name, one.named.name, one.nic_type) for one in targets]
        payload = ndiscap.SwitchFrameTemplate(
            30, 30, source.port_id, source.port_name, source.named.name, source.nic_type, ways
        ).fill(frame)
        keyword = ndiscap.frame_keyword(ndiscap.KIND_1003, is_send=not targets)
        self.event(at_us, ndiscap.KIND_1003, payload, tid=tid, keyword=keyword)

    def nbl(
        self, at_us: float, event_id: int, nic: Nic, address: int, target: Nic | None = None, *, tid: int = 8
    ) -> None:
        """56, 57 (with a target), 58 or their twins for PacketDirect."""
        kind = getattr(vmswitch, f"KIND_{event_id}")
        if target is None:
            payload = vmswitch.NblTemplate(nic.named, SWITCH).fill(address)
        else:
            payload = vmswitch.RoutedTemplate(nic.named, target.named, SWITCH).fill(address)
        self.event(at_us, kind, payload, tid=tid)

    def through(self, at_us: float, source: Nic, target: Nic, frame: bytes, address: int) -> None:
        """A frame all the way through the switch."""
        self.nbl(at_us, 56, source, address)
        self.port(at_us + 1, source, frame)
        self.nbl(at_us + 2, 57, source, address, target)
        self.port(at_us + 3, source, frame, [target])
        self.nbl(at_us + 4, 58, target, address)


@contextmanager
def recording(path: Path) -> Iterator[Host]:
    """A recording that is written within."""
    with EtlWriter(path, build=BUILD, n_processors=1, start_ns=START_NS, boot_ns=START_NS - 10**12) as etl:
        yield Host(etl)
