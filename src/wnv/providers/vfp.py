"""Microsoft-Windows-Hyper-V-VfpExt: packets that VFP did not let pass, as columns (vmswitch.md, "VFP").

Rules run for the first packet of a flow; later packets inherit the result (events 106 to 109 name the layer they
matched in, not the rule). A status that is not 0 is the block. The meaning of the events is inferred from their fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from wnv.arrays import BOOL, I64
from wnv.decode.columns import Decoded
from wnv.decode.values import Fixed, Texts
from wnv.providers.winnat import Ends, numbers, read_ends

GUID: Final = "9f2660ea-cfe7-428f-9850-aeca612619b0"
RULE_IDS: Final = (101, 102, 103, 104, 105, 121)
RESULT_IDS: Final = (110, 111, 112, 113, 114, 122)
GUARD_IDS: Final = (51, 52, 53, 54, 55, 56, 57)
IDS: Final = frozenset({*RULE_IDS, *RESULT_IDS, *GUARD_IDS})


@dataclass(frozen=True, slots=True)
class Blocks:
    """Packets that VFP blocked, of one kind of event. Texts are Python text: blocks are few, and their kinds fewer."""

    event: I64
    event_id: int
    src: Ends
    dst: Ends
    protocol: I64
    status: I64
    """NTSTATUS of rules and results, the reason of a guard."""
    port: list[str]
    port_friendly: list[str]
    rule: list[str]
    """`layer / group / rule`, of rule events; empty else."""
    location: I64
    """StatusLocation: where in VFP the status was set; 0 = not stated."""


def read_blocks(event: I64, event_id: int, decoded: Decoded) -> Blocks | None:
    """Of decoded events of one id; None where no packet was blocked."""
    is_guard = event_id in GUARD_IDS
    status = numbers(decoded, "Reason" if is_guard else "Status", 0)
    blocked = np.flatnonzero(decoded.is_whole & (status != 0) if not is_guard else decoded.is_whole)
    if not len(blocked):
        return None
    return _read(event, event_id, decoded, blocked)


def _read(event: I64, event_id: int, decoded: Decoded, rows: I64) -> Blocks:
    is_guard = event_id in GUARD_IDS
    status = numbers(decoded, "Reason" if is_guard else "Status", 0)
    mine = decoded.take(rows)
    rule = [
        " / ".join(part for part in parts if part)
        for parts in zip(*(_texts(mine, name) for name in ("LayerId", "GroupId", "RuleId")), strict=True)
    ]
    return Blocks(
        event[rows], event_id, read_side(mine, "Src"), read_side(mine, "Dst"), numbers(mine, "IpProtocol"),
        status[rows], _texts(mine, "PortName"), _texts(mine, "PortFriendlyName"), rule,
        numbers(mine, "StatusLocation", 0),
    )  # fmt: skip


def read_matches(event: I64, event_id: int, decoded: Decoded) -> Blocks | None:
    """Of decoded rule events of one id, those of rules that let the packet pass; None where there are none."""
    if event_id not in RULE_IDS:
        return None
    passed = np.flatnonzero(decoded.is_whole & (numbers(decoded, "Status", 0) == 0))
    return _read(event, event_id, decoded, passed) if len(passed) else None


def _texts(decoded: Decoded, name: str) -> list[str]:
    if name not in decoded.fields.names or not isinstance(decoded.fields[name], Texts):
        return [""] * len(decoded)
    return [text or "" for text in decoded.fields[name].to_pylist()]


def read_side(decoded: Decoded, side: str) -> Ends:
    """The address fields `SrcIpv4Addr`, `SrcIpv6Addr`, …; ports are left out: their byte order is not known."""
    n = len(decoded)
    for name, version in ((f"{side}Ipv4Addr", 4), (f"{side}Ipv6Addr", 6)):
        if name in decoded.fields.names:
            column = decoded.fields[name]
            if isinstance(column, Fixed):
                return fixed_addresses(column, version)
            return read_ends(column)
    nothing = np.zeros(n, np.uint64)
    return Ends(np.zeros(n, np.int16), nothing, nothing, np.full(n, -1, np.int32))


def fixed_addresses(column: Fixed, version: int) -> Ends:
    """Addresses in network order, as numbers or bytes of a fixed size."""
    n = len(column)
    raw = np.ascontiguousarray(column.values).view(np.uint8).reshape(n, -1) if n else np.zeros((0, 4), np.uint8)
    high, low = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    width = raw.shape[1]
    for k in range(width):
        byte = raw[:, k].astype(np.uint64)
        if width - k > 8:
            high = high << np.uint64(8) | byte
        else:
            low = low << np.uint64(8) | byte
    is_there: BOOL = np.ones(n, np.bool_) if column.is_valid is None else column.is_valid
    return Ends(np.where(is_there, version, 0).astype(np.int16), high, low, np.full(n, -1, np.int32))
