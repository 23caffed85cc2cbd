from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import wnv
from conversion import SPEC, at, ndiscap, pktmon, ras, record, ts_ns
from etl_writer import (
    EVENTS_LOST,
    PROC_INDEX,
    Buffer,
    Event,
    TraceSpec,
    circular,
    event_header,
    full_header,
    message,
    pack,
    partition_event,
    perfinfo,
    prov_traits,
    system,
    ts_id,
    unclosed,
)  # fmt: skip
from payloads import WHOLE, Sighting, ndis_1001, pktmon_20, pktmon_120, pktmon_160, ras_5001
from wnv.overview import Overview, duration_text
from wnv.providers.registry import ProviderKind
from wnv.schema import DIAGNOSTICS, POINTS, SESSION

TCPIP = "2f07e2ee-15db-40f1-90ef-9d7ba282188a"
NOBODY = "11111111-2222-3333-4444-555555555555"
FRAME = bytes(range(60))
PACKET = pktmon(160, pktmon_160(Sighting(), FRAME))
KERNEL = perfinfo(0x0F2E, ticks=at(1), payload=bytes(8))
NETWORK = event_header(provider=TCPIP, id=1002, ticks=at(1), payload=bytes(8))
WPP = message(10, guid=NOBODY, ticks=at(1))


def one_a_buffer(n: int, cpu: int = 0) -> Event:
    """A packet that fills a buffer of 1 KiB."""
    return pktmon(160, pktmon_160(Sighting(), bytes(800)), ticks=at(n), cpu=cpu)


Overviews = Callable[..., Overview]


@pytest.fixture
def overview(tmp_path: Path) -> Overviews:
    def of(parts: Sequence[Event] | Sequence[Buffer] = (), spec: TraceSpec = SPEC) -> Overview:
        with wnv.open_trace(record(tmp_path, parts, spec)) as trace:
            return trace.overview

    return of


class TestWhyNoPackets:
    @pytest.mark.parametrize(
        ("events", "why"),
        [
            pytest.param([PACKET], "", id="it has some"),
            pytest.param([], "nothing but the session's own header was recorded", id="header only"),
            pytest.param([partition_event(ticks=at(1))], "nothing but the session", id="and its partition"),
            pytest.param([KERNEL], "it is a performance recording (kernel events", id="kernel only"),
            pytest.param([KERNEL, NETWORK], "it is a performance recording", id="kernel and network"),
            pytest.param([WPP], "it holds WPP messages only", id="WPP only"),
            pytest.param([WPP, NETWORK], "it has network events but no packet provider", id="WPP and network"),
            pytest.param([NETWORK], "it has network events but no packet provider", id="network only"),
            pytest.param([event_header(provider=NOBODY, id=1, ticks=at(1))], "no packet provider was enabled",
                         id="a provider nobody knows"),
            pytest.param([pktmon(120, pktmon_120(Sighting(), dst="10.0.0.1", src="10.0.0.2"))],
                         "pktmon recorded headers only", id="headers of pktmon"),
            pytest.param([pktmon(20, pktmon_20(1, 2, "x.sys"))], "the packet provider wrote only about itself",
                         id="pktmon without packets"),
            pytest.param([ndiscap(3001, bytes(8))], "the packet provider wrote only about itself",
                         id="ndiscap without packets"),
            pytest.param([ras(5003, b"")], "the packet provider wrote only about itself", id="RAS without packets"),
            pytest.param([pktmon(160, bytes(33))], "its packet events do not fit", id="packets nobody can read"),
        ],
    )  # fmt: skip
    def test_says_what_there_is_instead(self, overview: Overviews, events: Sequence[Event], why: str) -> None:
        found = overview(events).why_no_packets()
        assert found.startswith(why)
        assert bool(found) == bool(why)

    def test_all_was_lost(self, overview: Overviews) -> None:
        assert overview([], replace(SPEC, events_lost=7)).why_no_packets().startswith("everything was lost")

    def test_the_ring_is_what_is_left(self, overview: Overviews) -> None:
        buffers = pack([replace(NETWORK, ticks=at(n)) for n in range(200)], 1024)
        spec, ring = circular(replace(SPEC, buffer_size=1024), buffers, 4)
        assert overview(ring, spec).why_no_packets().startswith("no packet provider is in what is left of the ring")


