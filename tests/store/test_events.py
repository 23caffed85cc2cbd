from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import wnv
from stored_rows import every_kind, imported
from wnv.errors import WnvError
from wnv.etl.events import Guids
from wnv.packets.headers import Texts
from wnv.store.arrow import ByteRanges
from wnv.store.events import Carried, event_columns, slice_of

NO_FRAMES = ByteRanges(np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pa.RecordBatch:
    """Events without frames, as a trace folder has them."""
    _, place = imported(tmp_path_factory.mktemp("events"), every_kind()[:12])
    with wnv.open_trace(place) as trace:
        return trace.events.combine_chunks().to_batches()[0]


def changed(rows: pa.RecordBatch, name: str, values: list[object]) -> pa.RecordBatch:
    number = rows.schema.get_field_index(name)
    column = pa.array((values * len(rows))[: len(rows)], rows.schema.field(number).type)
    return rows.set_column(number, rows.schema.field(number), column)


class TestSliceOf:
    def test_activities_and_items_stand_where_they_did(self, rows: pa.RecordBatch) -> None:
        guids = Guids()
        stored = slice_of(rows, NO_FRAMES, guids)
        events = stored.piece.events
        assert [one.hex() for one in events.activity().tolist() if any(one)] == ["11111111222233334444555555555555"]
        assert events.payload_bytes.tolist() == rows.column("payload_bytes").to_pylist()
        assert guids.texts[stored.piece.container[9]] == "11111111-2222-3333-4444-555555555555"

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("header_kind", ["EVENT_HEADER65"]),
            ("header_kind", [None]),
            ("provider_guid", ["no guid"]),
            ("activity_id", ["short"]),
            ("activity_id", ["11111111-2222-3333-4444-55555555555x"]),
            ("frame_offset", [0]),
            ("frame_offset", [1 << 40]),
        ],
    )
    def test_what_contradicts_itself_is_told(self, rows: pa.RecordBatch, name: str, values: list[object]) -> None:
        with pytest.raises(WnvError, match="contradict"):
            slice_of(changed(rows, name, values), NO_FRAMES, Guids())

    @pytest.mark.parametrize("change", [lambda rows: rows.slice(3, 5), lambda rows: rows.slice(0, 0)])
    def test_of_a_part_of_the_rows(
        self, rows: pa.RecordBatch, change: Callable[[pa.RecordBatch], pa.RecordBatch]
    ) -> None:
        part = change(rows)
        stored = slice_of(part, NO_FRAMES, Guids())
        assert stored.event_row.tolist() == part.column("event_row").to_pylist()
        assert stored.piece.events.ticks.tolist() == part.column("ticks").to_pylist()


def test_names_are_our_own_or_those_of_the_recording(tmp_path: Path) -> None:
    path, _ = imported(tmp_path, every_kind())
    with wnv.open_trace(path) as trace:
        (piece,) = trace.slices()
        n = len(piece.events)
        nothing = np.zeros(n, np.int64)
        names = {"11111111-2222-3333-4444-555555555555": "Fabrikam-Driver"}
        columns = event_columns(
            piece, trace.scanned().session_of_buffer, names, Carried(np.full(n, -1, np.int64), nothing, nothing)
        )  # fmt: skip
        provider = columns["provider"]
        assert isinstance(provider, Texts)
        assert {"Fabrikam-Driver", "Microsoft-Windows-PktMon", "EventTrace", "Thread"} <= set(provider.tolist())
