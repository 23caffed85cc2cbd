from __future__ import annotations

import numpy as np
import pytest
from dissect.util.compression import lzxpress
from hypothesis import given
from hypothesis import strategies as st

from wnv.kernels import unpack_xpress
from wnv_lab.etl import kernels
from wnv_lab.etl.xpress import compress

repetitive = st.lists(
    st.tuples(st.binary(max_size=24), st.integers(0, 400)), max_size=12
).map(lambda parts: b"".join(part * times for part, times in parts))  # fmt: skip


def unpacked(packed: bytes, n_bytes: int) -> bytes:
    out = np.empty(n_bytes, np.uint8)
    assert unpack_xpress(np.frombuffer(packed, np.uint8), out) == n_bytes
    return out.tobytes()


@given(st.binary(max_size=3000) | repetitive)
def test_what_is_packed_unpacks_to_itself(data: bytes) -> None:
    assert unpacked(compress(data), len(data)) == data


@given(repetitive)
def test_another_reader_unpacks_it_too(data: bytes) -> None:
    assert lzxpress.decompress(compress(data))[: len(data)] == data


@pytest.mark.parametrize("n_bytes", [0, 1, 3, 31, 32, 33, 9, 10, 17, 18, 24, 25, 26, 280, 281, 65_538, 65_539, 300_000])
def test_every_form_of_a_match_length_unpacks(n_bytes: int) -> None:
    data = b"ab" + b"c" * n_bytes + b"end"
    assert unpacked(compress(data), len(data)) == data


def test_two_long_matches_share_the_byte_of_their_nibbles() -> None:
    data = b"abcdefghijklmnop" * 2 + b"ABCDEFGHIJKLMNOP" * 2 + b"abcdefghijklmnop"
    assert unpacked(compress(data), len(data)) == data


def test_matches_reach_no_further_than_8_kib() -> None:
    block = bytes(np.random.default_rng(1).integers(0, 256, 8192, np.uint8))
    assert len(compress(block * 2)) < 1.2 * len(block)
    assert len(compress(block + b"x" + block)) > 2 * len(block)


def test_compiled_and_plain_code_pack_alike() -> None:
    if not kernels.COMPILED:
        pytest.skip("numba is not installed")
    data = np.frombuffer(b"the same words, the same bytes, " * 9 + bytes(range(256)), np.uint8)
    room = data.size * 2 + 16
    ours, plain = np.zeros(room, np.uint8), np.zeros(room, np.uint8)
    n = kernels.pack_xpress(data, ours)
    as_python = kernels.pack_xpress.py_func  # type: ignore[attr-defined]  # numba keeps the plain function
    assert as_python(data, plain) == n
    assert ours.tobytes() == plain.tobytes()


def test_repeated_events_become_much_smaller() -> None:
    assert len(compress(bytes(range(200)) * 300)) < 200 * 300 // 50
