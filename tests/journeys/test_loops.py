"""Compiled or not, the loops say the same."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import score_recording, told_by

import wnv.journeys
import written as w
from by_hand import DB, WEB, Host, recording
from lab_worlds import ran
from payloads import Tcp, Udp, ip
from plain import plain_copy
from stitched import rows_at
from wnv import open_trace
from wnv.journeys import loops
from wnv.journeys.stitch import Stitcher
from wnv.pipeline.network import build_topology
from wnv.providers.stages import RowLists
from wnv_lab import frames as lab_frames
from wnv_lab.run import run_scenario
from wnv_lab.scenario import parse_scenario

PLAIN = plain_copy(loops)


def _rows(path: Path) -> dict[str, list[Any]]:  # Any: columns are of many kinds
    with open_trace(path, use_cache=False) as trace:
        stored = trace.stored()
        stage = Stitcher(build_topology(stored), stored.capture.points)
        found: dict[str, list[Any]] = {}
        pieces = [piece for one in stored.stretches(None) for piece in stage.add(one)]
        for tables in (*pieces, *stage.finish()):
            for table, columns in tables.items():
                for name, column in columns.items():
                    values = column.values if isinstance(column, RowLists) else column
                    found.setdefault(f"{table}.{name}", []).extend(
                        values.tolist() if hasattr(values, "tolist") else values
                    )  # fmt: skip
    return found


@pytest.mark.skipif(not wnv.kernels.COMPILED, reason="no numba")
@pytest.mark.parametrize("name", ["nat-web", "acl-drop"])
def test_journeys_are_the_same_without_a_compiler(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ran(name).recordings[0]
    expected = _rows(path)
    monkeypatch.setattr(wnv.journeys, "loops", PLAIN)
    assert _rows(path) == expected


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(0, 50))
def test_payloads_have_the_same_hash_wherever_they_stand(payloads: list[bytes], before: int) -> None:
    def hashes(module: Any, ahead: int) -> list[list[int]]:  # Any: a module
        data = np.frombuffer(bytes(ahead) + b"".join(payloads), np.uint8)
        sizes = np.array([len(one) for one in payloads], np.int64)
        eight, many = np.empty(len(sizes), np.int64), np.empty(len(sizes), np.int64)
        module.hash_payloads(data, ahead + np.cumsum(sizes) - sizes, np.minimum(sizes, 32), eight, many, sizes)
        return [eight.tolist(), many.tolist()]

    assert hashes(loops, 0) == hashes(loops, before) == hashes(PLAIN, before)


def test_a_payload_that_was_cut_has_no_hash_of_what_is_missing() -> None:
    data, none = np.zeros(64, np.uint8), np.empty(3, np.int64)
    many = none.copy()
    loops.hash_payloads(
        data, np.zeros(3, np.int64), np.array([32, 20, 4]), none, many, np.array([1000, 1000, 1000])
    )  # fmt: skip
    assert [(one >= 0) for one in none.tolist()] == [True, True, False]
    assert [(one >= 0) for one in many.tolist()] == [True, False, False]


@given(st.lists(st.tuples(st.integers(1, 1 << 40), st.integers(1, 1 << 40)), max_size=200))
def test_translations_are_found_again(pairs: list[tuple[int, int]]) -> None:
    keys, values = np.zeros(1024, np.int64), np.zeros(1024, np.int64)
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    known = dict(pairs)
    assert loops.add_translations(keys, values, columns[:, 0].copy(), columns[:, 1].copy()) == len(known)
    assert {before: loops._translated_to(keys, values, before) for before in known} == known
    assert loops._translated_to(keys, values, (1 << 41) + 1) == 0


def test_a_full_table_of_translations_forgets_the_oldest() -> None:
    keys, values = np.zeros(32, np.int64), np.zeros(32, np.int64)
    for one in range(1, 200):
        loops.add_translation(keys, values, one, one + 1000)
        assert loops._translated_to(keys, values, one) == one + 1000


# --- hosts with other habits than the lab's -----------------------------------------------------------------


def _from(nic: str, to: str, ident: int = 1) -> bytes:
    return ip(nic, to, Tcp(40000, 80, b"a question", seq=1000 * ident), ident=ident)


@pytest.mark.parametrize("is_readable", [True, False])
def test_frames_whose_destinations_cannot_be_read_are_where_the_switch_routed_their_nbl(
    tmp_path: Path, is_readable: bool
) -> None:
    host = w.Writing()
    for number in range(1, 5):
        host.crosses(w.VM_A, w.VM_B, _from("10.1.1.21", "10.1.1.22", number), 0x1000, is_readable=is_readable)
    rows = host.rows(tmp_path)
    assert {row["outcome"] for row in rows["journeys"]} == {"delivered"}
    assert len(rows["journeys"]) == 4
    assert {row["nic"].split("/")[1] for row in rows["hops"]} == {"VMA", "VMB"}


def test_without_57_a_delivery_on_another_thread_is_still_that_of_the_nbl(tmp_path: Path) -> None:
    host = w.Writing()
    for number in range(1, 7):
        packet = _from("10.1.1.21", "10.1.1.22", number)
        host.at(1000 + 50 * number).received(w.VM_A, 0x1000).ingress(w.VM_A, packet).egress(w.VM_A, w.VM_B, packet)
        host.at(cpu=number % 3, tid=70).delivered(w.VM_B, 0x1000)
    rows = host.rows(tmp_path)
    assert [(row["src"], row["outcome"]) for row in rows["journeys"]] == [("10.1.1.21", "delivered")] * 6


def test_two_nbls_delivered_to_a_nic_one_behind_the_other_are_two_packets(tmp_path: Path) -> None:
    host = w.Writing().delivered(w.VM_B, 0x1000).delivered(w.VM_B, 0x2000)
    assert [row["n_hops"] for row in host.rows(tmp_path)["journeys"]] == [1, 1]


def test_a_delivery_that_nothing_ties_to_a_packet_keeps_those_on_their_way_from_being_called_lost(
    tmp_path: Path,
) -> None:
    def sent(host: w.Writing, number: int, delivered_as: int) -> None:
        packet = _from("10.1.1.21", "10.1.1.22", number)
        host.received(w.VM_A, 0x1000).ingress(w.VM_A, packet).routed(w.VM_A, w.VM_B, 0x1000)
        host.egress(w.VM_A, w.VM_B, packet)
        if delivered_as:
            host.at(cpu=1, tid=70).delivered(w.VM_B, delivered_as).at()

    lost, renamed = w.Writing(), w.Writing()
    for host, name in ((lost, 0), (renamed, 0x9000)):
        for number in range(1, 4):
            sent(host.at(1000 * number), number, 0x1000)
        sent(host.at(4_000), 4, name)
        for number in range(5, 8):
            sent(host.at(1000 * number), number, 0x1000)
    (folder := tmp_path / "lost").mkdir()
    assert "vanished" in {row["outcome"] for row in lost.rows(folder)["journeys"]}
    (folder := tmp_path / "renamed").mkdir()
    found = [(row["outcome"], row["reason"]) for row in renamed.rows(folder)["journeys"]]
    assert "vanished" not in {outcome for outcome, _ in found}
    assert (
        "unknown",
        "not seen beyond it: at the next point a packet was seen then that nothing tells from this one",
    ) in (found)


def test_of_packets_alike_the_one_that_the_thread_just_had_goes_on(tmp_path: Path) -> None:
    """Identical to the byte, IP id 0, on two processors: each sees its own through the NAT."""
    inside, outside = ("172.30.0.11", 50000, "8.8.8.8", 53), ("10.1.1.10", 2001, "8.8.8.8", 53)
    before = ip(inside[0], inside[2], Udp(50000, 53, b"the same query"), ident=0)
    after = ip(outside[0], outside[2], Udp(2001, 53, b"the same query"), ident=0, ttl=63)
    host = w.Writing().interface(w.GATEWAY).interface(w.CONTAINER).interface(w.ALONE)
    for number in range(4):
        host.at(1000 + 20_000 * number)
        for cpu in (0, 1):
            host.at(host.us, cpu=cpu).crosses(w.CONTAINER, w.GATEWAY, before, 0x1000 + cpu)
            host.seen(w.GATEWAY, before, w.RECEIVE)
        for cpu in (1, 0):  # the second overtakes the first
            host.at(host.us, cpu=cpu).translated(inside, outside, protocol=w.UDP, ident=0)
            host.forwarded(after, arrived=30, leaves=6).seen(w.ALONE, after, w.SEND)
    rows = host.rows(tmp_path)
    assert w.outcomes(rows) == [("nat → vEthernet (nat) → WinNat → Ethernet 2", "left_host")] * 8
    cpus: dict[int, set[int]] = {}
    for hop in rows["hops"]:
        cpus.setdefault(hop["journey_id"], set()).update(host.events[row - 1].cpu for row in hop["evidence"])
    assert all(len(mine) == 1 for mine in cpus.values())


def test_what_winnat_says_it_forwarded_is_the_packet_that_came_to_the_stack(tmp_path: Path) -> None:
    """Of WinNat's events only 1035 is recorded, which shows the packet as it leaves."""
    host = w.Writing().interface(w.GATEWAY).interface(w.CONTAINER).interface(w.ALONE)
    for number in range(1, 4):
        before = ip("172.30.0.11", "1.2.3.4", Tcp(40000, 80, b"x", seq=number), ident=number)
        after = ip("10.1.1.10", "1.2.3.4", Tcp(1025, 80, b"x", seq=number), ident=number, ttl=63)
        host.at(1000 * number).seen(w.GATEWAY, before, w.RECEIVE)
        host.forwarded(after, arrived=30, leaves=6).seen(w.ALONE, after, w.SEND)
    rows = host.rows(tmp_path)
    assert w.outcomes(rows) == [("vEthernet (nat) → WinNat → Ethernet 2", "left_host")] * 3
    assert [(row["inside_src"], row["outside_src"], row["confidence"]) for row in rows["nat_sessions"]] == [
        ("172.30.0.11", "10.1.1.10", 0.9)
    ]


