"""Won, lost, reopened, transferred."""

from __future__ import annotations

from decimal import Decimal

import pytest

from libs.events.contracts.pipeline import (
    OpportunityLost,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
    StageAdvanceRejected,
)
from libs.events.errors import NotFound
from libs.events.facts import Money
from libs.events.testing import given
from libs.rules.documents import RuleBook
from services.pipeline.opportunities.closing import (
    LOSE,
    REOPEN,
    TRANSFER,
    WIN,
    LoseOpportunity,
    ReopenOpportunity,
    TransferOpportunity,
    WinOpportunity,
)
from services.pipeline.opportunities.domain import dwell_of
from services.pipeline.tests.samples import (
    CALENDARS,
    DEAL,
    LI,
    MONDAY,
    NOTHING_REQUIRED,
    SUN,
    TUESDAY,
    WANG,
    YUAN,
    ZHOU,
    actor,
    advanced,
    consulted,
    opened,
    path_to,
    published,
)

IN_SIGNING = path_to("contract_signing")
WON = OpportunityWon(
    opportunity_id=DEAL,
    owner_id=LI,
    stage="contract_signing",
    visit=1,
    amount=YUAN,
    contract_id="contract-17",
    entered_at=MONDAY,
    won_at=TUESDAY,
    dwell=dwell_of(MONDAY, TUESDAY, CALENDARS.of(LI)),
    package=NOTHING_REQUIRED,
    definition_version=0,
    calendar_version=CALENDARS.of(LI).version,
)
LOST = OpportunityLost(
    opportunity_id=DEAL,
    owner_id=LI,
    stage="first_contact",
    visit=1,
    reason_code="no_budget",
    competitor="Beta",
    entered_at=MONDAY,
    lost_at=TUESDAY,
    dwell=dwell_of(MONDAY, TUESDAY, CALENDARS.of(LI)),
    package=NOTHING_REQUIRED,
    calendar_version=CALENDARS.of(LI).version,
)
WIN_IT = WinOpportunity(opportunity_id=DEAL, contract_id="contract-17")
LOSE_IT = LoseOpportunity(opportunity_id=DEAL, reason_code="no_budget", competitor="Beta")
REOPEN_IT = ReopenOpportunity(opportunity_id=DEAL, reason="合同需要重新签署", approver=SUN)


def test_a_deal_is_won_from_contract_signing_for_its_own_amount() -> None:
    """3.2.3-9"""
    given(WIN, *IN_SIGNING).when(WIN_IT, TUESDAY, *consulted(), actor=actor()).then(WON)


def test_the_contract_may_be_for_another_amount() -> None:
    """3.2.3-9"""
    amount = Money(amount=Decimal(286_000), currency="CNY")
    command = WIN_IT.model_copy(update={"amount": amount})
    outcome = given(WIN, *IN_SIGNING).when(command, TUESDAY, *consulted(), actor=actor())
    assert outcome.fact(OpportunityWon).amount == amount


def test_the_won_amount_is_frozen() -> None:
    """3.2.3-9"""
    again = given(WIN, *IN_SIGNING, WON).when(WIN_IT, TUESDAY, *consulted(), actor=actor())
    assert again.then_rejected("CONFLICT_STATE").details["state"] == "won"


def test_a_deal_is_not_won_before_its_contract_nor_without_an_amount() -> None:
    early = given(WIN, *path_to("quotation")).when(WIN_IT, TUESDAY, *consulted(), actor=actor())
    assert early.then_rejected("CONFLICT_STATE").details["stage"] == "quotation"
    facts = [opened(amount=None), *IN_SIGNING[1:]]
    given(WIN, *facts).when(WIN_IT, TUESDAY, *consulted(), actor=actor()).then_rejected("VALIDATION")


