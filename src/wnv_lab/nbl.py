"""Kernel addresses of NET_BUFFER_LISTs: taken, given back, and soon used again by somebody else."""

from __future__ import annotations

from heapq import heappop, heappush

FIRST_ADDRESS = 0xFFFF_A402_1000_0000
STEP = 0x2C0
REST_NS = 2_000
"""From completion to the next use at the soonest."""


class NblPool:
    """The addresses of one host. An address is never live twice."""

    def __init__(self, seed: int) -> None:
        self._free: list[tuple[int, int]] = []
        self._next = FIRST_ADDRESS + (seed % 4096) * 0x10000

    def take(self, now_ns: int, n: int) -> list[int]:
        """`n` addresses that are free at a time."""
        free = self._free
        taken = []
        for _ in range(n):
            if free and free[0][0] <= now_ns:
                taken.append(heappop(free)[1])
            else:
                taken.append(self._next)
                self._next += STEP
        return taken

    def give(self, addresses: list[int], now_ns: int) -> None:
        """Addresses whose packets are complete at a time."""
        until = now_ns + REST_NS
        for address in addresses:
            heappush(self._free, (until, address))
