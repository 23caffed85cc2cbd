"""`wnv lab path`: what would happen to a packet, at three verbosities."""

from __future__ import annotations

import pytest

from command_line import done, wnv
from lab_worlds import legs
from wnv_lab.errors import LabError
from wnv_lab.path import render_path


def test_minimal_says_how_it_ends() -> None:
    assert render_path(legs("acl-drop", "app", "db", "tcp", 5432), "minimal").splitlines()[-1].strip() == (
        "=> ends here dropped, filtered: rule 'Block-Postgres' of the port"
    )


def test_summary_has_a_line_a_hop_and_detailed_one_a_stage() -> None:
    found = legs("nat-web", "shop", "www")
    summary, detailed = render_path(found, "summary"), render_path(found, "detailed")
    assert summary.count("\n") == 7
    assert detailed.count("\n") > 2 * summary.count("\n")
    assert "172.20.1.5:49152 → 10.0.0.10:1024" in summary
    assert "dynamic session, outside port 1024" in detailed


def test_a_way_over_two_hosts_has_a_leg_for_each() -> None:
    text = render_path(legs("overlay-pods", "pod-a", "pod-b"), "summary")
    assert [line.partition(":")[0] for line in text.splitlines() if not line.startswith(" ")] == ["NODE1", "NODE2"]
    assert "VXLAN removed" in text


def test_a_large_frame_may_end_where_a_small_one_passes() -> None:
    arguments = ("lab", "path", "mtu-too-small", "--from", "pod-b", "--to", "pod-a", "--minimal")
    assert done(*arguments).lines[-1].strip() == "=> reaches pod-a"
    assert "mtu_mismatch" in done(*arguments, "--bytes", "1514").lines[-1]


def test_the_host_is_as_the_scenario_leaves_it() -> None:
    def ends(name: str, source: str, to: str) -> str:
        return done("lab", "path", name, "--from", source, "--to", to, "--minimal").lines[-1].strip()

    assert ends("default-switch", "dev", "www") == "=> leaves the host by Wi-Fi"
    assert ends("late-container", "late", "shop") == "=> reaches shop"
    assert "nic_disabled" in ends("nic-disabled", "app", "db")


@pytest.mark.parametrize("to", ["255.255.255.255", "10.0.0.255", "239.255.255.250"])
def test_a_broadcast_is_copied_to_all_ports(to: str) -> None:
    (leg,) = legs("broadcasts", "app", to, "udp")
    assert leg.route.end == "split"
    (other,) = legs("broadcasts", "router", to, "udp")
    assert other.route.end == "split"


def test_a_machine_without_an_address_is_told() -> None:
    with pytest.raises(LabError, match="dev has no address"):
        legs("default-switch", "dev", "www")


def test_unknown_machines_and_addresses_are_told() -> None:
    with pytest.raises(LabError, match="nobody"):
        legs("nat-web", "nobody", "www")
    with pytest.raises(LabError, match="nowhere"):
        legs("nat-web", "shop", "nowhere")


def test_the_command_prints_it() -> None:
    out = done("lab", "path", "vfp-block", "--from", "pod-a", "--to", "dns", "--protocol", "udp", "--port", "53").lines
    assert "policy_deny_dns" in out[-1]
    assert wnv("lab", "path", "nat-web", "--from", "shop").code == 2
