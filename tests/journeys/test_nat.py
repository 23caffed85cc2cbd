"""NAT sessions: stated by WinNat, or shown by packets alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import written as w
from by_hand import recording
from lab_worlds import scenario_of
from payloads import Tcp, ip
from stitched import Row, rows_at, rows_of, true_rows
from wnv_lab.events import winnat
from wnv_lab.events.fields import Socket
from wnv_lab.run import run_scenario

_SIDES = [f"{place}_{end}" for place in ("inside", "outside") for end in ("src", "sport", "dst", "dport")]


def keys(rows: list[Row]) -> set[tuple[object, ...]]:
    return {(row["protocol"].upper(), *(row[name] for name in _SIDES)) for row in rows}


@pytest.mark.parametrize("name", ["nat-web", "nat-published-port", "slow-hop", "l2bridge-pod", "late-container"])
def test_sessions_have_both_tuples(name: str) -> None:
    assert keys(rows_of(name, "nat_sessions")) == keys(true_rows(name, "nat"))


def test_a_stated_session_is_sure_and_has_its_events() -> None:
    for row in rows_of("nat-web", "nat_sessions"):
        assert (row["confidence"], row["reason"]) == (1.0, None)
        assert row["evidence"]
        assert row["n_packets"] > 0


def test_a_published_port_is_told_from_a_session_out() -> None:
    assert "mapping" in {row["kind"] for row in rows_of("nat-published-port", "nat_sessions")}
    assert {row["kind"] for row in rows_of("nat-web", "nat_sessions")} == {"dynamic"}


def test_without_winnats_events_packets_show_the_session(tmp_path: Path) -> None:
    text = """
    capture = { providers = ["vmswitch", "vfp", "tcpip", "wfp"] }
    [[host]]
    name = "SRV1"
    nic = [{ name = "Ethernet", address = "10.0.0.10/24", gateway = "10.0.0.1" }]
    network = [{ name = "nat", type = "nat", subnet = "172.20.0.0/16" }]
    container = [{ name = "web", network = "nat", address = "172.20.1.5" }]
    [[peer]]
    name = "router"
    address = "10.0.0.1"
    is_router = true
    [[peer]]
    name = "www"
    address = "198.51.100.7"
    is_remote = true
    serves = ["http:80"]
    [[traffic]]
    kind = "http"
    source = "web"
    to = "www"
    """
    result = run_scenario(scenario_of(text), tmp_path)
    tables = rows_at(result.recordings[0])
    (session,) = tables["nat_sessions"]
    assert (session["inside_src"], session["outside_src"], session["outside_dst"]) == (
        "172.20.1.5", "10.0.0.10", "198.51.100.7",
    )  # fmt: skip
    assert session["confidence"] < 1
    assert "inferred" in session["reason"]
    tcp = [row for row in tables["journeys"] if row["protocol"] == "TCP"]
    assert all(row["src"] != row["src_last"] or row["dst"] != row["dst_last"] for row in tcp)


def test_a_port_published_on_every_address_gives_its_sessions_their_compartment(tmp_path: Path) -> None:
    inside, outside, client = Socket("172.20.1.5", 80), Socket("10.0.0.10", 8080), Socket("10.0.0.77", 50000)
    with recording(tmp_path / "mapping.etl") as host:
        host.event(10, winnat.KIND_1027, winnat.static_mapping(
            instance_name="nat", protocol=winnat.TCP, external=Socket("0.0.0.0", 8080), internal=inside,
            compartment_id=7,
        ))  # fmt: skip
        host.event(20, winnat.KIND_1017, winnat.session_operational(
            internal_src=inside, internal_dst=client, external_src=outside, external_dst=client, protocol=winnat.TCP
        ))  # fmt: skip
    (session,) = rows_at(tmp_path / "mapping.etl")["nat_sessions"]
    assert (session["kind"], session["compartment"]) == ("mapping", 7)


_OUTSIDE = "10.1.1.10"


def _host() -> w.Writing:
    return w.Writing().interface(w.GATEWAY).interface(w.CONTAINER).interface(w.ALONE)


def _packet(ends: w.Tuple, ident: int) -> bytes:
    src, sport, dst, dport = ends
    return ip(src, dst, Tcp(sport, dport, b"a request", seq=1000 * ident + sport), ident=ident)


def _passes(host: w.Writing, ends: tuple[w.Tuple, w.Tuple], ident: int, *, is_stated: bool = True) -> None:
    """A packet from the gateway's NIC to the physical one, or back."""
    before, after = ends
    is_out = before[0].startswith("172.")
    came, leaves = (w.GATEWAY, w.ALONE) if is_out else (w.ALONE, w.GATEWAY)
    host.at(1000 * ident).seen(came, _packet(before, ident), w.RECEIVE)
    if is_stated:
        host.translated(before, after, ident=ident)
    host.seen(leaves, ip(after[0], after[2], Tcp(after[1], after[3], b"a request", seq=1000 * ident + before[1]),
                         ident=ident, ttl=63), w.SEND)  # fmt: skip


@pytest.mark.parametrize("is_stated", [True, False])
def test_an_outside_port_that_is_used_again_belongs_to_another_session(tmp_path: Path, is_stated: bool) -> None:
    host = _host()
    outside = (_OUTSIDE, 1025, "1.1.1.1", 443)
    for number, inside in enumerate((("172.30.0.11", 40000, "1.1.1.1", 443), ("172.30.0.12", 41000, "1.1.1.1", 443))):
        _passes(host, (inside, outside), 2 * number + 1, is_stated=is_stated)
        back = (outside[2:] + outside[:2], inside[2:] + inside[:2])
        _passes(host, back, 2 * number + 2, is_stated=is_stated)
    rows = host.rows(tmp_path)
    found = [
        (row["inside_src"], row["inside_sport"], row["outside_sport"], row["n_packets"]) for row in rows["nat_sessions"]
    ]
    assert found == [("172.30.0.11", 40000, 1025, 2), ("172.30.0.12", 41000, 1025, 2)]
    assert [(row["src"], row["n_packets"], row["n_packets_back"]) for row in rows["flows"]] == [
        ("172.30.0.11", 1, 1), ("172.30.0.12", 1, 1),
    ]  # fmt: skip


def test_a_container_that_calls_a_published_port_of_its_own_host_has_one_session(tmp_path: Path) -> None:
    """WinNat rewrites both ends, and the packet goes back by the NIC it came from."""
    asked, passed = ("172.30.0.11", 45000, _OUTSIDE, 8080), (_OUTSIDE, 1029, "172.30.0.12", 80)
    host = _host()
    for number in (1, 3):
        for ident, (before, after) in enumerate(
            ((asked, passed), (passed[2:] + passed[:2], asked[2:] + asked[:2])), number
        ):
            host.at(1000 * ident).seen(w.GATEWAY, _packet(before, ident), w.RECEIVE).translated(
                before, after, ident=ident
            )
            sent = Tcp(after[1], after[3], b"a request", seq=1000 * ident + before[1])
            host.seen(w.GATEWAY, ip(after[0], after[2], sent, ident=ident, ttl=63), w.SEND)
    rows = host.rows(tmp_path)
    assert keys(rows["nat_sessions"]) == {("TCP", *asked, *passed)}
    assert [row["n_packets"] for row in rows["nat_sessions"]] == [4]
    assert [(row["src_last"], row["dst_last"]) for row in rows["journeys"]] == [
        (_OUTSIDE, "172.30.0.12"), (_OUTSIDE, "172.30.0.11"),
    ] * 2  # fmt: skip
