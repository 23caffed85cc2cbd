from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_decoder
from etl_writer import Event, TraceSpec, build, event_header, full_header, message, perfinfo, system
from recordings import save
from wnv.arrays import I64
from wnv.decode import classic
from wnv.decode.catalog import Catalog
from wnv.decode.columns import Decoded
from wnv.decode.decoder import Decoder, Form, Reason
from wnv.decode.description import EventDescription, FieldDescription, InType, Source
from wnv.decode.metadata import CLASS
from wnv.decode.values import Value
from wnv.diagnostics import Code, Log
from wnv.etl.events import Events
from wnv.etl.reader import Recording

PROVIDER = "11111111-2222-3333-4444-555555555555"
Field = FieldDescription
U8, U16 = InType.UINT8, InType.UINT16


@dataclass(slots=True)
class Known:
    """A catalog with what a test needs."""

    descriptions: list[EventDescription] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    def describe(self, provider: str, event_id: int, version: int, *, build: int) -> EventDescription | None:
        self.asked.append(build)
        wanted = provider, event_id, version
        return next((one for one in self.descriptions if (one.provider, one.event_id, one.version) == wanted), None)


def described(*fields: Field, event_id: int = 1, alternatives: tuple[EventDescription, ...] = ()) -> EventDescription:
    return EventDescription(
        PROVIDER, event_id, 0, "Known", fields, Source.CATALOG, summary="{a}", alternatives=alternatives
    )


@dataclass(slots=True)
class Got:
    rows: dict[int, dict[str, Value]]
    """Values by row, of the events that were decoded."""
    sources: dict[int, Source]
    names: dict[int, str]
    decoder: Decoder
    log: Log

    def undecoded(self) -> list[tuple[Form, int, Reason, int]]:
        return [(one.form, one.event_id, one.reason, one.count) for one in self.decoder.undecoded()]


def decode_file(path: Path, catalog: Known | None = None) -> Got:
    log = Log()
    decoder = Decoder(20348, catalog, log)
    got = Got({}, {}, {}, decoder, log)
    with Recording([path], log) as recording:
        recording.scan(decoder.learn)
        for piece in recording.slices():
            seen = np.zeros(len(piece.events), np.int64)
            for description, rows, decoded in decoder.kinds(piece):
                seen[rows] += 1
                assert (np.diff(rows) > 0).all()
                if description is None or decoded is None:
                    continue
                assert decoded.description == description
                for row, value in zip(rows.tolist(), decoded.to_pylist(), strict=True):
                    got.rows[piece.first_row + row] = value
                    got.sources[piece.first_row + row] = description.source
                    got.names[piece.first_row + row] = description.name
            assert (seen == 1).all()
    return got


def decode_events(folder: Path, events: Sequence[Event], catalog: Known | None = None) -> Got:
    return decode_file(save(folder, build(TraceSpec(), events)), catalog)


T0 = TraceSpec().t0


def known_event(payload: bytes, *, at: int = 1, event_id: int = 1, bits: int = 64) -> Event:
    return event_header(provider=PROVIDER, id=event_id, ticks=T0 + at, payload=payload, bits=bits)


def schema(name: bytes, *fields: bytes) -> bytes:
    body = b"\0" + name + b"\0" + b"".join(fields)
    return struct.pack("<H", len(body) + 2) + body


# --- which description ------------------------------------------------------------------------------------


class ByBuild:
    """A catalog in which the field of an event got another name with a new Windows."""

    def describe(self, provider: str, event_id: int, version: int, *, build: int) -> EventDescription | None:
        return described(Field("new" if build >= 20348 else "old", U8))


def test_each_of_several_hosts_is_read_by_its_own_windows(tmp_path: Path) -> None:
    first = TraceSpec(boot_time=TraceSpec().boot_time - 10**9, build=17763)
    paths = []
    for value, name, spec in ((1, "a.etl", first), (2, "b.etl", TraceSpec())):
        events = [known_event(bytes([one]), at=value) for one in (value, value + 2)]
        paths.append(save(tmp_path, build(spec, events), name))
    with Recording(paths, Log()) as recording:
        recording.scan()
        decoder = Decoder([17763, 20348], ByBuild(), Log(), recording.session_of_buffer)
        found = [
            (rows.tolist(), decoded.to_pylist())
            for piece in recording.slices()
            for description, rows, decoded in decoder.kinds(piece)
            if description is not None and decoded is not None
        ]
    values = [value for _, values in found for value in values]
    assert values == [{"old": 1}, {"old": 3}, {"new": 2}, {"new": 4}]
    assert all(rows == sorted(rows) for rows, _ in found)


