"""How long things take: named distributions, in nanoseconds, always whole 100 ns as the clock of a recording."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """Log-normal around a median; `sigma` 0 is constant. `gap_ns` lies between two packets of a chain."""

    median_ns: int
    sigma: float
    gap_ns: int = 200


class Sampler:
    """Service times of one run: drawn once, and used in turn, since drawing is dear."""

    __slots__ = ("_at", "_times", "gap_ns")

    def __init__(self, service: Service, source: random.Random) -> None:
        self.gap_ns = service.gap_ns
        n = 4093 if service.sigma else 1
        self._times = [
            max(100, int(service.median_ns * math.exp(source.gauss(0.0, service.sigma))) // 100 * 100) for _ in range(n)
        ]
        self._at = 0

    def draw(self) -> int:
        """The next service time, in ns."""
        self._at = at = (self._at + 1) % len(self._times)
        return self._times[at]


def _set(factor: float, sigma: float) -> dict[str, Service]:
    medians = {"step": 300, "switch": 900, "nat": 1_800, "stack": 1_200, "arrive": 2_500, "team": 700}
    return {name: Service(max(100, int(ns * factor) // 100 * 100), sigma) for name, ns in medians.items()}


SERVICES = {"quick": _set(1.0, 0.35), "steady": _set(1.0, 0.0), "slow": _set(6.0, 0.6)}
"""By the name that a scenario's `engine.services` gives."""
