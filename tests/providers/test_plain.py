"""The usual packets, read by one loop, are what the readers of the providers say: any recording, any slices."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wnv.providers
from conversion import at, ndiscap, pktmon, ras, record
from etl_writer import Buffer, Event, event_header, pack
from payloads import (
    ETHERNET,
    NATIVE_802_11,
    PACKET_END,
    PACKET_START,
    RECEIVE,
    SEND,
    TUNNEL,
    WHOLE,
    WIRELESS_WAN,
    Destination,
    Sighting,
    Tcp,
    Udp,
    dot11_metadata,
    ethernet,
    ip,
    ndis_1001,
    ndis_1002,
    ndis_1003,
    oob_data,
    pktmon_20,
    pktmon_160,
    pktmon_180,
    pktmon_200,
    ras_5001,
)  # fmt: skip
from plain import KERNELS
from wnv import kernels
from wnv.diagnostics import Log
from wnv.etl.events import has_compiled
from wnv.etl.reader import Recording
from wnv.packets.sightings import PacketRows
from wnv.pipeline import Scanned, scan
from wnv.providers import plain_loops

pytestmark = pytest.mark.skipif(not kernels.COMPILED, reason="no numba")

_HEADER = 0x50
TCP = ip("10.0.0.1", "10.0.0.2", Tcp(40000, 443, b"payload"))
UDP = ip("fd00::1", "fd00::2", Udp(53, 53, b"name"))
LARGE = TCP[:2] + bytes(2) + TCP[4:]  # of a large send: no length in its IP header
FRAMES = [ethernet(TCP), ethernet(UDP), ethernet(TCP)[:30], ethernet(LARGE), b"", b"x" * 13, b"\x45" * 60,
          ethernet(TCP)[:12] + b"\x81\x00\x00\x05" + ethernet(TCP)[12:], ethernet(UDP) + bytes(9)]  # fmt: skip
PORTS: list[Destination] = [
    (1, "wire", "NIC 1", "External"), (7, "vm", "web", "Synthetic"), (7, "vm", "moved", "Internal"),
    (5, "odd", "", "Quantum"),
]  # fmt: skip
VLAN = oob_data(vlan=100)
OTHER = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
VLAN_7 = {"Ieee8021Q": 7 << 4}
PAYLOAD = pktmon_200(Sighting(), b"payload", dst="10.0.0.1", src="10.0.0.2")

frames = st.sampled_from(FRAMES)
ports = st.sampled_from(PORTS)
keywords = st.sampled_from([
    WHOLE | SEND | ETHERNET, WHOLE | RECEIVE | ETHERNET, WHOLE | SEND | WIRELESS_WAN, WHOLE | TUNNEL,
    WHOLE | ETHERNET | SEND | RECEIVE, WHOLE,
])  # fmt: skip
rare_keywords = st.sampled_from([
    PACKET_START | SEND | ETHERNET, PACKET_END | SEND | ETHERNET, SEND | ETHERNET, WHOLE | SEND | NATIVE_802_11,
])  # fmt: skip
oobs = st.sampled_from([
    b"", VLAN, oob_data(vlan=0x765, priority=3, lso=1460 | 54 << 20), oob_data(lso=1, n_values=3),
    oob_data(vlan=9, pointer_bytes=4), VLAN[:36], VLAN[:35], oob_data(values={22: 9, 19: 1472}),
    oob_data(values={19: 3, 22: 1472}, pointer_bytes=4), oob_data(values={22: 9})[:184],
])  # fmt: skip


def layer(frame: bytes, keyword: int, lower: int, ticks: int) -> Event:
    return ndiscap(1001, ndis_1001(frame, miniport=12, lower=lower), keyword, ticks=at(ticks))


def switch(frame: bytes, source: Destination, to: Sequence[Destination], oob: bytes, bits: int, ticks: int) -> Event:
    payload = ndis_1003(
        frame, miniport=30, port_id=source[0], port_name=source[1], nic_name=source[2], nic_type=source[3],
        destinations=to, oob=oob,
    )  # fmt: skip
    return ndiscap(1003, payload, WHOLE | SEND, bits=bits, ticks=at(ticks))


sightings = st.builds(
    Sighting, direction=st.integers(0, 7), packet_type=st.sampled_from([1, 1, 1, 3, 4]), component=st.integers(1, 3),
    edge=st.integers(0, 1), drop_reason=st.sampled_from([0, 0, 7]), appearance=st.integers(0, 3),
)  # fmt: skip
times = st.integers(1, 200)
usual = st.one_of(
    st.builds(layer, frames, keywords, st.sampled_from([12, 13, 20]), times),
    st.builds(switch, frames, ports, st.lists(ports, max_size=3), oobs, st.sampled_from([32, 64]), times),
    st.builds(lambda event_id, seen, frame, ticks: pktmon(event_id, pktmon_160(seen, frame), ticks=at(ticks)),
              st.sampled_from([160, 170, 240]), sightings, frames, times),
    st.builds(lambda component, kind, ticks: pktmon(20, pktmon_20(component, kind, "a.sys"), ticks=at(ticks)),
              st.integers(1, 3), st.sampled_from([2, 5, 8]), times),
    st.builds(lambda ticks: event_header(provider=OTHER, id=7, ticks=at(ticks), payload=b"other"), times),
)  # fmt: skip
rare = st.one_of(
    st.builds(layer, frames, rare_keywords, st.just(12), times),
    st.builds(lambda ticks: ndiscap(1002, ndis_1002(dot11_metadata())), times),
    st.builds(lambda seen, ticks: pktmon(180, pktmon_180(seen, VLAN_7), ticks=at(ticks)), sightings, times),
    st.builds(lambda ticks: pktmon(200, PAYLOAD, ticks=at(ticks)), times),
    st.builds(lambda frame, ticks: ras(5001, ras_5001(frame, user="me"), ticks=at(ticks)), frames, times),
)
changes = st.lists(st.tuples(st.integers(0), st.integers(0), st.integers(0, 255)), max_size=2)


slices = st.sampled_from([1024, 4096, 1 << 20])


def damaged(events: list[Event], changes: list[tuple[int, int, int]]) -> list[Event]:
    """Bytes of payloads replaced: in event, at place, by value."""
    events = list(events)
    for event, place, value in changes:
        one = events[event % len(events)]
        data = bytearray(one.data)
        if len(data) > _HEADER:
            data[_HEADER + place % (len(data) - _HEADER)] = value
        events[event % len(events)] = replace(one, data=bytes(data))
    return events


def facts(rows: PacketRows) -> list[tuple[object, ...]]:
    fragments = rows.fragments
    frame = [
        rows.data[start : start + n].tobytes()
        for start, n in zip(fragments.start.tolist(), fragments.n_bytes.tolist(), strict=True)
    ]
    columns: list[Any] = [
        rows.event_row, rows.ts_ns, rows.pid, rows.tid, rows.original_bytes, rows.point, rows.direction,
        *(getattr(fragments, name) for name in (
            "link_type", "is_first", "is_last", "vlan", "priority", "is_large_send", "n_coalesced", "source_port",
            "has_group", "group", "number", "appearance", "is_drop", "drop_reason", "drop_location", "stated_bytes",
            "remark",
        )),
    ]  # fmt: skip
    return list(zip(frame, *(column.tolist() for column in columns), strict=True))


def seen_in(path: Path, slice_bytes: int) -> tuple[list[tuple[object, ...]], Any]:
    """All sightings, and what the overview says."""
    with Recording([path], Log()) as recording:
        scanned: Scanned = scan(recording, slice_bytes=slice_bytes)
        found = [fact for rows in scanned.sightings() if rows is not None for fact in facts(rows)]
        log = {row.code: row.count for row in recording.log.rows()}
        return found, (scanned.overview.to_json(), scanned.capture.channels, log)


def both(folder: Path, buffers: list[Buffer], slice_bytes: int) -> list[tuple[list[tuple[object, ...]], Any]]:
    path = record(folder, buffers)
    assert has_compiled()
    quick = seen_in(path, slice_bytes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wnv.providers.packets.has_compiled", lambda: False)
        patch.setattr("wnv.pipeline.scanning.has_compiled", lambda: False)
        return [quick, seen_in(path, slice_bytes)]


@given(
    events=st.lists(usual, min_size=1, max_size=30), changes=changes, slice_bytes=st.sampled_from([1024, 4096, 1 << 20])
)
def test_the_quick_way_sees_what_the_others_see(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], changes: list[tuple[int, int, int]], slice_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("plain")
    quick, slow = both(folder, pack(damaged(events, changes), 2048), slice_bytes)
    assert quick == slow


@given(
    events=st.lists(st.one_of(usual, usual, rare), min_size=1, max_size=30), slice_bytes=st.sampled_from([2048, 8192])
)
def test_what_is_rare_is_left_to_the_others(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], slice_bytes: int
) -> None:
    quick, slow = both(tmp_path_factory.mktemp("plain"), pack(events, 2048), slice_bytes)
    assert quick == slow


def test_the_quick_way_is_taken(tmp_path: Path) -> None:
    usual_events = [layer(FRAMES[0], WHOLE | SEND | ETHERNET, 12, n) for n in range(1, 40)]
    fragments = [layer(FRAMES[0], PACKET_START | ETHERNET, 12, 41), layer(FRAMES[0], PACKET_END | ETHERNET, 12, 42)]
    for events, is_quick in ((usual_events, True), ([*usual_events, *fragments], False)):
        with Recording([record(tmp_path, pack(events, 2048))], Log()) as recording:
            scanned = scan(recording, slice_bytes=2048)
            scanned.packets.begin()
            found = [one for _, one in recording.windows(scanned.packets.look)]
            assert all(isinstance(one, PacketRows) for one in found[-1:]) == is_quick
            assert scanned.packets.has_plain == is_quick


def load_uncompiled() -> ModuleType:
    """The loops as they are where numba is not installed."""
    spec = importlib.util.spec_from_file_location("uncompiled_plain_loops", plain_loops.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "wnv.kernels", KERNELS)
        spec.loader.exec_module(module)
    return module


class Ruled:
    """An array of which every place that is read lies inside its bounds, or the test fails."""

    def __init__(self, data: Any) -> None:  # Any: an array of any type
        self._data = data

    def __getitem__(self, at: Any) -> Any:  # Any: a place or a slice
        first, last = (at.start, at.stop) if isinstance(at, slice) else (at, at + 1)
        assert 0 <= first <= last <= self._data.size
        return self._data[at]


@given(events=st.lists(st.one_of(usual, usual, rare), min_size=1, max_size=20), changes=changes)
def test_the_uncompiled_loop_sees_the_same_and_nothing_outside(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], changes: list[tuple[int, int, int]]
) -> None:
    plain = load_uncompiled()
    looked: list[tuple[Any, ...]] = []

    compiled_loop: Any = plain_loops.read_plain_packets  # Any: called with a list of arguments

    def both_ways(words: Any, data: Any, *rest: Any) -> int:  # Any: as the loop takes them
        *given, numbers, is_unusual = rest
        other, unusual = np.zeros_like(numbers), np.zeros_like(is_unusual)
        n = int(compiled_loop(words, data, *given, numbers, is_unusual))
        again = plain.read_plain_packets(Ruled(words), Ruled(data), *given, other, unusual)
        looked.append(((n, is_unusual.tolist()), (again, unusual.tolist())))
        looked.append((numbers[:, : max(n, 0)].tolist(), other[:, : max(n, 0)].tolist()))
        return n

    path = record(tmp_path_factory.mktemp("plain"), pack(damaged(events, changes), 2048))
    with pytest.MonkeyPatch.context() as patch:
        loops = SimpleNamespace(**{**vars(plain_loops), "read_plain_packets": both_ways})
        patch.setattr(wnv.providers, "plain_loops", loops)
        seen_in(path, 4096)
    assert all(compiled == uncompiled for compiled, uncompiled in looked)


def test_kinds_are_numbered_alike_uncompiled() -> None:
    plain = load_uncompiled()
    kinds = np.array([[0, 7 << 8], [1, 160 << 8 | 1], [2, 1001 << 8]], np.int64)
    found = []
    for module in (plain_loops, plain):
        slots = np.full(8, -1, np.int32)
        module.index_kinds(kinds, 5, slots)
        found.append(slots.tolist())
    assert found[0] == found[1]
    assert sorted(found[0]) == [-1] * 5 + [0, 1, 2]
