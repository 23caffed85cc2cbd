"""Every network type's ways equal the tables of docs/reference/lab-paths.md; the section is cited at each test."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from lab_worlds import LAN, Row, legs, places, ran, scenario_of, truth_rows, watched
from wnv_lab.build import build_world
from wnv_lab.frames import ARP, BROADCAST, ip_text, mac_text
from wnv_lab.model import Header, Nic
from wnv_lab.path import Leg, find_path
from wnv_lab.scenario import Scenario, read_scenario
from wnv_lab.stages import Kind, Stage
from wnv_lab.truth import place_of

FIREWALL = "inet_accept_inspection"


def kinds(leg: Leg) -> list[str]:
    return [stage.kind.name for stage in leg.route.stages]


def at(leg: Leg, kind: Kind, number: int = 0) -> Stage:
    """The n-th stage of a kind."""
    return [stage for stage in leg.route.stages if stage.kind is kind][number]


def said(stage: Stage) -> tuple[str, str, str, str]:
    """Source and destination MAC, source and destination socket, outer ones where there are."""
    header = stage.header
    return (
        mac_text(header.outer_eth_src or header.eth_src),
        mac_text(header.outer_eth_dst or header.eth_dst),
        f"{ip_text(header.src)}:{header.sport}",
        f"{ip_text(header.dst)}:{header.dport}",
    )


def mac(name: str, nic: str, host: int = 0) -> str:
    """The MAC of a host's NIC in a built-in scenario."""
    found = build_world(read_scenario(name), 0).hosts[host]
    return mac_text(found.nic(nic).mac)


def mac_of_machine(name: str, machine: str) -> str:
    return mac_text(build_world(read_scenario(name), 0).stack_of(machine).ifaces[0].nic.mac)


# --- section 1 ------------------------------------------------------------------------------------------


def test_a_switch_receives_captures_routes_captures_and_delivers() -> None:
    (leg,) = legs("vm-external", "app", "db")
    assert kinds(leg) == ["RECEIVED", "INGRESS", "ROUTED", "EGRESS", "DELIVERED"]
    assert at(leg, Kind.INGRESS).targets == ()
    assert [target.nic.owner for target in at(leg, Kind.EGRESS).targets] == ["db"]


def test_a_broadcast_goes_to_every_port_but_its_own_and_clones_all_but_the_first() -> None:
    world = build_world(read_scenario("broadcasts"), 0)
    stack = world.stack_of("app")
    nic = stack.ifaces[0].nic
    route = world.walk(
        world.hosts[0], "out", nic, Header(BROADCAST, nic.mac, ARP, src=b"\n\0\0\1", dst=b"\n\0\0\2"), stack
    )
    assert route.end == "split"
    assert sorted(branch.stages[0].targets[0].point for branch in route.branches) == [
        "LAN/Ethernet", "LAN/db", "LAN/vEthernet (LAN)", "LAN/web",
    ]  # fmt: skip
    assert [branch.stages[0].is_new_nbl for branch in route.branches] == [False, True, True, True]


# --- section 2: nat -------------------------------------------------------------------------------------


def test_nat_outbound_follows_the_table() -> None:
    name = "nat-web"
    (leg,) = legs(name, "shop", "www")
    nic = build_world(read_scenario(name), 0).hosts[0].containers[0].endpoint.nic.name
    nat = next(place for place in places(leg) if place.startswith("NAT "))
    assert places(leg) == [nic, "nat/shop", "nat/vEthernet (nat)", "vEthernet (nat)", nat, "Ethernet"]
    inside, host = "172.20.1.5:49152", "10.0.0.10:1024"
    m_c, m_h_nat, m_h = mac(name, nic), mac(name, "vEthernet (nat)"), mac(name, "Ethernet")
    gateway = mac_of_machine(name, "router")
    server = "93.184.216.34:80"
    for kind, number in ((Kind.NIC, 0), (Kind.INGRESS, 0), (Kind.EGRESS, 0), (Kind.DELIVERED, 0), (Kind.NIC, 1)):
        assert said(at(leg, kind, number)) == (m_c, m_h_nat, inside, server)
    translated = at(leg, Kind.NAT_TRANSLATED)
    assert said(translated) == (m_h, gateway, host, server)
    assert translated.is_new_nbl
    assert (at(leg, Kind.NIC, 1).header.ttl, translated.header.ttl) == (128, 127)
    assert said(at(leg, Kind.NIC, 2)) == (m_h, gateway, host, server)
    assert leg.route.end == "wire"


