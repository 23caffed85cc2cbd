"""Which things are one although no source says so: rules over what is known of them, each with its reason.

A rule ties two names together only where one reading is possible: the match is the only one on both sides, and
nothing known of the two differs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from wnv.providers.facts import Change, Fact, Ref, Thing, guid_of
from wnv.topology.passing import Passing, tie_adapters
from wnv.topology.things import Record, Things, targets_of

_VNIC_PREFIX: Final = "vEthernet ("
_CONTAINER_NIC: Final = re.compile(r"^Container NIC ([0-9a-f]{8})$", re.IGNORECASE)
"""How HNS names the NIC of a container on the switch; the host's adapter has the same number in its name."""
_SHORT_ID: Final = 12  # characters of a container's id that Docker shows
_SAME_NAME: Final = "two sources use the same name, and no other NIC has it"
_ONLY_UPLINK: Final = "the only adapter without an IP interface, and the only uplink"
_SAME_MAC: Final = "the same MAC address, which no other virtual NIC has"

_NETWORKS_MAX: Final = 256  # a host has a handful
_TEAMS_MAX: Final = 64  # a host has one or two

Inferences = dict[int, str]
"""Why a thing, by number, is tied together from more than sources say."""


def infer(things: Things, passed: Passing | None = None) -> Inferences:
    """Apply all rules; numbers are those after it. `passed`: what packets say of adapters, behind what names say."""
    found: list[tuple[int, str]] = []
    for rule in _BY_NAME:
        found += rule(things)
    if passed is not None:
        found += tie_adapters(things, passed)
    for rule in _BY_ELIMINATION:
        found += rule(things)
    return {things.root(number): reason for number, reason in found}


def _teams(things: Things) -> list[tuple[int, str]]:
    """A NIC is a member of one team: teams that share one are one, also those that only their pointer names."""
    teams_of: dict[int, list[int]] = defaultdict(list)
    is_team = {number for number, record in things.records().items() if record.thing is Thing.TEAM}
    for member, team, fact in things.relations("member"):
        if team in is_team and fact.change is not Change.ENDED:
            teams_of[member].append(team)
    for teams in teams_of.values():
        for other in teams[1:]:
            things.unite(teams[0], other)
    return []


def _switches_of_one_nic(things: Things) -> list[tuple[int, str]]:
    """A NIC is on one switch at a time: a switch known by index and one known by GUID are one."""
    records = things.records()
    switches_of: dict[int, list[int]] = defaultdict(list)
    for name in ("on_switch", "uplink"):
        for nic, switches in targets_of(list(things.relations(name))).items():
            switches_of[nic] += switches
    for port, switches in _switches_by_port(things).items():
        switches_of[port] += switches
    for switches in switches_of.values():
        named = [number for number in switches if number in records and records[number].guid]
        others = [number for number in switches if number in records and not records[number].guid]
        if len({things.root(number) for number in named}) == 1:
            for other in others:
                things.unite(named[0], other)
        elif not named:
            for other in others[1:]:
                if {key for key, _ in records[other].keys} != {key for key, _ in records[others[0]].keys}:
                    things.unite(others[0], other)
    return []


def _switches_by_port(things: Things) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for switch, port, fact in things.relations("has_port"):
        if port >= 0 and fact.change is not Change.ENDED:
            found[port].append(switch)
    return found


def _switches_by_name(things: Things) -> list[tuple[int, str]]:
    """A switch that one source names by text alone is the one that has this friendly name elsewhere."""

    def texts(record: Record) -> Iterable[str]:
        names = (*record.all("friendly_name"), *record.all("source_name"), record.key("name"))
        return {name.lower() for name in names if isinstance(name, str) and name and not guid_of(name)}

    return _unite_unique(things, Thing.VSWITCH, texts, lambda one, other: not (one.guid and other.guid), "")


def _endpoints_by_port(things: Things) -> list[tuple[int, str]]:
    """The friendly name of a container's port is the id of its HNS endpoint (hcsshim issue 94; vmswitch.md)."""
    records = things.records()
    for nic, port, fact in list(things.relations("connects")):
        record = records.get(port)
        if record is None or fact.change is Change.ENDED:
            continue
        for name in record.all("friendly_name"):
            endpoint = things.find(record.session_id, Thing.NIC, ("endpoint", guid_of(name)))
            if endpoint >= 0:
                things.unite(nic, endpoint)
    return []


