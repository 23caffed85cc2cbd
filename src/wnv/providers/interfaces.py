"""The host's network interfaces as merging lists them (`sysconfig`), as facts about NICs and their filters."""

from __future__ import annotations

from typing import Any, Final

from wnv.providers.facts import Fact, Facts, Key, Ref, Thing
from wnv.providers.sysconfig import HostInterface

_ALIAS_VNIC: Final = "vEthernet ("
"""How Windows names the NIC that the host itself has on a virtual switch."""


def facts(one: HostInterface) -> Facts:
    """What a row of the interface table says."""
    keys: tuple[Key, ...] = (("if_index", one.if_index), *((("guid", one.guid),) if one.guid else ()))
    said: dict[str, Any] = {"alias": one.alias, "description": one.description, "is_up": one.is_up}
    if one.is_filter:
        yield Fact(Ref(Thing.LAYER, keys), {"is_listed": True, **said})
        return
    if len(one.mac) == 6 and any(one.mac):
        said["mac"] = one.mac.hex(":")
    said |= {"mtu": one.mtu} if one.mtu else {}
    said |= {"speed_bits": one.speed_bits} if one.speed_bits else {}
    said["is_hardware"] = one.is_hardware
    if one.alias.startswith(_ALIAS_VNIC):
        said["kind"] = "host_vnic"
    yield Fact(Ref(Thing.NIC, keys), {"is_listed": True, **said})
