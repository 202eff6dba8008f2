"""Why a lead went to whom: every evaluation with all its candidates (3.1.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.events.contracts.lead_routing import RoutingEvaluated
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class RoutingExplanation:
    """One evaluation; `candidates` are those of the fact, numbers as texts."""

    lead_id: str
    version: int
    evaluated_at: datetime
    policy_id: str
    policy_version: int
    tier: str | None
    tags: dict[str, str]
    winner: str | None
    tie_break: str | None
    candidates: list[dict[str, Any]]


def keys(fact: Any) -> list[str]:
    """One lead is one key, and one stream."""
    return [fact.lead_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[RoutingExplanation]:
    """All evaluations with one more."""
    fact = recorded.fact
    explanation = RoutingExplanation(
        lead_id=fact.lead_id,
        version=recorded.version,
        evaluated_at=fact.evaluated_at,
        policy_id=fact.policy_id,
        policy_version=fact.policy_version,
        tier=fact.tier,
        tags=fact.tags,
        winner=fact.winner,
        tie_break=fact.tie_break,
        candidates=[one.model_dump(mode="json", exclude_none=True) for one in fact.candidates],
    )
    return [*group.rows, explanation]


ROUTING_EXPLANATIONS = Projection(
    name="routing-explanations",
    version=1,
    reads=(RoutingEvaluated,),
    tables=(
        Table(
            "routing_explanations",
            RoutingExplanation,
            identity=("version",),
            indexes=(("lead_id", "version"), ("evaluated_at",)),
        ),
    ),
    keys=keys,
    fold=fold,
)