def _nics_of_one_port(things: Things) -> list[tuple[int, str]]:
    """One NIC connects to a port: what HNS has on it, and what the switch has."""
    nics_of: dict[int, list[int]] = defaultdict(list)
    for nic, port, fact in things.relations("connects"):
        if port >= 0 and fact.change is not Change.ENDED:
            nics_of[port].append(nic)
    records = things.records()
    for nics in nics_of.values():
        endpoints = [nic for nic in nics if nic in records and records[nic].key("endpoint")]
        others = [nic for nic in nics if nic in records and not records[nic].key("endpoint")]
        if len(set(endpoints)) == 1 and len(set(others)) == 1:
            things.unite(endpoints[0], others[0])
    return []


def _nics_by_text(things: Things) -> list[tuple[int, str]]:
    """A NIC that one source of the switch names by text alone is the one that has this friendly name elsewhere."""

    def texts(record: Record) -> Iterable[str]:
        if record.key("if_index"):
            return ()
        names = (*record.all("friendly_name"), *record.all("nic_name"))
        return {str(name).lower() for name in names if name and not guid_of(name)}

    return _unite_unique(things, Thing.NIC, texts, lambda one, other: bool(one.guid) != bool(other.guid), _SAME_NAME)


def _ports_of_one_nic(things: Things) -> list[tuple[int, str]]:
    """A NIC connects to one port at a time: a port known by number or text alone is the one known by GUID."""
    records = things.records()
    for ports in targets_of(list(things.relations("connects"))).values():
        named = {number for number in ports if number in records and records[number].guid}
        others = [number for number in ports if number in records and not records[number].guid]
        if len(named) == len(others) == 1:
            things.unite(named.pop(), others[0])
    return []


def _nics_by_name(things: Things) -> list[tuple[int, str]]:
    """The switch's NIC `nat` is the host's adapter `vEthernet (nat)`; `Ethernet` on an uplink is `Ethernet`."""

    def texts(record: Record) -> Iterable[str]:
        if "vm_nic" in record.all("kind"):
            return ()
        names = {
            *record.all("alias"), *record.all("friendly_name"), *record.all("nic_name"), *record.all("description"),
            *record.all("source_name"), *record.all("component_name"), *_aliases(record),
        }  # fmt: skip
        inner = {name[len(_VNIC_PREFIX) : -1] for name in names if name.startswith(_VNIC_PREFIX) and name.endswith(")")}
        inner |= {found[1] for name in names | inner if (found := _CONTAINER_NIC.match(name))}
        return {name.lower() for name in names | inner if name and not guid_of(name)}

    def fits(one: Record, other: Record) -> bool:
        """One is known to the switch or a team driver, the other to the host's stack."""
        sides = [{kind for kind, _ in record.keys} & {"if_index", "name", "alias"} for record in (one, other)]
        return ("if_index" in sides[0]) != ("if_index" in sides[1]) and sides[0] != sides[1]

    return _unite_unique(things, Thing.NIC, texts, fits, _SAME_NAME)


def _aliases(record: Record) -> set[str]:
    return {value for kind, value in record.keys if kind == "alias" and isinstance(value, str)}


def _nics_by_mac(things: Things) -> list[tuple[int, str]]:
    """An HNS endpoint without a port is the virtual NIC with its MAC address."""

    def texts(record: Record) -> Iterable[str]:
        is_physical = bool({"physical_nic", "team"} & set(record.all("kind"))) or record.get("is_hardware")
        return () if is_physical or record.get("is_remote") else set(record.all("mac"))

    def fits(one: Record, other: Record) -> bool:
        return bool(one.key("endpoint")) != bool(other.key("endpoint"))

    return _unite_unique(things, Thing.NIC, texts, fits, _SAME_MAC)


def _only_uplink(things: Things) -> list[tuple[int, str]]:
    """A physical NIC that a switch took has no IP interface any more. If one adapter has none, it is the uplink."""
    uplinks = {nic for nic, _, _ in things.relations("uplink")}
    with_stack = {nic for nic, _, _ in things.relations("in_compartment")}
    found = []
    records = things.records()
    for session in sorted({record.session_id for record in records.values()}):
        nics = [one for one in records.values() if one.thing is Thing.NIC and one.session_id == session]
        named = [one for one in nics if one.number in uplinks and not one.key("if_index")]
        has_rundown = any(one.number in with_stack for one in nics)
        adapters = [one for one in nics if _is_free_adapter(one, uplinks, with_stack if has_rundown else set())]
        if len(named) == len(adapters) == 1 and things.unite(named[0].number, adapters[0].number):
            found.append((named[0].number, _ONLY_UPLINK))
    return found


