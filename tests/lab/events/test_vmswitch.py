from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab_recordings import decoded
from wnv_lab.etl.layout import EventKind
from wnv_lab.events import vmswitch
from wnv_lab.events.drop_reasons import DropReason
from wnv_lab.events.fields import Named

NIC = Named("1fb2a5d1--89c3", "Container NIC 6a8ea02a")
OTHER = Named("2fb2a5d1", "Ethernet")
PORT = Named("3c0f", "Container Port 6a8ea02a")
SWITCH = Named("c08cb7b8", "nat")
NBL = 0xFFFF_8001_2345_6780
NIC_GUID = "86e2a814-8893-431d-a1dc-f44931d6b99a"


def named(prefix: str, value: Named) -> dict[str, Any]:  # Any: counts and texts
    """The four fields in which an event states one thing."""
    return {
        f"{prefix}NameLen": len(value.name), f"{prefix}Name": value.name,
        f"{prefix}FNameLen": len(value.friendly_name), f"{prefix}FName": value.friendly_name,
    }  # fmt: skip


@pytest.mark.parametrize("kind", [vmswitch.KIND_56, vmswitch.KIND_58, vmswitch.KIND_240, vmswitch.KIND_241])
def test_an_nbl_comes_from_a_nic_or_goes_to_it(tmp_path: Path, kind: EventKind) -> None:
    (fields,) = decoded(tmp_path, [(kind, vmswitch.NblTemplate(NIC, SWITCH).fill(NBL))])
    assert fields == named("Nic", NIC) | named("Switch", SWITCH) | {"BufferAddress": NBL}


@pytest.mark.parametrize("kind", [vmswitch.KIND_57, vmswitch.KIND_242])
def test_an_nbl_is_routed_from_nic_to_nic(tmp_path: Path, kind: EventKind) -> None:
    (fields,) = decoded(tmp_path, [(kind, vmswitch.RoutedTemplate(NIC, OTHER, SWITCH).fill(NBL))])
    assert fields == named("SrcNic", NIC) | named("DestNic", OTHER) | named("Switch", SWITCH) | {"BufferAddress": NBL}


def test_addresses_have_four_bytes_on_a_32_bit_host(tmp_path: Path) -> None:
    template = vmswitch.NblTemplate(NIC, SWITCH, pointer_size=4)
    (fields,) = decoded(tmp_path, [(vmswitch.KIND_56, template.fill(0x8123_4560))], pointer_size=4)
    assert fields["BufferAddress"] == 0x8123_4560


def test_an_empty_friendly_name_is_a_zero_count_alone(tmp_path: Path) -> None:
    (fields,) = decoded(tmp_path, [(vmswitch.KIND_56, vmswitch.NblTemplate(Named("n"), Named("s")).fill(1))])
    assert (fields["NicFNameLen"], fields["NicFName"], fields["SwitchName"]) == (0, "", "s")


def test_every_drop_decodes(tmp_path: Path) -> None:
    reason = DropReason.FILTERED_VLAN
    rows = decoded(tmp_path, [
        (vmswitch.KIND_33, vmswitch.vm_drop(vm_name="web", nic=NIC, port=PORT, switch=SWITCH)),
        (vmswitch.KIND_36, vmswitch.acl_drop(port=PORT, switch=SWITCH, acl_name="deny all")),
        (vmswitch.KIND_45, vmswitch.port_drop(port=PORT, switch=SWITCH)),
        (vmswitch.KIND_53, vmswitch.qos_drop(drop_reason=reason)),
        (vmswitch.KIND_54, vmswitch.nic_drop(nic=NIC, switch=SWITCH, drop_reason=reason, status=0xC0000022)),
        (vmswitch.KIND_55, vmswitch.nic_drop(nic=NIC, switch=SWITCH, drop_reason=reason, status=0)),
        (vmswitch.KIND_59, vmswitch.extension_destination_drop(
            extension_name="vfpext", source=NIC, destination=OTHER, switch=SWITCH)),
        (vmswitch.KIND_60, vmswitch.extension_drop(
            source=NIC, switch=SWITCH, extension_guid=NIC_GUID, extension_friendly_name="VFP", reason="blocked")),
        (vmswitch.KIND_131, vmswitch.extended_acl_drop(port=PORT, switch=SWITCH, direction=1, weight=10)),
    ])  # fmt: skip
    nic, port, switch = named("Nic", NIC), named("Port", PORT), named("Switch", SWITCH)
    assert rows == [
        {"VMNameLen": 3, "VMName": "web"} | nic | port | switch,
        port | switch | {"AclNameLen": 8, "AclName": "deny all"},
        port | switch,
        {"DropReason": 9},
        nic | switch | {"DropReason": 9, "Status": 0xC0000022},
        nic | switch | {"DropReason": 9, "Status": 0},
        {"ExtensionNameLen": 6, "ExtensionName": "vfpext"} | named("SrcNic", NIC) | named("DestNic", OTHER) | switch,
        named("SrcNic", NIC) | switch | {
            "ExtensionGuidLen": 36, "ExtensionGuid": NIC_GUID, "ExtensionFriendlyNameLen": 3,
            "ExtensionFriendlyName": "VFP", "ReasonLen": 7, "Reason": "blocked",
        },
        port | switch | {"Direction": 1, "Weight": 10},
    ]  # fmt: skip


