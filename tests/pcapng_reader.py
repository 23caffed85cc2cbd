"""Reads pcapng with nothing but `struct`, and forgives nothing. Shares nothing with the product.

`parse_blocks` takes a file apart; `read_capture` tells what a section holds: interfaces, packets, counts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

SECTION, INTERFACE, NAMES, STATISTICS, PACKET = 0x0A0D0D0A, 1, 4, 5, 6
OUTBOUND_OFFLOADED = 0x800 | 2
VERDICT_XDP_DROP = struct.pack("<BQ", 2, 1)

Option = tuple[int, bytes]


def parse_blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each block."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        assert size >= 12
        assert size % 4 == 0
        assert at + size <= len(data)
        assert struct.unpack_from("<I", data, at + size - 4) == (size,)
        yield kind, data[at + 8 : at + size - 4]
        at += size


def parse_items(data: bytes) -> list[Option]:
    """Options or name records: code and value of each, up to an end that must be there and be last."""
    items: list[Option] = []
    at = 0
    while True:
        code, size = struct.unpack_from("<HH", data, at)
        if code == 0:
            assert size == 0
            assert at + 4 == len(data)
            return items
        items.append((code, data[at + 4 : at + 4 + size]))
        assert not data[at + 4 + size : at + 4 + size + -size % 4].strip(b"\0")
        at += 4 + size + -size % 4


def parse_options(data: bytes) -> list[Option]:
    return parse_items(data) if data else []


@dataclass(frozen=True, slots=True)
class CaptureInterface:
    """An interface description block."""

    name: str
    description: str
    link_type: int
    snap_length: int
    options: tuple[Option, ...]

    def values(self, code: int) -> list[bytes]:
        return [value for known, value in self.options if known == code]


@dataclass(frozen=True, slots=True)
class CapturedPacket:
    """An enhanced packet block; None where the option is not there."""

    interface: str
    ts_ns: int
    frame: bytes
    original_bytes: int
    flags: int | None = None
    packet_id: int | None = None
    thread: tuple[int, int] | None = None
    """Process and thread."""
    comment: str = ""
    verdict: bytes | None = None

    @property
    def direction(self) -> str:
        return ("", "in", "out")[(self.flags or 0) & 3]

    @property
    def is_offloaded(self) -> bool:
        return bool((self.flags or 0) & 0x800)


@dataclass(frozen=True, slots=True)
class Counts:
    """An interface statistics block; times are None where it has none."""

    interface: str
    start_ns: int | None
    end_ns: int | None
    n_received: int
    n_dropped: int


@dataclass(slots=True)
class Capture:
    """One file of one section."""

    comment: str = ""
    os: str = ""
    application: str = ""
    interfaces: list[CaptureInterface] = field(default_factory=list)
    packets: list[CapturedPacket] = field(default_factory=list)
    statistics: list[Counts] = field(default_factory=list)
    called: dict[str, list[str]] = field(default_factory=dict)
    """Names by address."""

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.interfaces]

    def at(self, name: str) -> list[CapturedPacket]:
        """The packets of one interface."""
        return [one for one in self.packets if one.interface == name]


def read_capture(source: Path | bytes) -> Capture:
    """The section of a file, or of its bytes."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    capture = Capture()
    for number, (kind, body) in enumerate(parse_blocks(data)):
        assert (kind == SECTION) == (number == 0), "one section, which comes first"
        if kind == SECTION:
            assert body[:16] == bytes.fromhex("4d3c2b1a 0100 0000 ffffffffffffffff")
            texts = {code: value.decode() for code, value in parse_options(body[16:])}
            capture.comment, capture.os, capture.application = (texts.get(code, "") for code in (1, 3, 4))
        elif kind == INTERFACE:
            capture.interfaces.append(_interface(body))
        elif kind == PACKET:
            capture.packets.append(_packet(body, capture))
        elif kind == STATISTICS:
            capture.statistics.append(_counts(body, capture))
        elif kind == NAMES:
            capture.called.update(_names(body))
        else:
            raise AssertionError(f"block type {kind}")
    return capture


def _names(body: bytes) -> dict[str, list[str]]:
    called: dict[str, list[str]] = {}
    at = 0
    while True:
        kind, size = struct.unpack_from("<HH", body, at)
        if not kind:
            return called
        value = body[at + 4 : at + 4 + size]
        n_address = {1: 4, 2: 16}[kind]
        assert value.endswith(b"\0")
        called[str(ip_address(value[:n_address]))] = value[n_address:-1].decode().split("\0")
        at += 4 + size + -size % 4


def _interface(body: bytes) -> CaptureInterface:
    link_type, zero, snap_length = struct.unpack_from("<HHI", body)
    assert zero == 0
    options = parse_options(body[8:])
    texts = dict(options)
    assert texts[9] == b"\x07", "times are in 100 ns"
    return CaptureInterface(
        texts.get(2, b"").decode(), texts.get(3, b"").decode(), link_type, snap_length, tuple(options)
    )


def _packet(body: bytes, capture: Capture) -> CapturedPacket:
    number, high, low, captured, original = struct.unpack_from("<IIIII", body)
    end = 20 + captured + -captured % 4
    assert not body[20 + captured : end].strip(b"\0")
    pairs = parse_options(body[end:])
    options = dict(pairs)
    assert len(options) == len(pairs), "no option twice"
    interface = capture.interfaces[number]
    assert captured <= min(original, interface.snap_length)
    found = CapturedPacket(
        interface=interface.name,
        ts_ns=(high << 32 | low) * 100,
        frame=body[20 : 20 + captured],
        original_bytes=original,
        flags=struct.unpack("<I", options.pop(2))[0] if 2 in options else None,
        packet_id=struct.unpack("<Q", options.pop(5))[0] if 5 in options else None,
        thread=struct.unpack("<II", options.pop(8)) if 8 in options else None,
        comment=options.pop(1, b"").decode(),
        verdict=options.pop(7, None),
    )
    assert not options, "nothing else is written"
    return found


def _counts(body: bytes, capture: Capture) -> Counts:
    (number,) = struct.unpack_from("<I", body)
    options = dict(parse_options(body[12:]))

    def ts_ns(code: int) -> int | None:
        if code not in options:
            return None
        high, low = struct.unpack("<II", options[code])
        return int(high << 32 | low) * 100

    n_received, n_dropped = (struct.unpack("<Q", options[code])[0] for code in (4, 5))
    return Counts(capture.interfaces[number].name, ts_ns(2), ts_ns(3), n_received, n_dropped)
