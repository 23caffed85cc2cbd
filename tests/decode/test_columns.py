from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_decoder
from wnv.decode.columns import Decoded, Fit, decode_kind
from wnv.decode.description import EventDescription, FieldDescription, InType, OutType, Source, ValueMap
from wnv.errors import UsageError

Field = FieldDescription
GUARD = b"\xa5" * 5


def described(*fields: Field) -> EventDescription:
    return EventDescription("d1", 1, 0, "test", fields, Source.CATALOG)


def decode(fields: Sequence[Field], payloads: Sequence[bytes], pointers: Sequence[int] | int = 8) -> Decoded:
    """The payloads stand in one buffer with bytes that belong to nobody between them."""
    sizes = np.array([len(one) for one in payloads], np.int64)
    start = np.cumsum(sizes + len(GUARD)) - sizes
    data = np.frombuffer(GUARD + b"".join(one + GUARD for one in payloads), np.uint8)
    width = np.full(len(payloads), pointers) if isinstance(pointers, int) else np.array(pointers)
    return decode_kind(data, start, sizes, width, described(*fields))


def values(fields: Sequence[Field], *payloads: bytes, pointers: int = 8) -> list[dict[str, Any]]:
    return decode(fields, payloads, pointers).to_pylist()


def wide(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


# --- one type at a time -----------------------------------------------------------------------------------

U8, U16, U32, U64 = InType.UINT8, InType.UINT16, InType.UINT32, InType.UINT64
SID = bytes([1, 2, 0, 0, 0, 0, 0, 5]) + struct.pack("<2I", 32, 544)
IPV6 = bytes.fromhex("fe800000000000000000000000000001")


@pytest.mark.parametrize(
    ("field", "raw", "value", "text"),
    [
        (Field("x", InType.INT8), b"\xff", -1, "-1"),
        (Field("x", InType.INT64), struct.pack("<q", -5), -5, "-5"),
        (Field("x", U64), b"\xff" * 8, 2**64 - 1, "18446744073709551615"),
        (Field("x", InType.FLOAT), struct.pack("<f", 0.5), 0.5, "0.5"),
        (Field("x", InType.DOUBLE), struct.pack("<d", -0.25), -0.25, "-0.25"),
        (Field("x", InType.BOOLEAN), b"\2\0\0\0", True, "true"),
        (Field("x", U8, OutType.BOOLEAN), b"\0", False, "false"),
        (Field("x", U16, OutType.PORT), b"\x01\xbb", 443, "443"),
        (Field("x", U32, OutType.IPV4), bytes([10, 0, 0, 5]), "10.0.0.5", "10.0.0.5"),
        (Field("x", InType.BINARY, OutType.IPV6), IPV6, "fe80::1", "fe80::1"),
        (Field("x", InType.BINARY, OutType.IPV6, length=16), IPV6, "fe80::1", "fe80::1"),
        (Field("x", InType.BINARY, length=6), b"\0\x15\x5d\0\0\1", "00:15:5d:00:00:01", "00:15:5d:00:00:01"),
        (Field("x", InType.BINARY, length=3), b"\0\1\xff", "0001ff", "0001ff"),
        (Field("x", InType.BINARY), b"\0\1\xff\0", "0001ff00", "0001ff00"),
        (
            Field("x", InType.BINARY, OutType.SOCKET_ADDRESS, length=16),
            b"\2\0\0\x50" + bytes([10, 0, 0, 5]) + bytes(8),
            "10.0.0.5:80",
            "10.0.0.5:80",
        ),
        (
            Field("x", InType.BINARY, OutType.SOCKET_ADDRESS, length=28),
            b"\x17\0\1\xbb" + bytes(4) + IPV6 + b"\5\0\0\0",
            "[fe80::1%5]:443",
            "[fe80::1%5]:443",
        ),
        (Field("x", InType.GUID), bytes(range(16)), "03020100-0504-0706-0809-0a0b0c0d0e0f", None),
        (Field("x", InType.POINTER), b"\1\0\0\0\0\0\0\x80", 0x8000000000000001, "0x8000000000000001"),
        (Field("x", InType.SIZE_T), b"\1\0\0\0\0\0\0\0", 1, "1"),
        (Field("x", InType.FILETIME), struct.pack("<q", 116444736000000001), 100, "1970-01-01T00:00:00.000000100Z"),
        (Field("x", InType.FILETIME), bytes(8), None, None),
        (
            Field("x", InType.SYSTEMTIME),
            struct.pack("<8H", 2024, 2, 4, 29, 23, 59, 58, 7),
            1709251198007000000,
            "2024-02-29T23:59:58.007000000Z",
        ),
        (Field("x", InType.SYSTEMTIME), struct.pack("<8H", 2023, 2, 4, 29, 0, 0, 0, 0), None, None),
        (Field("x", InType.SID), SID, "S-1-5-32-544", "S-1-5-32-544"),
        (Field("x", InType.WBEM_SID), bytes(range(1, 17)) + SID, "S-1-5-32-544", "S-1-5-32-544"),
        (Field("x", InType.WBEM_SID), bytes(4), None, None),
        (Field("x", InType.HEX_INT32), b"\xff\0\0\0", 255, "0xff"),
        (Field("x", InType.INT32, OutType.HEX_INT32), b"\xff\xff\xff\xff", -1, "0xffffffff"),
        (Field("x", U32, OutType.NTSTATUS), b"\x22\0\0\xc0", 0xC0000022, "STATUS_ACCESS_DENIED (0xc0000022)"),
        (Field("x", U32, OutType.WIN32_ERROR), b"\x05\0\0\0", 5, "ERROR_ACCESS_DENIED (5)"),
        (Field("x", InType.INT32, OutType.HRESULT), b"\x05\0\x07\x80", -2147024891, "E_ACCESSDENIED (0x80070005)"),
        (Field("x", U8, map=ValueMap("m", {1: "In", 2: "Out"})), b"\2", 2, "Out"),
        (Field("x", U8, map=ValueMap("m", {1: "In", 2: "Out"})), b"\3", 3, "3"),
        (Field("x", U8, map=ValueMap("m", {1: "A", 2: "B"}, is_bits=True)), b"\7", 7, "A|B|0x4"),
        (Field("x", U16, OutType.STRING), b"A\0", "A", "A"),
        (Field("x", InType.UNICODE_CHAR), b"\xe9\0", "é", "é"),
        (Field("x", InType.ANSI_CHAR), b"z", "z", "z"),
        (Field("x", InType.UNICODE_STRING), wide("né😀"), "né😀", "né😀"),
        (Field("x", InType.UNICODE_STRING), b"a\0b\0", "ab", "ab"),
        (Field("x", InType.UNICODE_STRING), b"\0\xd8a\0\0\0", "\ufffda", "\ufffda"),
        (Field("x", InType.UNICODE_STRING, length=3), b"a\0\0\0z\0", "a", "a"),
        (Field("x", InType.ANSI_STRING), "né\0".encode(), "né", "né"),
        (Field("x", InType.ANSI_STRING), b"n\xe9\0", "né", "né"),
        (Field("x", InType.ANSI_STRING, length=4), b"ab\0z", "ab", "ab"),
        (Field("x", InType.MANIFEST_COUNTED_STRING), b"\4\0a\0\0\0", "a\0", "a\0"),
        (Field("x", InType.COUNTED_ANSI_STRING), b"\2\0ab", "ab", "ab"),
        (Field("x", InType.REVERSED_COUNTED_STRING), b"\0\2a\0", "a", "a"),
        (Field("x", InType.REVERSED_COUNTED_ANSI_STRING), b"\0\2ab", "ab", "ab"),
        (Field("x", InType.MANIFEST_COUNTED_BINARY), b"\2\0\1\2", "0102", "0102"),
        (Field("x", InType.HEX_DUMP), b"\2\0\0\0\1\2", "0102", "0102"),
        (Field("x", InType.NON_NULL_TERMINATED_STRING), b"a\0b\0", "ab", "ab"),
        (Field("x", InType.NON_NULL_TERMINATED_ANSI_STRING), b"ab", "ab", "ab"),
        (Field("x", InType.NULL), b"", None, None),
        (Field("x", U16, count=2), b"\1\0\2\0", [1, 2], "[1, 2]"),
        (Field("x", InType.ANSI_STRING, count=2), b"a\0b\0", ["a", "b"], "[a, b]"),
        (Field("x", U8, is_counted=True), b"\2\0\7\x08", [7, 8], "[7, 8]"),
    ],
)
def test_a_value_of_each_type(field: Field, raw: bytes, value: Any, text: str | None) -> None:
    got = decode([field], [raw, raw])
    assert got.fields["x"].to_pylist() == [value, value]
    assert got.fields["x"].shown() == ([text] * 2 if text is not None or value is None else [value] * 2)
    assert got.is_exact.all()
    assert slow_decoder.decode(raw, 8, [field]).values == {"x": value}


# --- how fields follow each other -------------------------------------------------------------------------


def test_fields_behind_a_string_are_found_in_every_event() -> None:
    fields = [Field("a", U8), Field("s", InType.UNICODE_STRING), Field("b", U16)]
    got = values(fields, b"\1" + wide("long") + b"\2\0", b"\3" + wide("") + b"\4\0")
    assert got == [{"a": 1, "s": "long", "b": 2}, {"a": 3, "s": "", "b": 4}]


def test_lengths_and_counts_come_from_fields_before() -> None:
    fields = [
        Field("n", U8),
        Field("raw", InType.BINARY, length="n"),
        Field("text", InType.UNICODE_STRING, length="n"),
        Field("many", U16, OutType.PORT, count="n"),
    ]
    got = values(fields, b"\2\xaa\xbb" + b"h\0i\0" + b"\0\x50\1\xbb", b"\0")
    assert got == [
        {"n": 2, "raw": "aabb", "text": "hi", "many": [80, 443]},
        {"n": 0, "raw": "", "text": "", "many": []},
    ]


def test_structures_nest_and_their_members_see_the_fields_around_them() -> None:
    inner = Field("inner", InType.STRUCT, is_counted=True, members=(Field("raw", InType.BINARY, length="n"),))
    outer = Field("outer", InType.STRUCT, count=2, members=(Field("k", U8), inner))
    one = Field("one", InType.STRUCT, members=(Field("a", U8), Field("b", U8)))
    got = values([Field("n", U8), outer, one], b"\1" + b"\7\2\0\xaa\xbb" + b"\x08\0\0" + b"\1\2")
    assert got == [
        {
            "n": 1,
            "outer": [{"k": 7, "inner": [{"raw": "aa"}, {"raw": "bb"}]}, {"k": 8, "inner": []}],
            "one": {"a": 1, "b": 2},
        }
    ]


def test_pointers_are_as_wide_as_each_events_own() -> None:
    fields = [Field("p", InType.POINTER), Field("s", InType.ANSI_STRING), Field("many", InType.SIZE_T, count=2)]
    wide_event = struct.pack("<Q", 9) + b"x\0" + struct.pack("<2Q", 1, 2)
    narrow_event = struct.pack("<I", 9) + b"x\0" + struct.pack("<2I", 1, 2)
    got = decode(fields, [wide_event, narrow_event, wide_event], [8, 4, 8])
    assert got.to_pylist() == [{"p": 9, "s": "x", "many": [1, 2]}] * 3
    assert got.is_exact.all()


def test_bytes_behind_the_last_field_are_counted_and_harm_nothing() -> None:
    got = decode([Field("a", U8)], [b"\1", b"\2zz"])
    assert got.to_pylist() == [{"a": 1}, {"a": 2}]
    assert got.n_left.tolist() == [0, 2]
    assert got.is_whole.all()


def test_a_cut_payload_delivers_the_fields_that_fit_and_is_marked() -> None:
    fields = [Field("a", U8), Field("b", U16), Field("s", InType.ANSI_STRING), Field("many", U16, count=3)]
    whole = b"\1\2\0x\0" + b"\7\0\x08\0\x09\0"
    got = decode(fields, [whole[:n] for n in (11, 10, 7, 6, 5, 4, 2, 0)])
    assert got.to_pylist() == [
        {"a": 1, "b": 2, "s": "x", "many": [7, 8, 9]},
        {"a": 1, "b": 2, "s": "x", "many": [7, 8]},
        {"a": 1, "b": 2, "s": "x", "many": [7]},
        {"a": 1, "b": 2, "s": "x", "many": None},
        {"a": 1, "b": 2, "s": "x", "many": None},
        {"a": 1, "b": 2, "s": None, "many": None},
        {"a": 1, "b": None, "s": None, "many": None},
        {"a": None, "b": None, "s": None, "many": None},
    ]
    assert got.fit.tolist() == [Fit.WHOLE] + [Fit.CUT] * 7


def test_a_length_larger_than_the_payload_or_negative_does_not_fit() -> None:
    fields = [Field("n", InType.INT64), Field("raw", InType.BINARY, length="n")]
    payloads = [struct.pack("<q", n) + b"ab" for n in (2, 3, -1, 2**40, -(2**63))]
    got = decode(fields, payloads)
    assert [row["raw"] for row in got.to_pylist()] == ["6162", None, None, None, None]
    assert got.is_whole.tolist() == [True, False, False, False, False]


def test_arrays_of_nothing_do_not_fill_the_memory() -> None:
    nothing = Field("none", InType.STRUCT, count="n", members=(Field("x", InType.NULL), Field("y", InType.NULL)))
    got = decode([Field("n", U32), nothing], [b"\xff\xff\xff\xff"])
    assert len(got.to_pylist()[0]["none"]) <= 32
    assert got.fit.tolist() == [Fit.CUT]


@pytest.mark.parametrize(
    "unknown",
    [
        Field("x", InType.BINARY),
        Field("x", InType.BINARY, length="nobody"),
        Field("x", U8, count="nobody"),
        Field("x", InType.STRUCT),
        Field("x", InType.STRUCT, count=1, members=(Field("y", InType.BINARY),)),
    ],
)
def test_decoding_stops_where_the_layout_is_not_known(unknown: Field) -> None:
    got = decode([Field("a", U8), unknown, Field("b", U8)], [b"\1\2\3"])
    row = got.to_pylist()[0]
    assert (row["a"], row["b"]) == (1, None)
    assert got.fit.tolist() == [Fit.UNKNOWN]
    assert got.unsure == ("x", "b")


def test_an_unknown_structure_that_is_not_there_stops_nothing() -> None:
    fields = [Field("n", U8), Field("x", InType.STRUCT, count="n"), Field("b", U8)]
    got = decode(fields, [b"\0\2", b"\1\2"])
    assert got.to_pylist() == [{"n": 0, "x": [], "b": 2}, {"n": 1, "x": None, "b": None}]
    assert got.fit.tolist() == [Fit.WHOLE, Fit.UNKNOWN]


def test_fields_behind_an_unsure_one_are_marked() -> None:
    got = decode([Field("a", U8), Field("b", U8, is_unsure=True), Field("c", U8)], [b"\1\2\3"])
    assert got.unsure == ("b", "c")
    assert got.is_exact.all()


def test_fields_of_one_name_are_told_apart_and_the_nearest_says_the_length() -> None:
    got = values([Field("n", U8), Field("n", U8), Field("raw", InType.BINARY, length="n")], b"\1\2ab")
    assert got == [{"n": 1, "n_2": 2, "raw": "6162"}]


def test_no_fields_and_no_events() -> None:
    assert decode([], [b"ab", b""]).to_pylist() == [{}, {}]
    assert decode([Field("s", InType.ANSI_STRING)], []).to_pylist() == []


def test_payloads_outside_the_data_are_refused() -> None:
    with pytest.raises(UsageError):
        decode_kind(np.zeros(4, np.uint8), np.array([2]), np.array([3]), np.array([8]), described())


def test_rows_can_be_taken_from_the_result() -> None:
    fields = [
        Field("a", U8),
        Field("s", InType.ANSI_STRING),
        Field("many", InType.STRUCT, is_counted=True, members=(Field("t", InType.ANSI_STRING),)),
        Field("raw", InType.BINARY),
    ]
    got = decode(fields, [b"\1x\0\1\0t\0zz", b"\2\0\0\0", b"\3yy\0\2\0u\0v\0", b"\4"])
    rows = got.to_pylist()
    assert got.take(np.array([2, 0])).to_pylist() == [rows[2], rows[0]]
    assert got.take(np.array([False, True, False, True])).to_pylist() == [rows[1], rows[3]]


# --- any description, any bytes ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """A description, and events with the values that were encoded."""

    fields: tuple[Field, ...]
    pointers: tuple[int, ...]
    payloads: tuple[bytes, ...]
    values: tuple[dict[str, Any], ...]


NUMBERS = {
    InType.INT8: "b", InType.UINT8: "B", InType.INT16: "h", InType.UINT16: "H", InType.INT32: "i",
    InType.UINT32: "I", InType.INT64: "q", InType.UINT64: "Q", InType.HEX_INT32: "I", InType.HEX_INT64: "Q",
}  # fmt: skip
texts = st.text(st.characters(codec="utf-16", exclude_characters="\0"), max_size=6)
blobs = st.binary(max_size=6)


@st.composite
def numbers(draw: st.DrawFn, code: str) -> int:
    bits = 8 * struct.calcsize(code)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if code.islower() else (0, (1 << bits) - 1)
    return draw(st.integers(low, high))


@st.composite
def simple_values(draw: st.DrawFn, kind: InType, pointer: int) -> tuple[bytes, Any]:
    """Bytes and value of a type that says by itself where it ends."""
    if kind in NUMBERS:
        number = draw(numbers(NUMBERS[kind]))
        return struct.pack("<" + NUMBERS[kind], number), number
    if kind is InType.POINTER:
        number = draw(st.integers(0, 2 ** (8 * pointer) - 1))
        return number.to_bytes(pointer, "little"), number
    if kind is InType.UNICODE_STRING:
        text = draw(texts)
        return wide(text), text
    if kind is InType.ANSI_STRING:
        text = draw(texts)
        return text.encode() + b"\0", text
    if kind is InType.MANIFEST_COUNTED_STRING:
        text = draw(texts)
        raw = text.encode("utf-16-le")
        return struct.pack("<H", len(raw)) + raw, text
    if kind is InType.REVERSED_COUNTED_ANSI_STRING:
        text = draw(texts)
        return struct.pack(">H", len(text.encode())) + text.encode(), text
    if kind is InType.MANIFEST_COUNTED_BINARY:
        raw = draw(blobs)
        return struct.pack("<H", len(raw)) + raw, raw.hex()
    if kind is InType.HEX_DUMP:
        raw = draw(blobs)
        return struct.pack("<I", len(raw)) + raw, raw.hex()
    if kind is InType.BOOLEAN:
        flag = draw(st.booleans())
        return struct.pack("<I", flag), flag
    if kind is InType.FILETIME:
        since = draw(st.integers(-(2**55), 2**55))
        return struct.pack("<q", since + 116444736000000000), since * 100
    assert kind is InType.SID
    parts = draw(st.lists(st.integers(0, 2**32 - 1), max_size=3))
    raw = bytes([1, len(parts), 0, 0, 0, 0, 0, 5]) + struct.pack(f"<{len(parts)}I", *parts)
    return raw, "-".join(["S-1-5", *map(str, parts)])


SIMPLE = [
    *NUMBERS, InType.POINTER, InType.UNICODE_STRING, InType.ANSI_STRING, InType.MANIFEST_COUNTED_STRING,
    InType.REVERSED_COUNTED_ANSI_STRING, InType.MANIFEST_COUNTED_BINARY, InType.HEX_DUMP, InType.BOOLEAN,
    InType.FILETIME, InType.SID,
]  # fmt: skip
SAYS_NUMBERS = (InType.UINT8, InType.UINT16, InType.INT32, InType.UINT64)


@st.composite
def layouts(draw: st.DrawFn, depth: int = 0) -> tuple[Field, ...]:
    """Fields with names f0, f1, …; lengths and counts of some are said by a field made for it."""
    fields: list[Field] = []
    for k in range(draw(st.integers(0 if depth == 0 else 1, 5))):
        shape = draw(st.sampled_from(["plain", "plain", "array", "counted", "said", "sized", "struct", "structs"]))
        kind = draw(st.sampled_from(SIMPLE))
        name = f"f{k}"
        if shape in ("said", "sized", "structs"):
            fields.append(Field(f"n{k}", draw(st.sampled_from(SAYS_NUMBERS))))
        if shape == "plain" or (shape in ("struct", "structs") and depth == 2):
            fields.append(Field(name, kind))
        elif shape == "array":
            fields.append(Field(name, kind, count=draw(st.integers(0, 3))))
        elif shape == "counted":
            fields.append(Field(name, kind, is_counted=True))
        elif shape == "said":
            fields.append(Field(name, kind, count=f"n{k}"))
        elif shape == "sized":
            fields.append(Field(name, draw(st.sampled_from([InType.BINARY, InType.UNICODE_STRING])), length=f"n{k}"))
        else:
            count = f"n{k}" if shape == "structs" else None
            fields.append(Field(name, InType.STRUCT, count=count, members=draw(layouts(depth + 1))))
    return tuple(fields)


@st.composite
def encodings(draw: st.DrawFn, fields: tuple[Field, ...], pointer: int) -> tuple[bytes, dict[str, Any]]:
    raw, found = b"", dict[str, Any]()
    said: dict[str, int] = {}
    for field in fields:
        wanted = next((one for one in fields if field.name in (one.count, one.length)), None)
        if wanted is not None:
            said[field.name] = draw(st.integers(0, 3))
            raw += struct.pack("<" + NUMBERS[field.in_type], said[field.name])
            found[field.name] = said[field.name]
        elif field.length is not None:
            n = said[str(field.length)]
            if field.in_type is InType.BINARY:
                part = draw(st.binary(min_size=n, max_size=n))
                raw, found[field.name] = raw + part, part.hex()
            else:
                text = draw(st.text(st.characters(max_codepoint=0xFF, exclude_characters="\0"), min_size=n, max_size=n))
                raw, found[field.name] = raw + text.encode("utf-16-le"), text
        elif field.count is not None or field.is_counted:
            n = draw(st.integers(0, 3))
            if field.is_counted:
                raw += struct.pack("<H", n)
            else:
                assert field.count is not None
                n = field.count if isinstance(field.count, int) else said[field.count]
            parts = [draw(_one(field, pointer)) for _ in range(n)]
            raw += b"".join(part for part, _ in parts)
            found[field.name] = [value for _, value in parts]
        else:
            part, found[field.name] = draw(_one(field, pointer))
            raw += part
    return raw, found


def _one(field: Field, pointer: int) -> st.SearchStrategy[tuple[bytes, Any]]:
    return encodings(field.members, pointer) if field.members else simple_values(field.in_type, pointer)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    fields = draw(layouts())
    pointers = draw(st.one_of(st.just((8, 8, 8)), st.lists(st.sampled_from([4, 8]), min_size=1, max_size=4).map(tuple)))
    events = [draw(encodings(fields, pointer)) for pointer in pointers]
    return Sample(fields, pointers, tuple(raw for raw, _ in events), tuple(found for _, found in events))


@given(samples())
def test_what_was_encoded_is_decoded(sample: Sample) -> None:
    got = decode(sample.fields, sample.payloads, sample.pointers)
    assert got.to_pylist() == list(sample.values)
    assert got.is_exact.all()


def agrees(fields: Sequence[Field], payloads: Sequence[bytes], pointers: Sequence[int]) -> None:
    got = decode(fields, payloads, pointers)
    slow = [slow_decoder.decode(raw, pointer, fields) for raw, pointer in zip(payloads, pointers, strict=True)]
    assert repr(got.to_pylist()) == repr([one.values for one in slow])  # repr: NaN is not equal to itself
    assert got.fit.tolist() == [one.fit for one in slow]
    assert got.n_left.tolist() == [one.n_left for one in slow]
    shown = got.fields.shown()
    assert len(shown) == len(payloads)


@given(samples(), st.data())
def test_cut_payloads_are_decoded_as_the_slow_decoder_does(sample: Sample, data: st.DataObject) -> None:
    cut = [raw[: data.draw(st.integers(0, len(raw)))] + data.draw(st.binary(max_size=3)) for raw in sample.payloads]
    agrees(sample.fields, cut, sample.pointers)


odd_names = st.sampled_from(["a", "b", "n", "", "very long name"])
odd_sizes = st.one_of(st.none(), st.none(), st.integers(0, 3), st.just(70), odd_names)


@st.composite
def odd_fields(draw: st.DrawFn, depth: int = 0) -> Field:
    """Anything that a description can say, sense or not."""
    kind = draw(st.sampled_from(list(InType)))
    return Field(
        draw(odd_names), kind, draw(st.sampled_from(list(OutType))), draw(odd_sizes), draw(odd_sizes),
        draw(st.sampled_from([False, False, False, True])),
        draw(st.sampled_from([None, None, ValueMap("m", {1: "one"})])),
        tuple(draw(st.lists(odd_fields(depth + 1), max_size=3))) if kind is InType.STRUCT and depth < 3 else (),
    )  # fmt: skip


payloads_of_any_kind = st.one_of(
    st.binary(max_size=60), st.lists(st.sampled_from([b"\0", b"\1", b"\2", b"a\0", b"\xff"]), max_size=40).map(b"".join)
)


@given(
    st.lists(odd_fields(), max_size=6),
    st.lists(st.tuples(payloads_of_any_kind, st.sampled_from([4, 8])), min_size=1, max_size=4),
)
def test_any_bytes_are_decoded_as_the_slow_decoder_does(fields: list[Field], events: list[tuple[bytes, int]]) -> None:
    agrees(fields, [raw for raw, _ in events], [pointer for _, pointer in events])
