"""Microsoft-Windows-Host-Network-Service: networks, endpoints and policies as they come and go.

Facts: the schema of Server 2022; no message text is known, and the numbers of entity, operation and resource types are
ours: what matters to a reader is the JSON beside them.
"""

from __future__ import annotations

from typing import Final

from wnv_lab.etl.layout import EventKind
from wnv_lab.events.fields import guid, u32, wstr

GUID: Final = guid("0c885e0d-6eb6-476c-a048-2457eed3a5c1")

_ERROR: Final = 2

KIND_1004: Final = EventKind(GUID, 1004, level=_ERROR)
KIND_1013: Final = EventKind(GUID, 1013, level=_ERROR)
KIND_1014: Final = EventKind(GUID, 1014)
KIND_1015: Final = EventKind(GUID, 1015, level=_ERROR)
KIND_1016: Final = EventKind(GUID, 1016)
KIND_1036: Final = EventKind(GUID, 1036)
KIND_1040: Final = EventKind(GUID, 1040)
KIND_1041: Final = EventKind(GUID, 1041)
KIND_1042: Final = EventKind(GUID, 1042)
KIND_1043: Final = EventKind(GUID, 1043)
KIND_1044: Final = EventKind(GUID, 1044)
KIND_1045: Final = EventKind(GUID, 1045)
KIND_1046: Final = EventKind(GUID, 1046)
KIND_1047: Final = EventKind(GUID, 1047)
KIND_1048: Final = EventKind(GUID, 1048)
KIND_1049: Final = EventKind(GUID, 1049)
KIND_1050: Final = EventKind(GUID, 1050)
KIND_1051: Final = EventKind(GUID, 1051, level=_ERROR)
KIND_1054: Final = EventKind(GUID, 1054)
KIND_1055: Final = EventKind(GUID, 1055)
KIND_1056: Final = EventKind(GUID, 1056, level=_ERROR)
KIND_1057: Final = EventKind(GUID, 1057)

ENTITY_NETWORK, ENTITY_ENDPOINT, ENTITY_NAMESPACE = 1, 2, 3
OPERATION_CREATE, OPERATION_DELETE, OPERATION_MODIFY = 1, 2, 3


def port_failure(*, switch_id: str, port_id: str, port_type: int, result: int) -> bytes:
    """1004: a port could not be had."""
    return u32(result) + guid(switch_id) + guid(port_id) + u32(port_type)


def network(*, name: str, network_id: str, number: int = 0, result: int = 0) -> bytes:
    """1013, 1014, 1036: something about one network or endpoint."""
    return wstr(name) + guid(network_id) + u32(number) + u32(result)


def attachment(*, name: str, network_id: str, endpoint_id: str, number: int = 0, result: int = 0) -> bytes:
    """1015, 1016: an endpoint and its network."""
    return wstr(name) + guid(network_id) + guid(endpoint_id) + u32(number) + u32(result)


def entity(
    *,
    entity_type: int,
    entity_id: str,
    operation_type: int,
    settings: str,
    resource_type: int = 0,
    result: int = 0,
) -> bytes:
    """1040 to 1051: an operation on a network, endpoint or namespace; `settings` is JSON text."""
    numbers = u32(operation_type) + u32(resource_type)
    return u32(entity_type) + guid(entity_id) + numbers + wstr(settings) + u32(result)


def service_state(*, service_id: str, state: int) -> bytes:
    """1054."""
    return guid(service_id) + u32(state)


def request(*, request: str, entity: str, entity_id: str, data: str, rpc_access_level: int = 0) -> bytes:
    """1055: what a client asked for, as JSON text."""
    return wstr(request) + wstr(entity) + guid(entity_id) + wstr(data) + u32(rpc_access_level)


def policy(*, event: str, endpoint_id: str, network_id: str, policy_type: int, result: int = 0) -> bytes:
    """1056 failed, 1057 applied: a policy of an endpoint."""
    return wstr(event) + guid(endpoint_id) + guid(network_id) + u32(policy_type) + u32(result)