def test_winning_passes_the_gate_of_the_last_stage() -> None:
    """3.2.3-1"""
    words = {"zh": "确认", "en": "confirm"}
    asks = {"code": "countersigned", "type": "confirmation", "explain": words, "how_to_fix": words}
    rules = RuleBook([published(1, gates=[{"stage": "contract_signing", "requirements": [asks]}])])
    facts = [*IN_SIGNING[:-1], advanced("quotation", "contract_signing", definition_version=1)]
    outcome = given(WIN, *facts).when(WIN_IT, TUESDAY, *consulted(rules=rules), actor=actor())
    (fact,) = outcome.then_rejected("RULE_VIOLATION").record
    assert isinstance(fact, StageAdvanceRejected)
    assert (fact.to_stage, [one.requirement for one in fact.missing]) == ("won", ["countersigned"])


def test_a_deal_is_lost_from_anywhere_for_a_known_reason() -> None:
    given(LOSE, opened()).when(LOSE_IT, TUESDAY, *consulted(), actor=actor()).then(LOST)
    typo = LOSE_IT.model_copy(update={"reason_code": "no_budgets"})
    refused = given(LOSE, opened()).when(typo, TUESDAY, *consulted(), actor=actor())
    assert refused.then_rejected("VALIDATION").details["nearest"]["id"] == "no_budget"


def test_reopening_opens_a_new_visit_of_the_stage_it_was_closed_in() -> None:
    """3.2.3-9"""
    outcome = given(REOPEN, *IN_SIGNING, WON).when(REOPEN_IT, TUESDAY, *consulted(ZHOU), actor=actor(ZHOU))
    outcome.then(
        OpportunityReopened(
            opportunity_id=DEAL,
            owner_id=LI,
            stage="contract_signing",
            next_visit=2,
            was="won",
            reason="合同需要重新签署",
            approver=SUN,
            reopened_at=TUESDAY,
            definition_version=0,
        )
    )


def test_nobody_approves_their_own_reopening() -> None:
    """3.2.3-1"""
    own = REOPEN_IT.model_copy(update={"approver": ZHOU})
    given(REOPEN, opened(), LOST).when(own, TUESDAY, *consulted(ZHOU), actor=actor(ZHOU)).then_rejected("NOT_PERMITTED")


def test_an_approver_is_a_manager_who_works_here() -> None:
    for nobody in (WANG, "unknown"):
        command = REOPEN_IT.model_copy(update={"approver": nobody})
        outcome = given(REOPEN, opened(), LOST).when(command, TUESDAY, *consulted(ZHOU), actor=actor(ZHOU))
        assert outcome.then_rejected("VALIDATION").details["field"] == "approver"


def test_an_open_deal_cannot_be_reopened() -> None:
    given(REOPEN, opened()).when(REOPEN_IT, TUESDAY, *consulted(ZHOU), actor=actor(ZHOU)).then_rejected(
        "CONFLICT_STATE"
    )


def test_a_manager_transfers_a_deal_and_asking_twice_changes_nothing() -> None:
    command = TransferOpportunity(opportunity_id=DEAL, to_owner=WANG, handover="等待报价")
    moved = OpportunityTransferred(
        opportunity_id=DEAL, from_owner=LI, to_owner=WANG, handover="等待报价", transferred_at=TUESDAY
    )
    given(TRANSFER, opened()).when(command, TUESDAY, *consulted(ZHOU), actor=actor(ZHOU)).then(moved)
    given(TRANSFER, opened(), moved).when(command, TUESDAY, *consulted(ZHOU), actor=actor(ZHOU)).then()


def test_the_new_owner_works_here() -> None:
    command = TransferOpportunity(opportunity_id=DEAL, to_owner="rep-wong")
    refused = given(TRANSFER, opened()).when(command, TUESDAY, *consulted(ZHOU), actor=actor(ZHOU))
    assert refused.then_rejected("VALIDATION").details["nearest"]["id"] == WANG


def test_a_former_owner_does_not_see_the_deal_any_more() -> None:
    moved = OpportunityTransferred(opportunity_id=DEAL, from_owner=LI, to_owner=WANG, transferred_at=TUESDAY)
    with pytest.raises(NotFound):
        given(LOSE, opened(), moved).when(LOSE_IT, TUESDAY, *consulted(LI), actor=actor(LI))
