"""How journeys end, and why (DESIGN, section 4): the strong words only where the recording shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from wnv.arrays import BOOL, I32, I64
from wnv.journeys import layout as c
from wnv.journeys.answers import ANSWER_WORDS, starts_there
from wnv.journeys.collect import KIND_PKTMON, KIND_SWITCH, KIND_TCPIP, KIND_VFP, KIND_WINNAT, Limits
from wnv.journeys.columns import addresses, listed, port_numbers, texts_of
from wnv.journeys.drops import builds_of, location_names
from wnv.journeys.places import Places
from wnv.journeys.protocols import protocol_name
from wnv.packets.headers import Texts
from wnv.packets.points import IN
from wnv.providers.stages import Columns

_ACTIVE, _ACTIVE_AND_LATER, _ACTIVE_BEHIND_NAT, _ACTIVE_UNTOLD = 1, 2, 3, 4
"""`layout.J_NEXT_ACTIVE`: the next point saw packets around then; and also after this one should have come there; and
only as what a NAT, which states nothing, seems to have made of them; and one that nothing ties to any other."""
_SURE = 900
_TCP = 6
_TOP_KINDS = ("protocol", "ip", "http", "nat")
"""Above these a packet is not seen; which of them sees it last says nothing."""


class Outcome(IntEnum):
    """How a journey ends."""

    DELIVERED = 0
    ANSWERED = 1
    LEFT_HOST = 2
    DROPPED = 3
    VANISHED = 4
    UNKNOWN = 5


OUTCOME_WORDS = ("delivered", "answered", "left_host", "dropped", "vanished", "unknown")
(
    _PLAIN, _NOT_RECORDING, _FILTERED, _ENDS, _OFFLOADED, _STACK, _NO_NEXT, _GAP, _MOVED, _UNCLEAR, _NEXT_MISSED,
    _INCOMPLETE, _ASSUMED, _TRUNCATED, _BEHIND_NAT, _TAKEN, _NO_DROPS, _BETWEEN_HOSTS, _UNTOLD, _ALIKE, _ANSWERED,
    _ANSWERED_ELSEWHERE, _REJECTED, _PART_DROPPED, _PART_MISSING, _MAY_BE_PART,
) = range(26)  # fmt: skip
_REASONS = (
    "",
    "not seen beyond it: the next point was not recording then",
    "not seen beyond it: captured only: {filters}",
    "not seen beyond it: the recording ends",
    "not seen beyond it: hardware can carry the flow past what is recorded",
    "reached the host's stack; whether for the host itself or to be forwarded, nothing shows",
    "not seen beyond it: nothing shows what comes next",
    "sightings of it are missing",
    "a drop was reported, yet it was seen again",
    "not seen beyond it: the recording does not say what this point is",
    "others between the same addresses were seen at the next point then, this packet was not",
    "not seen beyond it: {why}",
    "reached the host's stack, and nothing in the recording forwards",
    "not seen beyond it: packets were cut too short to know them again everywhere",
    "not seen beyond it: it was to be translated, and the recording does not state into what",
    "left the switch by the port of that NIC; whether the NIC took it, no event states",
    "not seen beyond it: the recording has no events that would tell of a drop there",
    f"{c.LOST_BETWEEN_HOSTS}: it left this one and did not come to the next, which saw others of its flow then",
    "not seen beyond it: at the next point a packet was seen then that nothing tells from this one",
    "not seen beyond it: packets of the same content were on their way, and one was seen there",
    "answered from there: {answer}",
    "not seen beyond it, yet it was answered: {answer}",
    "rejected from there: {answer}",
    "offload cut it: a segment of it was dropped, the others were not",
    "offload cut it: not all of its segments were seen there",
    "not seen beyond it: offload may have cut it, or joined it with others, and nothing shows into what",
)


_WITH_ANSWER = (_ANSWERED, _ANSWERED_ELSEWHERE, _REJECTED)
_LINK, _KIND_SHIFT = 100, 16
"""Added to a reason of a link; where the kind of the answer stands beside the reason."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How journeys ended: columns of equal length."""

    outcome: I64
    """An `Outcome`."""
    why: I64
    """Row of the reasons; 0 where it is plain; less: the number of the journey it was joined into, negated."""
    sure: I64
    """Confidence in ‰."""


