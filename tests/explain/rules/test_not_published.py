"""Ports that were never published: what WinNat leaves to the host, and the host has no use for."""

from __future__ import annotations

from explained import explained, first


def test_winnat_left_the_packets_to_the_host() -> None:
    found = first("no-port-mapping")
    assert found.rule == "not_published"
    assert "8081" in found.title
    assert "docker run -p 8081:PORT" in found.advice


def test_without_winnats_events_it_is_only_likely() -> None:
    assert first("no-port-mapping", "pktmon").confidence <= 0.6


def test_a_containers_own_firewall_is_not_taken_for_it() -> None:
    assert {one.rule for one in explained("firewall-block").verdict.findings} == {"dropped"}