def test_nat_inbound_to_a_published_port_keeps_the_client() -> None:
    name = "nat-published-port"
    (leg,) = legs(name, "client", "SRV1", port=8080)
    nic = build_world(read_scenario(name), 0).hosts[0].containers[0].endpoint.nic.name
    assert [place for place in places(leg) if not place.startswith("NAT ")] == [
        "Ethernet", "vEthernet (nat)", "nat/vEthernet (nat)", "nat/shop", nic, "TCP/IP shop",
    ]  # fmt: skip
    assert said(at(leg, Kind.NIC, 0))[2:] == ("10.0.0.77:49152", "10.0.0.10:8080")
    assert said(at(leg, Kind.NIC, 2)) == (
        mac(name, "vEthernet (nat)"), mac(name, nic), "10.0.0.77:49152", "172.20.1.5:80",
    )  # fmt: skip
    session = at(leg, Kind.NAT_SESSION).session
    assert session is not None
    assert session.kind == "mapping"


def test_between_containers_of_one_nat_network_there_is_only_the_switch() -> None:
    (leg,) = legs("nat-containers", "shop", "stock", port=8080)
    assert len(places(leg)) == 5
    assert not [stage for stage in leg.route.stages if stage.rewrite or stage.kind is Kind.NAT_TRANSLATED]


def test_what_is_for_the_host_itself_is_left_to_it() -> None:
    (leg,) = legs("no-port-mapping", "client", "SRV1", port=9999)
    assert kinds(leg) == ["NIC", "NAT_SKIPPED", "STACK"]


# --- section 3: transparent -----------------------------------------------------------------------------


def test_transparent_makes_three_hops_and_rewrites_nothing() -> None:
    name = "transparent"
    (leg,) = legs(name, "shop", "www")
    nic = build_world(read_scenario(name), 0).hosts[0].containers[0].endpoint.nic.name
    assert places(leg) == [nic, "LAN/shop", "LAN/Ethernet", "Ethernet"]
    assert not [stage for stage in leg.route.stages if stage.rewrite]
    assert said(leg.route.stages[-1]) == (
        mac(name, nic), mac_of_machine(name, "router"), "10.0.0.60:49152", "93.184.216.34:80",
    )  # fmt: skip


def test_over_a_team_it_makes_four_and_the_vlan_stays_beside_the_frame() -> None:
    (leg,) = legs("transparent-team-vlan", "shop", "stock")
    assert places(leg)[-3:-1] == ["LAN/Team1", "Team1"]
    assert places(leg)[-1] in ("NIC1", "NIC2")
    assert {stage.header.vlan for stage in leg.route.stages[1:]} == {20}


def test_transparent_inbound_is_the_mirror() -> None:
    (leg,) = legs("transparent", "www", "shop")
    assert [place.partition(" (")[0] for place in places(leg)] == [
        "Ethernet", "LAN/Ethernet", "LAN/shop", "vEthernet", "TCP/IP shop",
    ]  # fmt: skip


# --- section 4: l2bridge --------------------------------------------------------------------------------


def test_l2bridge_to_the_lan_leaves_with_the_hosts_mac() -> None:
    name = "l2bridge-pod"
    (leg,) = legs(name, "pod-a", "dns", "udp", 53)
    host_mac = mac(name, "Ethernet")
    assert said(at(leg, Kind.INGRESS))[0] != host_mac
    assert said(at(leg, Kind.EGRESS)) == (host_mac, mac_of_machine(name, "dns"), "10.0.0.61:49152", "10.0.0.53:53")


def test_l2bridge_to_the_internet_leaves_with_the_hosts_address_too() -> None:
    name = "l2bridge-pod"
    (leg,) = legs(name, "pod-a", "www")
    assert said(at(leg, Kind.INGRESS))[2] == "10.0.0.61:49152"
    assert said(at(leg, Kind.EGRESS)) == (
        mac(name, "Ethernet"), mac_of_machine(name, "router"), "10.0.0.10:1024", "93.184.216.34:80",
    )  # fmt: skip


