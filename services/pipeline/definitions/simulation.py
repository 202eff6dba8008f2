"""Replaying the last transitions through a draft: which of them its gates would have stopped (3.2.9-6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from libs.events.reading import Reader
from libs.service.surroundings import around
from services.pipeline.definitions.domain import PipelineDefinition
from services.pipeline.gates.domain import evaluate
from services.pipeline.gates.projections import LEDGER
from services.pipeline.opportunities.domain import Fulfilled
from services.pipeline.opportunities.projections import BOARD
from services.pipeline.opportunities.visits import VISITS

MAX_TRANSITIONS = 50_000
MAX_LISTED = 200
_TRANSITIONS = (
    "select v.opportunity_id, v.stage, o.state, o.amount, o.expected_close, o.account_id, o.product_id, o.tier,"
    " array(select l.requirement from requirement_ledger l where l.tenant = v.tenant and l.key = v.key"
    " and l.stage = v.stage and l.visit = v.visit and l.state = 'satisfied') as done"
    " from stage_visits v join opportunities o on o.tenant = v.tenant and o.key = v.key"
    " where v.tenant = $1 and v.left_by in ('advanced', 'won') and v.left_at >= $2 and o.recorded_from is null"
    " order by v.left_at desc, v.key limit $3"
)


async def simulate(reader: Reader, draft: PipelineDefinition, days: int) -> dict[str, Any]:
    """How many transitions of the last days the draft would have blocked, by requirement, and which won deals."""
    since = around(reader).clock.now() - timedelta(days=days)
    rows = await reader(BOARD, VISITS, LEDGER).fetch(_TRANSITIONS, since, MAX_TRANSITIONS)
    return report_on([dict(row) for row in rows], draft)


def report_on(transitions: list[dict[str, Any]], draft: PipelineDefinition) -> dict[str, Any]:
    """The report over transitions with `stage`, `state` of the deal, `done` requirements and the deal's fields."""
    by_requirement: dict[str, int] = {}
    blocked, blocked_deals, won_deals = 0, set[str](), set[str]()
    for row in transitions:
        verdict = evaluate(draft.gate(row["stage"]), dict.fromkeys(row["done"], Fulfilled()), row)
        if row["state"] == "won":
            won_deals.add(row["opportunity_id"])
        if verdict.blocking:
            blocked += 1
            blocked_deals.add(row["opportunity_id"])
        for one in verdict.blocking:
            by_requirement[one.code] = by_requirement.get(one.code, 0) + 1
    blocked_won = sorted(blocked_deals & won_deals)
    return {
        "replayed": len(transitions),
        "would_block": blocked,
        "blocked_opportunities": len(blocked_deals),
        "won_opportunities": len(won_deals),
        "blocked_won_opportunities": len(blocked_won),
        "blocked_won": blocked_won[:MAX_LISTED],
        "by_requirement": dict(sorted(by_requirement.items())),
    }
