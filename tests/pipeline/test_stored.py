from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wnv
from conversion import SPEC, at, ndiscap, record
from etl_writer import pack
from payloads import PACKET_END, PACKET_START, ndis_1001
from stored_rows import event_rows, every_kind, imported, sighting_rows
from wnv.decode.decoder import Decoder
from wnv.errors import WnvError
from wnv.etl.reader import Slice
from wnv.export.rows import field_columns
from wnv.packets.sightings import PacketRows
from wnv.pipeline.stored import StoredTrace

RECORDINGS = ("pktmon-demikernel.cap", "dotnet-32bit-relogged.etl", "tracelogging-primitive-types.etl",
              "winrm-win8pre.etl")  # fmt: skip


def assert_same(recording: Path, folder: Path) -> int:
    """The trace folder gives what the recording gives; the number of events."""
    with wnv.open_trace(recording) as made, wnv.open_trace(folder) as kept:
        one, other = made.scanned(), kept.scanned()
        assert one.overview.to_json() == other.overview.to_json()
        assert one.capture == other.capture
        read = list(event_rows(one.slices()))
        for pair in zip_longest(read, event_rows(other.slices())):
            assert pair[0] == pair[1]
        for pair in zip_longest(sighting_rows(one.sightings()), sighting_rows(other.sightings())):
            assert pair[0] == pair[1]
        assert list(fields(one.decoder, one.slices())) == list(fields(other.decoder, other.slices()))
        return len(read)


def fields(decoder: Decoder, slices: Iterable[Slice]) -> list[object]:
    """What every event says."""
    found: list[object] = []
    for piece in slices:
        columns = field_columns(decoder, piece, np.arange(len(piece.events)))
        found += list(zip(*columns.values(), strict=True))
    return found


class TestRoundTrip:
    def test_every_kind_of_header_item_and_packet(self, tmp_path: Path) -> None:
        assert assert_same(*imported(tmp_path, every_kind())) == len(every_kind()) + 1

    def test_an_empty_recording(self, tmp_path: Path) -> None:
        assert assert_same(*imported(tmp_path, [])) == 1

    @pytest.mark.parametrize("name", [name for name in RECORDINGS if name.endswith(".etl")])
    def test_real_recordings(self, own_traces: Path, tmp_path: Path, name: str) -> None:
        place = tmp_path / "real.wnv"
        with wnv.open_trace(own_traces / name) as trace:
            trace.save(place)
        assert assert_same(own_traces / name, place) > 1

    def test_the_sample(self, tmp_path: Path) -> None:
        place = tmp_path / "sample.wnv"
        with wnv.open_trace(wnv.sample_path()) as trace:
            trace.save(place)
            trace.convert(str(tmp_path / "one.pcapng"))
        assert assert_same(wnv.sample_path(), place) == 467
        with wnv.open_trace(place) as trace:
            assert trace.convert(str(tmp_path / "other.pcapng")).n_packets == 114
        assert (tmp_path / "one.pcapng").read_bytes() == (tmp_path / "other.pcapng").read_bytes()

    def test_the_folder_can_move(self, tmp_path: Path) -> None:
        _, place = imported(tmp_path, every_kind())
        shutil.move(place, tmp_path / "elsewhere")
        with wnv.open_trace(tmp_path / "elsewhere") as trace:
            assert trace.overview.n_packets == 6


