"""The loops that move sightings give what NumPy gives, compiled or not."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wnv.journeys import held_loops as loops


@given(st.permutations(range(7)))
def test_columns_are_put_to_their_places(place: list[int]) -> None:
    source, target = np.arange(21).reshape(3, 7), np.zeros((3, 8), np.int64)
    loops.scatter(source, np.array(place, np.int64), target)
    assert (target[:, place] == source).all()
    assert (target[:, 7] == 0).all()


@given(st.integers(0, 9), st.integers(0, 9))
def test_columns_move_down_over_those_that_are_done_with(one: int, other: int) -> None:
    first, end = sorted((one, other))
    matrix = np.arange(27).reshape(3, 9)
    kept = matrix[:, first:end].copy()
    loops.move_down(matrix, first, end)
    assert (matrix[:, : end - first] == kept).all()
