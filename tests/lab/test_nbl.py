"""NBL addresses: reused, never live twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wnv_lab.nbl import NblPool


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 8), st.integers(0, 20_000)), max_size=40))
def test_an_address_is_never_live_twice(chains: list[tuple[int, int, int]]) -> None:
    pool = NblPool(1)
    lives: dict[int, list[tuple[int, int]]] = {}
    now = 0
    for wait, n, lasts in chains:
        now += wait
        taken = pool.take(now, n)
        assert len(set(taken)) == n
        for address in taken:
            assert all(now >= end for _, end in lives.get(address, []))
            lives.setdefault(address, []).append((now, now + lasts))
        pool.give(taken, now + lasts)


def test_an_address_comes_back_soon() -> None:
    pool = NblPool(1)
    first = pool.take(0, 1)
    pool.give(first, 1000)
    assert pool.take(1000, 1) != first
    assert pool.take(50_000, 1) == first
