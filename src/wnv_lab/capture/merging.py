"""What `pktmon stop` adds when it merges its file: the host's interfaces by the names people know, and its Windows."""

from __future__ import annotations

from wnv_lab.etl.layout import ClassicKind
from wnv_lab.events import system_config, tcpip
from wnv_lab.events.system_config import InterfaceFlags
from wnv_lab.model import Host, Nic

_PRODUCTS = {
    14393: ("14393.0.amd64fre.rs1_release", "Windows Server 2016 Datacenter"),
    17763: ("17763.1.amd64fre.rs5_release", "Windows Server 2019 Datacenter"),
    20348: ("20348.1.amd64fre.fe_release", "Windows Server 2022 Datacenter"),
    26100: ("26100.1.amd64fre.ge_release", "Windows Server 2025 Datacenter"),
}


def merged_events(host: Host, ts_ns: int) -> list[tuple[ClassicKind, bytes]]:
    """Classic events in the order of a real file: folders, interfaces with their filters, build."""
    build_text, product = _PRODUCTS.get(host.build, (f"{host.build}.1.amd64fre.release", "Windows Server"))
    return [
        (system_config.KIND_FOLDERS, system_config.folders()),
        *((system_config.KIND_INTERFACE, row) for nic in host.nics if nic.is_visible for row in _interfaces(nic)),
        (
            system_config.KIND_BUILD,
            system_config.build(ts_ns=ts_ns, build_text=build_text, product=product),
        ),
    ]


def _interfaces(nic: Nic) -> list[bytes]:
    """The adapter and each filter on it, which has an index and an alias of its own."""
    flags = InterfaceFlags.CONNECTOR | (InterfaceFlags.HARDWARE if nic.kind == "physical" else InterfaceFlags(0))
    state = system_config.UP if nic.is_enabled else system_config.DOWN
    rows = [
        system_config.interface(
            if_index=nic.if_index,
            if_luid=tcpip.luid(tcpip.IF_TYPE_ETHERNET, nic.if_index),
            alias=nic.name,
            description=nic.description or nic.name,
            mac_address=nic.mac,
            interface_guid=nic.guid,
            flags=flags,
            mtu=nic.mtu,
            state=state,
        )
    ]
    for layer in nic.layers:
        rows.append(
            system_config.interface(
                if_index=layer.if_index,
                if_luid=tcpip.luid(tcpip.IF_TYPE_ETHERNET, layer.if_index),
                alias=f"{nic.name}-{layer.name}-0000",
                description=f"{nic.description or nic.name}-{layer.name}-0000",
                mac_address=nic.mac,
                flags=InterfaceFlags.FILTER,
                mtu=nic.mtu,
                state=state,
            )
        )
    return rows
