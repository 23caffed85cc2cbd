"""A packet and its segments, where offload cuts the one or joins the others, are told by the bytes of TCP."""

from __future__ import annotations

import struct
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversion import at, ndiscap, record
from etl_writer import Event, event_header
from explained import recording_of, recordings
from offloaded import MSS, Place, Sight, at_places, cut_at, out_of_switch
from payloads import ETHERNET, RECEIVE, SEND, WHOLE, Tcp, Udp, ethernet, ip, ndis_1001
from stitched import Row, rows_at
from wnv.journeys import layout as c
from wnv.journeys import offload_loops

_FOLDER = tempfile.TemporaryDirectory(prefix="wnv-offloaded-")
_ALL = ("vmswitch", "winnat", "tcpip", "vfp", "wfp", "hns", "lbfo")
UPLOAD = """
title = "A VM sends"
story = "s"
look_for = []

[[host]]
name = "HV1"
nic = [{ name = "Ethernet", address = "10.0.0.10/24", gateway = "10.0.0.1" }]
switch = [{ name = "LAN", uplink = ["Ethernet"] }]
vm = [{ name = "app", switch = "LAN", address = "10.0.0.31/24" }]

[[peer]]
name = "router"
address = "10.0.0.1"
is_router = true

[[peer]]
name = "files"
address = "10.0.0.80"
serves = ["tcp:9000"]

[engine]
has_large_send = true

[[traffic]]
kind = "connect"
source = "app"
to = "files"
port = 9000
n_bytes = 200000
at_ms = 20.0

[[traffic]]
kind = "connect"
source = "app"
to = "files"
port = 9000
n_bytes = 150000
at_ms = 20.0
"""
NIC, MINIPORT_AND_FILTERS = at_places(4), at_places(12, 13, 14)


@cache
def cut(name: str, capture: str, where: Place, providers: tuple[str, ...] = ()) -> Path:
    """A scenario with the segments of large frames at some places."""
    path = recording_of(UPLOAD, name) if name == "upload" else recordings(name, capture, providers)[0]
    folder = Path(_FOLDER.name) / f"{name}-{capture}-{len(providers)}-{id(where)}"
    return cut_at(path, folder, where)


def hops_of(path: Path, journey_id: int) -> list[Row]:
    return [row for row in rows_at(path)["hops"] if row["journey_id"] == journey_id]


def outcomes(path: Path) -> Counter[str]:
    return Counter(row["outcome"] for row in rows_at(path)["journeys"])


def large_ones(path: Path) -> list[Row]:
    """Journeys of packets that were cut, with what their hops say."""
    said = {row["journey_id"] for row in rows_at(path)["hops"] if (row["rewrite"] or "").startswith("cut into")}
    return [row for row in rows_at(path)["journeys"] if row["journey_id"] in said]


# --- large sends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capture", "where", "providers"),
    [
        pytest.param("ndis", NIC, (), id="ndiscap"),
        pytest.param("ndis", NIC, tuple(one for one in _ALL if one != "winnat"), id="no WinNat events"),
        pytest.param("pktmon", MINIPORT_AND_FILTERS, (), id="pktmon"),
    ],
)
def test_a_large_send_that_is_cut_behind_a_nat_is_one_journey(
    capture: str, where: Place, providers: tuple[str, ...]
) -> None:
    whole = recordings("large-send", capture, providers)[0]
    path = cut("large-send", capture, where, providers)
    assert outcomes(path) == outcomes(whole)
    found = large_ones(path)
    assert len(found) == 7
    assert {(row["outcome"], row["src_last"], row["dst_last"]) for row in found} == {
        ("left_host", "10.0.0.10", "10.0.0.80")
    }
    for row in found:
        hops = hops_of(path, row["journey_id"])
        first_cut = next(k for k, hop in enumerate(hops) if (hop["rewrite"] or "").startswith("cut into"))
        n = len(hops[first_cut]["evidence"])
        assert hops[first_cut]["rewrite"].startswith(f"cut into {n} segments")
        assert all(len(hop["evidence"]) == n for hop in hops[first_cut:])
        assert all(hop["reason"] == "same TCP bytes, cut or joined by offload" for hop in hops[first_cut:])
        assert not any("segment" in (hop["rewrite"] or "") for hop in hops[first_cut + 1 :])
        assert row["n_hops"] == len(hops)
        assert [hop["ts_ns"] for hop in hops] == sorted(hop["ts_ns"] for hop in hops)


