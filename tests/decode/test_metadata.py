from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.decode.description import FieldDescription, InType, OutType, Source, ValueMap
from wnv.decode.metadata import EVENT_INFO, INFOS_MAX, MAP_INFO, Metadata, parse_event_info, parse_map

PROVIDER = "4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac"
CLASS = "3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c"
STRUCT, LENGTH_FIELD, COUNT_FIELD, FIXED_COUNT = 0x01, 0x02, 0x04, 0x20
Field = FieldDescription


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    in_type: int
    out_type: int = 0
    flags: int = 0
    count: int = 1
    length: int = 0
    map: str = ""


def event_info(
    *properties: Property,
    n_top: int | None = None,
    event_id: int = 7,
    version: int = 1,
    opcode: int = 0,
    source: int = 0,
    task: str = "",
    opcode_name: str = "",
    keywords: Sequence[str] = (),
) -> bytes:
    """TRACE_EVENT_INFO as merging writes it (etl-format.md, section 9.4)."""
    texts = bytearray()
    start = 0x70 + 24 * len(properties)

    def put(text: str) -> int:
        if not text:
            return 0
        at = start + len(texts)
        texts.extend(text.encode("utf-16-le") + b"\0\0")
        return at

    rows = b"".join(
        struct.pack(
            "<2I2HI2HI", one.flags, put(one.name), one.in_type, one.out_type, put(one.map), one.count, one.length, 0
        )
        for one in properties
    )
    provider_at, task_at, opcode_at = put("Provider "), put(task), put(opcode_name)
    keywords_at = put(" \0".join(keywords) + " \0") if keywords else 0
    head = UUID(PROVIDER).bytes_le + UUID(CLASS).bytes_le
    head += struct.pack("<HBBBBHQ", event_id, version, 0, 4, opcode, 0, 0)
    head += struct.pack("<7I", source, provider_at, 0, 0, keywords_at, task_at, opcode_at) + bytes(6 * 4)
    head += struct.pack("<2I", len(properties), len(properties) if n_top is None else n_top) + bytes(4)
    return head + rows + bytes(texts)


def map_info(name: str, words: dict[int, str], flag: int = 1) -> bytes:
    texts = bytearray()
    start = 16 + 8 * len(words)

    def put(text: str) -> int:
        at = start + len(texts)
        texts.extend(text.encode("utf-16-le") + b"\0\0")
        return at

    name_at = put(name)
    rows = b"".join(struct.pack("<2I", put(word), value) for value, word in words.items())
    return UUID(PROVIDER).bytes_le + struct.pack("<4I", name_at, flag, len(words), 0) + rows + bytes(texts)


def test_a_description_says_all_that_the_structure_does() -> None:
    raw = event_info(
        Property("Size", 6, length=2),
        Property("Raw", 14, flags=LENGTH_FIELD, length=0),
        Property("Port", 6, 22),
        Property("Many", 8, flags=COUNT_FIELD, count=0),
        Property("Pair", 8, flags=FIXED_COUNT, count=2),
        Property("Text", 1, length=8),
        Property("Rows", 5, 2, flags=STRUCT | COUNT_FIELD, count=0),
        Property("A", 4),
        Property("B", 1),
        n_top=7,
        task="Task",
        opcode_name="Start",
        keywords=("One", "Two"),
    )
    # the structure's members are given by first index and number: let them be those behind the top
    raw = raw[: 0x70 + 6 * 24 + 8] + struct.pack("<2H", 7, 2) + raw[0x70 + 6 * 24 + 12 :]
    got = parse_event_info(raw)
    assert got is not None
    assert got.fields == (
        Field("Size", InType.UINT16),
        Field("Raw", InType.BINARY, length="Size"),
        Field("Port", InType.UINT16, OutType.PORT),
        Field("Many", InType.UINT32, count="Size"),
        Field("Pair", InType.UINT32, count=2),
        Field("Text", InType.UNICODE_STRING, length=8),
        Field(
            "Rows", InType.STRUCT, count="Size", members=(Field("A", InType.UINT8), Field("B", InType.UNICODE_STRING))
        ),
    )
    assert (got.provider, got.event_id, got.version, got.level) == (PROVIDER, 7, 1, 4)
    assert (got.name, got.task, got.opcode, got.provider_name) == ("Task/Start", "Task", "Start", "Provider")
    assert (got.keywords, got.source) == (("One", "Two"), Source.METADATA)