def test_the_catalog_describes_what_the_recording_does_not(tmp_path: Path) -> None:
    catalog = Known([described(Field("a", U8), Field("p", InType.POINTER))])
    events = [known_event(b"\1" + bytes(8)), known_event(b"\2" + bytes(4), at=2, bits=32)]
    got = decode_events(tmp_path, events, catalog)
    assert list(got.rows.values()) == [{"a": 1, "p": 0}, {"a": 2, "p": 0}]
    assert set(got.sources.values()) == {Source.CATALOG}
    assert set(catalog.asked) == {20348}


def test_the_events_own_schema_is_the_best(tmp_path: Path) -> None:
    traits = struct.pack("<H", 7) + b"Prov\0"
    items = [(12, traits), (11, schema(b"Own", b"x\0\x04"))]
    other = [(11, schema(b"Other", b"y\0\x06"))]
    events = [
        event_header(provider=PROVIDER, id=1, ticks=T0 + 1, payload=b"\7", items=items),
        event_header(provider=PROVIDER, id=1, ticks=T0 + 2, payload=b"\7\0", items=other),
        event_header(provider=PROVIDER, id=1, ticks=T0 + 3, payload=b"\x08", items=items),
        event_header(provider=PROVIDER, id=1, ticks=T0 + 4, payload=b"\x08", items=[(11, b"broken")]),
    ]
    got = decode_events(tmp_path, events, Known([described(Field("a", U8))]))
    assert [got.rows[row] for row in sorted(got.rows)] == [{"x": 7}, {"y": 7}, {"x": 8}]
    assert sorted(got.names.values()) == ["Other", "Own", "Own"]
    assert got.undecoded() == [(Form.TRACELOGGING, 1, Reason.SCHEMA_INVALID, 1)]


MANIFEST = f"""<instrumentationManifest xmlns="http://schemas.microsoft.com/win/2004/08/events"><instrumentation><events>
<provider name="Mine" guid="{{{PROVIDER}}}" symbol="Mine"><templates><template tid="T">
<data name="a" inType="win:UInt8"/><data name="b" inType="win:UInt8"/></template></templates>
<events><event value="1" version="0" template="T" symbol="Ev"/></events></provider></events></instrumentation>
</instrumentationManifest>"""


def chunk(number: int, n: int, body: bytes, at: int) -> Event:
    head = struct.pack("<4B2H", 1, 1, 0, 0x5B, n, number)
    return event_header(
        provider=PROVIDER, id=0xFFFE, version=1, task=0xFFFE, opcode=0xFE, ticks=T0 + at, payload=head + body
    )


def test_a_manifest_in_the_stream_describes_the_events_before_it_too(tmp_path: Path) -> None:
    raw = MANIFEST.encode()
    events = [known_event(b"\1\2"), chunk(0, 2, raw[:100], 2), chunk(1, 2, raw[100:], 3)]
    got = decode_events(tmp_path, events, Known([described(Field("a", U8))]))
    assert list(got.rows.values()) == [{"a": 1, "b": 2}]
    assert set(got.sources.values()) == {Source.EVENT_SOURCE}
    assert got.undecoded() == []


def test_manifests_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    got = decode_events(tmp_path, [known_event(b"\1"), chunk(0, 1, b"<!DOCTYPE x><y/>", 2)])
    assert got.log.has(Code.DESCRIPTION_INVALID)
    assert got.undecoded() == [(Form.MANIFEST, 1, Reason.NO_DESCRIPTION, 1)]


def event_info(name: str, provider: str = PROVIDER, event_id: int = 1) -> bytes:
    """TRACE_EVENT_INFO of an event with one UINT8 field."""
    from uuid import UUID

    text = name.encode("utf-16-le") + b"\0\0"
    head = UUID(provider).bytes_le + bytes(16) + struct.pack("<HBBBBHQ", event_id, 0, 0, 0, 0, 0, 0)
    head += bytes(0x34) + struct.pack("<3I", 1, 1, 0)
    return head + struct.pack("<2I2HI2HI", 0, 0x70 + 24, 4, 0, 0, 1, 1, 0) + text


def test_metadata_that_merging_added_comes_with_our_words_where_the_fields_agree(tmp_path: Path) -> None:
    info = full_header(CLASS, 0x20, ticks=T0 + 5, payload=event_info("a"))
    got = decode_events(tmp_path, [known_event(b"\1"), info], Known([described(Field("a", U16))]))
    assert list(got.rows.values()) == [{"a": 1}]
    assert set(got.sources.values()) == {Source.METADATA}
    description = got.decoder.describe(PROVIDER, 1, 0)
    assert description is not None
    assert (description.name, description.summary) == ("Known", "{a}")
    assert got.undecoded() == []


