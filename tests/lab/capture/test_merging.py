from __future__ import annotations

from pathlib import Path

from command_line import done
from wnv import open_trace


def test_a_pktmon_recording_names_adapters_and_windows(tmp_path: Path) -> None:
    done("lab", "run", "nat-web", "-w", tmp_path, "--capture", "pktmon")
    (path,) = tmp_path.glob("*.etl")
    with open_trace(path) as trace:
        session = trace.overview.sessions[0]
    assert session.row["product"] == "Windows Server 2022 Datacenter"
    adapters = {one["alias"]: one for one in session.details["interfaces"] if not one["is_filter"]}
    assert {"Ethernet", "vEthernet (nat)"} <= set(adapters)
    filters = [one["alias"] for one in session.details["interfaces"] if one["is_filter"]]
    assert "Ethernet-QoS Packet Scheduler-0000" in filters
