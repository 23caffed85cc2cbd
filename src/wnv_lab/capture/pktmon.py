"""What pktmon logs of the engine's stages: a sighting at every component that a packet passes.

An adapter is a stack of components: protocol, filters, miniport. A switch is one of its extension stack, one of the
protocol on its uplink, and one of each NIC at its ports. The components and counters follow when pktmon stops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wnv_lab.capture.merging import merged_events
from wnv_lab.capture.recording import Appearance, Recording
from wnv_lab.etl.writer import EtlWriter, EventKind
from wnv_lab.events import pktmon
from wnv_lab.events.pktmon import ComponentType, Counted, Direction, Property
from wnv_lab.frames import ip_text
from wnv_lab.model import Host, Nic, Port, VSwitch
from wnv_lab.stack import Stack
from wnv_lab.stages import Kind, Route, Sink, Stage
from wnv_lab.winnat import WinNat
from wnv_lab.world import Trip, World

if TYPE_CHECKING:
    from wnv_lab.truth import TruthRecorder

LEAD_NS = 20_000_000
WHOLE = 1 << 30
"""A snap length that no packet reaches."""
STOP_PID, STOP_TID = 9764, 2932
UPPER, LOWER = 1, 2
LAST_OF_2018 = 17763
REASONS_OF_2018 = 38
"""Up to this number the reasons of 2018 are those of today; the others of today did not exist."""


@dataclass(eq=False, repr=False, slots=True)
class Component:
    """A driver at one place, with what it counted."""

    number: int
    kind: ComponentType
    name: str
    description: str
    edges: tuple[tuple[int, str], ...]
    is_switch: bool = False
    """Counts Ingress and Egress, not Rx and Tx."""
    late_nic: Nic | None = None
    """The NIC of a container that starts later, whose component this is."""
    properties: list[tuple[EventKind, bytes]] = field(default_factory=list)
    counts: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    """Packets and bytes by edge and direction."""
    drops: dict[int, list[int]] = field(default_factory=dict)

    def directions(self) -> tuple[Direction, Direction]:
        """The words for towards the host and away from it."""
        return (Direction.INGRESS, Direction.EGRESS) if self.is_switch else (Direction.RX, Direction.TX)


@dataclass(frozen=True, slots=True)
class _Place:
    component: Component
    edge: int
    direction: Direction


class PktmonCapture:
    """One recording of one host."""

    def __init__(self, world: World, host: Host, path: Path, truth: TruthRecorder, seed: int) -> None:
        self.world = world
        self.host = host
        capture = world.scenario.capture
        begin = world.start_ns + host.skew_ns - LEAD_NS
        buffer_bytes = capture.buffer_bytes if capture.ring_bytes else 1 << 17
        writer = EtlWriter(
            path,
            build=host.build,
            n_processors=host.n_processors,
            start_ns=begin,
            boot_ns=world.boot_ns(host) - LEAD_NS,
            buffer_bytes=buffer_bytes,
            max_buffers=max(2, capture.ring_bytes // buffer_bytes) if capture.ring_bytes else None,
            is_relogged=True,
            pid=STOP_PID,
            tid=STOP_TID,
            seed=seed,
        )
        self.recording = Recording(path, "pktmon", host, writer, truth)
        self._snap = capture.pktmon_bytes or WHOLE
        self._address = capture.address
        self._filter = bytes(map(int, capture.address.split("."))) if capture.address else b""
        self._counters = [0] * host.n_processors
        self._components: list[Component] = []
        self._miniport: dict[Nic, Component] = {}
        self._filters: dict[Nic, list[Component]] = {}
        self._protocol: dict[Nic, Component] = {}
        self._vm_nic: dict[Nic, Component] = {}
        self._switch: dict[VSwitch, Component] = {}
        self._mux: dict[WinNat, Component] = {}
        self._registers = pktmon.is_written_by(pktmon.KIND_270, host.build)
        self._late: Nic | None = None
        for nic in self._nics():
            self._adapter(nic)
        self._late = None
        for switch in host.switches:
            self._vswitch(switch)
        for nat in host.nats:
            self._mux[nat] = self._component(ComponentType.SLBMUX, "winnat.sys", nat.name, ())
        for nic in self._nics():
            self._ip_interfaces(nic)

    # -- components ----------------------------------------------------------------------------------------------

    def _nics(self) -> Iterator[Nic]:
        """The NICs that pktmon ever sees, with what is made of a late one marked as such."""
        for nic in self.host.nics:
            self._late = nic if self.host.starting(nic) is not None else None
            if self._late is None or self._registers:
                yield nic
        self._late = None

    def _component(
        self,
        kind: ComponentType,
        name: str,
        description: str,
        edges: tuple[tuple[int, str], ...],
        is_switch: bool = False,
    ) -> Component:
        made = Component(len(self._components) + 12, kind, name, description, edges, is_switch, self._late)
        self._components.append(made)
        return made

    def _adapter(self, nic: Nic) -> None:
        is_vnic = nic.port is not None
        upper, lower = (UPPER, "Upper"), (LOWER, "Lower")
        if is_vnic:
            assert nic.port is not None
            kind, driver = ComponentType.VMS_MINIPORT, "vmswitch.sys"
        else:
            kind, driver = ComponentType.MINIPORT, "NdisImPlatform.sys" if nic.members else "i40ea68.sys"
        bottom = self._component(kind, driver, nic.name if is_vnic else nic.description, (upper,), is_switch=is_vnic)
        self._miniport[nic] = bottom
        number = bottom.number
        bottom.properties += [
            (
                pktmon.KIND_30,
                pktmon.number_property(component_id=number, property_type=Property.IF_INDEX, value=nic.if_index),
            ),
            (pktmon.KIND_40, pktmon.guid_property(component_id=number, value=nic.guid)),
            (pktmon.KIND_60, pktmon.medium_property(component_id=number)),
            (pktmon.KIND_70, pktmon.mac_property(component_id=number, mac_address=nic.mac)),
            (
                pktmon.KIND_50,
                pktmon.number_property(component_id=number, property_type=Property.NDIS_OBJECT, value=0x0079_0001),
            ),
        ]
        if nic.port is not None:
            bottom.properties += [
                (pktmon.KIND_73, pktmon.text_property(component_id=number, value=nic.port.switch.name)),
                (
                    pktmon.KIND_30,
                    pktmon.number_property(
                        component_id=number, property_type=Property.VMS_EXT_IF_INDEX, value=nic.port.switch.if_index
                    ),
                ),
            ]
        below = nic.if_index
        made = []
        for layer in reversed(nic.layers):
            one = self._component(
                ComponentType.FILTER,
                "wfplwfs.sys" if layer.name.startswith("WFP") else "pacer.sys",
                layer.name,
                (upper, lower),
            )
            for property_type, value in (
                (Property.IF_INDEX, layer.if_index),
                (Property.LOWER_IF_INDEX, below),
                (Property.MINIPORT_IF_INDEX, nic.if_index),
            ):
                one.properties.append(
                    (
                        pktmon.KIND_30,
                        pktmon.number_property(component_id=one.number, property_type=property_type, value=value),
                    )
                )
            below = layer.if_index
            made.append(one)
        self._filters[nic] = made
        self._protocol[nic] = self._protocol_of(nic)

    def _protocol_of(self, nic: Nic) -> Component:
        lower = ((UPPER, "Lower"),)
        if nic.switch is not None:
            one = self._component(ComponentType.VMS_PROTOCOL_NIC, "vmswitch.sys", nic.name, lower)
            one.properties.append(
                (pktmon.KIND_73, pktmon.text_property(component_id=one.number, value=nic.switch.name))
            )
        elif nic.team is not None:
            one = self._component(ComponentType.PROTOCOL, "NdisImPlatform.sys", "NdisImPlatform", lower)
        else:
            one = self._component(ComponentType.PROTOCOL, "tcpip.sys", "TCPIP", lower)
            one.properties += [
                (pktmon.KIND_75, pktmon.ether_type_property(component_id=one.number, ether_type=ether_type))
                for ether_type in (0x0800, 0x0806)
            ]
        one.properties.append(
            (
                pktmon.KIND_30,
                pktmon.number_property(
                    component_id=one.number, property_type=Property.MINIPORT_IF_INDEX, value=nic.if_index
                ),
            )
        )
        return one

    def _vswitch(self, switch: VSwitch) -> None:
        one = self._component(
            ComponentType.VMS_EXT_MINIPORT, "vmswitch.sys", switch.name, ((UPPER, "Upper"),), is_switch=True
        )
        one.properties += [
            (
                pktmon.KIND_30,
                pktmon.number_property(component_id=one.number, property_type=Property.IF_INDEX, value=switch.if_index),
            ),
            (pktmon.KIND_73, pktmon.text_property(component_id=one.number, value=switch.name)),
        ]
        self._switch[switch] = one
        for port in switch.ports:
            is_late = self.host.starting(port.nic) is not None
            if port.kind != "Synthetic" or (is_late and not self._registers):
                continue
            self._late = port.nic if is_late else None
            vm = next((vm for vm in self.host.vms if vm.nic is port.nic), None)
            name = vm.name if vm is not None else port.nic.name
            made = self._component(
                ComponentType.VMS_VM_NIC,
                "vmswitch.sys",
                f"{name} {port.nic.nic_name}",
                ((UPPER, "Upper"),),
                is_switch=True,
            )
            made.properties += [
                (pktmon.KIND_70, pktmon.mac_property(component_id=made.number, mac_address=port.nic.mac)),
                (pktmon.KIND_73, pktmon.text_property(component_id=made.number, value=switch.name)),
                (
                    pktmon.KIND_30,
                    pktmon.number_property(
                        component_id=made.number, property_type=Property.VMS_EXT_IF_INDEX, value=switch.if_index
                    ),
                ),
            ]
            self._vm_nic[port.nic] = made
        self._late = None

    def _ip_interfaces(self, nic: Nic) -> None:
        if nic.stack is None or not pktmon.is_written_by(pktmon.KIND_65, self.host.build):
            return
        for iface in nic.stack.ifaces:
            if iface.nic is not nic or not iface.address:
                continue
            one = self._component(ComponentType.IP_INTERFACE, "tcpip.sys", nic.name, ())
            one.properties += [
                (pktmon.KIND_65, pktmon.address_property(component_id=one.number, address=ip_text(iface.address))),
                (
                    pktmon.KIND_30,
                    pktmon.number_property(
                        component_id=one.number, property_type=Property.IP_IF_INDEX, value=nic.if_index
                    ),
                ),
                (
                    pktmon.KIND_30,
                    pktmon.number_property(
                        component_id=one.number, property_type=Property.COMPARTMENT_ID, value=nic.stack.compartment
                    ),
                ),
            ]

    # -- sightings -----------------------------------------------------------------------------------------------

    def sink(self, stage: Stage, route: Route) -> Sink | None:
        """What pktmon logs of a stage."""
        del route
        if stage.kind is Kind.DROP:
            return self._drop(stage)
        places = self._places(stage)
        if not places:
            return None
        stage.n_layers = max(stage.n_layers, len(places))
        sinks = [self._sightings(place) for place in places]

        def log(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            step = gap * len(trip.frames)
            for number, sink in enumerate(sinks):
                sink(stage, trip, begin + number * step, gap)

        return log

    def _places(self, stage: Stage) -> list[_Place]:
        """Where a stage's packets are seen, in order."""
        place, kind = stage.place, stage.kind
        if kind is Kind.NIC:
            assert isinstance(place, Nic)
            return self._through(place, stage.direction) if place in self._miniport else []
        if kind is Kind.INGRESS:
            assert isinstance(place, Port)
            made = [_Place(self._switch[place.switch], UPPER, Direction.INGRESS)]
            if place.nic in self._vm_nic:
                made.insert(0, _Place(self._vm_nic[place.nic], UPPER, Direction.INGRESS))
            return made
        if kind is Kind.EGRESS and len(stage.targets) >= 1:
            assert stage.source is not None
            return [_Place(self._switch[stage.source.switch], UPPER, Direction.EGRESS)]
        if kind is Kind.DELIVERED and stage.targets[0].nic in self._vm_nic:
            return [_Place(self._vm_nic[stage.targets[0].nic], UPPER, Direction.EGRESS)]
        return []

    def _through(self, nic: Nic, direction: str) -> list[_Place]:
        """The components of an adapter, as a packet passes them."""
        way = Direction.TX if direction == "out" else Direction.RX
        bottom = self._miniport[nic]
        at_bottom = way
        if bottom.is_switch:
            at_bottom = Direction.INGRESS if direction == "out" else Direction.EGRESS
        down = [_Place(self._protocol[nic], UPPER, way)]
        for one in reversed(self._filters[nic]):
            down += [_Place(one, UPPER, way), _Place(one, LOWER, way)]
        down.append(_Place(bottom, UPPER, at_bottom))
        return down if direction == "out" else down[::-1]

    def _groups_of(self, trip: Trip) -> list[int]:
        if not trip.groups:
            counter = self._counters[trip.cpu]
            n = len(trip.per_nbl)
            trip.groups = [pktmon.group_id(trip.cpu, counter + i + 1) for i in range(n)]
            self._counters[trip.cpu] = counter + n
            trip.appearances = 0
        return trip.groups

    def _sightings(self, place: _Place, kind: EventKind = pktmon.KIND_160, reason: int = 0, location: int = 0) -> Sink:
        component = place.component
        template = pktmon.FrameTemplate(
            component.number, place.edge, place.direction, drop_reason=reason, drop_location=location
        )
        fill, recording, snap, wanted = template.fill, self.recording, self._snap, self._filter
        index = recording.kind_index(kind)
        counted = (
            component.drops.setdefault(place.direction, [0, 0])
            if reason or kind is pktmon.KIND_170
            else component.counts.setdefault((place.edge, place.direction), [0, 0])
        )

        def log(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            owners: Sequence[int] = self._groups_of(trip)
            numbers: Sequence[int] = [1] * len(owners)
            journeys: Sequence[int] = trip.journeys
            nbls: Sequence[int] = trip.nbl_of_packets()
            frames = trip.frames
            if len(owners) != len(frames):
                owners = [group for group, n in zip(owners, trip.per_nbl, strict=True) for _ in range(n)]
                numbers = [i + 1 for n in trip.per_nbl for i in range(n)]
            trip.appearances += 1
            appearance = trip.appearances
            counted[0] += len(frames)
            counted[1] += sum(map(len, frames))
            if wanted:
                taken = [at for at, frame in enumerate(frames) if _is_of(frame, wanted)]
                frames = [frames[at] for at in taken]
                owners, numbers, journeys, nbls = ([c[at] for at in taken] for c in (owners, numbers, journeys, nbls))
                if not frames:
                    return
            payloads = [
                fill(owner, number, appearance, frame[:snap], len(frame))
                for owner, number, frame in zip(owners, numbers, frames, strict=True)
            ]
            shown = frames if snap == WHOLE else [frame[:snap] for frame in frames]
            seen = Appearance(appearance, component.number, owners, numbers)
            recording.add(stage, trip, begin, gap, index, kind.keyword, payloads, journeys, nbls, shown, seen)

        return log

    def _drop(self, stage: Stage) -> Sink | None:
        reason = stage.reason
        assert reason is not None
        is_2018 = self.host.build <= LAST_OF_2018
        if reason.event == "nothing" or (is_2018 and reason.code > REASONS_OF_2018):
            return None
        place = stage.place
        is_out = stage.direction == "out"
        if isinstance(place, Port):
            found = self._vm_nic.get(place.nic) if reason.event == "vms" else None
            way = Direction.INGRESS if stage.source is None else Direction.EGRESS
            where = _Place(found or self._switch[place.switch], UPPER, way)
        elif isinstance(place, WinNat):
            where = _Place(self._mux[place], UPPER, Direction.TX if is_out else Direction.RX)
        elif isinstance(place, Stack):
            nic = next(iface.nic for iface in place.ifaces if iface.nic in self._protocol)
            where = _Place(self._protocol[nic], UPPER, Direction.TX if is_out else Direction.RX)
        else:
            where = _Place(self._miniport[place], UPPER, Direction.TX if is_out else Direction.RX)
        location = reason.location & 0xFFF if is_2018 else reason.location
        return self._sightings(where, pktmon.KIND_170, reason.code, location)

    # -- stop ----------------------------------------------------------------------------------------------------

    def connected(self, port: Port, now_ns: int) -> None:
        """From build 26100 on a component that comes later is registered; before, pktmon never sees it."""
        if not self._registers:
            return
        late = [one for one in self._components if one.late_nic is port.nic]
        for number, one in enumerate(late):
            payload = pktmon.component(
                component_id=one.number, component_type=one.kind, name=one.name, description=one.description
            )
            self.recording.log(now_ns + 100 * number, 0, STOP_PID, STOP_TID, pktmon.KIND_270, payload)
        self.host.cpu_free_ns[0] = max(self.host.cpu_free_ns[0], now_ns + 100 * len(late))

    def disconnected(self, port: Port, now_ns: int) -> None:
        """Pktmon logs nothing of a port's life."""

    def close(self) -> None:
        """`pktmon stop`: components, properties, counters."""
        recording = self.recording
        recording.flush()
        ns = self.world.end_ns + 50_000_000
        number = 0
        for kind, payload in self._rundown():
            recording.log(ns + 100 * number, 0, STOP_PID, STOP_TID, kind, payload)
            number += 1
        for classic, payload in merged_events(self.host, ns):
            recording.writer.add_classic(ns + 100 * number, 0, 0, 0, classic, payload)
            number += 1
        recording.close(ns + 100 * number)

    def _rundown(self) -> list[tuple[EventKind, bytes]]:
        events: list[tuple[EventKind, bytes]] = []
        for one in self._components:
            events.append(
                (
                    pktmon.KIND_20,
                    pktmon.component(
                        component_id=one.number, component_type=one.kind, name=one.name, description=one.description
                    ),
                )
            )
            events += one.properties
        if self._address:
            events.append((pktmon.KIND_100, pktmon.packet_filter(filter_id=1, name="<empty>", address1=self._address)))
        for one in self._components:
            inward, outward = one.directions()
            events.append(
                (
                    pktmon.KIND_80,
                    pktmon.drop_counters(
                        component_id=one.number,
                        inward=Counted(inward, *one.drops.get(inward, (0, 0))),
                        outward=Counted(outward, *one.drops.get(outward, (0, 0))),
                    ),
                )
            )
            for edge, name in one.edges:
                events.append(
                    (
                        pktmon.KIND_90,
                        pktmon.flow_counters(
                            component_id=one.number,
                            edge_name=name,
                            edge_id=edge,
                            inward=Counted(inward, *one.counts.get((edge, inward), (0, 0))),
                            outward=Counted(outward, *one.counts.get((edge, outward), (0, 0))),
                        ),
                    )
                )
        return events


def _is_of(frame: bytes, address: bytes) -> bool:
    """Whether a packet or an ARP question is of an address: what pktmon's filter asks."""
    return address in (frame[26:30], frame[30:34], frame[28:32], frame[38:42])
