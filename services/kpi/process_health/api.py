"""Process health over HTTP: the monthly report, single figures, and the facts behind each of them (S-61 to S-65)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from libs.events.errors import NotFound
from libs.events.reading import Reader
from libs.service.callers import Employee
from libs.service.http import Page, PageQuery, Person, Read, problems
from libs.service.organisation import load_organisation, visible_people
from services.kpi.asking import AsOf, Month, PersonId
from services.kpi.paths import CodePath, PersonPath
from services.kpi.process_health.formulas import displayed
from services.kpi.process_health.lineage import FactUsed, facts_of, noted_in
from services.kpi.process_health.loading import load_month
from services.kpi.process_health.months import inputs_hash
from services.kpi.process_health.views import (
    UNITS,
    HealthReport,
    HealthView,
    MetricView,
    exact,
    for_people,
    health_view,
)
from services.kpi.stages.projections import STAGES

router = APIRouter(tags=["process health"])
AnyPerson = Annotated[str | None, Query(max_length=80, description="Only this person")]


@router.get("/reports/process-health", operation_id="getProcessHealthReport", responses=problems(403, 404))
async def get_process_health_report(
    who: Employee, read: Read, month: Month, person: AnyPerson = None, as_of: AsOf = None
) -> HealthReport:
    """A row for every rep whose figures you may see: yourself, your reporting line, or all."""
    if person is not None:
        await _check_visible(read, who, person)
    loaded = await load_month(read, month, as_of)
    people = loaded.subjects(await visible_people(read, who)) if person is None else [person]
    rows = [health_view(loaded.of(one), month, loaded.name_of(one), loaded.team_of(one)) for one in people]
    return HealthReport(month=month, zone=loaded.calendar.zone.key, as_of=as_of, rows=rows)


@router.get("/people/{person_id}/process-health", operation_id="getProcessHealth", responses=problems(403, 404))
async def get_process_health(
    person_id: PersonPath, who: Employee, read: Read, month: Month, as_of: AsOf = None
) -> HealthView:
    """A person's month, with the stages in which the process breaks, the worst first (S-65)."""
    await _check_visible(read, who, person_id)
    loaded = await load_month(read, month, as_of)
    return health_view(loaded.of(person_id), month, loaded.name_of(person_id), loaded.team_of(person_id))


@router.get("/metrics/{code}", operation_id="getMetric", responses=problems(403, 404))
async def get_metric(
    code: CodePath, who: Employee, read: Read, subject: PersonId, period: Month, as_of: AsOf = None
) -> MetricView:
    """One figure of a person and month. The same definition, facts and calendar give the same `inputs_hash`."""
    await _check_visible(read, who, subject)
    loaded = await load_month(read, period, as_of)
    month = loaded.of(subject)
    value = month.value(code)
    version = loaded.calendars.of(subject).version
    return MetricView(
        code=code,
        subject=subject,
        period=period,
        value=exact(value),
        display=for_people(value, code),
        unit=UNITS[code],
        n=month.n(code),
        coverage=displayed(month.score.coverage, 2),
        neutral=value is None,
        why=list(month.why) if value is None else [],
        calendar_version=version,
        inputs_hash=inputs_hash(month, code, loaded.comparison, loaded.span, version),
        as_of=as_of,
    )


@router.get("/metrics/{code}/lineage", operation_id="getMetricLineage", responses=problems(400, 403, 404))
async def get_metric_lineage(
    code: CodePath, who: Employee, read: Read, page: PageQuery, subject: PersonId, period: Month, as_of: AsOf = None
) -> Page[FactUsed]:
    """The facts that a figure counts: required actions with what satisfied them, moves, visits and the reference."""
    await _check_visible(read, who, subject)
    loaded = await load_month(read, period, as_of)
    month = loaded.of(subject)
    noted = await noted_in(read(STAGES), month.exits, as_of)
    facts = facts_of(code, month, loaded.comparison, noted, loaded.rules, loaded.lasted)
    rest = [fact for fact in facts if page.after is None or fact.place > tuple(page.after)]
    shown = rest[: page.limit]
    return page.page(shown, last=shown[-1].place if shown else (), more=len(rest) > page.limit)


async def _check_visible(read: Reader, who: Person, person_id: str) -> None:
    """Figures of a person are for the person and the reporting line (3.5.3-9); for others there is no such person."""
    seen = await visible_people(read, who)
    known = person_id in (await load_organisation(read)).people if seen is None else person_id in seen
    if not known:
        raise NotFound("person", person_id)
