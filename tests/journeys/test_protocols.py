"""Names of protocols."""

from __future__ import annotations

import pytest

from wnv.journeys.protocols import protocol_name
from wnv.journeys.sights import ARP, PROTOCOL_OF_ETHERTYPE


@pytest.mark.parametrize(
    ("number", "name"),
    [(6, "TCP"), (58, "ICMPv6"), (253, "IP protocol 253"), (ARP, "ARP"),
     (PROTOCOL_OF_ETHERTYPE | 0x9999, "EtherType 0x9999"), (PROTOCOL_OF_ETHERTYPE, "unknown"), (-1, None)],
)  # fmt: skip
def test_a_protocol_has_the_name_people_know(number: int, name: str | None) -> None:
    assert protocol_name(number) == name
