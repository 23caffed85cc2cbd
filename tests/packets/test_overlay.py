from __future__ import annotations

import numpy as np

from dissection import columns_of
from payloads import Echo, Tcp, ethernet, gre, ip, nvgre, vxlan
from wnv.packets.headers import COLUMNS, Headers, decode_packets
from wnv.packets.overlay import Overlay, innermost, overlay_kinds
from wnv.packets.points import LINK_ETHERNET

INSIDE = ip("172.16.0.1", "172.16.0.2", Tcp(5000, 80))
PLAIN = ethernet(ip("10.0.0.1", "10.0.0.2", Echo()))
VXLAN = ethernet(vxlan(ethernet(INSIDE), 77, "10.0.0.1", "10.0.0.2"))
NVGRE = ethernet(nvgre(ethernet(INSIDE), 5001, "10.0.0.1", "10.0.0.2"))
GRE = ethernet(ip("10.0.0.1", "10.0.0.2", gre(INSIDE, 0x0800), protocol=47))
IP_IN_IP = ethernet(ip("10.0.0.1", "10.0.0.2", INSIDE, protocol=4))


def headers_of(*frames: bytes) -> Headers:
    data, start, n_bytes = columns_of(frames)
    return decode_packets(data, start, n_bytes, np.full(len(frames), LINK_ETHERNET, np.uint16))


class TestOverlayKinds:
    def test_by_what_carries(self) -> None:
        kinds = overlay_kinds(headers_of(PLAIN, VXLAN, NVGRE, GRE, IP_IN_IP))
        assert kinds.tolist() == [Overlay.NONE, Overlay.VXLAN, Overlay.NVGRE, Overlay.GRE, Overlay.IP_IN_IP]

    def test_are_known_without_the_carried_frame(self) -> None:
        assert overlay_kinds(headers_of(VXLAN[:50], NVGRE[:42])).tolist() == [Overlay.VXLAN, Overlay.NVGRE]


class TestInnermost:
    def test_is_the_carried_packet_where_there_is_one(self) -> None:
        packets = innermost(headers_of(PLAIN, VXLAN, NVGRE, GRE, IP_IN_IP, VXLAN[:50]))
        assert packets.protocol.tolist() == [1, 6, 6, 6, 6, 17]
        assert packets.dst_port.tolist() == [-1, 80, 80, 80, 80, 4789]
        assert packets.vni.tolist() == [-1, -1, -1, -1, -1, 77]
        assert packets.row.tolist() == list(range(6))
        assert packets.inner is None

    def test_leaves_the_headers_as_they_are(self) -> None:
        headers = headers_of(VXLAN, PLAIN)
        before = {name: getattr(headers, name).copy() for name in COLUMNS}
        innermost(headers)
        assert all((getattr(headers, name) == before[name]).all() for name in COLUMNS)

    def test_without_overlays_is_the_same(self) -> None:
        headers = headers_of(PLAIN)
        assert innermost(headers).icmp_seq.tolist() == [1]
