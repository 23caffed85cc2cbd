"""The header event of a recording: who recorded what, when, by which clock (etl-format.md, section 5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import timedelta

from wnv.clock import Clock, HostZone, parse_host_zone
from wnv.errors import WnvError
from wnv.etl import layout

HEADER_EVENT_AT = layout.BUFFER_HEADER_BYTES
_PAYLOAD_AT = HEADER_EVENT_AT + 0x20
_MIN_FILE_BYTES = 0x178
_STRINGS_AT = {32: 0x110, 64: 0x118}
_ZONE_AT = {32: 0x40, 64: 0x48}
_TAIL_AT = {32: 0xF0, 64: 0xF8}
_ZONE_BYTES = 0xAC
_SAME_BOOT = 10_000_000  # FILETIME units: 1 s
HEADER_READ_BYTES = 0x10000

# What people hand to a reader of ETL by mistake, by its first bytes.
_OTHER_FILES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x0a\x0d\x0d\x0a", "a pcapng capture", "Open it with Wireshark."),
    (b"\xd4\xc3\xb2\xa1", "a pcap capture", "Open it with Wireshark."),
    (b"\xa1\xb2\xc3\xd4", "a pcap capture", "Open it with Wireshark."),
    (b"\x4d\x3c\xb2\xa1", "a pcap capture", "Open it with Wireshark."),
    (b"GMBU", "a Network Monitor capture", "Open it with Wireshark."),
    (b"ElfFile", "a Windows event log (.evtx)", "Open it with the Event Viewer; wnv reads .etl recordings."),
    (
        b"MSCF",
        "a cabinet archive",
        "Unpack it (netsh trace puts a report beside the .etl) and give the .etl inside.",
    ),
    (b"PK\x03\x04", "a zip archive", "Unpack it and give the .etl inside."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and give the .etl inside."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it and give the .etl inside."),
    (b"PAR1", "a Parquet file", "wnv reads .etl recordings."),
    (b"MZ", "a Windows program", "wnv reads .etl recordings."),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file itself",
        "Run `git lfs pull` to get the recording.",
    ),
    (b"<?xml", "an XML text", "wnv reads the .etl recording, not what tracerpt made of it."),
)


@dataclass(frozen=True, slots=True)
class SessionHeader:
    """Facts of the header event. Times are FILETIME (100 ns since 1601, UTC); 0 where Windows wrote none."""

    bits: int
    buffer_bytes: int
    os_major: int
    os_minor: int
    layout_version: tuple[int, int]
    build: int
    n_processors: int
    start_filetime: int
    end_filetime: int
    boot_filetime: int
    timer_resolution: int
    """In 100 ns."""
    max_file_size: int
    """As stored: MiB, or KiB if `mode` says so; 0 = no limit."""
    mode: int
    buffers_written: int
    start_buffers: int
    pointer_size: int
    events_lost: int
    buffers_lost: int
    cpu_mhz: int
    perf_freq: int
    clock_type: int
    base_ticks: int
    logger: str
    log_file: str
    zone: HostZone
    pack_format: int
    """Low half of `State` of buffer 0: in a compressed file the number of its format (section 4)."""
    pid: int
    tid: int

    @property
    def clock(self) -> Clock:
        return Clock.from_header(self.clock_type, self.start_filetime, self.base_ticks, self.perf_freq, self.cpu_mhz)

    @property
    def is_circular(self) -> bool:
        return bool(self.mode & layout.MODE_CIRCULAR)

    @property
    def is_compressed(self) -> bool:
        return bool(self.mode & layout.MODE_COMPRESSED)

    @property
    def max_file_bytes(self) -> int:
        return self.max_file_size * (1024 if self.mode & layout.MODE_SIZE_IN_KIB else 2**20)

    @property
    def mode_names(self) -> list[str]:
        return [name for bit, name in layout.MODE_NAMES.items() if self.mode & bit]

    @property
    def duration(self) -> timedelta | None:
        """From start to stop by the system's clock; None if the session was never stopped."""
        if self.end_filetime < self.start_filetime or not self.end_filetime:
            return None
        return timedelta(microseconds=(self.end_filetime - self.start_filetime) / 10)

    def same_boot(self, other: SessionHeader) -> bool:
        return abs(self.boot_filetime - other.boot_filetime) <= _SAME_BOOT

    def same_host(self, other: SessionHeader) -> bool:
        """Whether two files were made on one host since it was started: one boot, of one Windows."""
        return self.same_boot(other) and self.build == other.build

    def shares_clock(self, other: SessionHeader) -> bool:
        """Whether raw ticks of both can be compared (section 10): one boot, QPC at one rate."""
        return self.clock_type == other.clock_type == 1 and self.perf_freq == other.perf_freq and self.same_boot(other)

    def same_session(self, other: SessionHeader) -> bool:
        """Whether two files belong to one recording (boot ± 1 s, start, logger, PerfFreq)."""
        return (
            self.same_boot(other)
            and self.start_filetime == other.start_filetime
            and self.logger == other.logger
            and self.perf_freq == other.perf_freq
        )


