"""The steps of a packet's way. A route is a list of stages; captures and the truth read nothing else.

Every stage is one thing that happens to all packets of a chain before the next stage begins, as Windows hands a
chain of NBLs from one function to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from wnv_lab.model import Header, Nic, Port
from wnv_lab.parsing import Rewrite

if TYPE_CHECKING:
    from wnv_lab.stack import Stack
    from wnv_lab.winnat import Session, WinNat
    from wnv_lab.world import Trip


class Kind(IntEnum):
    """What happens in a stage."""

    NIC = 1
    """A frame passes a NIC's NDIS stack."""
    RECEIVED = 2
    """A switch takes an NBL from the NIC of a port."""
    INGRESS = 3
    """The capture extension sees the frame on its way in."""
    ROUTED = 4
    """The switch has chosen the destinations."""
    EGRESS = 5
    """The capture extension sees the frame on its way out."""
    DELIVERED = 6
    """The switch has handed the NBL to the NIC of a port."""
    NAT_SESSION = 7
    NAT_TRANSLATED = 8
    NAT_FORWARDED = 9
    NAT_SKIPPED = 10
    """WinNat leaves the packet to the host."""
    VFP_RULE = 11
    """A rule runs for the first packet of a flow."""
    VFP_FLOW = 12
    """The flow is cached."""
    VFP_BINDING = 13
    """VFP takes a port for OutBoundNAT."""
    STACK = 14
    """A TCP/IP stack takes the packet, for itself or to forward it."""
    DROP = 15
    LOSS = 16
    """A place where packets may vanish with no event."""
    DELAY = 17


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a packet is dropped: wnv's word, the number in VmSwitch's and PktMon's list, and where."""

    name: str
    code: int
    location: int = 0
    """PktMon's drop location."""
    event: str = ""
    """What reports it: vms (54/55), acl (36), extended-acl (131), extension (60), vfp, wfp, winnat, nothing."""
    rule: str = ""


@dataclass(eq=False, repr=False, slots=True)
class Stage:
    """One step."""

    kind: Kind
    place: Nic | Port | Stack | WinNat
    direction: str
    """in or out, as seen by the owner of the place."""
    header: Header
    """As it is in this stage."""
    rewrite: Rewrite | None = None
    """Applied to each frame before it is seen here."""
    before: Header | None = None
    """The header before the rewrite."""
    is_new_nbl: bool = False
    is_first_only: bool = False
    service: str = "step"
    source: Port | None = None
    """ROUTED to DELIVERED: the port the packet came in by."""
    targets: tuple[Port, ...] = ()
    """ROUTED and EGRESS: the destinations."""
    session: Session | None = None
    arrival: Nic | None = None
    forward: Nic | None = None
    reason: Reason | None = None
    rule: str = ""
    share: float = 0.0
    after_ns: int = 0
    delay_ns: int = 0
    note: str = ""
    """What decided here, for `wnv lab path`."""
    n_layers: int = 1
    """Times it is logged, one layer after the other: set by the recorders, paid for in time."""
    hop: int = -1
    """Number of the truth's hop; -1: none of its own."""
    sinks: tuple[Sink, ...] = ()
    """Filled in by the recorder."""


Sink = Callable[[Stage, "Trip", int, int], None]
"""Takes the stage, the trip, the time of the first packet (or NBL) and the time between two."""


@dataclass(eq=False, repr=False, slots=True)
class Route:
    """The way of a flow's packets through one host."""

    host_name: str
    start: Header
    stages: list[Stage] = field(default_factory=list)
    branches: list[Route] = field(default_factory=list)
    """Copies that go on separately, after the stages."""
    end: str = ""
    """wire, stack, guest, drop, split."""
    target: Nic | Stack | None = None
    header: Header | None = None
    """As it arrives at the end."""
    is_known: bool = False
    """Whether a packet has passed: first-only stages are over."""
