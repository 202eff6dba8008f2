"""The funnel over HTTP: by owner, manager, region or product, and the facts behind every figure (3.5.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from libs.events.deciding import Day
from libs.events.reading import Reader
from libs.service.callers import Employee
from libs.service.http import Page, PageQuery, Problem, Read, View, problems
from libs.service.organisation import PEOPLE, load_organisation, visible_people
from services.kpi.asking import AsOf, EffectiveAt, now_of, tenant_calendar
from services.kpi.deals.funnel import DEFINITION_VERSION, By, Figure, Filters, FunnelRow, funnel
from services.kpi.deals.lineage import FactBehind, facts_behind
from services.kpi.deals.projections import CATALOGUE, DEALS

router = APIRouter(tags=["reports"])
NO_GROUP = "none"

From = Annotated[Day | None, Query(alias="from", description="The first day, in the tenant's zone")]
To = Annotated[Day | None, Query(description="The day after the last one, in the tenant's zone")]


class FunnelReport(View):
    """The funnel: a row for every group, with zeros where nothing happened, and the totals of all."""

    by: By
    zone: str
    definition_version: int = DEFINITION_VERSION
    rows: list[FunnelRow]
    totals: FunnelRow


async def filters(
    who: Employee, read: Read, from_: From = None, to: To = None, as_of: AsOf = None, effective_at: EffectiveAt = None
) -> Filters:
    """What was asked for, limited to the people whose figures the person may see."""
    if from_ and to and from_ >= to:
        raise Problem("VALIDATION", "`from` must be earlier than `to`, which is not included")
    zone = (await tenant_calendar(read)).zone.key
    return Filters(zone, from_, to, as_of, effective_at, await visible_people(read, who))


Asked = Annotated[Filters, Depends(filters)]


@router.get("/reports/funnel", operation_id="getFunnel", responses=problems(403))
async def get_funnel(who: Employee, read: Read, asked: Asked, by: By = "owner") -> FunnelReport:
    """Opened, won and lost deals by the day of that fact; open ones at `to`, or now.

    A deal is open from its opening day to the day before its closing day. Undated deals count only without dates.
    """
    rows = await funnel(read(DEALS, CATALOGUE, PEOPLE), by, asked)
    groups, names = await _groups(read, by, asked)
    empty = [FunnelRow(group) for group in groups - {row.group for row in rows}]
    named = [replace(row, name=names.get(row.group or "")) for row in [*rows[:-1], *empty]]
    named.sort(key=lambda row: (row.group is None, row.name or row.group or ""))
    return FunnelReport(by=by, zone=asked.zone, rows=named, totals=rows[-1])


@router.get("/reports/funnel/lineage", operation_id="getFunnelLineage", responses=problems(400, 403))
async def get_funnel_lineage(
    who: Employee,
    read: Read,
    page: PageQuery,
    asked: Asked,
    figure: Figure,
    by: By = "owner",
    group: Annotated[
        str | None, Query(max_length=200, description=f"A row's group, `{NO_GROUP}` for that without; without: totals")
    ] = None,
) -> Page[FactBehind]:
    """The facts that a figure of the funnel counts; counting them again gives the figure."""
    after = (page.after[0], int(page.after[1])) if page.after else None
    view = read(DEALS, CATALOGUE, PEOPLE)
    wanted = "" if group == NO_GROUP else group
    facts = await facts_behind(view, by, wanted, figure, asked, after=after, limit=page.limit + 1)
    shown = facts[: page.limit]
    last = (shown[-1].opportunity_id, shown[-1].version) if shown else ()
    return page.page(shown, last=last, more=len(facts) > page.limit)


async def _groups(read: Reader, by: By, asked: Filters) -> tuple[set[str], dict[str, str]]:
    """The groups that people or products make, whether they have deals or not; and the names of all there ever were."""
    if by == "product":
        rows = await read(CATALOGUE).fetch("select product_id, name from products where tenant = $1")
        names = {row["product_id"]: row["name"] for row in rows}
        return set(names), names
    organisation = await load_organisation(read)
    now = now_of(read)
    reps = [
        person
        for person in organisation.people.values()
        if "rep" in person.roles
        and organisation.active(person.person_id, now)
        and (asked.people is None or person.person_id in asked.people)
    ]
    if by == "region":
        teams = [organisation.teams.get(rep.team_id or "") for rep in reps]
        regions = {team.region: team.region for team in teams if team and team.region}
        return set(regions), regions
    names = {person.person_id: person.name for person in organisation.people.values()}
    if by == "owner":
        return {rep.person_id for rep in reps}, names
    return {rep.manager_id for rep in reps if rep.manager_id}, names