class TestStretches:
    def test_sightings_know_their_events_and_frames(self, tmp_path: Path) -> None:
        stored = StoredTrace(imported(tmp_path, every_kind())[1])
        (stretch,) = stored.stretches()
        assert stretch.packets is not None
        assert stretch.event_row.tolist() == list(range(len(every_kind()) + 1))
        assert stretch.observation_id.tolist() == list(range(len(stretch.packets)))
        # The switch shows one frame at the two ports that it goes to.
        assert sorted(np.unique(stretch.frame_id, return_counts=True)[1].tolist()) == [1, 1, 1, 1, 2]

    def test_of_some_providers(self, tmp_path: Path) -> None:
        stored = StoredTrace(imported(tmp_path, every_kind())[1])
        (stretch,) = stored.stretches_of({"11111111-2222-3333-4444-555555555555"})
        assert stretch.packets is None
        assert stretch.piece.events.ticks.tolist() == [at(n) for n in (4, 4, 5, 6, 7, 8, 9, 10, 10)]
        assert stretch.event_row.tolist() == [4, 5, 6, 7, 8, 9, 10, 11, 12]

    def test_of_none(self, tmp_path: Path) -> None:
        stored = StoredTrace(imported(tmp_path, every_kind())[1])
        assert list(stored.stretches_of(set())) == []

    def test_some_events_by_row(self, tmp_path: Path) -> None:
        stored = StoredTrace(imported(tmp_path, every_kind())[1])
        (piece,) = stored.slices_of(np.array([3, 8]))
        assert piece.events.ticks.tolist() == [at(3), at(7)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imported(tmp_path_factory.mktemp("sound"), every_kind())[1]


def read_all(place: Path) -> None:
    with wnv.open_trace(place) as trace:
        source = trace.scanned()
        for piece in source.slices():
            use_slice(source.decoder, piece)
        for rows in source.sightings():
            use_packets(rows)
        for name in ("session", "buffers", "events", "points", "frames", "addresses", "observations", "diagnostics"):
            trace.table(name).validate(full=True)


def use_slice(decoder: Decoder, piece: Slice) -> None:
    field_columns(decoder, piece, np.arange(len(piece.events)))


def use_packets(rows: PacketRows | None) -> None:
    if rows is not None:
        list(sighting_rows([rows]))


class TestHostile:
    @settings(max_examples=80)
    @given(st.data())
    def test_changed_bytes_raise_nothing_else(
        self, sound: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        place = tmp_path_factory.mktemp("bad") / "bad.wnv"
        shutil.copytree(sound, place)
        name = data.draw(st.sampled_from(sorted(path.name for path in sound.iterdir())))
        content = bytearray((place / name).read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        (place / name).write_bytes(content)
        try:
            read_all(place)
        except WnvError as error:
            assert error.text  # noqa: PT017 - that it is this kind of error is the test

    @pytest.mark.parametrize("name", ["meta.json", "events.parquet", "frames.parquet", "observations.parquet"])
    @pytest.mark.parametrize(
        "harm",
        [
            pytest.param(lambda path: path.unlink(), id="missing"),
            pytest.param(lambda path: path.write_bytes(b""), id="empty"),
            pytest.param(lambda path: path.write_bytes(b"PAR1 garbage PAR1"), id="garbage"),
            pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-40]), id="cut"),
        ],
    )  # fmt: skip
    def test_broken_files_are_told(self, sound: Path, tmp_path: Path, name: str, harm: Callable[[Path], None]) -> None:
        shutil.copytree(sound, tmp_path / "bad.wnv")
        harm(tmp_path / "bad.wnv" / name)
        with pytest.raises(WnvError, match=r"bad\.wnv"):
            read_all(tmp_path / "bad.wnv")

    def test_links_are_not_followed(self, sound: Path, tmp_path: Path) -> None:
        place = tmp_path / "bad.wnv"
        shutil.copytree(sound, place)
        (place / "frames.parquet").unlink()
        (place / "frames.parquet").symlink_to(sound / "frames.parquet")
        with pytest.raises(WnvError, match="no regular file"):
            read_all(place)

    def test_a_table_in_place_of_another(self, sound: Path, tmp_path: Path) -> None:
        place = tmp_path / "bad.wnv"
        shutil.copytree(sound, place)
        shutil.copy(place / "events.parquet", place / "frames.parquet")
        with pytest.raises(WnvError, match="other columns"):
            read_all(place)

    def test_tables_of_two_recordings(self, sound: Path, tmp_path: Path) -> None:
        """As many rows, and yet frames of another length."""
        events = every_kind()
        events[-2], events[-4] = events[-4], events[-2]
        other = imported(tmp_path, events)[1]
        shutil.copy(sound / "observations.parquet", other / "observations.parquet")
        read_all(other)  # what fits is shown as it is


def test_fragments_that_span_slices(tmp_path: Path) -> None:
    marks = (PACKET_START, 0, PACKET_END)
    events = [
        ndiscap(1001, ndis_1001(bytes([frame, part]) * 900), marks[part], ticks=at(10 * frame + part))
        for frame in range(20) for part in range(3)
    ]  # fmt: skip
    path = record(tmp_path, pack(events, 2048), SPEC)
    with wnv.open_trace(path) as trace:
        trace.save(tmp_path / "in.wnv")
    assert assert_same(path, tmp_path / "in.wnv") == 61
