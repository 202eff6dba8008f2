"""Deals that are reopened, handed over, recorded late; asked for as of then."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest_asyncio

from dev.provision import Database
from libs.events.contracts.common import Elapsed
from libs.events.contracts.examples.ids import OPPORTUNITY_1
from libs.events.contracts.examples.pipeline import EXAMPLES
from libs.events.contracts.lead_routing import RepRegistered, TeamRegistered
from libs.events.contracts.pipeline import (
    AccountRegistered,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
    Package,
)
from libs.events.facts import Money, Recorded
from libs.events.testing.folding import fold_all, recorded
from libs.service.people import PEOPLE
from services.kpi.deals.funnel import Filters, FunnelRow, funnel
from services.kpi.deals.lineage import facts_behind
from services.kpi.deals.projections import CATALOGUE, DEALS, TurnRow
from services.kpi.tests.tables import Tables, filled

ZONE = "Asia/Shanghai"
NOTHING, NO_TIME = Package(required=0, on_time=0), Elapsed(wall=0, workday=0, business=0)


def day(number: int, hour: int = 12) -> datetime:
    """An hour in Shanghai on a day of March 2026."""
    return datetime(2026, 3, number, tzinfo=UTC) + timedelta(hours=hour - 8)


def opened(
    deal: str, owner: str, on: int, account: str = "haier", hour: int = 12
) -> tuple[OpportunityOpened, datetime]:
    fact = OpportunityOpened(
        opportunity_id=deal,
        name=deal,
        owner_id=owner,
        account_id=account,
        definition_id="default-b2b",
        definition_version=0,
        stage="first_contact",
        opened_at=day(on, hour),
    )
    return fact, day(on, hour)


def won(deal: str, owner: str, on: int, amount: int, currency: str = "CNY") -> tuple[OpportunityWon, datetime]:
    fact = OpportunityWon(
        opportunity_id=deal,
        owner_id=owner,
        stage="first_contact",
        visit=1,
        amount=Money(amount=Decimal(amount), currency=currency),
        entered_at=day(on),
        won_at=day(on),
        dwell=NO_TIME,
        package=NOTHING,
        definition_version=0,
    )
    return fact, day(on)


def lost(deal: str, owner: str, on: int) -> tuple[OpportunityLost, datetime]:
    fact = OpportunityLost(
        opportunity_id=deal,
        owner_id=owner,
        stage="first_contact",
        visit=1,
        reason_code="no_budget",
        entered_at=day(on),
        lost_at=day(on),
        dwell=NO_TIME,
        package=NOTHING,
    )
    return fact, day(on)


def transferred(deal: str, giver: str, taker: str, on: int) -> tuple[OpportunityTransferred, datetime]:
    fact = OpportunityTransferred(opportunity_id=deal, from_owner=giver, to_owner=taker, transferred_at=day(on))
    return fact, day(on)


def reopened(deal: str, owner: str, on: int) -> tuple[OpportunityReopened, datetime]:
    fact = OpportunityReopened(
        opportunity_id=deal,
        owner_id=owner,
        stage="first_contact",
        next_visit=2,
        was="won",
        reason="the contract was not signed",
        approver="zhou",
        reopened_at=day(on),
    )
    return fact, day(on)


STORY = [
    opened("A", "li", 2),
    transferred("A", "li", "wang", 4),
    won("A", "wang", 6, 100),
    reopened("A", "wang", 9),
    won("A", "wang", 12, 90),
    opened("B", "li", 3),
    won("B", "li", 5, 40, "USD"),
    opened("C", "li", 3, account="unknown"),
    lost("C", "li", 20),
    opened("D", "chen", 10),
    opened("E", "chen", 15, hour=1),
]
PEOPLE_FACTS = [
    TeamRegistered(team_id="east", name="East", region="east"),
    RepRegistered(rep_id="li", name="Li", roles=["rep"], team_id="east", manager_id="zhou", effective_from=day(1)),
    RepRegistered(rep_id="wang", name="Wang", roles=["rep"], team_id="east", manager_id="zhou", effective_from=day(1)),
    AccountRegistered(account_id="haier", name="海尔", region="north"),
]
OCCURRED_LATE = timedelta(days=10)


def late(one: Recorded) -> Recorded:
    """The loss of C was recorded ten days after it happened."""
    return replace(one, recorded_at=one.recorded_at + OCCURRED_LATE) if isinstance(one.fact, OpportunityLost) else one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tables(database: Callable[[str], Database]) -> AsyncIterator[Tables]:
    facts = [late(one) for one in recorded(*STORY, *PEOPLE_FACTS)]
    async with filled(database("kpi"), facts, DEALS, CATALOGUE, PEOPLE) as tables:
        yield tables


async def figures(tables: Tables, by: str = "owner", **asked: object) -> dict[str | None, FunnelRow]:
    rows = await funnel(tables, by, Filters(ZONE, **asked))
    return {"total" if row.total else row.group: row for row in rows}


async def test_a_win_that_was_reopened_counts_once(tables: Tables) -> None:
    rows = await figures(tables)
    assert (rows["wang"].won, rows["wang"].reopened) == (1, 1)
    assert rows["total"].won_value == {"CNY": Decimal(90), "USD": Decimal(40)}
    assert rows["wang"].median_days_to_win == 10


async def test_the_first_win_counted_until_it_was_reopened(tables: Tables) -> None:
    """effective_at: only what had happened by then"""
    rows = await figures(tables, effective_at=day(8))
    assert rows["wang"].won_value == {"CNY": Decimal(100)}
    assert (rows["total"].won, rows["total"].open) == (2, 1)


async def test_what_was_recorded_later_is_not_in_a_report_as_of_then(tables: Tables) -> None:
    """as_of: only what was recorded by then"""
    assert (await figures(tables, as_of=day(21)))["total"].lost == 0
    assert (await figures(tables))["total"].lost == 1


async def test_a_deal_belongs_to_whoever_has_it(tables: Tables) -> None:
    rows = await figures(tables, start=date(2026, 3, 1), end=date(2026, 3, 5))
    assert (rows["li"].opened, rows["li"].open, rows["wang"].open) == (3, 2, 1)
    assert (rows["li"].peak_open, rows["wang"].peak_open, rows["total"].peak_open) == (3, 1, 3)


async def test_days_are_those_of_the_tenants_zone(tables: Tables) -> None:
    """E was opened on the 15th at 01:00 in Shanghai, on the 14th in UTC."""
    assert (await figures(tables, start=date(2026, 3, 15), end=date(2026, 3, 16)))["total"].opened == 1
    assert (await figures(tables, start=date(2026, 3, 14), end=date(2026, 3, 15)))["total"].opened == 0


async def test_the_region_is_the_teams_else_the_accounts(tables: Tables) -> None:
    rows = await figures(tables, by="region")
    assert (rows["east"].opened, rows["north"].opened) == (3, 2)
    assert (await figures(tables, by="manager"))["zhou"].won == 2


async def test_nothing_at_all_is_a_row_of_zeros(tables: Tables) -> None:
    rows = await figures(tables, effective_at=day(1))
    assert rows == {"total": FunnelRow(None, total=True)}


async def test_a_back_dated_closing_ends_what_was_open_after_it(tables: Tables) -> None:
    """The transfer happened on the 4th; the days from there on are Wang's, up to the closing on the 6th."""
    rows = await figures(tables, start=date(2026, 3, 6), end=date(2026, 3, 9))
    assert "wang" not in rows or rows["wang"].peak_open == 0


