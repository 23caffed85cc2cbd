from __future__ import annotations

from pathlib import Path

from lab_recordings import decoded
from wnv_lab.events import synthnic

NIC = {"vm_name": "web", "vm_id": "A-1", "nic_guid": "B-2", "nic_name": "Network Adapter"}
AS_DECODED = {"VmName": "web", "VmId": "A-1", "NicGuid": "B-2", "NicName": "Network Adapter"}


def test_every_event_names_the_vm_and_its_nic(tmp_path: Path) -> None:
    kinds = [
        synthnic.KIND_12582, synthnic.KIND_12583, synthnic.KIND_12597, synthnic.KIND_12598, synthnic.KIND_12603,
        synthnic.KIND_12604,
    ]  # fmt: skip
    rows = decoded(tmp_path, [
        *((kind, synthnic.nic(**NIC)) for kind in kinds),
        (synthnic.KIND_12562, synthnic.nic_with_mac(**NIC, mac_address="00-15-5D-01-02-03")),
        (synthnic.KIND_12584, synthnic.virtual_function(**NIC, vf_id="1", pf_luid="2")),
    ])  # fmt: skip
    assert rows == [
        *[AS_DECODED] * len(kinds),
        AS_DECODED | {"MacAddress": "00-15-5D-01-02-03"},
        AS_DECODED | {"VfId": "1", "PfLuid": "2"},
    ]
