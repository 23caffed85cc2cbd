"""Intervals of edges, whatever the order and the source of what is said."""

from __future__ import annotations

from wnv.clock import NO_TIME
from wnv.providers.facts import Change, Fact, Ref, Thing
from wnv.topology.build import Builder
from wnv.topology.model import ALWAYS, FOREVER, Topology

NIC = Ref(Thing.NIC, (("guid", "n"),))
ONE, OTHER = (Ref(Thing.PORT, (("guid", name),)) for name in ("one", "other"))


def _connects(port: Ref | None, ts_ns: int | None, change: Change = Change.SEEN, source: str = "recording") -> Fact:
    when = NO_TIME if ts_ns is None else ts_ns
    return Fact(NIC, relation="connects", target=port, change=change, source=source, event_row=3, ts_ns=when)


def _topology(*facts: Fact) -> Topology:
    return Builder().finish([Fact(ONE), Fact(OTHER), *facts])


def _spans(*facts: Fact) -> list[tuple[str, int, int]]:
    return [(one.target_id.removeprefix("port:"), one.from_ns, one.to_ns) for one in _topology(*facts).edges]


BEGUN, ENDED = Change.BEGUN, Change.ENDED


def test_seen_is_there_all_along() -> None:
    assert _spans(_connects(ONE, 5)) == [("one", ALWAYS, FOREVER)]


def test_begun_and_ended() -> None:
    assert _spans(_connects(ONE, 5, BEGUN), _connects(ONE, 9, ENDED)) == [("one", 5, 9)]
    assert _spans(_connects(ONE, 5, BEGUN), _connects(None, 9, ENDED)) == [("one", 5, 9)]


def test_a_new_one_ends_the_old() -> None:
    assert _spans(_connects(ONE, 5, BEGUN), _connects(OTHER, 9, BEGUN)) == [("one", 5, 9), ("other", 9, FOREVER)]


def test_seen_again_after_the_end_begins_then() -> None:
    facts = _connects(ONE, 5, BEGUN), _connects(ONE, 9, ENDED), _connects(ONE, 12)
    assert _spans(*facts) == [("one", 5, 9), ("one", 12, FOREVER)]


def test_what_has_no_time_takes_that_of_the_beginning() -> None:
    assert _spans(_connects(ONE, None), _connects(ONE, 5, BEGUN)) == [("one", 5, FOREVER)]
    assert _spans(_connects(ONE, 3), _connects(ONE, 5, BEGUN)) == [("one", ALWAYS, FOREVER)]


def test_two_at_a_time_are_a_contradiction_and_both_stay() -> None:
    topology = _topology(_connects(ONE, 5), _connects(OTHER, None, source="inventory"))
    assert len(topology.edges) == 2
    (found,) = topology.contradictions
    assert (found.property, found.values, found.sources) == (
        "connects", ("port:one", "port:other"), ("recording", "inventory"),
    )  # fmt: skip


def test_a_port_of_the_switch_says_more_than_the_switch() -> None:
    switch = Ref(Thing.VSWITCH, (("guid", "s"),))
    facts = [
        Fact(NIC, relation="on_switch", target=switch), Fact(switch, relation="has_port", target=ONE),
        _connects(ONE, 5),
    ]  # fmt: skip
    assert sorted(one.kind.value for one in _topology(*facts).edges) == ["connects", "has_port"]


def test_a_sure_statement_outweighs_a_guess() -> None:
    guess = Fact(NIC, relation="connects", target=ONE, confidence=0.9, reason="guessed")
    (edge,) = _topology(guess, _connects(ONE, 5)).edges
    assert (edge.confidence, edge.reason, edge.evidence) == (1.0, "", (3,))
