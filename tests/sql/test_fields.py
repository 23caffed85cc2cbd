from __future__ import annotations

import re
import subprocess
from pathlib import Path

from wnv.schema import TABLES
from wnv.sql.fields import ROOTS, Type, fields, find_field

OURS = {"nvgre.vsid", "vni", "protocol", "info"}
"""Fields of frames that Wireshark does not have."""
THEIR_TYPES = {
    Type.INTEGER: {"FT_UINT8", "FT_UINT16", "FT_UINT24", "FT_UINT32"}, Type.FLAG: {"FT_BOOLEAN"},
    Type.TEXT: {"FT_STRING", "FT_STRINGZ"}, Type.IPV4: {"FT_IPv4"}, Type.IPV6: {"FT_IPv6"}, Type.MAC: {"FT_ETHER"},
    Type.TIME: {"FT_ABSOLUTE_TIME"}, Type.DURATION: {"FT_RELATIVE_TIME", "FT_ABSOLUTE_TIME"},
}  # fmt: skip


def test_every_source_is_a_column_of_its_table() -> None:
    columns = {table.name: set(table.names) for table in TABLES}
    for field in fields():
        for source in (source for variant in field.variants for source in variant):
            for table, column in re.findall(r"\b([a-z_]+)\.([a-z_0-9]+)", f"{source.sql} {source.guard}"):
                assert column in columns[table], f"{field.name}: {table}.{column}"


def test_every_field_says_what_it_is() -> None:
    for field in fields():
        assert field.text.endswith((".", "…")), field.name
        assert field.variants
        assert field.maximum is not None or field.type is not Type.INTEGER, field.name


def test_fields_are_found_by_name() -> None:
    names = [field.name for field in fields()]
    assert names == sorted(set(names))
    assert all(find_field(name) is not None for name in names)
    assert find_field("nosuch") is None


def test_every_table_that_can_be_filtered_knows_its_session() -> None:
    session = find_field("session")
    assert session is not None
    assert {source.table for variant in session.variants for source in variant} == set(ROOTS)


def test_fields_of_frames_are_called_as_tshark_calls_them(tshark: Path) -> None:
    listed = subprocess.run([str(tshark), "-G", "fields"], capture_output=True, text=True, encoding="utf-8", check=True)
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    protocols = {row[2] for row in rows if row[0] == "P"}
    types: dict[str, set[str]] = {}
    for row in rows:
        if row[0] == "F":
            types.setdefault(row[2], set()).add(row[3])
    for field in fields():
        is_theirs = field.variants[0][0].table == "frames" or field.name.startswith("frame.")
        if not is_theirs or field.name in OURS:
            continue
        if field.type in (Type.PROTOCOL, Type.BYTES):
            assert field.name in protocols
        else:
            assert types[field.name] & THEIR_TYPES[field.type], field.name
