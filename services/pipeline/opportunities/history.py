"""Writing down deals from before: the one exception to "only through the gate" (architecture.md §2).

Only on a new stream, only on the channel `migration`, only for process owners; never on a live deal.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

from pydantic import Field

from libs.events.contracts.common import Elapsed, Tier
from libs.events.contracts.pipeline import OpportunityLost, OpportunityOpened, OpportunityWon, Package, StageAdvanced
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf
from libs.events.errors import Rejected
from libs.events.facts import Dated, Instant, Money
from libs.rules.calendars import Calendar, Calendars
from libs.rules.documents import LONG_AGO, RuleBook
from libs.service.organisation import Reach
from services.pipeline.catalogue.nearest import unknown
from services.pipeline.definitions.domain import Pinned, definition_for_new
from services.pipeline.opportunities.domain import OPPORTUNITY, dwell_of, one_deal

CHANNEL = "migration"
NOTHING_REQUIRED = Package(required=0, on_time=0)


class RecordHistory(Command):
    """A deal as another system knew it: where it stood or how it ended, and the two dates, as far as they are known.

    `stage` is a stage of the definition; an ended deal ended in it. `amount` of a won deal is what it was won for.
    """

    opportunity_id: Id
    name: Line
    owner_id: Id
    account_id: Id | None = None
    product_id: Id | None = None
    definition_id: Id | None = None
    stage: Id
    outcome: Literal["open", "won", "lost"]
    opened_at: Instant | None = None
    closed_at: Instant | None = None
    amount: Money | None = None
    expected_close: date | None = None
    loss_reason: Id = "other"
    contract_id: Line | None = None
    tier: Tier | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    recorded_from: Line = "history"
    reason: Line = "recorded from the history of another system"


def _streams(states: States, command: RecordHistory, given: Given) -> list[StreamOf[Any]]:
    return one_deal(command.opportunity_id)


def _record(states: States, command: RecordHistory, given: Given) -> list[Dated]:
    reach = given[Reach]
    if given.channel != CHANNEL or "process-owner" not in reach.roles:
        raise Rejected("NOT_PERMITTED", "only a process owner records history, on the channel migration")
    deal = states[OPPORTUNITY.of(command.opportunity_id)]
    if deal.state != "absent":
        if deal.recorded_from and (deal.state, deal.owner_id, deal.stage) == (
            command.outcome,
            command.owner_id,
            command.stage,
        ):
            return []
        raise Rejected("CONFLICT_STATE", "history is not written onto a deal that is known", state=deal.state)
    definition = definition_for_new(given[RuleBook], command.definition_id)
    _check_path(command, definition)
    begun = _check_dates(command, given.now)
    ended = command.closed_at or begun
    return list(_facts(command, definition, begun, ended, given))


def _check_path(command: RecordHistory, definition: Pinned) -> None:
    path = definition.definition
    if command.stage not in path.codes:
        raise unknown("stage", command.stage, {one.code: one.name.told_in(path.language) for one in path.path})
    if command.outcome == "won":
        if not path.may_win(command.stage):
            raise Rejected("VALIDATION", f"a deal is not won from {command.stage}", field="stage")
        if command.amount is None or command.amount.amount < Decimal(0):
            raise Rejected("VALIDATION", "a won deal has an amount", field="amount")
    if command.outcome == "lost" and command.loss_reason not in path.loss_reasons:
        raise unknown("loss_reason", command.loss_reason, path.loss_reasons)


def _check_dates(command: RecordHistory, now: datetime) -> datetime:
    """When the deal began (its end, else now, if nobody knows); refuses orders of dates that cannot be."""
    if command.outcome == "open" and command.closed_at is not None:
        raise Rejected("VALIDATION", "an open deal has no closing date", field="closed_at")
    if command.outcome != "open" and command.closed_at is None:
        raise Rejected("VALIDATION", f"a deal that was {command.outcome} has a closing date", field="closed_at")
    for name, instant in (("opened_at", command.opened_at), ("closed_at", command.closed_at)):
        if instant is not None and not LONG_AGO <= instant <= now:
            raise Rejected("VALIDATION", f"{name} lies in the future or before 1970", field=name)
    if command.opened_at and command.closed_at and command.closed_at < command.opened_at:
        raise Rejected("VALIDATION", "the deal was closed before it was opened", field="closed_at")
    return command.opened_at or command.closed_at or now


def _facts(
    command: RecordHistory, definition: Pinned, begun: datetime, ended: datetime, given: Given
) -> Iterator[Dated]:
    calendar = given[Calendars].of(command.owner_id)
    path = definition.definition.codes
    yield Dated(_opened(command, definition, begun), begun, command.reason)
    for from_stage, to_stage in pairwise(path[: path.index(command.stage) + 1]):
        moved = StageAdvanced(
            opportunity_id=command.opportunity_id,
            owner_id=command.owner_id,
            from_stage=from_stage,
            to_stage=to_stage,
            visit=1,
            next_visit=1,
            entered_at=begun,
            advanced_at=begun,
            dwell=Elapsed(wall=0, workday=0, business=0),
            package=NOTHING_REQUIRED,
            definition_version=definition.version,
            calendar_version=calendar.version,
        )
        yield Dated(moved, begun, command.reason)
    if command.outcome != "open":
        yield Dated(_ended(command, definition, begun, ended, calendar), ended, command.reason)


def _ended(
    command: RecordHistory, definition: Pinned, begun: datetime, ended: datetime, calendar: Calendar
) -> OpportunityWon | OpportunityLost:
    about: dict[str, Any] = {
        "opportunity_id": command.opportunity_id,
        "owner_id": command.owner_id,
        "stage": command.stage,
        "visit": 1,
        "entered_at": begun,
        "dwell": dwell_of(begun, ended, calendar),
        "package": NOTHING_REQUIRED,
        "calendar_version": calendar.version,
    }
    if command.outcome == "lost" or command.amount is None:
        return OpportunityLost(**about, reason_code=command.loss_reason, lost_at=ended)
    return OpportunityWon(
        **about,
        amount=command.amount,
        contract_id=command.contract_id,
        won_at=ended,
        definition_version=definition.version,
    )


def _opened(command: RecordHistory, definition: Pinned, begun: datetime) -> OpportunityOpened:
    return OpportunityOpened(
        opportunity_id=command.opportunity_id,
        name=command.name,
        owner_id=command.owner_id,
        account_id=command.account_id,
        product_id=command.product_id,
        definition_id=definition.rule_id,
        definition_version=definition.version,
        stage=definition.definition.codes[0],
        amount=command.amount,
        expected_close=command.expected_close,
        tier=command.tier,
        tags=command.tags,
        opened_at=begun,
        undated=command.opened_at is None,
        recorded_from=command.recorded_from,
    )


RECORD_HISTORY = Decider("record-history", _streams, _record, consults=(Calendars, RuleBook, Reach))
