"""Frames to a pcapng file (draft-ietf-opsawg-pcapng): columns in, bytes out.

One little-endian section whose length is not stated, so that it can be written to a pipe. All text is
hostile: it goes through `visible` before it is written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from ipaddress import ip_address
from typing import Any, Final, Protocol, TypeAlias

import numpy as np

from wnv.arrays import BOOL, I64, U8, U32, U64
from wnv.errors import WnvError
from wnv.text import visible

TIME_UNKNOWN: Final = int(np.iinfo(np.int64).min)
"""In `ts_ns`: nobody knows when it was."""
INBOUND: Final = 1
OUTBOUND: Final = 2
"""Directions in `Packets.flags` (bits 0 and 1 of epb_flags)."""
VERDICT_DROP: Final = struct.pack("<BQ", 2, 1)
"""A dropped packet: type 2 (Linux XDP), XDP_DROP. etl2pcapng writes the same: there is no Windows verdict."""
MAX_SNAP_LENGTH: Final = 262_144
"""Wireshark calls a file damaged when it meets a longer frame."""

# Block types (draft, section 4)
_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_NAMES: Final = 4
_STATISTICS: Final = 5
# Options: any block (section 3.5), section header (4.1), interface (4.2), packet (4.3), statistics (4.6)
_END_OF_OPTIONS: Final = 0
_COMMENT: Final = 1
_SHB_HARDWARE, _SHB_OS, _SHB_APPLICATION = 2, 3, 4
_IF_NAME, _IF_DESCRIPTION, _IF_IPV4, _IF_IPV6, _IF_MAC = 2, 3, 4, 5, 6
_IF_TIME_RESOLUTION, _IF_HARDWARE = 9, 15
_EPB_VERDICT: Final = 7
_ISB_START, _ISB_END, _ISB_RECEIVED, _ISB_DROPPED = 2, 3, 4, 5
# Records of a name resolution block (4.5): type by length of the address
_NAME_RECORD: Final = {4: 1, 16: 2}
_END_OF_NAMES: Final = 0

_BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
_TIME_RESOLUTION: Final = b"\x07"  # 10^-7 s, the unit of Windows' own clocks
_NS_PER_TICK: Final = 100
_NO_NETMASK: Final = b"\xff\xff\xff\xff"  # a recording does not tell the netmask: the address by itself
_NO_PREFIX: Final = b"\x80"
_MAX_VALUE_BYTES: Final = 0xFFFF  # of an option or a record: the length has 16 bits
_MAX_NAMES_BYTES: Final = 1 << 20  # Wireshark refuses blocks of more than 16 MiB
_PIECE_BYTES: Final = 1 << 20  # written at once; holds any block: a frame, a comment, 100 bytes besides
_ROWS_AT_ONCE: Final = 1 << 16


class Sink(Protocol):
    """Where the bytes go. Must take all of them before it returns: the buffer is then used again."""

    def write(self, data: bytes | memoryview, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Interface:
    """One place where packets were seen. Addresses are packed: 6 bytes, 4 bytes each, 16 bytes each."""

    name: str
    description: str
    link_type: int
    mac: bytes | None = None
    ipv4: tuple[bytes, ...] = ()
    ipv6: tuple[bytes, ...] = ()
    hardware: str = ""


@dataclass(frozen=True, slots=True)
class PacketOptions:
    """Finished options, one run a packet: comment, and verdict of those that were dropped (`export.comments`)."""

    words: U32
    start: I64
    """`words[start[k] : start[k + 1]]` are those of packet k; none where both are equal."""


@dataclass(frozen=True, slots=True)
class Packets:
    """Packets to write: columns of equal length, in the order of the file."""

    data: U8
    """The buffer that all frames are in."""
    start: I64
    """Where the frame begins in `data`."""
    captured_bytes: I64
    original_bytes: I64
    """Length on the wire. Where it is less than what was captured, the latter is written."""
    ts_ns: I64
    """UTC since 1970; `TIME_UNKNOWN` and times before 1970 are written as 0 and counted."""
    interface: I64
    """Index into the writer's interfaces."""
    flags: U32
    """epb_flags; 0 = not written."""
    packet_id: U64
    has_packet_id: BOOL
    pid: U32
    tid: U32
    has_thread: BOOL
    note: I64
    """What `PcapngWriter.add_note` returned, or a row of `options`; -1 = none."""
    options: PacketOptions | None = None
    """Options of these packets alone, in place of the notes."""


