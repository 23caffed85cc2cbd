"""Names that are tied together, whatever the order in which they are heard."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from wnv.providers.facts import Fact, Key, Ref, Thing
from wnv.topology.things import Things, targets_of

GUID, OTHER = ("guid", "a"), ("guid", "b")
INDEX: Key = ("if_index", 7)
KEYS = st.tuples(st.sampled_from(["guid", "name", "if_index"]), st.integers(0, 3))


def _nic(*keys: Key) -> Ref:
    return Ref(Thing.NIC, keys)


def test_names_heard_together_are_one_thing_in_any_order() -> None:
    facts = [Fact(_nic(GUID)), Fact(_nic(INDEX)), Fact(_nic(GUID, INDEX)), Fact(_nic(INDEX, ("name", "x")))]
    for order in itertools.permutations(facts):
        things = Things()
        for fact in order:
            things.add(fact)
        (record,) = things.records().values()
        assert set(record.keys) == {GUID, INDEX, ("name", "x")}


def test_two_guids_are_two_things_and_the_claim_is_kept() -> None:
    things = Things()
    for keys in ((GUID, INDEX), (OTHER, INDEX)):
        things.add(Fact(_nic(*keys)))
    assert len(things.records()) == 2
    assert len(things.conflicts) == 1


def test_sessions_and_sorts_do_not_mix() -> None:
    things = Things()
    for fact in (Fact(_nic(GUID)), Fact(_nic(GUID), session_id=1), Fact(Ref(Thing.PORT, (GUID,)))):
        things.add(fact)
    assert len(things.records()) == 3


def test_the_recording_counts_before_the_inventory_and_later_before_earlier() -> None:
    things = Things()
    for value, ts_ns, source in (("old", 1, "recording"), ("listed", 9, "inventory"), ("new", 5, "recording")):
        things.add(Fact(_nic(GUID), {"alias": value, "addresses": [value]}, ts_ns=ts_ns, source=source))
    (record,) = things.records().values()
    assert record.get("alias") == "new"
    assert record.all("addresses") == ["old", "new", "listed"]
    assert (record.get("mac", "none"), record.sources) == ("none", {"recording", "inventory"})


@given(st.lists(st.lists(KEYS, min_size=1, max_size=3), max_size=12))
def test_no_thing_has_two_guids(refs: list[list[tuple[str, int]]]) -> None:
    things = Things()
    for keys in refs:
        things.add(Fact(_nic(*keys)))
    records = things.records().values()
    assert all(sum(kind == "guid" for kind, _ in record.keys) <= 1 for record in records)
    assert sum(len(record.keys) for record in records) == len({key for keys in refs for key in keys})


def test_targets_that_only_ended_do_not_count() -> None:
    things = Things()
    things.add(Fact(_nic(GUID), relation="connects", target=Ref(Thing.PORT, (GUID,))))
    assert [len(targets) for targets in targets_of(list(things.relations("connects"))).values()] == [1]
