"""Microsoft-Windows-NDIS-PacketCapture: adapters and switches with their layers, as its rundown names them.

Events 1014, 1015 (attached, detached) and 5101 (a source and its layers): ndis-packetcapture.md, Configuration. The
layers of 5101 are in no dump of the schema, so the payload is read here.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from wnv.providers.facts import Change, Fact, Facts, Ref, Thing, name_of, named_keys
from wnv.providers.reading import wide_text

GUID: Final = "2ed6006e-4729-4609-b423-3ee7bcd678ef"
ATTACHED, DETACHED, EVENT_SOURCE = 1014, 1015, 5101
IDS: Final = frozenset({ATTACHED, DETACHED, EVENT_SOURCE})
_SWITCH_SOURCE: Final = 2  # SourceId map: 1 NDIS, 2 VM-Switch


def parse(event_id: int, raw: bytes) -> Facts:
    """What one event says; `ValueError` if it does not fit its layout."""
    if event_id == EVENT_SOURCE:
        yield from _source(raw)
        return
    if len(raw) < 12:
        raise ValueError("too short")
    miniport, lower, _ = struct.unpack_from("<III", raw)
    change = Change.SEEN if event_id == ATTACHED else Change.ENDED
    # Attached means that it watches the layer from now on, not that the layer is new.
    yield Fact(nic_ref(miniport))
    if lower != miniport:
        layer = layer_ref(lower)
        yield Fact(layer, {"miniport_if_index": miniport}, change=change)
        yield Fact(layer, relation="stacked_on", target=nic_ref(miniport))


def nic_ref(if_index: int) -> Ref:
    return Ref(Thing.NIC, (("if_index", if_index),))


def layer_ref(if_index: int) -> Ref:
    return Ref(Thing.LAYER, (("if_index", if_index),))


def switch_ref(if_index: int) -> Ref:
    """A switch, by the interface index that 1003 has for it."""
    return Ref(Thing.VSWITCH, (("if_index", if_index),))


def _source(raw: bytes) -> Facts:
    if len(raw) < 3:
        raise ValueError("too short")
    name, at = wide_text(raw, 1)
    if at < 0 or at + 6 > len(raw):
        raise ValueError("no end of the name")
    if_index, n_layers = struct.unpack_from("<IH", raw, at)
    at += 6
    is_switch = raw[0] == _SWITCH_SOURCE
    subject = switch_ref(if_index) if is_switch else nic_ref(if_index)
    said: dict[str, Any] = {"source_name": name_of(name)} if name else {}
    if is_switch and named_keys(name)[:1] and named_keys(name)[0][0] == "guid":
        subject = Ref(Thing.VSWITCH, (*subject.keys, *named_keys(name)))
    yield Fact(subject, said)
    found: list[tuple[int, str]] = []
    for _ in range(n_layers):
        layer, behind = wide_text(raw, at + 4)
        if behind < 0:
            raise ValueError("no end of a layer's name")
        found.append((int.from_bytes(raw[at : at + 4], "little"), name_of(layer)))
        at = behind
    if not is_switch:
        yield from _layers(if_index, found)


def _layers(if_index: int, found: list[tuple[int, str]]) -> Facts:
    """Nobody says whether the list runs up or down; the miniport, which is the lowest, tells if it is at an end."""
    is_down = len(found) > 1 and found[-1][0] == if_index
    is_known = is_down or (bool(found) and found[0][0] == if_index)
    for place, (number, layer) in enumerate(reversed(found) if is_down else found):
        if number != if_index:
            order: dict[str, Any] = {"order": place} if is_known else {}
            yield Fact(layer_ref(number), {"description": layer, "miniport_if_index": if_index, **order})
            yield Fact(layer_ref(number), relation="stacked_on", target=nic_ref(if_index))
