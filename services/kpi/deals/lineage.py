"""The facts behind a figure of the funnel: counting them again gives the figure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from libs.events.reading import View
from services.kpi.deals.funnel import CONDITIONS, GROUPS, PLACED, By, Figure, Filters, funnel
from services.kpi.deals.projections import WIRES

_BEHIND = """
select opportunity_id, version, kind, event_id, occurred_at, day, day - opened_on as days, amount, currency, opened_by
from placed
where ($8::text is null or own_group = $8 or ($8 = '' and own_group is null)) and {condition}
  and ($10::text is null or (opportunity_id, version) > ($10, $11::bigint))
order by opportunity_id, version limit $12
"""


@dataclass(frozen=True, slots=True)
class FactBehind:
    """A fact that a figure counts. For a closing, `opened_by` is the fact that opened the deal, `days` ago."""

    opportunity_id: str
    event_id: UUID
    type: str
    stream: str
    version: int
    occurred_at: datetime
    day: date
    days: int | None
    amount: Decimal | None
    currency: str | None
    opened_by: UUID


async def facts_behind(
    view: View,
    by: By,
    group: str | None,
    figure: Figure,
    filters: Filters,
    *,
    after: tuple[str, int] | None = None,
    limit: int = 100_000,
) -> list[FactBehind]:
    """The facts that a figure counts, by deal and version: of one group ('' for deals without one; None: the totals).

    `after` is the deal and version of the last one of the page before.
    """
    peak = await _peak_day(view, by, group, filters) if figure == "peak_open" else None
    if figure == "peak_open" and peak is None:
        return []
    values = [*filters.values, group, peak, *(after or (None, None)), limit]
    condition = CONDITIONS[figure] if peak else f"$9::date is null and {CONDITIONS[figure]}"
    rows = await view.fetch(PLACED.format(group=GROUPS[by]) + _BEHIND.format(condition=condition), *values)
    return [
        FactBehind(
            opportunity_id=row["opportunity_id"],
            event_id=row["event_id"],
            type=WIRES[row["kind"]],
            stream=f"pipeline/opportunity-{row['opportunity_id']}",
            version=row["version"],
            occurred_at=row["occurred_at"],
            day=row["day"],
            days=row["days"],
            amount=row["amount"],
            currency=row["currency"],
            opened_by=row["opened_by"],
        )
        for row in rows
    ]


async def _peak_day(view: View, by: By, group: str | None, filters: Filters) -> date | None:
    """The first day on which the group has as many open deals as on no other."""
    for row in await funnel(view, by, filters):
        if (row.total and group is None) or (not row.total and group is not None and (row.group or "") == group):
            return row.peak_day
    return None