@pytest.mark.parametrize(("flag", "is_bits"), [(1, False), (2, True), (8, False), (16, True)])
def test_a_map_is_found_by_provider_and_name_whatever_comes_first(flag: int, is_bits: bool) -> None:
    metadata = Metadata()
    metadata.learn(EVENT_INFO, event_info(Property("x", 4, map="Words")))
    metadata.learn(MAP_INFO, map_info("Words ", {1: "one ", 2: "two"}, flag))
    got = metadata.describe(PROVIDER, 7, 1)
    assert got is not None
    assert got.fields[0].map == ValueMap("Words", {1: "one", 2: "two"}, is_bits)


def test_pattern_maps_are_no_maps_of_numbers() -> None:
    assert parse_map(map_info("Words", {1: "one"}, 4)) is None


def test_lengths_are_of_the_field_with_their_number_where_names_repeat() -> None:
    got = parse_event_info(
        event_info(
            Property("Size", 6), Property("Size", 6), Property("A", 14, flags=LENGTH_FIELD, length=0),
            Property("B", 14, flags=LENGTH_FIELD, length=1),
        )
    )  # fmt: skip
    assert got is not None
    assert [one.name for one in got.fields] == ["Size", "Size_2", "A", "B"]
    assert [one.length for one in got.fields[2:]] == ["Size", "Size_2"]


def test_two_descriptions_of_one_event_are_alternatives() -> None:
    metadata = Metadata()
    for kind in (4, 4, 6):
        metadata.learn(EVENT_INFO, event_info(Property("x", kind)))
    got = metadata.describe(PROVIDER, 7, 1)
    assert got is not None
    assert got.fields == (Field("x", InType.UINT8),)
    assert [one.fields for one in got.alternatives] == [(Field("x", InType.UINT16),)]


def test_classic_events_are_found_by_class_and_opcode() -> None:
    metadata = Metadata()
    metadata.learn(EVENT_INFO, event_info(Property("x", 4), source=1, opcode=10, event_id=0, version=2))
    assert metadata.describe(PROVIDER, 0, 2) is None
    got = metadata.describe_classic(CLASS, 10, 2)
    assert got is not None
    assert (got.event_id, got.fields) == (10, (Field("x", InType.UINT8),))


def test_structures_that_hold_themselves_are_refused() -> None:
    assert parse_event_info(event_info(Property("s", 0, 1, flags=STRUCT))) is None


def test_structures_that_share_their_members_again_and_again_are_refused() -> None:
    # each of 40 structures holds the next twice: 2 ** 40 fields
    doubled = [Property("s", k + 1, 1, flags=STRUCT, count=2) for k in range(6)]
    fan = [Property("s", 100, 100, flags=STRUCT) for _ in range(100)] + [Property("a", 4) for _ in range(100)]
    assert parse_event_info(event_info(*doubled, Property("a", 4))) is not None
    assert parse_event_info(event_info(*fan, n_top=100)) is None


@pytest.mark.parametrize(
    "raw",
    [b"", bytes(0x6F), event_info(Property("x", 4))[:0x80], event_info(n_top=1), event_info()[:0x64] + b"\xff" * 12],
)
def test_what_is_no_description_is_none(raw: bytes) -> None:
    assert parse_event_info(raw) is None


def test_a_type_of_a_windows_to_come_is_marked() -> None:
    got = parse_event_info(event_info(Property("x", 77)))
    assert got is not None
    assert got.fields[0].is_unsure


def test_what_cannot_be_read_is_counted_and_their_number_is_bounded() -> None:
    metadata = Metadata()
    for raw in (b"", bytes(20)):
        metadata.learn(EVENT_INFO, raw)
        metadata.learn(MAP_INFO, raw)
    metadata.learn(0x40, b"")
    assert metadata.n_bad == 4
    for number in range(INFOS_MAX + 5):
        metadata.learn(EVENT_INFO, event_info(event_id=number & 0xFFFF, version=number >> 16))
    assert len(metadata) == INFOS_MAX
    assert metadata.n_bad == 9


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_are_read_or_refused(noise: bytes, at: int) -> None:
    for raw in (noise, event_info(Property("x", 4), Property("s", 0, 1, flags=STRUCT, map="m"))):
        broken = raw[:at] + noise + raw[at + len(noise) :]
        parse_event_info(broken)
        parse_map(broken)
    parse_map(map_info("m", {1: "a", 2: "b"})[:at] + noise)