def journey_columns(
    ended: I64, verdict: Verdict, n_hops: I64, paths: I32, flow: I64, places: Places, limits: Limits,
    builds: Sequence[int], drop_names: Texts,
) -> Columns:  # fmt: skip
    """Rows of `schema.JOURNEYS` for ended journeys (rows of the loops' matrix). `builds`: of Windows, by session."""
    outcome, why, sure = verdict.outcome, verdict.why, verdict.sure
    what, last_what = ended[:, c.J_WHAT], ended[:, c.J_LAST_WHAT]
    version = np.where(what >= 0, what & 0xFF, 0)
    last_version = np.where(last_what >= 0, last_what & 0xFF, 0)
    is_dropped = outcome == Outcome.DROPPED
    is_numbered = np.isin(ended[:, c.J_DROP_KIND], (KIND_PKTMON, KIND_SWITCH, KIND_WINNAT, KIND_VFP, KIND_TCPIP))
    location = np.where(is_dropped, ended[:, c.J_DROP_LOCATION], 0)
    confidence = np.minimum(ended[:, c.J_CONFIDENCE], sure) / 1000
    reasons = list(_REASONS)
    reasons[_INCOMPLETE] = reasons[_INCOMPLETE].replace("{why}", limits.why_incomplete.split(";")[0])
    reasons[_FILTERED] = reasons[_FILTERED].replace("{filters}", limits.filters)
    link_why = ended[:, c.J_WHY]
    said = np.where(why != _PLAIN, why, np.where(ended[:, c.J_CONFIDENCE] < sure, link_why + _LINK, 0))
    said |= np.where(np.isin(why, _WITH_ANSWER), ended[:, c.J_ANSWER_KIND] << _KIND_SHIFT, 0)
    return {
        "journey_id": ended[:, c.J_ID],
        "session_id": ended[:, c.J_SESSION],
        "first_ns": ended[:, c.J_FIRST_TS],
        "last_ns": ended[:, c.J_LAST_TS],
        "protocol": texts_of(np.where(what >= 0, what >> 8, -1), protocol_name),
        "src": addresses(version, ended[:, c.J_SRC_HIGH], ended[:, c.J_SRC_LOW]),
        "sport": port_numbers(ended[:, c.J_PORTS], True),
        "dst": addresses(version, ended[:, c.J_DST_HIGH], ended[:, c.J_DST_LOW]),
        "dport": port_numbers(ended[:, c.J_PORTS], False),
        "src_last": addresses(last_version, ended[:, c.J_LAST_SRC_HIGH], ended[:, c.J_LAST_SRC_LOW]),
        "sport_last": port_numbers(ended[:, c.J_LAST_PORTS], True),
        "dst_last": addresses(last_version, ended[:, c.J_LAST_DST_HIGH], ended[:, c.J_LAST_DST_LOW]),
        "dport_last": port_numbers(ended[:, c.J_LAST_PORTS], False),
        "n_hops": n_hops,
        "first_point": listed(ended[:, c.J_FIRST_PLACE], places.names),
        "last_point": listed(ended[:, c.J_LAST_PLACE], places.names),
        "path": _paths(ended, paths, places),
        "outcome": listed(outcome, OUTCOME_WORDS),
        "drop_reason": Texts(np.where(is_dropped, drop_names.code, -1).astype(np.int32), drop_names.values),
        "drop_reason_code": np.where(is_dropped & is_numbered, ended[:, c.J_DROP_CODE], -1),
        "drop_location": location_names(
            ended[:, c.J_DROP_KIND], location, builds_of(builds, ended[:, c.J_DROP_SESSION])
        ),
        "flow_id": flow,
        "joined_id": np.where(ended[:, c.J_PART_OF] > 0, ended[:, c.J_PART_OF], -1),
        "confidence": confidence,
        "answer_id": np.where(ended[:, c.J_ANSWER] > 0, ended[:, c.J_ANSWER], -1),
        "reason": texts_of(said, lambda code: _reason(code, reasons)),
    }


def _reason(code: int, reasons: list[str]) -> str | None:
    if code < 0:
        return f"joined with other segments into one packet, which is journey {-code}"
    kind, why = code >> _KIND_SHIFT, code & ((1 << _KIND_SHIFT) - 1)
    if why >= _LINK:
        return c.WHY_WORDS[why - _LINK] or None
    return reasons[why].replace("{answer}", ANSWER_WORDS[kind]) or None


