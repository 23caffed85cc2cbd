"""Sightings of pktmon: appearances in order, groups, components, drops, counters."""

from __future__ import annotations

from collections import defaultdict

from lab_recordings import Row, rows_of
from lab_worlds import ran, truth_rows


def rows(name: str, build: int | None = None) -> list[Row]:
    return rows_of(ran(name, "pktmon", build).recordings[0])


def by_packet(found: list[Row]) -> dict[tuple[int, int], list[Row]]:
    packets: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in found:
        if row["event_id"] in (160, 170):
            packets[row["fields"]["PktGroupId"], row["fields"]["PktNumber"]].append(row["fields"])
    return packets


def test_appearances_count_from_one_in_order() -> None:
    for sightings in by_packet(rows("nat-web")).values():
        assert [row["AppearanceCount"] for row in sightings] == list(range(1, len(sightings) + 1))


def test_a_group_names_its_processor_and_a_clone_has_another() -> None:
    found = [row for row in rows("nat-web") if row["event_id"] == 160]
    assert all(row["fields"]["PktGroupId"] >> 48 == row["cpu"] for row in found)
    groups: dict[int, set[int]] = defaultdict(set)
    for row in truth_rows(ran("nat-web", "pktmon"), "sightings"):
        groups[row["journey_id"]].add(row["pkt_group"])
    journeys = {row["journey_id"]: row["path"] for row in truth_rows(ran("nat-web", "pktmon"), "journeys")}
    assert {len(groups[journey]) for journey, path in journeys.items() if "NAT" in path} == {2}
    assert {len(groups[journey]) for journey, path in journeys.items() if "NAT" not in path} == {1}


def test_packets_of_one_nbl_are_numbered() -> None:
    numbers = {number for _, number in by_packet(rows("multi-packet-nbls"))}
    assert numbers == set(range(1, 17))


def test_a_drop_is_a_170_with_reason_and_location() -> None:
    dropped = [row["fields"] for row in rows("mac-spoofing") if row["event_id"] == 170]
    assert len(dropped) == 3
    assert {(row["DropReason"], row["DropLocation"]) for row in dropped} == {(16, 0xE000201B)}


def test_reasons_that_2018_did_not_have_are_not_written_by_it() -> None:
    assert [row for row in rows("vfp-block", 20348) if row["event_id"] == 170]
    assert not [row for row in rows("vfp-block", 17763) if row["event_id"] == 170]


def test_counters_add_up_to_the_sightings() -> None:
    found = rows("nat-web")
    seen: dict[tuple[int, int], int] = defaultdict(int)
    for row in found:
        if row["event_id"] == 160:
            seen[row["fields"]["ComponentId"], row["fields"]["EdgeId"]] += 1
    ends = [row["fields"] for row in found if row["event_id"] == 90]
    counted = {(end["ComponentId"], end["EdgeId"]): end["PacketsIn"] + end["PacketsOut"] for end in ends}
    assert {place: n for place, n in counted.items() if n} == dict(seen)


def test_components_stand_behind_all_packets() -> None:
    ids = [row["event_id"] for row in rows("nat-web") if row["event_id"] in (20, 160)]
    assert ids == sorted(ids, reverse=True)
