"""How a deal begins: by hand, or from a lead that was converted, whose facts it takes along (F3)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from libs.events.contracts.common import Tier
from libs.events.contracts.pipeline import OpportunityOpened
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Dated, Fact, Instant, Money
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.pipeline.catalogue.domain import Catalogue, catalogue_streams, check_known
from services.pipeline.definitions.domain import definition_for_new
from services.pipeline.opportunities.domain import OPPORTUNITY, one_deal

Tags = Annotated[dict[Line, Line], Field(max_length=50)]
CARRIED = "carried over from the converted lead"


class OpenOpportunity(Command):
    """Begin a deal in the first stage of a definition; without `owner_id` it belongs to who asks."""

    opportunity_id: Id
    name: Line
    owner_id: Id
    account_id: Id | None = None
    product_id: Id | None = None
    definition_id: Id | None = None
    amount: Money | None = None
    expected_close: date | None = None
    tier: Tier | None = None
    tags: Tags = Field(default_factory=dict)


class OpenFromLead(Command):
    """Begin the deal that a converted lead has become."""

    opportunity_id: Id
    name: Line
    owner_id: Id
    account_id: Id
    source_lead: Id
    source_channel: Line | None = None
    campaign_id: Id | None = None
    amount: Money | None = None
    expected_close: date | None = None
    tier: Tier | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    converted_at: Instant


def _streams(states: States, command: OpenOpportunity, given: Given) -> list[StreamOf[Any]]:
    return [OPPORTUNITY.of(command.opportunity_id), *catalogue_streams(command.account_id, command.product_id)]


def _open(states: States, command: OpenOpportunity, given: Given) -> list[Fact]:
    deal = states[OPPORTUNITY.of(command.opportunity_id)]
    if deal.state != "absent":
        raise Rejected("CONFLICT_STATE", "the opportunity exists", state=deal.state, stage=deal.stage)
    reach = given[Reach]
    if not reach.covers(command.owner_id):
        raise NotFound("person", command.owner_id)
    if reach.people() and not reach.active(command.owner_id):
        raise Rejected("VALIDATION", "the owner does not work here", field="owner_id")
    if command.amount is not None and command.amount.amount < 0:
        raise Rejected("VALIDATION", "an amount is not negative", field="amount")
    check_known(states, command.account_id, command.product_id, given)
    return [_opened(command, given, given.now)]


def _from_lead(states: States, command: OpenFromLead, given: Given) -> list[Dated]:
    if states[OPPORTUNITY.of(command.opportunity_id)].state != "absent":
        return []
    return [Dated(_opened(command, given, command.converted_at), command.converted_at, CARRIED)]


def _opened(command: OpenOpportunity | OpenFromLead, given: Given, opened_at: datetime) -> OpportunityOpened:
    wanted = command.definition_id if isinstance(command, OpenOpportunity) else None
    definition = definition_for_new(given[RuleBook], wanted)
    known = command.model_dump(exclude={"definition_id", "converted_at"})
    return OpportunityOpened(
        **known,
        definition_id=definition.rule_id,
        definition_version=definition.version,
        stage=definition.definition.path[0].code,
        opened_at=opened_at,
    )


OPEN = Decider("open-opportunity", _streams, _open, consults=(RuleBook, Reach, Catalogue))
OPEN_FROM_LEAD = Decider(
    "open-opportunity-from-lead",
    lambda states, command, given: one_deal(command.opportunity_id),
    _from_lead,
    consults=(RuleBook,),
)
