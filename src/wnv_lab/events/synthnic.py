"""Microsoft-Windows-Hyper-V-SynthNic: the NICs of VMs, with the VM's name and id.

Facts: the schema of Server 2022, without messages: the events that start and stop a NIC are told apart by id only.
"""

from __future__ import annotations

from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import guid, wstr

GUID: Final = guid("c29c4fb7-b60e-4fff-9af9-cf21f9b09a34")

KIND_12582: Final = EventKind(GUID, 12582)
KIND_12583: Final = EventKind(GUID, 12583)
KIND_12584: Final = EventKind(GUID, 12584)
KIND_12586: Final = EventKind(GUID, 12586)
KIND_12597: Final = EventKind(GUID, 12597)
KIND_12598: Final = EventKind(GUID, 12598)
KIND_12603: Final = EventKind(GUID, 12603)
KIND_12604: Final = EventKind(GUID, 12604)
KIND_12562: Final = EventKind(GUID, 12562, level=3)


def nic(*, vm_name: str, vm_id: str, nic_guid: str, nic_name: str) -> bytes:
    """12582, 12583, 12597, 12598, 12603, 12604: something about a VM's NIC."""
    return b"".join(map(wstr, (vm_name, vm_id, nic_guid, nic_name)))


def nic_with_mac(*, vm_name: str, vm_id: str, nic_guid: str, nic_name: str, mac_address: str) -> bytes:
    """12562: the same with its MAC address as text."""
    return b"".join(map(wstr, (vm_name, vm_id, nic_guid, nic_name, mac_address)))


def virtual_function(*, vm_name: str, vm_id: str, nic_guid: str, nic_name: str, vf_id: str, pf_luid: str) -> bytes:
    """12584, 12586: a virtual function is given to the NIC: from now on traffic passes the vSwitch by."""
    return b"".join(map(wstr, (vm_name, vm_id, nic_guid, nic_name, vf_id, pf_luid)))