async def test_the_peak_is_recounted_from_its_facts(tables: Tables) -> None:
    asked = Filters(ZONE)
    total = (await funnel(tables, "owner", asked))[-1]
    behind = await facts_behind(tables, "owner", None, "peak_open", asked)
    assert (total.peak_open, total.peak_day) == (3, date(2026, 3, 3))
    assert sorted(fact.opportunity_id for fact in behind) == ["A", "B", "C"]
    assert {fact.stream for fact in behind} == {f"pipeline/opportunity-{deal}" for deal in "ABC"}


def test_every_turn_of_the_story_is_a_row() -> None:
    rows = [row for _, _, row in fold_all(DEALS, recorded(*EXAMPLES)) if isinstance(row, TurnRow)]
    mine = sorted((row for row in rows if row.opportunity_id == OPPORTUNITY_1), key=lambda row: row.version)
    assert [row.kind for row in mine][-3:] == ["won", "reopened", "won"]
    assert [row.is_open for row in mine][-3:] == [False, True, False]


def test_deals_of_several_streams_fold_in_any_order() -> None:
    facts = recorded(*STORY)
    expected = fold_all(DEALS, facts)
    for deals in permutations("ABCDE"):
        shuffled = [one for deal in deals for one in facts if one.fact.opportunity_id == deal]
        assert fold_all(DEALS, shuffled) == expected