_Column: TypeAlias = np.ndarray[Any, Any]  # Any: columns of all types
_COLUMNS: Final = tuple(field.name for field in fields(Packets) if field.name not in ("data", "options"))


@dataclass(frozen=True, slots=True)
class Note:
    """What is said about many packets in the same words; an empty comment and None are not written."""

    comment: str
    verdict: bytes | None = None


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of one interface; times as in `Packets.ts_ns`, None = not known."""

    interface: int
    start_ns: int
    end_ns: int
    received: int
    dropped: int | None = None


class PcapngWriter:
    """Writes one section to `file`, which stays open: notes, packets and names in any order, then `close`.

    All interfaces have the same link type and the snap length of the file, since libpcap and what is built on
    it reject other files. Frames beyond the snap length are cut there, with their original length kept.
    """

    def __init__(
        self,
        file: Sink,
        *,
        interfaces: Sequence[Interface],
        comment: str,
        application: str,
        os: str = "",
        hardware: str = "",
        snap_length: int = MAX_SNAP_LENGTH,
    ) -> None:
        link_types = sorted({one.link_type for one in interfaces})
        if len(link_types) > 1:
            raise ValueError(f"a file has interfaces of one link type, not of {link_types}")
        if not 1 <= snap_length <= MAX_SNAP_LENGTH:
            raise WnvError(f"a snap length of {snap_length:,} bytes, not between 1 and {MAX_SNAP_LENGTH:,}")
        self.n_packets = 0
        """Written so far."""
        self.n_without_time = 0
        """Of these, written with time 0."""
        self.n_cut = 0
        """Of these, cut at the snap length."""
        self._file = file
        self._n_interfaces = len(interfaces)
        self._snap_length = snap_length
        self._note_ids: dict[Note, int] = {}
        self._notes: list[bytes] = []
        self._note_words: U32 = np.zeros(0, "<u4")
        self._note_start: I64 = np.zeros(1, np.int64)
        self._words: U32 = np.empty(_PIECE_BYTES // 4, "<u4")
        head = [_section(comment, application, os, hardware)]
        head += [_interface(one, snap_length) for one in interfaces]
        self._file.write(b"".join(head))

    def add_note(self, note: Note) -> int:
        """The index of `note` for `Packets.note`; equal notes have the same."""
        known = self._note_ids.get(note)
        if known is None:
            known = self._note_ids[note] = len(self._notes)
            verdict = [] if note.verdict is None else [_option(_EPB_VERDICT, note.verdict)]
            self._notes.append(b"".join([*_text_options({_COMMENT: note.comment}), *verdict]))
        return known

    def name_records(self, names: Mapping[str, Sequence[str]]) -> None:
        """Write names of IP addresses: before the packets, so that readers in one pass know them.

        Of several names Wireshark shows the last. Those that exceed 64 KiB for an address are left out.
        """
        records: list[bytes] = []
        n_bytes = 0
        for address, called in names.items():
            record = _name_record(address, called)
            if n_bytes + len(record) > _MAX_NAMES_BYTES:
                self._file.write(_names(records))
                records, n_bytes = [], 0
            records.append(record)
            n_bytes += len(record)
        if n_bytes:
            self._file.write(_names(records))

    def write(self, packets: Packets) -> None:
        """Write all of `packets`, in pieces of at most 1 MiB.

        Raises `WnvError`, before anything is written, when columns differ in length or a frame, interface or
        note does not exist.
        """
        from wnv.kernels import fill_packet_blocks

        self._check(packets)
        self._gather_notes()
        data = np.ascontiguousarray(packets.data)
        for first in range(0, len(packets.start), _ROWS_AT_ONCE):
            rows = slice(first, first + _ROWS_AT_ONCE)
            columns = self._prepare(packets, rows)
            n = len(columns[0])
            done = 0
            while done < n:
                done, n_words = fill_packet_blocks(self._words, done, data, *columns)
                self._file.write(self._words[:n_words].view(np.uint8).data)
            self.n_packets += n

    def close(self, statistics: Sequence[Statistics] = ()) -> None:
        """Write what the section ends with; the file stays open."""
        for one in statistics:
            if not 0 <= one.interface < self._n_interfaces:
                raise WnvError(f"statistics of interface {one.interface}, which the file does not have")
        self._file.write(b"".join(_statistics(one) for one in statistics))

    def _check(self, packets: Packets) -> None:
        n = len(packets.start)
        for name in _COLUMNS:
            has = len(getattr(packets, name))
            if has != n:
                raise WnvError(f"columns differ in length: {has:,} of {name}, {n:,} of start")
        start, size = packets.start, packets.captured_bytes
        outside = (start < 0) | (size < 0) | (start > len(packets.data) - size)
        _refuse(outside, "its frame lies outside the data")
        original = packets.original_bytes
        _refuse((original < 0) | (original > 0xFFFF_FFFF), "its original length does not fit in 32 bits")
        interface, note = packets.interface, packets.note
        _refuse((interface < 0) | (interface >= self._n_interfaces), "there is no such interface")
        n_notes = len(self._notes) if packets.options is None else len(packets.options.start) - 1
        _refuse((note < -1) | (note >= n_notes), "there is no such note")

    def _prepare(self, packets: Packets, rows: slice) -> list[_Column]:
        """The columns of `rows`, and the notes, as `fill_packet_blocks` takes them."""
        captured = packets.captured_bytes[rows]
        original = np.maximum(packets.original_bytes[rows], captured)
        ts_ns = packets.ts_ns[rows]
        self.n_cut += int(np.count_nonzero(captured > self._snap_length))
        self.n_without_time += int(np.count_nonzero(ts_ns < 0))
        columns = (
            (packets.start[rows], np.int64),
            (np.minimum(captured, self._snap_length), np.int64),
            (original, np.int64),
            (np.maximum(ts_ns, 0) // _NS_PER_TICK, np.int64),
            (packets.interface[rows], np.int64),
            (packets.flags[rows], np.uint32),
            (packets.packet_id[rows].astype(np.int64), np.int64),  # the same 64 bits
            (packets.has_packet_id[rows], np.bool_),
            (packets.pid[rows], np.uint32),
            (packets.tid[rows], np.uint32),
            (packets.has_thread[rows], np.bool_),
            (packets.note[rows], np.int64),
        )
        whole = [np.ascontiguousarray(column, dtype) for column, dtype in columns]
        if packets.options is not None:
            return [*whole, packets.options.words, packets.options.start]
        return [*whole, self._note_words, self._note_start]

    def _gather_notes(self) -> None:
        if len(self._note_start) != len(self._notes) + 1:
            # A copy, which is not read-only: the kernel is compiled anew for read-only arrays.
            self._note_words = np.frombuffer(b"".join(self._notes), "<u4").copy()
            n_words = [len(one) // 4 for one in self._notes]
            self._note_start = np.cumsum([0, *n_words], dtype=np.int64)


def _refuse(wrong: BOOL, why: str) -> None:
    if wrong.any():
        raise WnvError(f"packet {int(wrong.argmax()):,} cannot be written: {why}")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    """`body` is a multiple of 4 bytes."""
    n_bytes = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + n_bytes + body + n_bytes


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _options(options: Iterable[bytes]) -> bytes:
    joined = b"".join(options)
    return joined + _option(_END_OF_OPTIONS, b"") if joined else b""


def _text_options(texts: Mapping[int, str]) -> Iterator[bytes]:
    """Options of the texts that are not empty, by code."""
    for code, text in texts.items():
        if text:
            yield _option(code, _utf8(text, _MAX_VALUE_BYTES))


def _utf8(text: str, max_bytes: int) -> bytes:
    """`visible(text)`, cut between two characters where it is too long."""
    return visible(text).encode()[:max_bytes].decode(errors="ignore").encode()


def _section(comment: str, application: str, os: str, hardware: str) -> bytes:
    texts = {_COMMENT: comment, _SHB_HARDWARE: hardware, _SHB_OS: os, _SHB_APPLICATION: application}
    fixed = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1)  # version 1.0, length not stated
    return _block(_SECTION, fixed + _options(_text_options(texts)))


def _interface(one: Interface, snap_length: int) -> bytes:
    if not 0 <= one.link_type <= 0xFFFF:
        raise WnvError(f"interface {visible(one.name)}: {one.link_type} is no link type")
    wanted = (((one.mac,) if one.mac is not None else (), 6), (one.ipv4, 4), (one.ipv6, 16))
    for addresses, n_bytes in wanted:
        if any(len(address) != n_bytes for address in addresses):
            raise WnvError(f"interface {visible(one.name)}: an address is not {n_bytes} bytes long")
    options = [
        *_text_options({_IF_NAME: one.name, _IF_DESCRIPTION: one.description}),
        *(_option(_IF_IPV4, address + _NO_NETMASK) for address in one.ipv4),
        *(_option(_IF_IPV6, address + _NO_PREFIX) for address in one.ipv6),
        *([_option(_IF_MAC, one.mac)] if one.mac is not None else []),
        _option(_IF_TIME_RESOLUTION, _TIME_RESOLUTION),
        *_text_options({_IF_HARDWARE: one.hardware}),
    ]
    return _block(_INTERFACE, struct.pack("<HHI", one.link_type, 0, snap_length) + _options(options))


def _names(records: Sequence[bytes]) -> bytes:
    return _block(_NAMES, b"".join(records) + struct.pack("<HH", _END_OF_NAMES, 0))


def _name_record(address: str, names: Sequence[str]) -> bytes:
    """One address with its names, each ended by a zero byte; as many as fit. Empty where no name is left."""
    try:
        value = ip_address(address).packed
    except ValueError:
        raise WnvError(f"{visible(address)!r} is not an IP address that could have a name") from None
    size = len(value)
    for name in filter(None, names):
        entry = _utf8(name, _MAX_VALUE_BYTES - size - 1) + b"\0"
        if len(value) + len(entry) > _MAX_VALUE_BYTES:
            break
        value += entry
    if len(value) == size:
        return b""
    return struct.pack("<HH", _NAME_RECORD[size], len(value)) + _padded(value)


def _statistics(one: Statistics) -> bytes:
    end = _timestamp(one.end_ns)
    counts = {_ISB_RECEIVED: one.received, _ISB_DROPPED: one.dropped}
    options = [
        *([_option(_ISB_START, _timestamp(one.start_ns))] if one.start_ns >= 0 else []),
        *([_option(_ISB_END, end)] if one.end_ns >= 0 else []),
        *(_option(code, struct.pack("<Q", count)) for code, count in counts.items() if count is not None),
    ]
    return _block(_STATISTICS, struct.pack("<I", one.interface) + end + _options(options))


def _timestamp(ts_ns: int) -> bytes:
    """High word, low word; 0 where the time is unknown."""
    high, low = divmod(max(ts_ns, 0) // _NS_PER_TICK, 1 << 32)
    return struct.pack("<II", high, low)
