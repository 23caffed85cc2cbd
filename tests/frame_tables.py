"""Tables of a trace in memory: frames with a sighting each, as filters and queries read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

import numpy as np
import pyarrow as pa

from dissection import columns_of
from wnv.packets.table import frame_columns
from wnv.schema import ADDRESSES, FRAMES, OBSERVATIONS, POINTS
from wnv.store.arrow import ByteRanges, arrow_schema, record_batch

FIRST_NS = 1_700_000_000_000_000_000
"""Time of the first sighting; the others follow a microsecond apart, as in `dissection.write_frames`."""
_ADDRESS_COLUMNS = ("ip_src", "ip_dst", "inner_ip_src", "inner_ip_dst", "arp_sender_ip", "arp_target_ip")


def tables_of(frames: Sequence[bytes]) -> dict[str, pa.Table]:
    """`frames`, `addresses`, `points` and `observations`: frame k is seen once, at point `nic`."""
    n = len(frames)
    data, start, n_bytes = columns_of(frames)
    columns = {
        **frame_columns(data, start, n_bytes, np.ones(n, np.uint16), n_bytes),
        "frame_id": np.arange(n), "session_id": np.zeros(n, np.int64), "bytes": ByteRanges(data, start, n_bytes),
    }  # fmt: skip
    table = pa.Table.from_batches([record_batch(FRAMES, columns)])
    texts = {text for name in _ADDRESS_COLUMNS for text in table.column(name).to_pylist() if text is not None}
    numbers = [(text, ip_address(text).version, int(ip_address(text))) for text in sorted(texts)]
    addresses = {
        "address": [text for text, _, _ in numbers], "version": [version for _, version, _ in numbers],
        "high": [number >> 64 for _, _, number in numbers], "low": [number & (1 << 64) - 1 for _, _, number in numbers],
    }  # fmt: skip
    sightings: dict[str, Sequence[object]] = {
        "observation_id": range(n), "session_id": [0] * n, "event_row": range(n), "frame_id": range(n),
        "ts_ns": [FIRST_NS + k * 1000 for k in range(n)], "cpu": [0] * n, "point_id": [0] * n,
        "priority": [0] * n, "is_large_send": [False] * n, "n_coalesced": [0] * n, "is_drop": [False] * n,
    }  # fmt: skip
    point: dict[str, Sequence[object]] = {
        "point_id": [0], "name": ["nic"], "kind": ["miniport"], "link_type": ["ethernet"], "description": ["A NIC"],
        "n_packets": [n], "n_drops": [0], "details": ["{}"],
    }  # fmt: skip
    return {
        "frames": table.cast(arrow_schema(FRAMES)),
        "addresses": filled(arrow_schema(ADDRESSES), addresses),
        "observations": filled(arrow_schema(OBSERVATIONS), sightings),
        "points": filled(arrow_schema(POINTS), point),
    }


def filled(schema: pa.Schema, columns: Mapping[str, Sequence[object]]) -> pa.Table:
    """A table of `schema`; columns that are not given are null."""
    n = len(next(iter(columns.values())))
    arrays = [
        pa.array(list(columns[field.name]), field.type) if field.name in columns else pa.nulls(n, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema([field.with_nullable(True) for field in schema]))
