"""Connections that somebody refused: a reset to a SYN, or ICMP."""

from __future__ import annotations

from explained import explanation, first, recording_of

NO_SERVICE = """
title = "Nothing listens"
story = "A VM asks another one for a page on a port where nothing listens."
look_for = []
[[host]]
name = "SRV1"
nic = [{ name = "Ethernet", address = "10.0.0.10/24", gateway = "10.0.0.1" }]
switch = [{ name = "LAN", kind = "external", uplink = ["Ethernet"] }]
vm = [
    { name = "app", switch = "LAN", address = "10.0.0.31" },
    { name = "db", switch = "LAN", address = "10.0.0.32", serves = ["http:80"] },
]
[[traffic]]
kind = "http"
source = "app"
to = "db"
port = 81
at_ms = 10.0
"""


def test_icmp_says_that_nobody_listens() -> None:
    found = first("multi-packet-nbls")
    assert (found.rule, found.title) == ("refused", "10.0.0.1 refuses: Destination unreachable (Port unreachable)")


def test_a_reset_to_a_syn_is_a_refusal_by_the_one_that_sent_it() -> None:
    found = explanation(recording_of(NO_SERVICE, "no-service")).verdict.findings[0]
    assert (found.rule, found.weight.name) == ("refused", "FAILED")
    assert found.title.startswith("10.0.0.32 refused the connection: TCP reset, first seen at VM db's port")
    assert found.flows[0].who == "VM app → VM db"
