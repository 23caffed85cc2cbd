"""NICs of VMs."""

from __future__ import annotations

from wnv.providers.synthnic import facts

VM, ADAPTER = "5c2d5e1f-0000-4000-8000-000000000005", "5c2d5e1f-0000-4000-8000-000000000006"
FIELDS = {"VmName": "web", "VmId": VM.upper(), "NicGuid": f"{{{ADAPTER}}}", "NicName": "Network Adapter"}


def test_vm_and_nic_under_the_name_that_the_switch_has() -> None:
    vm, nic, owns = facts(12582, FIELDS)
    assert vm.properties == {"friendly_name": "web"}
    assert nic.subject.keys == (("guid", ADAPTER), ("name", f"{VM}--{ADAPTER}"))
    assert (owns.relation, owns.target) == ("owns", nic.subject)


def test_a_virtual_function_that_could_not_be_had_is_none() -> None:
    given = {**FIELDS, "VfId": "3"}
    assert list(facts(12584, given))[1].properties["sriov"] == "virtual function 3"
    assert "sriov" not in list(facts(12585, {**given, "ErrorCode": "0x1"}))[1].properties


def test_nothing_without_a_vm() -> None:
    assert list(facts(12582, {**FIELDS, "VmId": ""})) == []
