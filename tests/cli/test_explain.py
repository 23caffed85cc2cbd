"""`wnv explain`: one screen for people, the same for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import done, wnv
from explained import recordings


def lines_of(name: str, *options: str) -> list[str]:
    return done("explain", recordings(name)[0], "--no-cache", *options).lines


def recordings_without_packets() -> Path:
    return Path(__file__).parents[1] / "traces" / "tracelogging-primitive-types.etl"


def entry(lines: list[str], label: str) -> str:
    """The text beside a label, with the lines that go on."""
    start = next(number for number, line in enumerate(lines) if line.startswith(f"  {label:10}"))
    rest = lines[start + 1 :]
    more = next((number for number, line in enumerate(rest) if not line.startswith(" " * 12)), len(rest))
    return " ".join(line[12:].strip() for line in [lines[start], *rest[:more]])


def test_a_cause_is_told_with_who_where_why_and_what_to_do() -> None:
    lines = lines_of("acl-drop", "--time", "utc")
    assert lines[0] == "acl-drop.etl: Windows Server 2022"
    assert entry(lines, "who") == "VM app → VM db"
    assert entry(lines, "what") == "TCP 10.0.0.31:49153 → 10.0.0.32:5432, 4 packets"
    assert entry(lines, "first at").startswith("2026-03-02 09:00:00.06")
    assert entry(lines, "last seen").startswith("VM db's port on switch LAN (")
    assert entry(lines, "rule") == "Block-Postgres"
    assert "VmSwitch 36" in entry(lines, "evidence")
    assert entry(lines, "sure").startswith("0.9")
    assert entry(lines, "do")
    assert "wnv follow" in entry(lines, "look")
    assert any(line.startswith("CAUSE: 4 packets dropped at VM db's port") for line in lines)


def test_it_is_one_screen_of_80_columns() -> None:
    for name in ("acl-drop", "nat-ports-exhausted", "no-port-mapping", "silent-loss", "lost-buffers"):
        lines = lines_of(name)
        assert len(lines) <= 50, name
        assert [line for line in lines if len(line) > 80 and "wnv follow" not in line and "pktmon" not in line] == []


def test_a_container_is_called_by_its_name() -> None:
    lines = lines_of("nat-ports-exhausted")
    assert entry(lines, "who") == "container crawler → 93.184.216.34"


def test_what_was_lost_and_what_was_not_seen_stands_at_the_head() -> None:
    lines = lines_of("lost-buffers")
    assert "buffer" in entry(lines, "lost")
    assert "to itself" in entry(lines, "not seen")
    assert any(line.startswith("CANNOT TELL: ") for line in lines)


def test_a_healthy_host_has_nothing_wrong() -> None:
    assert any(line.startswith("NOTHING WENT WRONG: no packet was dropped") for line in lines_of("nat-web"))


def test_where_evidence_is_missing_the_next_capture_is_given() -> None:
    lines = lines_of("silent-loss")
    assert any(line.startswith("Next: record every component") for line in lines)
    assert any(line.startswith("  pktmon start --capture --comp all") for line in lines)


def test_for_programs_there_is_json() -> None:
    found = json.loads("\n".join(lines_of("acl-drop", "--format", "json")))
    assert found["answer"] == "cause"
    (finding,) = found["findings"]
    assert (finding["kind"], finding["rule"], finding["n"]) == ("dropped", "Block-Postgres", 4)
    assert finding["flows"][0]["who"] == "VM app → VM db"
    assert found["coverage"]["blind_spots"]


def test_a_filter_without_a_hit_is_told() -> None:
    ran = wnv("explain", recordings("nat-web")[0], "--no-cache", "-Y", "tcp.port == 9")
    assert ran.code == 2
    assert "no packet fits" in ran.err


@pytest.mark.parametrize("expression", ["tcp.prt == 9", "tcp.port =="])
def test_what_is_no_filter_is_misuse(expression: str) -> None:
    assert wnv("explain", recordings("nat-web")[0], "--no-cache", "-Y", expression).code == 2


def test_without_packets_it_says_why() -> None:
    lines = done("explain", recordings_without_packets(), "--no-cache").lines
    assert any(line.startswith("CANNOT TELL: the recording has no packets: ") for line in lines)
    assert any(line.startswith("  pktmon start") for line in lines)
