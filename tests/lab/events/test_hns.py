from __future__ import annotations

from pathlib import Path

from lab_recordings import decoded
from wnv_lab.events import hns

A, B = "86e2a814-8893-431d-a1dc-f44931d6b99a", "11e2a814-8893-431d-a1dc-f44931d6b99a"


def test_every_event_decodes(tmp_path: Path) -> None:
    entity = hns.entity(
        entity_type=hns.ENTITY_ENDPOINT, entity_id=A, operation_type=hns.OPERATION_CREATE, settings='{"ID":"ä"}'
    )
    entities = [
        hns.KIND_1040, hns.KIND_1041, hns.KIND_1042, hns.KIND_1043, hns.KIND_1044, hns.KIND_1045, hns.KIND_1046,
        hns.KIND_1047, hns.KIND_1048, hns.KIND_1049, hns.KIND_1050, hns.KIND_1051,
    ]  # fmt: skip
    rows = decoded(tmp_path, [
        (hns.KIND_1004, hns.port_failure(switch_id=A, port_id=B, port_type=2, result=0x80070005)),
        (hns.KIND_1014, hns.network(name="nat", network_id=A, number=1, result=2)),
        (hns.KIND_1016, hns.attachment(name="nat", network_id=A, endpoint_id=B, number=1, result=2)),
        (hns.KIND_1054, hns.service_state(service_id=A, state=3)),
        (hns.KIND_1055, hns.request(request="POST", entity="endpoints", entity_id=A, data="{}", rpc_access_level=6)),
        (hns.KIND_1057, hns.policy(event="applied", endpoint_id=A, network_id=B, policy_type=4)),
        *((kind, entity) for kind in entities),
    ])  # fmt: skip
    assert rows[:6] == [
        {"HResult": 0x80070005, "SwitchId": A, "PortId": B, "PortType": 2},
        {"Parameter0": "nat", "Parameter1": A, "Parameter2": 1, "Parameter3": 2},
        {"Parameter0": "nat", "Parameter1": A, "Parameter2": B, "Parameter3": 1, "Parameter4": 2},
        {"GnsId": A, "GnsState": 3},
        {"Request": "POST", "Entity": "endpoints", "Id": A, "Data": "{}", "RpcAccessLevel": 6},
        {"EventString": "applied", "EndpointId": A, "NetworkId": B, "PolicyType": 4, "Result": 0},
    ]
    assert rows[6:] == [
        {"EntityType": 2, "EntityId": A, "OperationType": 1, "ResourceType": 0, "Settings": '{"ID":"ä"}', "Result": 0}
    ] * len(entities)
