from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_reader
from wnv.decode.description import FieldDescription, InType, OutType, Source
from wnv.decode.tracelogging import DEPTH_MAX, SCHEMA_BYTES_MAX, Schemas, parse_schema

Field = FieldDescription


def schema(*fields: bytes, name: bytes = b"Event", tags: bytes = b"\0") -> bytes:
    body = tags + name + b"\0" + b"".join(fields)
    return struct.pack("<H", len(body) + 2) + body


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a\0\x08", Field("a", InType.UINT32)),
        (b"a\0\x84\x03", Field("a", InType.UINT8, OutType.BOOLEAN)),
        (b"a\0\x86\x07", Field("a", InType.UINT16, OutType.PORT)),
        (b"a\0\x88\x08", Field("a", InType.UINT32, OutType.IPV4)),
        (b"a\0\x84\x04", Field("a", InType.UINT8, OutType.HEX_INT8)),
        (b"a\0\x8a\x04", Field("a", InType.UINT64, OutType.HEX_INT64)),
        (b"a\0\x87\x0e", Field("a", InType.INT32, OutType.NTSTATUS)),
        (b"a\0\x0d", Field("a", InType.BOOLEAN)),
        (b"a\0\x0e", Field("a", InType.MANIFEST_COUNTED_BINARY)),
        (b"a\0\x17", Field("a", InType.MANIFEST_COUNTED_ANSI_STRING)),
        (b"a\0\x88\x80\x81\x82\x03", Field("a", InType.UINT32)),  # three bytes of tags
        (b"a\0\x28\3\0", Field("a", InType.UINT32, count=3)),
        (b"a\0\x48", Field("a", InType.UINT32, is_counted=True)),
        (b"a\0\x68\2\0xy", Field("a", InType.MANIFEST_COUNTED_BINARY)),  # custom: its own type information
        ("é\0\x01".encode(), Field("é", InType.UNICODE_STRING)),
        (b"s\0\x98\0", Field("s", InType.NULL)),  # a structure without members
    ],
)
def test_a_field_of_each_form(raw: bytes, expected: Field) -> None:
    got = parse_schema(schema(raw), "d1")
    assert got is not None
    assert got.fields == (expected,)


def test_structures_take_the_fields_behind_them() -> None:
    got = parse_schema(
        schema(b"s\0\xd8\2", b"a\0\x04", b"t\0\x98\1", b"b\0\x06", b"c\0\x08", tags=b"\x81\x82\0"),
        "d1",
        provider_name="P",
        event_id=7,
    )
    assert got is not None
    inner = Field("t", InType.STRUCT, members=(Field("b", InType.UINT16),))
    members = (Field("a", InType.UINT8), inner)
    assert got.fields == (Field("s", InType.STRUCT, is_counted=True, members=members), Field("c", InType.UINT32))
    assert (got.name, got.provider_name, got.event_id, got.source) == ("Event", "P", 7, Source.TRACELOGGING)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x05",
        b"\xff\xff\0name",
        schema(b"a\0"),
        schema(b"a\0\x10"),  # a type that does not exist
        schema(b"a\0\x28\3"),
        schema(b"a\0\x68\xff\0xy"),
        schema(b"s\0\x98\2", b"a\0\x04"),
        schema(b"s\0\x98\1" * (DEPTH_MAX + 2), b"a\0\x04"),
        schema(*[b"\0\x04"] * 5000),
    ],
)
def test_what_is_no_schema_is_none(raw: bytes) -> None:
    assert parse_schema(raw, "d1") is None


@given(st.binary(max_size=80))
def test_any_bytes_are_a_schema_or_none(raw: bytes) -> None:
    parse_schema(raw, "d1")
    parse_schema(schema(raw), "d1")


def test_a_schema_is_parsed_once_for_each_provider() -> None:
    schemas, raw = Schemas(), schema(b"a\0\x04")
    assert schemas.describe(raw, "d1") is schemas.describe(raw, "d1")
    assert schemas.describe(raw, "d2") is not schemas.describe(raw, "d1")


def test_very_many_schemas_are_not_kept_but_all_described() -> None:
    schemas = Schemas()
    for number in range(40):
        raw = schema(b"".join(b"%04d%04d\0\x04" % (number, k) for k in range(2000)))
        description = schemas.describe(raw, "d1")
        assert description is not None
        assert len(description.fields) == 2000
        assert len(schemas) * len(raw) <= SCHEMA_BYTES_MAX + 2 * len(raw)


@pytest.mark.parametrize("name", ["tracelogging-amsi.etl", "tracelogging-primitive-types.etl"])
def test_every_schema_of_a_real_recording_is_understood(traces_dir: Path, name: str) -> None:
    rows = slow_reader.read((traces_dir / name).read_bytes()).rows
    raws = [raw for row in rows for kind, raw in row["items"] if kind == 11]
    assert raws
    assert all(parse_schema(raw, "d1") is not None for raw in raws)
