"""The engine: time, processors, chains of NBLs, the wire. Everything that happens, happens here in order of time.

A discrete-event simulation: what machines do is scheduled; a chain of packets then runs to completion through the
stages of its route on one processor, as a send or a DPC does, and the processor is busy until it is through.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import groupby
from typing import Protocol
from zlib import crc32

from wnv_lab.errors import LabError, unknown
from wnv_lab.forwarding import Walk
from wnv_lab.frames import ip_bytes
from wnv_lab.host_stack import stack_out
from wnv_lab.model import Header, Host, Network, Nic, Port
from wnv_lab.nbl import NblPool
from wnv_lab.offload import coalesced, finished, segments
from wnv_lab.parsing import flow_key, header_of
from wnv_lab.scenario import Scenario
from wnv_lab.services import SERVICES, Sampler
from wnv_lab.stack import Stack
from wnv_lab.stages import Kind, Route, Sink, Stage
from wnv_lab.winnat import Session

PER_NBL = frozenset({Kind.RECEIVED, Kind.ROUTED, Kind.DELIVERED})
"""Stages that are logged once an NBL, not once a packet."""
WIRE_NS = 5_000
BITS_PER_NS = 10
"""10 Gbit/s."""
VMBUS_NS = 18_000
STACK_NS = 2_500
TICK_NS = 100
DAY_NS = 86_400_000_000_000


@dataclass(eq=False, repr=False, slots=True)
class Trip:
    """A chain of NBLs on its way through one host. Lists run over packets, except `nbls`."""

    host: Host
    now_ns: int
    cpu: int
    pid: int
    tid: int
    frames: list[bytes]
    journeys: list[int]
    nbls: list[int]
    per_nbl: list[int]
    """Packets in each NBL."""
    is_open: bool
    """Transport checksums are for the NIC to finish."""
    mss: int
    branch: int = 0
    """0, or the number of the copy for one of several ports."""
    groups: list[int] = field(default_factory=list)
    """PktMon's group of each NBL; empty until pktmon sees them."""
    appearances: int = 0

    def nbl_of_packets(self) -> list[int]:
        """The NBL of each packet."""
        if len(self.nbls) == len(self.frames):
            return self.nbls
        return [nbl for nbl, n in zip(self.nbls, self.per_nbl, strict=True) for _ in range(n)]

    def keep(self, kept: list[int]) -> None:
        """Go on with these packets only."""
        owner = [i for i, n in enumerate(self.per_nbl) for _ in range(n)]
        self.frames = [self.frames[i] for i in kept]
        self.journeys = [self.journeys[i] for i in kept]
        counts: dict[int, int] = {}
        for i in kept:
            counts[owner[i]] = counts.get(owner[i], 0) + 1
        self.nbls = [self.nbls[i] for i in counts]
        if self.groups:
            self.groups = [self.groups[i] for i in counts]
        self.per_nbl = list(counts.values())


class Recorder(Protocol):
    """Something that watches a host: a capture, or the truth."""

    def sink(self, stage: Stage, route: Route) -> Sink | None:
        """What to call when a chain reaches this stage; None if the recorder sees nothing there."""
        ...

    def connected(self, port: Port, now_ns: int) -> None:
        """A container has started: its NIC is at its port."""
        ...

    def disconnected(self, port: Port, now_ns: int) -> None:
        """A NIC was taken from its port."""
        ...


class Truth(Protocol):
    """What the engine tells of journeys."""

    def begin(self, route: Route, trip: Trip) -> None: ...
    def end(self, route: Route, trip: Trip, outcome: str) -> None: ...
    def session(self, host: Host, session: Session) -> None: ...


@dataclass(eq=False, repr=False, slots=True)
class _Arriving:
    frames: list[bytes]
    vlan: int


