"""Which facts are about one thing: names that different sources have for it are tied together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wnv.clock import NO_TIME
from wnv.providers.facts import Change, Fact, Key, Ref, Thing

KEYS_MAX: Final = 1 << 17
THINGS_MAX: Final = 1 << 14
"""More things than any host has."""
_ONE_EACH: Final = ("guid", "endpoint")
"""Kinds of names of which a thing has one: two are two things, even if a third name is common to both."""
LISTS: Final = frozenset({
    "addresses", "gateways", "policies", "subnets", "external_addresses", "mappings", "edges", "ether_types",
})  # fmt: skip
"""Properties of which a thing has several values."""
_LIST_MAX: Final = 256
_DEFAULT_CONFIDENCE: Final = 1.0

FullKey = tuple[int, Thing, Key]
"""Session, sort of thing, key."""


@dataclass(frozen=True, slots=True)
class Said:
    """A value of a property, and which fact has it."""

    value: Any  # Any: JSON
    fact: Fact


@dataclass(slots=True)
class Record:
    """All that is said of one thing."""

    number: int
    session_id: int
    thing: Thing
    keys: list[Key] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    said: dict[str, list[Said]] = field(default_factory=dict)
    """Values of each property: distinct ones, in order of time, an inventory's last."""

    def get(self, name: str, default: Any = None) -> Any:  # Any: JSON
        """The latest value that the recording has for a property, else the inventory's."""
        values = self.said.get(name)
        if not values:
            return default
        recorded = [one for one in values if one.fact.source == "recording"]
        return (recorded or values)[-1].value

    def all(self, name: str) -> list[Any]:
        """All values of a property; of one that is a list, all items."""
        found: list[Any] = []
        for one in self.said.get(name, ()):
            for value in one.value if name in LISTS and isinstance(one.value, list) else [one.value]:
                if value not in found and len(found) < _LIST_MAX:
                    found.append(value)
        return found

    def key(self, kind: str) -> str | int | None:
        return next((value for name, value in self.keys if name == kind), None)

    @property
    def guid(self) -> str:
        return str(self.key("guid") or "")

    @property
    def sources(self) -> set[str]:
        return {fact.source for fact in self.facts}

    @property
    def evidence(self) -> tuple[int, ...]:
        """A few events that speak of it: the first ones."""
        rows = sorted({fact.event_row for fact in self.facts if fact.event_row >= 0})
        return tuple(rows[:8])


class Things:
    """Ties names together, and gathers facts by thing."""

    def __init__(self) -> None:
        self._number: dict[FullKey, int] = {}
        self._parent: list[int] = []
        self._keys: list[list[FullKey]] = []
        self._own: dict[int, dict[str, str | int]] = {}
        self._records: dict[int, Record] | None = None
        self.facts: list[tuple[int, int, Fact]] = []
        """Number of subject and target (-1 without), and the fact."""
        self.n_refused = 0
        """Names beyond `KEYS_MAX`."""
        self.n_beyond = 0
        """Things beyond `THINGS_MAX`, as of the last `records`."""
        self.conflicts: list[tuple[int, int, Fact]] = []
        """Things that a fact says are one, and that have different names of a kind of which each has one."""

    def add(self, fact: Fact) -> None:
        """Take a fact."""
        self._records = None
        subject = self.of(fact.subject, fact.session_id, fact)
        target = self.of(fact.target, fact.session_id, fact) if fact.target else -1
        if subject >= 0 and (fact.target is None or target >= 0):
            self.facts.append((subject, target, fact))

    def of(self, ref: Ref, session_id: int, fact: Fact | None = None) -> int:
        """The number of a thing, which all its names share from now on; -1 beyond the limit."""
        number = -1
        for key in ref.keys:
            full = session_id, ref.thing, key
            known = self._number.get(full)
            if known is None:
                if len(self._number) >= KEYS_MAX:
                    self.n_refused += 1
                    continue
                known = self._number[full] = len(self._parent)
                self._parent.append(known)
                self._keys.append([full])
                self._own[known] = {key[0]: key[1]} if key[0] in _ONE_EACH else {}
            known = self.root(known)
            if number < 0:
                number = known
            elif not self.unite(number, known) and fact is not None:
                self.conflicts.append((self.root(number), self.root(known), fact))
            number = self.root(number)
        return number

    def find(self, session_id: int, thing: Thing, key: Key) -> int:
        """The number of the thing with this name; -1 if there is none."""
        number = self._number.get((session_id, thing, key))
        return -1 if number is None else self.root(number)

    def root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def can_unite(self, one: int, other: int) -> bool:
        """Whether two numbers may be one thing: they do not have different names of a kind of which each has one."""
        mine, others = self._own[self.root(one)], self._own[self.root(other)]
        return all(mine.get(kind, value) == value for kind, value in others.items())

    def unite(self, one: int, other: int) -> bool:
        """Make two numbers one thing; whether they can be."""
        one, other = self.root(one), self.root(other)
        if one == other:
            return True
        if not self.can_unite(one, other):
            return False
        self._records = None
        low, high = min(one, other), max(one, other)
        self._parent[high] = low
        self._keys[low] += self._keys[high]
        self._own[low].update(self._own[high])
        self._keys[high] = []
        return True

    def records(self) -> dict[int, Record]:
        """All things by number, in order of first mention; their facts in order of time, an inventory's last.

        They are as of now: what is added or united later makes new ones.
        """
        if self._records is not None:
            return self._records
        found: dict[int, Record] = {}
        self.n_beyond = 0
        for number in range(len(self._parent)):
            if self._parent[number] == number and self._keys[number]:
                if len(found) >= THINGS_MAX:
                    self.n_beyond += 1
                    continue
                session_id, thing, _ = self._keys[number][0]
                found[number] = Record(number, session_id, thing, [key for _, _, key in self._keys[number]])
        for subject, _, fact in sorted(self.facts, key=lambda one: _order(one[2])):
            record = found.get(self.root(subject))
            if record is not None:
                record.facts.append(fact)
                _gather(record, fact)
        self._records = found
        return found

    def relations(self, name: str) -> Iterable[tuple[int, int, Fact]]:
        """Subject, target (-1: none) and fact of each relation of this name, in order of time."""
        found = [
            (self.root(subject), self.root(target) if target >= 0 else -1, fact)
            for subject, target, fact in self.facts
            if fact.relation == name
        ]
        return sorted(found, key=lambda one: _order(one[2]))


def _order(fact: Fact) -> tuple[bool, int, int]:
    return fact.source != "recording", fact.ts_ns if fact.ts_ns != NO_TIME else -1, fact.event_row


def _gather(record: Record, fact: Fact) -> None:
    for name, value in fact.properties.items():
        known = record.said.setdefault(name, [])
        if value is not None and len(known) < _LIST_MAX and all(one.value != value for one in known):
            known.append(Said(value, fact))


def targets_of(relations: Sequence[tuple[int, int, Fact]]) -> Mapping[int, list[int]]:
    """Distinct targets of each subject, as far as they are not said to have ended only."""
    found: dict[int, dict[int, None]] = {}
    for subject, target, fact in relations:
        if target >= 0 and fact.change is not Change.ENDED:
            found.setdefault(subject, {})[target] = None
    return {subject: list(targets) for subject, targets in found.items()}
