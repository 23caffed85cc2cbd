"""What tshark reads in frames: an independent dissector to compare with."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from wnv.arrays import I64, U8
from wnv.export.pcapng import Interface, Packets, PcapngWriter

_BETWEEN = "\x1f"
# Each frame by itself, as it stands: nothing joined, nothing counted from the first packet of a flow.
BY_ITSELF = (
    "ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.relative_sequence_numbers:FALSE",
    "tcp.desegment_tcp_streams:FALSE", "tcp.analyze_sequence_numbers:FALSE", "http.desegment_headers:FALSE",
    "http.desegment_body:FALSE", "tls.desegment_ssl_records:FALSE",
)  # fmt: skip

Frame = tuple[bytes, int]
"""Captured bytes and original length."""


def columns_of(frames: Sequence[bytes]) -> tuple[U8, I64, I64]:
    """The frames end to end with 64 zero bytes behind: data, start, length."""
    n_bytes = np.array([len(frame) for frame in frames], np.int64)
    data = np.frombuffer(b"".join(frames) + bytes(64), np.uint8).copy()
    return data, np.cumsum(n_bytes) - n_bytes, n_bytes


def write_frames(path: Path, frames: Sequence[Frame], link_type: int) -> None:
    """A pcapng file of the frames."""
    n = len(frames)
    data, start, n_bytes = columns_of([frame for frame, _ in frames])
    none, no = np.zeros(n, np.uint32), np.zeros(n, np.bool_)
    sink = BytesIO()
    writer = PcapngWriter(sink, interfaces=[Interface("test", "", link_type)], comment="", application="test")
    writer.write(
        Packets(
            data=data, start=start, captured_bytes=n_bytes, original_bytes=np.array([long for _, long in frames]),
            ts_ns=1_700_000_000_000_000_000 + np.arange(n) * 1000, interface=np.zeros(n, np.int64), flags=none,
            packet_id=np.zeros(n, np.uint64), has_packet_id=no, pid=none, tid=none, has_thread=no,
            note=np.full(n, -1, np.int64),
        )
    )  # fmt: skip
    writer.close()
    path.write_bytes(sink.getvalue())


def dissect(
    tshark: Path, folder: Path, frames: Sequence[Frame], fields: Sequence[str], link_type: int = 1,
    options: Sequence[str] = (),
) -> list[dict[str, list[str]]]:  # fmt: skip
    """Of each frame, the values that tshark finds for each field, outermost first."""
    path = folder / "frames.pcapng"
    write_frames(path, frames, link_type)
    chosen = [argument for field in fields for argument in ("-e", field)]
    settings = [argument for one in (*BY_ITSELF, *options) for argument in ("-o", one)]
    done = subprocess.run(
        [str(tshark), "-n", "-r", str(path), "-T", "fields", "-E", f"aggregator={_BETWEEN}", *settings, *chosen],
        capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    rows = [line.split("\t") for line in done.stdout.split("\n")[:-1]]
    assert len(rows) == len(frames)
    return [
        {field: text.split(_BETWEEN) if text else [] for field, text in zip(fields, row, strict=True)} for row in rows
    ]