def test_every_event_is_on_the_journey_it_was_on_whole() -> None:
    whole, path = recordings("large-send")[0], cut("large-send", "ndis", NIC)
    n_events = [sum(len(hop["evidence"]) for hop in rows_at(one)["hops"]) for one in (whole, path)]
    rows = [row for hop in rows_at(path)["hops"] for row in hop["evidence"]]
    n_segments = sum(hop["rewrite"] is not None and "cut into" in hop["rewrite"] for hop in rows_at(path)["hops"])
    assert n_events[1] - n_events[0] == sum(
        len(hop["evidence"]) - 1 for hop in rows_at(path)["hops"] if "cut into" in (hop["rewrite"] or "")
    )
    assert len(rows) == len(set(rows))
    assert n_segments == 7


def test_a_large_send_is_counted_once() -> None:
    whole, path = recordings("large-send")[0], cut("large-send", "ndis", NIC)
    counted = ("n_packets", "n_packets_back", "n_bytes", "n_bytes_back", "n_retransmissions", "n_lost")
    assert [[row[name] for name in counted] for row in rows_at(path)["flows"]] == [
        [row[name] for name in counted] for row in rows_at(whole)["flows"]
    ]


def test_two_connections_of_a_vm_are_cut_in_the_switch() -> None:
    path = cut("upload", "ndis", out_of_switch(4))
    assert outcomes(path) == outcomes(recording_of(UPLOAD, "upload"))
    found = large_ones(path)
    assert len({row["sport"] for row in found}) == 2
    assert {row["outcome"] for row in found} == {"left_host"}
    assert all(row["confidence"] >= 0.8 for row in found)


def test_what_is_too_short_for_one_segment_is_not_cut() -> None:
    path = cut("large-send", "ndis", NIC)
    (last, *_) = [row for row in rows_at(path)["journeys"] if row["outcome"] == "left_host"][::-1]
    assert last["n_hops"] == 6
    assert not any("cut" in (hop["rewrite"] or "") for hop in hops_of(path, last["journey_id"]))


# --- segments that are dropped, or do not arrive ------------------------------------------------------------


def _pktmon_event(event: Event, event_id: int, reason: int = 0) -> Event:
    payload = event.payload[:22] + struct.pack("<II", reason, 0xE000_4001 if reason else 0) + event.payload[30:]
    assert event.provider is not None
    assert event.ticks is not None
    return event_header(
        provider=event.provider, id=event_id, ticks=event.ticks, payload=payload, cpu=event.cpu, pid=event.pid or 0,
        tid=event.tid or 0, keyword=event.keyword or 0,
    )  # fmt: skip


@cache
def with_change(capture: str, kind: str) -> Path:
    """The third segment of each large send is dropped at the last filter, or is not seen at the NIC."""

    def change(sight: Sight, number: int, event: Event) -> list[Event]:
        is_last = sight.place in (4, 12)
        if number != 2:
            return [event]
        if kind == "dropped" and sight.place == 13 and struct.unpack_from("<H", event.payload, 18)[0] == 2:
            return [event, _pktmon_event(event, 170, 9)]
        return [] if is_last else [event]

    where = NIC if capture == "ndis" else MINIPORT_AND_FILTERS
    return cut_at(recordings("large-send", capture)[0], Path(_FOLDER.name) / f"{kind}-{capture}", where, change)


def test_one_segment_dropped_is_one_drop() -> None:
    path = with_change("pktmon", "dropped")
    drops = rows_at(path)["drops"]
    found = large_ones(path)
    assert len(found) == 7
    assert len(drops) == 7
    dropped = [row for row in found if row["outcome"] == "dropped"]
    assert sorted(row["journey_id"] for row in dropped) == sorted(row["journey_id"] for row in drops)
    assert {row["reason"] for row in dropped} == {"offload cut it: a segment of it was dropped, the others were not"}
    for row in dropped:
        (hop,) = [hop for hop in hops_of(path, row["journey_id"]) if hop["drop_id"] is not None]
        assert hop["event"] == "dropped"
        assert hop["rewrite"] == "one of its segments"
        assert len(hop["evidence"]) == 1
    (flow,) = [row for row in rows_at(path)["flows"] if row["protocol"] == "TCP"]
    assert flow["n_lost"] == len(dropped)
    assert flow["n_retransmissions"] == 0


def test_a_segment_that_was_not_seen_makes_no_false_claim() -> None:
    path = with_change("ndis", "missing")
    found = [row for row in large_ones(path) if len(hops_of(path, row["journey_id"])[-1]["evidence"]) > 2]
    assert found
    assert {(row["outcome"], row["reason"]) for row in found} <= {
        ("unknown", "offload cut it: not all of its segments were seen there"),
        ("unknown", "not seen beyond it, yet it was answered: TCP acknowledgement"),
    }
    assert outcomes(path)["vanished"] == 0


