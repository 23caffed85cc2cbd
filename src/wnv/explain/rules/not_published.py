"""A container's port that was never published: NAT leaves the packets to the host, which has no use for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from wnv.explain.conversations import Hurt
from wnv.explain.finding import Case, Finding, Row, Weight
from wnv.text import end_text

_REFUSALS = (
    "wfp_filter", "inet_accept_inspection", "inet_receive_inspection", "nl_inspection_drop", "inet_endpoint_not_found",
)  # fmt: skip
_SURE_WITHOUT_NAT = 0.6

_DROPS = f"""
    SELECT d.journey_id, d.point, d.drop_reason, d.rule, d.confidence, d.evidence, d.protocol, d.dst, d.dport,
           j.flow_id, h.point AS left_at
    FROM drops d JOIN journeys j USING (journey_id)
    LEFT JOIN (
        SELECT journey_id, any_value(point) AS point FROM hops WHERE event = 'left_to_host' GROUP BY journey_id
    ) h USING (journey_id)
    WHERE d.protocol IN ('TCP', 'UDP') AND d.dport IS NOT NULL
      AND d.drop_reason IN ({", ".join("?" for _ in _REFUSALS)})
    ORDER BY d.ts_ns LIMIT 10000
"""
_NATS = "SELECT count(*) AS n FROM nodes WHERE kind = 'nat'"


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """A finding for each port of the host on which containers were asked for and none is published."""
    by_flow = {one.flow_id: one for one in hurt}
    has_nat = bool(case.ask(_NATS)[0]["n"])
    ports: dict[tuple[str, str, int], list[tuple[Hurt, Row]]] = defaultdict(list)
    for row in case.ask(_DROPS, *_REFUSALS):
        one = by_flow.get(row["flow_id"])
        to_host = case.names.owner(row["dst"]) == "the host"
        if one is not None and case.has(one.flow_id) and (row["left_at"] is not None or (has_nat and to_host)):
            ports[str(row["protocol"]), str(row["dst"]), int(row["dport"])].append((one, row))
    return [_finding(case, *key, found) for key, found in sorted(ports.items(), key=lambda item: -len(item[1]))]


def _finding(case: Case, protocol: str, address: str, port: int, found: list[tuple[Hurt, Row]]) -> Finding:
    first, n = found[0][1], len(found)
    is_left = first["left_at"] is not None
    flows = {one.flow_id: one for one, _ in found}
    what = f"{protocol} {end_text(address, port)}"
    certain = min(float(row["confidence"]) for _, row in found)
    return Finding(
        rule="not_published", weight=Weight.FAILED,
        title=f"{what} is published by no container: "
        + ("WinNat left " if is_left else "the host got ")
        + f"{n:,} {'packet' if n == 1 else 'packets'}{' to the host' if is_left else ''}, and the host dropped "
        + ("it" if n == 1 else "them"),
        flows=[one.failing() for one in flows.values()], last_point=str(first["point"] or ""),
        place=case.names.place(first["point"]),
        reason=f"{'no mapping of WinNat fits; ' if is_left else ''}dropped by the host: "
        f"{str(first['drop_reason']).replace('_', ' ')}"
        + ("" if is_left else " (if no container was to answer there, it is the host's own firewall that refuses)"),
        decided_by=str(first["rule"] or ""), journey_id=first["journey_id"], evidence=first["evidence"] or (),
        confidence=certain if is_left else min(certain, _SURE_WITHOUT_NAT),
        advice=f"Publish the port (docker run -p {port}:PORT, or HNS' port mapping), and see what is published: "
        "Get-NetNatStaticMapping, docker port.",
        n=n,
    )  # fmt: skip
