from __future__ import annotations

from pathlib import Path

import pytest

from command_line import Ran, done, wnv
from pcapng_reader import read_capture


@pytest.fixture(scope="module")
def demo() -> Ran:
    return done("demo")


def test_the_demo_has_three_parts_in_order(demo: Ran) -> None:
    assert [line for line in demo.lines if line.startswith(("# ", "$ "))] == [
        "# What is in this recording, and what did it lose?",
        "$ wnv info pktmon-demikernel.etl",
        "# Hand every packet to Wireshark",
        "$ wnv convert pktmon-demikernel.etl -w pktmon-demikernel.pcapng",
        "# Where did one packet go?",
    ]
    assert "pktmon-demikernel.pcapng: 114 packets seen at 4 points" in demo.err


def test_the_demo_follows_one_packet_through_the_stack(demo: Ran) -> None:
    packet = demo.out.partition("# Where did one packet go?\n")[2].splitlines()
    assert "ICMP 10.9.1.22 → 10.9.1.14, echo reply, 98 bytes" in packet[0]
    ways = [line.partition(" out ")[2].split()[0] for line in packet if " out " in line]
    assert ways == ["xdp:61:lower", "netvsc:59", "NETVSCVFPP:50", "mlx5:48"]
    assert packet[4].split()[:3] == ["2", "+2.2", "µs"]


def test_the_demo_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done("demo")
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_the_demo_keeps_the_capture_if_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = done("demo", "-w", "kept.pcapng")
    assert len(read_capture(tmp_path / "kept.pcapng").packets) == 114
    assert ran.lines[-1] == "Kept: kept.pcapng"


def test_the_demo_ends_where_a_step_fails(tmp_path: Path) -> None:
    ran = wnv("demo", "-w", tmp_path / "no" / "such.pcapng")
    assert ran.code == 2
    assert "does not exist" in ran.err
    assert "Where did one packet go?" not in ran.out