def test_l2bridge_inbound_finds_the_pod_by_its_address() -> None:
    name = "l2bridge-pod"
    (leg,) = legs(name, "dns", "pod-a", "udp", 4000)
    assert said(at(leg, Kind.INGRESS))[1] == mac(name, "Ethernet")
    assert said(at(leg, Kind.EGRESS))[1] == mac_of_machine(name, "pod-a")
    assert places(leg)[-1] == "TCP/IP pod-a"


def test_l2bridge_does_not_translate_icmp() -> None:
    (leg,) = legs("l2bridge-pod", "pod-a", "www", "icmp")
    assert ip_text(leg.route.stages[-1].header.src) == "10.0.0.61"


# --- section 5: overlay ---------------------------------------------------------------------------------


def test_overlay_wraps_on_one_host_and_unwraps_on_the_other() -> None:
    name = "overlay-pods"
    out, into = legs(name, "pod-a", "pod-b")
    assert not at(out, Kind.INGRESS).header.vni
    for stage in (at(out, Kind.EGRESS), at(out, Kind.NIC, 1), at(into, Kind.NIC), at(into, Kind.INGRESS)):
        header = stage.header
        assert (ip_text(header.outer_src), ip_text(header.outer_dst), header.vni) == ("10.0.0.11", "10.0.0.12", 4096)
        assert said(stage)[:2] == (mac(name, "Ethernet"), mac(name, "Ethernet", 1))
        assert said(stage)[2:] == ("10.244.1.20:49152", "10.244.2.30:80")
    assert not at(into, Kind.EGRESS).header.vni
    assert said(at(into, Kind.EGRESS))[1] == mac_of_machine(name, "pod-b")
    assert into.route.end == "stack"


def test_overlay_to_the_internet_leaves_with_the_hosts_address() -> None:
    (leg,) = legs("overlay-pods", "pod-a", "www")
    assert said(leg.route.stages[-1])[2] == "10.0.0.11:1024"


# --- sections 6 to 8 ------------------------------------------------------------------------------------


def test_ics_translates_as_nat_does() -> None:
    world = build_world(read_scenario("default-switch"), 0)
    assert [nat.name[:3] for nat in world.hosts[0].nats] == ["ICS"]


def test_a_vm_is_seen_at_its_port_only() -> None:
    (leg,) = legs("vm-external", "app", "www")
    assert places(leg) == ["LAN/app", "LAN/Ethernet", "Ethernet"]


def test_on_a_private_switch_there_is_nobody_else() -> None:
    (leg,) = legs("private-and-internal", "mal1", "mal2", port=445)
    assert places(leg) == ["Quarantine/mal1", "Quarantine/mal2"]


def test_hyperv_isolation_takes_the_containers_own_hop_away() -> None:
    (leg,) = legs("hyperv-container", "vault", "www")
    assert places(leg)[:3] == ["nat/vault", "nat/vEthernet (nat)", "vEthernet (nat)"]
    assert leg.route.stages[0].source is None
    assert at(leg, Kind.NIC).place.point == "vEthernet (nat)"


def test_sriov_passes_the_switch_by() -> None:
    (leg,) = legs("sriov", "fast", "www")
    assert (leg.route.stages, leg.route.end) == ([], "wire")


