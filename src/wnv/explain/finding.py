"""What a rule found, and what it is asked to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from wnv.explain.naming import Ask, Names

Row = Mapping[str, Any]  # Any: a value of a table


class Weight(IntEnum):
    """How much a finding matters; the greatest comes first."""

    BACKGROUND = 0
    """Happens on healthy hosts, too."""
    SLOW = 1
    """It worked, but not well."""
    UNCERTAIN = 2
    """Something failed, and the recording does not show where."""
    FAILED = 3
    """Something failed, and the recording shows where."""


@dataclass(frozen=True, slots=True)
class Case:
    """A recording to explain."""

    ask: Ask
    names: Names = field(default_factory=Names)
    flows: frozenset[int] | None = None
    """Only these conversations; None = all."""
    lost: tuple[str, ...] = ()
    """What the recording lost, in words; nothing is certain to be missing that may stand there."""

    def chosen(self) -> list[int] | None:
        """The ids of `flows` as a value of a query."""
        return None if self.flows is None else sorted(self.flows)

    def has(self, flow_id: int | None) -> bool:
        return self.flows is None or flow_id in self.flows


@dataclass(frozen=True, slots=True)
class Failing:
    """A conversation that a finding is about. Times in ns UTC; texts as in the recording."""

    flow_id: int
    label: str
    """`TCP 172.20.1.5:49200 → 10.0.0.10:80`."""
    who: str
    """`container web → VM db`, as far as their names are known; empty where neither is."""
    outside: str
    """The same on the other side of a NAT; empty where there is none."""
    first_ns: int | None
    n_packets: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that went wrong, or that looks so."""

    rule: str
    """Name of the rule, which is that of its file."""
    weight: Weight
    title: str
    """One line."""
    flows: Sequence[Failing] = ()
    """The conversations it hurt, the first first."""
    last_point: str = ""
    """Name of the point where the packet was last proven to be."""
    place: str = ""
    """The same in words."""
    reason: str = ""
    """Why, in words."""
    decided_by: str = ""
    """Rule, ACL or filter that decided, by name."""
    journey_id: int | None = None
    """An example."""
    evidence: Sequence[int] = ()
    """Rows of `events`."""
    confidence: float = 1.0
    advice: str = ""
    captures: Sequence[str] = field(default=())
    """Names of `captures.CAPTURES` that would show more."""
    n: int = 1
    """Packets it is about."""

    @property
    def flow_ids(self) -> frozenset[int]:
        return frozenset(flow.flow_id for flow in self.flows)