def test_our_words_need_no_more_than_their_own_fields(tmp_path: Path) -> None:
    dns = "1c95126e-7eea-49a9-a3fe-a378b03ddb4d"
    info = full_header(CLASS, 0x20, ticks=T0 + 5, payload=event_info("QueryName", dns, 3015))
    got = decode_events(tmp_path, [event_header(provider=dns, id=3015, ticks=T0 + 1, payload=b"\1"), info])
    description = got.decoder.describe(dns, 3015, 0)
    assert description is not None
    assert (description.source, description.summary) == (Source.METADATA, "Query {QueryName} canceled")


def test_kernel_events_are_known_by_hook_id_and_by_class(tmp_path: Path) -> None:
    payload = struct.pack("<2I", 42, 5) + bytes([10, 0, 0, 1]) * 2 + struct.pack(">2H", 53, 99) + bytes(12)
    events = [
        system(0x080A, ticks=T0 + 1, payload=payload),
        full_header(classic.UDPIP, 10, ticks=T0 + 2, version=2, payload=payload),
        perfinfo(0x0F2E, ticks=T0 + 3, payload=bytes(16)),
        message(7, guid=PROVIDER, ticks=T0 + 4),
    ]
    got = decode_events(tmp_path, events)
    assert [row["dport"] for row in got.rows.values()] == [53, 53]
    assert sorted(got.undecoded()) == [
        (Form.KERNEL, 0x0F2E, Reason.NO_DESCRIPTION, 1),
        (Form.WPP, 7, Reason.WPP, 1),
    ]


# --- what fits --------------------------------------------------------------------------------------------


def test_events_that_do_not_fit_take_the_alternative_that_does(tmp_path: Path) -> None:
    older = described(Field("a", U8), Field("old", U8))
    oldest = described(Field("oldest", U8))
    catalog = Known([described(Field("a", U8), Field("b", U16), alternatives=(older, oldest))])
    payloads = [b"\1\2\0", b"\1\2", b"\1", b"", b"\1\2\0\7"]
    got = decode_events(tmp_path, [known_event(raw, at=k) for k, raw in enumerate(payloads)], catalog)
    rows = [got.rows[row] for row in sorted(got.rows)]
    assert rows == [
        {"a": 1, "b": 2},
        {"a": 1, "old": 2},
        {"oldest": 1},
        {"a": None, "b": None},
        {"a": 1, "b": 2},
    ]
    assert got.undecoded() == [(Form.MANIFEST, 1, Reason.CUT, 1)]


def test_unknown_layouts_are_counted_as_such(tmp_path: Path) -> None:
    catalog = Known([described(Field("a", U8), Field("x", InType.STRUCT), Field("b", U8))])
    got = decode_events(tmp_path, [known_event(b"\1\2\3")], catalog)
    assert list(got.rows.values()) == [{"a": 1, "x": None, "b": None}]
    assert got.undecoded() == [(Form.MANIFEST, 1, Reason.UNKNOWN_LAYOUT, 1)]


def test_counts_begin_anew_with_each_second_pass(tmp_path: Path) -> None:
    got = decode_events(tmp_path, [known_event(b"\1")])
    got.decoder.begin()
    assert got.undecoded() == []


def test_many_kinds_are_told_apart(tmp_path: Path) -> None:
    events = [known_event(bytes([k]), at=k, event_id=k % 40) for k in range(80)]
    catalog = Known([described(Field("a", U8), event_id=k) for k in range(40)])
    got = decode_events(tmp_path, events, catalog)
    assert [got.rows[row]["a"] for row in sorted(got.rows)] == list(range(80))


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=30), st.binary(max_size=30)), max_size=8))
def test_any_bytes_in_any_place_are_decoded_or_counted(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, bytes, bytes]]
) -> None:
    events = []
    for k, (kind, raw, item) in enumerate(parts):
        at = T0 + k
        if kind == 0:
            events.append(event_header(provider=PROVIDER, id=1, ticks=at, payload=raw, items=[(11, item), (12, raw)]))
        elif kind == 1:
            events.append(
                full_header(CLASS, 0x20 + (len(item) & 1), ticks=at, payload=event_info("a")[: len(raw) * 8] + item)
            )
        elif kind == 2:
            events.append(chunk(0, 1, raw, k))
        else:
            events.append(known_event(raw, at=k))
    catalog = Known([described(Field("a", U8), Field("s", InType.UNICODE_STRING), Field("x", InType.SID))])
    decode_events(tmp_path_factory.mktemp("any"), events, catalog)


# --- real recordings --------------------------------------------------------------------------------------


REAL = [
    "dotnet-32bit-relogged", "dotnet-gcevents", "httpservice-win7", "kernel-network-win7", "kernel-shutdownperf",
    "perfview-net452-x64", "pktmon-demikernel", "pktmon-vpn-a", "powershell", "tracelogging-amsi",
    "tracelogging-primitive-types", "winrm-win8pre",
]  # fmt: skip
SAMPLED = 200  # events of each kind of the largest that the slow decoder is asked about
LEFT_BEHIND = {
    # the manifest says UInt32 and the provider writes 8 bytes
    ("PerfView", 13): 2,
}