# --- what stops packets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source", "to", "protocol", "port", "place", "reason", "rule"),
    [
        ("acl-drop", "app", "db", "tcp", 5432, "LAN/db", "filtered", "Block-Postgres"),
        ("extended-acl-drop", "app", "mail", "tcp", 25, "LAN/app", "filtered", "No-Mail"),
        ("vlan-mismatch", "app", "db", "icmp", 0, "LAN/db", "filtered_vlan", ""),
        ("firewall-block", "shop", "stock", "tcp", 9000, "TCP/IP stock", FIREWALL, "Block inbound 9000"),
        ("vfp-block", "pod-a", "dns", "udp", 53, "cbr0/pod-a", "intercept_block", "policy_deny_dns"),
        ("no-port-mapping", "client", "SRV1", "tcp", 8081, "TCP/IP SRV1", FIREWALL, "Default Inbound Block"),
    ],
)  # fmt: skip
def test_a_rule_stops_what_it_names(
    name: str, source: str, to: str, protocol: str, port: int, place: str, reason: str, rule: str
) -> None:
    leg = legs(name, source, to, protocol, port)[-1]
    drop = leg.route.stages[-1]
    assert leg.route.end == "drop"
    assert drop.reason is not None
    assert (drop.place.point, drop.reason.name, drop.rule) == (place, reason, rule)
    other = legs(name, source, to, "tcp", 80)[-1] if name != "vlan-mismatch" else None
    assert other is None or other.route.end != "drop"


# --- both isolations, both directions ---------------------------------------------------------------------

WAYS = [
    ("nat-web", "shop", "www"),
    ("nat-containers", "shop", "stock"),
    ("transparent", "shop", "www"),
    ("transparent", "www", "shop"),
    ("transparent-team-vlan", "shop", "stock"),
    ("l2bridge-pod", "pod-a", "www"),
    ("l2bridge-pod", "pod-a", "pod-b"),
    ("l2bridge-pod", "dns", "pod-a"),
    ("overlay-pods", "pod-a", "pod-b"),
    ("nat-published-port", "client", "SRV1"),
]


def isolated(name: str, isolation: str) -> Scenario:
    """A built-in scenario with all its containers isolated so."""
    scenario = read_scenario(name)
    hosts = (
        replace(host, container=tuple(replace(container, isolation=isolation) for container in host.container))
        for host in scenario.host
    )
    return replace(scenario, host=tuple(hosts))


def steps(found: list[Leg], *, has_container: bool) -> list[tuple[str, str, tuple[str, str, str, str]]]:
    """Kind, direction and addresses of each stage; without those that only a shared kernel shows."""
    return [
        (stage.kind.name, stage.direction, said(stage))
        for leg in found
        for stage in leg.route.stages
        if has_container or not _is_inside(stage)
    ]


def _is_inside(stage: Stage) -> bool:
    place = stage.place
    return (isinstance(place, Nic) and place.kind == "container") or (stage.kind is Kind.STACK)


@pytest.mark.parametrize(("name", "source", "to"), WAYS)
def test_hyperv_isolation_takes_the_inside_away_and_changes_nothing_else(name: str, source: str, to: str) -> None:
    port = 8080 if name == "nat-published-port" else 80
    process, hyperv = (
        find_path(build_world(isolated(name, isolation), 0), source, to, "tcp", port)
        for isolation in ("process", "hyperv")
    )
    assert steps(hyperv, has_container=True) == steps(process, has_container=False)
    assert len(steps(process, has_container=True)) > len(steps(hyperv, has_container=True))


@pytest.mark.parametrize(
    ("name", "source", "server"),
    [
        ("nat-web", "shop", "93.184.216.34"), ("transparent", "shop", "93.184.216.34"),
        ("l2bridge-pod", "pod-a", "93.184.216.34"), ("overlay-pods", "pod-a", "93.184.216.34"),
        ("hyperv-container", "vault", "93.184.216.34"), ("default-switch", "dev", "93.184.216.34"),
        ("vm-external", "app", "93.184.216.34"),
    ],
)  # fmt: skip
def test_the_answer_takes_the_same_places_backwards(name: str, source: str, server: str) -> None:
    hops: dict[int, list[Row]] = {}
    for row in truth_rows(ran(name), "hops"):
        if row["protocol"] == "tcp" and server in (row["src"], row["dst"]):
            hops.setdefault(row["journey_id"], []).append(row)
    asked = next(way for way in hops.values() if way[-1]["dst"] == server)
    answered = next(way for way in hops.values() if way[0]["src"] == server)
    own_stack = f"TCP/IP {source}"
    assert [hop["point"] for hop in answered if hop["point"] != own_stack] == [hop["point"] for hop in asked][::-1]
    for hop, back in zip(asked, [hop for hop in answered if hop["point"] != own_stack][::-1], strict=True):
        if hop["kind"] != "nat" and hop["event"] == "seen":
            assert (hop["src"], hop["sport"], hop["dst"]) == (back["dst"], back["dport"], back["src"])
            assert (hop["eth_src"], hop["eth_dst"]) == (back["eth_dst"], back["eth_src"])


