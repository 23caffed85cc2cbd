"""Hops say where, when, and what happened to the packet there."""

from __future__ import annotations

from lab_worlds import ran
from stitched import hops_of, rows_of, true_rows
from wnv import open_trace
from wnv.providers import winnat


def first_of(name: str, **wanted: object) -> int:
    """The first journey with these values."""
    rows = rows_of(name, "journeys")
    return int(next(row["journey_id"] for row in rows if all(row[key] == value for key, value in wanted.items())))


def test_a_packet_out_of_a_container_is_translated_and_leaves() -> None:
    hops = hops_of("nat-web", first_of("nat-web", src="172.20.1.5", protocol="TCP"))
    assert [hop["event"] for hop in hops][-2:] == ["translated", "frame"]
    (rewrite,) = [hop["rewrite"] for hop in hops if hop["event"] == "translated"]
    assert rewrite.startswith("172.20.1.5:")
    assert " → 10.0.0.10:" in rewrite
    assert hops[0]["container"] == "shop"
    assert hops[0]["src"] == "172.20.1.5"
    assert hops[-1]["src"] == "10.0.0.10"


def test_what_a_switch_says_at_one_port_is_one_hop() -> None:
    hops = hops_of("nat-web", first_of("nat-web", src="172.20.1.5", protocol="TCP"))
    passed = [hop for hop in hops if hop["event"] in ("received", "delivered")]
    assert len(passed) == 2
    assert all(len(hop["evidence"]) >= 2 for hop in passed)
    assert all(hop["frame_id"] is not None for hop in passed)


def test_a_carried_packet_says_by_whom() -> None:
    hops = rows_of("overlay-pods", "hops")
    carried = [hop for hop in hops if hop["outer_src"] is not None]
    assert carried
    assert {hop["vni"] for hop in carried} == {hop["vni"] for hop in true_rows("overlay-pods", "hops")} - {None}
    assert any((hop["rewrite"] or "").startswith("encapsulated VNI ") for hop in carried)
    assert any("decapsulated" in (hop["rewrite"] or "") for hop in hops)


def test_changed_stations_are_shown() -> None:
    assert any("source MAC " in (hop["rewrite"] or "") for hop in rows_of("l2bridge-pod", "hops"))


def test_a_frame_to_all_has_a_hop_at_every_port() -> None:
    journeys = [row for row in rows_of("broadcasts", "journeys") if row["protocol"] == "ARP"]
    most = max(journeys, key=lambda row: row["n_hops"])
    hops = hops_of("broadcasts", most["journey_id"])
    assert len({hop["point"] for hop in hops if hop["event"] == "delivered"}) > 1


def test_times_between_hops_add_up() -> None:
    for row in rows_of("slow-hop", "journeys"):
        hops = hops_of("slow-hop", row["journey_id"])
        assert sum(hop["latency_ns"] or 0 for hop in hops) == hops[-1]["ts_ns"] - hops[0]["ts_ns"]
        assert hops[0]["latency_ns"] is None


def test_a_dropped_packet_ends_with_its_drop() -> None:
    (drop, *_) = rows_of("acl-drop", "drops")
    last = hops_of("acl-drop", drop["journey_id"])[-1]
    assert last["event"] == "dropped"
    assert (last["drop_id"], last["drop_reason"]) == (drop["drop_id"], drop["drop_reason"])


def test_what_winnat_says_of_a_session_stands_on_the_hop_of_the_packet_that_made_it() -> None:
    """1001 and 1006 come before the translation, and are of the same hop."""
    with open_trace(ran("nat-web").recordings[0], use_cache=False) as trace:
        events = trace.table("events").to_pylist()
    made = {row["event_row"]: row["event_id"] for row in events if row["event_id"] in (1001, 1006)
            and row["provider_guid"] == winnat.GUID}  # fmt: skip
    assert made
    hop_of = {row: hop for hop in rows_of("nat-web", "hops") for row in hop["evidence"] if row in made}
    assert set(hop_of) == set(made)
    assert {(hop["kind"], hop["event"]) for hop in hop_of.values()} == {("nat", "translated")}


def test_the_rule_that_let_a_packet_pass_stands_on_its_hop() -> None:
    hops = [hop for hop in rows_of("l2bridge-pod", "hops") if hop["rule"] is not None]
    assert hops
    assert all(hop["event"] in ("received", "delivered") and "ALLOW_ALL" in hop["rule"] for hop in hops)


def test_no_event_makes_a_hop_of_its_own_by_letting_pass() -> None:
    for name in ("nat-web", "l2bridge-pod", "vfp-block"):
        assert not [hop for hop in rows_of(name, "hops") if hop["event"] == "noted"]


def test_the_rule_that_dropped_a_packet_stands_on_the_hop_where_it_was() -> None:
    """Of several events about a drop not all name it."""
    named = [hop for hop in rows_of("vfp-block", "hops") if hop["event"] == "dropped" and hop["rule"]]
    rules = {row["drop_id"]: row["rule"] for row in rows_of("vfp-block", "drops")}
    assert named
    assert all(hop["rule"] == rules[hop["drop_id"]] for hop in named)
