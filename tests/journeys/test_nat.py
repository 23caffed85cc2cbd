"""NAT sessions: stated by WinNat, or shown by packets alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from by_hand import recording
from lab_worlds import scenario_of
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
