"""Instrumentation manifests, and the chunks in which a recording carries them."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_reader
from wnv.decode.description import EventDescription, FieldDescription, InType, OutType, Source, ValueMap
from wnv.decode.manifest import (
    MOST_BYTES,
    MOST_DEPTH,
    MOST_FIELDS,
    MOST_LAYOUTS,
    JoinedChunks,
    join_chunks,
    parse_manifest,
)
from wnv.decode.provider import Descriptions, ProviderEvents
from wnv.errors import WnvError

GUID = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"


def manifest(inside: str, *, strings: str = "", head: str = '<?xml version="1.0" encoding="utf-8"?>') -> str:
    """A manifest of one provider, with `inside` its element."""
    return (
        f'{head}<instrumentationManifest xmlns="http://schemas.microsoft.com/win/2004/08/events" '
        'xmlns:win="http://manifests.microsoft.com/win/2004/08/windows/events"><instrumentation><events>'
        f'<provider name="Contoso-Net" guid="{{{GUID.upper()}}}" symbol="CONTOSO">{inside}</provider>'
        "</events></instrumentation><localization>"
        f'<resources culture="de-DE"><stringTable><string id="map_one" value="Eins"/></stringTable></resources>'
        f'<resources culture="en-US"><stringTable>{strings}</stringTable></resources>'
        "</localization></instrumentationManifest>"
    )


def parsed(text: str) -> ProviderEvents:
    (provider,) = parse_manifest(text.encode())
    return provider


def fields_of(data: str, maps: str = "", strings: str = "") -> tuple[FieldDescription, ...]:
    """The fields of an event whose template holds `data`."""
    return event_of(f'<templates><template tid="T">{data}</template></templates>{maps}', strings=strings).fields


def event_of(inside: str, attributes: str = 'value="7" template="T"', *, strings: str = "") -> EventDescription:
    provider = parsed(manifest(f"<events><event {attributes}/></events>{inside}", strings=strings))
    found = Descriptions(provider, Source.EVENT_SOURCE).describe(7, 0)
    assert found is not None
    return found


# --- what a manifest says -----------------------------------------------------------------------------


def test_a_provider_has_its_name_guid_and_keywords() -> None:
    provider = parsed(
        manifest('<keywords><keyword name="Data" mask="0x10"/><keyword name="win:X" mask="2"/></keywords>')
    )
    assert (provider.name, provider.guid, provider.keywords) == ("Contoso-Net", GUID, {"Data": 16, "X": 2})


def test_an_event_has_symbol_level_task_opcode_and_keywords() -> None:
    event = event_of(
        '<levels><level name="Loud" value="17"/></levels>',
        'value="0x7" symbol="Sent" level="Loud" task="Transfer" opcode="win:Start" keywords="Data win:More"',
    )
    assert (event.name, event.level, event.task, event.opcode, event.keywords, event.fields) == (
        "Sent", 17, "Transfer", "Start", ("Data", "More"), (),
    )  # fmt: skip
    assert (event.source, event.provider, event.provider_name) == (Source.EVENT_SOURCE, GUID, "Contoso-Net")


def test_an_event_without_a_symbol_is_called_by_task_and_opcode() -> None:
    assert event_of("", 'value="7" task="Transfer" opcode="win:Start"').name == "Transfer/Start"


@pytest.mark.parametrize(("level", "number"), [("win:Error", 2), ("win:Verbose", 5), ("Unknown", None), ("", None)])
def test_levels_of_windows_need_not_be_in_the_manifest(level: str, number: int | None) -> None:
    assert event_of("", f'value="7" level="{level}"').level == number


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('inType="win:UInt32"', FieldDescription("A", InType.UINT32)),
        ('inType="win:AnsiString" outType="xs:string"', FieldDescription("A", InType.ANSI_STRING, OutType.STRING)),
        ('inType="win:UInt16" outType="win:Port"', FieldDescription("A", InType.UINT16, OutType.PORT)),
        ('inType="win:UInt32" outType="win:IPv4"', FieldDescription("A", InType.UINT32, OutType.IPV4)),
        ('inType="win:Binary" outType="win:IPv6"', FieldDescription("A", InType.BINARY, OutType.IPV6, 16)),
        ('inType="win:Binary" length="6"', FieldDescription("A", InType.BINARY, length=6)),
        ('inType="win:Binary"', FieldDescription("A", InType.BINARY)),
        ('inType="win:UInt32" outType="win:NTSTATUS"', FieldDescription("A", InType.UINT32, OutType.NTSTATUS)),
        ('inType="win:UInt32" outType="win:HResult"', FieldDescription("A", InType.UINT32, OutType.HRESULT)),
        ('inType="win:UInt32" outType="xs:unsignedInt"', FieldDescription("A", InType.UINT32)),
        ('inType="win:GUID" outType="xs:GUID"', FieldDescription("A", InType.GUID, OutType.GUID)),
        ('inType="win:SYSTEMTIME"', FieldDescription("A", InType.SYSTEMTIME)),
        ('inType="win:Pointer" count="3"', FieldDescription("A", InType.POINTER, count=3)),
        ('inType="win:CountedUnicodeString"', FieldDescription("A", InType.MANIFEST_COUNTED_STRING)),
    ],
)  # fmt: skip
def test_a_field_is_as_its_attributes_say(data: str, expected: FieldDescription) -> None:
    assert fields_of(f'<data name="A" {data}/>') == (expected,)


def test_lengths_and_counts_name_earlier_fields() -> None:
    found = fields_of(
        '<data name="N" inType="win:UInt16"/><data name="B" inType="win:Binary" length="N"/>'
        '<data name="L" inType="win:UnicodeString" count="N"/>'
    )
    assert [(one.name, one.length, one.count) for one in found] == [
        ("N", None, None),
        ("B", "N", None),
        ("L", None, "N"),
    ]


def test_members_of_a_structure_can_be_sized_by_fields_outside() -> None:
    _, hops = fields_of(
        '<data name="N" inType="win:UInt16"/><struct name="Hops" count="N">'
        '<data name="S" inType="win:UInt8"/><data name="X" inType="win:Binary" length="S"/>'
        '<data name="Y" inType="win:Binary" length="N"/></struct>'
    )
    assert (hops.in_type, hops.count) == (InType.STRUCT, "N")
    assert [(member.name, member.length) for member in hops.members] == [("S", None), ("X", "S"), ("Y", "N")]


@pytest.mark.parametrize(
    "data",
    [
        '<data name="A" inType="win:Novelty"/>',
        '<data name="A"/>',
        '<data name="A" inType="win:Binary" length="Later"/>',
        '<data name="A" inType="win:Binary" length="-1"/>',
        '<data name="A" inType="win:UInt8" count="99999999999"/>',
        '<struct name="A" count="2"></struct>',
    ],
)
def test_behind_a_field_that_cannot_be_read_all_is_unsure(data: str) -> None:
    found = fields_of(f'<data name="First" inType="win:UInt8"/>{data}<data name="Later" inType="win:UInt8"/>')
    assert found[1:] == (FieldDescription("A", InType.BINARY, is_unsure=True),)


def test_two_fields_of_one_name_get_different_names() -> None:
    found = fields_of('<data name="A" inType="win:UInt8"/><data name="A" inType="win:UInt16"/>')
    assert [one.name for one in found] == ["A", "A_2"]


def test_maps_have_the_words_of_the_english_strings_and_symbols_for_sentences() -> None:
    found = fields_of(
        '<data name="A" inType="win:UInt8" map="M"/><data name="B" inType="win:UInt8" map="F"/>',
        '<maps><valueMap name="M"><map value="1" message="$(string.map_one)"/>'
        '<map value="0x2" symbol="TWO" message="$(string.map_two)"/><map value="3" message="$(string.E.Three)"/>'
        '<map value="x" message="no number"/></valueMap>'
        '<bitMap name="F"><map value="0x80" message="$(string.map_one)"/></bitMap></maps>',
        '<string id="map_one" value="One"/><string id="map_two" value="This one is far too long for a word"/>',
    )
    assert [one.map for one in found] == [
        ValueMap("M", {1: "One", 2: "TWO", 3: "Three"}),
        ValueMap("F", {128: "One"}, is_bits=True),
    ]


def test_an_event_for_two_channels_keeps_both_layouts() -> None:
    provider = parsed(
        manifest(
            '<templates><template tid="T"><data name="A" inType="win:UInt8"/></template></templates>'
            '<events><event value="7" template="T"/><event value="7"/><event value="7" template="T"/></events>'
        )
    )
    (entry,) = provider.events
    assert [len(layout) for layout in entry.variants[0].layouts] == [1, 0]


@pytest.mark.parametrize("attributes", ['value="70000"', 'value="x"', 'version="1"', 'value="1" version="256"'])
def test_events_with_impossible_ids_are_left_out(attributes: str) -> None:
    assert parsed(manifest(f"<events><event {attributes}/></events>")).events == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_manifests_come_in_utf8_and_utf16(encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    text = manifest("", head=f'<?xml version="1.0" encoding="{name}"?>')
    assert parse_manifest(text.encode(encoding))[0].guid == GUID


# --- hostile input ------------------------------------------------------------------------------------

BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (manifest("", head=BOMB), "document type"),
        (manifest("", head='<!DOCTYPE x SYSTEM "file:///etc/passwd">'), "document type"),
        (manifest("&unknown;"), "not well-formed"),
        (manifest("")[:-5], "not well-formed"),
        ("", "not well-formed"),
        ("{}", "not well-formed"),
        ("<a/>", "no provider"),
        ("<instrumentationManifest/>", "no provider"),
        (manifest("").replace(GUID.upper(), "nonsense"), "GUID"),
        (manifest("<a>" * MOST_DEPTH + "</a>" * MOST_DEPTH), "too deep"),
        (manifest("<a/>" * 300_000), "too large"),
        (manifest("", head='<?xml version="1.0" encoding="no-such"?>'), "not well-formed"),
        (manifest("", head='<?xml version="1.0" encoding="shift_jis"?>'), "not well-formed"),
        (" " * MOST_BYTES + "<a/>", "too large"),
    ],
    ids=str.split("entities external unknown cut empty json other none guid deep wide encoding multibyte size"),
)
def test_what_is_no_plain_manifest_is_refused(data: str, text: str) -> None:
    with pytest.raises(WnvError, match=text):
        parse_manifest(data.encode())


def test_numbers_of_fields_and_layouts_are_bounded() -> None:
    found = fields_of("".join(f'<data name="f{n}" inType="win:UInt8"/>' for n in range(MOST_FIELDS + 1000)))
    assert len(found) == MOST_FIELDS + 1
    assert [field.is_unsure for field in found[-2:]] == [False, True]
    numbers = range(20)
    templates = "".join(f'<template tid="T{n}"><data name="a{n}" inType="win:UInt8"/></template>' for n in numbers)
    events = "".join(f'<event value="1" template="T{n}"/>' for n in numbers)
    (provider,) = parse_manifest(
        f"""<instrumentationManifest><instrumentation><events><provider name="P" guid="{{{GUID}}}">
        <templates>{templates}</templates><events>{events}</events></provider></events></instrumentation>
        </instrumentationManifest>""".encode()
    )
    assert len(provider.events[0].variants[0].layouts) == MOST_LAYOUTS


def test_structures_nest_only_so_far() -> None:
    nested = '<struct name="S">' * 12 + '<data name="A" inType="win:UInt8"/>' + "</struct>" * 12
    found = fields_of(nested)
    depth = 0
    while found[0].members:
        found, depth = found[0].members, depth + 1
    assert depth == 8
    assert found == (FieldDescription("S", InType.BINARY, is_unsure=True),)


SAMPLE = manifest(
    '<maps><valueMap name="M"><map value="1" message="One"/></valueMap></maps>'
    '<templates><template tid="T"><data name="N" inType="win:UInt16" map="M"/>'
    '<struct name="S" count="N"><data name="B" inType="win:Binary" length="N"/></struct></template></templates>'
    '<events><event value="7" template="T" level="win:Error"/></events>'
).encode()


@given(st.binary(max_size=300) | st.integers(0, len(SAMPLE)).map(lambda end: SAMPLE[:end]))
def test_no_bytes_make_it_fail_otherwise_than_with_our_error(data: bytes) -> None:
    with suppress(WnvError):
        parse_manifest(data)


@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255))
def test_no_changed_byte_makes_it_fail_otherwise(at: int, value: int) -> None:
    data = bytearray(SAMPLE)
    data[at] = value
    with suppress(WnvError):
        parse_manifest(bytes(data))


# --- chunks in the stream -----------------------------------------------------------------------------


def chunk(body: bytes, number: int = 0, total: int = 1, *, form: int = 1, version: int = 1, magic: int = 0x5B) -> bytes:
    return struct.pack("<4B2H", form, version, 0, magic, total, number) + body


def joined(*rows: tuple[int, str, bytes]) -> JoinedChunks:
    return join_chunks(rows)


def test_chunks_of_several_processes_and_providers_are_kept_apart() -> None:
    got = joined(
        (1, GUID, chunk(b"<a", 0, 2)), (2, GUID, chunk(b"<b", 0, 2)), (1, OTHER, chunk(b"<c/>")),
        (2, GUID, chunk(b"/>", 1, 2)), (1, GUID, chunk(b"/>", 1, 2)),
    )  # fmt: skip
    assert got == JoinedChunks(((OTHER, b"<c/>"), (GUID, b"<b/>"), (GUID, b"<a/>")), 0, 0)


def test_chunks_may_come_in_any_order_and_the_same_manifest_counts_once() -> None:
    rows = [(1, GUID, chunk(b"/>", 1, 2)), (1, GUID, chunk(b"<a", 0, 2))]
    assert joined(*rows, *rows) == JoinedChunks(((GUID, b"<a/>"),), 0, 0)


def test_a_manifest_that_starts_anew_drops_what_was_there() -> None:
    got = joined((1, GUID, chunk(b"<x", 0, 2)), (1, GUID, chunk(b"<a", 0, 2)), (1, GUID, chunk(b"/>", 1, 2)))
    assert got == JoinedChunks(((GUID, b"<a/>"),), 1, 0)


def test_a_manifest_without_its_last_chunk_is_counted_as_missing() -> None:
    assert joined((1, GUID, chunk(b"<a", 0, 2))) == JoinedChunks((), 0, 1)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\x01", chunk(b""), chunk(b"<a/>", magic=0x5A), chunk(b"<a/>", form=2), chunk(b"<a/>", 1, 1),
        chunk(b"<a/>", 0, 0),
    ],
)  # fmt: skip
def test_what_is_no_chunk_is_counted_as_bad(payload: bytes) -> None:
    assert joined((1, GUID, payload)) == JoinedChunks((), 1, 0)


def test_chunks_that_contradict_each_other_are_not_joined() -> None:
    got = joined((1, GUID, chunk(b"<a", 0, 2)), (1, GUID, chunk(b"/>", 1, 2, version=2)))
    assert got == JoinedChunks((), 1, 1)


def test_manifests_too_large_to_be_any_are_dropped_and_memory_stays_bounded() -> None:
    body = bytes(0xFF00)
    one = ((1, GUID, chunk(body, n, 400)) for n in range(400))
    assert join_chunks(one).manifests == ()
    many = ((pid, GUID, chunk(body + bytes([pid % 256, pid // 256]))) for pid in range(2000))
    assert sum(len(xml) for _, xml in join_chunks(many).manifests) <= 64 << 20


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_manifest_cut_into_chunks_comes_back_whole(parts: Sequence[bytes], chance: random.Random) -> None:
    rows = [(4, GUID, chunk(part, n, len(parts))) for n, part in enumerate(parts)]
    chance.shuffle(rows)
    assert joined(*rows) == JoinedChunks(((GUID, b"".join(parts)),), 0, 0)


def test_the_manifests_of_a_real_recording_are_read_whole(traces_dir: Path) -> None:
    events = slow_reader.read((traces_dir / "perfview-net452-x64.etl").read_bytes()).rows
    rows = ((event["pid"], event["provider"], event["payload"]) for event in events if event["event_id"] == 0xFFFE)
    got = join_chunks((pid or 0, provider or "", payload) for pid, provider, payload in rows)
    assert (got.n_bad, got.n_missing) == (0, 0)
    providers = [provider for _, xml in got.manifests for provider in parse_manifest(xml)]
    assert [provider.guid for provider in providers] == [guid for guid, _ in got.manifests]
    assert [(provider.name, len(provider.events)) for provider in providers] == [
        ("System.Threading.Tasks.TplEventSource", 12),
        ("System.Diagnostics.Eventing.FrameworkEventSource", 128),
        ("PerfView", 23),
    ]
    fields = [one for provider in providers for event in provider.events for one in event.variants[0].layouts[0]]
    assert not any(one.is_unsure for one in fields)
