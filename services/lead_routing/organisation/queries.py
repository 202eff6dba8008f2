"""People as the organisation's pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from libs.events.reading import Reader
from libs.service.http import View
from services.lead_routing.organisation.projections import REP_JSON, ROUTING_CANDIDATES
from services.lead_routing.workload.projections import WORKLOADS

PEOPLE_AND_LOADS = (
    "select c.rep_id, c.version, c.rep, coalesce(w.load, 0) as load from routing_candidates c"
    " left join rep_workloads w on w.tenant = c.tenant and w.rep_id = c.rep_id where c.tenant = $1"
)


class LeaveView(View):
    """A planned leave."""

    leave_id: str
    starts_at: datetime
    ends_at: datetime
    delegate_id: str | None


class RepView(View):
    """A person: place in the organisation, skills by dimension and value, capacity and present load."""

    rep_id: str
    version: int
    name: str
    active: bool
    roles: list[str]
    team_id: str | None
    department_id: str | None
    manager_id: str | None
    weight: Decimal
    max_weighted_load: Decimal | None
    daily_new_cap: int | None
    load: Decimal
    skills: dict[str, dict[str, Decimal]]
    leaves: list[LeaveView]


async def people(
    read: Reader, visible: list[str] | None, team: str | None, active: bool | None, after: str, limit: int
) -> list[RepView]:
    """The people of `visible` (None: everybody), by id behind `after`."""
    rows = await read(ROUTING_CANDIDATES, WORKLOADS).fetch(
        f"{PEOPLE_AND_LOADS} and ($2::text[] is null or c.rep_id = any($2)) and ($3::text is null or c.team_id = $3)"
        " and ($4::bool is null or c.active = $4) and c.rep_id > $5 order by c.rep_id limit $6",
        visible,
        team,
        active,
        after,
        limit,
    )
    return [_view(row) for row in rows]


async def person(read: Reader, rep_id: str) -> RepView | None:
    """One person, or None."""
    row = await read(ROUTING_CANDIDATES, WORKLOADS).one(f"{PEOPLE_AND_LOADS} and c.rep_id = $2", rep_id)
    return None if row is None else _view(row)


def _view(row: Mapping[str, Any]) -> RepView:
    rep = REP_JSON.validate_python(row["rep"])
    return RepView(
        rep_id=row["rep_id"],
        version=row["version"],
        name=rep.name,
        active=rep.active,
        roles=list(rep.roles),
        team_id=rep.team_id,
        department_id=rep.department_id,
        manager_id=rep.manager_id,
        weight=rep.weight,
        max_weighted_load=rep.max_weighted_load,
        daily_new_cap=rep.daily_new_cap,
        load=row["load"],
        skills={dimension: dict(values) for dimension, values in rep.skills.items()},
        leaves=[
            LeaveView(
                leave_id=leave_id, starts_at=leave.starts_at, ends_at=leave.ends_at, delegate_id=leave.delegate_id
            )
            for leave_id, leave in sorted(rep.leaves.items())
        ],
    )
