"""What a NetEventPacketCapture session with the virtual network's providers logs of the engine's stages.

Which event stands for which stage: docs/reference/lab-doubts.md for what no document settles, the research behind
docs/reference/lab-paths.md for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wnv_lab.capture.recording import Recording
from wnv_lab.capture.rundown import FIRST_WINNAT_BUILD, arrival, nic_named, port_named, rundown, switch_named
from wnv_lab.etl.writer import EtlWriter, EventKind
from wnv_lab.events import ndiscap, vfp, vmswitch, wfp, winnat
from wnv_lab.events.fields import Socket
from wnv_lab.frames import ICMP, IPV4, TCP, ip_text, mac_text
from wnv_lab.model import Header, Host, Nic, Port
from wnv_lab.stack import Stack
from wnv_lab.stages import Kind, Route, Sink, Stage
from wnv_lab.winnat import WinNat
from wnv_lab.world import Trip, World

if TYPE_CHECKING:
    from wnv_lab.truth import TruthRecorder

LEAD_NS = 20_000_000
"""The session runs this long before anything happens."""
SERVICE_PID, SERVICE_TID = 1244, 5120


class NdisCapture:
    """One recording of one host."""

    def __init__(self, world: World, host: Host, path: Path, truth: TruthRecorder, seed: int) -> None:
        self.world = world
        self.host = host
        capture, doubts = world.scenario.capture, world.scenario.doubts
        self.capture = capture
        self.doubts = doubts
        begin = world.start_ns + host.skew_ns - LEAD_NS
        ring = max(2, capture.ring_bytes // capture.buffer_bytes) if capture.ring_bytes else None
        writer = EtlWriter(
            path,
            build=host.build,
            n_processors=host.n_processors,
            start_ns=begin,
            boot_ns=world.boot_ns(host) - LEAD_NS,
            buffer_bytes=capture.buffer_bytes,
            max_buffers=ring,
            container_id_form="text" if doubts.container_id == "none" else doubts.container_id,
            seed=seed,
        )
        self.recording = Recording(path, "ndis", host, writer, truth, lost_share=capture.lost_share, seed=seed)
        if doubts.container_id != "none":
            self.recording.containers = {c.pid: c.namespace.lower() for c in host.containers if c.pid}
        self._snap = capture.truncate_bytes or 1 << 30
        is_pd = world.scenario.engine.has_packet_direct
        first, last = (vmswitch.KIND_240, vmswitch.KIND_241) if is_pd else (vmswitch.KIND_56, vmswitch.KIND_58)
        order = doubts.order_240_241 if is_pd else doubts.order_56_58
        if order in ("58-received", "241-received"):
            first, last = last, first
        self._received, self._delivered = first, last
        self._routed = vmswitch.KIND_242 if is_pd else vmswitch.KIND_57
        self._filter = bytes(map(int, capture.address.split("."))) if capture.address else b""
        self._makers: dict[Kind, Callable[[Stage], Sink | None]] = {
            Kind.NIC: self._nic,
            Kind.RECEIVED: self._nbl_at_port,
            Kind.INGRESS: self._port_frame,
            Kind.ROUTED: self._routing,
            Kind.EGRESS: self._port_frame,
            Kind.DELIVERED: self._nbl_at_port,
            Kind.NAT_SESSION: self._nat_session,
            Kind.NAT_TRANSLATED: self._translation,
            Kind.NAT_FORWARDED: self._nat_packet,
            Kind.NAT_SKIPPED: self._nat_packet,
            Kind.VFP_RULE: self._vfp_rule,
            Kind.VFP_FLOW: self._vfp_flow,
            Kind.VFP_BINDING: self._vfp_binding,
            Kind.DROP: self._drop,
        }
        self._log(world.start_ns - LEAD_NS + 1_000_000, 40_000, rundown(host, capture, doubts))

    def sink(self, stage: Stage, route: Route) -> Sink | None:
        """What the capture logs of a stage."""
        del route
        make = self._makers.get(stage.kind)
        return None if make is None else make(stage)

    def _has(self, provider: str) -> bool:
        return provider in self.capture.providers

    # -- frames --------------------------------------------------------------------------------------------------

    def _frames(self, fill: Callable[[bytes], bytes], kind: EventKind, keyword: int) -> Sink:
        recording, snap, wanted = self.recording, self._snap, self._filter
        index = recording.kind_index(kind)

        def log(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            frames: Sequence[bytes] = trip.frames
            if snap < 1 << 30:
                frames = [frame[:snap] for frame in frames]
            if wanted:
                for at, frame in enumerate(frames):
                    if wanted in (
                        trip.frames[at][26:30],
                        trip.frames[at][30:34],
                        trip.frames[at][28:32],
                        trip.frames[at][38:42],
                    ):
                        recording.add(
                            stage,
                            trip,
                            begin + at * gap,
                            gap,
                            index,
                            keyword,
                            [fill(frame)],
                            trip.journeys[at : at + 1],
                            trip.nbl_of_packets()[at : at + 1],
                            [frame],
                        )
                return
            recording.add(
                stage,
                trip,
                begin,
                gap,
                index,
                keyword,
                [fill(frame) for frame in frames],
                trip.journeys,
                trip.nbl_of_packets(),
                frames,
            )

        return log

    def _nic(self, stage: Stage) -> Sink | None:
        nic = stage.place
        assert isinstance(nic, Nic)
        points = self.capture.points
        if points == "switch" or (points == "physical" and nic.kind not in ("physical", "team")):
            return None
        keyword = ndiscap.frame_keyword(ndiscap.KIND_1001, is_send=stage.direction == "out")
        bottom = self._frames(
            ndiscap.FrameTemplate(nic.if_index, nic.if_index, build=self.host.build).fill, ndiscap.KIND_1001, keyword
        )
        if not self.capture.is_multilayer or not nic.layers:
            return bottom
        # Every filter is one more layer: seen from the top down on the way out, from the bottom up on the way in.
        lower = [*(layer.if_index for layer in nic.layers)]
        sinks = [
            self._frames(
                ndiscap.FrameTemplate(nic.if_index, index, build=self.host.build).fill, ndiscap.KIND_1001, keyword
            )
            for index in lower
        ]
        sinks = [*sinks, bottom] if stage.direction == "out" else [bottom, *reversed(sinks)]
        stage.n_layers = max(stage.n_layers, len(sinks))

        def log(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            step = gap * len(trip.frames)
            for number, sink in enumerate(sinks):
                sink(stage, trip, begin + number * step, gap)

        return log

    def _port_frame(self, stage: Stage) -> Sink | None:
        if self.capture.points == "physical":
            return None
        is_egress = stage.kind is Kind.EGRESS
        port = stage.source if is_egress else stage.place
        assert isinstance(port, Port)
        layout = self.doubts.destinations_1003
        targets = stage.targets if is_egress and layout != "none" else ()
        ways = [ndiscap.Destination(t.port_id, t.name, t.nic.nic_name, t.kind) for t in targets]
        template = ndiscap.SwitchFrameTemplate(
            port.switch.if_index,
            port.switch.if_index,
            port.port_id,
            port.name,
            port.nic.nic_name,
            port.kind,
            ways,
            oob=ndiscap.out_of_band(vlan_id=stage.header.vlan),
            has_names=layout != "double",
        )
        reading = self.doubts.direction_1003
        is_send = {"none": None, "switch": not is_egress, "owner": stage.direction == "out"}[reading]
        return self._frames(template.fill, ndiscap.KIND_1003, ndiscap.frame_keyword(ndiscap.KIND_1003, is_send=is_send))

    # -- the switch ----------------------------------------------------------------------------------------------

    def _nbls(self, fill: Callable[[int], bytes], kind: EventKind) -> Sink:
        recording = self.recording
        index = recording.kind_index(kind)

        def log(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            nbls = trip.nbls
            journeys: Sequence[int] = trip.journeys
            if len(nbls) != len(journeys):
                firsts, at = [], 0
                for n in trip.per_nbl:
                    firsts.append(journeys[at])
                    at += n
                journeys = firsts
            recording.add(stage, trip, begin, gap, index, kind.keyword, [fill(nbl) for nbl in nbls], journeys, nbls, ())

        return log

    def _nbl_at_port(self, stage: Stage) -> Sink | None:
        if not self._has("vmswitch"):
            return None
        is_delivery = stage.kind is Kind.DELIVERED
        port = stage.targets[0] if is_delivery else stage.place
        assert isinstance(port, Port)
        template = vmswitch.NblTemplate(nic_named(port.nic), switch_named(port.switch))
        return self._nbls(template.fill, self._delivered if is_delivery else self._received)

    def _routing(self, stage: Stage) -> Sink | None:
        if not self._has("vmswitch"):
            return None
        source = stage.source
        assert source is not None
        sinks = [
            self._nbls(
                vmswitch.RoutedTemplate(nic_named(source.nic), nic_named(target.nic), switch_named(source.switch)).fill,
                self._routed,
            )
            for target in stage.targets
        ]
        if len(sinks) == 1:
            return sinks[0]

        def log(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            step = gap * len(trip.nbls)
            for number, sink in enumerate(sinks):
                sink(stage, trip, begin + number * step, gap)

        return log

    # -- WinNat --------------------------------------------------------------------------------------------------

    def _is_winnat(self, stage: Stage) -> bool:
        nat = stage.place
        return (
            isinstance(nat, WinNat) and self._has("winnat") and (not nat.is_ics or self.doubts.ics_events == "winnat")
        )

    def _each(self, kind: EventKind, payload: Callable[[bytes, Trip], bytes]) -> Sink:
        """One event a packet, made of its frame."""
        recording = self.recording
        index = recording.kind_index(kind)

        def log(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            n = 1 if stage.is_first_only else len(trip.frames)
            recording.add(
                stage,
                trip,
                begin,
                gap,
                index,
                kind.keyword,
                [payload(frame, trip) for frame in trip.frames[:n]],
                trip.journeys[:n],
                trip.nbl_of_packets()[:n],
                (),
            )

        return log

    def _nat_session(self, stage: Stage) -> Sink | None:
        session = stage.session
        if session is None or not self._is_winnat(stage):
            return None
        compartment = session.compartment if self.host.build >= FIRST_WINNAT_BUILD else None
        made = winnat.session(
            internal_src=Socket(ip_text(session.inside_src), session.inside_sport),
            internal_dst=Socket(ip_text(session.inside_dst), session.inside_dport),
            external_src=Socket(ip_text(session.outside_src), session.outside_sport),
            external_dst=Socket(ip_text(session.outside_dst), session.outside_dport),
            protocol=session.protocol,
            lifetime_s=120,
            tcp_state=winnat.STATE_INTERNAL_SYN if session.protocol == TCP else winnat.STATE_NONE,
            compartment_id=compartment,
        )
        create = self._each(winnat.KIND_1001 if compartment is None else winnat.KIND_1001_V1, lambda _f, _t: made)
        if not session.is_new_binding:
            return create
        bound = winnat.binding(
            internal=Socket(ip_text(session.inside_src), session.inside_sport),
            external=Socket(ip_text(session.outside_src), session.outside_sport),
            protocol=session.protocol,
            is_configured=session.kind == "mapping",
            compartment_id=compartment,
        )
        bind = self._each(winnat.KIND_1006 if compartment is None else winnat.KIND_1006_V1, lambda _f, _t: bound)
        stage.n_layers = max(stage.n_layers, 2)

        def log(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            bind(stage, trip, begin, gap)
            create(stage, trip, begin + gap, gap)

        return log

    def _translation(self, stage: Stage) -> Sink | None:
        before, after = stage.before, stage.header
        if before is None or not self._is_winnat(stage):
            return None
        template = winnat.TranslationTemplate(
            _source(before),
            _destination(before),
            _source(after),
            _destination(after),
            after.protocol,
            icmp_type=after.kind if after.protocol == ICMP else 0,
        )
        return self._each(winnat.KIND_1009, lambda frame, _trip: template.fill(frame[18] << 8 | frame[19]))

    def _nat_packet(self, stage: Stage) -> Sink | None:
        if not self._is_winnat(stage) or self.host.build < FIRST_WINNAT_BUILD:
            return None
        arrival, forward = stage.arrival, stage.forward
        assert arrival is not None
        reason = 0
        kind = winnat.KIND_1035
        if stage.kind is Kind.NAT_SKIPPED:
            kind, reason = winnat.KIND_1034, winnat.REASON_DESTINED_TO_NAT
        elif stage.kind is Kind.DROP:
            assert stage.reason is not None
            kind, reason = winnat.KIND_1030, stage.reason.code - 1300
        template = winnat.ForwardedTemplate(
            reason=reason,
            arrival_compartment_id=1,
            arrival_if_index=arrival.if_index,
            arrival_network=winnat.FROM_INTERNAL if stage.direction == "out" else winnat.FROM_EXTERNAL,
            protocol=stage.header.protocol,
            forward_compartment_id=1 if forward is not None else 0,
            forward_if_index=forward.if_index if forward is not None else 0,
        )
        n_transport = 20 if stage.header.protocol == TCP else 8
        return self._each(
            kind, lambda frame, _trip: template.fill(len(frame) - 14, frame[14:34], frame[34 : 34 + n_transport])
        )

    # -- VFP -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _vfp_port(stage: Stage) -> tuple[vfp.SwitchPort, int]:
        port = stage.place
        assert isinstance(port, Port)
        direction = vfp.DIRECTION_OUT if stage.direction == "out" else vfp.DIRECTION_IN
        return vfp.SwitchPort(port.port_id, port.name, port.friendly), direction

    def _vfp_rule(self, stage: Stage) -> Sink | None:
        if not self._has("vfp"):
            return None
        port, direction = self._vfp_port(stage)
        flow = _vfp_flow_of(stage.header)
        status = vfp.STATUS_BLOCKED if stage.reason is not None else vfp.STATUS_SUCCESS
        payload = vfp.rule_matched(
            port, direction, vfp.Rule("ACL_ENDPOINT_LAYER", "ACL_GROUP", stage.rule), flow, status=status
        )
        return self._each(flow.kind_of(vfp.RULE_KINDS), lambda _f, _t: payload)

    def _vfp_flow(self, stage: Stage) -> Sink | None:
        if not self._has("vfp"):
            return None
        port, direction = self._vfp_port(stage)
        header = stage.header
        flow = _vfp_flow_of(header)
        encaps = (
            [
                vfp.Encap(
                    "VXLAN",
                    mac_text(header.outer_eth_src),
                    mac_text(header.outer_eth_dst),
                    ip_text(header.outer_src),
                    ip_text(header.outer_dst),
                    header.vni,
                )
            ]
            if header.vni
            else []
        )
        payload = vfp.unified_flow(
            port,
            direction,
            flow,
            source_mac=mac_text(header.eth_src),
            destination_mac=mac_text(header.eth_dst),
            encaps=encaps,
            vlan_id=header.vlan,
            unified_flow_id=stage.hop + 1,
        )
        kinds = vfp.UNIFIED_FLOW_KINDS[True, 600]
        return self._each(kinds[2 if flow.is_icmp else 0], lambda _f, _t: payload)

    def _vfp_binding(self, stage: Stage) -> Sink | None:
        session = stage.session
        if session is None or not self._has("vfp"):
            return None
        port, _ = self._vfp_port(stage)
        payload = vfp.nat_binding(
            port,
            action=vfp.BINDING_CREATED,
            internal=ip_text(session.inside_src),
            internal_port=session.inside_sport,
            external=ip_text(session.outside_src),
            external_port=session.outside_sport,
        )
        return self._each(vfp.KIND_207, lambda _f, _t: payload)

    # -- drops ---------------------------------------------------------------------------------------------------

    def _drop(self, stage: Stage) -> Sink | None:
        reason = stage.reason
        assert reason is not None
        if reason.event == "winnat":
            return self._nat_drop(stage)
        if reason.event == "wfp":
            return self._firewall_drop(stage)
        if reason.event == "vfp":
            return self._vfp_drop(stage)
        if reason.event in ("vms", "acl", "extended-acl") and self._has("vmswitch"):
            return self._switch_drop(stage, reason.event, reason.code)
        return None

    def _switch_drop(self, stage: Stage, event: str, code: int) -> Sink:
        port = stage.place
        assert isinstance(port, Port)
        switch = switch_named(port.switch)
        is_ingress = stage.source is None
        if event == "acl":
            payload = vmswitch.acl_drop(port=port_named(port), switch=switch, acl_name=stage.rule)
            kind = vmswitch.KIND_36
        elif event == "extended-acl":
            payload = vmswitch.extended_acl_drop(
                port=port_named(port), switch=switch, direction=1 if stage.direction == "in" else 2, weight=10
            )
            kind = vmswitch.KIND_131
        else:
            payload = vmswitch.nic_drop(nic=nic_named(port.nic), switch=switch, drop_reason=code)
            is_first = is_ingress == (self.doubts.side_54_55 == "54-ingress")
            kind = vmswitch.KIND_54 if is_first else vmswitch.KIND_55
        return self._each(kind, lambda _f, _t: payload)

    def _nat_drop(self, stage: Stage) -> Sink | None:
        nat = stage.place
        dropped = self._nat_packet(stage)
        if dropped is None or not isinstance(nat, WinNat):
            return None
        payload = winnat.out_of_ports(instance_name=nat.name, protocol=stage.header.protocol)
        out_of_ports = self._each(winnat.KIND_1033, lambda _f, _t: payload)
        stage.n_layers = max(stage.n_layers, 2)

        def log(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            out_of_ports(stage, trip, begin, gap)
            dropped(stage, trip, begin + gap * len(trip.frames), gap)

        return log

    def _firewall_drop(self, stage: Stage) -> Sink | None:
        stack = stage.place
        if not self._has("wfp") or not isinstance(stack, Stack):
            return None
        header = stage.header
        is_in = stage.direction == "in"
        local, remote = (_destination(header), _source(header)) if is_in else (_source(header), _destination(header))
        recording = self.recording
        kind = wfp.KIND_1001_V2
        index = recording.kind_index(kind)
        skew = self.host.skew_ns

        def log(stage: Stage, trip: Trip, begin: int, gap: int) -> None:
            payloads = [
                wfp.blocked(
                    ts_ns=begin + skew + at * gap,
                    local=local,
                    remote=remote,
                    direction=wfp.INBOUND if is_in else wfp.OUTBOUND,
                    filter_id=70_000 + stack.compartment,
                    layer_id=wfp.LAYER_AUTH_RECEIVE_ACCEPT_V4 if is_in else wfp.LAYER_AUTH_CONNECT_V4,
                )
                for at in range(len(trip.frames))
            ]
            recording.add(
                stage, trip, begin, gap, index, kind.keyword, payloads, trip.journeys, trip.nbl_of_packets(), ()
            )

        return log

    def _vfp_drop(self, stage: Stage) -> Sink | None:
        if not self._has("vfp"):
            return None
        port, direction = self._vfp_port(stage)
        header = stage.header
        if header.ethertype != IPV4 or not stage.rule:
            payload = vfp.not_forwarded(
                port,
                reason=1,
                source_mac=mac_text(header.eth_src),
                destination_mac=mac_text(header.eth_dst),
                ether_type=header.ethertype,
                vlan_id=header.vlan,
            )
            return self._each(vfp.KIND_351, lambda _f, _t: payload)
        flow = _vfp_flow_of(header)
        payload = vfp.packet_result(port, direction, flow, status=vfp.STATUS_BLOCKED)
        return self._each(flow.kind_of(vfp.RESULT_KINDS), lambda _f, _t: payload)

    # -- what changes ------------------------------------------------------------------------------------------------

    def connected(self, port: Port, now_ns: int) -> None:
        """The switch, HNS and the capture driver tell of a container that has started."""
        events = arrival(port, self.capture)
        self._log(now_ns, 1000, events)
        self.host.cpu_free_ns[0] = max(self.host.cpu_free_ns[0], now_ns + 1000 * len(events))

    def _log(self, now_ns: int, gap_ns: int, events: Sequence[tuple[EventKind, bytes]]) -> None:
        for number, (kind, payload) in enumerate(events):
            self.recording.log(now_ns + gap_ns * number, 0, SERVICE_PID, SERVICE_TID, kind, payload)

    def disconnected(self, port: Port, now_ns: int) -> None:
        """The switch tells that a NIC was taken from its port."""
        if self._has("vmswitch"):
            payload = vmswitch.disconnection(nic_name=port.nic.nic_name, port_name=port.name)
            self.recording.log(now_ns, 0, SERVICE_PID, SERVICE_TID, vmswitch.KIND_234, payload)

    def close(self) -> None:
        """Stop the session."""
        self.recording.close(self.world.end_ns + 50_000_000)


def _source(header: Header) -> Socket:
    return Socket(ip_text(header.src), header.ident if header.protocol == ICMP else header.sport or 0)


def _destination(header: Header) -> Socket:
    return Socket(ip_text(header.dst), header.dport or 0)


def _vfp_flow_of(header: Header) -> vfp.Flow:
    return vfp.Flow(
        ip_text(header.src),
        ip_text(header.dst),
        header.protocol,
        header.sport or 0,
        header.dport or 0,
        icmp_type=header.kind if header.protocol == ICMP else 0,
    )