def _paths(ended: I64, paths: I32, places: Places) -> Texts:
    """What people call the places, in order, each once where it stands several times in a row.

    Of a packet with several ends: the way to where it was copied, then each end once.
    """
    is_copied = (ended[:, c.J_FLAGS] & c.J_FANNED) != 0
    _, first, inverse = np.unique(ended[:, c.J_PATH] << 1 | is_copied, return_index=True, return_inverse=True)

    def path(number: int) -> str:
        row = first[number]
        found = [code >> 2 for code in paths[row].tolist() if code >= 0]
        labels = [places.labels[place] for place in found]
        if not is_copied[row]:
            return " → ".join(label for k, label in enumerate(labels) if k == 0 or labels[k - 1] != label)
        switches = {places.known[place].vswitch for place in found}
        last = next((k for k, label in enumerate(labels) if label in switches), 0)
        way = dict.fromkeys(labels[: last + 1])
        ends = dict.fromkeys(label for label in labels[last + 1 :] if label not in way and label not in switches)
        return " → ".join([*way, *([", ".join(ends)] if ends else [])])

    return texts_of(inverse.reshape(-1).astype(np.int64), path)


def judge(
    ended: I64, places: Places, limits: Limits, *, never_forwards: BOOL, has_deliveries: BOOL, sees_wire: BOOL,
    has_large: bool = False,
) -> Verdict:  # fmt: skip
    """Outcome of each journey, why where it is not plain, and how sure that is in ‰.

    Of the host where each was seen last: whether no packet was forwarded; whether switches state what they deliver;
    whether packets were seen at physical NICs. `has_large`: some packets were cut or joined by offload.
    """
    n = len(ended)
    flags = ended[:, c.J_FLAGS]
    place, direction = ended[:, c.J_LAST_PLACE], ended[:, c.J_LAST_DIR]
    event = ended[:, c.J_LAST_EVENT]
    classes = places.classes(place, direction)
    # A switch that says what it delivers has not delivered what it only routed.
    is_on_its_way = np.isin(event, (c.ROUTED, c.EGRESS)) & has_deliveries
    classes = np.where(is_on_its_way, c.UNCLEAR, classes)

    def has(bit: int) -> BOOL:
        is_set: BOOL = (flags & bit) != 0
        return is_set

    is_group = has(c.J_IS_GROUP) | has(c.J_FANNED)
    is_dropped = has(c.J_IS_DROPPED) & ~has(c.J_MOVED_ON)
    is_dropped |= has(c.J_IS_DROPPED) & is_group & ~has(c.J_WAS_DELIVERED) & ~has(c.J_HAS_LEFT)
    is_dropped &= ~(is_group & (has(c.J_WAS_DELIVERED) | has(c.J_HAS_LEFT)))
    # What a NAT has let in goes on to a container or VM: the NIC that sends it then may be a virtual one.
    is_let_in = has(c.J_TRANSLATED) & (
        (ended[:, c.J_LAST_DST_LOW] != ended[:, c.J_DST_LOW]) | (ended[:, c.J_LAST_DST_HIGH] != ended[:, c.J_DST_HIGH])
    )
    classes = np.where((classes == c.WIRE) & is_let_in & places.is_guessed_wire(place), c.UNCLEAR, classes)
    is_wire = (classes == c.WIRE) | (is_group & has(c.J_HAS_LEFT))
    # Whose address came first out of the host's stack is the host's, unless where it came from was not recorded.
    sees_origins = sees_wire & (limits.is_complete and not limits.filters)
    is_local = ended[:, c.J_LOCAL] >= np.where(sees_origins, 0, c.STATED_LOCAL)
    is_stack = places.holds(place, c.IS_STACK)
    is_end = (classes == c.EXIT) | (is_group & has(c.J_WAS_DELIVERED))
    goes_on = places.has_following(place, direction)
    is_in_stack = (
        is_stack & ((classes == c.EXIT) | (direction == IN)) & (event <= c.DELIVERED) & ~is_on_its_way & ~goes_on
    )
    is_arrival = places.holds(place, c.IS_PHYSICAL) & is_stack & (direction == IN) & ~goes_on
    is_kept = (event == c.LEFT_TO_HOST) | ((is_in_stack | is_arrival) & (is_local | has(c.J_IS_GROUP)))
    delivered = (is_end & ~is_stack) | is_kept | (is_end & is_group)
    delivered &= ~is_on_its_way | is_group
    # The uplink of a switch can be any NIC of which nothing is known, as long as it is not known by both its names.
    is_open_nic = is_arrival & places.has_nameless_uplink()
    assumed = (is_in_stack | is_arrival) & ~delivered & ~is_open_nic & never_forwards & sees_origins
    outcome = np.full(n, int(Outcome.UNKNOWN), np.int64)
    why = np.full(n, _NO_NEXT, np.int64)
    sure = np.full(n, 1000, np.int64)
    open_ways = ~is_dropped & ~is_wire & ~delivered & ~assumed
    for mask, word, reason, confidence in (
        (assumed, Outcome.DELIVERED, _ASSUMED, 800), (is_wire, Outcome.LEFT_HOST, _PLAIN, 1000),
        (delivered, Outcome.DELIVERED, _PLAIN, 1000), (is_dropped, Outcome.DROPPED, _PLAIN, 1000),
    ):  # fmt: skip
        outcome[mask], why[mask], sure[mask] = int(word), reason, confidence
    # What is left went on where nobody saw it, or was lost without a word.
    why[open_ways & (classes == c.UNCLEAR)] = _UNCLEAR
    why[open_ways & is_in_stack] = _STACK
    # The same flow went on from here: what a switch delivers to a NIC whose own stack is recorded must show there too.
    is_at_stack = places.is_kind(place, _TOP_KINDS)
    is_elsewhere = _is_elsewhere(ended, places)
    expected = (
        ~is_dropped & ~is_elsewhere & (ended[:, c.J_NEXT_SEEN] >= 0) & ~is_group & ~is_at_stack & (event <= c.DELIVERED)
    )
    seen = expected & (ended[:, c.J_NEXT_ACTIVE] == _ACTIVE_AND_LATER)
    why[open_ways & expected] = _NOT_RECORDING
    why[open_ways & expected & (ended[:, c.J_NEXT_ACTIVE] == _ACTIVE)] = _ENDS
    why[open_ways & expected & (ended[:, c.J_NEXT_ACTIVE] == _ACTIVE_BEHIND_NAT)] = _BEHIND_NAT
    why[open_ways & expected & (ended[:, c.J_NEXT_ACTIVE] == _ACTIVE_UNTOLD)] = _UNTOLD
    # A frame at the port is on its way to the NIC; without the switch's events nothing states that it was taken.
    is_assumed_taken = (event == c.EGRESS) & ~has_deliveries & np.isin(outcome, (Outcome.DELIVERED, Outcome.LEFT_HOST))
    why[is_assumed_taken], sure[is_assumed_taken] = _TAKEN, 800
    # A switch that logs nothing of NBLs logs no drops either; pktmon's own sightings include drops.
    tells_drops = has_deliveries | (ended[:, c.J_APPEARANCE] > 0)
    is_untold = (open_ways | delivered) & seen & ~tells_drops
    outcome[is_untold], why[is_untold], sure[is_untold] = int(Outcome.UNKNOWN), _NO_DROPS, 1000
    seen &= tells_drops
    if limits.is_complete and not (limits.filters or limits.has_offload or limits.is_truncated):
        is_told = ~has(c.J_IS_GFT) & ~has(c.J_HAS_GAP) & ~has(c.J_IS_ALIKE) & ~has(c.J_MAY_BE_PART)
        sure_of = seen & is_told & (ended[:, c.J_CONFIDENCE] >= _SURE)
        outcome[sure_of], why[sure_of], sure[sure_of] = int(Outcome.VANISHED), _NEXT_MISSED, 900
        why[open_ways & seen & has(c.J_IS_ALIKE)] = _ALIKE
        why[open_ways & seen & has(c.J_IS_GFT)] = _OFFLOADED
        why[open_ways & seen & has(c.J_HAS_GAP)] = _GAP
        why[open_ways & seen & has(c.J_MAY_BE_PART)] = _MAY_BE_PART
    else:
        # Others of its flow went on from here: it has not arrived, and whether it was lost cannot be told.
        is_open = open_ways | (delivered & expected & (ended[:, c.J_NEXT_ACTIVE] == _ACTIVE_AND_LATER))
        outcome[is_open], sure[is_open] = int(Outcome.UNKNOWN), 1000
        why[is_open] = _why_open(limits)
    moved = has(c.J_IS_DROPPED) & ~is_dropped & ~is_group
    why[moved] = _MOVED
    why[is_dropped & has(c.J_PART_DROPPED)] = _PART_DROPPED
    missing = has(c.J_PART_MISSING) & ~has(c.J_IS_DROPPED)
    outcome[missing], why[missing], sure[missing] = int(Outcome.UNKNOWN), _PART_MISSING, 1000
    if limits.is_complete and not (limits.filters or limits.has_offload or limits.is_truncated):
        between = is_wire & ~is_group & ~moved & _is_lost_between(ended, places, has_large)
        why[between], sure[between] = _BETWEEN_HOSTS, 900
    _take_answers(ended, places, outcome, why, sure, _Shown(
        by_switch=has_deliveries & np.isin(event, (c.INGRESS, c.RECEIVED, c.ROUTED)),
        by_next=expected & (ended[:, c.J_NEXT_ACTIVE] > 0), in_stack=(is_in_stack | is_arrival) & sees_origins,
    ), shows_all=limits.is_complete and not limits.filters)  # fmt: skip
    return Verdict(outcome, why, sure)


