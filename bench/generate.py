"""Writes large recordings for the benchmarks, and says exactly what is in them.

    python bench/generate.py netsh big.etl --events 2000000

A block of events is made with NumPy: templates of events (from the helpers of the tests, so nothing here is
taken from the product) are copied to their places in buffers of 64 KiB, eight processors fill buffers at
different rates, and buffers come in the order in which they were flushed, which is not that of their events.
The file is that block again and again, each time with later event times. What repeats (frames, thread ids)
makes no difference to a reader that looks at each event.

Kinds: `netsh` (NDIS-PacketCapture with both capture types, VmSwitch, TCPIP: about 280 bytes an event),
`packed` (the same, XPRESS-compressed as a live session does it), `pktmon` (each packet seen at four places).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import etl_writer
import payloads
import xca

I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]
Random: TypeAlias = np.random.Generator

VMSWITCH = "67dc0d66-3695-47c0-9642-33f76f7bd7ad"
TCPIP = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"

BUFFER_BYTES = 64 * 1024
HEADER_BYTES = etl_writer.BUFFER_HEADER_BYTES
BLOCK_EVENTS = 1 << 17
PACKED_BUFFERS = 48  # compressed one by one in Python, then used again and again
SNAP_BYTES = 256
N_VARIANTS = 12
TICKS_APART = 10  # on average; the clock has 10 MHz
FLUSH_JITTER_TICKS = 20_000
CPU_SHARES = (0.27, 0.21, 0.16, 0.12, 0.1, 0.08, 0.05, 0.01)
T0 = 233 << 32  # so that the upper half of all event times is the same, and only the lower half needs patching

TICKS_AT, TID_AT, BODY_AT = 0x10, 0x08, 0x50  # in an EVENT_HEADER


@dataclass(frozen=True, slots=True)
class Template:
    """An event to copy, and what a reader of packets finds in it."""

    provider: str
    event_id: int
    data: bytes
    share: float
    serial_at: int
    """Where the event's running number goes, 4 bytes; 0 = nowhere."""
    n_sightings: int = 0
    frame_bytes: int = 0


@dataclass(slots=True)
class Content:
    """What was written: the answer that a reader has to give."""

    n_bytes: int = 0
    n_events: Counter[str] = field(default_factory=Counter)
    """By `guid/id`; the event of the session header is not counted."""
    n_sightings: int = 0
    frame_bytes: int = 0
    """Captured bytes of all sightings."""
    unpacked_bytes: int = 0
    """Used bytes of the buffers that hold the events."""
    n_buffers: int = 0

    def add(self, block: Block) -> None:
        self.n_events.update(block.content.n_events)
        self.n_sightings += block.content.n_sightings
        self.frame_bytes += block.content.frame_bytes
        self.unpacked_bytes += block.content.unpacked_bytes
        self.n_buffers += block.content.n_buffers

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        return {
            "n_bytes": self.n_bytes,
            "n_events": dict(self.n_events),
            "n_sightings": self.n_sightings,
            "frame_bytes": self.frame_bytes,
            "unpacked_bytes": self.unpacked_bytes,
            "n_buffers": self.n_buffers,
        }


# --- events -------------------------------------------------------------------------------------------


