"""NAT without a port left: stated by WinNat, or likely by pktmon's reason."""

from __future__ import annotations

from explained import explained, first


def test_winnat_says_that_no_port_was_left() -> None:
    found = first("nat-ports-exhausted")
    events = [explained("nat-ports-exhausted").events[row] for row in found.evidence]
    assert (found.rule, found.n) == ("nat_ports", 16)
    assert events == ["Microsoft-Windows-WinNat 1030", "Microsoft-Windows-WinNat 1033"]


def test_all_connections_that_got_none_are_counted() -> None:
    found = first("nat-ports-exhausted")
    assert {flow.who for flow in found.flows} == {"container crawler → 93.184.216.34"}
    assert len(found.flows) == 4


def test_pktmon_does_not_say_so_and_it_is_only_likely() -> None:
    found = first("nat-ports-exhausted", "pktmon")
    assert "most likely" in found.title
    assert found.confidence <= 0.7
