"""The figures that the files themselves give, out of the funnel's SQL."""

from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from statistics import median

import pytest
import pytest_asyncio

from dev.provision import Database
from libs.events.testing.folding import recorded
from libs.service.people import PEOPLE
from services.kpi.deals.funnel import Filters, funnel
from services.kpi.deals.lineage import facts_behind
from services.kpi.deals.projections import CATALOGUE, DEALS
from services.kpi.tests import maven
from services.kpi.tests.tables import Tables, filled

pytestmark = pytest.mark.skipif(not maven.FOLDER.exists(), reason="needs the Maven CRM export in ../shared/data")
EVERYTHING = Filters("Asia/Shanghai")
DATED = Filters("Asia/Shanghai", date(2016, 1, 1), date(2018, 1, 1))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tables(database: Callable[[str], Database]) -> AsyncIterator[Tables]:
    facts = recorded(*maven.organisation(), *maven.deals(), at=maven.IMPORTED, channel="migration")
    async with filled(database("kpi"), facts, DEALS, CATALOGUE, PEOPLE) as tables:
        yield tables


async def test_all_deals_come_out_as_they_stand_in_the_file(tables: Tables) -> None:
    total = (await funnel(tables, "owner", EVERYTHING))[-1]
    assert (total.opened, total.won, total.lost, total.open) == (8800, 4238, 2473, 2089)
    assert total.open_by_stage == {"engaging": 1589, "prospecting": 500}
    assert (total.undated, total.n) == (500, 8800)
    assert total.won_value == {"USD": Decimal(10_005_534)}
    assert total.win_rate == Decimal("0.631501")
    assert (total.median_days_to_win, total.median_days_to_lose) == (57, 14)


async def test_undated_deals_count_only_without_dates(tables: Tables) -> None:
    total = (await funnel(tables, "owner", DATED))[-1]
    assert (total.opened, total.open, total.undated) == (8300, 1589, 0)
    assert total.won_value == {"USD": Decimal(10_005_534)}


async def test_the_busiest_rep_had_170_open_deals(tables: Tables) -> None:
    """A deal is open from its opening day to the day before its closing day."""
    for filters in (EVERYTHING, DATED):
        reps = [row for row in await funnel(tables, "owner", filters) if not row.total]
        busiest = max(reps, key=lambda row: row.peak_open)
        assert (busiest.group, busiest.peak_open) == ("darcel-schlecht", 170)


@pytest.mark.parametrize(("by", "groups"), [("owner", 30), ("manager", 6), ("region", 3), ("product", 7)])
async def test_groups_add_up_to_the_totals(tables: Tables, by: str, groups: int) -> None:
    *rows, total = await funnel(tables, by, DATED)
    assert len(rows) == groups
    assert sum(row.won for row in rows) == total.won == 4238
    assert sum(row.won_value["USD"] for row in rows) == total.won_value["USD"]


async def test_a_figure_is_recomputed_from_its_facts(tables: Tables) -> None:
    """3.5.5: lineage"""
    filters = Filters("Asia/Shanghai", date(2017, 4, 1), date(2017, 7, 1))
    rows = {row.group: row for row in await funnel(tables, "region", filters) if not row.total}
    east = rows["East"]

    async def behind(figure: str) -> list[object]:
        return await facts_behind(tables, "region", "East", figure, filters)

    assert len(await behind("opened")) == east.opened
    assert len(await behind("open")) == east.open
    assert len(await behind("peak_open")) == east.peak_open
    won = await behind("won_value")
    assert sum(fact.amount for fact in won) == east.won_value["USD"]
    assert median(fact.days for fact in await behind("median_days_to_win")) == east.median_days_to_win
    decided = [fact.type for fact in await behind("win_rate")]
    assert round(Decimal(decided.count("opportunity-won.v1")) / len(decided), 6) == east.win_rate


async def test_the_facts_behind_a_figure_come_in_pages(tables: Tables) -> None:
    whole = await facts_behind(tables, "owner", None, "won", EVERYTHING)
    first = await facts_behind(tables, "owner", None, "won", EVERYTHING, limit=3000)
    last = first[-1]
    second = await facts_behind(
        tables, "owner", None, "won", EVERYTHING, after=(last.opportunity_id, last.version), limit=3000
    )
    assert len(whole) == 4238
    assert [*first, *second] == whole


async def test_a_rep_sees_only_own_deals(tables: Tables) -> None:
    """3.5.3-9"""
    rows = await funnel(tables, "owner", Filters("Asia/Shanghai", people=["darcel-schlecht"]))
    assert [row.group for row in rows] == ["darcel-schlecht", None]
    assert rows[0].won == rows[1].won == 349
