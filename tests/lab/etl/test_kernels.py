from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from wnv_lab.etl import kernels


def test_events_stand_at_their_ends_with_zeros_as_padding() -> None:
    buffer = np.full(64, 0xEE, np.uint8)
    headers = np.array([[1] * 4, [2] * 4], np.uint8)
    payload = np.array([7, 8, 9, 5], np.uint8)
    rows, n_bytes = np.array([1, 0]), np.array([3, 1])
    kernels.place_events(
        buffer, np.array([16, 32]), np.array([8, 16]), headers, payload, np.array([0, 3]), n_bytes, rows
    )
    assert buffer[:8].tolist() == [0xEE] * 8
    assert buffer[8:16].tolist() == [2] * 4 + [5] + [0] * 3
    assert buffer[16:32].tolist() == [1] * 4 + [7, 8, 9] + [0] * 9
    assert buffer[32:].tolist() == [0xEE] * 32


def test_numba_can_be_switched_off() -> None:
    program = "from wnv_lab.etl import kernels, xpress; print(kernels.COMPILED, xpress.compress(b'aaaaaaaa').hex())"
    ran = subprocess.run(
        [sys.executable, "-c", program], env={"WNV_NO_NUMBA": "1", "PATH": ""}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    from wnv_lab.etl.xpress import compress

    assert ran.stdout.split() == ["False", compress(b"aaaaaaaa").hex()]


@pytest.mark.parametrize("n", [0, 5])
def test_packing_writes_no_more_than_it_says(n: int) -> None:
    out = np.full(64, 0xEE, np.uint8)
    written = kernels.pack_xpress(np.arange(n, dtype=np.uint8), out)
    assert (out[written:] == 0xEE).all()
