"""Deals that begin: by hand, from a lead, and from history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from libs.events.contracts.common import Elapsed
from libs.events.contracts.examples.lead_routing import EXAMPLES as LEADS
from libs.events.contracts.examples.pipeline import EXAMPLES as DEALS
from libs.events.contracts.lead_routing import LeadConverted
from libs.events.contracts.pipeline import (
    AccountRegistered,
    OpportunityLost,
    OpportunityOpened,
    OpportunityWon,
    ProductRegistered,
    StageAdvanced,
)
from libs.events.deciding import Given
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Dated, Money
from libs.events.projecting import Group
from libs.events.reacting import Attempt
from libs.events.testing import given, recorded
from libs.events.testing.decisions import decide
from services.pipeline.opportunities.history import RECORD_HISTORY, RecordHistory
from services.pipeline.opportunities.opening import OPEN, OPEN_FROM_LEAD, OpenFromLead, OpenOpportunity
from services.pipeline.opportunities.reactions import CONVERTED_LEADS
from services.pipeline.tests.samples import (
    DEAL,
    HE,
    LI,
    MONDAY,
    TUESDAY,
    WANG,
    YUAN,
    actor,
    consulted,
    opened,
)

GTX = ProductRegistered(product_id="gtx-pro", name="GTX Pro")
ACME = AccountRegistered(account_id="acme", name="Acme Corporation")
BY_HAND = OpenOpportunity(
    opportunity_id=DEAL, name="Acme", owner_id=LI, account_id="acme", product_id="gtx-pro", amount=YUAN
)
FROM_LEAD = OpenFromLead(
    opportunity_id=DEAL,
    name="海尔",
    owner_id=LI,
    account_id="haier",
    source_lead="lead-1",
    source_channel="expo",
    amount=YUAN,
    tier="A",
    tags={"industry": "manufacturing"},
    converted_at=MONDAY,
)


def test_a_deal_opens_in_the_first_stage_of_the_definition_that_holds() -> None:
    outcome = given(OPEN, ACME, GTX).when(BY_HAND, MONDAY, *consulted(), actor=actor())
    outcome.then(opened(account_id="acme", product_id="gtx-pro"))


def test_an_unknown_product_is_refused_with_the_nearest_one() -> None:
    command = BY_HAND.model_copy(update={"product_id": "GTXPro"})
    refused = given(OPEN, ACME, GTX).when(command, MONDAY, *consulted(), actor=actor()).then_rejected("VALIDATION")
    assert refused.details["nearest"] == {"id": "gtx-pro", "name": "GTX Pro"}


def test_nobody_opens_deals_for_people_beyond_their_reach() -> None:
    command = BY_HAND.model_copy(update={"owner_id": WANG})
    with pytest.raises(NotFound):
        given(OPEN, ACME, GTX).when(command, MONDAY, *consulted(), actor=actor())


def test_an_unknown_definition_is_refused() -> None:
    command = BY_HAND.model_copy(update={"definition_id": "default-b2c"})
    refused = given(OPEN, ACME, GTX).when(command, MONDAY, *consulted(), actor=actor()).then_rejected("VALIDATION")
    assert refused.details["nearest"]["id"] == "default-b2b"


def test_an_amount_is_not_negative() -> None:
    command = BY_HAND.model_copy(update={"amount": Money(amount=Decimal(-1), currency="CNY")})
    given(OPEN, ACME, GTX).when(command, MONDAY, *consulted(), actor=actor()).then_rejected("VALIDATION")


def test_what_follows_from_a_converted_lead_is_its_account_and_its_deal() -> None:
    """F3"""
    (converted,) = [fact for fact, _ in LEADS if isinstance(fact, LeadConverted)]
    (told,) = recorded(converted)
    keep, begin = CONVERTED_LEADS.react(told, Group(""))
    assert isinstance(keep, Attempt)
    assert isinstance(begin, Attempt)
    assert (keep.target, begin.target) == (converted.account_id, converted.opportunity_id)
    (story,) = [fact for fact, _ in DEALS if isinstance(fact, OpportunityOpened) and fact.source_lead]
    outcome = given(OPEN_FROM_LEAD).when(begin.command, TUESDAY, *consulted())
    outcome.then(story.model_copy(update={"product_id": None}))


def test_a_converted_lead_brings_its_facts_along_once() -> None:
    """F3"""
    began = OpportunityOpened(
        opportunity_id=DEAL,
        name="海尔",
        owner_id=LI,
        account_id="haier",
        source_lead="lead-1",
        source_channel="expo",
        amount=YUAN,
        tier="A",
        tags={"industry": "manufacturing"},
        definition_id="default-b2b",
        definition_version=0,
        stage="first_contact",
        opened_at=MONDAY,
    )
    outcome = given(OPEN_FROM_LEAD).when(FROM_LEAD, TUESDAY, *consulted())
    outcome.then(began)
    (dated,) = outcome.facts
    assert isinstance(dated, Dated)
    assert dated.occurred_at == MONDAY
    given(OPEN_FROM_LEAD, began).when(FROM_LEAD, TUESDAY, *consulted()).then()


YEAR_AGO = datetime(2025, 3, 3, 2, tzinfo=UTC)
HISTORY = RecordHistory(
    opportunity_id=DEAL,
    name="Cancity GTX",
    owner_id=LI,
    stage="contract_signing",
    outcome="won",
    opened_at=YEAR_AGO,
    closed_at=YEAR_AGO + timedelta(days=2),
    amount=Money(amount=Decimal(1054), currency="USD"),
)


def record(command: RecordHistory, *facts: Any, channel: Any = "migration", person: str = HE) -> list[Dated]:
    """What recording a history leads to."""
    known = Given(TUESDAY, "demotenant", actor(person), channel, {type(one): one for one in consulted(person)})
    return list(decide(RECORD_HISTORY, command, known, facts))  # type: ignore[arg-type]


def test_history_walks_the_default_path_with_its_own_dates() -> None:
    facts = record(HISTORY)
    assert [type(one.fact) for one in facts] == [OpportunityOpened, *[StageAdvanced] * 4, OpportunityWon]
    assert [one.occurred_at for one in facts] == [YEAR_AGO] * 5 + [YEAR_AGO + timedelta(days=2)]
    assert all(one.reason for one in facts)
    won = facts[-1].fact
    assert isinstance(won, OpportunityWon)
    assert won.dwell == Elapsed(wall=172_800, workday=172_800, business=54_000)
    assert record(HISTORY, *(one.fact for one in facts)) == []


def test_history_without_a_date_is_undated() -> None:
    command = HISTORY.model_copy(
        update={"outcome": "open", "stage": "first_contact", "opened_at": None, "closed_at": None}
    )
    (began,) = record(command)
    assert isinstance(began.fact, OpportunityOpened)
    assert (began.fact.undated, began.occurred_at) == (True, TUESDAY)


def test_a_lost_deal_of_history_has_the_stage_it_was_lost_in() -> None:
    command = HISTORY.model_copy(update={"outcome": "lost", "stage": "demand_diagnosis", "amount": None})
    lost = record(command)[-1].fact
    assert isinstance(lost, OpportunityLost)
    assert (lost.stage, lost.reason_code) == ("demand_diagnosis", "other")


@pytest.mark.parametrize(
    "changes",
    [
        {"closed_at": YEAR_AGO - timedelta(days=1)},
        {"closed_at": None},
        {"outcome": "open"},
        {"opened_at": TUESDAY + timedelta(days=1)},
        {"closed_at": TUESDAY + timedelta(days=1)},
        {"stage": "quotation"},
        {"stage": "contract"},
        {"amount": None},
        {"opened_at": datetime(1969, 1, 1, tzinfo=UTC)},
    ],
)
def test_history_that_cannot_have_been_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as refused:
        record(HISTORY.model_copy(update=changes))
    assert refused.value.code == "VALIDATION"


def test_history_is_for_process_owners_on_the_migration_channel_and_new_streams() -> None:
    for channel, person in (("api", HE), ("migration", LI)):
        with pytest.raises(Rejected) as refused:
            record(HISTORY, channel=channel, person=person)
        assert refused.value.code == "NOT_PERMITTED"
    with pytest.raises(Rejected) as refused:
        record(HISTORY, opened())
    assert refused.value.code == "CONFLICT_STATE"
