"""Events of the session for each stage, and every doubt flipped alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab_recordings import Row, rows_of
from lab_worlds import ran, read, sightings
from wnv_lab.run import run_scenario
from wnv_lab.scenario import DOUBTS, DoubtSpec, read_scenario

FRAME, RECEIVED, ROUTED, DELIVERED = 1003, 56, 57, 58


def rows(tmp_path: Path, name: str, **doubts: Any) -> list[Row]:  # Any: the values of the doubts
    scenario = replace(read_scenario(name), doubts=DoubtSpec(**doubts))
    return rows_of(run_scenario(scenario, tmp_path).recordings[0])


def ids(found: list[Row], *wanted: int) -> list[int]:
    return [row["event_id"] for row in found if row["event_id"] in wanted]


def test_a_packet_in_a_switch_is_56_1003_57_1003_58() -> None:
    found = rows_of(ran("nat-containers").recordings[0])
    cpu = found[-1]["cpu"]
    way = ids([row for row in found if row["cpu"] == cpu], RECEIVED, FRAME, ROUTED, DELIVERED, 1001)
    assert way[-7:] == [1001, RECEIVED, FRAME, ROUTED, FRAME, DELIVERED, 1001]


def test_one_nbl_address_runs_from_56_to_58() -> None:
    found = rows_of(ran("nat-containers").recordings[0])
    nbls = [row["fields"]["BufferAddress"] for row in found if row["event_id"] in (RECEIVED, ROUTED, DELIVERED)]
    assert nbls[-3] == nbls[-2] == nbls[-1]


def test_a_first_packet_through_winnat_is_bound_made_translated_and_forwarded() -> None:
    found = rows_of(ran("nat-web").recordings[0])
    nat = [row["event_id"] for row in found if "WinNat" in str(row["provider"])]
    assert nat[2:8] == [1006, 1001, 1009, 1035, 1009, 1035]  # behind the rundown of the instance and its pool


def test_a_doubt_about_56_and_58_swaps_them(tmp_path: Path) -> None:
    way = ids(rows(tmp_path, "nat-containers", order_56_58="58-received"), RECEIVED, ROUTED, DELIVERED)
    assert way[-3:] == [DELIVERED, ROUTED, RECEIVED]


def test_packet_direct_has_its_own_three(tmp_path: Path) -> None:
    assert ids(rows(tmp_path, "packet-direct"), 240, 241, 242)[-3:] == [240, 242, 241]
    assert ids(rows(tmp_path, "packet-direct", order_240_241="241-received"), 240, 241, 242)[-3:] == [241, 242, 240]


@pytest.mark.parametrize(("reading", "event"), [("54-ingress", 54), ("55-ingress", 55)])
def test_a_doubt_about_54_and_55_swaps_them(tmp_path: Path, reading: str, event: int) -> None:
    assert set(ids(rows(tmp_path, "mac-spoofing", side_54_55=reading), 54, 55)) == {event}


@pytest.mark.parametrize("reading", ["sharedaccess", "none"])
def test_ics_may_tell_nothing_of_its_sessions(tmp_path: Path, reading: str) -> None:
    providers = {str(row["provider"]) for row in rows(tmp_path, "default-switch", ics_events=reading)}
    assert not [name for name in providers if "WinNat" in name]


@pytest.mark.parametrize("reading", ["text", "braces", "utf16", "binary"])
def test_events_of_containers_carry_their_id_if_asked(tmp_path: Path, reading: str) -> None:
    found = rows(tmp_path, "nat-web", container_id=reading)
    assert {row["container_id"] for row in found if row["pid"] == 3128} != {None}
    assert {row["container_id"] for row in found if row["pid"] != 3128} == {None}


@pytest.mark.parametrize(("reading", "bits"), [("switch", {1, 2}), ("owner", {1, 2}), ("none", {0})])
def test_the_direction_bits_of_1003_follow_the_reading(tmp_path: Path, reading: str, bits: set[int]) -> None:
    found = [row for row in rows(tmp_path, "vm-external", direction_1003=reading) if row["event_id"] == FRAME]
    assert {int(str(row["keyword"]), 0) >> 32 & 3 for row in found} == bits


@pytest.mark.parametrize("reading", ["strings", "double", "none"])
def test_frames_are_read_whatever_the_destinations_are(tmp_path: Path, reading: str) -> None:
    scenario = replace(read_scenario("vm-external"), doubts=DoubtSpec(destinations_1003=reading))
    result = run_scenario(scenario, tmp_path)
    got, said = read(result.recordings[0])
    assert got == sightings(result, result.recordings[0])
    assert said == set()


def test_every_doubt_has_its_switch() -> None:
    assert {name: known[0] for name, known in DOUBTS.items()} == {
        name: getattr(DoubtSpec(), name) for name in DOUBTS
    }  # fmt: skip


@pytest.mark.parametrize("doubt", sorted(DOUBTS))
def test_every_doubt_stands_on_its_page(doubt: str, repo_root: Path) -> None:
    page = (repo_root / "docs" / "reference" / "lab-doubts.md").read_text(encoding="utf-8")
    assert f"| `{doubt}` | {', '.join(f'`{value}`' for value in DOUBTS[doubt])} |" in page