class TestLosses:
    def test_none(self, overview: Overviews) -> None:
        found = overview([PACKET])
        assert found.losses() == []
        assert found.is_complete

    def test_what_windows_counted(self, overview: Overviews) -> None:
        found = overview([PACKET], replace(SPEC, events_lost=1234, buffers_lost=5))
        assert found.losses() == [
            "1,234 events could not be recorded (Windows does not say when)",
            "5 buffers could not be written",
        ]
        assert not found.is_complete

    def test_marked_buffers(self, overview: Overviews) -> None:
        buffers = [replace(one, flags=PROC_INDEX | EVENTS_LOST) for one in pack([PACKET], SPEC.buffer_size)]
        assert overview(buffers).losses() == ["Windows marked 1 buffer: something was lost before"]

    def test_gaps_between_buffers(self, overview: Overviews) -> None:
        """Of ten buffers two in the middle are missing: between the events before and behind them."""
        spec = replace(SPEC, buffer_size=1024)
        buffers = pack(
            [pktmon(160, pktmon_160(Sighting(), bytes(800)), ticks=at(10**7 * n)) for n in range(1, 11)], 1024
        )
        (line,) = overview([*buffers[:4], *buffers[6:]], spec).losses()
        assert line == ("2 missing buffers in 1 place: 2 from number 5, 4.000 to 7.000 s after the start, processor 0")

    def test_a_ring_that_wrapped(self, overview: Overviews) -> None:
        events = [
            pktmon(160, pktmon_160(Sighting(), bytes(800)), ticks=at(10**7 * n), cpu=n % 2) for n in range(1, 101)
        ]
        spec, ring = circular(replace(SPEC, buffer_size=1024), pack(events, 1024), 10)
        found = overview(ring, spec)
        assert found.losses()[0] == (
            "the ring wrapped: covers the last 9 s of 1 min 40 s; the rundowns of the start are gone "
            "(processor 0 the last 8 s, processor 1 the last 9 s)"
        )
        assert found.sessions[0].loss.n_overwritten == 90

    @pytest.mark.parametrize(
        ("duration_ns", "text"),
        [
            (0, "0 ms"), (1_500_000, "1.5 ms"), (99_000_000, "99 ms"), (100_000_000, "0.1 s"),
            (38_123_000_000, "38.1 s"), (59_999_999_999, "60 s"), (60_000_000_000, "1 min"),
            (612_000_000_000, "10 min 12 s"),
            (7_380_000_000_000, "2 h 3 min"), (3_600_000_000_000, "1 h"), (273_600_000_000_000, "3 d 4 h"),
        ],
    )  # fmt: skip
    def test_durations_have_two_units_at_most(self, duration_ns: int, text: str) -> None:
        assert duration_text(duration_ns) == text


class TestProviders:
    def test_are_counted_by_what_their_events_are(self, overview: Overviews) -> None:
        classic = full_header("9a280ac0-c8e0-11d1-84e2-00c04fb998a2", 10, ticks=at(1))
        found = overview([PACKET, PACKET, NETWORK, KERNEL, WPP, classic, system(0x060A, ticks=at(1))])
        counted = {one.name or one.guid: (one.kind, one.n_events) for one in found.providers}
        assert counted == {
            "Microsoft-Windows-PktMon": (ProviderKind.PACKETS, 2), "Microsoft-Windows-TCPIP": (ProviderKind.NETWORK, 1),
            "PerfInfo": (ProviderKind.KERNEL, 1), NOBODY: (ProviderKind.WPP, 1), "TcpIp": (ProviderKind.KERNEL, 2),
            "EventTrace": (ProviderKind.METADATA, 1),
        }  # fmt: skip
        assert found.n_events == 8
        tcpip = next(one for one in found.providers if one.name == "TcpIp")
        assert {(one.opcode, one.hook_id, one.n_events) for one in tcpip.events} == {(10, 0x060A, 1), (10, None, 1)}

    def test_name_themselves(self, overview: Overviews) -> None:
        one = event_header(provider=NOBODY, id=1, ticks=at(1), items=[prov_traits("My-Provider"), ts_id(3)])
        found = overview([one])
        assert [(p.guid, p.name) for p in found.providers if p.guid == NOBODY] == [(NOBODY, "My-Provider")]
        assert found.items == {"terminal_session_id": 1, "provider_traits": 1}

    def test_what_stays_raw_is_said(self, overview: Overviews) -> None:
        unknown = event_header(provider="22222222-2222-3333-4444-555555555555", id=1, ticks=at(1))
        assert overview([WPP, WPP, unknown, NETWORK]).undecoded() == [
            "2 WPP messages of 1 provider: they need Microsoft's TMF files",
            "1 event of 22222222-2222-3333-4444-555555555555 (id 1): nothing says what fields they have",
        ]
        assert overview([PACKET]).undecoded() == []