def joined(ended: I64, verdict: Verdict) -> Verdict:
    """Segments that were joined end as the packet does that they became part of, and by the same drop.

    `ended` is in order of number, has that packet's journey too, and gets the drop.
    """
    rows = np.flatnonzero(ended[:, c.J_PART_OF] > 0)
    if not len(rows):
        return verdict
    whole = np.searchsorted(ended[:, c.J_ID], ended[rows, c.J_PART_OF])
    outcome, why, sure = verdict.outcome.copy(), verdict.why.copy(), verdict.sure.copy()
    outcome[rows] = outcome[whole]
    why[rows] = -ended[rows, c.J_PART_OF]
    sure[rows] = np.minimum(sure[whole], ended[whole, c.J_CONFIDENCE])
    for column in (c.J_DROP_KIND, c.J_DROP_CODE, c.J_DROP_LOCATION, c.J_DROP_RULE, c.J_DROP_SESSION):
        ended[rows, column] = ended[whole, column]
    ended[rows, c.J_FLAGS] |= ended[whole, c.J_FLAGS] & c.J_IS_DROPPED
    return Verdict(outcome, why, sure)


@dataclass(frozen=True, slots=True)
class _Shown:
    """Why a packet would have been seen if it had gone on, or that there was nowhere to go."""

    by_switch: BOOL
    by_next: BOOL
    in_stack: BOOL


