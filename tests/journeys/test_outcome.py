"""How journeys end, and why: the strong words only where the recording shows them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from lab_worlds import ran
from stitched import hops_of, rows_at, rows_of, true_rows
from wnv.journeys.outcome import OUTCOME_WORDS, Outcome
from wnv.schema import JOURNEYS
from wnv_lab import frames
from wnv_lab.etl.writer import EtlWriter
from wnv_lab.events import ndiscap


def outcomes(name: str, capture: str = "ndis") -> Counter[str]:
    return Counter(row["outcome"] for row in rows_of(name, "journeys", capture))


def test_every_outcome_has_its_word() -> None:
    assert [OUTCOME_WORDS[one] for one in Outcome] == [one.name.lower() for one in Outcome]


def test_a_packet_lost_without_a_word_vanished_and_it_is_said_what_that_rests_on() -> None:
    vanished = [row for row in rows_of("silent-loss", "journeys") if row["outcome"] == "vanished"]
    assert len(vanished) == sum(row["outcome"] == "vanished" for row in true_rows("silent-loss", "journeys"))
    assert {row["confidence"] for row in vanished} == {0.9}
    assert all("next point" in row["reason"] for row in vanished)


@pytest.mark.parametrize("name", ["nat-web", "acl-drop", "vm-external"])
def test_nothing_vanishes_where_nothing_was_lost(name: str) -> None:
    assert outcomes(name)["vanished"] == 0


def test_what_is_not_known_is_said_in_words() -> None:
    for name in ("filtered-capture", "lost-buffers", "sriov"):
        for row in rows_of(name, "journeys"):
            assert row["outcome"] != "unknown" or row["reason"]
            assert row["confidence"] == 1 or row["reason"]


def test_a_filter_explains_why_a_packet_is_not_seen_again() -> None:
    unknown = [row for row in rows_of("filtered-capture", "journeys") if row["outcome"] == "unknown"]
    assert unknown
    assert all(row["reason"] for row in unknown)


def test_a_dropped_packet_has_the_reason_of_its_drop() -> None:
    drops = {row["journey_id"]: row for row in rows_of("acl-drop", "drops")}
    dropped = [row for row in rows_of("acl-drop", "journeys") if row["outcome"] == "dropped"]
    assert sorted(drops) == [row["journey_id"] for row in dropped]
    assert all(row["drop_reason"] == drops[row["journey_id"]]["drop_reason"] for row in dropped)
    assert all(row["drop_reason"] is None for row in rows_of("acl-drop", "journeys") if row["outcome"] != "dropped")


def test_a_translated_packet_says_what_it_was_and_what_it_became() -> None:
    out = next(row for row in rows_of("nat-web", "journeys") if row["src_last"] != row["src"])
    assert (out["src"], out["src_last"]) == ("172.20.1.5", "10.0.0.10")
    assert (out["dst"], out["dst_last"]) == (out["dst_last"], out["dst"])
    assert out["outcome"] == "left_host"


def test_a_path_names_places_as_people_do() -> None:
    paths = {row["path"] for row in rows_of("nat-web", "journeys")}
    assert any("shop" in path and "Ethernet" in path for path in paths)
    assert not any(" → " in f"{path} " and len(set(path.split(" → "))) == 1 for path in paths)


def test_a_path_names_each_end_of_a_broadcast_once() -> None:
    paths = {row["path"] for row in rows_of("broadcasts", "journeys")}
    assert "app → LAN → db, web, vEthernet (LAN), Ethernet" in paths
    assert "Ethernet → LAN → app, db, web, vEthernet (LAN)" in paths
    assert all(path.count("LAN →") == 1 for path in paths if ", " in path)


def test_first_and_last_point_are_those_of_its_hops() -> None:
    for row in rows_of("nat-web", "journeys"):
        hops = hops_of("nat-web", row["journey_id"])
        assert (row["first_point"], row["last_point"]) == (hops[0]["point"], hops[-1]["point"])
        assert (row["first_ns"], row["n_hops"]) == (hops[0]["ts_ns"], len(hops))


def test_rows_have_the_columns_of_their_table() -> None:
    rows = rows_at(ran("nat-web").recordings[0])["journeys"]
    assert list(rows[0]) == list(JOURNEYS.names)
    assert sorted(row["journey_id"] for row in rows) == list(range(1, len(rows) + 1))


def test_what_a_nat_let_in_has_not_left_by_a_nic_of_which_nothing_is_known(tmp_path: Path) -> None:
    """Without the switch's events the NIC of the container network looks like any other."""
    container, host, server = bytes([172, 20, 1, 5]), bytes([10, 0, 0, 10]), bytes([10, 0, 0, 80])
    start_ns, path = 1_700_000_000_000_000_000, tmp_path / "nics.etl"
    with EtlWriter(path, build=20348, n_processors=1, start_ns=start_ns, boot_ns=start_ns - 10**12) as etl:

        def seen(at_us: int, index: int, src: bytes, dst: bytes, ports: tuple[int, int], *, is_send: bool) -> None:
            segment = frames.tcp(src, dst, *ports, 1000, 2000, 0x18, b"the same bytes")
            stations = bytes([2, 0, 0, 0, 0, index]), bytes([2, 0, 0, 0, 1, index])
            frame = frames.ethernet(*stations, 0x0800, frames.ipv4(src, dst, 6, segment, ident=77))
            payload = ndiscap.FrameTemplate(index, index, build=20348).fill(frame)
            keyword = ndiscap.frame_keyword(ndiscap.KIND_1001, is_send=is_send)
            etl.add(start_ns + at_us * 1000, 0, 4, 8, ndiscap.KIND_1001, payload, keyword=keyword)

        seen(100, 22, container, server, (50000, 80), is_send=False)
        seen(110, 5, host, server, (1025, 80), is_send=True)
        seen(900, 5, server, host, (80, 1025), is_send=False)
        seen(910, 22, server, container, (80, 50000), is_send=True)
    rows = rows_at(path)["journeys"]
    assert [(row["outcome"], row["n_hops"]) for row in rows] == [("left_host", 2), ("unknown", 2)]
    assert "does not say what this point is" in rows[1]["reason"]


def test_an_address_that_is_stated_as_the_hosts_stays_so_where_no_physical_nic_is_seen() -> None:
    assert outcomes("private-and-internal")["unknown"] == 0