class TestJson:
    def test_has_the_names_of_the_schema(self, overview: Overviews) -> None:
        spec = replace(SPEC, events_lost=3, buffer_size=1024)
        broken = Buffer(events=[PACKET, b"\xee" * 16])
        found = json.loads(json.dumps(overview([broken], spec).to_json(), allow_nan=False))
        (session,), (point,) = found["sessions"], found["points"]
        assert set(SESSION.names) <= set(session)
        assert set(point) == set(POINTS.names)
        assert found["diagnostics"]
        assert all(tuple(row) == DIAGNOSTICS.names for row in found["diagnostics"])
        for table, rows in ((SESSION, [session]), (POINTS, [point]), (DIAGNOSTICS, found["diagnostics"])):
            for column in table.columns:
                assert column.is_nullable or all(row[column.name] is not None for row in rows), column.name

    def test_says_what_the_recording_is(self, overview: Overviews) -> None:
        found = overview([pktmon(160, pktmon_160(Sighting(), FRAME), ticks=at(10**7 * n)) for n in (1, 3)]).to_json()
        session = found["sessions"][0]
        assert {name: session[name] for name in ("host", "os_build", "os_name", "logger", "n_events", "start_ns")} == {
            "host": None, "os_build": 20348, "os_name": "Windows Server 2022", "logger": "lab", "n_events": 3,
            "start_ns": ts_ns(at(0)),
        }  # fmt: skip
        assert (session["first_event_ns"], session["last_event_ns"]) == (ts_ns(at(10**7)), ts_ns(at(3 * 10**7)))
        assert session["end_ns"] == session["last_event_ns"]
        assert found["n_packets"] == 2
        assert found["why_no_packets"] is None
        assert found["points"][0]["name"] == "component:1:edge1"

    def test_of_a_session_that_was_never_stopped(self, overview: Overviews) -> None:
        found = overview([PACKET], unclosed(SPEC)).to_json()
        assert found["sessions"][0]["end_ns"] is None
        assert "file_not_closed" in {row["code"] for row in found["diagnostics"]}

    def test_of_a_session_without_a_usable_time(self, overview: Overviews) -> None:
        found = json.loads(json.dumps(overview([PACKET], replace(SPEC, clock=7, end_time=0)).to_json()))
        session = found["sessions"][0]
        assert (session["start_ns"], session["first_event_ns"], session["last_event_ns"]) == (None, None, None)

    def test_of_a_ring_and_gaps(self, overview: Overviews) -> None:
        events = [one_a_buffer(10**7 * n) for n in range(1, 51)]
        spec, ring = circular(replace(SPEC, buffer_size=1024), pack(events, 1024), 30)
        # A buffer that was lost is not counted as written.
        spec = replace(spec, buffers_written=len(events))
        at = ring.index(max(ring, key=lambda one: one.sequence or 0)) - 5
        rest = [*ring[:at], *ring[at + 1 :]]
        loss = json.loads(json.dumps(overview(rest, spec).to_json()))["sessions"][0]["loss"]
        assert loss["is_wrapped"]
        assert loss["gaps"]
        assert loss["coverage"][0]["cpu"] == 0

    @pytest.mark.parametrize(
        ("kind", "words"),
        [(0, "partition type 0 "), (1, "process-isolated container "), (2, "VM host "), (3, "hosted utility VM ")],
    )
    def test_where_it_was_made(self, overview: Overviews, kind: int, words: str) -> None:
        raw = bytes(range(16)) + bytes(0x18) + kind.to_bytes(4, "little") + bytes(4)
        details = overview([partition_event(ticks=at(1), partition=raw), PACKET]).sessions[0].details
        assert details["partition"] == f"{words}03020100-0504-0706-0809-0a0b0c0d0e0f"

    def test_nowhere_special(self, overview: Overviews) -> None:
        assert overview([partition_event(ticks=at(1)), PACKET]).sessions[0].details["partition"] is None

    @pytest.mark.parametrize(
        "name",
        ["pktmon-demikernel.etl", "pktmon-vpn-a.etl", "powershell.etl", "kernel-network-win7.etl", "winrm-win8pre.etl"],
    )
    def test_of_real_recordings(self, traces_dir: Path, name: str) -> None:
        """What the slow reader counted stands beside each."""
        expected = json.loads((traces_dir / "expected" / f"{Path(name).stem}.json").read_text(encoding="utf-8"))
        with wnv.open_trace(traces_dir / name) as trace:
            found = json.loads(json.dumps(trace.overview.to_json(), allow_nan=False))
        assert found["n_events"] == expected["events"]
        assert bool(found["why_no_packets"]) == (not name.startswith("pktmon"))


class TestSections:
    def test_several_files_of_one_session(self, tmp_path: Path) -> None:
        folder = tmp_path / "many"
        folder.mkdir()
        for n in range(5):
            record(tmp_path, [PACKET]).rename(folder / f"{n}.etl")
        with wnv.open_trace(folder) as trace:
            assert trace.overview.source == "0.etl, 1.etl, 2.etl, …"
            assert len(trace.overview.sessions) == 1
            assert trace.overview.sessions[0].details["n_files"] == 5

    def test_names_may_be_hostile(self, overview: Overviews) -> None:
        found = overview([ndiscap(1001, ndis_1001(FRAME), WHOLE)], replace(SPEC, logger_name="a\x1b[2J"))
        assert json.loads(json.dumps(found.to_json()))["sessions"][0]["logger"] == "a\x1b[2J"
        assert overview([ras(5001, ras_5001(FRAME))]).points[0].point.name == "Rras::"