# --- NICs that are disabled; firewalls that the host does not see ---------------------------------------


def cabled(nics: str, more: str = "", traffic: str = "") -> Scenario:
    """A host with these NICs that pings and is pinged."""
    return scenario_of(f"""
    [[host]]
    name = "H"
    nic = [{nics}]
    {more}
    {LAN}
    [[traffic]]
    kind = "ping"
    source = "H"
    to = "www"
    [[traffic]]
    kind = "ping"
    source = "www"
    to = "H"
    at_ms = 5.0
    {traffic}
    """)


OFF = '{ name = "E1", address = "10.0.0.10/24", gateway = "10.0.0.1", is_enabled = false }'
SET = 'switch = [{ name = "LAN", uplink = ["E1", "E2"] }]'
TEAM = 'team = [{ name = "T", members = ["E1", "E2"], address = "10.0.0.10/24", gateway = "10.0.0.1" }]'


@pytest.mark.parametrize(
    ("nics", "more"),
    [
        (OFF, ""),
        (OFF + ', { name = "E2", is_enabled = false }', SET),
        ('{ name = "E1", is_enabled = false }, { name = "E2", is_enabled = false }', TEAM),
    ],
)
def test_nothing_leaves_by_a_disabled_nic(nics: str, more: str) -> None:
    world, witness = watched(cabled(nics, more))
    (leg,) = find_path(world, "H", "www", "icmp", 0)
    assert [stage.reason.name for stage in leg.route.stages if stage.reason] == ["nic_disabled"]
    assert {outcome for _, outcome in witness.ended} == {"dropped"}


@pytest.mark.parametrize("more", [SET, TEAM])
def test_the_other_member_takes_over(more: str) -> None:
    nics = (OFF if more == SET else '{ name = "E1", is_enabled = false }') + ', { name = "E2" }'
    world, witness = watched(cabled(nics, more))
    (leg,) = find_path(world, "H", "www", "icmp", 0)
    assert places(leg)[-1] == "E2"
    assert leg.route.end == "wire"
    assert Counter(outcome for _, outcome in witness.ended)["dropped"] == 0
    assert {place_of(stage)[0] for _, _, stage, _ in witness.seen if stage.direction == "in"} >= {"E2"}


@pytest.mark.parametrize(
    "guest",
    [
        'vm = [{ name = "g", switch = "LAN", address = "10.0.0.31/24", serves = ["http:80"], rules = [RULE] }]',
        """network = [{ name = "t", type = "transparent", switch = "LAN", subnet = "10.0.0.0/24" }]
container = [{ name = "g", network = "t", isolation = "hyperv", address = "10.0.0.31", serves = ["http"],
 rules = [RULE] }]""".replace(",\n", ","),
    ],
)
def test_a_guests_own_firewall_leaves_no_trace_but_silence(guest: str) -> None:
    def outcomes(rule: str) -> Counter[str]:
        nic = '{ name = "E1", address = "10.0.0.10/24", gateway = "10.0.0.1" }'
        asks = """
        [[traffic]]
        kind = "http"
        source = "router"
        to = "g"
        [[traffic]]
        kind = "ping"
        source = "g"
        to = "www"
        """
        more = 'switch = [{ name = "LAN", uplink = ["E1"] }]\n' + guest.replace("RULE", rule)
        _, witness = watched(cabled(nic, more, asks))
        return Counter(outcome for _, outcome in witness.ended)

    usual = outcomes("")
    deaf = outcomes('{ layer = "firewall", direction = "in", protocol = "tcp", port = 80 }')
    mute = outcomes('{ layer = "firewall", direction = "out", protocol = "icmp" }')
    assert usual["dropped"] == deaf["dropped"] == mute["dropped"] == 0
    assert deaf["delivered"] > 3, "the client asks again and again"
    assert deaf["left_host"] < usual["left_host"]
    assert mute["left_host"] < usual["left_host"]