# --- frames logged twice, and NBLs without bytes ----------------------------------------------------------


def _pings(path: Path, write: Callable[[Host, float, bytes, int], None]) -> list[tuple[int, str]]:
    """Hops and outcome of each journey of a recording where three packets go as `write` says."""
    with recording(path) as host:
        for number in range(3):
            packet = WEB.to(DB, 1, lab_frames.echo(False, 1, number), 100 + number)
            write(host, 100 + 100 * number, packet, 0x1000 + number)
    return [(row["n_hops"], row["outcome"]) for row in rows_at(path)["journeys"]]


def _twice_before_routed(host: Host, at: float, packet: bytes, nbl: int) -> None:
    host.nbl(at, 56, WEB, nbl)
    host.port(at + 1, WEB, packet)
    host.port(at + 2, WEB, packet)
    host.nbl(at + 3, 57, WEB, nbl, DB)
    host.nbl(at + 4, 58, DB, nbl)


def _again_behind_routed(host: Host, at: float, packet: bytes, nbl: int) -> None:
    host.nbl(at, 56, WEB, nbl)
    host.port(at + 1, WEB, packet)
    host.nbl(at + 2, 57, WEB, nbl, DB)
    host.port(at + 3, WEB, packet)
    host.nbl(at + 4, 58, DB, nbl)


