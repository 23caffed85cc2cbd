"""Compiled or not, the loops say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wnv.journeys
from lab_worlds import ran
from plain import plain_copy
from wnv import open_trace
from wnv.journeys import loops
from wnv.journeys.stitch import Stitcher
from wnv.pipeline.network import build_topology
from wnv.providers.stages import RowLists

PLAIN = plain_copy(loops)


def _rows(path: Path) -> dict[str, list[Any]]:  # Any: columns are of many kinds
    with open_trace(path, use_cache=False) as trace:
        stored = trace.stored()
        stage = Stitcher(build_topology(stored), stored.capture.points)
        found: dict[str, list[Any]] = {}
        for tables in (*(stage.add(one) for one in stored.stretches(None)), stage.finish()):
            for table, columns in tables.items():
                for name, column in columns.items():
                    values = column.values if isinstance(column, RowLists) else column
                    found.setdefault(f"{table}.{name}", []).extend(
                        values.tolist() if hasattr(values, "tolist") else values
                    )  # fmt: skip
    return found


@pytest.mark.skipif(not wnv.kernels.COMPILED, reason="no numba")
@pytest.mark.parametrize("name", ["nat-web", "acl-drop"])
def test_journeys_are_the_same_without_a_compiler(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ran(name).recordings[0]
    expected = _rows(path)
    monkeypatch.setattr(wnv.journeys, "loops", PLAIN)
    assert _rows(path) == expected


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(0, 50))
def test_payloads_have_the_same_hash_wherever_they_stand(payloads: list[bytes], before: int) -> None:
    def hashes(module: Any, ahead: int) -> list[list[int]]:  # Any: a module
        data = np.frombuffer(bytes(ahead) + b"".join(payloads), np.uint8)
        sizes = np.array([len(one) for one in payloads], np.int64)
        eight, many = np.empty(len(sizes), np.int64), np.empty(len(sizes), np.int64)
        module.hash_payloads(data, ahead + np.cumsum(sizes) - sizes, np.minimum(sizes, 32), eight, many, sizes)
        return [eight.tolist(), many.tolist()]

    assert hashes(loops, 0) == hashes(loops, before) == hashes(PLAIN, before)


def test_a_payload_that_was_cut_has_no_hash_of_what_is_missing() -> None:
    data, none = np.zeros(64, np.uint8), np.empty(3, np.int64)
    many = none.copy()
    loops.hash_payloads(
        data, np.zeros(3, np.int64), np.array([32, 20, 4]), none, many, np.array([1000, 1000, 1000])
    )  # fmt: skip
    assert [(one >= 0) for one in none.tolist()] == [True, True, False]
    assert [(one >= 0) for one in many.tolist()] == [True, False, False]


@given(st.lists(st.tuples(st.integers(1, 1 << 40), st.integers(1, 1 << 40)), max_size=200))
def test_translations_are_found_again(pairs: list[tuple[int, int]]) -> None:
    keys, values = np.zeros(1024, np.int64), np.zeros(1024, np.int64)
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    known = dict(pairs)
    assert loops.add_translations(keys, values, columns[:, 0].copy(), columns[:, 1].copy()) == len(known)
    assert {before: loops._translated_to(keys, values, before) for before in known} == known
    assert loops._translated_to(keys, values, (1 << 41) + 1) == 0


def test_a_full_table_of_translations_forgets_the_oldest() -> None:
    keys, values = np.zeros(32, np.int64), np.zeros(32, np.int64)
    for one in range(1, 200):
        loops.add_translation(keys, values, one, one + 1000)
        assert loops._translated_to(keys, values, one) == one + 1000
