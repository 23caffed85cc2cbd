"""`wnv lab` on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from command_line import done, wnv
from wnv_lab.scenario import scenario_names


def test_the_list_has_every_scenario_with_its_title() -> None:
    lines = done("lab", "list").lines
    names = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(names) == scenario_names()


def test_run_leaves_recording_inventory_and_truth(tmp_path: Path) -> None:
    ran = done("lab", "run", "nat-containers", "-w", tmp_path, "--capture", "both")
    for name in ("nat-containers.etl", "nat-containers.inventory.json", "nat-containers-pktmon.etl",
                 "nat-containers-pktmon.inventory.json", "nat-containers.truth/truth.json",
                 "nat-containers.truth/hops.parquet"):  # fmt: skip
        assert (tmp_path / name).stat().st_size > 0
    assert any(line.endswith("nat-containers.etl") for line in ran.lines)


def test_run_refuses_what_cannot_be_and_says_what_to_do(tmp_path: Path) -> None:
    ran = wnv("lab", "run", "nat-web", "-w", tmp_path, "--capture", "pktmon", "--build", "14393")
    assert ran.code == 2
    assert "has no pktmon" in ran.err
    assert "--capture ndis" in ran.err
    assert "did you mean 'nat-web'?" in wnv("lab", "run", "nat-wep", "-w", tmp_path).err


def test_show_draws_the_network_and_says_what_to_look_for() -> None:
    text = "\n".join(done("lab", "show", "transparent-team-vlan").lines)
    assert "team Team1" in text
    assert "container shop 10.0.20.60 (compartment 2, VLAN 20)" in text
    assert "Look for" in text


def test_help_of_wnv_does_not_load_the_lab() -> None:
    code = "import sys; from wnv.cli.main import run; run(['--help']); sys.exit('wnv_lab' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