def agrees(events: Events, rows: I64, decoded: Decoded, some: I64) -> None:
    """The rows `some` of `decoded` are what the slow decoder finds."""
    chosen = events.select(rows[some])
    for k, value in enumerate(decoded.take(some).to_pylist()):
        start = int(chosen.payload_start[k])
        raw = chosen.data[start : start + int(chosen.payload_bytes[k])].tobytes()
        slow = slow_decoder.decode(raw, int(chosen.pointer_bytes[k]), decoded.description.fields)
        assert repr(value) == repr(slow.values)
        assert (slow.fit, slow.n_left) == (decoded.fit[some[k]], decoded.n_left[some[k]])


@pytest.mark.parametrize("name", REAL)
def test_real_recordings_decode_to_the_last_byte_and_as_the_slow_decoder_does(traces_dir: Path, name: str) -> None:
    log = Log()
    decoder = Decoder(0, None, log)
    left: Counter[tuple[str, int]] = Counter()
    n_own = n_embedded = 0
    with Recording([traces_dir / f"{name}.etl"], log) as recording:
        recording.scan(decoder.learn)
        for piece in recording.slices():
            for description, rows, decoded in decoder.kinds(piece):
                if description is None or decoded is None:
                    continue
                assert decoded.is_whole.all()
                behind = int((decoded.n_left > 0).sum())
                if behind:
                    left[description.provider_name, description.event_id] += behind
                n_own += len(rows) if description.source is Source.TRACELOGGING else 0
                n_embedded += len(rows) if description.source in (Source.METADATA, Source.EVENT_SOURCE) else 0
                n = len(rows) if name != "perfview-net452-x64" else min(len(rows), SAMPLED)
                agrees(piece.events, rows, decoded, np.unique(np.linspace(0, len(rows) - 1, n).astype(np.int64)))
    assert not log.has(Code.DESCRIPTION_INVALID)
    assert left == {key: n for key, n in LEFT_BEHIND.items() if name == "perfview-net452-x64"}
    reasons = {one.reason for one in decoder.undecoded()}
    assert reasons <= {Reason.NO_DESCRIPTION}
    expected = {
        "tracelogging-amsi": (19, 0), "tracelogging-primitive-types": (5, 0), "pktmon-demikernel": (0, 403),
        "pktmon-vpn-a": (0, 3651), "perfview-net452-x64": (0, 66512),
    }  # fmt: skip
    assert (n_own, n_embedded) == expected.get(name, (0, 0))


@pytest.mark.parametrize(
    ("name", "build", "n"),
    [("pktmon-demikernel", 20348, 443), ("pktmon-vpn-a", 19042, 3727), ("kernel-network-win7", 7601, 8923)],
)
def test_the_catalog_alone_describes_the_network_recordings(
    traces_dir: Path, tmp_path: Path, name: str, build: int, n: int
) -> None:
    decoder = Decoder(build, Catalog(tmp_path), Log())
    n_listed = 0
    with Recording([traces_dir / f"{name}.etl"], Log()) as recording:
        recording.scan()
        for piece in recording.slices():
            for description, rows, decoded in decoder.kinds(piece):
                if description is None or decoded is None:
                    continue
                n_listed += len(rows)
                assert decoded.is_whole.all()
                assert decoded.is_exact.all()
                agrees(piece.events, rows, decoded, np.arange(len(rows)))
    assert n_listed == n


@pytest.mark.parametrize(
    ("name", "build", "n"),
    [("pktmon-demikernel", 20348, 403), ("pktmon-vpn-a", 19042, 3651), ("perfview-net452-x64", 9200, 4)],
)
def test_the_catalog_and_the_recording_itself_read_the_same_values(
    traces_dir: Path, tmp_path: Path, name: str, build: int, n: int
) -> None:
    """Words differ between builds (a drop reason 0 is Unspecified or Unknown); values do not."""
    catalog = Catalog(tmp_path)
    embedded, listed = Decoder(build, None, Log()), Decoder(build, catalog, Log())
    n_compared = 0
    with Recording([traces_dir / f"{name}.etl"], Log()) as recording:
        recording.scan(embedded.learn)
        for piece in recording.slices():
            ours: dict[int, Value] = {}
            for _, rows, decoded in listed.kinds(piece):
                if decoded is not None and decoded.description.provider_name.startswith("Microsoft-Windows-"):
                    ours |= zip(rows.tolist(), decoded.to_pylist(), strict=True)
            for _, rows, decoded in embedded.kinds(piece):
                if decoded is None or decoded.description.source is not Source.METADATA:
                    continue
                for row, value in zip(rows.tolist(), decoded.to_pylist(), strict=True):
                    if row in ours:
                        assert value == ours[row]
                        n_compared += 1
    assert n_compared == n
