"""Connections that had to send again although nothing inside the host was dropped."""

from __future__ import annotations

from collections.abc import Sequence

from wnv.explain.conversations import Hurt, conversation
from wnv.explain.finding import Case, Finding, Weight

_AGAIN = """
    SELECT * FROM flows WHERE n_retransmissions > 0 AND n_lost = 0 AND n_packets_back > 0
    ORDER BY n_retransmissions DESC LIMIT 20
"""


def find(case: Case, hurt: Sequence[Hurt]) -> list[Finding]:
    """One finding for all such connections."""
    rows = [row for row in case.ask(_AGAIN) if case.has(row["flow_id"])]
    if not rows:
        return []
    n = sum(int(row["n_retransmissions"]) for row in rows)
    return [
        Finding(
            rule="retransmitted", weight=Weight.SLOW,
            title=f"{n:,} TCP {'segment' if n == 1 else 'segments'} sent again; no packet was lost inside the host",
            flows=[conversation(case, row).failing() for row in rows],
            reason="the loss is beyond what was recorded, or the peer answered too late", confidence=0.7,
            advice="Look at the network and the peer; compare with a recording made there.", captures=("peer",), n=n,
        )
    ]  # fmt: skip
