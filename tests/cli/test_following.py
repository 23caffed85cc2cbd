"""How the commands about journeys write addresses, durations and confidence."""

from __future__ import annotations

import pyarrow as pa
import pytest

from wnv.cli import following
from wnv.cli.following import confidence_text, duration_text, pair_text, time_numbers
from wnv.clock import NO_TIME


def test_a_pair() -> None:
    row = {"src": "10.0.0.5", "sport": 1, "dst": "10.0.0.6", "dport": 2, "x_src": None, "x_sport": None, "x_dst": None,
           "x_dport": None}  # fmt: skip
    assert pair_text(row) == "10.0.0.5:1 → 10.0.0.6:2"
    assert pair_text(row, "x_") == ""


@pytest.mark.parametrize(
    ("ns", "text"),
    [(None, ""), (0, "0 ns"), (999, "999 ns"), (1500, "1.5 µs"), (12_300_000, "12.3 ms"),
     (2_500_000_000_000, "2,500 s")],
)  # fmt: skip
def test_a_duration(ns: int | None, text: str) -> None:
    assert duration_text(ns) == text


@pytest.mark.parametrize(("value", "text"), [(None, ""), (1.0, ""), (0.9, "0.9"), (0.4, "0.4")])
def test_what_is_sure_needs_no_word(value: float | None, text: str) -> None:
    assert confidence_text(value) == text


def test_a_missing_time_stays_missing() -> None:
    batch = pa.record_batch({"t": pa.array([5, None], pa.int64())})
    assert time_numbers(batch, "t").tolist() == [5, NO_TIME]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, "clock of B 1.7 ms behind A's, ± 7.3 µs, from 14 packets both saw"),
        ({"offset_ns": 5_000, "rate_ppm": 12.0}, "clock of B 5 µs ahead of A's, ± 7.3 µs, and 12 ppm faster, from 14"),
        ({"error_ns": None, "confidence": 0.5, "reason": "one way"}, "behind A's, from 14 packets both saw, one way"),
        ({"offset_ns": None, "reason": "no packet"}, "clock of B not known: no packet"),
    ],
)
def test_a_clock_is_stated_with_its_error_and_what_it_rests_on(row: dict[str, object], words: str) -> None:
    whole = {
        "host": "B", "offset_ns": -1_700_000, "error_ns": 7_300, "rate_ppm": None, "n_sent": 6, "n_received": 8,
        "confidence": 0.9, "reason": "both ways",
    }  # fmt: skip
    assert words in following._clock_words({**whole, **row}, "A")
