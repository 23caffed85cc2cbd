"""What a recording could not see, told only where it holds."""

from __future__ import annotations

from wnv.packets.points import Point
from wnv.providers import components, layers, nat_instances, vmswitch_control
from wnv.providers.capture_rules import CaptureRules
from wnv.providers.facts import Fact, Ref, Thing
from wnv.topology.build import Builder
from wnv.topology.coverage import Capture, Coverage, EventCounts, build_coverage, join_coverages

VFP = "9f2660ea-cfe7-428f-9850-aeca612619b0"
SWITCH, NIC, VM = (
    Ref(Thing.VSWITCH, (("name", "nat"),)), Ref(Thing.NIC, (("if_index", 4),)), Ref(Thing.VM, (("name", "web"),)),
)  # fmt: skip
POINT = Point(("ndiscap", 4 << 32 | 4), "eth:4", details={"miniport_if_index": 4, "if_index": 4})
ONLY_ADAPTERS: EventCounts = {layers.GUID: {1001: 7}}
ALL: EventCounts = {layers.GUID: {1001: 7, 1003: 7}, vmswitch_control.GUID: {56: 7}, nat_instances.GUID: {1001: 1}}
WHOLE = Capture()


def _coverage(
    facts: list[Fact], events: EventCounts, n_packets: int = 7, capture: Capture = WHOLE
) -> Coverage:  # fmt: skip
    topology = Builder().finish(facts, [POINT])
    return build_coverage(topology, {0: n_packets}, {0: "eth:4"}, events, capture=capture)


def _codes(facts: list[Fact], events: EventCounts, capture: Capture = WHOLE) -> set[str]:
    return {one.code for one in _coverage(facts, events, capture=capture).blind}


class TestHowItWasRecorded:
    def test_places_length_and_filter_in_words(self) -> None:
        capture = Capture(rules=(CaptureRules(demands=["IPv4 address 10.0.0.5"]),), cut_bytes=64)
        assert _coverage([], ALL, capture=capture).recorded == (
            "one layer of each adapter", "ports of virtual switches", "of long packets the first 64 bytes",
            "only packets that fit IPv4 address 10.0.0.5",
        )  # fmt: skip

    def test_every_layer_and_components(self) -> None:
        events: EventCounts = {layers.GUID: {1001: 7}, components.GUID: {160: 1}}
        assert _coverage([], events, capture=Capture(has_layers=True)).recorded == (
            "each layer of adapters (MultiLayer)", "the components that pktmon watches",
        )  # fmt: skip

    def test_programs_get_it_in_parts(self) -> None:
        said = _coverage([], ALL, capture=Capture(cut_bytes=64, lost=("2 events",))).to_json()
        assert (said["cut_bytes"], said["is_multi_layer"], said["filters"], said["lost"]) == (
            64, False, None, ["2 events"],
        )  # fmt: skip


