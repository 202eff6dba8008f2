"""What weighs on a rep: open leads and deals with their weights (domain.md 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from libs.events.contracts.lead_routing import WorkloadChanged
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamKind, StreamOf
from libs.events.facts import Fact
from libs.rules.documents import RuleBook
from services.lead_routing.routing.policy import POLICY_KIND, RoutingPolicy

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Workload:
    """The items a rep carries with their weights, and how many new leads came on the last day that brought any."""

    items: Mapping[str, Decimal] = field(default_factory=dict)
    day: date | None = None
    new: int = 0

    @property
    def load(self) -> Decimal:
        """The sum of the weights."""
        return sum(self.items.values(), NOTHING)

    def new_on(self, day: date) -> int:
        """How many new leads came on a local day."""
        return self.new if self.day == day else 0


def evolve(workload: Workload, fact: Any) -> Workload:
    """What a fact changes of a rep's workload."""
    match fact:
        case WorkloadChanged(item=item, weight=weight, new_on=new_on):
            items = {key: one for key, one in workload.items.items() if key != item}
            if weight:
                items[item] = weight
            if new_on is None or (workload.day is not None and new_on < workload.day):
                return replace(workload, items=items)
            return Workload(items, new_on, workload.new_on(new_on) + 1)
        case _:
            return workload


WORKLOAD = StreamKind("workload", Workload(), evolve)


def weigh(workload: Workload, rep_id: str, item: str, weight: Decimal, new_on: date | None = None) -> list[Fact]:
    """The fact that an item weighs so much from now on; none if it does already."""
    if workload.items.get(item, NOTHING) == weight:
        return []
    return [WorkloadChanged(rep_id=rep_id, item=item, weight=weight, new_on=new_on)]


class WeighDeal(Command):
    """A deal of a rep stands in a stage; None: it is closed and weighs nothing."""

    rep_id: Id
    opportunity_id: Id
    stage: Line | None


class MoveDeal(Command):
    """A deal goes to another rep with its weight."""

    from_rep: Id
    to_rep: Id
    opportunity_id: Id


def _weigh_deal(states: States, command: WeighDeal, given: Given) -> list[Fact]:
    policy = given[RuleBook].only(POLICY_KIND).parsed(RoutingPolicy)
    weight = NOTHING if command.stage is None else policy.load_of_stage(command.stage)
    workload = states[WORKLOAD.of(command.rep_id)]
    return weigh(workload, command.rep_id, command.opportunity_id, weight)


def _move_streams(states: States, command: MoveDeal, given: Given) -> list[StreamOf[Any]]:
    return [WORKLOAD.of(command.from_rep), WORKLOAD.of(command.to_rep)]


def _move_deal(states: States, command: MoveDeal, given: Given) -> list[Fact]:
    before, after = (states[stream] for stream in _move_streams(states, command, given))
    weight = before.items.get(command.opportunity_id, NOTHING)
    if not weight or command.from_rep == command.to_rep:
        return []
    return [
        *weigh(before, command.from_rep, command.opportunity_id, NOTHING),
        *weigh(after, command.to_rep, command.opportunity_id, weight),
    ]


WEIGH_DEAL = Decider(
    "weigh-deal", lambda states, command, given: [WORKLOAD.of(command.rep_id)], _weigh_deal, consults=(RuleBook,)
)
MOVE_DEAL = Decider("move-deal", _move_streams, _move_deal)
