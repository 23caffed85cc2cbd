"""Packets that Windows says it dropped, by cause."""

from __future__ import annotations

from collections.abc import Sequence

from wnv.explain.conversations import Hurt, is_to_many
from wnv.explain.finding import Case, Finding, Row, Weight

_FLOWS_SHOWN = 50
_GROUPS_MAX = 100
_SMALL_CODE = 0xFFFF  # beyond are NTSTATUS values, which people look up in hexadecimal
_REFUSALS = frozenset({"guard", "spoofing", "acl", "block", "inspection", "policy"})
"""Words of reasons that somebody has set: broadcasts dropped for them are not the usual floods."""
_USUAL = frozenset({
    "protocol_not_bound", "failed_packet_filter", "nl_not_locally_destined", "nl_protocol_unreachable",
    "not_accepted", "broadcast_no_destinations",
})  # fmt: skip
"""Reasons for which healthy hosts drop packets that are not for them."""
_SHORT_WORDS = frozenset(
    {"acl", "arp", "dhcp", "dns", "icmp", "ip", "mac", "mtu", "nat", "nic", "tcp", "udp", "vfp", "vlan", "vm", "wfp"}
)

_CAUSES = f"""
    SELECT drop_reason, point, coalesce(vswitch, '') AS vswitch, coalesce(port, '') AS port, coalesce(nic, '') AS nic,
           replace(coalesce(rule, ''), ' (flow cached)', '') AS decided_by, drop_location,
           any_value(drop_reason_code) AS drop_reason_code,
           any_value(advice) AS advice, count(*) AS n, min(confidence) AS confidence,
           arg_min(d.journey_id, ts_ns) AS journey_id, arg_min(d.evidence, ts_ns) AS evidence,
           arg_min(dst, ts_ns) AS dst, list(DISTINCT flow_id) FILTER (flow_id IS NOT NULL) AS flow_ids
    FROM drops d LEFT JOIN (SELECT journey_id, flow_id FROM journeys) USING (journey_id)
    GROUP BY drop_reason, point, vswitch, port, nic, decided_by, drop_location
    ORDER BY n DESC
    LIMIT {_GROUPS_MAX}
"""
_BEFORE = "SELECT point FROM hops WHERE journey_id = ? AND nic IS NOT NULL ORDER BY seq DESC LIMIT 1"


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """A finding a cause; a drop that hurt no conversation is background."""
    by_flow = {one.flow_id: one for one in hurt}
    return [_finding(case, row, by_flow) for row in case.ask(_CAUSES) if _concerns(case, row)]


def _concerns(case: Case, row: Row) -> bool:
    return case.flows is None or any(case.has(flow) for flow in row["flow_ids"] or ())


def _finding(case: Case, row: Row, by_flow: dict[int, Hurt]) -> Finding:
    flows = [by_flow[flow] for flow in sorted(row["flow_ids"] or ()) if flow in by_flow and case.has(flow)]
    hit = [one for one in flows if not one.is_to_many and not one.went_on]
    is_refused = any(word in _REFUSALS for word in str(row["drop_reason"]).split("_")) or bool(row["decided_by"])
    is_usual = row["drop_reason"] in _USUAL or is_to_many(row["dst"])
    is_background = not hit and not is_refused and (bool(flows) or is_usual)
    words, place, rule = reason_words(row["drop_reason"]), _place(case, row), str(row["decided_by"])
    n = int(row["n"])
    number = row["drop_reason_code"]
    code = "" if number is None else f" (code {number if number <= _SMALL_CODE else hex(number)})"
    where = f" at {row['drop_location']}" if row["drop_location"] else ""
    return Finding(
        rule="dropped", weight=Weight.BACKGROUND if is_background else Weight.FAILED,
        title=f"{n:,} {'packet' if n == 1 else 'packets'} dropped at {place}: {words}"
        + (f", rule {rule}" if rule else ""),
        flows=[one.failing() for one in (hit or flows)[:_FLOWS_SHOWN]],
        last_point=str(row["point"] or ""), place=place,
        reason=f"{words}{code}{where}", decided_by=rule,
        journey_id=row["journey_id"], evidence=row["evidence"] or (), confidence=float(row["confidence"]),
        advice=str(row["advice"] or ""), n=n,
    )  # fmt: skip


def reason_words(name: object) -> str:
    """`port ACL` for `port_acl`."""
    return " ".join(word.upper() if word in _SHORT_WORDS else word for word in str(name).split("_"))


def _place(case: Case, row: Row) -> str:
    """Where, from what is known: the point, or else switch, port and NIC; of what is at no NIC, the NIC before it."""
    known = case.names.places.get(str(row["point"]))
    if known == row["point"] and row["journey_id"] is not None:
        before = case.ask(_BEFORE, row["journey_id"])
        return f"{known}, behind {case.names.place(before[0]['point'])}" if before else str(known)
    if known is not None:
        return known
    if row["vswitch"] and (row["nic"] or row["port"]):
        return f"{row['nic'] or row['port']} on switch {row['vswitch']}"
    return str(row["nic"] or row["port"] or row["point"] or "a place not recorded")
