from __future__ import annotations

import struct
from pathlib import Path

import pytest

from conversion import at, convert, ras
from payloads import Tcp, ethernet, ip, ras_5001, ras_5002
from wnv.diagnostics import Code
from wnv.packets.points import PointKind

FRAME = ethernet(ip("10.0.0.1", "10.0.0.2", Tcp(40000, 443)))


class TestRas:
    def test_frames_of_a_connection_are_sent_or_received(self, tmp_path: Path) -> None:
        events = [ras(5001, ras_5001(FRAME, user="anna")), ras(5002, ras_5002(FRAME[:40], user="anna"), ticks=at(2))]
        got = convert(tmp_path, events)
        assert [(one.interface, one.direction, one.frame) for one in got.packets] == [
            ("Rras::anna", "out", FRAME),
            ("Rras::anna", "in", FRAME[:40]),
        ]
        assert [one.original_bytes for one in got.packets] == [len(FRAME)] * 2
        assert [one.packet_id for one in got.packets] == [None] * 2

    def test_a_point_is_a_routing_domain_and_a_user(self, tmp_path: Path) -> None:
        owners = [("blue", "anna"), ("blue", "berta"), ("", ""), ("a-very-long-routing-domain", "x" * 50)]
        events = [ras(5001, ras_5001(FRAME, routing_domain=domain, user=user)) for domain, user in owners * 2]
        got = convert(tmp_path, events)
        assert [(one.name, one.description) for one in got.capture.interfaces] == [
            ("Rras:blue:anna", "VPN connection of anna, routing domain blue"),
            ("Rras:blue:berta", "VPN connection of berta, routing domain blue"),
            ("Rras::", "VPN connection of nobody named, routing domain none"),
            (f"Rras:a-very-long-r:{'x' * 32}",
             f"VPN connection of {'x' * 50}, routing domain a-very-long-routing-domain"),
        ]  # fmt: skip
        assert {one.point.kind for one in got.overview.points} == {PointKind.VPN}
        assert [one.n_packets for one in got.overview.points] == [2] * 4

    @pytest.mark.parametrize(
        "payload",
        [
            pytest.param(b"", id="nothing"),
            pytest.param("no end".encode("utf-16-le"), id="a name without an end"),
            pytest.param(ras_5001(b"")[:-1], id="half a size"),
            pytest.param(ras_5001(FRAME)[:-1], id="a byte short"),
            pytest.param(b"\0" * 4 + struct.pack("<I", 0xFFFFFFFF) + FRAME, id="a size beyond all"),
        ],
    )
    def test_what_does_not_fit_is_counted_and_the_rest_read(self, tmp_path: Path, payload: bytes) -> None:
        got = convert(tmp_path, [ras(5002, payload), ras(5001, ras_5001(FRAME))])
        assert got.frames == [FRAME]
        assert got.damage == {Code.FRAME_LAYOUT_UNKNOWN: 1}

    def test_other_events_are_none(self, tmp_path: Path) -> None:
        assert convert(tmp_path, [ras(5003, ras_5001(FRAME)), ras(5001, ras_5001(b""))]).frames == [b""]
