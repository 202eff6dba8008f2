"""Deals as rows with times: what each is, and every fact that turned it; reports are SQL over these rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from libs.events.contracts.pipeline import (
    AccountRegistered,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
    ProductRegistered,
    StageAdvanced,
    StageRegressed,
)
from libs.events.facts import Fact, Money, Recorded
from libs.events.projecting import Group, Projection, Table

TurnKind = Literal["opened", "advanced", "regressed", "transferred", "won", "lost", "reopened"]


@dataclass(frozen=True, slots=True)
class OpportunityRow:
    """What a deal was opened as; `amount` is the one expected then."""

    opportunity_id: str
    name: str
    account_id: str | None
    product_id: str | None
    definition_id: str
    source_lead: str | None
    tier: str | None
    amount: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A fact that opened, moved, handed over or closed a deal, and who had it in which stage from then on.

    `happened_at` is its business time, `occurred_at` and `recorded_at` those of its envelope; `amount` is that of a
    won deal; `undated`: nobody knows when the deal was opened, `happened_at` is that of an import.
    """

    opportunity_id: str
    version: int
    kind: str
    owner_id: str
    stage: str
    is_open: bool
    happened_at: datetime
    occurred_at: datetime
    recorded_at: datetime
    event_id: UUID
    undated: bool = False
    amount: Decimal | None = None
    currency: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A customer organisation."""

    account_id: str
    name: str
    sector: str | None
    region: str | None


@dataclass(frozen=True, slots=True)
class ProductRow:
    """Something that is sold."""

    product_id: str
    name: str
    series: str | None


TURNS: dict[type[Fact], TurnKind] = {
    OpportunityOpened: "opened",
    StageAdvanced: "advanced",
    StageRegressed: "regressed",
    OpportunityTransferred: "transferred",
    OpportunityWon: "won",
    OpportunityLost: "lost",
    OpportunityReopened: "reopened",
}
WIRES = {kind: fact.wire for fact, kind in TURNS.items()}


def deal_keys(fact: Any) -> list[str]:
    """A deal is a key; all of its facts are on one stream."""
    return [fact.opportunity_id]


def fold_deal(group: Group, recorded: Recorded[Any]) -> list[Any]:
    """One more turn; the opening also says what the deal is."""
    fact = recorded.fact
    if isinstance(fact, OpportunityOpened):
        amount, currency = _money(fact.amount)
        deal = OpportunityRow(
            opportunity_id=fact.opportunity_id,
            name=fact.name,
            account_id=fact.account_id,
            product_id=fact.product_id,
            definition_id=fact.definition_id,
            source_lead=fact.source_lead,
            tier=fact.tier,
            amount=amount,
            currency=currency,
        )
        return [*group.rows, deal, _turn(recorded, fact.owner_id, fact.stage, fact.opened_at, undated=fact.undated)]
    return [*group.rows, _later(group, recorded)]


def _later(group: Group, recorded: Recorded[Any]) -> TurnRow:
    match recorded.fact:
        case StageAdvanced() as fact:
            return _turn(recorded, fact.owner_id, fact.to_stage, fact.advanced_at)
        case StageRegressed() as fact:
            return _turn(recorded, fact.owner_id, fact.to_stage, fact.regressed_at, reason=fact.reason_code)
        case OpportunityReopened() as fact:
            return _turn(recorded, fact.owner_id, fact.stage, fact.reopened_at)
        case OpportunityWon() as fact:
            return _turn(recorded, fact.owner_id, fact.stage, fact.won_at, is_open=False, money=fact.amount)
        case OpportunityLost() as fact:
            return _turn(recorded, fact.owner_id, fact.stage, fact.lost_at, is_open=False, reason=fact.reason_code)
        case fact:
            last = max(group.all(TurnRow), key=lambda turn: turn.version)
            return _turn(recorded, fact.to_owner, last.stage, fact.transferred_at, is_open=last.is_open)


def _turn(
    recorded: Recorded[Any],
    owner_id: str,
    stage: str,
    happened_at: datetime,
    *,
    is_open: bool = True,
    undated: bool = False,
    money: Money | None = None,
    reason: str | None = None,
) -> TurnRow:
    amount, currency = _money(money)
    return TurnRow(
        opportunity_id=recorded.fact.opportunity_id,
        version=recorded.version,
        kind=TURNS[type(recorded.fact)],
        owner_id=owner_id,
        stage=stage,
        is_open=is_open,
        happened_at=happened_at,
        occurred_at=recorded.occurred_at,
        recorded_at=recorded.recorded_at,
        event_id=recorded.event_id,
        undated=undated,
        amount=amount,
        currency=currency,
        reason=reason,
    )


def _money(money: Money | None) -> tuple[Decimal | None, str | None]:
    return (money.amount, money.currency) if money else (None, None)


DEALS = Projection(
    name="deals",
    version=1,
    reads=tuple(TURNS),
    tables=(
        Table("opportunities", OpportunityRow, indexes=(("product_id",),)),
        Table("opportunity_turns", TurnRow, identity=("version",), indexes=(("owner_id",), ("happened_at",))),
    ),
    keys=deal_keys,
    fold=fold_deal,
)


def catalogue_keys(fact: AccountRegistered | ProductRegistered) -> list[str]:
    """An account or a product is a key."""
    return [fact.stream()]


def fold_catalogue(group: Group, recorded: Recorded[Any]) -> list[Any]:
    """What was said of it last."""
    fact = recorded.fact
    if isinstance(fact, AccountRegistered):
        return [AccountRow(fact.account_id, fact.name, fact.sector, fact.region)]
    return [ProductRow(fact.product_id, fact.name, fact.series)]


CATALOGUE = Projection(
    name="catalogue",
    version=1,
    reads=(AccountRegistered, ProductRegistered),
    tables=(
        Table("accounts", AccountRow, indexes=(("account_id",),)),
        Table("products", ProductRow, indexes=(("product_id",),)),
    ),
    keys=catalogue_keys,
    fold=fold_catalogue,
)
