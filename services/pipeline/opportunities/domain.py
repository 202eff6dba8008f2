"""What decisions need to know of an opportunity, and how its facts change that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

from libs.events.contracts.common import Elapsed
from libs.events.contracts.pipeline import (
    EvidenceAttached,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
    Package,
    RequirementInvalidated,
    RequirementSatisfied,
    StageAdvanced,
    StageAdvanceRejected,
    StageRegressed,
)
from libs.events.deciding import Given, States, StreamKind, StreamOf
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Money
from libs.rules.calendars import Calendar, Calendars
from libs.rules.documents import LONG_AGO, RuleBook
from libs.service.organisation import Reach
from services.pipeline.definitions.domain import Pinned, definition_for

State = Literal["absent", "open", "won", "lost"]


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """How a requirement of a visit was fulfilled."""

    evidence: tuple[str, ...] = ()
    text: str | None = None
    mode: str = "normal"


@dataclass(frozen=True, slots=True)
class Piece:
    """An accepted file of the deal."""

    kind: str
    stage: str
    visit: int


Ledger = Mapping[tuple[str, int], Mapping[str, Fulfilled]]
"""By stage and visit: which requirements are fulfilled."""


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A deal. `visits` counts the visits of each stage; the present visit is the last one of `stage`."""

    state: State = "absent"
    name: str = ""
    owner_id: str = ""
    account_id: str | None = None
    product_id: str | None = None
    tier: str | None = None
    amount: Money | None = None
    expected_close: date | None = None
    definition_id: str = ""
    definition_version: int = 0
    stage: str = ""
    entered_at: datetime = LONG_AGO
    recorded_from: str | None = None
    visits: Mapping[str, int] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=dict)
    pieces: Mapping[str, Piece] = field(default_factory=dict)
    rejected_at: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def visit(self) -> int:
        """The number of the present visit of its stage."""
        return self.visits.get(self.stage, 0)

    @property
    def fulfilled(self) -> Mapping[str, Fulfilled]:
        """What the present visit has fulfilled."""
        return self.ledger.get((self.stage, self.visit), {})

    def next_visit(self, stage: str) -> int:
        """The number that a new visit of a stage gets."""
        return self.visits.get(stage, 0) + 1


def evolve(deal: Opportunity, fact: Any) -> Opportunity:
    """The deal after one more fact."""
    match fact:
        case OpportunityOpened():
            return _opened(fact)
        case StageAdvanced():
            moved = _enter(deal, fact.to_stage, fact.next_visit, fact.advanced_at)
            return replace(moved, definition_version=fact.definition_version)
        case StageRegressed():
            moved = _enter(deal, fact.to_stage, fact.next_visit, fact.regressed_at)
            return replace(moved, definition_version=_or(fact.definition_version, deal.definition_version))
        case OpportunityReopened():
            moved = _enter(deal, fact.stage, fact.next_visit, fact.reopened_at)
            version = _or(fact.definition_version, deal.definition_version)
            return replace(moved, state="open", definition_version=version)
        case OpportunityWon():
            return replace(deal, state="won", amount=fact.amount)
        case OpportunityLost():
            return replace(deal, state="lost")
        case OpportunityTransferred():
            return replace(deal, owner_id=fact.to_owner)
        case StageAdvanceRejected():
            return replace(deal, rejected_at={**deal.rejected_at, fact.requested_by: fact.rejected_at})
        case EvidenceAttached():
            piece = Piece(fact.kind, deal.stage, deal.visit)
            return replace(deal, pieces={**deal.pieces, fact.evidence_id: piece})
        case RequirementSatisfied():
            done = Fulfilled(tuple(fact.evidence), fact.text, fact.mode)
            return _with_ledger(deal, fact.stage, fact.visit, {fact.requirement: done})
        case RequirementInvalidated():
            return _with_ledger(deal, fact.stage, fact.visit, {}, without=fact.requirement)
        case _:
            return deal


OPPORTUNITY = StreamKind("opportunity", Opportunity(), evolve)


def _opened(fact: OpportunityOpened) -> Opportunity:
    return Opportunity(
        state="open",
        name=fact.name,
        owner_id=fact.owner_id,
        account_id=fact.account_id,
        product_id=fact.product_id,
        tier=fact.tier,
        amount=fact.amount,
        expected_close=fact.expected_close,
        definition_id=fact.definition_id,
        definition_version=fact.definition_version,
        stage=fact.stage,
        entered_at=fact.opened_at,
        recorded_from=fact.recorded_from,
        visits={fact.stage: fact.visit},
    )


def _enter(deal: Opportunity, stage: str, visit: int, at: datetime) -> Opportunity:
    return replace(deal, stage=stage, entered_at=at, visits={**deal.visits, stage: visit})


def _with_ledger(
    deal: Opportunity, stage: str, visit: int, more: Mapping[str, Fulfilled], *, without: str | None = None
) -> Opportunity:
    before = deal.ledger.get((stage, visit), {})
    after = {code: done for code, done in before.items() if code != without} | dict(more)
    return replace(deal, ledger={**deal.ledger, (stage, visit): after})


def _or(version: int | None, before: int) -> int:
    return before if version is None else version


def visible_deal(states: States, opportunity_id: str, given: Given) -> Opportunity:
    """The deal, if there is one within the caller's reach; else NotFound."""
    deal = states[OPPORTUNITY.of(opportunity_id)]
    if deal.state == "absent" or not given[Reach].covers(deal.owner_id):
        raise NotFound("opportunity", opportunity_id)
    return deal


def open_deal(states: States, opportunity_id: str, given: Given) -> Opportunity:
    """The visible deal while it is worked on; 409 once it is closed."""
    deal = visible_deal(states, opportunity_id, given)
    if deal.state != "open":
        raise Rejected("CONFLICT_STATE", f"the opportunity is {deal.state}", state=deal.state, stage=deal.stage)
    return deal


def definition_of(deal: Opportunity, given: Given) -> Pinned:
    """The definition in the version the deal is pinned to."""
    return definition_for(given[RuleBook], deal.definition_id, deal.definition_version)


def one_deal(opportunity_id: str) -> list[StreamOf[Any]]:
    """The streams of a decision that needs the deal alone."""
    return [OPPORTUNITY.of(opportunity_id)]


@dataclass(frozen=True, slots=True)
class Leaving:
    """The end of a stage visit: how long it was by the owner's calendar, and what its package came to."""

    dwell: Elapsed
    calendar_version: str
    package: Package


def dwell_of(start: datetime, end: datetime, calendar: Calendar) -> Elapsed:
    """The three clocks between two instants in whole seconds; never negative."""
    end = max(start, end)
    wall, workday, business = (
        int(calendar.elapsed(start, end, clock).total_seconds()) for clock in ("wall", "workday", "business")
    )
    return Elapsed(wall=wall, workday=workday, business=business)


def leave(deal: Opportunity, package: Package, given: Given) -> Leaving:
    """What is recorded of the present visit when it ends now."""
    calendar = given[Calendars].of(deal.owner_id)
    return Leaving(dwell_of(deal.entered_at, given.now, calendar), calendar.version, package)
