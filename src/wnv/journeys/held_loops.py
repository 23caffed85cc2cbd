"""Compiled loops that move sightings about; the rules of `kernels` hold here too.

Import this module inside the function that needs it.
"""

from __future__ import annotations

from wnv.arrays import I64
from wnv.kernels import njit


@njit
def scatter(source: I64, place: I64, target: I64) -> None:
    """Column k of `source` becomes column `place[k]` of `target`."""
    for row in range(source.shape[0]):
        for k in range(source.shape[1]):
            target[row, place[k]] = source[row, k]


@njit
def move_down(matrix: I64, first: int, end: int) -> None:
    """Columns `first` to `end - 1` become the first ones, each row for itself."""
    for row in range(matrix.shape[0]):
        for k in range(first, end):
            matrix[row, k - first] = matrix[row, k]