def _is_free_adapter(record: Record, uplinks: set[int], with_stack: set[int]) -> bool:
    """An adapter of the host without an IP interface, which no switch names, and which nothing says is virtual."""
    names = [str(name) for name in (*record.all("alias"), *record.all("source_name"))]
    is_virtual = bool({"vm_nic", "host_vnic", "container_nic"} & set(record.all("kind")))
    is_virtual |= any(name.startswith(_VNIC_PREFIX) for name in names) or record.get("is_hardware") is False
    is_known = record.number in uplinks or record.number in with_stack or bool(record.key("name"))
    is_off = bool(record.get("is_loopback")) or record.get("is_up") is False
    return bool(record.key("if_index")) and not (is_virtual or is_known or is_off)


def _team_nics(things: Things) -> list[tuple[int, str]]:
    """The NIC of a team that only its pointer names: the one with a member's MAC address, or the only candidate."""
    records = things.records()
    teams = [one for one in records.values() if one.thing is Thing.TEAM]
    if len(teams) > _TEAMS_MAX:
        return []
    has_nic = {team for _, team, _ in things.relations("stands_for")}
    members: dict[int, set[int]] = defaultdict(set)
    for nic, number, _ in things.relations("member"):
        members[nic].add(number)
    uplinks = {nic for nic, _, _ in things.relations("uplink")}
    for team in teams:
        mine = [records[nic] for nic, numbers in members.items() if team.number in numbers and nic in records]
        if team.number in has_nic or not mine:
            continue
        others = [
            one
            for one in records.values()
            if one.thing is Thing.NIC and one.session_id == team.session_id and one.number not in members
        ]
        macs = {mac for one in mine for mac in one.all("mac")}
        stated = [one for one in others if "team" in one.all("kind")]
        alike = [one for one in others if macs & set(one.all("mac")) and "host_vnic" not in one.all("kind")]
        last = [one for one in others if one.number in uplinks] if len(teams) == 1 else []
        for candidates, confidence, reason in (
            (stated, 0.9, "the only NIC of a team"), (alike, 0.9, "the team has the MAC address of a member"),
            (last, 0.7, "the only uplink that is no member"),
        ):  # fmt: skip
            if len(candidates) == 1:
                things.add(
                    Fact(
                        _ref(candidates[0]), relation="stands_for", target=_ref(team), confidence=confidence,
                        reason=reason, session_id=team.session_id,
                    )
                )  # fmt: skip
                break
    return []


def _containers(things: Things) -> list[tuple[int, str]]:
    """A short id is the long one that begins with it."""
    ids: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for number, record in things.records().items():
        if record.thing is Thing.CONTAINER:
            ids[record.session_id] += [(str(value), number) for kind, value in record.keys if kind == "id"]
    for known in ids.values():
        short = [(text, number) for text, number in known if len(text) == _SHORT_ID]
        for text, number in short:
            long = {other for longer, other in known if len(longer) > len(text) and longer.startswith(text)}
            if len(long) == 1:
                things.unite(number, long.pop())
    return []


def _unite_unique(
    things: Things,
    thing: Thing,
    texts: Callable[[Record], Iterable[str]],
    fits: Callable[[Record, Record], bool],
    reason: str,
) -> list[tuple[int, str]]:
    """Tie pairs together that share a text which no third thing of their session has."""
    by_text: dict[tuple[int, str], list[Record]] = defaultdict(list)
    for record in things.records().values():
        if record.thing is thing:
            for text in texts(record):
                by_text[record.session_id, text].append(record)
    found = []
    for pair in by_text.values():
        if len(pair) == 2 and fits(*pair) and things.unite(pair[0].number, pair[1].number) and reason:
            found.append((pair[0].number, reason))
    return found


_BY_NAME: Final = (
    _teams, _switches_of_one_nic, _switches_by_name, _endpoints_by_port, _nics_of_one_port, _nics_by_text,
    _ports_of_one_nic, _nics_by_name, _nics_by_mac,
)  # fmt: skip
_BY_ELIMINATION: Final = (_only_uplink, _team_nics, _switches_of_one_nic, _containers)
"""In this order: what one rule ties together tells the next more."""


def inferred_relations(things: Things, records: dict[int, Record]) -> list[Fact]:
    """Relations between networks, switches and NAT that no event states."""
    return [
        *_networks_on_switches(things, records), *_nats_of_networks(things, records),
        *_bound_members(things, records), *_outsides_of_nats(records),
    ]  # fmt: skip


def _ref(record: Record) -> Ref:
    return Ref(record.thing, tuple(record.keys[:1]))