# --- coalesced receives -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("capture", "where"), [("ndis", NIC), ("pktmon", MINIPORT_AND_FILTERS)])
def test_segments_that_are_joined_end_as_the_packet_does(capture: str, where: Place) -> None:
    whole, path = recordings("receive-coalescing", capture)[0], cut("receive-coalescing", capture, where)
    assert set(outcomes(path)) == set(outcomes(whole))
    journeys = {row["journey_id"]: row for row in rows_at(path)["journeys"]}
    joined = [hop for hop in rows_at(path)["hops"] if (hop["rewrite"] or "").startswith("joined from")]
    assert joined
    told = Counter(
        int(row["reason"].rsplit(" ", 1)[1]) for row in journeys.values() if (row["reason"] or "").startswith("joined")
    )
    assert {hop["journey_id"]: hop["rewrite"].split(",")[0] for hop in joined} == {
        into: f"joined from {n + 1} segments" for into, n in told.items()
    }
    for row in journeys.values():
        if (row["reason"] or "").startswith("joined"):
            into = journeys[int(row["reason"].rsplit(" ", 1)[1])]
            assert (row["outcome"], row["flow_id"]) == (into["outcome"], into["flow_id"])
            assert 0.8 <= row["confidence"] < 1
    (flow,) = [row for row in rows_at(path)["flows"] if row["protocol"] == "TCP"]
    (before,) = [row for row in rows_at(whole)["flows"] if row["protocol"] == "TCP"]
    n_more = flow["n_packets_back"] - before["n_packets_back"]
    assert n_more == sum(told.values())
    assert flow["n_bytes_back"] - before["n_bytes_back"] == 54 * n_more
    assert (flow["n_retransmissions"], flow["n_lost"]) == (0, 0)


def test_segments_are_joined_before_a_nat() -> None:
    whole, path = recordings("chains")[0], _joined_behind_nat()
    joined = [hop for hop in rows_at(path)["hops"] if (hop["rewrite"] or "").startswith("joined from")]
    assert len(joined) > 3
    assert outcomes(path)["vanished"] == outcomes(whole)["vanished"] == 0
    for hop in joined:
        (journey,) = [row for row in rows_at(path)["journeys"] if row["journey_id"] == hop["journey_id"]]
        assert (journey["outcome"], journey["dst"], journey["dst_last"]) == ("delivered", "10.0.0.10", "172.20.1.5")


@cache
def _joined_behind_nat() -> Path:
    from dataclasses import replace

    from wnv_lab.run import run_scenario
    from wnv_lab.scenario import read_scenario

    scenario = read_scenario("chains")
    scenario = replace(scenario, engine=replace(scenario.engine, has_receive_coalescing=True, has_large_send=True))
    path = run_scenario(scenario, Path(_FOLDER.name) / "joined-nat").recordings[0]
    return cut_at(path, Path(_FOLDER.name) / "joined-nat-cut", NIC)


# --- recordings made by hand ---------------------------------------------------------------------------------

STREAM = bytes(k * 7 & 0xFF for k in range(1 << 16))


def frame(first: int, end: int, *, port: int = 40000, ident: int = 1, base: int = 1000) -> bytes:
    """These bytes of a connection's stream."""
    seq = (base + first) & 0xFFFFFFFF
    return ethernet(ip("10.0.0.1", "10.0.0.2", Tcp(port, 443, STREAM[first:end], seq=seq), ident=ident))


def seen(data: bytes, lower: int, ticks: int, keyword: int = SEND) -> Event:
    payload = ndis_1001(data, miniport=12, lower=lower)
    return ndiscap(1001, payload, WHOLE | keyword | ETHERNET, ticks=at(ticks))


def journeys_at(folder: Path, events: list[Event]) -> list[list[tuple[int, ...]]]:
    """The events of each hop of each journey, numbered from 0."""
    tables = _tables(record(folder, events))
    hops = sorted(tables["hops"], key=lambda row: (row["journey_id"], row["seq"]))
    made: dict[int, list[tuple[int, ...]]] = {}
    for hop in hops:
        made.setdefault(hop["journey_id"], []).append(tuple(row - 1 for row in hop["evidence"]))
    return list(made.values())


def _tables(path: Path) -> dict[str, list[Row]]:
    rows_at.cache_clear()
    return rows_at(path)


