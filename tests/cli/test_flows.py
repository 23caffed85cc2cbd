"""`wnv flows`."""

from __future__ import annotations

import json

from command_line import done, wnv
from lab_worlds import ran
from wnv.schema import FLOWS


def test_a_conversation_stands_once_with_both_sides_of_the_nat() -> None:
    lines = [line for line in done("flows", ran("nat-web").recordings[0]).lines if "TCP" in line]
    assert len(lines) == 1
    assert "172.20.1.5:" in lines[0]
    assert "10.0.0.10:" in lines[0]


def test_programs_get_all_columns() -> None:
    rows = json.loads(done("flows", ran("nat-web").recordings[0], "--format", "json").out)
    assert list(rows[0]) == list(FLOWS.names)


def test_a_filter_narrows_it() -> None:
    ran_ = wnv("flows", ran("nat-web").recordings[0], "-Y", "ip.addr == 1.2.3.4")
    assert ran_.code == 0
    assert "no conversation fits" in ran_.err
