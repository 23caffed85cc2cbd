from __future__ import annotations

from pathlib import Path

import pytest

import wnv
from conversion import SPEC, at, pktmon, record, ts_ns
from payloads import Echo, Sighting, ethernet, ip, pktmon_160
from wnv.cli.filtering import check_filter, compiled_filter, tables_for
from wnv.sql.expression import FilterError


def test_what_no_recording_could_make_right_is_refused_at_once() -> None:
    check_filter("", "observations")
    check_filter('frame.time > "12:30" && container == web', "observations")
    for expression in ("tcp &&", "nosuch", "tcp.port == x"):
        with pytest.raises(FilterError):
            check_filter(expression, "observations")


def test_times_are_those_of_the_recording(tmp_path: Path) -> None:
    frame = ethernet(ip("10.0.0.1", "10.0.0.2", Echo()))
    path = record(tmp_path, [pktmon(160, pktmon_160(Sighting(), frame), ticks=at(5))])
    with wnv.open_trace(path, use_cache=False) as trace:
        condition = compiled_filter(trace, "frame.time >= 1.5", "observations")
        assert condition.values == (ts_ns(SPEC.t0) + 1_500_000_000,)
        with pytest.raises(FilterError, match="time"):
            compiled_filter(trace, "frame.time >= soon", "observations")
        assert set(tables_for(trace, compiled_filter(trace, "ip", "events"), ["points"])) == {
            "events", "frames", "observations", "points",
        }  # fmt: skip
