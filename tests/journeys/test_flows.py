"""Conversations: both directions, both sides of a NAT, each packet once."""

from __future__ import annotations

from collections import Counter

from stitched import rows_of


def test_both_directions_and_both_sides_are_one_conversation() -> None:
    (web,) = [row for row in rows_of("nat-web", "flows") if row["protocol"] == "TCP"]
    assert (web["src"], web["outside_src"]) == ("172.20.1.5", "10.0.0.10")
    assert web["n_packets"] > 0 < web["n_packets_back"]
    assert web["nat_id"] in {row["nat_id"] for row in rows_of("nat-web", "nat_sessions")}


def test_every_packet_counts_once() -> None:
    counted = Counter(row["flow_id"] for row in rows_of("nat-web", "journeys"))
    for row in rows_of("nat-web", "flows"):
        assert row["n_packets"] + row["n_packets_back"] == counted[row["flow_id"]]
        assert row["n_bytes"] > 0
        assert row["first_ns"] <= row["last_ns"]


def test_packets_lost_inside_the_host_are_counted() -> None:
    lost = Counter(row["flow_id"] for row in rows_of("silent-loss", "journeys") if row["outcome"] == "vanished")
    assert sum(lost.values()) > 0
    assert {row["flow_id"]: row["n_lost"] for row in rows_of("silent-loss", "flows") if row["n_lost"]} == dict(lost)


def test_a_handshake_is_timed() -> None:
    for row in rows_of("nat-web", "flows"):
        assert (row["handshake_ns"] is not None) == (row["protocol"] == "TCP")
        assert row["transit_ns"] is None or row["transit_ns"] > 0


def test_segments_sent_again_are_counted() -> None:
    again = sum(row["n_retransmissions"] for row in rows_of("silent-loss", "flows"))
    assert again >= 0
    assert sum(row["n_retransmissions"] for row in rows_of("nat-web", "flows")) == 0
