from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etl_writer import Event, TraceSpec, build, event_header, full_header, system
from recordings import save
from wnv.decode import classic
from wnv.decode.decoder import Decoder
from wnv.decode.description import EventDescription, FieldDescription, InType, Source
from wnv.decode.processes import KERNEL_PROCESS, ProcessNotes, ProcessTable, last_before
from wnv.diagnostics import Log
from wnv.etl.reader import Recording

START, END, DC_START, DC_END = 0x0301, 0x0302, 0x0303, 0x0304
T0 = TraceSpec().t0
SILO = "86e2a814-8893-431d-a1dc-f44931d6b99a"
PROVIDER = "11111111-2222-3333-4444-555555555555"


def payload(pid: int, name: str) -> bytes:
    """Process, version 2."""
    return struct.pack("<Q4I", 1, pid, 4, 1, 0) + bytes(4) + name.encode() + b"\0" + bytes(2)


def process(hook: int, at: int, pid: int, name: str) -> Event:
    return system(hook, ticks=T0 + at, version=2, payload=payload(pid, name))


def logged(at: int, pid: int, container: str = "") -> Event:
    items = [(16, container.encode())] if container else []
    return event_header(provider=PROVIDER, ticks=T0 + at, pid=pid, items=items)


def table_of(folder: Path, events: Sequence[Event]) -> tuple[ProcessTable, list[int]]:
    """And the times of the events, in order."""
    decoder = Decoder(20348, None, Log())
    with Recording([save(folder, build(TraceSpec(), events))], Log()) as recording:
        recording.scan(decoder.learn)
        times = [int(ts) for piece in recording.slices() for ts in piece.events.ts_ns[piece.events.has_descriptor]]
        return decoder.processes, times


def named(folder: Path, events: Sequence[Event], pid: int = 100) -> list[str | None]:
    """Who `pid` was at each event of PROVIDER."""
    table, times = table_of(folder, events)
    n = len(times)
    return table.names(np.zeros(n, np.int64), np.full(n, pid), np.array(times, np.int64))


def test_a_pid_has_the_name_of_its_process_from_start_to_end(tmp_path: Path) -> None:
    events = [
        logged(1, 100), process(START, 2, 100, "nginx.exe"), logged(3, 100), process(END, 4, 100, "nginx.exe"),
        logged(5, 100),
    ]  # fmt: skip
    assert named(tmp_path, events) == [None, "nginx.exe", None]


def test_a_pid_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    events = [
        process(START, 1, 100, "curl.exe"), logged(2, 100), process(END, 3, 100, "curl.exe"),
        process(START, 5, 100, "ping.exe"), logged(6, 100),
    ]  # fmt: skip
    assert named(tmp_path, events) == ["curl.exe", "ping.exe"]


def test_a_rundown_names_a_process_that_was_there_all_the_time(tmp_path: Path) -> None:
    assert named(tmp_path, [logged(1, 100), process(DC_START, 5, 100, "svchost.exe"), logged(9, 100)]) == [
        "svchost.exe", "svchost.exe",
    ]  # fmt: skip
    assert named(tmp_path, [logged(1, 100), process(DC_END, 5, 100, "svchost.exe")]) == ["svchost.exe"]


def test_an_end_names_the_process_before_it(tmp_path: Path) -> None:
    events = [logged(1, 100), process(END, 2, 100, "cmd.exe"), logged(3, 100)]
    assert named(tmp_path, events) == ["cmd.exe", None]


def test_where_an_end_was_lost_the_name_holds_as_long_as_it_is_certain(tmp_path: Path) -> None:
    events = [
        process(DC_START, 1, 100, "a.exe"), logged(2, 100), process(DC_END, 6, 100, "b.exe"), logged(7, 100),
    ]  # fmt: skip
    assert named(tmp_path, events) == [None, "b.exe"]
    events = [process(DC_START, 1, 100, "a.exe"), logged(2, 100), process(START, 6, 100, "b.exe"), logged(7, 100)]
    assert named(tmp_path, events) == ["a.exe", "b.exe"]


def test_the_class_itself_says_the_same_as_the_hook_id(tmp_path: Path) -> None:
    events = [
        full_header(classic.PROCESS, 3, ticks=T0 + 1, version=2, payload=payload(100, "dns.exe")), logged(2, 100),
    ]  # fmt: skip
    assert named(tmp_path, events) == ["dns.exe"]
    assert named(tmp_path, events, pid=101) == [None]


@dataclass(frozen=True, slots=True)
class KernelProcess:
    """A catalog with the provider's layout alone, as recordings bring it along."""

    def describe(self, provider: str, event_id: int, version: int, *, build: int) -> EventDescription | None:
        fields = (
            FieldDescription("ProcessID", InType.UINT32), FieldDescription("CreateTime", InType.FILETIME),
            FieldDescription("ImageName", InType.UNICODE_STRING),
        )  # fmt: skip
        return EventDescription(provider, event_id, version, "", fields, Source.METADATA)


