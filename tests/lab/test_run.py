"""Recordings and truth agree, each scenario tells its story, the same seed gives the same bytes."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from lab_worlds import Row, ran, read, sightings, truth_rows
from wnv_lab.errors import LabError
from wnv_lab.run import apply_damage, run_scenario, with_build
from wnv_lab.scenario import nearest_build, read_scenario, scenario_names

LOSSY = {"lost-buffers", "wrapped-ring", "damaged"}
SMALL = [name for name in scenario_names() if name != "busy"]


@pytest.mark.parametrize(
    "name", ["nat-web", "overlay-pods", "l2bridge-pod", "multi-packet-nbls", "large-send", "truncated"]
)
def test_wnv_reads_the_bytes_and_times_that_the_truth_has(name: str) -> None:
    result = ran(name, "both")
    for path in result.recordings:
        got, said = read(path)
        assert got == sightings(result, path)
        assert said == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_wnv_reads_every_scenario(name: str) -> None:
    result = ran(name, "ndis" if name == "old-host" else "both")
    for path in result.recordings:
        got, said = read(path)
        want = sightings(result, path)
        if name in LOSSY and "pktmon" not in path.name:
            assert got < want
            assert said
        elif name == "wrapped-ring":
            assert got < want  # merging numbers the buffers anew: nothing in the file tells that there were others
            assert said == set()
        else:
            assert got == want
            assert said == set()


@pytest.mark.parametrize("name", ["lost-buffers", "wrapped-ring", "damaged"])
def test_loss_is_said_and_nothing_is_made_up(name: str) -> None:
    result = ran(name)
    got, said = read(result.recordings[0])
    assert got < sightings(result, result.recordings[0])
    assert said & {"buffers_lost", "ring_wrapped", "zeros_skipped", "sequence_gap"}


@pytest.mark.parametrize("damage", ["cut:100000", "zero:3", "remove:3", "flip:9"])
def test_damage_is_done_to_the_finished_file(tmp_path: Path, damage: str) -> None:
    whole = ran("address-reuse").recordings[0]
    path = tmp_path / "damaged.etl"
    path.write_bytes(whole.read_bytes())
    apply_damage(path, damage, seed=1)
    assert path.read_bytes() != whole.read_bytes()
    with pytest.raises(LabError, match="the damage is"):
        apply_damage(path, "burn:1", seed=1)


@pytest.mark.parametrize("name", ["nat-web", "chains", "silent-loss"])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(name: str, tmp_path: Path) -> None:
    def digests(folder: Path, seed: int) -> dict[str, str]:
        run_scenario(read_scenario(name), folder, seed=seed, capture="both")
        return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
                for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip

    first = digests(tmp_path / "a", 5)
    assert first == digests(tmp_path / "b", 5)
    other = digests(tmp_path / "c", 6)
    assert first[f"{name}.etl"] != other[f"{name}.etl"]


def drops(name: str) -> set[tuple[str, str, str | None]]:
    return {(row["point"], row["drop_reason"], row["rule"]) for row in truth_rows(ran(name), "drops")}


def test_every_fault_has_its_reason_in_the_truth() -> None:
    assert drops("acl-drop") == {("LAN/db", "filtered", "Block-Postgres")}
    assert drops("extended-acl-drop") == {("LAN/app", "filtered", "No-Mail")}
    assert drops("vlan-mismatch") == {("LAN/db", "filtered_vlan", None)}
    assert drops("mac-spoofing") == {("LAN/app", "mac_spoofing", None)}
    assert drops("dhcp-guard") == {("LAN/rogue", "dhcp_guard", None)}
    assert drops("mtu-too-small") == {("vxlan0/Ethernet", "mtu_mismatch", None)}
    assert drops("firewall-block") == {("TCP/IP stock", "inet_accept_inspection", "Block inbound 9000")}
    assert drops("vfp-block") == {("cbr0/pod-a", "intercept_block", "policy_deny_dns")}
    assert {reason for _, reason, _ in drops("nat-ports-exhausted")} == {"slbmux_session_creation_failure"}
    assert drops("no-port-mapping") == {("TCP/IP SRV1", "inet_accept_inspection", "Default Inbound Block")}
    assert drops("nic-disabled") == {("LAN/db", "nic_disabled", None)}


def outcomes(name: str, **wanted: object) -> Counter[str]:
    return Counter(
        row["outcome"]
        for row in truth_rows(ran(name), "journeys")
        if all(row[key] == value for key, value in wanted.items())
    )


def test_silent_losses_vanish_and_are_no_drops() -> None:
    assert drops("silent-loss") == set()
    assert 3 < outcomes("silent-loss", protocol="udp")["vanished"] < 24


def test_what_a_capture_does_not_show_did_happen() -> None:
    for name in ("physical-only", "filtered-capture", "truncated", "sriov", "lost-buffers", "wrapped-ring"):
        assert not outcomes(name)["vanished"] + outcomes(name)["dropped"]


def test_large_sends_and_coalesced_segments_are_longer_than_the_mtu() -> None:
    assert max(row["n_bytes"] or 0 for row in truth_rows(ran("large-send"), "sightings")) > 30_000
    assert max(row["n_bytes"] or 0 for row in truth_rows(ran("receive-coalescing"), "sightings")) > 5_000


def test_one_captures_address_filter_hides_what_is_behind_the_nat() -> None:
    rows = truth_rows(ran("filtered-capture"), "sightings")
    hops = {(row["journey_id"], row["seq"]): row for row in truth_rows(ran("filtered-capture"), "hops")}
    frames = [hops[row["journey_id"], row["hop_seq"]] for row in rows if row["provider"] == "ndiscap"]
    assert {"172.20.1.5"} & {hop["src"] for hop in frames}
    assert not {"10.0.0.10"} & {hop[side] for hop in frames for side in ("src", "dst")}
    assert {row["provider"] for row in rows} >= {"ndiscap", "vmswitch", "winnat"}


def test_a_capture_of_physical_nics_sees_one_point() -> None:
    rows = truth_rows(ran("physical-only"), "sightings")
    assert {(row["provider"], row["event_id"]) for row in rows} == {("ndiscap", 1001)}


def test_nat_sessions_of_the_truth_are_one_to_one() -> None:
    rows = truth_rows(ran("nat-ports-exhausted"), "nat")
    assert len({(row["protocol"], row["outside_sport"]) for row in rows}) == len(rows) == 8
    assert all(row["n_packets"] > 2 for row in rows)


def test_a_container_that_starts_later_is_there_from_then_on() -> None:
    result = ran("late-container")
    start = min(row["first_ns"] for row in truth_rows(result, "nodes"))
    born = {row["name"]: row["first_ns"] - start for row in truth_rows(result, "nodes")}
    assert (born["shop"], born["late"], born["nat/late"]) == (0, 100_000_000, 100_000_000)
    hops = [row for row in truth_rows(result, "hops") if row["container"] == "late"]
    assert min(row["ts_ns"] for row in hops) - start > 100_000_000


@pytest.mark.parametrize(("build", "is_seen"), [(20348, False), (26100, True)])
def test_pktmon_sees_a_later_nic_only_where_components_are_registered(build: int, is_seen: bool) -> None:
    result = ran("late-container", "pktmon", build)
    hops = {(row["journey_id"], row["seq"]): row for row in truth_rows(result, "hops")}
    seen = [hops.get((row["journey_id"], row["hop_seq"])) for row in truth_rows(result, "sightings")]
    assert any(hop is not None and hop["container"] == "late" and hop["kind"] == "container_nic"
               for hop in seen) is is_seen  # fmt: skip


def test_two_containers_that_ping_with_one_identifier_get_two_outside() -> None:
    rows = [row for row in truth_rows(ran("late-container"), "nat") if row["protocol"] == "icmp"]
    assert [row["inside_sport"] for row in rows] == [1, 1]
    assert len({row["outside_sport"] for row in rows}) == 2
    assert drops("late-container") == set()


def test_clocks_of_two_hosts_differ_as_the_scenario_says() -> None:
    hops: list[Row] = truth_rows(ran("overlay-pods"), "hops")
    sent = next(h["ts_ns"] for h in hops if h["host"] == "NODE1" and h["protocol"] == "tcp")
    arrived = next(h["ts_ns"] for h in hops if h["host"] == "NODE2" and h["protocol"] == "tcp")
    assert -1_700_000 < arrived - sent < -1_000_000


@pytest.mark.parametrize("build", [14393, 17763, 20348, 26100])
def test_every_known_build_writes_what_wnv_reads(build: int) -> None:
    result = ran("nat-web", "ndis", build)
    got, said = read(result.recordings[0])
    assert got == sightings(result, result.recordings[0])
    assert said == set()


@pytest.mark.parametrize("build", [17763, 26100])
def test_every_build_with_pktmon_writes_what_wnv_reads(build: int) -> None:
    result = ran("mac-spoofing", "pktmon", build)
    got, said = read(result.recordings[0])
    assert got == sightings(result, result.recordings[0])
    assert said == set()


def test_pktmon_on_a_build_without_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="has no pktmon"):
        run_scenario(with_build(read_scenario("nat-web"), 14393), tmp_path, capture="pktmon")


def test_a_build_between_the_known_ones_writes_as_the_one_before() -> None:
    assert [nearest_build(build) for build in (9600, 14393, 19045, 22621, 28000)] == [14393, 14393, 17763, 20348, 26100]


def test_twice_the_scale_is_twice_the_traffic(tmp_path: Path) -> None:
    one = run_scenario(read_scenario("address-reuse"), tmp_path / "1", scale=1)
    two = run_scenario(read_scenario("address-reuse"), tmp_path / "2", scale=2)
    assert two.n_rows["journeys"] == pytest.approx(2 * one.n_rows["journeys"], rel=0.05)
