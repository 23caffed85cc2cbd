from __future__ import annotations

import struct

import numpy as np
import pytest

from wnv.arrays import I64
from wnv.decode.columns import Decoded, decode_kind
from wnv.decode.description import EventDescription, FieldDescription, InType, OutType, Source, ValueMap
from wnv.decode.sentences import raw_text, render_sentences

Field = FieldDescription
U16, U32 = InType.UINT16, InType.UINT32


def decoded(template: str, fields: tuple[Field, ...], *payloads: bytes, name: str = "Ev") -> Decoded:
    event = EventDescription("p", 1, 0, name, fields, Source.CATALOG, summary=template)
    sizes = np.array([len(one) for one in payloads], np.int64)
    data = np.frombuffer(b"".join(payloads) or b"\0", np.uint8)
    return decode_kind(data, np.cumsum(sizes) - sizes, sizes, np.full(len(sizes), 8), event)


def line(template: str, fields: tuple[Field, ...], payload: bytes) -> str:
    (text,) = render_sentences(decoded(template, fields, payload))
    return text


PAIR = (Field("A", U16), Field("B", U16))


@pytest.mark.parametrize(
    ("template", "a", "b", "text"),
    [
        ("{A} to {B}", 1, 2, "1 to 2"),
        ("{A} to {B}", 0, 2, "0 to 2"),
        ("{A|B}", 0, 7, "7"),
        ("{A|B}", 3, 7, "3"),
        ("{A|B}", 0, 0, "0"),
        ("x[, a {A}][, b {B}]", 0, 5, "x, b 5"),
        ("x[, a {A} of {B}]", 4, 0, "x, a 4 of 0"),
    ],
)
def test_a_template_is_filled(template: str, a: int, b: int, text: str) -> None:
    assert line(template, PAIR, struct.pack("<2H", a, b)) == text


def test_empty_addresses_and_texts_say_nothing() -> None:
    fields = (
        Field("V4", U32, OutType.IPV4),
        Field("T", InType.UNICODE_STRING),
        Field("V6", InType.BINARY, OutType.IPV6, 16),
    )
    text = line("from {V4|V6}[, {T}]", fields, bytes(4) + bytes(2) + bytes(15) + b"\1")
    assert text == "from ::1"


def test_numbers_are_told_in_words() -> None:
    words = ValueMap("m", {2: "Blocked"})
    fields = (Field("Reason", U32, map=words), Field("Status", U32, OutType.NTSTATUS))
    assert (
        line("{Reason}: {Status}", fields, struct.pack("<2I", 2, 0xC0000022))
        == "Blocked: STATUS_ACCESS_DENIED (0xc0000022)"
    )


def test_without_a_template_the_fields_stand_one_after_the_other_without_lengths() -> None:
    fields = (Field("Size", U16), Field("Data", InType.BINARY, length="Size"), Field("X", U16))
    payload = struct.pack("<H3sH", 3, b"abc", 9)
    assert line("", fields, payload) == "Ev: Data=616263, X=9"


def test_six_bytes_look_like_a_mac_address() -> None:
    fields = (Field("Size", U16), Field("Value", InType.BINARY, length="Size"))
    assert line("at {Value}", fields, b"\6\0" + bytes.fromhex("00155d000001")) == "at 00:15:5d:00:00:01"


def test_a_sentence_that_misses_fields_is_not_said() -> None:
    assert line("{A} to {B}", PAIR, b"\1\0") == "Ev: A=1"
    assert line("only {A}", PAIR, b"\1\0") == "only 1"


def test_the_names_of_processes_stand_behind_their_ids() -> None:
    def names_of(ids: I64) -> list[str | None]:
        return ["a.exe" if one == 7 else None for one in ids.tolist()]

    both = decoded("by {P}", (Field("P", U32, OutType.PID),), struct.pack("<I", 7), struct.pack("<I", 8))
    assert render_sentences(both, names_of) == ["by 7 (a.exe)", "by 8"]


def test_an_event_about_a_process_says_its_name_once() -> None:
    fields = (Field("P", U32, OutType.PID), Field("ImageFileName", InType.ANSI_STRING))
    (text,) = render_sentences(
        decoded("{P} {ImageFileName}", fields, b"\7\0\0\0a.exe\0"), lambda ids: ["a.exe"] * len(ids)
    )
    assert text == "7 a.exe"


def test_an_ipv6_address_with_a_port_stands_in_brackets() -> None:
    fields = (Field("A", InType.BINARY, OutType.IPV6, 16), Field("P", U16))
    raw = bytes(15) + b"\1" + struct.pack("<H", 80)
    assert line("{A}:{P} {A}, {P}", fields, raw) == "[::1]:80 ::1, 80"


def test_long_texts_are_cut() -> None:
    text = line("{T}", (Field("T", InType.UNICODE_STRING),), ("x" * 60).encode("utf-16-le") + bytes(2))
    assert text == "x" * 47 + "…"


def test_braces_in_a_recording_are_not_places() -> None:
    assert line("{T} [{T}]", (Field("T", InType.ANSI_STRING),), b"{T}[x]\0") == "{T}[x] {T}[x]"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "no bytes"),
        (b"\1", "1 byte 01"),
        (bytes(24), "24 bytes " + "00" * 24),
        (bytes(25), "25 bytes " + "00" * 24 + "…"),
    ],
)
def test_raw_bytes(data: bytes, text: str) -> None:
    assert raw_text(data) == text