def test_the_life_of_switches_ports_and_nics_decodes(tmp_path: Path) -> None:
    nic, port, switch = named("Nic", NIC), named("Port", PORT), named("Switch", SWITCH)
    flags = {"Flags": 1, "OwnerService": 2}
    failed, late = {"Status": 0xC0000001}, {"UniqueEvent": 3}
    cases: list[tuple[list[EventKind], bytes, dict[str, Any]]] = [
        ([vmswitch.KIND_5, vmswitch.KIND_7, vmswitch.KIND_19, vmswitch.KIND_21, vmswitch.KIND_22, vmswitch.KIND_23,
          vmswitch.KIND_24], vmswitch.nic_event(NIC), nic),
        ([vmswitch.KIND_9, vmswitch.KIND_62, vmswitch.KIND_64, vmswitch.KIND_66],
         vmswitch.switch_event(SWITCH, flags=1, owner_service=2), switch | flags),
        ([vmswitch.KIND_63, vmswitch.KIND_65],
         vmswitch.switch_failure(SWITCH, status=0xC0000001, unique_event=3), failed | switch | late),
        ([vmswitch.KIND_67, vmswitch.KIND_69, vmswitch.KIND_71],
         vmswitch.port_event(PORT, SWITCH, flags=1, owner_service=2), port | switch | flags),
        ([vmswitch.KIND_68, vmswitch.KIND_70, vmswitch.KIND_72],
         vmswitch.port_failure(PORT, SWITCH, status=0xC0000001, unique_event=3), failed | port | switch | late),
        ([vmswitch.KIND_17, vmswitch.KIND_232], vmswitch.connection(NIC, PORT, SWITCH), nic | port | switch),
        ([vmswitch.KIND_233],
         vmswitch.operation_done(NIC, operation=vmswitch.OPERATION_DELETE, nic_instance_id=NIC_GUID),
         nic | {"Operation": 8, "NicInstanceId": NIC_GUID}),
        ([vmswitch.KIND_76],
         vmswitch.operation_failure(NIC, status=0xC0000001, operation=8, nic_instance_id=NIC_GUID, unique_event=3),
         failed | nic | {"Operation": 8} | late | {"NicInstanceId": NIC_GUID}),
        ([vmswitch.KIND_234], vmswitch.disconnection(nic_name="n", port_name="po"),
         {"NicNameLen": 1, "NicName": "n", "PortNameLen": 2, "PortName": "po"}),
        ([vmswitch.KIND_235],
         vmswitch.disconnection_failure(nic_name="n", port_name="po", status=0xC0000001, unique_event=3),
         failed | {"NicNameLen": 1, "NicName": "n", "PortNameLen": 2, "PortName": "po"} | late),
        ([vmswitch.KIND_25], vmswitch.mac_move(mac_address="00-15-5D-01-02-03", from_port=PORT, to_port=OTHER),
         {"MacAddressLen": 17, "MacAddress": "00-15-5D-01-02-03"} | named("Port1", PORT) | named("Port2", OTHER)),
        ([vmswitch.KIND_102], vmswitch.protocol_version(vm_name="web", vm_id=NIC_GUID),
         {"VMNameLen": 3, "VMName": "web", "VMIdLen": 36, "VMId": NIC_GUID}),
        ([vmswitch.KIND_277], vmswitch.driver_build(build=20348, arch="amd64fre", branch="fe_release"),
         {"BuildNumber": 20348, "BuildArch": "amd64fre", "BuildBranch": "fe_release", "Debug": False,
          "Official": True, "Date": "", "Time": ""}),
    ]  # fmt: skip
    rows = decoded(tmp_path, [(kind, payload) for kinds, payload, _ in cases for kind in kinds])
    assert rows == [fields for kinds, _, fields in cases for _ in kinds]


