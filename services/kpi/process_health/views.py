"""Process health as the API shows it: exact figures to six digits, and what people read, rounded half up."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from libs.service.http import View
from services.kpi.process_health.formulas import DEFINITION_VERSION, HUNDRED, displayed
from services.kpi.process_health.months import Code, PersonMonth

EXACT = 6
UNITS: dict[Code, str] = {
    "action_completion_raw": "fraction",
    "action_completion_effective": "fraction",
    "dwell_deviation": "fraction",
    "jump_frequency": "per 100 transitions",
    "process_health": "points",
}


class StageView(View):
    """A stage's visits against the reference, in seconds of business time; `deviation` is a fraction."""

    stage: str
    n: int
    mean: Decimal
    reference: Decimal
    deviation: Decimal


class DwellView(View):
    """4.2: `rate` is DDR, `scored` DDR⁺; `stages` with the worst first."""

    n: int
    rate: Decimal
    signed: Decimal
    scored: Decimal
    worst_stage: str
    stages: list[StageView]


class ActionView(View):
    """4.3: raw and effective side by side; `integrity` is the share of exits with all of their package on time."""

    raw: Decimal | None
    effective: Decimal | None
    integrity: Decimal | None
    required: int
    on_time: int
    backfilled: int
    waived: int
    deferred: int
    missing: int
    exits: int


class JumpView(View):
    """4.4: per 100 transitions; `rework` is reported, not scored."""

    frequency: Decimal | None
    transitions: int
    skips: int
    back: int
    rework: Decimal | None


class HealthView(View):
    """A person's process health in a month. Without a score the month is neutral, and `why` says so; never 0."""

    person_id: str
    name: str
    team_id: str | None
    month: str
    n: int
    score: Decimal | None
    display: Decimal | None
    coverage: Decimal
    neutral: bool
    why: list[str]
    dwell: DwellView | None
    action: ActionView
    jumps: JumpView
    definition_version: int = DEFINITION_VERSION


class HealthReport(View):
    """The month of everybody whose figures the caller may see."""

    month: str
    zone: str
    as_of: datetime | None
    definition_version: int = DEFINITION_VERSION
    rows: list[HealthView]


class MetricView(View):
    """One figure of a person and month; `value` is None for a neutral one, `display` is in percent or points."""

    code: Code
    subject: str
    period: str
    value: Decimal | None
    display: Decimal | None
    unit: str
    n: int
    coverage: Decimal
    neutral: bool
    why: list[str]
    definition_version: int = DEFINITION_VERSION
    calendar_version: str
    inputs_hash: str
    as_of: datetime | None


def health_view(month: PersonMonth, period: str, name: str, team_id: str | None) -> HealthView:
    """A person's month as it is shown."""
    packages, jumps = month.packages, month.jumps
    return HealthView(
        person_id=month.person_id,
        name=name,
        team_id=team_id,
        month=period,
        n=len(month.exits),
        score=exact(month.score.value),
        display=None if month.score.value is None else displayed(month.score.value),
        coverage=month.score.coverage,
        neutral=month.score.value is None,
        why=list(month.why),
        dwell=_dwell(month),
        action=ActionView(
            raw=exact(packages.raw),
            effective=exact(packages.effective),
            integrity=exact(packages.integrity),
            required=packages.required,
            on_time=packages.on_time,
            backfilled=packages.backfilled,
            waived=packages.waived,
            deferred=packages.deferred,
            missing=packages.missing,
            exits=packages.exits,
        ),
        jumps=JumpView(
            frequency=exact(jumps.frequency),
            transitions=jumps.transitions,
            skips=jumps.skips,
            back=jumps.back,
            rework=exact(jumps.rework),
        ),
    )


def _dwell(month: PersonMonth) -> DwellView | None:
    if month.dwell is None:
        return None
    stages = sorted(month.stages, key=lambda stage: (-abs(stage.deviation), stage.stage))
    return DwellView(
        n=month.dwell.n,
        rate=displayed(month.dwell.rate, EXACT),
        signed=displayed(month.dwell.signed, EXACT),
        scored=displayed(month.dwell.scored, EXACT),
        worst_stage=month.dwell.worst.stage,
        stages=[
            StageView(
                stage=stage.stage,
                n=stage.n,
                mean=displayed(stage.mean),
                reference=displayed(stage.reference),
                deviation=displayed(stage.deviation, EXACT),
            )
            for stage in stages
        ],
    )


def exact(value: Decimal | None) -> Decimal | None:
    """To six digits."""
    return None if value is None else displayed(value, EXACT)


def for_people(value: Decimal | None, code: Code) -> Decimal | None:
    """To one digit; fractions in percent."""
    if value is None:
        return None
    return displayed(value * HUNDRED if UNITS[code] == "fraction" else value)
