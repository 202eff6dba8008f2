"""Process health of one person in one month, from stage visits: pure, so that a figure can be computed again."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from services.kpi.asking import Span
from services.kpi.process_health.formulas import (
    DEFINITION_VERSION,
    MIN_REQUIRED,
    MIN_VISITS,
    DwellDeviation,
    Jumps,
    Packages,
    Score,
    StageDwell,
    dwell_deviation,
    not_enough,
    process_health,
    reference_dwell,
    shrunk,
)
from services.kpi.process_health.visits import Visit

Code = Literal[
    "action_completion_raw", "action_completion_effective", "dwell_deviation", "jump_frequency", "process_health"
]
Pool = tuple[str, str]
Lasted = Callable[[Visit], int]
"""How long an open visit has lasted at the month's end, in seconds of business time."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All visits of a reference period by stage, and who is in which team."""

    team_of: dict[str, str | None]
    closed: dict[Pool, list[Visit]] = field(default_factory=dict)

    @classmethod
    def of(cls, visits: Iterable[Visit], team_of: dict[str, str | None]) -> Comparison:
        """The closed ones of these visits."""
        closed: dict[Pool, list[Visit]] = defaultdict(list)
        for visit in visits:
            if visit.left_at is not None:
                closed[visit.pool].append(visit)
        return cls(team_of, dict(closed))

    def others(self, person_id: str, pool: Pool) -> tuple[list[Visit], list[Visit]]:
        """Visits of the person's team and of the whole tenant, both without the person's own."""
        tenant = [visit for visit in self.closed.get(pool, ()) if visit.owner_id != person_id]
        team_id = self.team_of.get(person_id)
        team = [visit for visit in tenant if team_id is not None and self.team_of.get(visit.owner_id) == team_id]
        return team, tenant

    def reference(self, person_id: str, pool: Pool) -> Decimal | None:
        """μ of a stage for a person, in seconds; None when nobody else was there, or nobody stayed."""
        team, tenant = self.others(person_id, pool)
        return reference_dwell([visit.dwell for visit in team], [visit.dwell for visit in tenant])


@dataclass(frozen=True, slots=True)
class PersonMonth:
    """A person's month: what the visits add up to, the score, and why there is none."""

    person_id: str
    exits: tuple[Visit, ...]
    lasting: tuple[Visit, ...]
    stages: tuple[StageDwell, ...]
    dwell: DwellDeviation | None
    packages: Packages
    jumps: Jumps
    score: Score
    why: tuple[str, ...]

    def value(self, code: Code) -> Decimal | None:
        """A figure of the month; None when there is not enough data: neutral, never 0 (3.5.6)."""
        enough_visits, enough_actions = len(self.exits) >= MIN_VISITS, self.packages.required >= MIN_REQUIRED
        match code:
            case "action_completion_raw":
                return self.packages.raw if enough_actions else None
            case "action_completion_effective":
                return self.packages.effective if enough_actions else None
            case "dwell_deviation":
                return self.dwell.rate if self.dwell and enough_visits else None
            case "jump_frequency":
                return self.jumps.frequency if enough_visits else None
            case "process_health":
                return self.score.value

    def n(self, code: Code) -> int:
        """How many things a figure rests on: required actions, visits, transitions."""
        match code:
            case "action_completion_raw" | "action_completion_effective":
                return self.packages.required
            case "dwell_deviation":
                return self.dwell.n if self.dwell else 0
            case "jump_frequency":
                return self.jumps.transitions
            case "process_health":
                return len(self.exits)


def person_month(
    person_id: str, visits: Sequence[Visit], comparison: Comparison, span: Span, lasted: Lasted
) -> PersonMonth:
    """The month of a person; `visits` are the person's own, others may be among them."""
    own = [visit for visit in visits if visit.owner_id == person_id]
    exits = tuple(visit for visit in own if visit.left_at is not None and span.start <= visit.left_at < span.end)
    pools = {visit.pool for visit in own if visit.left_at is None} | {visit.pool for visit in exits}
    references = {pool: comparison.reference(person_id, pool) for pool in sorted(pools)}
    lasting = tuple(visit for visit in own if visit.left_at is None and _counts(visit, references, lasted))
    stages = tuple(
        stage
        for pool, reference in references.items()
        if reference is not None and (stage := _stage(pool, reference, exits, lasting, lasted))
    )
    packages, jumps = _packages(exits), _jumps(exits)
    dwell = dwell_deviation(stages)
    why = not_enough(len(exits), packages.required)
    score = process_health(dwell.scored if dwell else None, packages.raw, jumps.frequency)
    if not why and score.value is None:
        why = [f"only {score.coverage:.0%} of the score has data"]
    if why:
        score = Score(None, score.coverage)
    return PersonMonth(person_id, exits, lasting, stages, dwell, packages, jumps, score, tuple(why))


def _counts(visit: Visit, references: dict[Pool, Decimal | None], lasted: Lasted) -> bool:
    """An open visit counts once it is longer than the reference: a lower bound of what it will be (4.2)."""
    reference = references[visit.pool]
    return reference is not None and lasted(visit) > reference


def _stage(
    pool: Pool, reference: Decimal, exits: Iterable[Visit], lasting: Iterable[Visit], lasted: Lasted
) -> StageDwell | None:
    dwells = [visit.dwell for visit in exits if visit.pool == pool]
    dwells += [lasted(visit) for visit in lasting if visit.pool == pool]
    n = len(dwells)
    return StageDwell(pool[1], n, shrunk(Decimal(sum(dwells)), n, reference), reference) if n else None


def _packages(exits: Sequence[Visit]) -> Packages:
    return Packages(
        required=sum(visit.required for visit in exits),
        on_time=sum(visit.on_time for visit in exits),
        backfilled=sum(visit.backfilled for visit in exits),
        waived=sum(visit.waived for visit in exits),
        deferred=sum(visit.deferred for visit in exits),
        exits=len(exits),
        full=sum(visit.is_full for visit in exits),
    )


def _jumps(exits: Sequence[Visit]) -> Jumps:
    return Jumps(
        transitions=sum(visit.left_how in ("advanced", "regressed") for visit in exits),
        skips=sum(visit.is_skip for visit in exits),
        back=sum(visit.left_how == "regressed" for visit in exits),
        visits=len(exits),
        repeated=sum(visit.visit > 1 for visit in exits),
    )


def inputs_hash(month: PersonMonth, code: Code, comparison: Comparison, span: Span, calendar_version: str) -> str:
    """The same for the same definition, facts and calendar (3.5.3-1): SHA-256 of what a figure is made of."""
    used = {f"{visit.event_id} {visit.backfilled}" for visit in (*month.exits, *month.lasting)}
    if code in ("dwell_deviation", "process_health"):
        pools = {visit.pool for visit in (*month.exits, *month.lasting)}
        used |= {str(visit.event_id) for pool in pools for visit in comparison.others(month.person_id, pool)[1]}
    until = span.until.isoformat() if month.lasting else ""
    text = "\n".join([code, str(DEFINITION_VERSION), calendar_version, until, *sorted(used)])
    return hashlib.sha256(text.encode()).hexdigest()
