"""What a draft policy would have done: the candidates that were stored, scored again (3.1.8-9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from libs.events.contracts.lead_routing import Candidate
from libs.events.reading import Reader
from libs.service.surroundings import around
from services.lead_routing.routing.policy import RoutingPolicy
from services.lead_routing.routing.projections import ROUTING_EXPLANATIONS
from services.lead_routing.routing.scoring import evaluate

PAGE = 500


async def simulate(reader: Reader, policy: RoutingPolicy, days: int) -> dict[str, Any]:
    """How many routings of the last days there were, which winners would have been others, who gains and loses.

    The filters are those that held then; weights, bonus and tie-break are the draft's.
    """
    since = around(reader).clock.now() - timedelta(days=days)
    routed, changed, unroutable, delta = 0, 0, 0, Counter[str]()
    last: tuple[str, int] = ("", 0)
    while True:
        rows = await reader(ROUTING_EXPLANATIONS).fetch(
            "select lead_id, version, tier, winner, candidates from routing_explanations"
            " where tenant = $1 and evaluated_at >= $2 and (lead_id, version) > ($3, $4)"
            " order by lead_id, version limit $5",
            since,
            *last,
            PAGE,
        )
        for row in rows:
            routed += 1
            winner = again(row, policy)
            unroutable += winner is None
            if winner != row["winner"]:
                changed += 1
                delta.update({one: step for one, step in ((winner, 1), (row["winner"], -1)) if one is not None})
        if len(rows) < PAGE:
            return {
                "replayed": routed,
                "changed": changed,
                "unroutable": unroutable,
                "per_rep": dict(sorted(delta.items())),
            }
        last = (rows[-1]["lead_id"], rows[-1]["version"])


def again(row: Mapping[str, Any], policy: RoutingPolicy) -> str | None:
    """The winner of a stored evaluation under another policy."""
    candidates = [Candidate.model_validate(one) for one in row["candidates"]]
    return evaluate(candidates, row["lead_id"], row["tier"], policy).winner
