"""What people call the places and ends of a recording: containers, VMs, NICs, ports."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Ask = Callable[..., list[dict[str, Any]]]  # Any: values of a table
"""Runs our own SQL over the tables: query, then bound values; a dictionary a row."""

_PORTS = ("vm_nic", "host_vnic", "external_nic", "switch_port", "container_nic")
_HOST_NAME = "CASE WHEN (SELECT count(DISTINCT host) FROM session) > 1 THEN session.host END"
"""Of a row's session; null where there is one host, which needs no name."""
_PLACES = f"""
    SELECT point, any_value(kind) AS kind, any_value(nic) AS nic, any_value(vswitch) AS vswitch,
           any_value(port) AS port, any_value(container) AS container, any_value(vm) AS vm,
           any_value({_HOST_NAME}) AS host
    FROM hops LEFT JOIN session ON session.session_id = hops.session_id WHERE point IS NOT NULL GROUP BY point
"""
_SENDERS = """
    SELECT src AS address, min(container) AS container, min(vm) AS vm
    FROM hops
    WHERE seq = 0 AND direction = 'out' AND src IS NOT NULL AND (container IS NOT NULL OR vm IS NOT NULL)
    GROUP BY src HAVING count(DISTINCT coalesce(container, vm)) = 1
"""
_OWNERS = f"""
    SELECT nic.properties, owner.kind, owner.name, {_HOST_NAME} AS host
    FROM edges JOIN nodes AS owner ON owner.node_id = edges.source_id AND owner.session_id = edges.session_id
    JOIN nodes AS nic ON nic.node_id = edges.target_id AND nic.session_id = edges.session_id
    LEFT JOIN session ON session.session_id = edges.session_id
    WHERE edges.kind = 'owns'
"""
_HOST = f"""
    SELECT properties, {_HOST_NAME} AS host FROM nodes LEFT JOIN session ON session.session_id = nodes.session_id
    WHERE kind IN ('physical_nic', 'team', 'host_vnic')
"""


@dataclass(frozen=True, slots=True)
class Names:
    """Places by point, owners by address."""

    places: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, ask: Ask) -> Names:
        """Names out of the tables `hops`, `nodes`, `edges` and `session`.

        An address that things on several hosts have, as behind NAT, is nobody's unless only one sends from it.
        """
        places = {str(row["point"]): place_words(row) for row in ask(_PLACES)}
        owners: dict[str, str] = {}
        hosts: dict[str, set[str]] = {}
        for row in ask(_HOST):
            host = row.get("host")
            _own(_addresses(row["properties"]), f"host {host}" if host else "the host", host, owners, hosts)
        for row in ask(_OWNERS):
            word = {"vm": "VM", "container": "container"}.get(str(row["kind"]), "")
            _own(_addresses(row["properties"]), _called(word, row["name"]), row.get("host"), owners, hosts)
        owners = {address: owner for address, owner in owners.items() if len(hosts[address]) == 1}
        for row in ask(_SENDERS):
            owners[str(row["address"])] = owner_words(row)
        return cls(places, owners)

    def place(self, point: object) -> str:
        """`VM db's port on switch LAN`; the point's own name where nothing else is known."""
        return self.places.get(str(point), str(point)) if point is not None else "a place not recorded"

    def owner(self, address: object) -> str:
        """`container shop`; empty where nobody is known by that address."""
        return self.owners.get(str(address), "")


def _own(
    addresses: list[str], owner: str, host: object, owners: dict[str, str], hosts: dict[str, set[str]]
) -> None:  # fmt: skip
    """Note whose these addresses are, and on which host."""
    for address in addresses:
        owners[address] = owner
        hosts.setdefault(address, set()).add(str(host or ""))


def owner_words(row: Mapping[str, Any]) -> str:  # Any: values of a table
    """`container shop` or `VM db`; empty where it is neither's."""
    if row["container"]:
        return _called("container", row["container"])
    return _called("VM", row["vm"]) if row["vm"] else ""


def place_words(row: Mapping[str, Any]) -> str:  # Any: values of a table
    """Where a hop is, from its columns: whose NIC or port it is, on which switch, and of several hosts on which."""
    host = row.get("host")
    return f"{_place(row)} on {host}" if host else _place(row)


def _place(row: Mapping[str, Any]) -> str:  # Any: values of a table
    owner, nic = owner_words(row), row["nic"]
    whose = owner or (_called("NIC", nic) if nic else "")
    if row["vswitch"] and (row["kind"] in _PORTS or not nic):
        port = f"{whose}'s port" if whose else f"port {row['port'] or row['point']}"
        return f"{port} on switch {row['vswitch']}"
    if owner:
        return f"{owner}'s NIC"
    return whose or str(row["point"])


def _called(word: str, name: object) -> str:
    """`VM db`; a name that says already what it is stands alone."""
    return str(name) if not word or str(name).lower().startswith(f"{word.lower()} ") else f"{word} {name}"


def _addresses(properties: object) -> list[str]:
    try:
        found = json.loads(str(properties)).get("addresses")
    except (ValueError, AttributeError):
        return []
    return [str(one).split("/", 1)[0] for one in found] if isinstance(found, list) else []
