"""The facts behind a person's figure of a month; computing it again from them gives the figure (3.5.7-8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from libs.events.contracts.pipeline import (
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
    RequirementSatisfied,
    StageAdvanced,
    StageRegressed,
)
from libs.events.reading import View
from libs.rules.documents import RuleBook
from services.kpi.process_health.formulas import TEAM_VISITS
from services.kpi.process_health.months import Code, Comparison, Lasted, PersonMonth
from services.kpi.process_health.visits import Visit

Part = Literal[
    "on_time", "backfilled", "missing", "waived", "deferred", "move", "skip", "back", "visit", "open_visit", "reference"
]
WIRES = {
    "advanced": StageAdvanced.wire,
    "regressed": StageRegressed.wire,
    "won": OpportunityWon.wire,
    "lost": OpportunityLost.wire,
    "opened": OpportunityOpened.wire,
    "reopened": OpportunityReopened.wire,
}

_MARKS = """
select opportunity_id, stage, visit, version, requirement, mode, occurred_at, event_id
from requirement_marks
where tenant = $1 and key = any($2) and ($3::timestamptz is null or recorded_at <= $3) order by key, version
"""

_REFUSED = """
select distinct on (key, stage, visit) opportunity_id, stage, visit, version, missing
from gate_rejections
where tenant = $1 and key = any($2) and ($3::timestamptz is null or recorded_at <= $3)
order by key, stage, visit, version desc
"""


@dataclass(frozen=True, slots=True)
class FactUsed:
    """One thing that a figure counts, and as what (`part`).

    A required action has a `requirement` and is satisfied by the fact; where the gate itself saw it satisfied, that is
    the fact of the exit, and a missing one has none. A visit has its `dwell` in seconds of business time.
    """

    part: Part
    opportunity_id: str
    stage: str
    visit: int
    requirement: str | None = None
    dwell: int | None = None
    event_id: UUID | None = None
    type: str | None = None
    stream: str | None = None
    version: int | None = None
    occurred_at: datetime | None = None

    @property
    def place(self) -> tuple[str, str, str, str, str]:
        """Where it stands in the list; no two of a figure stand in the same place."""
        return (self.part, self.opportunity_id, self.stage, f"{self.visit:06}", self.requirement or "")


@dataclass(frozen=True, slots=True)
class Mark:
    """A requirement of a visit as it was marked; `requirement` is fulfilled unless `mode` is invalidated."""

    requirement: str
    mode: str
    version: int
    occurred_at: datetime
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted in the visits of some deals: marks in their order, and the codes a last refusal named."""

    marks: Mapping[tuple[str, str, int], Sequence[Mark]]
    refused: Mapping[tuple[str, str, int], Sequence[str]]


async def noted_in(view: View, visits: Iterable[Visit], as_of: datetime | None = None) -> Noted:
    """The marks and refusals of these visits' deals. `view` is on STAGES."""
    deals = sorted({visit.opportunity_id for visit in visits})
    marks: dict[tuple[str, str, int], list[Mark]] = {}
    for row in await view.fetch(_MARKS, deals, as_of):
        mark = Mark(row["requirement"], row["mode"], row["version"], row["occurred_at"], row["event_id"])
        marks.setdefault(_visit_key(row), []).append(mark)
    refused = {_visit_key(row): row["missing"] for row in await view.fetch(_REFUSED, deals, as_of)}
    return Noted(marks, refused)


def facts_of(
    code: Code, month: PersonMonth, comparison: Comparison, noted: Noted, rules: RuleBook, lasted: Lasted
) -> list[FactUsed]:
    """All that a figure counts, in order of `place`."""
    found: list[FactUsed] = []
    if code in ("jump_frequency", "process_health"):
        found += [_fact(_move(visit), visit) for visit in month.exits if visit.left_how in ("advanced", "regressed")]
    if code in ("dwell_deviation", "process_health"):
        found += _dwells(month, comparison, lasted)
    if code not in ("dwell_deviation", "jump_frequency"):
        for visit in month.exits:
            found += _actions(visit, noted, rules)
    return sorted(found, key=lambda fact: fact.place)


def _move(visit: Visit) -> Part:
    return "back" if visit.left_how == "regressed" else "skip" if visit.is_skip else "move"