class World:
    """All machines and the wire between them."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.random = random.Random(f"{scenario.name}/{seed}")
        self.hosts: list[Host] = []
        self.peers: list[Stack] = []
        self.stacks: dict[str, Stack] = {}
        self.names: dict[str, bytes] = {}
        """What the name servers know."""
        self.router: Stack | None = None
        self.recorders: dict[str, list[Recorder]] = {}
        self.truth: Truth | None = None
        self.now_ns = 0
        self.start_ns = 0
        self.end_ns = 0
        self.n_journeys = 0
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._n_scheduled = 0
        self._routes: dict[tuple[str, str, str, bytes, int, int], Route] = {}
        self._sizes: list[int] = []
        self._cable_free_ns: dict[Nic, int] = {}
        self._arriving: dict[tuple[str, str, int, bytes], _Arriving] = {}
        if scenario.engine.services not in SERVICES:
            raise unknown("in the engine, the service times", scenario.engine.services, SERVICES)
        self._services = {
            name: Sampler(service, self.random) for name, service in SERVICES[scenario.engine.services].items()
        }
        self.pools: dict[str, NblPool] = {}
        self.max_routes = 60_000

    # -- time ----------------------------------------------------------------------------------------------------

    def boot_ns(self, host: Host) -> int:
        """When a host was started, by its own clock: each a day before the one before it, as no two start at once."""
        return self.start_ns + host.skew_ns - (3 + self.hosts.index(host)) * DAY_NS

    def at(self, ns: int, then: Callable[[], None]) -> None:
        """Do something at a time."""
        self._n_scheduled += 1
        heappush(self._queue, (ns, self._n_scheduled, then))

    def after(self, ns: int, then: Callable[[], None]) -> None:
        """Do something in a while."""
        self.at(self.now_ns + ns, then)

    def run(self) -> None:
        """Until nothing is left to happen, or the scenario's time is over."""
        limit = self.start_ns + int(self.scenario.duration_ms * 1e6) if self.scenario.duration_ms else None
        while self._queue:
            ns, _, then = heappop(self._queue)
            if limit is not None and ns > limit:
                break
            self.now_ns = ns
            then()

    def plan_changes(self) -> None:
        """Schedule what starts or breaks in the middle of things."""
        for container in (c for host in self.hosts for c in host.containers if c.starts_ns):
            port = container.endpoint.nic.port
            assert port is not None
            self.at(self.start_ns + container.starts_ns, lambda port=port: self._change(port, True))  # type: ignore[misc] # lambda with defaults
        for fault in self.scenario.fault:
            if fault.kind == "disconnect":
                port = next(
                    (
                        p
                        for h in self.hosts
                        for s in h.switches
                        for p in s.ports
                        if fault.at in (p.nic.owner, p.nic.name) and p.kind != "External"
                    ),
                    None,
                )
                if port is None:
                    raise LabError(f"the fault is at '{fault.at}', which hangs on no switch", "name a VM or container")
                self.at(self.start_ns + int(fault.after_ms * 1e6), lambda port=port: self._change(port, False))  # type: ignore[misc] # lambda with defaults

    def _change(self, port: Port, is_connected: bool) -> None:
        port.is_connected = is_connected
        self._routes.clear()
        host = port.switch.host
        now = max([self.now_ns, *host.cpu_free_ns])
        for recorder in self.recorders.get(host.name, ()):
            (recorder.connected if is_connected else recorder.disconnected)(port, now)

    # -- sending -------------------------------------------------------------------------------------------------

    def launch(self, stack: Stack, nic: Nic, frames: list[bytes], nbs: int, mss: int) -> None:
        """A stack hands frames to its NIC; those of one flow in a row go as one chain."""
        if stack.host is None:
            for frame in frames:
                self.transmit(nic, frame, stack.vlan)
            return
        host = stack.host
        for _, group in groupby(frames, flow_key):
            chain = list(group)
            if stack.rules and stack.is_guest and stack.refuses(header_of(chain[0]), "out"):
                continue
            if nic.is_visible:
                self._start(host, "out", nic, chain, 0, nbs, mss, stack)
            else:
                self.after(VMBUS_NS, lambda chain=chain: self._start(host, "out", nic, chain, 0, nbs, mss, stack))  # type: ignore[misc] # lambda with defaults

    def transmit(self, nic: Nic, frame: bytes, vlan: int, at_ns: int | None = None) -> None:
        """Put a frame on the LAN: to the NIC that has its address, or to all of the VLAN."""
        # A cable takes one frame after the other, so none overtakes another.
        free_ns = max(self.now_ns if at_ns is None else at_ns, self._cable_free_ns.get(nic, 0))
        free_ns += max(TICK_NS, len(frame) * 8 // BITS_PER_NS // TICK_NS * TICK_NS)
        self._cable_free_ns[nic] = free_ns
        begin = free_ns + WIRE_NS
        dst = frame[:6]
        for stack in self.peers:
            there = stack.ifaces[0].nic
            if there is not nic and stack.remote_of is None and stack.vlan == vlan and (dst == there.mac or dst[0] & 1):
                self.at(begin + stack.latency_ns, lambda stack=stack: stack.receive([frame]))  # type: ignore[misc] # lambda with defaults
        for host in self.hosts:
            for uplink in host.nics:
                is_other = uplink.kind == "physical" and uplink.is_enabled and nic.host is not host
                if is_other and self._is_uplink_for(uplink, frame):
                    self.at(begin, lambda host=host, uplink=uplink: self.arrive(host, uplink, frame, vlan))  # type: ignore[misc] # lambda with defaults

    def _is_uplink_for(self, nic: Nic, frame: bytes) -> bool:
        """Whether the LAN's switches send the frame down this cable."""
        base = nic.team or nic
        if nic is not nic.cables[crc32(frame[6:12]) % len(nic.cables)]:
            return False
        dst = frame[:6]
        if dst[0] & 1 or dst in (nic.mac, base.mac):
            return True
        return base.switch is not None and base.switch.port_of_mac(dst) is not None

    def arrive(self, host: Host, nic: Nic, frame: bytes, vlan: int) -> None:
        """A frame reaches a host's NIC from the wire."""
        wait = self.scenario.engine.coalesce_us * 1000
        if not wait:
            self._start(host, "wire", nic, [frame], vlan, 1, 0, None)
            return
        key = (host.name, nic.name, vlan, flow_key(frame))
        waiting = self._arriving.get(key)
        if waiting is not None:
            waiting.frames.append(frame)
            return
        self._arriving[key] = _Arriving([frame], vlan)
        self.after(wait, lambda: self._arrived(host, nic, key))

    def _arrived(self, host: Host, nic: Nic, key: tuple[str, str, int, bytes]) -> None:
        waiting = self._arriving.pop(key)
        frames = coalesced(waiting.frames) if self.scenario.engine.has_receive_coalescing else waiting.frames
        limit = self.scenario.engine.max_chain
        for first in range(0, len(frames), limit):
            self._start(host, "wire", nic, frames[first : first + limit], waiting.vlan, 1, 0, None)

    # -- through a host ------------------------------------------------------------------------------------------

    def route(self, host: Host, entry: str, nic: Nic, frame: bytes, vlan: int, stack: Stack | None) -> Route:
        """The route of a frame: the one that an earlier packet of the flow took, or a new walk."""
        key = (host.name, entry, nic.name, flow_key(frame), vlan, bisect_left(self._sizes, len(frame)))
        found = self._routes.get(key)
        if found is None:
            found = self.walk(host, entry, nic, header_of(frame, vlan), stack)
            self._compile(found, host, 0)
            if len(self._routes) >= self.max_routes:
                self._routes.clear()
            self._routes[key] = found
        return found

    def walk(self, host: Host, entry: str, nic: Nic, header: Header, stack: Stack | None) -> Route:
        """Decide anew."""
        walk = Walk(self, host, header, self.now_ns)
        if entry == "wire":
            walk.wire_in(nic)
        else:
            assert stack is not None
            stack_out(walk, stack, nic)
        return walk.route

    def _compile(self, route: Route, host: Host, hop: int) -> int:
        """Number the hops and ask the recorders what they want to see."""
        hop = number_hops(route, hop)
        for stage in route.stages:
            sinks = (recorder.sink(stage, route) for recorder in self.recorders.get(host.name, ()))
            stage.sinks = tuple(sink for sink in sinks if sink is not None)
        for branch in route.branches:
            hop = self._compile(branch, host, hop)
        return hop

    def _start(
        self, host: Host, entry: str, nic: Nic, frames: list[bytes], vlan: int, nbs: int, mss: int, stack: Stack | None
    ) -> None:
        route = self.route(host, entry, nic, frames[0], vlan, stack)
        self.carry(host, route, frames, nbs, mss, stack)

    def carry(self, host: Host, route: Route, frames: list[bytes], nbs: int, mss: int, stack: Stack | None) -> None:
        """Take a chain along a route, now or as soon as the flow's processor is free."""
        header = route.start
        cpu = crc32((header.src or header.eth_src) + header.protocol.to_bytes(1, "big")) % host.n_processors
        begin = max(self.now_ns, host.cpu_free_ns[cpu])
        begin += -begin % TICK_NS
        n = len(frames)
        per_nbl = [1] * n if nbs <= 1 else [min(nbs, n - i) for i in range(0, n, nbs)]
        if stack is not None and stack.pid:
            pid, tid = stack.pid, stack.pid + 12 + 4 * cpu
        else:
            pid, tid = (0, 0) if cpu & 1 else (4, 120 + 4 * cpu)
        pool = self.pools[host.name]
        trip = Trip(
            host,
            begin,
            cpu,
            pid,
            tid,
            frames,
            list(range(self.n_journeys, self.n_journeys + n)),
            pool.take(begin, len(per_nbl)),
            per_nbl,
            stack is not None and stack.has_checksum_offload,
            mss,
        )
        self.n_journeys += n
        is_first = not route.is_known
        route.is_known = True
        truth = self.truth
        if truth is not None:
            truth.begin(route, trip)
        outcome = self._carry(route, trip, is_first)
        host.cpu_free_ns[cpu] = trip.now_ns + TICK_NS
        self.end_ns = max(self.end_ns, trip.now_ns)
        if truth is not None and trip.frames:
            truth.end(route, trip, outcome)

    def _carry(self, route: Route, trip: Trip, is_first: bool) -> str:
        pool = self.pools[trip.host.name]
        held = [] if trip.branch else trip.nbls  # a copy's first NBL is the original's until it is cloned
        services = self._services
        for stage in route.stages:
            if stage.is_first_only and not is_first:
                continue
            kind = stage.kind
            if kind is Kind.LOSS:
                self._lose(stage, route, trip)
                if not trip.frames:
                    break
                continue
            if kind is Kind.DELAY:
                if trip.now_ns >= self.start_ns + stage.after_ns and self.random.random() < stage.share:
                    trip.now_ns += stage.delay_ns
                continue
            rewrite = stage.rewrite
            if rewrite is not None:
                trip.frames = [rewrite(frame, trip.is_open) for frame in trip.frames]
            if stage.is_new_nbl:
                trip.nbls = pool.take(trip.now_ns, len(trip.per_nbl))
                trip.groups = []
                trip.appearances = 0
                held = held + trip.nbls
            service = services[stage.service]
            begin = trip.now_ns + service.draw()
            gap = service.gap_ns
            for sink in stage.sinks:
                sink(stage, trip, begin, gap)
            n = 1 if stage.is_first_only else len(trip.nbls) if kind in PER_NBL else len(trip.frames)
            trip.now_ns = begin + gap * n * (len(stage.targets) or 1) * stage.n_layers
            if stage.session is not None and kind is Kind.NAT_TRANSLATED:
                stage.session.last_ns = begin
                stage.session.n_packets += len(trip.frames)
        outcome = self._finish(route, trip) if trip.frames else "vanished"
        pool.give(held, trip.now_ns)
        return outcome

    def _lose(self, stage: Stage, route: Route, trip: Trip) -> None:
        if trip.now_ns < self.start_ns + stage.after_ns:
            return
        lost = [i for i in range(len(trip.frames)) if self.random.random() < stage.share]
        if not lost:
            return
        gone = Trip(
            trip.host,
            trip.now_ns,
            trip.cpu,
            trip.pid,
            trip.tid,
            [trip.frames[i] for i in lost],
            [trip.journeys[i] for i in lost],
            [],
            [],
            trip.is_open,
            0,
            trip.branch,
        )
        if self.truth is not None and not trip.branch:  # the loss of one copy is not that of the packet
            self.truth.end(route, gone, "vanished")
        missing = set(lost)
        trip.keep([i for i in range(len(trip.frames)) if i not in missing])

    def _finish(self, route: Route, trip: Trip) -> str:
        """What comes after the last stage."""
        end = route.end
        if end == "wire":
            assert isinstance(route.target, Nic)
            assert route.header is not None
            self._to_wire(route.target, trip, route.header.vlan)
            return "left_host"
        if end in ("stack", "guest"):
            target, frames = route.target, trip.frames
            if isinstance(target, Stack):
                self.at(trip.now_ns + (STACK_NS if end == "stack" else VMBUS_NS), lambda: target.receive(frames))
            return "delivered"
        if end == "split":
            outcomes = set()
            for number, branch in enumerate(route.branches, 1):
                copy = Trip(
                    trip.host,
                    trip.now_ns,
                    trip.cpu,
                    trip.pid,
                    trip.tid,
                    list(trip.frames),
                    list(trip.journeys),
                    list(trip.nbls),
                    list(trip.per_nbl),
                    trip.is_open,
                    trip.mss,
                    number,
                    list(trip.groups),
                    trip.appearances,
                )
                outcomes.add(self._carry(branch, copy, False))
                trip.now_ns = copy.now_ns
            return next((o for o in ("delivered", "left_host", "dropped") if o in outcomes), "vanished")
        return "dropped" if end == "drop" else "delivered"

    def _to_wire(self, nic: Nic, trip: Trip, vlan: int) -> None:
        for frame in trip.frames:
            if nic.is_enabled:
                for piece in segments(frame, trip.mss) if trip.mss else (frame,):
                    self.transmit(nic, finished(piece) if trip.is_open else piece, vlan, trip.now_ns)

    # -- what walks ask ------------------------------------------------------------------------------------------

    def truth_session(self, host: Host, session: Session) -> None:
        """A NAT session was made."""
        if self.truth is not None:
            self.truth.session(host, session)

    def neighbour(self, stack: Stack, address: bytes, nic: Nic) -> bytes:
        """The MAC of a neighbour; a stack that forwards has it from earlier traffic."""
        known = stack.neighbours.get(address)
        if known is None:
            known = next(
                (
                    iface.nic.mac
                    for other in self.stacks.values()
                    for iface in other.ifaces
                    if iface.address == address and iface.nic is not nic
                ),
                self.gateway_mac(nic.host),
            )
            stack.neighbours[address] = known
        return known

    def gateway_mac(self, host: Host) -> bytes:
        """The MAC of the LAN's router."""
        del host
        return self.router.ifaces[0].nic.mac if self.router is not None else b"\x02" + b"\0" * 5

    def remote_endpoint(self, network: Network, address: bytes) -> tuple[Host, bytes] | None:
        """The host that has an endpoint of the same overlay, and the endpoint's MAC."""
        for host in self.hosts:
            for other in host.networks:
                if other.spec.vni == network.spec.vni and other.spec.type == "overlay" and other is not network:
                    for endpoint in other.endpoints:
                        if endpoint.address == address:
                            return host, endpoint.nic.mac
        return None

    def measure(self) -> None:
        """Note the sizes at which a frame's way may change."""
        mtus = {nic.mtu + 14 for host in self.hosts for nic in host.nics}
        mtus |= {nic.mtu + 14 for host in self.hosts for vm in host.vms for nic in (vm.nic,)}
        self._sizes = sorted(mtus | {mtu - 50 for mtu in mtus})

    def stack_of(self, name: str) -> Stack:
        """The stack of a machine, by the machine's name."""
        return self.stacks[name]

    def address_of(self, name: str) -> bytes:
        """The address of a machine, or the address itself."""
        stack = self.stacks.get(name)
        return ip_bytes(name) if stack is None else stack.ifaces[0].address


STARTS = frozenset({Kind.NIC, Kind.RECEIVED, Kind.NAT_TRANSLATED, Kind.NAT_SKIPPED, Kind.STACK, Kind.DROP})


def starts_hop(stage: Stage, route: Route) -> bool:
    """Whether a hop of the truth begins with this stage.

    A NIC, a port on the way in, a port on the way out (routing, or delivery where there are several), a
    translation, a stack, a drop.
    """
    if stage.kind is Kind.DELIVERED:
        return route.stages[0] is stage
    return stage.kind in STARTS or (stage.kind is Kind.ROUTED and len(stage.targets) == 1)


def number_hops(route: Route, first: int) -> int:
    """Give the stages the number of the hop they belong to; the next free number.

    What comes before the first start of a hop belongs to it; VFP's work belongs to the port on the way in, a new
    NAT session to the translation, and copies for several ports to none before their delivery.
    """
    hop = first - 1
    for stage in route.stages:
        if starts_hop(stage, route):
            hop += 1
        is_ahead = stage.kind is Kind.NAT_SESSION
        stage.hop = hop + 1 if is_ahead else hop
        if len(stage.targets) > 1 or stage.kind in (Kind.LOSS, Kind.DELAY):
            stage.hop = -1
    return hop + 1