def test_a_retransmission_that_only_the_lower_place_shows_is_a_journey_of_its_own(tmp_path: Path) -> None:
    got = journeys_at(tmp_path, [
        seen(frame(0, 4000), 14, 1), seen(frame(0, 1460), 13, 20, SEND), seen(frame(1460, 2920, ident=2), 13, 21),
        seen(frame(2920, 4000, ident=3), 13, 22), seen(frame(1460, 2920, ident=9), 13, 4000),
    ])  # fmt: skip
    assert got == [[(0,), (1, 2, 3)], [(4,)]]


def test_a_keep_alive_an_acknowledgement_and_what_comes_before_are_no_segments(tmp_path: Path) -> None:
    data = ethernet(ip("10.0.0.1", "10.0.0.2", Tcp(40000, 443, seq=3000), ident=7))
    got = journeys_at(tmp_path, [
        seen(frame(0, 4000), 14, 1), seen(frame(0, 2000), 13, 20), seen(data, 13, 21),
        seen(frame(2000, 4000, ident=2), 13, 22), seen(frame(3999, 4000, ident=8), 13, 500),
        seen(frame(0, 900, base=500, ident=4), 13, 501),
    ])  # fmt: skip
    assert got == [[(0,), (1, 3)], [(2,)], [(4,)], [(5,)]]


def test_segments_out_of_order_are_of_their_packet(tmp_path: Path) -> None:
    got = journeys_at(tmp_path, [
        seen(frame(0, 4000), 14, 1), seen(frame(2000, 3000, ident=3), 13, 20), seen(frame(0, 1000), 13, 21),
        seen(frame(3000, 4000, ident=4), 13, 22), seen(frame(1000, 2000, ident=2), 13, 23),
    ])  # fmt: skip
    assert got == [[(0,), (1, 2, 3, 4)]]


def test_of_two_large_packets_alike_the_first_is_cut_first_and_it_is_less_sure(tmp_path: Path) -> None:
    path = record(tmp_path, [
        seen(frame(0, 4000), 14, 1), seen(frame(0, 4000, ident=9), 14, 2),
        seen(frame(0, 2000), 13, 20), seen(frame(2000, 4000, ident=2), 13, 21),
    ])  # fmt: skip
    hops = _tables(path)["hops"]
    (hop,) = [hop for hop in hops if len(hop["evidence"]) == 2]
    assert (hop["journey_id"], hop["confidence"]) == (1, 0.6)


def test_several_segments_sent_again_as_one_are_not_joined(tmp_path: Path) -> None:
    got = journeys_at(tmp_path, [
        seen(frame(0, 300), 13, 1, RECEIVE), seen(frame(300, 700, ident=2), 13, 2, RECEIVE),
        seen(frame(0, 700, ident=3), 13, 900, RECEIVE), seen(frame(0, 700, ident=3), 14, 910, RECEIVE),
    ])  # fmt: skip
    assert got == [[(0,)], [(1,)], [(2,), (3,)]]


def test_short_segments_are_joined_too(tmp_path: Path) -> None:
    got = journeys_at(tmp_path, [
        seen(frame(0, 300), 13, 1, RECEIVE), seen(frame(300, 700, ident=2), 13, 2, RECEIVE),
        seen(frame(0, 700), 14, 10, RECEIVE), seen(frame(0, 700), 15, 11, RECEIVE),
    ])  # fmt: skip
    assert got == [[(0,), (2,), (3,)], [(1,)]]


def test_joined_twice_all_end_with_the_last(tmp_path: Path) -> None:
    path = record(tmp_path, [
        *(seen(frame(k * 1000, k * 1000 + 1000, ident=k), 13, k + 1, RECEIVE) for k in range(6)),
        *(seen(frame(k * 3000, k * 3000 + 3000, ident=3 * k), 14, k + 10, RECEIVE) for k in range(2)),
        seen(frame(0, 6000, ident=0), 15, 20, RECEIVE), seen(frame(0, 6000, ident=0), 16, 21, RECEIVE),
    ])  # fmt: skip
    tables = _tables(path)
    assert [hop["rewrite"] for hop in tables["hops"] if hop["rewrite"]] == [
        "joined from 3 segments", "joined from 6 segments", "joined from 3 segments",
    ]  # fmt: skip
    reasons = [row["reason"] for row in tables["journeys"][1:]]
    assert reasons == ["joined with other segments into one packet, which is journey 1"] * 5


def test_a_packet_joined_and_cut_again_is_one_journey(tmp_path: Path) -> None:
    got = journeys_at(tmp_path, [
        seen(frame(0, 2000), 13, 1, RECEIVE), seen(frame(2000, 4000, ident=2), 13, 2, RECEIVE),
        seen(frame(0, 4000), 14, 10, RECEIVE), seen(frame(0, 2000), 15, 20, RECEIVE),
        seen(frame(2000, 4000, ident=2), 15, 21, RECEIVE),
    ])  # fmt: skip
    assert got == [[(0,), (2,), (3, 4)], [(1,)]]


