"""A TCP/IP stack: of a host's compartment, of a guest, or of a machine outside."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wnv_lab.frames import (
    ACK,
    ARP,
    BROADCAST,
    ICMP,
    IPV4,
    RST,
    SYN,
    TCP,
    UDP,
    arp,
    echo,
    ethernet,
    icmp,
    ipv4,
    tcp,
    udp,
)
from wnv_lab.model import Header, Host, Nic
from wnv_lab.parsing import header_of
from wnv_lab.rules import matches
from wnv_lab.scenario import RuleSpec
from wnv_lab.tcp import LARGE_SEND_BYTES, Connection

if TYPE_CHECKING:
    from wnv_lab.world import World

UdpHandler = Callable[["Stack", bytes, int, int, bytes], None]
"""Stack, source, source port, destination port, payload."""
ARP_TRIES = 3
ARP_WAIT_NS = 1_000_000_000


@dataclass(eq=False, repr=False, slots=True)
class Iface:
    """An interface of a stack."""

    nic: Nic
    address: bytes
    prefix: int
    gateway: bytes = b""

    def holds(self, address: bytes) -> bool:
        """Whether an address is on the link."""
        shift = 32 - self.prefix
        return int.from_bytes(address, "big") >> shift == int.from_bytes(self.address, "big") >> shift


@dataclass(eq=False, repr=False, slots=True)
class Stack:
    """Interfaces, neighbours, sockets and rules. `host` is None for a machine outside."""

    name: str
    world: World
    host: Host | None = None
    compartment: int = 1
    pid: int = 4
    ifaces: list[Iface] = field(default_factory=list)
    addresses: set[bytes] = field(default_factory=set)
    neighbours: dict[bytes, bytes] = field(default_factory=dict)
    queued: dict[bytes, list[Callable[[], None]]] = field(default_factory=dict)
    rules: tuple[RuleSpec, ...] = ()
    udp: dict[int, UdpHandler] = field(default_factory=dict)
    listeners: dict[int, Callable[[Connection], None]] = field(default_factory=dict)
    connections: dict[tuple[bytes, int, bytes, int], Connection] = field(default_factory=dict)
    streams: dict[int, Callable[[bytes, list[bytes]], None]] = field(default_factory=dict)
    """By local port: who takes bulk data that no connection stands behind."""
    pings: dict[int, Callable[[int], None]] = field(default_factory=dict)
    remote_of: Stack | None = None
    """The router that this machine is behind."""
    behind: dict[bytes, Stack] = field(default_factory=dict)
    """Of a router: the machines it leads to."""
    latency_ns: int = 0
    ident: int = 0
    next_port: int = 49152
    vlan: int = 0
    has_checksum_offload: bool = False
    large_send_bytes: int = 0
    is_silent: bool = False
    """Closed ports answer nothing."""

    @property
    def point(self) -> str:
        """Name that is unique on this host."""
        return f"TCP/IP {self.name}"

    def add(self, nic: Nic, address: bytes, prefix: int, gateway: bytes = b"") -> None:
        """Give the stack an interface."""
        self.ifaces.append(Iface(nic, address, prefix, gateway))
        if address:
            self.addresses.add(address)
        nic.stack = self

    def iface_for(self, dst: bytes) -> Iface:
        """The interface towards an address."""
        for iface in self.ifaces:
            if iface.address and iface.holds(dst):
                return iface
        return next((iface for iface in self.ifaces if iface.gateway), self.ifaces[0])

    def next_hop(self, dst: bytes, nic: Nic) -> bytes:
        """The neighbour that a packet for `dst` goes to on a NIC."""
        iface = next(iface for iface in self.ifaces if iface.nic is nic)
        return dst if iface.holds(dst) or not iface.gateway else iface.gateway

    def take_port(self) -> int:
        """An ephemeral port."""
        port = self.next_port
        self.next_port = 49152 + (port - 49151) % 16384
        return port

    # -- sending -------------------------------------------------------------------------------------------------

    def send(
        self,
        dst: bytes,
        protocol: int,
        parts: list[bytes],
        *,
        nbs: int = 1,
        mss: int = 0,
        src_mac: bytes = b"",
        has_df: bool = True,
        src: bytes = b"",
    ) -> None:
        """Send transport messages as one chain of NBLs, `nbs` packets in each."""
        iface = self.iface_for(dst)
        if dst == b"\xff" * 4:
            self._launch(iface, BROADCAST, dst, protocol, parts, nbs, mss, src_mac, has_df, src)
            return
        if self.remote_of is not None:
            for part in parts:
                self.ident = self.ident + 1 & 0xFFFF
                packet = ipv4(src or iface.address, dst, protocol, part, ident=self.ident, ttl=57, has_df=has_df)
                router = self.remote_of
                self.world.after(self.latency_ns, lambda packet=packet, router=router: router.route(packet))  # type: ignore[misc] # lambda with defaults
            return
        next_hop = dst if iface.holds(dst) or not iface.gateway else iface.gateway

        def go(mac: bytes) -> None:
            self._launch(iface, mac, dst, protocol, parts, nbs, mss, src_mac, has_df, src)

        self.resolve(iface, next_hop, go)

    def route(self, packet: bytes) -> None:
        """Of a router: send a packet that came from behind on to the LAN."""
        dst = packet[16:20]
        iface = self.iface_for(dst)
        self.resolve(
            iface,
            dst,
            lambda mac: self.world.launch(self, iface.nic, [ethernet(mac, iface.nic.mac, IPV4, packet)], 1, 0),
        )

    def _launch(
        self,
        iface: Iface,
        mac: bytes,
        dst: bytes,
        protocol: int,
        parts: list[bytes],
        nbs: int,
        mss: int,
        src_mac: bytes,
        has_df: bool,
        src: bytes,
    ) -> None:
        frames = []
        address = src or iface.address or b"\0" * 4
        for part in parts:
            self.ident = self.ident + 1 & 0xFFFF
            is_large = bool(mss) and len(part) > mss + 60
            frames.append(
                ethernet(
                    mac,
                    src_mac or iface.nic.mac,
                    IPV4,
                    ipv4(address, dst, protocol, part, ident=self.ident, has_df=has_df, is_large_send=is_large),
                )
            )
        self.world.launch(self, iface.nic, frames, nbs, mss if self.large_send_bytes else 0)

    def resolve(self, iface: Iface, address: bytes, then: Callable[[bytes], None]) -> None:
        """Do something with a neighbour's MAC, now or when it answers; nothing if it never does."""
        mac = self.neighbours.get(address)
        if mac is not None:
            then(mac)
            return
        waiting = self.queued.setdefault(address, [])
        waiting.append(lambda: then(self.neighbours[address]))
        if len(waiting) == 1:
            self._ask(iface, address, ARP_TRIES)

    def _ask(self, iface: Iface, address: bytes, n_left: int) -> None:
        if address in self.neighbours:
            return
        if not n_left:
            self.queued.pop(address, None)
            return
        body = arp(1, iface.nic.mac, iface.address, b"\0" * 6, address)
        self.world.launch(self, iface.nic, [ethernet(BROADCAST, iface.nic.mac, ARP, body)], 1, 0)
        self.world.after(ARP_WAIT_NS, lambda: self._ask(iface, address, n_left - 1))

    def send_udp(
        self, dst: bytes, sport: int, dport: int, payload: bytes, *, n: int = 1, nbs: int = 1, src_mac: bytes = b""
    ) -> None:
        """Send a datagram, or a chain of `n` equal ones."""
        src = self.iface_for(dst).address or b"\0" * 4
        is_finished = not self.has_checksum_offload
        part = udp(src, dst, sport, dport, payload, is_finished=is_finished)
        self.send(dst, UDP, [part] * n, nbs=nbs, has_df=False, src_mac=src_mac)

    def broadcast_udp(self, iface: Iface, sport: int, dport: int, payload: bytes, *, src_mac: bytes = b"") -> None:
        """Send a datagram to all on the link of an interface."""
        src = iface.address or b"\0" * 4
        part = udp(src, b"\xff" * 4, sport, dport, payload)
        self._launch(iface, BROADCAST, b"\xff" * 4, UDP, [part], 1, 0, src_mac, False, src)

    def ping(self, dst: bytes, identifier: int, sequence: int, n_bytes: int = 32, has_df: bool = False) -> None:
        """Send an echo request."""
        self.send(dst, ICMP, [echo(False, identifier, sequence, n_bytes)], has_df=has_df)

    def connect(self, dst: bytes, port: int, sport: int = 0) -> Connection:
        """A connection to be opened."""
        src = self.iface_for(dst).address
        lport = sport or self.take_port()
        connection = Connection(self, src, lport, dst, port, self.world.random.getrandbits(32))
        connection.mss = self.mss
        self.connections[(src, lport, dst, port)] = connection
        return connection

    @property
    def mss(self) -> int:
        """Of the first interface."""
        return self.ifaces[0].nic.mtu - 40

    # -- receiving -----------------------------------------------------------------------------------------------

    def receive(self, frames: list[bytes]) -> None:
        """Take frames that arrived together, all of one flow."""
        first = frames[0]
        if first[12:14] == b"\x08\x06":
            for frame in frames:
                self._receive_arp(frame)
            return
        if first[12:14] != b"\x08\x00":
            return
        dst = first[30:34]
        if dst not in self.addresses and dst != b"\xff" * 4 and not first[0] & 1:
            there = self.behind.get(dst)
            if there is not None:
                for frame in frames:
                    self.world.after(self.latency_ns + there.latency_ns, lambda frame=frame: there.receive([frame]))  # type: ignore[misc] # lambda with defaults
            return
        if self.behind and first[26:30] not in self.neighbours and not first[6] & 1:
            self.neighbours[first[26:30]] = first[6:12]
        if self.rules and self.is_guest and self.refuses(header_of(first), "in"):
            return
        self._receive_ip(frames)

    @property
    def is_guest(self) -> bool:
        """Whether it is a kernel of its own, so that the host sees nothing of what it does."""
        return self.host is not None and bool(self.ifaces) and not self.ifaces[0].nic.is_visible

    def refuses(self, header: Header, direction: str) -> bool:
        """Whether its firewall stops a packet."""
        return any(rule.layer == "firewall" and matches(rule, header, direction) for rule in self.rules)

    def _receive_arp(self, frame: bytes) -> None:
        operation, sender_mac, sender, target = frame[21], frame[22:28], frame[28:32], frame[38:42]
        mine = next((i for i in self.ifaces if i.address == target), None)
        if mine is not None or sender in self.queued or sender in self.neighbours:
            self.neighbours[sender] = sender_mac
        if operation == 1 and mine is not None:
            body = arp(2, mine.nic.mac, mine.address, sender_mac, sender)
            self.world.launch(self, mine.nic, [ethernet(sender_mac, mine.nic.mac, ARP, body)], 1, 0)
        for go in self.queued.pop(sender, []):
            go()

    def _receive_ip(self, frames: list[bytes]) -> None:
        first = frames[0]
        protocol, src, dst = first[23], first[26:30], first[30:34]
        if protocol == ICMP:
            for frame in frames:
                self._receive_icmp(src, frame)
        elif protocol == UDP:
            for frame in frames:
                sport, dport, n_bytes = struct.unpack_from(">HHH", frame, 34)
                handler = self.udp.get(dport)
                if handler is not None:
                    handler(self, src, sport, dport, frame[42 : 34 + n_bytes])
                elif not self.is_silent and dst in self.addresses:
                    self.send(src, ICMP, [icmp(3, 3, 0, frame[14:42])], has_df=False)
        elif protocol == TCP:
            self._receive_tcp(src, dst, frames)

    def _receive_icmp(self, src: bytes, frame: bytes) -> None:
        n_bytes = int.from_bytes(frame[16:18], "big")
        body = frame[34 : 14 + n_bytes]
        if body[0] == 8:
            self.send(src, ICMP, [icmp(0, 0, int.from_bytes(body[4:8], "big"), body[8:])], has_df=False)
        elif body[0] == 0:
            answered = self.pings.get(int.from_bytes(body[4:6], "big"))
            if answered is not None:
                answered(int.from_bytes(body[6:8], "big"))

    def _receive_tcp(self, src: bytes, dst: bytes, frames: list[bytes]) -> None:
        take = self.streams.get(frames[0][36] << 8 | frames[0][37])
        if take is not None:
            take(src, frames)
            return
        segments = []
        for frame in frames:
            n_bytes = int.from_bytes(frame[16:18], "big") or len(frame) - 14
            seq, ack, offset, flags = struct.unpack_from(">IIBB", frame, 38)
            segments.append((seq, ack, flags, frame[34 + (offset >> 4) * 4 : 14 + n_bytes]))
        sport, dport = struct.unpack_from(">HH", frames[0], 34)
        key = (dst, dport, src, sport)
        connection = self.connections.get(key)
        if connection is not None:
            connection.receive(segments)
            return
        seq, ack, flags, payload = segments[0]
        serve = self.listeners.get(dport)
        if flags & SYN and not flags & ACK and serve is not None:
            connection = Connection(self, dst, dport, src, sport, self.world.random.getrandbits(32))
            connection.mss = self.mss
            self.connections[key] = connection
            serve(connection)
            connection.accept(seq)
        elif not flags & RST and not self.is_silent:
            answer_seq = ack if flags & ACK else 0
            answer_ack = seq + len(payload) + bool(flags & SYN) & 0xFFFFFFFF
            self.send(
                src,
                TCP,
                [
                    tcp(
                        dst,
                        src,
                        dport,
                        sport,
                        answer_seq,
                        answer_ack,
                        RST | ACK,
                        is_finished=not self.has_checksum_offload,
                    )
                ],
            )

    def use_large_send(self) -> None:
        """Hand whole buffers to the NIC, which cuts them."""
        self.large_send_bytes = LARGE_SEND_BYTES
