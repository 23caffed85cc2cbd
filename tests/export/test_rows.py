from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion import SPEC, at, record, ts_ns
from etl_writer import (
    Event,
    Item,
    TraceSpec,
    build,
    container_id,
    event_header,
    full_header,
    message,
    related_activity,
    sid,
    stack32,
    stack64,
    system,
)
from wnv.diagnostics import Log
from wnv.etl.reader import Recording
from wnv.export.rows import event_columns, select_events
from wnv.providers.registry import NULL_GUID, hook_provider
from wnv.schema import EVENTS, Kind

A, B = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"
TCPIP_HOOKS = "9a280ac0-c8e0-11d1-84e2-00c04fb998a2"
Row = dict[str, Any]  # Any: the columns are of many types


def read(
    *paths: Path, guids: Sequence[str] = (), ids: Sequence[int] = (), start_ns: int | None = None,
    end_ns: int | None = None, payload: bool = False, slice_bytes: int = 1 << 20,
) -> list[Row]:  # fmt: skip
    """The rows of the events chosen, without that of the session's header."""
    found: list[Row] = []
    with Recording(paths, Log()) as recording:
        recording.scan(lambda piece: None)
        for piece in recording.slices(slice_bytes=slice_bytes):
            rows = select_events(piece, set(guids), set(ids), start_ns, end_ns)
            columns = event_columns(recording, piece, rows, payload=payload, names={B: "Contoso"})
            found += [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [row for row in found if row["hook_id"] != 0]


def one(provider: str, event_id: int, n: int, items: Sequence[Item] = ()) -> Event:
    return event_header(provider=provider, id=event_id, ticks=at(n), items=items, payload=bytes([n]))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Payloads are 1, 2, 3, …, as are the times."""
    return record(tmp_path, [
        one(A, 7, 1),
        one(B, 7, 2),
        one(B, 35, 3),
        full_header(A, 35, ticks=at(4), payload=b"\4"),
        system(0x0607, ticks=at(5), payload=b"\5"),
        system(0x030A, ticks=at(6), payload=b"\6"),
        message(35, guid=A, ticks=at(7), payload=b"\7"),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("guids", "ids", "payloads"),
    [
        ([], [], "01 02 03 04 05 06 07"),
        ([A], [], "01 04 07"),
        ([A, B], [], "01 02 03 04 07"),
        ([TCPIP_HOOKS], [], "05"),
        ([hook_provider(0x030A)], [], "06"),
        (["cccccccc-0000-0000-0000-000000000003"], [], ""),
        ([], [35], "03 04 07"),
        ([], [7], "01 02 05"),
        ([A], [35], "04 07"),
        ([B], [7, 35], "02 03"),
        ([TCPIP_HOOKS], [7], "05"),
    ],
)
def test_events_are_chosen_by_provider_and_by_id_or_opcode(
    recording: Path, guids: list[str], ids: list[int], payloads: str
) -> None:
    assert " ".join(row["payload"] for row in read(recording, guids=guids, ids=ids, payload=True)) == payloads


def test_a_window_has_its_start_and_not_its_end(recording: Path) -> None:
    rows = read(recording, start_ns=ts_ns(at(2)), end_ns=ts_ns(at(4)))
    assert [row["ts_ns"] for row in rows] == [ts_ns(at(2)), ts_ns(at(3))]


def test_the_columns_are_those_of_the_schema(recording: Path) -> None:
    types = {Kind.INTEGER: int, Kind.UNSIGNED: int, Kind.TIME: int, Kind.TEXT: str, Kind.GUID: str}
    for row in read(recording):
        assert tuple(row) == EVENTS.names
        for column in EVENTS.columns:
            value = row[column.name]
            assert isinstance(value, types[column.kind]) or (value is None and column.is_nullable), column.name
    assert tuple(read(recording, payload=True)[0]) == (*EVENTS.names, "payload")


def test_a_provider_has_its_own_name_or_that_the_recording_gives(recording: Path) -> None:
    names = {row["provider_guid"] or row["hook_id"]: row["provider"] for row in read(recording)}
    assert names == {A: None, B: "Contoso", 0x0607: "TcpIp", 0x030A: "ImageLoad"}


def test_items_of_an_event_fill_its_columns(tmp_path: Path) -> None:
    items = [related_activity(A), sid(21, 1, 2), stack64([1, 2]), stack32([3]), container_id(B)]
    plain, full = read(record(tmp_path, [one(A, 1, 1), one(A, 2, 2, items)]))
    named = ("related_activity_id", "sid", "n_stack", "container_id")
    assert [plain[name] for name in named] == [None] * 4
    assert [full[name] for name in named] == [A, "S-1-5-21-1-2", 3, B]


@given(items=st.lists(st.tuples(st.sampled_from([1, 2, 5, 6, 16]), st.binary(max_size=40)), max_size=4))
def test_items_of_any_content_make_a_row(tmp_path_factory: pytest.TempPathFactory, items: list[Item]) -> None:
    (row,) = read(record(tmp_path_factory.mktemp("items"), [one(A, 1, 1, items)]))
    assert row["n_stack"] is None or row["n_stack"] >= 0
    assert row["related_activity_id"] is None or len(row["related_activity_id"]) == len(NULL_GUID)


def test_any_size_of_slice_gives_the_same_rows(tmp_path: Path) -> None:
    spec = TraceSpec(buffer_size=1024)
    items = [related_activity(B), sid(7)]
    events = [one(A if n % 2 else B, n, n, items if n % 3 == 0 else ()) for n in range(1, 60)]
    path = record(tmp_path, events, spec)
    whole = read(path, payload=True)
    assert [row["event_id"] for row in whole] == list(range(1, 60))
    assert [row["event_row"] for row in whole] == list(range(1, 60))
    assert read(path, payload=True, slice_bytes=1024) == whole


def test_each_event_belongs_to_the_session_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.etl").write_bytes(build(SPEC, [one(A, 1, 1), one(A, 3, 3)]))
    (tmp_path / "b.etl").write_bytes(build(TraceSpec(logger_name="other"), [one(A, 2, 2)]))
    rows = read(tmp_path / "a.etl", tmp_path / "b.etl")
    assert [(row["event_id"], row["session_id"]) for row in rows] == [(1, 0), (2, 1), (3, 0)]


def test_the_payload_is_where_the_row_says(recording: Path) -> None:
    data = recording.read_bytes()
    for row in read(recording, payload=True):
        start = SPEC.buffer_size * row["buffer_row"] + row["payload_offset"]
        assert data[start : start + row["payload_bytes"]].hex() == row["payload"]
