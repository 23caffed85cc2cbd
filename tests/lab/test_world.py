"""What holds in any world: packets are neither made nor lost without a reason, time and NBLs are in order."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from lab_worlds import LAN, Witness, scenario_of, watched
from wnv_lab.scenario import Scenario, read_scenario
from wnv_lab.stages import Kind
from wnv_lab.world import World

OUTCOMES = {"delivered", "left_host", "dropped", "vanished"}


@st.composite
def small_worlds(draw: st.DrawFn) -> Scenario:
    """A host with VMs on an external switch and containers of any network, rules, faults and traffic.

    The switch hangs on a NIC, a team or a switch-embedded team, of which a member may be disabled.
    """
    kind = draw(st.sampled_from(["nat", "transparent", "l2bridge"]))
    uplink = draw(st.sampled_from(["nic", "team", "set"]))
    second = f', {{ name = "E2", is_enabled = {draw(st.sampled_from(["true", "false"]))} }}' if uplink != "nic" else ""
    address = 'address = "10.0.0.10/24", gateway = "10.0.0.1"'
    n_vms, n_containers = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    vlans = draw(st.lists(st.sampled_from([0, 0, 10]), min_size=n_vms, max_size=n_vms))
    machines = [f"vm{i}" for i in range(n_vms)] + [f"c{i}" for i in range(n_containers)]
    is_isolated = draw(st.lists(st.booleans(), min_size=n_containers, max_size=n_containers))
    rule = draw(st.sampled_from(["acl", "extended-acl", "firewall"]))
    blocked = f', rules = [{{ layer = "{rule}", direction = "in", protocol = "udp" }}] }}'
    on = "" if kind == "nat" else ', switch = "ext", gateway = "10.0.0.1"'
    cables = {"nic": '["E"]', "team": '["T"]', "set": '["E", "E2"]'}
    subnet = "172.20.1.0/24" if kind == "nat" else "10.0.0.0/24"
    vms = ",\n".join(
        f'{{ name = "vm{i}", switch = "ext", address = "10.0.0.{30 + i}/24", vlan = {vlans[i]}, serves = ["echo:7"]'
        + (blocked if i == 0 and rule != "firewall" else " }")
        for i in range(n_vms)
    )
    containers = ",\n".join(
        f'{{ name = "c{i}", network = "net", address = "{subnet[:-4]}{60 + i}", serves = ["echo:7", "http:80"],'
        f' isolation = "{"hyperv" if is_isolated[i] else "process"}"'
        + (', rules = [{ layer = "firewall", direction = "in", protocol = "udp" }] }' if i == 0 else " }")
        for i in range(n_containers)
    )
    last_port = 2000 + draw(st.integers(2, 40))
    text = f"""
    [[host]]
    name = "H"
    processors = {draw(st.integers(1, 4))}
    nic = [{{ name = "E"{"" if uplink == "team" else ", " + address} }}{second}]
    team = [{f'{{ name = "T", members = ["E", "E2"], {address} }}' if uplink == "team" else ""}]
    switch = [{{ name = "ext", uplink = {cables[uplink]} }}]
    network = [{{ name = "net", type = "{kind}", subnet = "{subnet}", port_range = [2000, {last_port}]{on} }}]
    vm = [{vms}]
    container = [{containers}]
    {LAN}
    """
    for number in range(draw(st.integers(1, 6))):
        source = draw(st.sampled_from(machines))
        to = draw(st.sampled_from([*machines, "www", "router"]))
        act = draw(st.sampled_from(["udp", "ping", "http", "noise"]))
        if source == to or (kind == "nat" and source[0] != to[0] and to[0] in "cv"):
            continue  # a VM of the LAN and a container behind the NAT do not know each other
        text += f"""
        [[traffic]]
        kind = "{act}"
        source = "{source}"
        to = "{to}"
        at_ms = {number * draw(st.sampled_from([0, 1, 7]))}.0
        n = {draw(st.integers(1, 4))}
        interval_ms = 0.5
        chain = {draw(st.integers(1, 9))}
        nbs = {draw(st.integers(1, 5))}
        n_bytes = 70
        """
    if draw(st.booleans()):
        text += f"""
        [[fault]]
        kind = "loss"
        at = "{draw(st.sampled_from(machines))}"
        share = 0.4
        """
    return scenario_of(text)


def check(world: World, witness: Witness) -> None:
    """Conservation, order of time, NBLs and NAT."""
    assert sorted(journey for journey, _ in witness.ended) == sorted(witness.begun) == list(range(world.n_journeys))
    assert {outcome for _, outcome in witness.ended} <= OUTCOMES
    last = [0] * max(host.n_processors for host in world.hosts)
    for begin, cpu, _stage, trip in witness.seen:
        if len(world.hosts) == 1:
            assert begin >= last[cpu], "events of a processor go back in time"
            last[cpu] = begin
        assert begin % 100 == 0
        assert begin <= trip.now_ns
    for nat in (nat for host in world.hosts for nat in host.nats):
        owners: dict[tuple[int, int], tuple[bytes, int]] = {}
        for session in nat.sessions.values():
            key = (session.protocol, session.outside_sport)
            inside = (session.inside_src, session.inside_sport)
            assert owners.setdefault(key, inside) == inside, "an outside port has two owners"


def check_nbls(witness: Witness) -> None:
    for spans in witness.lives.values():
        for (_, last), (first, _) in pairwise(sorted(spans.values())):
            assert first > last, "an NBL address is live twice"


@given(small_worlds(), st.integers(0, 3))
@settings(max_examples=60)
def test_packets_are_neither_made_nor_lost_except_by_a_reason(scenario: Scenario, seed: int) -> None:
    world, witness = watched(scenario, seed)
    check(world, witness)
    if not scenario.fault:
        check_nbls(witness)
        assert "vanished" not in {outcome for _, outcome in witness.ended}


def test_no_nbl_address_is_live_twice_and_all_come_back() -> None:
    _, witness = watched(read_scenario("address-reuse"))
    assert max(len(spans) for spans in witness.lives.values()) > 20
    check_nbls(witness)


def test_a_chain_is_logged_stage_by_stage() -> None:
    _, witness = watched(read_scenario("chains"))
    chain = next(trip for _, _, stage, trip in witness.seen if len(trip.frames) == 64)
    stages = [stage.kind for _, _, stage, trip in witness.seen if trip is chain]
    assert stages[:6] == [Kind.NIC, Kind.RECEIVED, Kind.INGRESS, Kind.ROUTED, Kind.EGRESS, Kind.DELIVERED]


def test_one_nbl_holds_several_packets() -> None:
    _, witness = watched(read_scenario("multi-packet-nbls"))
    assert max(n for _, _, _, trip in witness.seen for n in trip.per_nbl) == 16


def test_every_packet_of_a_world_with_two_hosts_has_an_end() -> None:
    world, witness = watched(read_scenario("overlay-pods"))
    check(world, witness)


def test_slow_hops_take_their_time() -> None:
    world, witness = watched(read_scenario("slow-hop"))
    check(world, witness)
    waits = [trip.now_ns - begin for begin, _, stage, trip in witness.seen if stage.kind is Kind.NIC]
    assert max(waits) >= 80_000_000
