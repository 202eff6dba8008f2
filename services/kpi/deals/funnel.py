"""The funnel report: one SQL statement over the deals' turns (3.5.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from libs.events.reading import View

DEFINITION_VERSION = 1
By = Literal["owner", "manager", "region", "product"]
Figure = Literal[
    "opened",
    "undated",
    "won",
    "lost",
    "reopened",
    "open",
    "win_rate",
    "won_value",
    "median_days_to_win",
    "median_days_to_lose",
    "peak_open",
]
RATE = Decimal("0.000001")

GROUPS: dict[By, str] = {
    "owner": "t.owner_id",
    "manager": "p.manager_id",
    "region": "coalesce(m.region, a.region)",
    "product": "o.product_id",
}

# A deal is open from the day a turn opens it to the day before the next turn: one that opens and closes on one day is
# never open on any. `until_day` looks at all later turns, so that a back-dated closing ends every earlier one.
# A closing that was taken back by a reopening does not count; an undated opening only where no dates are asked for.
PLACED = """
with known as (
  select t.*, (t.happened_at at time zone $2)::date as day
  from opportunity_turns t
  where t.tenant = $1
    and ($5::timestamptz is null or t.recorded_at <= $5) and ($6::timestamptz is null or t.happened_at <= $6)
), turns as (
  select *,
    min(day) over later as until_day,
    coalesce(bool_or(kind = 'reopened') over later, false) as taken_back,
    case when not first_value(undated) over whole then first_value(day) over whole end as opened_on,
    first_value(event_id) over whole as opened_by
  from known
  window whole as (partition by opportunity_id order by version),
    later as (partition by opportunity_id order by version rows between 1 following and unbounded following)
), placed as (
  select t.*, {group} as own_group,
    ($3::date is null or t.day >= $3) and ($4::date is null or t.day < $4)
      and (not t.undated or ($3 is null and $4 is null)) as inside,
    t.is_open and (t.until_day is null or t.until_day >= $4) and ($4 is null or t.day < $4)
      and (not t.undated or ($3 is null and $4 is null)) as still_open,
    t.is_open and not t.undated and (t.until_day is null or t.until_day > greatest(t.day, $3))
      and ($4 is null or t.day < $4) as runs
  from turns t
  join opportunities o on o.tenant = $1 and o.key = t.opportunity_id
  left join people p on p.tenant = $1 and p.person_id = t.owner_id
  left join teams m on m.tenant = $1 and m.team_id = p.team_id
  left join accounts a on a.tenant = $1 and a.account_id = o.account_id
  where $7::text[] is null or t.owner_id = any($7)
)
"""

CONDITIONS: dict[Figure, str] = {
    "opened": "kind = 'opened' and inside",
    "undated": "kind = 'opened' and inside and undated",
    "won": "kind = 'won' and inside and not taken_back",
    "lost": "kind = 'lost' and inside and not taken_back",
    "reopened": "kind = 'reopened' and inside",
    "open": "still_open",
    "win_rate": "kind in ('won', 'lost') and inside and not taken_back",
    "won_value": "kind = 'won' and inside and not taken_back",
    "median_days_to_win": "kind = 'won' and inside and not taken_back and opened_on is not null",
    "median_days_to_lose": "kind = 'lost' and inside and not taken_back and opened_on is not null",
    "peak_open": "runs and day <= $9 and (until_day is null or until_day > $9)",
}

# Every turn stands twice in `both`: in its group and in the totals.
_REPORT = """
, both_rows as (
  select placed.*, w.total, case when not w.total then own_group end as grp
  from placed cross join (values (false), (true)) as w(total)
), figures as (
  select total, grp,
    count(distinct opportunity_id) filter (where inside or still_open) as n,
    count(*) filter (where {opened}) as opened,
    count(*) filter (where {undated}) as undated,
    count(*) filter (where {won}) as won,
    count(*) filter (where {lost}) as lost,
    count(*) filter (where {reopened}) as reopened,
    count(*) filter (where {open}) as open,
    percentile_cont(0.5) within group (order by day - opened_on) filter (where {median_days_to_win}) as days_to_win,
    percentile_cont(0.5) within group (order by day - opened_on) filter (where {median_days_to_lose}) as days_to_lose
  from both_rows group by total, grp
), amounts as (
  select total, grp, currency, sum(amount) as amount from both_rows where {won_value} group by total, grp, currency
), amount_of as (
  select total, grp, jsonb_object_agg(currency, amount::text) as won_value from amounts group by total, grp
), stages as (
  select total, grp, stage, count(*) as n from both_rows where {open} group by total, grp, stage
), stages_of as (
  select total, grp, jsonb_object_agg(stage, n) as open_by_stage from stages group by total, grp
), edges as (
  select total, grp, greatest(day, $3) as day, 1 as step from both_rows where runs
  union all
  select total, grp, until_day, -1 from both_rows where runs and until_day is not null
), steps as (
  select total, grp, day, sum(step) as step from edges where $4::date is null or day < $4 group by total, grp, day
), levels as (
  select total, grp, day, sum(step) over (partition by total, grp order by day) as level from steps
), peaks as (
  select distinct on (total, grp) total, grp, level, day from levels order by total, grp, level desc, day
)
select f.*, v.won_value, s.open_by_stage, coalesce(k.level, 0)::bigint as peak_open, k.day as peak_day
from figures f
left join amount_of v on v.total = f.total and v.grp is not distinct from f.grp
left join stages_of s on s.total = f.total and s.grp is not distinct from f.grp
left join peaks k on k.total = f.total and k.grp is not distinct from f.grp
order by f.total, f.grp nulls last
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a funnel counts: days from `start` on, before `end`, in `zone`; `people` are the owners visible (None: all).

    `as_of` leaves out what was recorded later, `effective_at` what happened later.
    """

    zone: str
    start: date | None = None
    end: date | None = None
    as_of: datetime | None = None
    effective_at: datetime | None = None
    people: Sequence[str] | None = None

    @property
    def values(self) -> tuple[Any, ...]:
        """As the statements take them, from `$2` on."""
        people = None if self.people is None else list(self.people)
        return (self.zone, self.start, self.end, self.as_of, self.effective_at, people)


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """The figures of one group, or of all of them (`group` None and `total`); `n` is the number of deals behind them.

    Reopened closings count neither as won nor as lost; `peak_open` was first reached on `peak_day`. Days are natural
    days between the opening and the closing date; `won_value` is by currency.
    """

    group: str | None
    name: str | None = None
    total: bool = False
    n: int = 0
    opened: int = 0
    undated: int = 0
    won: int = 0
    lost: int = 0
    reopened: int = 0
    open: int = 0
    open_by_stage: dict[str, int] | None = None
    win_rate: Decimal | None = None
    won_value: dict[str, Decimal] | None = None
    median_days_to_win: Decimal | None = None
    median_days_to_lose: Decimal | None = None
    peak_open: int = 0
    peak_day: date | None = None


async def funnel(view: View, by: By, filters: Filters) -> list[FunnelRow]:
    """A row for every group that has deals in order of its id (those without one last), then the totals.

    `view` is on DEALS, CATALOGUE and PEOPLE.
    """
    sql = PLACED.format(group=GROUPS[by]) + _REPORT.format(**CONDITIONS)
    rows = [_row(row) for row in await view.fetch(sql, *filters.values)]
    return rows if any(row.total for row in rows) else [*rows, FunnelRow(None, total=True)]


def _row(row: Any) -> FunnelRow:
    decided = row["won"] + row["lost"]
    return FunnelRow(
        group=row["grp"],
        total=row["total"],
        n=row["n"],
        opened=row["opened"],
        undated=row["undated"],
        won=row["won"],
        lost=row["lost"],
        reopened=row["reopened"],
        open=row["open"],
        open_by_stage=row["open_by_stage"] or {},
        win_rate=(Decimal(row["won"]) / decided).quantize(RATE, ROUND_HALF_UP) if decided else None,
        won_value={currency: Decimal(amount) for currency, amount in (row["won_value"] or {}).items()},
        median_days_to_win=_days(row["days_to_win"]),
        median_days_to_lose=_days(row["days_to_lose"]),
        peak_open=row["peak_open"],
        peak_day=row["peak_day"],
    )


def _days(median: float | None) -> Decimal | None:
    """A median of whole days is whole or ends in a half: exact as a float."""
    return None if median is None else Decimal(str(median)).normalize() + 0
