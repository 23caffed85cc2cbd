"""What machines do: fetch pages, resolve names, ping, stream, make noise. Each kind is one function here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wnv_lab.errors import unknown
from wnv_lab.frames import (
    ACK,
    ARP,
    BROADCAST,
    IPV4,
    PSH,
    TCP,
    UDP,
    arp,
    dhcp,
    dns_query,
    ethernet,
    http_get,
    ip_bytes,
    ipv4,
    mac_bytes,
    tcp,
    tls_client_hello,
    udp,
)
from wnv_lab.scenario import TrafficSpec
from wnv_lab.stack import Stack
from wnv_lab.tcp import Connection

if TYPE_CHECKING:
    from wnv_lab.world import World

DNS_WAIT_NS = 1_000_000_000
DNS_TRIES = 3
MULTICAST_MAC = mac_bytes("01-00-5E-7F-FF-FA")


def plan(world: World, spec: TrafficSpec, scale: int = 1) -> None:
    """Schedule one piece of traffic, `scale` times as much of it where it repeats."""
    act = KINDS.get(spec.kind)
    if act is None:
        raise unknown(f"in the traffic of {spec.source}, the kind", spec.kind, KINDS)
    source = world.stack_of(spec.source)
    begin = world.start_ns + int(spec.at_ms * 1e6)
    if spec.kind == "stream":
        world.at(begin, lambda: _stream(world, source, spec, scale))
        return
    for number in range(spec.n * (scale if spec.n > 1 else 1)):
        world.at(begin + int(number * spec.interval_ms * 1e6), lambda number=number: act(world, source, spec, number))  # type: ignore[misc] # lambda with defaults


def _resolve(world: World, source: Stack, server: str, name: str, then: Callable[[bytes | None], None]) -> None:
    """Ask a name server, again after a second, three times at most."""
    sport = source.take_port()
    ident = world.random.getrandbits(16)
    query = dns_query(ident, name)
    answered = [False]

    def on_answer(stack: Stack, src: bytes, from_port: int, to_port: int, payload: bytes) -> None:
        del src, from_port
        if payload[:2] == query[:2] and not answered[0]:
            answered[0] = True
            stack.udp.pop(to_port, None)
            then(payload[-4:] if payload[3] & 0x0F == 0 else None)

    def ask(n_left: int) -> None:
        if answered[0]:
            return
        if not n_left:
            source.udp.pop(sport, None)
            then(None)
            return
        source.send_udp(world.address_of(server), sport, 53, query)
        world.after(DNS_WAIT_NS, lambda: ask(n_left - 1))

    source.udp[sport] = on_answer
    ask(DNS_TRIES)


def _http(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    """Resolve the name if a server is given, then fetch the page and close."""
    name = spec.name or f"{spec.to}.example"

    def on_data(connection: Connection, data: bytes) -> None:
        received.extend(data)
        head, separator, body = bytes(received).partition(b"\r\n\r\n")
        if separator and len(body) >= int(head.rpartition(b"Content-Length: ")[2].partition(b"\r")[0] or 0):
            connection.close()

    def fetch(address: bytes | None) -> None:
        if address is None:
            return
        connection = source.connect(address, spec.port or 80, spec.sport and spec.sport + number)
        connection.on_open = lambda c: c.write(http_get(name, spec.path))
        connection.on_data = on_data
        connection.open()

    received = bytearray()
    if spec.server:
        _resolve(world, source, spec.server, name, fetch)
    else:
        fetch(world.address_of(spec.to))


def _dns(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    del number
    _resolve(world, source, spec.server or spec.to, spec.name, lambda _address: None)


def _tls(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    """Say hello and leave when the other side has answered."""
    del number
    connection = source.connect(world.address_of(spec.to), spec.port or 443)
    hello = tls_client_hello(spec.name or f"{spec.to}.example", world.random.randbytes(32))
    connection.on_open = lambda c: c.write(hello)
    connection.on_data = lambda c, _data: c.close()
    connection.open()


def _connect(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    """Open a connection, send some bytes, close."""
    connection = source.connect(world.address_of(spec.to), spec.port, spec.sport and spec.sport + number)

    def on_open(c: Connection) -> None:
        c.chain, c.nbs = max(spec.chain, 1), spec.nbs
        c.write(b"lab data. " * (spec.n_bytes // 10))
        c.close()

    connection.on_open = on_open
    connection.open()


def _reset(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    """Open a connection and tear it down."""
    del number
    connection = source.connect(world.address_of(spec.to), spec.port)
    connection.on_open = lambda c: world.after(2_000_000, c.reset)
    connection.open()


def _ping(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    source.ping(
        world.address_of(spec.to), 1, number + 1, spec.n_bytes if spec.n_bytes != 1000 else 32, has_df=spec.path == "df"
    )


def _udp(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    """Datagrams: a chain of `chain` NBLs with `nbs` packets each."""
    sport = spec.sport + number if spec.sport else 50000 + number % 10000
    source.send_udp(
        world.address_of(spec.to),
        sport,
        spec.port or 7,
        b"lab datagram. " * (spec.n_bytes // 14),
        n=max(spec.chain, 1) * max(spec.nbs, 1),
        nbs=spec.nbs,
    )


def _dhcp(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    """Ask for an address: discover, offer, request, acknowledgement."""
    del spec, number
    iface = source.ifaces[0]
    xid = world.random.getrandbits(32)

    def on_answer(stack: Stack, src: bytes, sport: int, dport: int, payload: bytes) -> None:
        del stack, src, sport, dport
        if payload[28:34] != iface.nic.mac or payload[4:8] != xid.to_bytes(4, "big"):
            return
        if payload[242] == 5 and not iface.address:
            _take_lease(source, payload)
        if payload[242] == 2:
            wanted = b"\x32\x04" + payload[16:20]
            source.broadcast_udp(iface, 68, 67, dhcp(3, xid, iface.nic.mac, server=payload[20:24], options=wanted))

    source.udp[68] = on_answer
    source.broadcast_udp(iface, 68, 67, dhcp(1, xid, iface.nic.mac))


def _take_lease(source: Stack, payload: bytes) -> None:
    """Use the address that a DHCP server acknowledged, with the mask and the router of its options."""
    options, at = {}, 240
    while payload[at] != 0xFF:
        options[payload[at]] = payload[at + 2 : at + 2 + payload[at + 1]]
        at += 2 + payload[at + 1]
    iface = source.ifaces[0]
    iface.address = payload[16:20]
    iface.prefix = int.from_bytes(options[1], "big").bit_count()
    iface.gateway = options[3]
    source.addresses.add(iface.address)


def _rogue_dhcp(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    """Offer an address that nobody asked it for."""
    del number
    iface = source.ifaces[0]
    message = dhcp(
        2,
        world.random.getrandbits(32),
        world.stack_of(spec.to).ifaces[0].nic.mac,
        yours=ip_bytes("192.0.2.77"),
        server=iface.address,
    )
    source.broadcast_udp(iface, 67, 68, message)


def _spoof(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    """Datagrams with a sender's MAC that is not its own."""
    source.send_udp(
        world.address_of(spec.to),
        50000 + number,
        spec.port or 7,
        b"not from whom it says. " * 4,
        src_mac=mac_bytes(spec.mac),
    )


