"""Random frames of all kinds that wnv reads the headers of, made by `payloads`: valid, in any combination of layers."""

from __future__ import annotations

import ipaddress
import random
import struct
from collections.abc import Callable, Sequence

import payloads as make
from payloads import Echo, Icmp, Tcp, Transport, Udp

_V4 = ("10.0.0.1", "10.0.0.2", "192.168.7.255", "172.16.0.9", "224.0.0.251", "255.255.255.255", "0.0.0.0")
_V6 = ("fe80::1", "fe80::2", "2001:db8::ff00:42:8329", "ff02::1:ff00:7", "::ffff:10.0.0.1", "::1", "1::2:0:0:3")
_PORTS = (0, 1, 1023, 1024, 40000, 49200, 65535)
_TYPES_WITH_NAMES = (0, 3, 4, 5, 8, 11, 12, 13, 14, 17, 18)
_WORDS = ("example", "com", "host-1", "a", "_ldap", "_tcp", "lan", "x" * 63)


class FrameMaker:
    """Frames from one source of randomness: equal seeds, equal frames."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._port = 20_000

    def ethernet(self) -> bytes:
        """An Ethernet frame with up to two tags: IP, ARP, another EtherType, or LLC; some carry another frame."""
        chosen = self.random.random()
        if chosen < 0.1:
            return self._tagged(self.arp())
        if chosen < 0.15:
            return self._tagged(self.random.randbytes(46), ether_type=self.random.choice((0x88CC, 0x9000, 0x1234)))
        if chosen < 0.3:
            return self._tagged(self.carrier())
        return self._tagged(self.packet())

    def packet(self) -> bytes:
        """A bare IP packet."""
        return self.in_ip(self.transport())

    def carrier(self) -> bytes:
        """An IP packet that carries a frame or another IP packet."""
        # Inside, no service tags: tshark has other fields for them, so what is inner and outer could not be told.
        inner = self._tagged(self.packet() if self.random.random() < 0.9 else self.arp(), tags=((), (), (0x8100,)))
        src, dst = self._addresses()
        number = self.random.randrange(1 << 24)
        kind = self.random.randrange(5)
        if kind < 2:
            return make.vxlan(inner, number, src, dst, src_port=self.random.choice((49152, 60000)))
        if kind == 2:
            return make.nvgre(inner, number, src, dst, flow_id=self.random.randrange(256))
        packet = self.packet()
        version = packet[0] >> 4
        if kind == 3:
            key, seq = self.random.choice((None, number)), self.random.choice((None, number))
            body = make.gre(packet, 0x0800 if version == 4 else 0x86DD, key=key, seq=seq)
            return make.ip(src, dst, body, protocol=47)
        return make.ip(src, dst, packet, protocol=4 if version == 4 else 41)

    def arp(self) -> bytes:
        """A request or reply."""
        sender, target = self.random.choice(_V4), self.random.choice(_V4)
        return make.arp(sender, target, sender_mac=self._mac(), target_mac=self._mac(), is_reply=self._coin())

    def transport(self) -> Transport:
        """TCP, UDP, or a message of ICMP."""
        ports = self.random.choice(_PORTS), self.random.choice(_PORTS)
        payload = self.random.randbytes(self.random.choice((0, 0, 1, 7, 60)))
        kind = self.random.randrange(6)
        if kind < 3:
            options = self.random.choice((b"", b"", make_options(self.random)))
            return Tcp(
                *ports, payload, seq=self._u32(), ack=self._u32(), flags=self.random.randrange(256),
                window=self.random.randrange(65536), options=options,
            )  # fmt: skip
        if kind == 3:
            return Udp(*ports, payload)
        if kind == 4:
            return Echo(self.random.randrange(65536), self.random.randrange(65536), payload, is_reply=self._coin())
        return Icmp(self.random.choice(_TYPES_WITH_NAMES), self.random.randrange(3), self.random.randbytes(20))

    def in_ip(self, transport: Transport | bytes, *, protocol: int | None = None, is_whole: bool = False) -> bytes:
        """An IPv4 packet, with options or a fragment too, or an IPv6 packet with extension headers."""
        src, dst = self._addresses()
        ttl = self.random.choice((1, 64, 128, 255))
        if ":" in src:
            if isinstance(transport, Icmp):
                transport = Icmp(self.random.choice((1, 3, 128, 129)), 0, transport.body)
            known = (make.hop_options(bytes(6)), make.destination_options(), make.routing_header())
            chain = [one for one in known if self.random.random() < 0.15]
            if not is_whole and self.random.random() < 0.1:
                offset = 8 * self.random.choice((0, 1, 185, 8191))
                chain.append(make.fragment_header(offset, more=self._coin(), ident=self._u32()))
            return make.ip(
                src, dst, transport, protocol=protocol, ttl=ttl, dscp=self.random.randrange(64), extensions=chain
            )
        is_fragment = not is_whole and self.random.random() < 0.1
        return make.ip(
            src, dst, transport, protocol=protocol, ttl=ttl, ident=self.random.randrange(65536),
            dscp=self.random.randrange(64), dont_fragment=self._coin(), more_fragments=is_fragment and self._coin(),
            fragment_offset=8 * self.random.choice((0, 1, 185, 8191)) if is_fragment else 0,
            options=self.random.choice((b"", b"", b"\x94\x04\0\0", b"\x01" * 40)),
        )  # fmt: skip

    def message(self) -> bytes:
        """An Ethernet frame with a message of DNS, DHCP, HTTP or TLS."""
        choices: tuple[Callable[[], Transport], ...] = (self.dns, self.dns, self.dhcp, self.http, self.tls)
        return self._tagged(self.in_ip(self.random.choice(choices)(), is_whole=True))

    def dns(self) -> Transport:
        name = ".".join(self.random.choice(_WORDS) for _ in range(self.random.randrange(4)))
        is_response = self._coin()
        message = make.dns(
            name, ident=self.random.randrange(65536), query_type=self.random.choice((1, 28, 12, 33, 65, 255)),
            is_response=is_response, rcode=self.random.choice((0, 0, 2, 3)) if is_response else 0,
            answers=["10.0.0.9", "10.0.0.8"][: self.random.randrange(3)] if is_response else [],
        )  # fmt: skip
        if self.random.random() < 0.2:
            return Tcp(self._own_port(), 53, struct.pack(">H", len(message)) + message)
        port = self.random.choice((53, 53, 5353, 5355))
        return Udp(port, 40000, message) if is_response else Udp(40000, port, message)

    def dhcp(self) -> Transport:
        kind = self.random.randrange(1, 9)
        message = make.dhcp(
            kind, client_mac=self._mac(), assigned=self.random.choice(_V4), xid=self._u32(),
            requested=self.random.choice((None, "10.1.2.3")), hostname=self.random.choice((None, "pc-7")),
        )  # fmt: skip
        return Udp(68, 67, message) if self._coin() else Udp(67, 68, message)

    def http(self) -> Transport:
        if self._coin():
            method, uri = self.random.choice(("GET", "POST", "HEAD", "OPTIONS")), "/" + "a" * self.random.randrange(99)
            return Tcp(
                self._own_port(), 80, make.http_request(method, uri, self.random.choice((None, "example.com:8080")))
            )
        status, phrase = self.random.choice(((200, "OK"), (404, "Not Found"), (503, "Service Unavailable")))
        return Tcp(80, self._own_port(), make.http_response(status, phrase))

    def tls(self) -> Transport:
        name = self.random.choice((None, "www.example.org", "a.b"))
        messages = (
            make.tls_client_hello(name, session=self.random.choice((0, 32))),
            make.tls_server_hello(), make.tls_record(self.random.randbytes(40), kind=23, version=0x0303),
            make.tls_record(b"\1", kind=20, version=0x0303), make.tls_record(b"\2\50", kind=21, version=0x0303),
        )  # fmt: skip
        return Tcp(self._own_port(), 443, self.random.choice(messages))

    def _tagged(
        self, packet: bytes, *, ether_type: int | None = None,
        tags: Sequence[Sequence[int]] = ((), (), (), (0x8100,), (0x88A8, 0x8100), (0x8100, 0x8100)),
    ) -> bytes:  # fmt: skip
        plain = make.ethernet(packet, src_mac=self._mac(), dst_mac=self._mac(), ether_type=ether_type)
        controls = b"".join(struct.pack(">HH", tag, self.random.randrange(65536)) for tag in self.random.choice(tags))
        return plain[:12] + controls + plain[12:]

    def _addresses(self) -> tuple[str, str]:
        known = self.random.choice((_V4, _V6))
        if self.random.random() < 0.3:
            n_bits = 32 if known is _V4 else 128
            number = self.random.getrandbits(n_bits)
            return str(ipaddress.IPv4Address(number) if n_bits == 32 else ipaddress.IPv6Address(number)), known[0]
        return self.random.choice(known), self.random.choice(known)

    def _own_port(self) -> int:
        """Another one each time, since tshark remembers what it saw of a connection."""
        self._port += 1
        return self._port

    def _mac(self) -> str:
        return self.random.choice((make.MAC_A, make.MAC_B, make.BROADCAST, "01:80:c2:00:00:0e"))

    def _u32(self) -> int:
        return self.random.getrandbits(32)

    def _coin(self) -> bool:
        return self.random.random() < 0.5


def make_options(source: random.Random) -> bytes:
    """Options of a TCP segment in some order."""
    known = [
        b"\2\4" + struct.pack(">H", source.randrange(65536)),
        b"\3\3" + bytes([source.randrange(15)]),
        b"\4\2",
        b"\1",
    ]
    source.shuffle(known)
    return b"".join(known[: source.randrange(len(known) + 1)])
