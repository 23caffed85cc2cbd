"""From events to a capture file and back: what most tests of packets need.

    seen = convert(tmp_path, [pktmon(160, pktmon_160(Sighting(), frame))])
    assert [one.frame for one in seen.packets] == [frame]

The recording is written by `etl_writer`, converted by wnv, and read back by `pcapng_reader`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import wnv
from etl_writer import Buffer, Event, TraceSpec, build, event_header
from payloads import NDISCAP, PKTMON, RAS
from pcapng_reader import Capture, CapturedPacket, read_capture
from wnv.diagnostics import Code, Log
from wnv.export.capture import CaptureResult
from wnv.overview import Overview
from wnv.pipeline import CaptureOptions

SPEC = TraceSpec(buffer_size=1 << 17)
_FILETIME_OF_1970 = 116_444_736_000_000_000


def ts_ns(ticks: int, spec: TraceSpec = SPEC) -> int:
    """UTC nanoseconds of a tick of the session's clock."""
    return (spec.filetime(ticks) - _FILETIME_OF_1970) * 100


def at(n: int) -> int:
    """The tick `n` after the start."""
    return SPEC.t0 + n


def pktmon(event_id: int, payload: bytes, *, ticks: int = at(1), cpu: int = 0, bits: int = 64, pid: int = 4) -> Event:
    """An event of Microsoft-Windows-PktMon."""
    return event_header(provider=PKTMON, id=event_id, ticks=ticks, payload=payload, cpu=cpu, bits=bits, pid=pid)


def ndiscap(
    event_id: int, payload: bytes, keyword: int = 0, *, ticks: int = at(1), cpu: int = 0, tid: int = 8, bits: int = 64
) -> Event:
    """An event of Microsoft-Windows-NDIS-PacketCapture."""
    return event_header(
        provider=NDISCAP, id=event_id, ticks=ticks, payload=payload, cpu=cpu, tid=tid, keyword=keyword, bits=bits
    )


def ras(event_id: int, payload: bytes, *, ticks: int = at(1)) -> Event:
    """An event of Microsoft-Windows-Ras-NdisWanPacketCapture."""
    return event_header(provider=RAS, id=event_id, ticks=ticks, payload=payload)


@dataclass(frozen=True, slots=True)
class Converted:
    """What came of a conversion: the files by name, what it said of itself, and what it logged."""

    captures: dict[str, Capture]
    result: CaptureResult
    overview: Overview
    log: Log

    @property
    def capture(self) -> Capture:
        """The file that was asked for."""
        return self.captures["out.pcapng"]

    @property
    def packets(self) -> list[CapturedPacket]:
        return self.capture.packets

    @property
    def frames(self) -> list[bytes]:
        return [one.frame for one in self.packets]

    @property
    def damage(self) -> dict[Code, int]:
        """How often each kind of damage or loss was found in packets."""
        return {row.code: self.log.count(row.code) for row in self.log.rows() if row.kind.stage == "frames"}


def record(folder: Path, parts: Iterable[Event] | Iterable[Buffer], spec: TraceSpec = SPEC) -> Path:
    """Write the recording `in.etl` into `folder`."""
    path = folder / "in.etl"
    path.write_bytes(build(spec, parts))
    return path


def convert(
    folder: Path, parts: Iterable[Event] | Iterable[Buffer], options: CaptureOptions | None = None,
    spec: TraceSpec = SPEC,
) -> Converted:  # fmt: skip
    """Record, convert to `out.pcapng` and its companions, and read these."""
    for old in folder.glob("out*.pcapng"):
        old.unlink()
    with wnv.open_trace(record(folder, parts, spec)) as trace:
        result = trace.convert(str(folder / "out.pcapng"), options)
        captures = {path.name: read_capture(path) for path in folder.glob("out*.pcapng")}
        return Converted(captures, result, trace.overview, trace.log)
