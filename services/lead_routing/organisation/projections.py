"""The read model of people that routing looks at: skills, capacity, leaves, as the stream's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from libs.events.contracts.lead_routing import (
    RepCapacitySet,
    RepDeactivated,
    RepLeaveCancelled,
    RepLeavePlanned,
    RepManagerChanged,
    RepRegistered,
    RepSkillSet,
    RepTransferred,
)
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table
from services.lead_routing.organisation.rep import Rep, evolve

REP_JSON: TypeAdapter[Rep] = TypeAdapter(Rep)


@dataclass(frozen=True, slots=True)
class RoutingCandidate:
    """A person; `rep` is the JSON of the state that decisions know."""

    rep_id: str
    name: str
    active: bool
    team_id: str | None
    department_id: str | None
    version: int
    rep: dict[str, Any]


def keys(fact: Any) -> list[str]:
    """One person is one key, and one stream."""
    return [fact.rep_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[RoutingCandidate]:
    """The person after one more fact."""
    row = group.one(RoutingCandidate)
    rep = evolve(REP_JSON.validate_python(row.rep) if row else Rep(), recorded.fact)
    return [
        RoutingCandidate(
            rep_id=recorded.fact.rep_id,
            name=rep.name,
            active=rep.active,
            team_id=rep.team_id,
            department_id=rep.department_id,
            version=recorded.version,
            rep=REP_JSON.dump_python(rep, mode="json"),
        )
    ]


ROUTING_CANDIDATES = Projection(
    name="routing-candidates",
    version=1,
    reads=(
        RepRegistered,
        RepTransferred,
        RepManagerChanged,
        RepSkillSet,
        RepCapacitySet,
        RepLeavePlanned,
        RepLeaveCancelled,
        RepDeactivated,
    ),
    tables=(Table("routing_candidates", RoutingCandidate, indexes=(("rep_id",),)),),
    keys=keys,
    fold=fold,
)