def _twice_without_the_switch(host: Host, at: float, packet: bytes, nbl: int) -> None:
    host.port(at + 1, WEB, packet)
    host.port(at + 2, WEB, packet)
    host.port(at + 3, WEB, packet, [DB])


@pytest.mark.parametrize("write", [_twice_before_routed, _again_behind_routed, _twice_without_the_switch])
def test_a_frame_logged_twice_on_its_way_in_is_one_packet(
    write: Callable[[Host, float, bytes, int], None], tmp_path: Path
) -> None:
    assert _pings(tmp_path / "twice.etl", write) == [(2, "delivered")] * 3


def test_two_nbls_alike_to_the_byte_are_two_packets(tmp_path: Path) -> None:
    packet = WEB.to(DB, 1, lab_frames.echo(False, 1, 1), 100)
    with recording(tmp_path / "alike.etl") as host:
        for at in (100, 102):
            host.nbl(at, 56, WEB, 0x1000 + at)
        for at in (104, 105):
            host.port(at, WEB, packet)
        for at in (100, 102):
            host.nbl(at + 6, 57, WEB, 0x1000 + at, DB)
        for at in (100, 102):
            host.nbl(at + 10, 58, DB, 0x1000 + at)
    rows = rows_at(tmp_path / "alike.etl")["journeys"]
    assert [(row["n_hops"], row["outcome"]) for row in rows] == [(2, "delivered")] * 2


