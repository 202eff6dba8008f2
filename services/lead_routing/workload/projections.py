"""What weighs on each rep, as routing reads it before it looks at the streams of the best."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from libs.events.contracts.lead_routing import WorkloadChanged
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table
from services.lead_routing.workload.domain import Workload, evolve


@dataclass(frozen=True, slots=True)
class RepWorkload:
    """The items of a rep with their weights (as texts), their sum, and the new leads of the last day with any."""

    rep_id: str
    load: Decimal
    items: dict[str, str]
    day: date | None
    new: int


def workload_of(items: dict[str, str], day: date | None, new: int) -> Workload:
    """The state that decisions know."""
    return Workload({item: Decimal(weight) for item, weight in items.items()}, day, new)


def keys(fact: Any) -> list[str]:
    """One rep is one key, and one stream."""
    return [fact.rep_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[RepWorkload]:
    """The workload after one more fact."""
    row = group.one(RepWorkload)
    after = evolve(workload_of(row.items, row.day, row.new) if row else Workload(), recorded.fact)
    items = {item: str(weight) for item, weight in sorted(after.items.items())}
    return [RepWorkload(recorded.fact.rep_id, after.load, items, after.day, after.new)]


WORKLOADS = Projection(
    name="workloads",
    version=1,
    reads=(WorkloadChanged,),
    tables=(Table("rep_workloads", RepWorkload, indexes=(("rep_id",),)),),
    keys=keys,
    fold=fold,
)
