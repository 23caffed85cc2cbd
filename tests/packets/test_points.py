from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wnv.packets.points import OVERFLOW, POINTS_MAX, Points, unique_names


class TestPoints:
    def test_are_numbered_in_order_of_first_appearance(self) -> None:
        points = Points()
        assert [points.number(("pktmon", n)) for n in (5, 7, 5)] == [0, 1, 0]
        assert [point.key for point in points.rows] == [("pktmon", 5), ("pktmon", 7)]

    def test_of_two_providers_are_two_although_their_numbers_are_one(self) -> None:
        points = Points()
        assert points.of_host(0).numbers("pktmon", np.array([3, 3])).tolist() == [0, 0]
        assert points.of_host(0).numbers("ndiscap", np.array([3, 2, 3])).tolist() == [2, 1, 2]

    def test_of_two_hosts_are_two_although_their_adapters_have_one_number(self) -> None:
        points = Points()
        numbers = [points.of_host(host).numbers("ndiscap", np.array([4, 4])).tolist() for host in (0, 1, 0)]
        assert numbers == [[0, 0], [1, 1], [0, 0]]
        assert [(point.key, point.host) for point in points.rows] == [(("ndiscap", 4), 0), (("ndiscap", 4), 1)]
        assert [number for number, _ in points.of_host(1)] == [1]

    def test_no_rows_are_no_points(self) -> None:
        points = Points()
        assert points.of_host(0).numbers("pktmon", np.zeros(0, np.int64)).tolist() == []
        assert not points.rows

    def test_what_comes_beyond_the_bound_shares_one(self) -> None:
        points = Points()
        numbers = points.of_host(0).numbers("pktmon", np.arange(POINTS_MAX + 3))
        assert numbers[-4:].tolist() == [POINTS_MAX - 1, POINTS_MAX, POINTS_MAX, POINTS_MAX]
        assert len(points.rows) == POINTS_MAX + 1
        assert points.n_refused == 3
        assert points.rows[-1].key == OVERFLOW
        assert points.rows[-1].name == "other"
        assert points.number(("pktmon", 0)) == 0


class TestUniqueNames:
    @pytest.mark.parametrize(
        ("wanted", "got"),
        [
            (["eth:7", "eth:8"], ["eth:7", "eth:8"]),
            (["eth:7", "eth:7", "eth:7"], ["eth:7", "eth:7#2", "eth:7#3"]),
            (["Eth:7", "eth:7"], ["Eth:7", "eth:7#2"]),
            (["a", "a", "a#2", "a"], ["a", "a#2", "a#2#2", "a#3"]),
            (["my nic (2)", " x ", "Büro/1"], ["my_nic_2", "x", "B_ro_1"]),
            (["", "\x1b[2J", "\u202e"], ["point", "2J", "point#2"]),
            (["../../etc/passwd"], [".._.._etc_passwd"]),
        ],
    )
    def test_are_fit_for_a_file_and_an_option(self, wanted: list[str], got: list[str]) -> None:
        assert unique_names(wanted) == got

    @given(st.lists(st.sampled_from(["a", "A", "a#2", "a#3", "b", "\0"]) | st.text(max_size=3)))
    def test_differ_even_where_case_does_not_count(self, wanted: list[str]) -> None:
        names = unique_names(wanted)
        assert len({name.lower() for name in names}) == len(wanted)
        assert all(name.isascii() and name.isprintable() and " " not in name and "/" not in name for name in names)

    def test_of_thousands_that_want_the_same_are_found_at_once(self) -> None:
        assert unique_names(["eth"] * POINTS_MAX)[-1] == f"eth#{POINTS_MAX}"
