"""The board of deals, with what each of them was after every change."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pydantic_core import to_jsonable_python

from libs.events.contracts.pipeline import (
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
    PipelineFact,
    StageAdvanced,
    StageRegressed,
)
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class OpportunityRow:
    """A deal as the board shows it; `version` is that of its stream, `occurred_at` when it last changed."""

    opportunity_id: str
    name: str
    owner_id: str
    account_id: str | None
    product_id: str | None
    definition_id: str
    definition_version: int
    state: str
    stage: str
    visit: int
    entered_at: datetime
    opened_at: datetime
    undated: bool
    amount: Decimal | None
    currency: str | None
    expected_close: date | None
    tier: str | None
    tags: dict[str, str]
    source_lead: str | None
    source_channel: str | None
    campaign_id: str | None
    recorded_from: str | None
    version: int
    occurred_at: datetime
    recorded_at: datetime
    closed_at: datetime | None = None
    reason_code: str | None = None
    competitor: str | None = None
    contract_id: str | None = None


@dataclass(frozen=True, slots=True)
class PastRow:
    """The deal as it was after one of its facts, as JSON; for as_of (recorded) and effective_at (occurred)."""

    opportunity_id: str
    version: int
    fact: str
    actor_id: str
    owner_id: str
    occurred_at: datetime
    recorded_at: datetime
    deal: dict[str, Any]


MOVES = (
    OpportunityOpened,
    StageAdvanced,
    StageRegressed,
    OpportunityWon,
    OpportunityLost,
    OpportunityReopened,
    OpportunityTransferred,
)


def keys(fact: Any) -> list[str]:
    """Deals are told apart by their ids; all facts of one come from its own stream."""
    return [fact.opportunity_id]


def fold(group: Group, recorded: Recorded[PipelineFact]) -> list[Any]:
    """The deal and what it was after each fact."""
    row = _after(group.one(OpportunityRow), recorded)
    if row is None:
        return list(group.rows)
    past = PastRow(
        row.opportunity_id,
        recorded.version,
        recorded.fact.wire,
        recorded.meta.actor.id,
        row.owner_id,
        recorded.occurred_at,
        recorded.recorded_at,
        _snapshot(row),
    )
    return [row, *group.all(PastRow), past]


def _snapshot(row: OpportunityRow) -> dict[str, Any]:
    """The row as JSON, the same whether it was just folded or read back."""
    return {name: _plain(value) for name, value in asdict(row).items()}


def _plain(value: Any) -> Any:
    """Instants in UTC, amounts with all their digits (8E+5 is 800000)."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            return to_jsonable_python(value)


def _after(row: OpportunityRow | None, recorded: Recorded[Any]) -> OpportunityRow | None:
    fact = recorded.fact
    if isinstance(fact, OpportunityOpened):
        return _opened(fact, recorded)
    if row is None:
        return None
    row = replace(row, version=recorded.version, occurred_at=recorded.occurred_at, recorded_at=recorded.recorded_at)
    match fact:
        case StageAdvanced():
            row = _entered(row, fact.to_stage, fact.next_visit, fact.advanced_at)
            return replace(row, definition_version=fact.definition_version)
        case StageRegressed():
            row = _entered(row, fact.to_stage, fact.next_visit, fact.regressed_at)
            return replace(row, definition_version=_or(fact.definition_version, row.definition_version))
        case OpportunityReopened():
            row = _entered(row, fact.stage, fact.next_visit, fact.reopened_at)
            version = _or(fact.definition_version, row.definition_version)
            return replace(
                row, state="open", definition_version=version, closed_at=None, reason_code=None, competitor=None
            )
        case OpportunityWon():
            row = replace(row, amount=fact.amount.amount, currency=fact.amount.currency, contract_id=fact.contract_id)
            return replace(row, state="won", closed_at=fact.won_at)
        case OpportunityLost():
            row = replace(row, reason_code=fact.reason_code, competitor=fact.competitor)
            return replace(row, state="lost", closed_at=fact.lost_at)
        case OpportunityTransferred():
            return replace(row, owner_id=fact.to_owner)
        case _:
            return row


def _opened(fact: OpportunityOpened, recorded: Recorded[Any]) -> OpportunityRow:
    return OpportunityRow(
        opportunity_id=fact.opportunity_id,
        name=fact.name,
        owner_id=fact.owner_id,
        account_id=fact.account_id,
        product_id=fact.product_id,
        definition_id=fact.definition_id,
        definition_version=fact.definition_version,
        state="open",
        stage=fact.stage,
        visit=fact.visit,
        entered_at=fact.opened_at,
        opened_at=fact.opened_at,
        undated=fact.undated,
        amount=fact.amount.amount if fact.amount else None,
        currency=fact.amount.currency if fact.amount else None,
        expected_close=fact.expected_close,
        tier=fact.tier,
        tags=dict(fact.tags),
        source_lead=fact.source_lead,
        source_channel=fact.source_channel,
        campaign_id=fact.campaign_id,
        recorded_from=fact.recorded_from,
        version=recorded.version,
        occurred_at=recorded.occurred_at,
        recorded_at=recorded.recorded_at,
    )


def _entered(row: OpportunityRow, stage: str, visit: int, at: datetime) -> OpportunityRow:
    return replace(row, stage=stage, visit=visit, entered_at=at)


def _or(version: int | None, before: int) -> int:
    return before if version is None else version


BOARD = Projection(
    name="opportunity-board",
    version=1,
    reads=MOVES,
    tables=(
        Table(
            "opportunities",
            OpportunityRow,
            indexes=(
                ("opened_at", "opportunity_id"),
                ("owner_id", "state"),
                ("stage", "state"),
                ("account_id",),
                ("product_id",),
            ),
        ),
        Table("opportunity_past", PastRow, identity=("version",)),
    ),
    keys=keys,
    fold=fold,
)
