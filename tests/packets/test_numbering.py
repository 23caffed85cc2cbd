from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv import kernels
from wnv.packets.numbering import POOL_BYTES_MAX, RANGES_MAX, TOO_MANY, RangeNumbers


def numbers_of(ranges: RangeNumbers, values: Sequence[bytes]) -> list[int]:
    n_bytes = np.array([len(value) for value in values], np.int64)
    data = np.frombuffer(b"".join(values) + b"\0", np.uint8)
    numbers: list[int] = ranges.number(data, np.cumsum(n_bytes) - n_bytes, n_bytes).tolist()
    return numbers


some_values = st.lists(st.binary(max_size=4), max_size=300)


class TestRangeNumbers:
    def test_equal_ranges_have_equal_numbers_also_in_the_next_slice(self) -> None:
        ranges = RangeNumbers()
        assert numbers_of(ranges, [b"one", b"two", b"", b"one"]) == [0, 1, 2, 0]
        assert numbers_of(ranges, [b"three", b"two", b"twofold"]) == [3, 1, 4]
        assert [ranges[n] for n in range(len(ranges))] == [b"one", b"two", b"", b"three", b"twofold"]

    @given(st.lists(some_values, max_size=3))
    def test_number_as_a_dictionary_would(self, slices: list[list[bytes]]) -> None:
        ranges, known = RangeNumbers(), dict[bytes, int]()
        for values in slices:
            assert numbers_of(ranges, values) == [known.setdefault(value, len(known)) for value in values]
        assert [ranges[n] for n in range(len(ranges))] == list(known)

    @given(some_values)
    def test_the_uncompiled_loops_number_the_same(self, values: list[bytes]) -> None:
        compiled = numbers_of(RangeNumbers(), values)
        with pytest.MonkeyPatch.context() as patch:
            for name in ("number_ranges", "rebuild_slots", "_hash_range"):
                loop = getattr(kernels, name)
                patch.setattr(kernels, name, getattr(loop, "py_func", loop))
            assert numbers_of(RangeNumbers(), values) == compiled

    def test_grow_with_what_they_hold(self) -> None:
        ranges = RangeNumbers()
        values = [n.to_bytes(3, "little") for n in range(5000)] + [bytes(60_000)]
        assert numbers_of(ranges, values) == list(range(5001))
        assert ranges[4999] == values[4999]
        assert ranges[5000] == bytes(60_000)

    def test_too_many_share_a_mark_and_the_known_keep_their_numbers(self) -> None:
        ranges = RangeNumbers()
        values = [n.to_bytes(3, "little") for n in range(RANGES_MAX + 2)]
        assert numbers_of(ranges, values)[-3:] == [RANGES_MAX - 1, TOO_MANY, TOO_MANY]
        assert numbers_of(ranges, [values[7], values[-1], values[8]]) == [7, TOO_MANY, 8]

    def test_too_many_bytes_do_as_well(self) -> None:
        ranges = RangeNumbers()
        big = POOL_BYTES_MAX // 2
        assert numbers_of(ranges, [bytes(big), b"\1" * big, b"more"]) == [0, 1, TOO_MANY]
        assert numbers_of(ranges, [bytes(big), b""]) == [0, 2]

    def test_the_bound_is_the_same_whatever_the_ranges_are(self) -> None:
        ranges = RangeNumbers()
        n = POOL_BYTES_MAX // 1_000_000
        numbers = [numbers_of(ranges, [bytes([k]) * 1_000_000])[0] for k in range(n + 1)]
        assert numbers == [*range(n), TOO_MANY]