class TestBlindSpots:
    def test_a_switch_behind_a_recording_of_adapters(self) -> None:
        assert "switch_not_recorded" in _codes([Fact(SWITCH)], ONLY_ADAPTERS)
        assert "switch_not_recorded" not in _codes([Fact(SWITCH)], ALL)
        assert "switch_not_recorded" not in _codes([], ONLY_ADAPTERS)

    def test_frames_of_a_switch_without_its_own_events(self) -> None:
        assert "switch_events_missing" in _codes([Fact(SWITCH)], {layers.GUID: {1003: 7}})
        assert "switch_events_missing" not in _codes([Fact(SWITCH)], ALL)

    def test_a_nat_that_did_not_report(self) -> None:
        nat = Fact(Ref(Thing.NAT, (("name", "nat1"),)))
        assert "nat_not_recorded" in _codes([nat], ONLY_ADAPTERS)
        assert "nat_not_recorded" not in _codes([nat], ALL)

    def test_the_inside_of_vms_and_containers(self) -> None:
        container = Fact(Ref(Thing.CONTAINER, (("id", "shop"),)), {"isolation": "hyper-v"})
        assert _codes([Fact(VM), container], ALL) >= {"guest", "hyperv_container"}

    def test_offload_filters_and_loopback(self) -> None:
        assert _codes([Fact(NIC, {"sriov": "virtual function 3"})], ALL) >= {"sriov", "loopback"}
        assert "capture_filter" in _codes([], ALL, Capture(rules=(CaptureRules(choices=["TCP port 80"]),)))
        assert _codes([], {}) == set()

    def test_flows_that_hardware_carries(self) -> None:
        assert "gft" in _codes([], {VFP: {804: 1}})
        assert "rdma" in _codes([Fact(NIC, {"rdma": True})], ALL)
        assert "rdma" in _codes([], {vmswitch_control.GUID: {255: 1}})
        assert not {"gft", "rdma"} & _codes([Fact(NIC)], {**ALL, VFP: {51: 1}})

    def test_packets_cut_so_short_that_headers_are_missing(self) -> None:
        assert "truncated" in _codes([], ALL, Capture(cut_bytes=64))
        assert "truncated" not in _codes([], ALL, Capture(cut_bytes=128))

    def test_what_was_lost(self) -> None:
        assert "lost_data" in _codes([], ALL, Capture(lost=("3 buffers could not be written",)))

    def test_filter_drivers_where_one_layer_was_recorded(self) -> None:
        layer = Fact(Ref(Thing.LAYER, (("if_index", 9),)), {"miniport_if_index": 4})
        assert "one_layer" in _codes([layer], ALL)
        assert "one_layer" not in _codes([layer], ALL, Capture(has_layers=True))

    def test_a_virtual_function_that_was_recorded_hides_nothing(self) -> None:
        upper = Ref(Thing.NIC, (("if_index", 5),))
        assert "sriov" not in _codes([Fact(upper, relation="virtual_function", target=NIC)], ALL)
        assert "sriov" in _codes([Fact(NIC, relation="virtual_function", target=upper)], ALL)

    def test_each_has_a_text_and_names_its_nodes(self) -> None:
        (found,) = [one for one in _coverage([Fact(SWITCH)], ONLY_ADAPTERS).blind if one.nodes]
        assert found.text == "what happens inside vSwitch nat: only adapters were recorded"
        assert found.nodes == ("vswitch:nat",)


class TestSilent:
    IDLE = Fact(Ref(Thing.NIC, (("if_index", 9),)), {"alias": "Ethernet 2", "mac": "02:00:00:00:00:01"})

    def test_adapters_without_a_packet(self) -> None:
        assert [(one.name, one.reason) for one in _coverage([self.IDLE], ALL).silent] == [
            ("Ethernet 2", "no packet was seen at it")
        ]

    def test_why_an_adapter_is_silent(self) -> None:
        down = Fact(self.IDLE.subject, {"is_up": False})
        assert [one.reason for one in _coverage([self.IDLE, down], ALL).silent] == ["it is down"]

    def test_nothing_is_silent_where_nothing_was_recorded(self) -> None:
        assert _coverage([self.IDLE], ALL, n_packets=0).silent == ()


def test_as_json() -> None:
    said = _coverage([Fact(SWITCH)], ONLY_ADAPTERS).to_json()
    assert said["seen"] == ["eth:4"]
    assert {"code", "text", "advice", "nodes", "host"} == set(said["blind_spots"][0])


def test_what_is_so_of_all_hosts_is_said_once() -> None:
    one, other = _coverage([Fact(SWITCH), Fact(NIC)], ONLY_ADAPTERS), _coverage([Fact(NIC)], ONLY_ADAPTERS)
    both = join_coverages({"NODE1": one, "NODE2": other})
    assert [(spot.code, spot.host) for spot in both.blind] == [("switch_not_recorded", "NODE1"), ("loopback", "")]
    assert both.blind[0].label.startswith("NODE1: what happens inside")
    assert both.seen == ("eth:4", "eth:4")


def test_how_hosts_recorded_is_said_once_where_it_is_alike() -> None:
    whole, cut = _coverage([], ALL), _coverage([], ALL, capture=Capture(cut_bytes=64, lost=("2 events",)))
    assert join_coverages({"NODE1": whole, "NODE2": whole}).recorded == whole.recorded
    both = join_coverages({"NODE1": whole, "NODE2": cut})
    assert both.recorded[0] == "NODE1: one layer of each adapter; ports of virtual switches"
    assert (both.capture.cut_bytes, both.capture.lost) == (64, ("NODE2: 2 events",))
