"""Places: one number each, named apart, classed by where packets start and end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wnv.journeys.places as of_places
from by_hand import HOST, WEB, recording
from lab_worlds import ran
from networks import topology_at
from stitched import rows_at
from wnv import open_trace
from wnv.journeys import layout as c
from wnv.journeys.places import NEXT_MAX, Places
from wnv.packets.points import IN, NO_DIRECTION, OUT, Point
from wnv_lab import frames
from wnv_lab.events import tcpip


def of_recording(path: Path) -> tuple[Places, list[Point]]:
    with open_trace(path, use_cache=False) as trace:
        points = list(trace.stored().capture.points)
    places = Places(topology_at(path), points)
    places.prepare(0, 0)
    return places, points


def web() -> tuple[Places, list[Point]]:
    return of_recording(ran("nat-web").recordings[0])


def test_every_point_has_a_place_of_its_name() -> None:
    places, points = web()
    numbers = places.of_points(np.arange(len(points)))
    assert [places.names[one] for one in numbers.tolist()] == [point.name for point in points]
    assert len(places.of_points(np.zeros(0, np.int64))) == 0


def test_a_nic_that_events_name_is_the_port_where_frames_were_captured() -> None:
    places, points = web()
    ports = [point for point in points if point.key[0] == "ndiscap.port" and isinstance(point.details.get("nic"), str)]
    assert ports
    for point in ports:
        number = places.of_nic("{" + str(point.details["nic"]).upper().strip("{}") + "}", "", "", 0)
        assert places.names[number] == point.name


def test_a_nic_that_nobody_knows_is_a_place_too_and_always_the_same() -> None:
    places, _ = web()
    one = places.of_nic("5c2d5e1f-0000-4000-8000-00000000beef", "Strange", "sw", 0)
    assert places.of_nic("5C2D5E1F-0000-4000-8000-00000000BEEF", "Strange", "SW", 0) == one
    assert places.names[one] == "NIC:Strange"
    assert places.classes(np.array([one]), np.array([IN])).tolist()[0] in (c.UNCLEAR, c.EXIT)
    assert places.of_port("", "", 0) == -1


def test_names_are_told_apart() -> None:
    places, _ = web()
    names = [places.names[places.of_nic(f"nic-{number}", "Same", "sw", 0)] for number in range(3)]
    assert names == ["NIC:Same", "NIC:Same#2", "NIC:Same#3"]


def test_parts_of_windows_are_places() -> None:
    places, _ = web()
    number = places.of_part("WinNat", "nat", 0)
    assert (places.of_part("WinNat", "nat", 0), places.names[number], places.kinds[number]) == (number, "WinNat", "nat")
    assert places.holds(np.array([number, -1]), c.IS_STACK).tolist() == [True, False]


def test_packets_leave_the_host_by_its_physical_nic_and_end_in_a_container() -> None:
    places, points = web()
    wire = np.array([number for number, point in enumerate(points) if point.name.startswith("eth:")])
    wire = places.of_points(wire)
    assert c.WIRE in places.classes(wire, np.full(len(wire), OUT)).tolist()
    assert places.classes(np.array([-1]), np.array([OUT])).tolist() == [c.UNCLEAR]


def test_there_is_room_for_any_number_of_places() -> None:
    places, _ = web()
    first = len(places)
    numbers = [places.of_nic(f"nic-{number}", "", "sw", 0) for number in range(300)]
    assert numbers == list(range(first, first + 300))
    assert places.matrix.shape[1] >= len(places)
    assert places.following.shape == (4 * places.matrix.shape[1], NEXT_MAX)
    assert not places.has_following(np.array([numbers[-1], -1]), np.array([NO_DIRECTION, IN])).any()


def test_beyond_the_most_there_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    places, _ = web()
    monkeypatch.setattr(of_places, "PLACES_MAX", len(places))
    assert places.of_nic("one too many", "", "sw", 0) == -1


def test_kinds_are_asked_for_all_at_once() -> None:
    places, _ = web()
    part = places.of_part("WinNat", "nat", 0)
    assert places.is_kind(np.array([part, -1]), ("nat",)).tolist() == [True, False]


def test_a_frame_without_a_direction_has_the_one_that_the_address_of_its_nic_says(tmp_path: Path) -> None:
    request = HOST.to(WEB, 1, frames.echo(False, 1, 1), 5)
    reply = WEB.to(HOST, 1, frames.echo(True, 1, 1), 6)
    with recording(tmp_path / "silent.etl") as host:
        host.event(1, tcpip.KIND_1527, tcpip.interface_rundown(
            if_index=HOST.if_index, if_luid=tcpip.luid(6, 1), alias="vEthernet (nat)", mac_address=HOST.mac, version=0
        ))  # fmt: skip
        host.nic(100, HOST, request, is_send=None)
        host.through(103, HOST, WEB, request, 0x1000)
        host.through(200, WEB, HOST, reply, 0x2000)
        host.nic(210, HOST, reply, is_send=None)
    hops = rows_at(tmp_path / "silent.etl")["hops"]
    assert [row["direction"] for row in hops if row["point"].startswith("eth")] == ["out", "in"]


def test_a_frame_without_a_direction_goes_on_as_the_switch_gave_it_to_its_nic(tmp_path: Path) -> None:
    """Nothing states the address of the NIC; its port is known by the frames that pass both."""
    with recording(tmp_path / "silent.etl") as host:
        for number in range(4):
            reply = WEB.to(HOST, 1, frames.echo(True, 1, number), 6 + number)
            host.through(200 + 100 * number, WEB, HOST, reply, 0x2000)
            host.nic(210 + 100 * number, HOST, reply, is_send=None)
    hops = rows_at(tmp_path / "silent.etl")["hops"]
    assert {row["direction"] for row in hops if row["point"].startswith("eth")} == {"in"}
