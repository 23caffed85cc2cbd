"""NAT without a port left: new connections fail while older ones go on."""

from __future__ import annotations

from collections.abc import Sequence

from wnv.explain.conversations import Hurt
from wnv.explain.finding import Case, Finding, Weight

_REASONS = ("nat_session_creation_failed", "slbmux_session_creation_failure")
_WINNAT = "66c07ecd-6667-43fc-93f8-05cf07f446ec"
_NO_PORT_LEFT = 1033  # vmswitch.md, "Containers"
_SURE_WITHOUT_EVENT = 0.7

_DROPS = """
    SELECT count(*) AS n, min(d.confidence) AS confidence, any_value(d.point) AS point,
           arg_min(d.journey_id, d.ts_ns) AS journey_id, arg_min(d.evidence, d.ts_ns) AS evidence,
           any_value(d.drop_reason) AS drop_reason, list(DISTINCT j.flow_id) FILTER (j.flow_id IS NOT NULL) AS flow_ids
    FROM drops d LEFT JOIN (SELECT journey_id, flow_id FROM journeys) j USING (journey_id)
    WHERE d.drop_reason IN (?, ?)
"""
_EVENTS = """
    SELECT count(*) AS n, min(event_row) AS first_row FROM events WHERE provider_guid = ? AND event_id = ?
"""


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """One finding; sure where WinNat says that no port was left, else likely."""
    row = case.ask(_DROPS, *_REASONS)[0]
    flows = [one for one in hurt if one.flow_id in set(row["flow_ids"] or ()) and case.has(one.flow_id)]
    if not row["n"] or not flows:
        return []
    said = case.ask(_EVENTS, _WINNAT, _NO_PORT_LEFT)[0]
    n, is_said = int(row["n"]), bool(said["n"])
    what = "WinNat had no port left" if is_said else "WinNat could make no session, most likely because no port is left"
    return [
        Finding(
            rule="nat_ports", weight=Weight.FAILED,
            title=f"{what}: {n:,} {'packet' if n == 1 else 'packets'} of new connections dropped",
            flows=[one.failing() for one in flows], last_point=str(row["point"] or ""),
            place=case.names.place(row["point"]),
            reason="NAT needs a port of its own for each connection; those of its pool are all in use"
            + ("" if is_said else " (the drop says that no session could be made, not why)"),
            journey_id=row["journey_id"], evidence=[*row["evidence"], *([said["first_row"]] if is_said else [])],
            confidence=min(float(row["confidence"]), 1.0 if is_said else _SURE_WITHOUT_EVENT),
            advice="See who holds the sessions (Get-NetNatSession) and how large the pool is "
            "(Get-NetNatExternalAddress: PortStart, PortEnd); let clients keep connections.", n=n,
        )
    ]  # fmt: skip
