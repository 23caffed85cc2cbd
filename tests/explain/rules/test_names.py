"""Names that a server does not know."""

from __future__ import annotations

from explained import explanation, recording_of

UNKNOWN = """
title = "A name that is not there"
story = "A VM asks for a name that the server does not know."
look_for = []
[[host]]
name = "SRV1"
nic = [{ name = "Ethernet", address = "10.0.0.10/24", gateway = "10.0.0.1" }]
switch = [{ name = "LAN", kind = "external", uplink = ["Ethernet"] }]
vm = [{ name = "app", switch = "LAN", address = "10.0.0.31" }]
[[peer]]
name = "dns"
address = "10.0.0.53"
serves = ["dns"]
[[traffic]]
kind = "dns"
source = "app"
server = "dns"
name = "no.such.example"
at_ms = 10.0
"""


def test_the_answer_of_the_server_is_told() -> None:
    (found,) = explanation(recording_of(UNKNOWN, "unknown-name")).verdict.findings
    assert (found.rule, found.weight.name) == ("names", "UNCERTAIN")
    assert found.title.startswith("10.0.0.53 answered: Standard query response")
    assert "No such name" in found.title
