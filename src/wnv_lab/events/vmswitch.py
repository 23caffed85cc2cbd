"""Microsoft-Windows-Hyper-V-VmSwitch: an NBL's way through a vSwitch, drops, and the life of switches, ports and NICs.

Facts: docs/formats/vmswitch.md; layouts of Server 2022. Strings are counted in UTF-16 units, without NUL. The masks of
the data-path keywords are not known; 0x2 is what Microsoft's scripts leave out when they want the control path only.
"""

from __future__ import annotations

import struct
from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import Named, astr, boolean, counted, counted_pair, guid, pointer, u32

GUID: Final = guid("67dc0d66-3695-47c0-9642-33f76f7bd7ad")

DATA_PATH: Final = 0x2
CONTROL_PATH: Final = 0x80
_DROPPED: Final = 0x100_0000_0000
_FAILED: Final = 0x400_0000_0000
_ERROR, _WARNING, _INFORMATION = 2, 3, 4


def _drop(event_id: int) -> EventKind:
    return EventKind(GUID, event_id, level=_WARNING, keyword=DATA_PATH | _DROPPED)


def _control(event_id: int, level: int = _INFORMATION) -> EventKind:
    return EventKind(GUID, event_id, level=level, keyword=CONTROL_PATH)


KIND_56: Final = EventKind(GUID, 56, keyword=DATA_PATH)
KIND_57: Final = EventKind(GUID, 57, keyword=DATA_PATH)
KIND_58: Final = EventKind(GUID, 58, keyword=DATA_PATH)
KIND_240: Final = EventKind(GUID, 240, keyword=DATA_PATH)
KIND_241: Final = EventKind(GUID, 241, keyword=DATA_PATH)
KIND_242: Final = EventKind(GUID, 242, keyword=DATA_PATH)

KIND_33: Final = _control(33, _ERROR)
KIND_36: Final = _drop(36)
KIND_45: Final = _drop(45)
KIND_53: Final = _drop(53)
KIND_54: Final = _drop(54)
KIND_55: Final = _drop(55)
KIND_59: Final = _drop(59)
KIND_60: Final = _drop(60)
KIND_131: Final = _drop(131)

KIND_5: Final = _control(5)
KIND_7: Final = _control(7)
KIND_9: Final = _control(9)
KIND_17: Final = _control(17)
KIND_18: Final = _control(18, _ERROR)
KIND_19: Final = _control(19)
KIND_20: Final = _control(20, _ERROR)
KIND_21: Final = _control(21)
KIND_22: Final = _control(22, _WARNING)
KIND_23: Final = _control(23)
KIND_24: Final = _control(24)
KIND_25: Final = _control(25)
KIND_8: Final = _control(8, _ERROR)
KIND_28: Final = _control(28, _WARNING)
KIND_29: Final = _control(29, _ERROR)
KIND_30: Final = _control(30, _WARNING)
KIND_31: Final = _control(31)
KIND_32: Final = _control(32, _ERROR)
KIND_35: Final = _control(35, _ERROR)
KIND_61: Final = _control(61, _WARNING)
KIND_62: Final = _control(62)
KIND_63: Final = _control(63, _ERROR)
KIND_64: Final = _control(64)
KIND_65: Final = _control(65, _ERROR)
KIND_66: Final = _control(66)
KIND_67: Final = _control(67)
KIND_68: Final = _control(68, _ERROR)
KIND_69: Final = _control(69)
KIND_70: Final = _control(70, _ERROR)
KIND_71: Final = _control(71)
KIND_72: Final = _control(72, _ERROR)
KIND_76: Final = _control(76, _ERROR)
KIND_89: Final = _control(89)
KIND_91: Final = _control(91)
KIND_102: Final = _control(102)
KIND_116: Final = _control(116)
KIND_117: Final = _control(117)
KIND_152: Final = _control(152)
KIND_158: Final = EventKind(GUID, 158, level=_WARNING, keyword=DATA_PATH | _DROPPED | _FAILED)
KIND_159: Final = EventKind(GUID, 159, level=_WARNING, keyword=DATA_PATH | _DROPPED | _FAILED)
KIND_160: Final = EventKind(GUID, 160, level=_WARNING, keyword=DATA_PATH | _DROPPED | _FAILED)
KIND_232: Final = _control(232)
KIND_233: Final = _control(233)
KIND_234: Final = _control(234)
KIND_235: Final = _control(235, _ERROR)
KIND_277: Final = _control(277)

OPERATION_DELETE: Final = 8
"""Of 76 and 233; the numbers of the other operations are not known."""


