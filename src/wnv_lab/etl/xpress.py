"""Packs bytes as plain XPRESS, the way `pktmon stop` packs its buffers.

Format: MS-XCA 2.3 and docs/formats/etl-format.md, section 4. Distances reach 8 KiB back, matches are 3 bytes or more.
"""

from __future__ import annotations

import numpy as np


def compress(data: bytes | bytearray | memoryview) -> bytes:
    """`data` as one XPRESS stream; unpacks to exactly `data`, whatever its length."""
    from wnv_lab.etl.kernels import pack_xpress

    plain = np.frombuffer(data, np.uint8)
    room = np.empty(plain.size + plain.size // 32 * 4 + 16, np.uint8)
    return room[: pack_xpress(plain, room)].tobytes()