@pytest.mark.parametrize("name", ["vm-external", "transparent", "nat-web", "chains"])
def test_events_of_a_switch_without_its_frames_are_tied_to_the_frames_of_nics(name: str, tmp_path: Path) -> None:
    """Frames of physical NICs alone beside 56 to 58 and WinNat's events: thread and time tie them."""
    text = (files("wnv_lab") / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")
    result = run_scenario(parse_scenario(f'{text}\n[capture]\npoints = "physical"\n', name), tmp_path)
    with open_trace(result.recordings[0], use_cache=False) as trace:
        score = score_recording(told_by(trace), result.truth, result.recordings[0].name)
    assert score.counts["sequences right"] == score.counts["packets"] > 0
    assert score.counts["nat joins missing"] == score.counts["nat joins wrong"] == score.counts["outcomes wrong"] == 0


def test_an_address_received_again_after_a_drop_is_another_packet(tmp_path: Path) -> None:
    """Without frames the drop lies between two 56 of one NIC, which else look like a chain."""
    host = w.Writing()
    host.received(w.VM_A, 0x1000).dropped(w.VM_A, 16)
    host.received(w.VM_A, 0x1000).routed(w.VM_A, w.VM_B, 0x1000).delivered(w.VM_B, 0x1000)
    rows = host.rows(tmp_path)
    assert [(row["n_hops"], row["outcome"], row["drop_reason"]) for row in rows["journeys"]] == [
        (2, "dropped", "mac_spoofing"), (2, "delivered", None),
    ]  # fmt: skip


def test_a_drop_is_not_that_of_a_packet_which_the_switch_has_delivered(tmp_path: Path) -> None:
    host = w.Writing().received(w.VM_A, 0x1000).routed(w.VM_A, w.UPLINK, 0x1000).delivered(w.UPLINK, 0x1000)
    host.received(w.VM_A, 0x2000).dropped(w.VM_A, 16)
    (drop,) = host.rows(tmp_path)["drops"]
    assert (drop["journey_id"], drop["confidence"]) == (2, 0.9)


def test_what_a_switch_has_delivered_to_a_vm_is_not_what_leaves_by_the_uplink_translated(tmp_path: Path) -> None:
    """Two packets of one sender with the same content, of the second only the frame at the uplink is recorded."""
    host = w.Writing()
    host.crosses(w.VM_A, w.VM_B, _from("10.1.1.21", "10.1.1.22"), 0x1000)
    host.crosses(w.VM_A, w.UPLINK, _from("10.1.1.21", "10.9.9.9", 2), 0x1000)
    host.at(2000).egress(w.VM_A, w.UPLINK, _from("10.1.1.21", "10.9.9.9"))
    rows = host.rows(tmp_path)
    assert [(row["dst"], row["dst_last"]) for row in rows["journeys"]] == [
        ("10.1.1.22", "10.1.1.22"), ("10.9.9.9", "10.9.9.9"), ("10.9.9.9", "10.9.9.9"),
    ]  # fmt: skip
