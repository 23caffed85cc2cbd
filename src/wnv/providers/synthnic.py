"""Microsoft-Windows-Hyper-V-SynthNic: the network adapters of VMs, with the VM's name (vmswitch.md, Topology).

The NIC of a VM is `<VmId>--<NicGuid>` on the switch. No dump has the messages, so an event says only that VM and
NIC exist; one that names a virtual function says that the NIC's traffic can bypass the switch.
"""

from __future__ import annotations

from typing import Any, Final

from wnv.providers.facts import Fact, Facts, Fields, Ref, Thing, guid_of, mac_of, name_of

GUID: Final = "c29c4fb7-b60e-4fff-9af9-cf21f9b09a34"
IDS: Final = frozenset({
    12560, 12562, 12564, 12572, *range(12580, 12591), 12597, 12598, *range(12603, 12610), *range(12612, 12616), 12680,
    *range(12694, 12704),
})  # fmt: skip


def facts(event_id: int, fields: Fields) -> Facts:
    """What one event says of a VM and its NIC."""
    vm_guid, nic_guid = guid_of(fields.get("VmId")), guid_of(fields.get("NicGuid"))
    if not vm_guid:
        return
    vm = Ref(Thing.VM, (("guid", vm_guid),))
    name = name_of(fields.get("VmName"))
    yield Fact(vm, {"friendly_name": name} if name else {})
    if nic_guid:
        nic = Ref(Thing.NIC, (("guid", nic_guid), ("name", f"{vm_guid}--{nic_guid}")))
        yield Fact(nic, _nic(fields))
        yield Fact(vm, relation="owns", target=nic)


def _nic(fields: Fields) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": "vm_nic"}
    name, mac = name_of(fields.get("NicName")), mac_of(fields.get("MacAddress"))
    if name:
        said["friendly_name"] = name
    if mac:
        said["mac"] = mac
    function = name_of(fields.get("VfId"))
    if function and not fields.get("ErrorCode"):
        said["sriov"] = f"virtual function {function}"
    return said
