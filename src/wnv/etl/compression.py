"""Compressed buffers to plain ones (docs/formats/etl-format.md, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from itertools import pairwise
from typing import Final

import numpy as np

from wnv.arrays import I64, U8
from wnv.errors import WnvError
from wnv.etl.layout import KIND_OF_MARKER


class Format(IntEnum):
    """How a buffer is packed, in the numbering of RtlCompressBuffer."""

    LZNT1 = 2
    XPRESS = 3
    XPRESS_HUFF = 4


_USUAL_ORDER: Final = (Format.XPRESS, Format.XPRESS_HUFF, Format.LZNT1)
_BYTES_WORTH_A_THREAD: Final = 512 * 1024
_PARTS_PER_JOB: Final = 4  # so that a job that got the slow buffers does not leave the others idle


def unpack_buffers(
    packed: U8,
    packed_start: I64,
    packed_bytes: I64,
    out: U8,
    out_start: I64,
    out_bytes: I64,
    stated: int,
    *,
    jobs: int = 2,
) -> U8:
    """Unpack each `packed[packed_start:][:packed_bytes]` into `out[out_start:][:out_bytes]`.

    Returns the `Format` that worked, for each buffer; 0 = none did, and its part of `out` holds anything.
    `stated` is tried first, then the other formats: the field it comes from may mean something else in
    files of a live session. A format has worked if it gives exactly the wanted bytes and they start with an
    event. The parts of `out` must not overlap. Uses up to `jobs` threads.
    """
    from wnv import kernels

    _check_spans(packed_start, packed_bytes, len(packed), "packed")
    _check_spans(out_start, out_bytes, len(out), "out")
    order = sorted(_USUAL_ORDER, key=lambda kind: kind != stated)  # stable: the others keep their order
    unpackers: dict[Format, Callable[[U8, U8], int]] = {
        Format.LZNT1: kernels.unpack_lznt1,
        Format.XPRESS: kernels.unpack_xpress,
        Format.XPRESS_HUFF: kernels.unpack_huffman,
    }
    attempts = [(kind, unpackers[kind]) for kind in order]
    worked = np.zeros(len(out_bytes), np.uint8)

    def unpack_part(first: int, stop: int) -> None:
        for k in range(first, stop):
            source = packed[packed_start[k] : packed_start[k] + packed_bytes[k]]
            target = out[out_start[k] : out_start[k] + out_bytes[k]]
            worked[k] = _unpack(source, target, attempts)

    n_jobs = min(jobs, int(out_bytes.sum()) // _BYTES_WORTH_A_THREAD) if kernels.COMPILED else 1
    if n_jobs < 2:
        unpack_part(0, len(worked))
        return worked
    bounds = _even_bounds(out_bytes, n_jobs * _PARTS_PER_JOB)
    with ThreadPoolExecutor(n_jobs) as pool:
        for done in [pool.submit(unpack_part, first, stop) for first, stop in pairwise(bounds)]:
            done.result()
    return worked


def unpack_start(packed: U8, out: U8) -> int:
    """Unpack what there is of a buffer whose end is missing; the bytes of `out` that are right, 0 if none are.

    Only plain XPRESS, which all real files have, gives a start of any use.
    """
    from wnv import kernels

    n_bytes = int(kernels.unpack_xpress_part(packed, out)) & ~7
    return n_bytes if _starts_with_event(out[:n_bytes]) else 0


def _unpack(source: U8, target: U8, attempts: Sequence[tuple[Format, Callable[[U8, U8], int]]]) -> int:
    """The first of `attempts` that fills `target` with events; 0 = none."""
    for kind, unpack in attempts:
        if unpack(source, target) == len(target) and _starts_with_event(target):
            return kind
    return 0


def _starts_with_event(data: U8) -> bool:
    """Whether the first dword marks an event, or there is nothing at all."""
    if len(data) < 4:
        return len(data) == 0
    return bool(KIND_OF_MARKER[int(data[2]) | int(data[3]) << 8])


def _check_spans(start: I64, n_bytes: I64, limit: int, name: str) -> None:
    outside = (start < 0) | (n_bytes < 0) | (start > limit - n_bytes)
    if outside.any():
        k = int(outside.argmax())
        raise WnvError(
            f"buffer {k} lies outside `{name}`: {n_bytes[k]:,} bytes at {start[k]:,}, the limit is {limit:,}"
        )


def _even_bounds(n_bytes: I64, n_parts: int) -> list[int]:
    """Where to cut the buffers into at most `n_parts` runs of about the same number of bytes."""
    stop = np.cumsum(n_bytes)
    cuts = np.searchsorted(stop, np.linspace(0, stop[-1], n_parts + 1)[1:-1], side="left")
    return sorted({0, *cuts.tolist(), len(n_bytes)})