class NblTemplate:
    """56 received from a NIC, 58 delivered to it, and their twins 240 and 241 for PacketDirect."""

    def __init__(self, nic: Named, switch: Named, *, pointer_size: int = 8) -> None:
        self._start = counted_pair(nic) + counted_pair(switch)
        self._pack = struct.Struct("<Q" if pointer_size == 8 else "<I").pack

    def fill(self, nbl: int) -> bytes:
        return self._start + self._pack(nbl)


class RoutedTemplate:
    """57: an NBL goes from one NIC to another; 242 for PacketDirect."""

    def __init__(self, source: Named, destination: Named, switch: Named, *, pointer_size: int = 8) -> None:
        self._start = counted_pair(source) + counted_pair(destination) + counted_pair(switch)
        self._pack = struct.Struct("<Q" if pointer_size == 8 else "<I").pack

    def fill(self, nbl: int) -> bytes:
        return self._start + self._pack(nbl)


# --- drops --------------------------------------------------------------------------------------------


def vm_drop(*, vm_name: str, nic: Named, port: Named, switch: Named) -> bytes:
    """33: dropped for a VM's NIC."""
    return counted(vm_name) + counted_pair(nic) + counted_pair(port) + counted_pair(switch)


def acl_drop(*, port: Named, switch: Named, acl_name: str) -> bytes:
    """36: dropped by an ACL of the port."""
    return counted_pair(port) + counted_pair(switch) + counted(acl_name)


def port_drop(*, port: Named, switch: Named) -> bytes:
    """45: dropped at a port, without detail."""
    return counted_pair(port) + counted_pair(switch)


def qos_drop(*, drop_reason: int) -> bytes:
    """53."""
    return u32(drop_reason)


def nic_drop(*, nic: Named, switch: Named, drop_reason: int, status: int = 0xC000_0001) -> bytes:
    """54 and 55: the general drop, one for each side of the vSwitch; which is which is not known."""
    return counted_pair(nic) + counted_pair(switch) + u32(drop_reason) + u32(status)


def extension_destination_drop(*, extension_name: str, source: Named, destination: Named, switch: Named) -> bytes:
    """59: an extension took a destination away."""
    return counted(extension_name) + counted_pair(source) + counted_pair(destination) + counted_pair(switch)


def extension_drop(
    *, source: Named, switch: Named, extension_guid: str, extension_friendly_name: str, reason: str
) -> bytes:
    """60: an extension dropped it and says why."""
    texts = b"".join(map(counted, (extension_guid, extension_friendly_name, reason)))
    return counted_pair(source) + counted_pair(switch) + texts


def extended_acl_drop(*, port: Named, switch: Named, direction: int, weight: int) -> bytes:
    """131: dropped by the extended ACL of that weight."""
    return counted_pair(port) + counted_pair(switch) + u32(direction) + u32(weight)


def team_member_drop(*, member: str, status: int) -> bytes:
    """158 a send failed on a member of a switch's own team, 160 NBLs dropped on it."""
    return guid(member) + u32(status)


def team_drop(*, team_nic: int, status: int, pointer_size: int = 8) -> bytes:
    """159: a send failed on the team; `team_nic` is a kernel address."""
    return pointer(team_nic, pointer_size) + u32(status)


# --- life of switches, ports and NICs -----------------------------------------------------------------


def nic_event(nic: Named) -> bytes:
    """5 enabled, 7 initialized, 19 unbound, 21 media connected, 22 disconnected, 23 operational, 24 not."""
    return counted_pair(nic)


def switch_event(switch: Named, *, flags: int = 0, owner_service: int = 0) -> bytes:
    """9 initialized, 62 created, 64 deleted, 66 changed."""
    return counted_pair(switch) + u32(flags) + u32(owner_service)


def switch_failure(switch: Named, *, status: int, unique_event: int = 0) -> bytes:
    """63 not created, 65 not deleted."""
    return u32(status) + counted_pair(switch) + u32(unique_event)


def port_event(port: Named, switch: Named, *, flags: int = 0, owner_service: int = 0) -> bytes:
    """67 created, 69 deleted, 71 changed."""
    return counted_pair(port) + counted_pair(switch) + u32(flags) + u32(owner_service)


def port_failure(port: Named, switch: Named, *, status: int, unique_event: int = 0) -> bytes:
    """68 not created, 70 not deleted, 72 not changed."""
    return u32(status) + counted_pair(port) + counted_pair(switch) + u32(unique_event)


def connection(nic: Named, port: Named, switch: Named) -> bytes:
    """17 a physical NIC is bound to its port, 232 a NIC is connected to a port."""
    return counted_pair(nic) + counted_pair(port) + counted_pair(switch)


