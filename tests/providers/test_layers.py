"""Adapters and layers in the rundown of ndiscap, written by the lab."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.providers.facts import Change, Thing
from wnv.providers.layers import ATTACHED, DETACHED, EVENT_SOURCE, parse
from wnv_lab.events import ndiscap


def _orders(*layers: tuple[int, str]) -> list[tuple[object, object]]:
    raw = ndiscap.source(source_id=ndiscap.SOURCE_NDIS, source_name="Ethernet", if_index=4, layers=layers)
    found = [one for one in parse(EVENT_SOURCE, raw) if one.subject.thing is Thing.LAYER and one.properties]
    return [(one.properties["description"], one.properties.get("order")) for one in found]


class TestSource:
    def test_the_miniport_tells_which_way_the_list_runs(self) -> None:
        up, down = [(4, "miniport"), (9, "low"), (10, "high")], [(10, "high"), (9, "low"), (4, "miniport")]
        assert _orders(*up) == _orders(*down) == [("low", 1), ("high", 2)]

    def test_without_it_nothing_is_said_of_their_order(self) -> None:
        assert _orders((9, "low"), (10, "high")) == [("low", None), ("high", None)]

    def test_a_switch_is_known_by_its_index_and_its_guid(self) -> None:
        guid = "5c2d5e1f-0000-4000-8000-000000000001"
        raw = ndiscap.source(source_id=ndiscap.SOURCE_VM_SWITCH, source_name=f"{{{guid}}}", if_index=8)
        (found,) = parse(EVENT_SOURCE, raw)
        assert found.subject.keys == (("if_index", 8), ("guid", guid))


def test_a_layer_is_above_its_miniport_until_it_is_detached() -> None:
    raw = ndiscap.layer(miniport_if_index=4, lower_if_index=9)
    assert [one.relation for one in parse(ATTACHED, raw)] == ["", "", "stacked_on"]
    assert [one.change for one in parse(DETACHED, raw)][1] is Change.ENDED


@given(st.sampled_from([ATTACHED, EVENT_SOURCE]), st.binary(max_size=80))
def test_no_bytes_raise_more_than_an_error_of_value(event_id: int, raw: bytes) -> None:
    try:
        list(parse(event_id, raw))
    except ValueError:
        return


def test_a_name_without_an_end_is_an_error_of_value() -> None:
    with pytest.raises(ValueError, match="name"):
        list(parse(EVENT_SOURCE, b"\1" + "Ethernet".encode("utf-16-le")))