@pytest.mark.parametrize("pointer_size", [4, 8])
def test_teams_of_the_switch_and_their_failures_decode(tmp_path: Path, pointer_size: int) -> None:
    rows = decoded(tmp_path, [
        (vmswitch.KIND_116, vmswitch.team_member(SWITCH, OTHER, nic_index=2, adapter_guid=NIC_GUID)),
        (vmswitch.KIND_117, vmswitch.team_member(SWITCH, OTHER, nic_index=2, adapter_guid=NIC_GUID, status=5)),
        (vmswitch.KIND_152, vmswitch.team_member_replaced(old_member=NIC_GUID, new_member=NIC_GUID)),
        (vmswitch.KIND_158, vmswitch.team_member_drop(member=NIC_GUID, status=5)),
        (vmswitch.KIND_159, vmswitch.team_drop(team_nic=0x8000, status=5, pointer_size=pointer_size)),
        (vmswitch.KIND_160, vmswitch.team_member_drop(member=NIC_GUID, status=6)),
    ], pointer_size=pointer_size)  # fmt: skip
    member = named("Switch", SWITCH) | named("Nic", OTHER) | {"NicIndex": 2, "NetCfgInstanceId": NIC_GUID}
    assert rows == [
        member | {"Status": 0},
        member | {"Status": 5},
        {"OldMember": NIC_GUID, "NewMember": NIC_GUID},
        {"Member": NIC_GUID, "Status": 5},
        {"TeamNic": 0x8000, "Status": 5},
        {"Member": NIC_GUID, "Status": 6},
    ]


def test_addresses_guards_and_failures_decode(tmp_path: Path) -> None:
    nic, port, switch = named("Nic", NIC), named("Port", PORT), named("Switch", SWITCH)
    failure: dict[str, Any] = {"status": 0xC0000001, "unique_event": 3}
    status, late = {"Status": 0xC0000001}, {"UniqueEvent": 3}
    mac = {"MacAddressLen": 17, "MacAddress": "00-15-5D-01-02-03"}
    rows = decoded(tmp_path, [
        *((kind, vmswitch.nic_failure(NIC, **failure)) for kind in (vmswitch.KIND_8, vmswitch.KIND_20)),
        *((kind, vmswitch.connection_failure(NIC, PORT, SWITCH, **failure))
          for kind in (vmswitch.KIND_18, vmswitch.KIND_32, vmswitch.KIND_35)),
        *((kind, vmswitch.nic_mac(mac_address="00-15-5D-01-02-03", nic=NIC))
          for kind in (vmswitch.KIND_29, vmswitch.KIND_30, vmswitch.KIND_31)),
        (vmswitch.KIND_28, vmswitch.mac_move(mac_address="00-15-5D-01-02-03", from_port=PORT, to_port=OTHER)),
        (vmswitch.KIND_89, vmswitch.port_security(
            PORT, SWITCH, is_dhcp_guarded=True, monitor_mode=1, virtual_subnet_id=5001, storm_limit=7)),
        (vmswitch.KIND_91, vmswitch.acl(
            PORT, SWITCH, direction=1, action=2, local="0.0.0.0", local_prefix=0, remote="10.0.0.0",
            remote_prefix=8)),
        (vmswitch.KIND_61, vmswitch.nic_restored(
            extension_name="ext", extension_id=NIC_GUID, feature_class_id=NIC_GUID, nic=NIC, vm_name="web",
            vm_id="A-1")),
    ])  # fmt: skip
    assert rows == [
        *[status | nic | late] * 2,
        *[status | nic | port | switch | late] * 3,
        *[mac | nic] * 3,
        mac | named("Port1", PORT) | named("Port2", OTHER),
        port | switch | {
            "AllowMacSpoofing": False, "EnableDhcpGuard": True, "EnableRouterGuard": False, "MonitorMode": 1,
            "MonitorSession": 0, "AllowIeeePriorityTag": False, "VirtualSubnetId": 5001, "AllowTeaming": False,
            "StormLimit": 7, "DynamicIPAddressLimit": 0, "EnableFixSpeed10G": False,
        },
        port | switch | {
            "Direction": 1, "Applicability": 0, "Type": 0, "Action": 2, "LocalAddrLen": 7, "LocalAddr": "0.0.0.0",
            "LocalPrefix": 0, "RemoteAddrLen": 8, "RemoteAddr": "10.0.0.0", "RemotePrefix": 8,
        },
        {"ExtensionNameLength": 3, "ExtensionName": "ext", "ExtensionId": NIC_GUID, "FeatureClassId": NIC_GUID} | nic
        | {"VMNameLen": 3, "VMName": "web", "VMIdLen": 3, "VMId": "A-1"},
    ]  # fmt: skip
