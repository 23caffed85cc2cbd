"""`wnv nat`."""

from __future__ import annotations

import json

from command_line import done, wnv
from lab_worlds import ran
from wnv.schema import NAT_SESSIONS


def test_sessions_stand_with_both_tuples() -> None:
    text = done("nat", ran("nat-web").recordings[0]).out
    assert "172.20.1.5:" in text
    assert "10.0.0.10:" in text


def test_programs_get_all_columns() -> None:
    rows = json.loads(done("nat", ran("nat-web").recordings[0], "--format", "json").out)
    assert list(rows[0]) == list(NAT_SESSIONS.names)


def test_it_is_said_where_there_is_none() -> None:
    ran_ = wnv("nat", ran("acl-drop").recordings[0])
    assert ran_.code == 0
    assert ran_.err
