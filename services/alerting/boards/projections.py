"""What is on the boards, the frozen ones, and when the next is closed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.alerting import AlertRaised, AlertResolved, BoardSnapshotTaken
from libs.events.deciding import Given
from libs.events.facts import Recorded
from libs.events.projecting import Deadline, Group, Projection, Table
from libs.events.reacting import Attempt
from libs.rules.calendars import Calendars
from services.alerting.boards.domain import TAKE_BOARD, WEEKLY, Mark, TakeBoard
from services.alerting.boards.weeks import next_closing

CHAIN = "chain"
"""The key of the one row that knows which board comes next."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen board."""

    week: str
    items: list[dict[str, Any]]
    figures: dict[str, Any]
    closed_at: datetime
    fired_at: datetime
    late_by: int


@dataclass(frozen=True, slots=True)
class Chain:
    """When the first alert for a board was raised, and the last week whose board is frozen."""

    started_at: datetime | None = None
    last_week: str | None = None


def keys(fact: Any) -> list[str]:
    """The alert's mark, the week's board, and the chain of boards."""
    match fact:
        case AlertRaised():
            return [f"alert {fact.alert_id}", CHAIN] if WEEKLY in fact.boards else []
        case AlertResolved():
            return [f"alert {fact.alert_id}"]
        case BoardSnapshotTaken() if fact.board == WEEKLY:
            return [f"week {fact.week}", CHAIN]
        case _:
            return []


def fold(group: Group, recorded: Recorded[Any]) -> list[Any]:
    """The rows of a key after one more fact."""
    fact = recorded.fact
    if group.key == CHAIN:
        return [_chained(group.one(Chain) or Chain(), fact)]
    match fact:
        case AlertRaised():
            return [
                Mark(
                    alert_id=fact.alert_id,
                    rule_code=fact.rule_code,
                    subject_type=fact.subject.type,
                    subject_id=fact.subject.id,
                    owner_id=fact.owner_id,
                    since=fact.since or fact.raised_at,
                    raised_at=fact.raised_at,
                    summary=fact.summary,
                )
            ]
        case AlertResolved():
            return [replace(mark, cleared_at=fact.resolved_at) for mark in group.all(Mark)]
        case BoardSnapshotTaken():
            items = [item.model_dump(mode="json") for item in fact.items]
            return [Snapshot(fact.week, items, fact.figures, fact.due_at, fact.fired_at, fact.late_by)]
        case _:
            return list(group.rows)


def _chained(chain: Chain, fact: Any) -> Chain:
    if isinstance(fact, BoardSnapshotTaken):
        return replace(chain, last_week=max(chain.last_week or fact.week, fact.week))
    return replace(chain, started_at=min(chain.started_at or fact.raised_at, fact.raised_at))


CHAINS = Table("board_chains", Chain)


def due(chain: Chain, given: Given) -> datetime | None:
    """When the next board is closed in the tenant's calendar."""
    if chain.started_at is None:
        return None
    return next_closing(given[Calendars].of(None), chain.last_week, chain.started_at)


def fire(chain: Chain, due_at: datetime) -> Attempt:
    """Freeze it."""
    return Attempt(TAKE_BOARD, TakeBoard(due_at=due_at), target=WEEKLY)


BOARDS = Projection(
    name="boards",
    version=1,
    reads=(AlertRaised, AlertResolved, BoardSnapshotTaken),
    tables=(
        Table("board_marks", Mark, indexes=(("raised_at",), ("cleared_at",))),
        Table("board_snapshots", Snapshot, indexes=(("closed_at",),)),
        CHAINS,
    ),
    keys=keys,
    fold=fold,
    deadlines=(Deadline("weekly-board", CHAINS, due, fire, consults=(Calendars,), sources=("lead-routing",)),),
)