def _take_answers(
    ended: I64, places: Places, outcome: I64, why: I64, sure: I64, shown: _Shown, *, shows_all: bool
) -> None:  # fmt: skip
    """What was answered from where it ended was not lost, and whatever else was answered has not vanished."""
    is_answered = ended[:, c.J_ANSWER] > 0
    if not is_answered.any():
        return
    is_there = starts_there(ended, places)
    is_open = np.isin(outcome, (Outcome.UNKNOWN, Outcome.VANISHED)) | (why == _ASSUMED)
    from_there = is_there & is_open & shows_all & (shown.by_switch | shown.by_next | shown.in_stack)
    outcome[from_there], why[from_there] = int(Outcome.ANSWERED), _ANSWERED
    # In the host's stack something may forward that nothing shows.
    sure[from_there] = np.where(shown.in_stack[from_there], 800, 900)
    elsewhere = is_answered & ~from_there & np.isin(outcome, (Outcome.UNKNOWN, Outcome.VANISHED)) & (why != _MOVED)
    outcome[elsewhere], why[elsewhere], sure[elsewhere] = int(Outcome.UNKNOWN), _ANSWERED_ELSEWHERE, 1000
    is_reject = np.isin(ended[:, c.J_ANSWER_KIND], (ANSWER_WORDS.index("ICMP error"), ANSWER_WORDS.index("TCP reset")))
    why[is_there & is_reject & (outcome == Outcome.DROPPED)] = _REJECTED


def _is_elsewhere(ended: I64, places: Places) -> BOOL:
    """Whether the next place of a packet's flow is on another host: what does not come there has left this one."""
    hosts: I64 = np.array([*places.hosts, -1], np.int64)
    following = np.where(ended[:, c.J_NEXT_SEEN] >= 0, ended[:, c.J_NEXT_SEEN] >> 2, -1)
    elsewhere: BOOL = (hosts[following] >= 0) & (hosts[following] != ended[:, c.J_HOST])
    return elsewhere


def _is_lost_between(ended: I64, places: Places, has_large: bool) -> BOOL:
    """Whether a packet's flow went on at another host, which was recording then and later, and this packet did not."""
    # What offload cuts or joins comes in another shape.
    is_whole = (ended[:, c.J_SEQ_END] - ended[:, c.J_SEQ] <= 1) | (ended[:, c.J_WHAT] >> 8 != _TCP) | (not has_large)
    is_plain = ((ended[:, c.J_FLAGS] & (c.J_IS_GFT | c.J_HAS_GAP)) == 0) & (ended[:, c.J_ANSWER] == 0)
    lost: BOOL = _is_elsewhere(ended, places) & is_whole & is_plain & (ended[:, c.J_NEXT_ACTIVE] == _ACTIVE_AND_LATER)
    return lost


def _why_open(limits: Limits) -> int:
    """Why of no packet it can be said that it vanished; the weightiest."""
    if not limits.is_complete:
        return _INCOMPLETE
    if limits.filters:
        return _FILTERED
    if limits.has_offload:
        return _OFFLOADED
    return _TRUNCATED
