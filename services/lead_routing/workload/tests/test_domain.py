"""Open deals weigh on their owners by their stage (4.1)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from libs.events.contracts.lead_routing import WorkloadChanged
from libs.events.testing import given
from services.lead_routing.tests.scenes import NOON, RULES
from services.lead_routing.workload.domain import MOVE_DEAL, WEIGH_DEAL, WORKLOAD, MoveDeal, WeighDeal


def weighed(weight: str, rep_id: str = "li") -> WorkloadChanged:
    return WorkloadChanged(rep_id=rep_id, item="deal", weight=Decimal(weight))


def test_a_deal_weighs_by_its_stage_and_nothing_once_it_is_closed() -> None:
    """4.1"""
    for stage, weight in (("first_contact", "1"), ("quotation", "1.5"), ("contract_signing", "1")):
        command = WeighDeal(rep_id="li", opportunity_id="deal", stage=stage)
        given(WEIGH_DEAL).when(command, NOON, RULES).then(weighed(weight))
    closed = WeighDeal(rep_id="li", opportunity_id="deal", stage=None)
    given(WEIGH_DEAL, weighed("1.5")).when(closed, NOON, RULES).then(weighed("0"))
    given(WEIGH_DEAL).when(closed, NOON, RULES).then()


def test_a_transferred_deal_takes_its_weight_along() -> None:
    move = MoveDeal(from_rep="li", to_rep="wang", opportunity_id="deal")
    given(MOVE_DEAL, weighed("1.5")).when(move, NOON).then(weighed("0"), weighed("1.5", "wang"))
    given(MOVE_DEAL).when(move, NOON).then()


def test_new_leads_are_counted_by_the_day() -> None:
    """3.1.3-4"""
    today = NOON.date()
    workload = WORKLOAD.initial
    for item, day in (("a", today), ("b", today), ("c", today + timedelta(days=1))):
        workload = WORKLOAD.evolve(workload, WorkloadChanged(rep_id="li", item=item, weight=Decimal(1), new_on=day))
    assert (workload.load, workload.new_on(today), workload.new_on(today + timedelta(days=1))) == (3, 0, 1)
