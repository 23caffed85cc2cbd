"""`wnv drops`."""

from __future__ import annotations

import json

from command_line import done, wnv
from lab_worlds import ran
from stitched import rows_of
from wnv.schema import DROPS


def test_drops_are_grouped_with_the_rule_and_advice() -> None:
    text = done("drops", ran("acl-drop").recordings[0]).out
    drops = rows_of("acl-drop", "drops")
    assert drops[0]["drop_reason"] in text
    assert drops[0]["rule"] in text
    assert drops[0]["advice"].split()[0] in text


def test_each_is_a_line_where_asked_for() -> None:
    lines = done("drops", ran("acl-drop").recordings[0], "--each").lines
    assert sum("filtered" in line for line in lines) == len(rows_of("acl-drop", "drops"))


def test_programs_get_each_with_all_columns() -> None:
    rows = json.loads(done("drops", ran("acl-drop").recordings[0], "--format", "json").out)
    assert list(rows[0]) == list(DROPS.names)
    assert len(rows) == len(rows_of("acl-drop", "drops"))
    groups = json.loads(done("drops", ran("acl-drop").recordings[0], "--group", "--format", "json").out)
    assert sum(row["n_drops"] for row in groups) == len(rows)


def test_it_is_said_where_nothing_was_dropped() -> None:
    ran_ = wnv("drops", ran("nat-web").recordings[0])
    assert ran_.code == 0
    assert "drop" in ran_.err