def test_the_provider_of_processes_names_them_by_the_file_of_their_path(tmp_path: Path) -> None:
    def told(event_id: int, at: int, pid: int, created: int, path: str) -> Event:
        raw = struct.pack("<Iq", pid, created) + path.encode("utf-16-le") + b"\0\0"
        return event_header(provider=KERNEL_PROCESS, id=event_id, ticks=T0 + at, payload=raw)

    events = [
        told(1, 1, 100, 0, "\\Device\\HarddiskVolume3\\app\\nginx.exe"), logged(2, 100),
        told(2, 3, 100, 0, "\\Device\\HarddiskVolume3\\app\\nginx.exe"), logged(4, 100),
        told(15, 5, 100, 0, "curl.exe"), logged(6, 100),
    ]  # fmt: skip
    decoder = Decoder(20348, KernelProcess(), Log())
    with Recording([save(tmp_path, build(TraceSpec(), events))], Log()) as recording:
        recording.scan(decoder.learn)
        times = [int(ts) for piece in recording.slices() for ts in piece.events.ts_ns[piece.events.has_descriptor]]
    pids = np.full(len(times), 100)
    found = decoder.processes.names(np.zeros(len(times), np.int64), pids, np.array(times))
    assert found == ["nginx.exe", "nginx.exe", "nginx.exe", "curl.exe", "curl.exe", "curl.exe"]


def test_a_process_is_in_the_container_that_its_events_name(tmp_path: Path) -> None:
    events = [
        process(START, 1, 100, "w3wp.exe"), logged(2, 100), logged(3, 100, SILO), logged(4, 100),
        process(END, 5, 100, "w3wp.exe"), process(START, 6, 100, "host.exe"), logged(7, 100),
    ]  # fmt: skip
    table, times = table_of(tmp_path, events)
    n = len(times)
    pids = np.full(n, 100)
    assert table.containers(np.zeros(n, np.int64), pids, np.array(times)) == [SILO, SILO, SILO, None]


def test_without_starts_a_container_holds_between_two_events_that_name_it(tmp_path: Path) -> None:
    other = SILO.replace("8", "9")
    events = [logged(1, 7), logged(2, 7, SILO), logged(3, 7), logged(4, 7, SILO), logged(5, 7), logged(6, 7, other)]
    table, times = table_of(tmp_path, events)
    n = len(times)
    got = table.containers(np.zeros(n, np.int64), np.full(n, 7), np.array(times))
    assert got == [None, SILO, SILO, SILO, None, other]


def test_a_pid_of_another_session_is_another_process(tmp_path: Path) -> None:
    table, times = table_of(tmp_path, [process(START, 1, 100, "a.exe"), logged(2, 100)])
    assert table.names(np.array([0, 1]), np.array([100, 100]), np.array(times * 2)) == ["a.exe", None]


def test_names_end_where_more_processes_were_told_than_are_kept(tmp_path: Path) -> None:
    events = [process(START, 1, 100, "a.exe"), process(START, 3, 101, "b.exe")]
    decoder, notes = Decoder(20348, None, Log()), ProcessNotes(events_max=1)
    with Recording([save(tmp_path, build(TraceSpec(), events))], Log()) as recording:
        recording.scan(notes.learn, slice_bytes=1)
        times = np.array([int(ts) for piece in recording.slices() for ts in piece.events.ts_ns[1:]])
    table = notes.table(decoder.kinds)
    assert table.names(np.zeros(2, np.int64), np.array([100, 100]), times) in (["a.exe", None], [None, None])
    assert table.names(np.zeros(2, np.int64), np.array([101, 101]), times) == [None, None]


def test_a_layout_that_is_a_guess_names_no_process(tmp_path: Path) -> None:
    events = [system(START, ticks=T0 + 1, version=9, payload=payload(100, "a.exe")), logged(2, 100)]
    assert named(tmp_path, events) == [None]


def test_a_long_name_and_the_same_as_the_kernel_cuts_it_are_one_process(tmp_path: Path) -> None:
    events = [
        process(DC_START, 1, 100, "containerd-shim-runhcs"), logged(2, 100), process(DC_END, 3, 100, "containerd-shi"),
    ]  # fmt: skip
    assert named(tmp_path, events) == ["containerd-shim-runhcs"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9))),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9))),
)
def test_the_last_before_is_found_as_a_plain_search_finds_it(
    known: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    keys, times = np.array(known, np.int64).reshape(-1, 2).T
    key, time = np.array(asked, np.int64).reshape(-1, 2).T
    for row, (which, when) in zip(last_before(keys, times, key, time).tolist(), asked, strict=True):
        fitting = [at for one, at in known if one == which and at <= when]
        assert (row >= 0) == bool(fitting)
        assert not fitting or known[row] == (which, max(fitting))
