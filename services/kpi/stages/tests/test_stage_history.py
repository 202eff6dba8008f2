"""Visits, refusals and requirements of the story's first deal."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest_asyncio

from dev.provision import Database
from libs.events.contracts.examples.ids import OPPORTUNITY_1, OPPORTUNITY_2, REP_LI, REP_WANG, at
from libs.events.contracts.examples.pipeline import EXAMPLES
from libs.events.testing.folding import fold_all, recorded
from libs.rules.calendars import shipped_calendar
from services.kpi.stages.projections import STAGES
from services.kpi.stages.queries import StageHistory, owner_of, stage_history
from services.kpi.stages.rows import MarkRow, VisitRow
from services.kpi.tests.tables import Tables, filled

STAGE_FACTS = [(fact, instant) for fact, instant in EXAMPLES if isinstance(fact, STAGES.reads)]
NOW = at(200)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tables(database: Callable[[str], Database]) -> AsyncIterator[Tables]:
    async with filled(database("kpi"), recorded(*STAGE_FACTS), STAGES) as tables:
        yield tables


async def history(tables: Tables, effective_at: datetime | None = None, as_of: datetime | None = None) -> StageHistory:
    return await stage_history(tables, OPPORTUNITY_1, shipped_calendar(), NOW, as_of=as_of, effective_at=effective_at)


async def test_every_visit_has_its_dwell_in_three_clocks(tables: Tables) -> None:
    visits = (await history(tables)).visits
    assert [(visit.stage, visit.visit, visit.left_how) for visit in visits] == [
        ("first_contact", 1, "advanced"),
        ("demand_diagnosis", 1, "advanced"),
        ("solution_design", 1, "regressed"),
        ("demand_diagnosis", 2, "advanced"),
        ("solution_design", 2, "advanced"),
        ("quotation", 1, "advanced"),
        ("contract_signing", 1, "won"),
        ("contract_signing", 2, "won"),
    ]
    assert (visits[1].dwell.wall, visits[1].dwell.business) == (82_800, 23_400)
    assert visits[1].package is not None
    assert (visits[1].package.required, visits[1].package.on_time) == (3, 3)


async def test_an_open_visit_dwells_until_the_instant_asked_for(tables: Tables) -> None:
    """effective_at: at hour 51 the deal had been in solution design since hour 49"""
    then = await history(tables, effective_at=at(51))
    visit = then.visits[-1]
    assert (visit.stage, visit.left_at, visit.provisional) == ("solution_design", None, True)
    assert visit.dwell.wall == 7200
    assert then.at == at(51)
    assert len(then.refusals) == 1
    assert then.refusals[0].missing == ["budget_confirmation_screenshot"]


async def test_what_was_recorded_later_is_not_known_yet(tables: Tables) -> None:
    then = await history(tables, as_of=at(28))
    assert [visit.stage for visit in then.visits] == ["first_contact", "demand_diagnosis"]
    assert then.refusals == []
    assert then.visits[-1].dwell.wall == (NOW - at(26)) / timedelta(seconds=1)


async def test_the_owner_is_whoever_has_the_deal_now(tables: Tables) -> None:
    assert await owner_of(tables, OPPORTUNITY_1) == REP_LI
    assert await owner_of(tables, OPPORTUNITY_2) == REP_WANG
    assert await owner_of(tables, "unknown") is None


def test_every_mark_of_a_requirement_is_kept() -> None:
    rows = [row for _, _, row in fold_all(STAGES, recorded(*STAGE_FACTS))]
    marks = sorted((row for row in rows if isinstance(row, MarkRow)), key=lambda row: row.version)
    assert [row.mode for row in marks if row.visit == 1] == ["normal", "normal", "normal", "invalidated", "normal"]
    assert "carried-over" in {row.mode for row in marks if row.visit == 2}


def test_deals_fold_in_any_order() -> None:
    facts = recorded(*STAGE_FACTS)
    reordered = sorted(facts, key=lambda one: (one.stream, one.version), reverse=False)
    backwards = sorted(reordered, key=lambda one: one.stream, reverse=True)
    assert fold_all(STAGES, reordered) == fold_all(STAGES, backwards) == fold_all(STAGES, facts)


def test_a_transfer_gives_the_open_visit_to_the_new_owner() -> None:
    rows = [row for _, key, row in fold_all(STAGES, recorded(*STAGE_FACTS)) if key == OPPORTUNITY_2]
    assert [row.owner_id for row in rows if isinstance(row, VisitRow)] == [REP_WANG]
