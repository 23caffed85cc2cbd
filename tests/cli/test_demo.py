"""`wnv demo`: the tour, command by command, on a simulated host; and on a real recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import Ran, done, wnv
from pcapng_reader import read_capture


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """What the tour prints, and the folder it worked in."""
    folder = tmp_path_factory.mktemp("tour")
    return done("demo", "-w", folder), folder


@pytest.fixture(scope="module")
def real() -> Ran:
    return done("demo", "--real")


def part(ran: Ran, number: int) -> str:
    """What stands below a numbered question."""
    return ran.out.partition(f"\n# {number}. ")[2].partition("\n# ")[0]


def test_the_tour_shows_each_command_as_one_would_type_it(tour: tuple[Ran, Path]) -> None:
    assert [line for line in tour[0].lines if line.startswith("$ ")] == [
        "$ wnv lab run demo.toml -w .",
        "$ wnv info demo.etl",
        "$ wnv topology demo.etl",
        "$ wnv follow demo.etl -Y 'http.request.method == \"GET\"'",
        "$ wnv follow demo.etl -Y 'http.response.code == 200'",
        "$ wnv drops demo.etl",
        "$ wnv explain demo.etl",
        "$ wnv convert demo.etl -w demo.pcapng --once",
    ]


def test_request_and_answer_are_followed_across_the_nat(tour: tuple[Ran, Path]) -> None:
    there, back = part(tour[0], 4), part(tour[0], 5)
    assert "172.20.1.5:49153 → 10.0.0.10:1025" in there
    assert "10.0.0.10:1025 → 172.20.1.5:49153" in back
    assert "left host" in there
    assert "delivered" in back


def test_the_drop_and_its_cause_are_named(tour: tuple[Ran, Path]) -> None:
    assert "Deny-Corp-DNS" in part(tour[0], 6)
    assert "CAUSE: 3 packets dropped at container shop's port on switch nat" in part(tour[0], 7)


def test_the_readme_shows_what_the_tour_prints(tour: tuple[Ran, Path], repo_root: Path) -> None:
    """`python tools/build_picture.py` copies it there."""
    readme = (repo_root / "README.md").read_text(encoding="utf-8")
    for number in (4, 7):
        shown = readme.partition(f"<!-- step {number} of wnv demo -->\n```\n")[2].partition("\n```\n")[0]
        assert shown in part(tour[0], number)
        assert len(shown) > 100


def test_what_the_tour_made_can_be_kept(tour: tuple[Ran, Path]) -> None:
    ran, folder = tour
    assert ran.lines[-1] == f"Kept in {folder}."
    packets = read_capture(folder / "demo.pcapng").packets
    assert len({one.packet_id for one in packets}) == len(packets) == 21


def test_the_tour_leaves_nothing_behind_where_it_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done("demo", "--real")
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_the_real_recording_has_three_parts_in_order(real: Ran) -> None:
    assert [line for line in real.lines if line.startswith(("# ", "$ "))] == [
        "# What is in this recording, and what did it lose?",
        "$ wnv info pktmon-demikernel.etl",
        "# Hand every packet to Wireshark",
        "$ wnv convert pktmon-demikernel.etl -w pktmon-demikernel.pcapng",
        "# Where did one packet go?",
    ]
    assert "pktmon-demikernel.pcapng: 114 packets seen at 4 points" in real.err


def test_it_follows_one_packet_through_the_stack(real: Ran) -> None:
    packet = real.out.partition("# Where did one packet go?\n")[2].splitlines()
    assert "ICMP 10.9.1.22 → 10.9.1.14, echo reply, 98 bytes" in packet[0]
    ways = [line.partition(" out ")[2].split()[0] for line in packet if " out " in line]
    assert ways == ["xdp:61:lower", "netvsc:59", "NETVSCVFPP:50", "mlx5:48"]
    assert packet[4].split()[:3] == ["2", "+2.2", "µs"]


def test_the_tour_ends_where_a_step_fails(tmp_path: Path) -> None:
    (tmp_path / "demo.pcapng").mkdir()
    ran = wnv("demo", "-w", tmp_path)
    assert ran.code == 2
    assert "What to run next" not in ran.out
