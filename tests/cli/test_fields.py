from __future__ import annotations

import json

from command_line import done, wnv
from wnv.sql.fields import fields


def test_all_fields_are_listed_with_type_and_meaning() -> None:
    rows = json.loads(done("fields", "--format", "json").out)
    assert [row["field"] for row in rows] == [field.name for field in fields()]
    assert all(row["type"] and row["meaning"] and row["tables"] for row in rows)
    assert len(done("fields").lines) == len(rows) + 1


def test_fields_are_found_by_a_word() -> None:
    names = [row["field"] for row in json.loads(done("fields", "VLAN", "--format", "json").out)]
    assert "vlan.id" in names
    assert "tcp.port" not in names
    assert wnv("fields", "nosuch").code == 2