def _frame(random: Random, n_bytes: int) -> bytes:
    """The first bytes of a TCP segment of `n_bytes`: half of the payloads are random, half text."""
    size = n_bytes - 54
    text = b"GET /images/%d HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n" % random.integers(1000)
    body = random.bytes(size) if random.random() < 0.5 else (text * (size // len(text) + 1))[:size]
    hosts = [f"10.0.{random.integers(4)}.{random.integers(1, 250)}" for _ in range(2)]
    segment = payloads.Tcp(int(random.integers(49152, 65535)), 443, body)
    return payloads.ethernet(payloads.ip(hosts[0], hosts[1], segment))[:SNAP_BYTES]


def _template(provider: str, event_id: int, share: float, body: bytes, serial_at: int, **known: Any) -> Template:
    # Any: fields of the event and of the template, by name
    of_template = {name: known.pop(name) for name in ("n_sightings", "frame_bytes") if name in known}
    event = etl_writer.event_header(provider=provider, id=event_id, ticks=T0, payload=body, **known)
    where = BODY_AT + serial_at if serial_at else 0
    return Template(provider, event_id, bytes(event), share, where, **of_template)


_SEQUENCE_AT = 14 + 20 + 4  # of a TCP segment in its frame
_FRAME_SIZES = (60, 60, 74, 90, 130, 200, 600, 1000, 1500, 1500, 1500, 1500)


def _packet_templates(random: Random) -> Iterator[Template]:
    """NDIS layer: 40 % of the events."""
    for size in _FRAME_SIZES:
        frame = _frame(random, size)
        direction = payloads.SEND if random.random() < 0.5 else payloads.RECEIVE
        lower = 12 + int(random.integers(3))
        body = payloads.ndis_1001(frame, lower=lower, gft=(0, 0))
        yield _template(
            payloads.NDISCAP, 1001, 40 / len(_FRAME_SIZES), body, 12 + _SEQUENCE_AT,
            keyword=payloads.ETHERNET | payloads.WHOLE | direction, n_sightings=1, frame_bytes=len(frame),
        )  # fmt: skip


def _nic(number: int) -> tuple[str, str]:
    return f"3B8C0E4{number}-94C0-4D6D-8E0A-6E1F2A9B7C5D", f"Container NIC 6a8ea02{number}"


def _counted(text: str) -> bytes:
    return len(text).to_bytes(4, "little") + text.encode("utf-16-le")


def _switch_templates(random: Random) -> Iterator[Template]:
    """A frame on its way into the switch and out of it (12 %), and the switch's own events beside (12 %)."""
    oob = payloads.oob_data(vlan=0)
    switch = _counted("9A1B2C3D-1111-2222-3333-444455556666") + _counted("nat")
    for variant in range(N_VARIANTS):
        (nic, friendly), (other, other_friendly) = _nic(variant % 4), _nic(4 + variant % 3)
        frame = _frame(random, _FRAME_SIZES[variant % len(_FRAME_SIZES)])
        source: dict[str, Any] = {  # Any: arguments by name
            "lower": 21, "port_id": 1 + variant % 4, "port_name": nic, "nic_name": nic, "nic_type": "Internal",
        }  # fmt: skip
        target = (5 + variant % 3, other, other, "External" if variant % 3 == 0 else "Synthetic")
        for n_sightings, targets in ((1, []), (1, [target])):
            body = payloads.ndis_1003(frame, destinations=targets, oob=oob, **source)
            yield _template(
                payloads.NDISCAP, 1003, 6 / N_VARIANTS, body, body.index(frame) + _SEQUENCE_AT,
                keyword=payloads.ETHERNET | payloads.WHOLE | payloads.VMSWITCH | payloads.SEND,
                n_sightings=n_sightings, frame_bytes=len(frame),
            )  # fmt: skip
        address = (0xFFFF9A0B_00000000).to_bytes(8, "little")
        alone = _counted(nic) + _counted(friendly) + switch + address
        both = _counted(nic) + _counted(friendly) + _counted(other) + _counted(other_friendly) + switch + address
        for event_id, body in ((56, alone), (57, both), (58, alone)):
            yield _template(VMSWITCH, event_id, 4 / N_VARIANTS, body, len(body) - 8, keyword=0x8000000000000020)


def _stack_templates(random: Random) -> Iterator[Template]:
    """What the stack tells of its connections: 36 %, small."""
    for event_id, size in ((1169, 20), (1170, 24), (1332, 28), (1038, 44), (1477, 36), (1051, 12)):
        for _ in range(2):
            body = bytes(8) + random.bytes(size - 8)
            yield _template(TCPIP, event_id, 3, body, 4, keyword=0x8000000200000080, opcode=event_id & 0xFF)


def _netsh_templates(random: Random) -> list[Template]:
    return [*_packet_templates(random), *_switch_templates(random), *_stack_templates(random)]


def _pktmon_templates(random: Random) -> list[Template]:
    """A frame, of which every packet gets four in a row (`_number_sightings`)."""
    found = []
    for variant in range(N_VARIANTS):
        size = _FRAME_SIZES[variant % len(_FRAME_SIZES)]
        frame = _frame(random, size)
        body = payloads.pktmon_160(payloads.Sighting(), frame, original_bytes=size)
        found.append(_template(
            payloads.PKTMON, 160, 1, body, len(body) - len(frame) + _SEQUENCE_AT, keyword=payloads.KW_PAYLOAD,
            n_sightings=1, frame_bytes=len(frame),
        ))  # fmt: skip
    return found


def _rundown(kind: str) -> list[etl_writer.Event]:
    """The names that such recordings end with."""
    if kind == "pktmon":
        rows = [
            (20, payloads.pktmon_20(number, component, name, name))
            for number, component, name in (
                (1, payloads.COMPONENT_MINIPORT, "mlx5.sys"), (2, payloads.COMPONENT_FILTER, "wfplwfs.sys"),
                (3, payloads.COMPONENT_VMS_MINIPORT, "vmswitch.sys"), (4, payloads.COMPONENT_PROTOCOL, "tcpip.sys"),
            )
        ]  # fmt: skip
        provider = payloads.PKTMON
    else:
        layers = [(12, "adapter"), (13, "WFP filter"), (14, "QoS filter")]
        rows = [
            (5101, payloads.ndis_5101(1, "Ethernet adapter", 12, layers)),
            (5101, payloads.ndis_5101(2, "nat", 21, [(21, "switch")])),
        ]
        provider = payloads.NDISCAP
    return [etl_writer.event_header(provider=provider, id=number, ticks=T0, payload=body) for number, body in rows]


# --- blocks -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """Buffers ready to write, each `BUFFER_BYTES` long, with times from `T0` on; a row an event."""

    data: U8
    tick_at: I64
    """Places in `data`, in order."""
    ticks: I64
    flushed_at: I64
    """A row a buffer; ticks."""
    sequence: I64
    used_bytes: I64
    content: Content

    @property
    def last_ticks(self) -> int:
        return int(max(self.ticks.max(), self.flushed_at.max()))


_BUFFER_HEADER = np.dtype({
    "names": ["size", "saved", "current", "timestamp", "sequence", "cpu", "logger", "state", "offset", "flags", "type"],
    "offsets": [0x00, 0x04, 0x08, 0x10, 0x18, 0x28, 0x2A, 0x2C, 0x30, 0x34, 0x36],
    "formats": ["<u4", "<u4", "<u4", "<i8", "<i8", "<u2", "<u2", "<u4", "<u4", "<u2", "<u2"], "itemsize": HEADER_BYTES,
})  # fmt: skip


def make_block(templates: Sequence[Template], n_events: int, random: Random, *, is_pktmon: bool = False) -> Block:
    """`n_events` events of `templates`, packed into buffers."""
    shares = np.array([one.share for one in templates])
    kind = random.choice(len(templates), n_events, p=shares / shares.sum())
    cpu = random.choice(len(CPU_SHARES), n_events, p=CPU_SHARES)
    ticks = T0 + np.cumsum(random.exponential(TICKS_APART, n_events)).astype(np.int64)
    if is_pktmon:  # one packet, one processor, four places
        kind, cpu = (np.repeat(column[::4], 4)[:n_events] for column in (kind, cpu))
    sizes = np.array([len(one.data) for one in templates])
    room = (sizes[kind] + 7) & ~7
    buffer, inside, cpu_of = _pack(cpu, room)
    n_buffers = len(cpu_of)

    last, first = np.zeros(n_buffers, np.int64), np.full(n_buffers, np.iinfo(np.int64).max)
    np.maximum.at(last, buffer, ticks)
    np.minimum.at(first, buffer, ticks)
    flushed_at = last + random.integers(0, FLUSH_JITTER_TICKS, n_buffers)
    order = np.argsort(flushed_at, kind="stable")
    place_of, sequence = np.empty(n_buffers, np.int64), np.empty(n_buffers, np.int64)
    place_of[order] = np.arange(n_buffers)
    sequence[np.argsort(first, kind="stable")] = np.arange(1, n_buffers + 1)
    used = np.bincount(buffer, room, n_buffers).astype(np.int64) + HEADER_BYTES

    data = np.full(n_buffers * BUFFER_BYTES, 0xFF, np.uint8)
    at = place_of[buffer] * BUFFER_BYTES + inside
    _copy_events(data, at, kind, templates)
    _windows(data, 8)[at + TICKS_AT] = ticks.astype("<i8").view("V8")
    _windows(data, 4)[at + TID_AT] = (100 + 4 * cpu).astype("<u4").view("V4")
    serial_at = np.array([one.serial_at for one in templates])[kind]
    numbered = np.flatnonzero(serial_at)
    _windows(data, 4)[(at + serial_at)[numbered]] = numbered.astype(">u4").view("V4")
    if is_pktmon:
        _number_sightings(data, at + BODY_AT)

    head = data.reshape(n_buffers, BUFFER_BYTES)[:, :HEADER_BYTES]
    rows = np.zeros(n_buffers, _BUFFER_HEADER)
    rows["size"], rows["state"], rows["logger"], rows["flags"] = BUFFER_BYTES, 3, 7, etl_writer.PROC_INDEX
    rows["saved"] = rows["offset"] = used[order]
    rows["current"], rows["cpu"] = used[order] + BUFFER_BYTES, cpu_of[order]
    rows["timestamp"], rows["sequence"] = flushed_at[order], sequence[order]
    head[:] = rows.view(np.uint8).reshape(n_buffers, HEADER_BYTES)

    in_place = np.argsort(at)
    return Block(
        data, (at + TICKS_AT)[in_place], ticks[in_place], flushed_at[order], sequence[order], used[order],
        _content(templates, kind, int(used.sum()), n_buffers),
    )  # fmt: skip


def _windows(data: U8, n_bytes: int) -> NDArray[np.void]:
    """Every run of `n_bytes` of `data`, to be written as one."""
    return np.ndarray((len(data) - n_bytes + 1,), np.dtype(f"V{n_bytes}"), data, strides=(1,))


def _pack(cpu: I64, room: I64) -> tuple[I64, I64, I64]:
    """Buffer of each event, its place there, and the processor of each buffer."""
    buffer, inside = np.empty(len(cpu), np.int64), np.empty(len(cpu), np.int64)
    cpu_of: list[int] = []
    for processor in range(len(CPU_SHARES)):
        mine = np.flatnonzero(cpu == processor)
        behind = np.cumsum(room[mine])
        start = 0
        while start < len(mine):
            base = int(behind[start - 1]) if start else 0
            stop = int(np.searchsorted(behind, base + BUFFER_BYTES - HEADER_BYTES, "right"))
            rows = mine[start:stop]
            buffer[rows] = len(cpu_of)
            inside[rows] = HEADER_BYTES + behind[start:stop] - base - room[rows]
            cpu_of.append(processor)
            start = stop
    return buffer, inside, np.array(cpu_of, np.int64)


def _copy_events(data: U8, at: I64, kind: I64, templates: Sequence[Template]) -> None:
    by_kind = np.argsort(kind, kind="stable")
    bounds = np.searchsorted(kind[by_kind], np.arange(len(templates) + 1))
    for number, one in enumerate(templates):
        raw = one.data.ljust((len(one.data) + 7) & ~7, b"\0")
        rows = by_kind[bounds[number] : bounds[number + 1]]
        _windows(data, len(raw))[at[rows]] = np.frombuffer(raw, f"V{len(raw)}")


def _number_sightings(data: U8, body_at: I64) -> None:
    """PktGroupId, AppearanceCount and component of every fourth of a packet."""
    row = np.arange(len(body_at))
    _windows(data, 8)[body_at] = (1 + row // 4).astype("<u8").view("V8")
    _windows(data, 2)[body_at + 10] = (1 + row % 4).astype("<u2").view("V2")
    _windows(data, 2)[body_at + 16] = (1 + row % 4).astype("<u2").view("V2")


def _content(templates: Sequence[Template], kind: I64, unpacked_bytes: int, n_buffers: int) -> Content:
    found = Content(unpacked_bytes=unpacked_bytes, n_buffers=n_buffers)
    for one, n in zip(templates, np.bincount(kind, minlength=len(templates)).tolist(), strict=True):
        if n:
            found.n_events[f"{one.provider}/{one.event_id}"] += n
            found.n_sightings += n * one.n_sightings
            found.frame_bytes += n * one.n_sightings * one.frame_bytes
    return found


# --- compression --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """The buffers of a block, compressed, with the lower halves of all event times as literals to patch."""

    data: U8
    head_at: I64
    tick_at: I64
    """(events, 4): places in `data`."""
    block: Block


def pack_block(block: Block) -> PackedBlock:
    """Compress each buffer of `block`. Greedy, as Windows does it, but no match touches the times' lower half."""
    parts: list[bytes] = []
    heads: list[int] = []
    places: list[I64] = []
    n_bytes = 0
    for number, used in enumerate(block.used_bytes.tolist()):
        start = number * BUFFER_BYTES
        body = block.data[start + HEADER_BYTES : start + used].tobytes()
        first, stop = np.searchsorted(block.tick_at, [start, start + BUFFER_BYTES])
        fixed = block.tick_at[first:stop] - start - HEADER_BYTES
        is_fixed = np.zeros(len(body), np.bool_)
        for k in range(4):
            is_fixed[fixed + k] = True
        items = list(_find_items(body, is_fixed))
        stream = xca.pack_xpress_items(items)
        other = xca.pack_xpress_items(_flipped(items, is_fixed))
        # The two streams differ in the literals that stand for times, and nowhere else.
        differs = np.flatnonzero(np.frombuffer(stream, np.uint8) != np.frombuffer(other, np.uint8))
        heads.append(n_bytes)
        places.append(differs.reshape(-1, 4) + n_bytes + HEADER_BYTES)
        head = bytearray(block.data[start : start + HEADER_BYTES].tobytes())
        head[0x00:0x04] = (HEADER_BYTES + len(stream)).to_bytes(4, "little")
        head[0x34] |= etl_writer.COMPRESSED
        parts += [bytes(head), stream]
        n_bytes += HEADER_BYTES + len(stream)
    data = np.frombuffer(b"".join(parts), np.uint8).copy()
    return PackedBlock(data, np.array(heads, np.int64), np.concatenate(places), block)


def _find_items(data: bytes, is_fixed: NDArray[np.bool_]) -> Iterator[xca.Item]:
    """Literals and matches; what is fixed is a literal, and no match reads it."""
    next_fixed = np.append(np.where(is_fixed, np.arange(len(data)), len(data)), len(data))
    limit = np.minimum.accumulate(next_fixed[::-1])[::-1].tolist()
    newest: dict[bytes, int] = {}
    at = 0
    while at < len(data):
        found = newest.get(data[at : at + 3], -1)
        length = 0
        if found >= 0 and at - found <= xca.XPRESS_DISTANCE:
            most = min(limit[at] - at, limit[found] - found)
            while length < most and data[found + length] == data[at + length]:
                length += 1
        size = length if length >= xca.MIN_MATCH else 1
        yield xca.Match(at - found, length) if length >= xca.MIN_MATCH else data[at]
        for place in range(at, at + size):
            newest[data[place : place + 3]] = place
        at += size


def _flipped(items: Sequence[xca.Item], is_fixed: NDArray[np.bool_]) -> Iterator[xca.Item]:
    at = 0
    for item in items:
        if isinstance(item, xca.Match):
            yield item
            at += item.length
        else:
            yield item ^ 0xFF if is_fixed[at] else item
            at += 1


# --- files --------------------------------------------------------------------------------------------


def write_recording(path: Path, kind: str, n_events: int, seed: int = 1) -> Content:
    """Write `n_events` events of `kind` to `path` (and a few that name the capture points)."""
    random = np.random.default_rng(seed)
    make_templates: Callable[[Random], list[Template]] = _pktmon_templates if kind == "pktmon" else _netsh_templates
    templates = make_templates(random)
    block_events = BLOCK_EVENTS
    if kind == "packed":
        mean = np.average([len(one.data) + 4 for one in templates], weights=[one.share for one in templates])
        block_events = int(PACKED_BUFFERS * BUFFER_BYTES / mean)
    content = Content()
    with path.open("wb") as file:
        file.write(bytes(BUFFER_BYTES))  # the session's header, which is known at the end
        base, n_written = 0, 0
        block: Block | None = None
        packed: PackedBlock | None = None
        while n_written < n_events:
            n = min(block_events, n_events - n_written)
            if block is None or n < block_events:
                block = make_block(templates, n, random, is_pktmon=kind == "pktmon")
                packed = pack_block(block) if kind == "packed" else None
            if packed is None:
                _write_block(file, block, base, content.n_buffers)
            else:
                _write_packed(file, packed, base, content.n_buffers)
            content.add(block)
            n_written += n
            base += block.last_ticks - T0 + 1
        _write_ends(file, kind, base, content)
        content.n_bytes = file.seek(0, 2)
    return content


def _write_block(file: BinaryIO, block: Block, base: int, n_buffers: int) -> None:
    block.data.view("<i8")[block.tick_at >> 3] = block.ticks + base
    _patch_heads(block.data, np.arange(len(block.sequence)) * BUFFER_BYTES, block, base, n_buffers)
    file.write(block.data.data)


def _write_packed(file: BinaryIO, packed: PackedBlock, base: int, n_buffers: int) -> None:
    ticks = packed.block.ticks + base
    if int(ticks.max()) >> 32 != T0 >> 32:
        raise ValueError("the recording is too long for the lower half of its times")
    packed.data[packed.tick_at] = ticks.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :4]
    _patch_heads(packed.data, packed.head_at, packed.block, base, n_buffers)
    file.write(packed.data.data)


def _patch_heads(data: U8, head_at: I64, block: Block, base: int, n_buffers: int) -> None:
    _windows(data, 8)[head_at + 0x10] = (block.flushed_at + base).astype("<i8").view("V8")
    _windows(data, 8)[head_at + 0x18] = (block.sequence + n_buffers).astype("<i8").view("V8")


def _write_ends(file: BinaryIO, kind: str, base: int, content: Content) -> None:
    """The buffer with names at the end, and the session's header in buffer 0."""
    last = T0 + base
    events = [one.patched(TICKS_AT, last.to_bytes(8, "little")) for one in _rundown(kind)]
    content.n_events.update(f"{one.provider}/{one.event_id}" for one in events)
    content.n_buffers += 1
    names = etl_writer.Buffer(events=events, sequence=content.n_buffers, flushed_at=last)
    spec = etl_writer.TraceSpec(
        t0=T0, buffer_size=BUFFER_BYTES, cpus=len(CPU_SHARES), buffers_written=1 + content.n_buffers,
        logger_name="wnv benchmark", file_name=r"C:\bench.etl",
    )  # fmt: skip
    spec = replace(spec, end_time=spec.filetime(last))
    parts = [names]
    if kind == "packed":
        spec, parts = etl_writer.compressed(spec, parts)
    whole = etl_writer.build(spec, parts)
    file.write(whole[BUFFER_BYTES:])
    file.seek(0)
    file.write(whole[:BUFFER_BYTES])


KINDS = ("netsh", "packed", "pktmon")


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes a large recording; prints what is in it, as JSON.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("file", type=Path)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(write_recording(given.file, given.kind, given.events, given.seed).as_json()))


if __name__ == "__main__":
    main()
