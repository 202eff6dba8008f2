"""Which deals weigh on whom, by the story of the pipeline."""

from __future__ import annotations

from libs.events.contracts.examples.pipeline import EXAMPLES
from libs.events.projecting import Group
from libs.events.testing import recorded
from services.lead_routing.workload.reactions import WEIGH_DEALS


def test_every_step_of_a_deal_is_weighed() -> None:
    """4.1"""
    steps = [
        (attempt.decider.name, attempt.command.model_dump().get("stage"))
        for one in recorded(*EXAMPLES)
        if isinstance(one.fact, WEIGH_DEALS.reads)
        for attempt in WEIGH_DEALS.react(one, Group(""))
        if hasattr(attempt, "decider")
    ]
    assert ("weigh-deal", "first_contact") in steps
    assert ("weigh-deal", "quotation") in steps
    assert ("weigh-deal", None) in steps
    assert ("move-deal", None) in steps