def _dwells(month: PersonMonth, comparison: Comparison, lasted: Lasted) -> Iterator[FactUsed]:
    pools = {visit.pool for visit in (*month.exits, *month.lasting)}
    used = sorted(pool for pool in pools if comparison.reference(month.person_id, pool) is not None)
    for visit in (one for one in month.exits if one.pool in used):
        yield replace(_fact("visit", visit), dwell=visit.dwell)
    for visit in month.lasting:
        yield replace(_fact("open_visit", visit), dwell=lasted(visit))
    for pool in used:
        team, tenant = comparison.others(month.person_id, pool)
        for visit in team if len(team) >= TEAM_VISITS else tenant:
            yield replace(_fact("reference", visit), dwell=visit.dwell)


def _actions(visit: Visit, noted: Noted, rules: RuleBook) -> Iterator[FactUsed]:
    """Every required action of an exit. What the gate counted holds; names and facts are added where they are known."""
    key = (visit.opportunity_id, visit.stage, visit.visit)
    before, late = _fulfilled(visit, noted.marks.get(key, ()))
    named = iter(_unfulfilled(visit, {*before, *late}, noted.refused.get(key, ()), rules))
    counted = {"on_time": visit.on_time, "backfilled": visit.backfilled}
    for _, mark in sorted({**late, **before}.items()):
        part: Part = "backfilled" if mark.mode == "backfill" else "on_time"
        if counted[part] > 0:
            counted[part] -= 1
            yield _satisfied(part, visit, mark)
    due = visit.required - visit.waived - visit.deferred
    missing = max(0, due - visit.on_time - visit.backfilled)
    for part, count in (("missing", missing), ("waived", visit.waived), ("deferred", visit.deferred)):
        for _ in range(count):
            yield FactUsed(part, *key, requirement=next(named))
    for _ in range(counted["on_time"]):
        yield _fact("on_time", visit, next(named))
    for _ in range(counted["backfilled"]):
        yield _fact("backfilled", visit, next(named))


def _fulfilled(visit: Visit, marks: Sequence[Mark]) -> tuple[dict[str, Mark], dict[str, Mark]]:
    """What was fulfilled at the exit, and what was backfilled after it, by requirement."""
    before: dict[str, Mark] = {}
    late: dict[str, Mark] = {}
    for mark in marks:
        if mark.version > visit.version:
            if mark.mode == "backfill":
                late.setdefault(mark.requirement, mark)
        elif mark.mode == "invalidated":
            before.pop(mark.requirement, None)
        else:
            before[mark.requirement] = mark
    return before, late


def _unfulfilled(visit: Visit, known: set[str], refused: Sequence[str], rules: RuleBook) -> Iterator[str]:
    """Names for actions without a fact: first those that a refusal named, then the gate's others, then numbers."""
    rule = rules.version(visit.definition_id, visit.definition_version)
    gates = rule.document.get("gates", []) if rule else []
    asked = [one["code"] for gate in gates if gate["stage"] == visit.stage for one in gate["requirements"]]
    yield from dict.fromkeys(code for code in (*refused, *asked) if code not in known)
    for number in range(1, visit.required + 1):
        yield f"unnamed-{number}"


def _satisfied(part: Part, visit: Visit, mark: Mark) -> FactUsed:
    return FactUsed(
        part,
        visit.opportunity_id,
        visit.stage,
        visit.visit,
        requirement=mark.requirement,
        event_id=mark.event_id,
        type=RequirementSatisfied.wire,
        stream=f"pipeline/opportunity-{visit.opportunity_id}",
        version=mark.version,
        occurred_at=mark.occurred_at,
    )


def _fact(part: Part, visit: Visit, requirement: str | None = None) -> FactUsed:
    return FactUsed(
        part,
        visit.opportunity_id,
        visit.stage,
        visit.visit,
        requirement=requirement,
        event_id=visit.event_id,
        type=WIRES[visit.left_how or visit.entered_how],
        stream=f"pipeline/opportunity-{visit.opportunity_id}",
        version=visit.version,
        occurred_at=visit.occurred_at,
    )


def _visit_key(row: Any) -> tuple[str, str, int]:
    return row["opportunity_id"], row["stage"], row["visit"]
