from __future__ import annotations

from pathlib import Path
from typing import Any

from lab_recordings import START_NS, decoded
from wnv_lab.events import wfp
from wnv_lab.events.fields import Socket


def test_a_block_says_more_from_version_to_version(tmp_path: Path) -> None:
    block: dict[str, Any] = {
        "ts_ns": START_NS, "local": Socket("10.0.0.5", 80), "remote": Socket("10.0.0.9", 50000),
        "direction": wfp.INBOUND, "filter_id": 70123, "layer_id": wfp.LAYER_AUTH_RECEIVE_ACCEPT_V4,
        "app_id": "\\device\\w3wp.exe", "vswitch_id": "c08cb7b8", "source_vswitch_port": 3,
        "destination_vswitch_port": 4, "policy_flags": 1, "effective_name": "w3wp",
    }  # fmt: skip
    rows = decoded(tmp_path, [
        (kind, wfp.blocked(**block, version=kind.version))
        for kind in (wfp.KIND_1001, wfp.KIND_1001_V1, wfp.KIND_1001_V2)
    ])  # fmt: skip
    oldest = {
        "Timestamp": START_NS, "LocalAddressLength": 16, "LocalAddress": "10.0.0.5:80", "RemoteAddressLength": 16,
        "RemoteAddress": "10.0.0.9:50000", "ScopeId": 0, "AppId": "\\device\\w3wp.exe", "UserSID": "S-1-5-18",
        "ReauthReason": 0, "OriginalProfile": 0, "CurrentProfile": 0, "PacketDirection": 14592, "Loopback": False,
        "FilterId": 70123, "LayerId": 44,
    }  # fmt: skip
    newer = oldest | {"vSwitchId": "c08cb7b8", "SourcevSwitchPort": 3, "DestinationvSwitchPort": 4}
    newest = newer | {"EnterpriseId": "", "PolicyFlags": 1, "EffectiveName": "w3wp"}
    assert rows == [oldest, newer, newest]


def test_a_block_at_the_link_layer_has_mac_addresses(tmp_path: Path) -> None:
    block: dict[str, Any] = {
        "ts_ns": START_NS, "local_mac": "00-15-5D-01-02-03", "remote_mac": "00-15-5D-01-02-04", "ether_type": 0x806,
        "filter_id": 5, "layer_id": 6, "vlan_tag": 7, "vswitch_id": "c08cb7b8", "source_vswitch_port": 3,
    }  # fmt: skip
    old, new = decoded(tmp_path, [
        (kind, wfp.blocked_frame(**block, version=kind.version)) for kind in (wfp.KIND_1029, wfp.KIND_1029_V1)
    ])  # fmt: skip
    assert old == {
        "Timestamp": START_NS, "LocalAddressLength": 6, "LocalAddress": "00155d010203", "RemoteAddressLength": 6,
        "RemoteAddress": "00155d010204", "EtherType": 0x806, "MediaType": 0, "InterfaceType": 6, "VlanTag": 7,
        "FilterId": 5, "LayerId": 6,
    }  # fmt: skip
    assert new == old | {"vSwitchId": "c08cb7b8", "SourcevSwitchPort": 3, "DestinationvSwitchPort": 0}