def _announce(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    """A gratuitous ARP."""
    del spec, number
    iface = source.ifaces[0]
    body = arp(1, iface.nic.mac, iface.address, b"\0" * 6, iface.address)
    world.launch(source, iface.nic, [ethernet(BROADCAST, iface.nic.mac, ARP, body)], 1, 0)


def _noise(world: World, source: Stack, spec: TrafficSpec, number: int) -> None:
    """What every LAN is full of: service discovery by multicast, name queries by broadcast, ARP."""
    del spec
    iface = source.ifaces[0]
    if number % 3 == 2:
        other = iface.address[:3] + bytes([world.random.randrange(200, 250)])
        body = arp(1, iface.nic.mac, iface.address, b"\0" * 6, other)
        world.launch(source, iface.nic, [ethernet(BROADCAST, iface.nic.mac, ARP, body)], 1, 0)
        return
    to, mac, port = (b"\xef\xff\xff\xfa", MULTICAST_MAC, 1900) if number % 3 == 0 else (b"\xff" * 4, BROADCAST, 54915)
    text = b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n'
    part = udp(iface.address, to, 49300 + number % 50, port, text if port == 1900 else b"\0" * 64)
    packet = ipv4(iface.address, to, UDP, part, ident=world.random.getrandbits(16), ttl=1, has_df=False)
    world.launch(source, iface.nic, [ethernet(mac, iface.nic.mac, IPV4, packet)], 1, 0)


def _acknowledging(stack: Stack, every: int) -> Callable[[bytes, list[bytes]], None]:
    """Acknowledge bulk data, once every so many segments of a flow."""
    seen: dict[bytes, int] = {}

    def take(src: bytes, frames: list[bytes]) -> None:
        frame = frames[-1]
        flow = src + frame[34:36]
        n = seen.get(flow, 0) + len(frames)
        seen[flow] = n % every
        if n < every:
            return
        sport, dport = int.from_bytes(frame[34:36], "big"), int.from_bytes(frame[36:38], "big")
        upto = int.from_bytes(frame[38:42], "big") + len(frame) - 54 & 0xFFFFFFFF
        stack.send(
            src, TCP, [tcp(frame[30:34], src, dport, sport, 1, upto, ACK, is_finished=not stack.has_checksum_offload)]
        )

    return take


def _stream(world: World, source: Stack, spec: TrafficSpec, scale: int) -> None:
    """Many flows of bulk data in both directions, chain by chain, without TCP's state: for load.

    `flows` flows, each `n` × scale chains of `chain` segments of `n_bytes` one way and one acknowledgement back.
    """
    there = world.stack_of(spec.to)
    src, dst = source.ifaces[0].address, there.ifaces[0].address
    iface = source.iface_for(dst)
    hop = source.next_hop(dst, iface.nic)
    mac = world.neighbour(source, hop, iface.nic)
    payload = (b"0123456789abcdef" * (spec.n_bytes // 16 + 1))[: spec.n_bytes]
    interval = int(spec.interval_ms * 1e6)
    is_finished = not source.has_checksum_offload
    n_left = [spec.n * scale]
    there.streams[spec.port or 5001] = _acknowledging(there, spec.chain)
    for flow in range(spec.flows):
        source.streams[20000 + flow % 40000] = lambda _src, _frames: None
    seqs = [world.random.getrandbits(32) for _ in range(spec.flows)]

    def burst() -> None:
        for flow in range(spec.flows):
            sport = 20000 + flow % 40000
            frames = []
            seq = seqs[flow]
            for _ in range(spec.chain):
                part = tcp(src, dst, sport, spec.port or 5001, seq, 1, ACK | PSH, payload, is_finished=is_finished)
                source.ident = source.ident + 1 & 0xFFFF
                frames.append(ethernet(mac, iface.nic.mac, IPV4, ipv4(src, dst, TCP, part, ident=source.ident)))
                seq = seq + spec.n_bytes & 0xFFFFFFFF
            seqs[flow] = seq
            world.launch(source, iface.nic, frames, spec.nbs, 0)
        n_left[0] -= 1
        if n_left[0] > 0:
            world.after(interval, burst)

    burst()


KINDS: dict[str, Callable[[World, Stack, TrafficSpec, int], None]] = {
    "announce": _announce,
    "connect": _connect,
    "dhcp": _dhcp,
    "dns": _dns,
    "http": _http,
    "noise": _noise,
    "ping": _ping,
    "reset": _reset,
    "rogue-dhcp": _rogue_dhcp,
    "spoof": _spoof,
    "stream": _stream,  # takes the scale as its number: see plan
    "tls": _tls,
    "udp": _udp,
}
"""By the name that a scenario's `traffic.kind` gives."""
