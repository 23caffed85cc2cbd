"""Packets in packets: what VXLAN, NVGRE, GRE and IP itself carry.

`headers.decode_packets` reads both levels; here is what a packet is about once the carrier is taken away.
"""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum

import numpy as np

from wnv.arrays import I8
from wnv.packets.headers import COLUMNS, Headers


class Overlay(IntEnum):
    """What carries a frame."""

    NONE = -1
    VXLAN = 0
    NVGRE = 1
    GRE = 2
    IP_IN_IP = 3


OVERLAY_NAMES = {Overlay.VXLAN: "VXLAN", Overlay.NVGRE: "NVGRE", Overlay.GRE: "GRE", Overlay.IP_IN_IP: "IP in IP"}
_IP_IN_IP = (4, 41)


def overlay_kinds(headers: Headers) -> I8:
    """`Overlay` of each frame, by its outer headers; also where nothing of the inner frame was captured."""
    kind = np.full(len(headers), Overlay.NONE, np.int8)
    kind[np.isin(headers.protocol, _IP_IN_IP) & (headers.inner_offset >= 0)] = Overlay.IP_IN_IP
    kind[headers.gre_protocol >= 0] = Overlay.GRE
    kind[headers.vsid >= 0] = Overlay.NVGRE
    kind[headers.vni >= 0] = Overlay.VXLAN
    return kind


def innermost(headers: Headers) -> Headers:
    """The headers of the packet that is carried, where there is one; else those of the frame. Same rows, no `inner`.

    What belongs to the carrier (VNI, VSID, GRE) is no longer there in rows that are replaced.
    """
    inner = headers.inner
    if inner is None or not len(inner):
        return replace(headers, inner=None)
    columns = {}
    for name in COLUMNS:
        column = getattr(headers, name)
        if name != "row":
            column = column.copy()
            column[inner.row] = getattr(inner, name)
        columns[name] = column
    return Headers(**columns)
