"""The board of deals with the history of each, and every stage visit with its three clocks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pydantic_core import to_jsonable_python

from libs.events.contracts.common import Elapsed
from libs.events.contracts.pipeline import (
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
    Package,
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


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One visit of a stage; open while `left_at` is null. Dwell in seconds of the owner's calendar."""

    opportunity_id: str
    owner_id: str
    stage: str
    visit: int
    entered_at: datetime
    entered_by: str
    definition_version: int
    left_at: datetime | None = None
    left_by: str | None = None
    to_stage: str | None = None
    dwell_wall: int | None = None
    dwell_workday: int | None = None
    dwell_business: int | None = None
    calendar_version: str | None = None
    required: int | None = None
    on_time: int | None = None
    backfilled: int | None = None
    waived: int | None = None
    deferred: int | None = None


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


def fold_board(group: Group, recorded: Recorded[PipelineFact]) -> list[Any]:
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
    """The row as JSON, the same whether it was just folded or read back: instants are in UTC."""
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else to_jsonable_python(value)
        for name, value in asdict(row).items()
    }


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
            return replace(
                row,
                state="won",
                closed_at=fact.won_at,
                amount=fact.amount.amount,
                currency=fact.amount.currency,
                contract_id=fact.contract_id,
            )
        case OpportunityLost():
            return replace(
                row,
                state="lost",
                closed_at=fact.lost_at,
                reason_code=fact.reason_code,
                competitor=fact.competitor,
            )
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


def fold_visits(group: Group, recorded: Recorded[PipelineFact]) -> list[VisitRow]:
    """The visits of a deal after one more fact: the open one ends, another begins."""
    rows, fact = group.all(VisitRow), recorded.fact
    version = max(((row.entered_at, row.definition_version) for row in rows), default=(None, 0))[1]
    match fact:
        case OpportunityOpened():
            first = VisitRow(
                fact.opportunity_id,
                fact.owner_id,
                fact.stage,
                fact.visit,
                fact.opened_at,
                "opened",
                fact.definition_version,
            )
            return [*rows, first]
        case StageAdvanced():
            rows = _left(rows, fact, fact.from_stage, "advanced", fact.advanced_at, fact.to_stage)
            return [*rows, _next(fact, fact.to_stage, fact.advanced_at, "advanced", fact.definition_version)]
        case StageRegressed():
            rows = _left(rows, fact, fact.from_stage, "regressed", fact.regressed_at, fact.to_stage)
            version = _or(fact.definition_version, version)
            return [*rows, _next(fact, fact.to_stage, fact.regressed_at, "regressed", version)]
        case OpportunityReopened():
            version = _or(fact.definition_version, version)
            return [*rows, _next(fact, fact.stage, fact.reopened_at, "reopened", version)]
        case OpportunityWon():
            return _left(rows, fact, fact.stage, "won", fact.won_at, None)
        case OpportunityLost():
            return _left(rows, fact, fact.stage, "lost", fact.lost_at, None)
        case OpportunityTransferred():
            return [replace(row, owner_id=fact.to_owner) if row.left_at is None else row for row in rows]
        case _:
            return rows


Entering = StageAdvanced | StageRegressed | OpportunityReopened
Leaving = StageAdvanced | StageRegressed | OpportunityWon | OpportunityLost


def _next(fact: Entering, stage: str, at: datetime, how: str, version: int) -> VisitRow:
    return VisitRow(fact.opportunity_id, fact.owner_id, stage, fact.next_visit, at, how, version)


def _left(
    rows: list[VisitRow], fact: Leaving, stage: str, how: str, at: datetime, to_stage: str | None
) -> list[VisitRow]:
    def ended(row: VisitRow) -> VisitRow:
        dwell: Elapsed = fact.dwell
        package: Package = fact.package
        return replace(
            row,
            left_at=at,
            left_by=how,
            to_stage=to_stage,
            dwell_wall=dwell.wall,
            dwell_workday=dwell.workday,
            dwell_business=dwell.business,
            calendar_version=fact.calendar_version,
            required=package.required,
            on_time=package.on_time,
            backfilled=package.backfilled,
            waived=package.waived,
            deferred=package.deferred,
        )

    return [ended(row) if (row.stage, row.visit) == (stage, fact.visit) else row for row in rows]


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
    fold=fold_board,
)
VISITS = Projection(
    name="stage-visits",
    version=1,
    reads=MOVES,
    tables=(Table("stage_visits", VisitRow, identity=("stage", "visit"), indexes=(("stage", "left_at"),)),),
    keys=keys,
    fold=fold_visits,
)