def parse_session(head: bytes, name: str) -> SessionHeader:
    """The header event in `head`, the first bytes of a file (all of it, or `HEADER_READ_BYTES`).

    Raises `WnvError` saying what the file is instead, if it is no recording.
    """
    if not head:
        raise WnvError(
            f"{name}: the file is empty",
            advice="The session wrote nothing, or the copy failed; stop the session first, then copy the file.",
        )
    marker = struct.unpack_from("<HxxBB", head, 0x4A) if len(head) >= 0x50 else (0, 0, 0)
    if marker[0] not in (0xC001, 0xC002) or marker[1:] != (0, 0):
        raise _not_a_recording(head, name)
    if len(head) < _MIN_FILE_BYTES:
        raise WnvError(
            f"{name}: starts like an ETL recording but ends after {len(head)} bytes, inside its header",
            advice="Copy the file again, or ask for the original.",
        )
    bits = 32 if marker[0] == 0xC001 else 64
    tail = _PAYLOAD_AT + _TAIL_AT[bits]
    if len(head) < tail + 0x20:
        raise WnvError(f"{name}: ends inside its header event", advice="Copy the file again, or ask for the original.")
    event_bytes = struct.unpack_from("<H", head, HEADER_EVENT_AT + 4)[0]
    tid, pid, base_ticks = struct.unpack_from("<IIq", head, HEADER_EVENT_AT + 8)
    (
        buffer_bytes, os_major, os_minor, sub, sub_minor, build, n_processors, end, resolution, max_size, mode,
        written, start_buffers, pointer_size, events_lost, cpu_mhz,
    ) = struct.unpack_from("<IBBBBIIqIIIIIIII", head, _PAYLOAD_AT)  # fmt: skip
    boot, perf_freq, start, clock_type, buffers_lost = struct.unpack_from("<qqqII", head, tail)
    zone_at = _PAYLOAD_AT + _ZONE_AT[bits]
    end_of_event = min(HEADER_EVENT_AT + max(event_bytes, 0), len(head))
    logger, at = _text(head, _PAYLOAD_AT + _STRINGS_AT[bits], end_of_event)
    log_file, _ = _text(head, at, end_of_event)
    return SessionHeader(
        bits=bits, buffer_bytes=buffer_bytes, os_major=os_major, os_minor=os_minor, layout_version=(sub, sub_minor),
        build=build, n_processors=n_processors, start_filetime=start, end_filetime=end, boot_filetime=boot,
        timer_resolution=resolution, max_file_size=max_size, mode=mode, buffers_written=written,
        start_buffers=start_buffers, pointer_size=pointer_size, events_lost=events_lost, buffers_lost=buffers_lost,
        cpu_mhz=cpu_mhz, perf_freq=perf_freq, clock_type=clock_type, base_ticks=base_ticks, logger=logger,
        log_file=log_file, zone=parse_host_zone(head[zone_at : zone_at + _ZONE_BYTES]),
        pack_format=struct.unpack_from("<H", head, 0x2C)[0], pid=pid, tid=tid,
    )  # fmt: skip


def _text(data: bytes, at: int, end: int) -> tuple[str, int]:
    """The NUL-terminated UTF-16 text at `at` and the place behind it; what is there, if the NUL is missing."""
    stop = at
    while stop + 2 <= end and data[stop : stop + 2] != b"\0\0":
        stop += 2
    return data[at:stop].decode("utf-16-le", "replace"), stop + 2


def _not_a_recording(head: bytes, name: str) -> WnvError:
    for magic, what, advice in _OTHER_FILES:
        if head.startswith(magic):
            return WnvError(f"{name}: this is {what}, not an ETL recording", advice=advice)
    if not head.strip(b"\0"):
        return WnvError(
            f"{name}: holds only zero bytes",
            advice="A preallocated recording that never got its first buffer, or a copy that failed.",
        )
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _looks_like_text(head[:4096]):
        return WnvError(
            f"{name}: this is text, not an ETL recording",
            advice="Give the .etl itself, not what `pktmon etl2txt`, `netsh` or `tracerpt` made of it.",
        )
    return WnvError(
        f"{name}: not an ETL recording (no trace header at byte {HEADER_EVENT_AT:#x}; "
        f"found {head[HEADER_EVENT_AT : HEADER_EVENT_AT + 8].hex() or 'nothing'})",
        advice="Recordings come from `netsh trace`, `pktmon`, `New-NetEventSession`, `logman` or `wpr`.",
    )


def _looks_like_text(data: bytes) -> bool:
    printable = sum(byte >= 0x20 or byte in b"\t\r\n" for byte in data)
    return b"\0" not in data and printable >= 0.95 * len(data)
