"""WinNat: sessions, bindings, port mappings and the pool of ports of one NAT."""

from __future__ import annotations

from dataclasses import dataclass, field

from wnv_lab.frames import ICMP
from wnv_lab.model import Header, Nic

REASONS = {
    6: "slbmux_no_matching_static_mapping",
    10: "slbmux_hop_limit_exceeded",
    11: "slbmux_packet_bigger_than_mtu",
    13: "slbmux_no_route",
    14: "slbmux_session_creation_failure",
    20: "slbmux_packet_is_destined_locally",
    21: "slbmux_packet_destination_ip_and_port_not_subject_to_nat",
}
"""WINNATM_PACKET_ACTION_REASON as wnv names the same reasons of PktMon (1300 + number)."""

Tuple = tuple[int, bytes, int, bytes, int]
"""Protocol, source, source port, destination, destination port; for ICMP the identifier as source port."""


@dataclass(eq=False, repr=False, slots=True)
class Session:
    """An inside tuple and its outside one."""

    protocol: int
    inside_src: bytes
    inside_sport: int
    inside_dst: bytes
    inside_dport: int
    outside_src: bytes
    outside_sport: int
    outside_dst: bytes
    outside_dport: int
    kind: str
    """dynamic or mapping."""
    compartment: int
    first_ns: int
    last_ns: int
    n_packets: int = 0
    is_new_binding: bool = True


@dataclass(eq=False, repr=False, slots=True)
class WinNat:
    """A NAT instance. One-to-one while sessions live: a binding holds its outside port alone."""

    name: str
    outside: bytes
    external: Nic
    internal: Nic
    subnet: bytes
    prefix: int
    first_port: int
    last_port: int
    compartment: int = 1
    is_ics: bool = False
    mappings: dict[tuple[int, int], tuple[bytes, int]] = field(default_factory=dict)
    """(protocol, outside port) to inside address and port."""
    sessions: dict[Tuple, Session] = field(default_factory=dict)
    by_outside: dict[Tuple, Session] = field(default_factory=dict)
    """Keyed as replies arrive: protocol, remote, remote port, outside address, outside port."""
    bindings: dict[tuple[int, bytes, int], int] = field(default_factory=dict)
    used: set[tuple[int, int]] = field(default_factory=set)
    next_port: int = 0

    @property
    def point(self) -> str:
        """Name that is unique on this host."""
        return f"NAT {self.name}"

    def outbound(self, header: Header, compartment: int, now_ns: int) -> tuple[Session | None, bool]:
        """The session for a packet from inside, and whether it is new; None if no port is left."""
        sport, dport = _ports(header)
        key = (header.protocol, header.src, sport, header.dst, dport)
        found = self.sessions.get(key)
        if found is not None:
            return found, False
        binding = (header.protocol, header.src, sport)
        outside_port = self.bindings.get(binding)
        is_new = outside_port is None
        if outside_port is None:
            mapped = next(
                (
                    port
                    for (protocol, port), inside in self.mappings.items()
                    if protocol == header.protocol and inside == (header.src, sport)
                ),
                None,
            )
            outside_port = mapped if mapped is not None else self._take(header.protocol, sport)
            if outside_port is None:
                return None, False
            self.bindings[binding] = outside_port
        session = Session(
            header.protocol,
            header.src,
            sport,
            header.dst,
            dport,
            self.outside,
            outside_port,
            header.dst,
            dport,
            "dynamic",
            compartment,
            now_ns,
            now_ns,
            is_new_binding=is_new,
        )
        self._keep(key, session)
        return session, True

    def inbound(self, header: Header, compartment_of: dict[bytes, int], now_ns: int) -> tuple[Session | None, bool]:
        """The session for a packet from outside, made by a port mapping if need be; None if there is none."""
        sport, dport = _ports(header)
        if header.protocol == ICMP:
            sport, dport = dport, sport
        found = self.by_outside.get((header.protocol, header.src, sport, header.dst, dport))
        if found is not None:
            return found, False
        inside = self.mappings.get((header.protocol, dport))
        if inside is None:
            return None, False
        address, port = inside
        session = Session(
            header.protocol,
            address,
            port,
            header.src,
            sport,
            self.outside,
            dport,
            header.src,
            sport,
            "mapping",
            compartment_of.get(address, self.compartment),
            now_ns,
            now_ns,
            is_new_binding=(header.protocol, address, port) not in self.bindings,
        )
        self.bindings[(header.protocol, address, port)] = dport
        self._keep((header.protocol, address, port, header.src, sport), session)
        return session, True

    def _keep(self, key: Tuple, session: Session) -> None:
        self.sessions[key] = session
        self.by_outside[
            (session.protocol, session.outside_dst, session.outside_dport, session.outside_src, session.outside_sport)
        ] = session

    def _take(self, protocol: int, wanted: int) -> int | None:
        """A free outside port; an ICMP identifier stays as it is if nobody has it."""
        if protocol == ICMP and (protocol, wanted) not in self.used:
            self.used.add((protocol, wanted))
            return wanted
        n_ports = self.last_port - self.first_port + 1
        for step in range(n_ports):
            port = self.first_port + (self.next_port + step) % n_ports
            if (protocol, port) not in self.used and (protocol, port) not in self.mappings:
                self.used.add((protocol, port))
                self.next_port = port + 1 - self.first_port
                return port
        return None


def _ports(header: Header) -> tuple[int, int]:
    if header.protocol == ICMP:
        return header.ident, 0
    return header.sport or 0, header.dport or 0