def nic_failure(nic: Named, *, status: int, unique_event: int = 0) -> bytes:
    """8 not initialized, 20 not unbound."""
    return u32(status) + counted_pair(nic) + u32(unique_event)


def connection_failure(nic: Named, port: Named, switch: Named, *, status: int, unique_event: int = 0) -> bytes:
    """18 a physical NIC is not bound, 32 and 35 a NIC is not connected."""
    return u32(status) + connection(nic, port, switch) + u32(unique_event)


def operation_done(nic: Named, *, operation: int, nic_instance_id: str) -> bytes:
    """233: something was done to a NIC."""
    return counted_pair(nic) + u32(operation) + guid(nic_instance_id)


def operation_failure(nic: Named, *, status: int, operation: int, nic_instance_id: str, unique_event: int = 0) -> bytes:
    """76."""
    return u32(status) + counted_pair(nic) + u32(operation) + u32(unique_event) + guid(nic_instance_id)


def disconnection(*, nic_name: str, port_name: str) -> bytes:
    """234: names without friendly names."""
    return counted(nic_name) + counted(port_name)


def disconnection_failure(*, nic_name: str, port_name: str, status: int, unique_event: int = 0) -> bytes:
    """235."""
    return u32(status) + counted(nic_name) + counted(port_name) + u32(unique_event)


def mac_move(*, mac_address: str, from_port: Named, to_port: Named) -> bytes:
    """25: a MAC address is now seen at another port; 28: it may not be, since it is bound to `to_port`."""
    return counted(mac_address) + counted_pair(from_port) + counted_pair(to_port)


def nic_mac(*, mac_address: str, nic: Named) -> bytes:
    """29 a MAC address is used twice, 30 none is left in the pool, 31 it is set."""
    return counted(mac_address) + counted_pair(nic)


def team_member(switch: Named, nic: Named, *, nic_index: int, adapter_guid: str, status: int = 0) -> bytes:
    """116, 117: a physical NIC joins a switch's own team, or leaves it."""
    return counted_pair(switch) + counted_pair(nic) + u32(nic_index) + guid(adapter_guid) + u32(status)


def team_member_replaced(*, old_member: str, new_member: str) -> bytes:
    """152."""
    return guid(old_member) + guid(new_member)


def port_security(
    port: Named,
    switch: Named,
    *,
    is_mac_spoofing_allowed: bool = False,
    is_dhcp_guarded: bool = False,
    is_router_guarded: bool = False,
    monitor_mode: int = 0,
    monitor_session: int = 0,
    is_priority_tag_allowed: bool = False,
    virtual_subnet_id: int = 0,
    is_teaming_allowed: bool = False,
    storm_limit: int = 0,
    dynamic_ip_limit: int = 0,
    is_speed_fixed: bool = False,
) -> bytes:
    """89: what a port allows."""
    guards = boolean(is_mac_spoofing_allowed) + boolean(is_dhcp_guarded) + boolean(is_router_guarded)
    monitor = u32(monitor_mode) + u32(monitor_session) + boolean(is_priority_tag_allowed)
    rest = u32(virtual_subnet_id) + boolean(is_teaming_allowed) + u32(storm_limit) + u32(dynamic_ip_limit)
    return counted_pair(port) + counted_pair(switch) + guards + monitor + rest + boolean(is_speed_fixed)


def acl(
    port: Named,
    switch: Named,
    *,
    direction: int,
    action: int,
    local: str,
    local_prefix: int,
    remote: str,
    remote_prefix: int,
    applicability: int = 0,
    acl_type: int = 0,
) -> bytes:
    """91: an ACL of a port, as set; addresses are text."""
    numbers = u32(direction) + u32(applicability) + u32(acl_type) + u32(action)
    addresses = counted(local) + u32(local_prefix) + counted(remote) + u32(remote_prefix)
    return counted_pair(port) + counted_pair(switch) + numbers + addresses


def nic_restored(
    *, extension_name: str, extension_id: str, feature_class_id: str, nic: Named, vm_name: str, vm_id: str
) -> bytes:
    """61: a NIC came back without the settings of an extension; names the VM."""
    extension = counted(extension_name) + guid(extension_id) + guid(feature_class_id)
    return extension + counted_pair(nic) + counted(vm_name) + counted(vm_id)


def protocol_version(*, vm_name: str, vm_id: str) -> bytes:
    """102: a VM's NIC driver agreed on a version; names the VM."""
    return counted(vm_name) + counted(vm_id)


def driver_build(
    *, build: int, arch: str = "amd64fre", branch: str = "release", date: str = "", time: str = ""
) -> bytes:
    """277: which vmswitch.sys runs."""
    return u32(build) + astr(arch) + astr(branch) + boolean(False) + boolean(True) + astr(date) + astr(time)