def _networks_on_switches(things: Things, records: dict[int, Record]) -> list[Fact]:
    """HNS gives the switch that it makes for a network the network's name."""
    carried = {network for network, _, _ in things.relations("carried_by")}
    by_name: dict[tuple[int, str], list[Record]] = defaultdict(list)
    for one in records.values():
        if one.thing is Thing.VSWITCH:
            for name in {str(name).lower() for name in (*one.all("friendly_name"), *one.all("source_name"))}:
                by_name[one.session_id, name].append(one)
    found = []
    for network in records.values():
        if network.thing is not Thing.NETWORK or network.number in carried:
            continue
        names = {str(name).lower() for name in (*network.all("switch_name"), *network.all("friendly_name"))}
        switches = list({one.number: one for name in names for one in by_name[network.session_id, name]}.values())
        if len(switches) == 1:
            found.append(
                Fact(
                    _ref(network),
                    relation="carried_by",
                    target=_ref(switches[0]),
                    confidence=0.9,
                    reason="network and switch have the same name",
                    session_id=network.session_id,
                )
            )
    return found


def _bound_members(things: Things, records: dict[int, Record]) -> list[Fact]:
    """Where there is one team, the NICs that LBFO's driver is bound to are its members."""
    known = {nic for nic, _, _ in things.relations("member")}
    found: list[Fact] = []
    for session in sorted({record.session_id for record in records.values()}):
        mine = [one for one in records.values() if one.session_id == session]
        teams = [one for one in mine if one.thing is Thing.NIC and "team" in one.all("kind")]
        bound = {one.number for one in mine if one.thing is Thing.LAYER and _is_team_driver(one)}
        nics = {nic for layer, nic, _ in things.relations("stacked_on") if layer in bound and nic in records}
        if len(teams) == 1:
            found += [
                Fact(
                    _ref(records[nic]), relation="member", target=_ref(teams[0]), confidence=0.9,
                    reason="LBFO's driver is bound to it, and there is one team", session_id=session,
                )
                for nic in sorted(nics - known - {teams[0].number})
            ]  # fmt: skip
    return found


def _is_team_driver(layer: Record) -> bool:
    return layer.get("layer") == "protocol" and str(layer.get("driver", "")).lower() == "ndisimplatform.sys"


def _nats_of_networks(things: Things, records: dict[int, Record]) -> list[Fact]:
    """A NAT instance serves the network whose subnet it translates; or the only one, if both are alone."""
    known = {nat for nat, _, _ in things.relations("translates")}
    by_session: dict[int, list[Record]] = defaultdict(list)
    for one in records.values():
        if one.thing is Thing.NETWORK and len(by_session[one.session_id]) < _NETWORKS_MAX:
            by_session[one.session_id].append(one)
    found = []
    for nat in records.values():
        if nat.thing is not Thing.NAT or nat.number in known:
            continue
        networks = by_session[nat.session_id]
        prefix = nat.get("prefix")
        matches = [one for one in networks if prefix and prefix in one.all("subnets")]
        reason = "the NAT translates the network's subnet"
        if not matches and not prefix:
            matches = [one for one in networks if one.get("type") == "nat"]
            reason = "there is one NAT network"
        if len(matches) == 1:
            found.append(
                Fact(
                    _ref(nat),
                    relation="translates",
                    target=_ref(matches[0]),
                    confidence=0.9,
                    reason=reason,
                    session_id=nat.session_id,
                )
            )
    return found


def _outsides_of_nats(records: dict[int, Record]) -> list[Fact]:
    """The NIC by which a NAT leads out: the one it names by its index, else the one that has its outside address."""
    by_index: dict[tuple[int, object], Record] = {}
    by_address: dict[tuple[int, str], list[Record]] = defaultdict(list)
    for record in records.values():
        if record.thing is Thing.NIC:
            by_index[record.session_id, record.key("if_index")] = record
            for address in record.all("addresses"):
                by_address[record.session_id, str(address)].append(record)
    found = []
    for nat in records.values():
        if nat.thing is not Thing.NAT:
            continue
        named = by_index.get((nat.session_id, nat.get("external_if_index") or -1))
        matches = {
            one.number: one
            for address in nat.all("external_addresses")
            for one in by_address.get((nat.session_id, str(address)), ())
        }
        nic = named or (next(iter(matches.values())) if len(matches) == 1 else None)
        if nic is not None:
            how = {} if named else {"confidence": 0.9, "reason": "the NIC has the NAT's outside address"}
            found.append(
                Fact(_ref(nat), relation="outside", target=_ref(nic), session_id=nat.session_id, **how)  # type: ignore[arg-type] # by name
            )
    return found