def test_no_datagram_vanishes_where_some_are_longer_than_a_frame(tmp_path: Path) -> None:
    def datagram(n: int, ident: int) -> bytes:
        return ethernet(ip("10.0.0.1", "10.0.0.2", Udp(4000, 443, bytes(n)), ident=ident))

    events = [seen(datagram(100, k), 14 - (k & 1), k * 1000) for k in range(2, 20)]
    path = record(tmp_path, [*events, seen(datagram(9000, 50), 14, 5500)])
    tables = _tables(path)
    assert len(tables["journeys"]) >= 2
    assert not any(row["outcome"] == "vanished" for row in tables["journeys"])


cuts = st.lists(st.tuples(st.integers(2, 40), st.integers(200, 1460)), min_size=1, max_size=6)


@given(cuts, st.sampled_from([1000, (1 << 32) - 9000]), st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=12, deadline=None)
def test_however_a_stream_is_cut_each_segment_is_of_its_packet_alone(
    cuts: list[tuple[int, int]], base: int, is_mixed: bool, random: Any
) -> None:
    events: list[Event] = []
    expected: list[list[tuple[int, ...]]] = []
    at_ticks, first = 1, {40000: 0, 40001: 0}
    waiting: list[tuple[int, list[bytes]]] = []
    for number, (n, size) in enumerate(cuts):
        port = 40000 + (number & 1)
        end = min(first[port] + max(n * size, 1461 + size), first[port] + 40 * 1460, len(STREAM))
        if end - first[port] <= MSS:
            continue
        events.append(seen(frame(first[port], end, port=port, base=base, ident=number * 100), 14, at_ticks))
        at_ticks += 1
        pieces = [
            frame(k, min(k + size, end), port=port, base=base, ident=number * 100 + count)
            for count, k in enumerate(range(first[port], end, size))
        ]
        expected.append([(len(events) - 1,)])
        waiting.append((len(expected) - 1, pieces))
        first[port] = end
    queue = [(journey, piece) for journey, pieces in waiting for piece in pieces]
    if is_mixed:
        random.shuffle(queue)
    rows: dict[int, list[int]] = {}
    for journey, piece in queue:
        at_ticks += 1
        rows.setdefault(journey, []).append(len(events))
        events.append(seen(piece, 13, at_ticks))
    for journey, mine in rows.items():
        expected[journey].append(tuple(mine))
    with tempfile.TemporaryDirectory() as folder:
        assert journeys_at(Path(folder), events) == expected


# --- what was seen of a packet ---------------------------------------------------------------------------------


@given(st.permutations(range(12)), st.integers(2, 60))
def test_spans_add_up_in_any_order(order: list[int], size: int) -> None:
    journeys = np.zeros((1, c.N_JOURNEY), np.int64)
    journeys[0, [c.J_ID, c.J_WHOLE_SEQ, c.J_WHOLE_END]] = 7, (1 << 32) - 5, (1 << 32) - 5 + 12 * size
    covers, scalars = np.zeros((4, offload_loops.N_COVER), np.int64), np.zeros(c.N_SCALARS, np.int64)
    for n, k in enumerate(order, 1):
        seq = ((1 << 32) - 5 + k * size) & 0xFFFFFFFF
        assert offload_loops.cover(journeys, 0, 5, seq, seq + size, covers, scalars) == n
        assert offload_loops.cover(journeys, 0, 5, seq, seq + size, covers, scalars) == n
        row = offload_loops._cover_of(journeys, 0, 5, covers)
        assert covers[row, offload_loops.V_BYTES] == n * size
    assert covers[row, offload_loops.V_N_SPANS] == 1


def test_more_covers_than_there_is_room_for_take_the_place_of_the_oldest() -> None:
    journeys = np.zeros((1, c.N_JOURNEY), np.int64)
    journeys[0, [c.J_ID, c.J_WHOLE_END]] = 7, 10 * MSS
    covers, scalars = np.zeros((4, offload_loops.N_COVER), np.int64), np.zeros(c.N_SCALARS, np.int64)
    for code in range(9):
        assert offload_loops.cover(journeys, 0, code, 0, MSS, covers, scalars) == 1
    assert [offload_loops._cover_of(journeys, 0, code, covers) >= 0 for code in range(9)] == [False] * 5 + [True] * 4
