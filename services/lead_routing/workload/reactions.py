"""Deals of the pipeline weigh on their owners by the stage they stand in (4.1)."""

from __future__ import annotations

from typing import Any

from libs.events.contracts.pipeline import (
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
    StageAdvanced,
    StageRegressed,
)
from libs.events.facts import Recorded
from libs.events.projecting import Group
from libs.events.reacting import Attempt, Reaction
from services.lead_routing.workload.domain import MOVE_DEAL, WEIGH_DEAL, MoveDeal, WeighDeal


def weigh(recorded: Recorded[Any], group: Group) -> list[Attempt]:
    """What the deal weighs from now on, and on whom."""
    fact, stage = recorded.fact, None
    match fact:
        case OpportunityTransferred():
            move = MoveDeal(from_rep=fact.from_owner, to_rep=fact.to_owner, opportunity_id=fact.opportunity_id)
            return [Attempt(MOVE_DEAL, move)]
        case StageAdvanced() | StageRegressed():
            stage = fact.to_stage
        case OpportunityOpened() | OpportunityReopened():
            stage = fact.stage
        case _:
            pass
    return [Attempt(WEIGH_DEAL, WeighDeal(rep_id=fact.owner_id, opportunity_id=fact.opportunity_id, stage=stage))]


WEIGH_DEALS = Reaction(
    "weigh-deals",
    (
        OpportunityOpened,
        StageAdvanced,
        StageRegressed,
        OpportunityWon,
        OpportunityLost,
        OpportunityReopened,
        OpportunityTransferred,
    ),
    weigh,
)
