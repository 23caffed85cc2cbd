from __future__ import annotations

from pathlib import Path

from conversion import at
from payloads import PKTMON
from stored_rows import every_kind, imported
from wnv.pipeline.stored import StoredTrace
from wnv.providers.stages import Stretch

OTHER = "11111111-2222-3333-4444-555555555555"


def stretch_of(folder: Path) -> Stretch:
    (stretch,) = StoredTrace(imported(folder, every_kind())[1]).stretches()
    return stretch


def test_events_of_some_providers(tmp_path: Path) -> None:
    stretch = stretch_of(tmp_path)
    assert stretch.piece.events.ticks[stretch.events_of({PKTMON})].tolist() == [at(11), at(12)]
    assert stretch.events_of({"00000000-0000-0000-0000-000000000000"}).tolist() == []
    assert len(stretch.events_of({PKTMON, OTHER})) == 11


def test_decoded_events_know_their_rows(tmp_path: Path) -> None:
    stretch = stretch_of(tmp_path)
    found = list(stretch.kinds({OTHER}))
    (named,) = [one for one in found if one[0].name == "Named"]
    assert stretch.piece.events.ticks[named[1]].tolist() == [at(9)]
    assert len(named[2]) == 1


def test_kinds_of_nobody(tmp_path: Path) -> None:
    assert list(stretch_of(tmp_path).kinds(set())) == []
