"""The end of a deal and its second life: won, lost, reopened; and another owner."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from libs.events.contracts.pipeline import (
    OpportunityLost,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
)
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf, Text
from libs.events.errors import Rejected
from libs.events.facts import Fact, Money
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.pipeline.catalogue.nearest import unknown
from services.pipeline.definitions.domain import definition_from_now
from services.pipeline.gates.domain import as_missing, evaluate_deal
from services.pipeline.opportunities.domain import definition_of, leave, one_deal, open_deal, visible_deal
from services.pipeline.opportunities.moves import carried_over, refused_by_gate

APPROVERS = frozenset({"manager", "director", "process-owner"})
Reason = Annotated[Text, Field(min_length=1, max_length=2_000)]


class WinOpportunity(Command):
    """The contract is signed. Without `amount` the deal's own becomes the won amount; it is frozen from then on."""

    opportunity_id: Id
    amount: Money | None = None
    contract_id: Line | None = None


class LoseOpportunity(Command):
    """The customer said no, for one of the definition's loss reasons."""

    opportunity_id: Id
    reason_code: Id
    competitor: Line | None = None


class ReopenOpportunity(Command):
    """Work on a closed deal again; another manager than the one who asks has approved it."""

    opportunity_id: Id
    reason: Reason
    approver: Id


class TransferOpportunity(Command):
    """Give the deal to another person."""

    opportunity_id: Id
    to_owner: Id
    handover: Text | None = None


OnDeal = WinOpportunity | LoseOpportunity | ReopenOpportunity | TransferOpportunity


def _streams(states: States, command: OnDeal, given: Given) -> list[StreamOf[Any]]:
    return one_deal(command.opportunity_id)


def _win(states: States, command: WinOpportunity, given: Given) -> list[Fact]:
    deal = open_deal(states, command.opportunity_id, given)
    definition = definition_of(deal, given)
    if not definition.definition.may_win(deal.stage):
        raise Rejected("CONFLICT_STATE", f"a deal is not won from {deal.stage}", stage=deal.stage)
    amount = command.amount or deal.amount
    if amount is None or amount.amount <= Decimal(0):
        raise Rejected("VALIDATION", "a won deal has a positive amount: send `amount`", field="amount")
    verdict = evaluate_deal(deal, definition)
    if verdict.blocking:
        missing = [as_missing(one, definition.definition.language) for one in verdict.blocking]
        raise refused_by_gate(
            command.opportunity_id, deal, definition, definition.definition.ending("won"), missing, given
        )
    end = leave(deal, verdict.package, given)
    return [
        OpportunityWon(
            opportunity_id=command.opportunity_id,
            owner_id=deal.owner_id,
            stage=deal.stage,
            visit=deal.visit,
            amount=amount,
            contract_id=command.contract_id,
            entered_at=deal.entered_at,
            won_at=given.now,
            dwell=end.dwell,
            package=end.package,
            definition_version=definition.version,
            calendar_version=end.calendar_version,
        )
    ]


def _lose(states: States, command: LoseOpportunity, given: Given) -> list[Fact]:
    deal = open_deal(states, command.opportunity_id, given)
    definition = definition_of(deal, given)
    if command.reason_code not in definition.definition.loss_reasons:
        raise unknown("reason_code", command.reason_code, definition.definition.loss_reasons)
    end = leave(deal, evaluate_deal(deal, definition).package, given)
    return [
        OpportunityLost(
            opportunity_id=command.opportunity_id,
            owner_id=deal.owner_id,
            stage=deal.stage,
            visit=deal.visit,
            reason_code=command.reason_code,
            competitor=command.competitor,
            entered_at=deal.entered_at,
            lost_at=given.now,
            dwell=end.dwell,
            package=end.package,
            calendar_version=end.calendar_version,
        )
    ]


def _reopen(states: States, command: ReopenOpportunity, given: Given) -> list[Fact]:
    deal = visible_deal(states, command.opportunity_id, given)
    if deal.state == "open":
        raise Rejected("CONFLICT_STATE", "the opportunity is open", state=deal.state, stage=deal.stage)
    reach = given[Reach]
    if command.approver == given.actor.id:
        raise Rejected("NOT_PERMITTED", "another person than the one who asks has to approve a reopening")
    if not reach.active(command.approver) or not reach.roles_of(command.approver) & APPROVERS:
        raise Rejected("VALIDATION", "the approver is an active manager, director or process owner", field="approver")
    definition = definition_from_now(given[RuleBook], definition_of(deal, given), deal.stage)
    return [
        OpportunityReopened(
            opportunity_id=command.opportunity_id,
            owner_id=deal.owner_id,
            stage=deal.stage,
            next_visit=deal.next_visit(deal.stage),
            was="won" if deal.state == "won" else "lost",
            reason=command.reason,
            approver=command.approver,
            reopened_at=given.now,
            definition_version=definition.version,
        ),
        *carried_over(command.opportunity_id, deal, deal.stage, given),
    ]


def _transfer(states: States, command: TransferOpportunity, given: Given) -> list[Fact]:
    deal = open_deal(states, command.opportunity_id, given)
    reach = given[Reach]
    if deal.owner_id == command.to_owner:
        return []
    if not reach.active(command.to_owner):
        raise unknown("to_owner", command.to_owner, [one for one in reach.people() if reach.active(one)])
    return [
        OpportunityTransferred(
            opportunity_id=command.opportunity_id,
            from_owner=deal.owner_id,
            to_owner=command.to_owner,
            handover=command.handover,
            transferred_at=given.now,
        )
    ]


WIN = Decider("win-opportunity", _streams, _win, consults=(Calendars, RuleBook, Reach))
LOSE = Decider("lose-opportunity", _streams, _lose, consults=(Calendars, RuleBook, Reach))
REOPEN = Decider("reopen-opportunity", _streams, _reopen, consults=(RuleBook, Reach))
TRANSFER = Decider("transfer-opportunity", _streams, _transfer, consults=(Reach,))
