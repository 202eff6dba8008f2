"""A rep's month out of facts, and every figure of it again out of its lineage."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest_asyncio

from dev.provision import Database
from libs.events.testing.folding import recorded
from libs.rules.calendars import shipped_calendar
from libs.rules.documents import PublishedRule, RuleBook
from services.kpi.asking import Span, month_span
from services.kpi.process_health.formulas import Packages, displayed, shrunk, winsorised_mean
from services.kpi.process_health.lineage import FactUsed, facts_of, noted_in
from services.kpi.process_health.months import Comparison, PersonMonth, inputs_hash, person_month
from services.kpi.process_health.tests.deals import (
    HOUR,
    Dated,
    advanced,
    day,
    invalidated,
    opened,
    refused,
    regressed,
    satisfied,
)
from services.kpi.process_health.visits import Visit, path_places, skips, visits_of
from services.kpi.stages.projections import STAGES
from services.kpi.tests.tables import Tables, filled

CALENDAR = shipped_calendar()
MARCH = month_span("2026-03", CALENDAR, day(10, month=4))
TEAMS: dict[str, str | None] = {"li": "east", "wang": "east", "chen": "west", "zhao": "east"}
REQUIREMENTS = ["minutes", "comparison", "budget", "contact"]
DEFINITION = PublishedRule(
    "default-b2b",
    1,
    "pipeline-definition",
    document={
        "stages": [
            {"code": "demand_diagnosis", "order": 2},
            {"code": "solution_design", "order": 3},
            {"code": "quotation", "order": 4},
            {"code": "won", "order": 9, "kind": "won"},
        ],
        "gates": [{"stage": "demand_diagnosis", "requirements": [{"code": code} for code in REQUIREMENTS]}],
    },
)
RULES = RuleBook([DEFINITION])


def li_in_march() -> Iterator[Dated]:
    """50 exits of 4 required actions: 182 on time, 6 backfilled, 12 missing (3.5.7-8)."""
    for number in range(50):
        deal = f"li-{number:02}"
        done, backfilled = (4, 0) if number < 32 else (3, 0) if number < 44 else (3, 1)
        yield opened(deal, "li", day(2))
        for requirement in REQUIREMENTS[:done]:
            yield satisfied(deal, "li", requirement, day(3))
        if backfilled:
            yield satisfied(deal, "li", REQUIREMENTS[3], day(3), "backfill")
        yield advanced(deal, "li", day(4), hours=10, package=(4, done, backfilled))


def others() -> Iterator[Dated]:
    for number in range(20):
        yield opened(f"wang-{number:02}", "wang", day(2, month=2))
        yield advanced(f"wang-{number:02}", "wang", day(20, month=2), hours=8)
    yield opened("chen-0", "chen", day(2))
    yield advanced("chen-0", "chen", day(3), hours=100)


def edges() -> Iterator[Dated]:
    """The first and the last instant of March in Shanghai, the one after; zhao skipped once and went back once."""
    for deal, left in (("z-1", day(1, 0)), ("z-2", day(31, 24)), ("z-3", day(31, 23.99)), ("z-4", day(9))):
        yield opened(deal, "zhao", day(20, month=2))
        yield advanced(deal, "zhao", left, to_stage="quotation" if deal == "z-1" else "solution_design")
    yield regressed("z-4", "zhao", day(10))
    yield opened("z-5", "zhao", day(2))
    yield opened("z-6", "zhao", day(31, 17))


@dataclass
class Scene:
    """The visits of March and all that figures need."""

    tables: Tables
    visits: list[Visit]
    comparison: Comparison

    def month(self, person: str, span: Span = MARCH) -> PersonMonth:
        return person_month(person, self.visits, self.comparison, span, lasted)

    async def lineage(self, code: str, month: PersonMonth) -> list[FactUsed]:
        noted = await noted_in(self.tables, month.exits)
        return facts_of(code, month, self.comparison, noted, RULES, lasted)


def lasted(visit: Visit) -> int:
    return int(CALENDAR.elapsed(visit.entered_at, MARCH.until, "business").total_seconds())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(database: Callable[[str], Database]) -> AsyncIterator[Scene]:
    async with filled(database("kpi"), recorded(*li_in_march(), *others(), *edges()), STAGES) as tables:
        visits = await visits_of(tables, MARCH, RULES)
        yield Scene(tables, visits, Comparison.of(visits, TEAMS))


async def test_required_actions_of_a_month_add_up(scene: Scene) -> None:
    """3.5.7-8, 4.3"""
    month = scene.month("li")
    assert month.packages == Packages(required=200, on_time=182, backfilled=6, exits=50, full=32)
    assert month.value("action_completion_raw") == Decimal("0.91")
    assert month.value("action_completion_effective") == Decimal("0.925")
    assert month.packages.integrity == Decimal("0.64")


async def test_the_lineage_of_action_completion_names_every_required_action(scene: Scene) -> None:
    """3.5.7-8: 200 requirement ids with 182 satisfied event ids, 12 missing, 6 backfilled"""
    facts = await scene.lineage("action_completion_raw", scene.month("li"))
    assert len({(fact.opportunity_id, fact.stage, fact.visit, fact.requirement) for fact in facts}) == 200
    parts = [fact.part for fact in facts]
    assert (parts.count("on_time"), parts.count("backfilled"), parts.count("missing")) == (182, 6, 12)
    assert len({fact.event_id for fact in facts if fact.part == "on_time"}) == 182
    assert {(fact.requirement, fact.event_id) for fact in facts if fact.part == "missing"} == {("contact", None)}
    assert Decimal(parts.count("on_time")) / len(facts) == scene.month("li").value("action_completion_raw")


async def test_dwell_is_held_against_the_team_without_oneself(scene: Scene) -> None:
    """4.2: leave-one-out mean of the team, at least 20 visits"""
    month = scene.month("li")
    assert month.dwell is not None
    (stage,) = month.stages
    assert (stage.n, stage.reference) == (50, winsorised_mean([8 * HOUR] * 23))
    assert stage.mean == shrunk(Decimal(50 * 10 * HOUR), 50, stage.reference)


async def test_a_small_team_is_held_against_the_tenant(scene: Scene) -> None:
    """4.2: else the tenant mean"""
    (stage,) = scene.month("chen").stages
    assert (stage.reference / HOUR).quantize(Decimal("0.01")) == Decimal("9.37")


async def test_dwell_deviation_is_recomputed_from_its_lineage(scene: Scene) -> None:
    facts = await scene.lineage("dwell_deviation", scene.month("li"))
    own = [fact.dwell for fact in facts if fact.part in ("visit", "open_visit")]
    reference = winsorised_mean([fact.dwell for fact in facts if fact.part == "reference"])
    assert reference is not None
    deviation = abs(shrunk(Decimal(sum(own)), len(own), reference) - reference) / reference
    assert deviation == scene.month("li").value("dwell_deviation")


async def test_months_begin_and_end_in_the_tenants_zone(scene: Scene) -> None:
    """The first instant belongs to the month, the one after the last does not."""
    exits = scene.month("zhao").exits
    assert [(visit.opportunity_id, visit.stage) for visit in exits] == [
        ("z-1", "demand_diagnosis"),
        ("z-3", "demand_diagnosis"),
        ("z-4", "demand_diagnosis"),
        ("z-4", "solution_design"),
    ]


async def test_open_visits_count_once_they_are_longer_than_the_reference(scene: Scene) -> None:
    """4.2: right-censored, a lower bound; z-6 is open for one hour"""
    counted = {visit.opportunity_id for visit in scene.month("zhao").lasting}
    assert "z-5" in counted
    assert "z-6" not in counted


async def test_skips_and_steps_back_are_jumps(scene: Scene) -> None:
    """4.4: of zhao's four transitions one skipped a stage and one went back"""
    month = scene.month("zhao")
    assert (month.jumps.transitions, month.jumps.skips, month.jumps.back) == (4, 1, 1)
    assert month.jumps.frequency == 50
    parts = [fact.part for fact in await scene.lineage("jump_frequency", month)]
    assert sorted(parts) == ["back", "move", "move", "skip"]


async def test_a_month_with_little_data_is_neutral_and_never_zero(scene: Scene) -> None:
    """3.5.6"""
    month = scene.month("zhao")
    assert month.score.value is None
    assert len(month.why) == 2
    assert {month.value(code) for code in ("action_completion_raw", "dwell_deviation", "jump_frequency")} == {None}
    assert scene.month("nobody").score.value is None


async def test_the_score_is_made_of_all_three(scene: Scene) -> None:
    """4.5"""
    month = scene.month("li")
    assert month.dwell is not None
    expected = 100 * (Decimal("0.4") * (1 - month.dwell.scored) + Decimal("0.4") * Decimal("0.91") + Decimal("0.2"))
    assert month.score.value is not None
    assert displayed(month.score.value, 6) == displayed(expected, 6)
    facts = await scene.lineage("process_health", month)
    assert len({fact.place for fact in facts}) == len(facts)


async def test_the_same_inputs_have_the_same_hash(scene: Scene) -> None:
    """3.5.3-1"""
    again = await visits_of(scene.tables, MARCH, RULES)
    comparison = Comparison.of(again, TEAMS)
    first = inputs_hash(scene.month("li"), "dwell_deviation", scene.comparison, MARCH, "v1")
    month = person_month("li", again, comparison, MARCH, lasted)
    assert inputs_hash(month, "dwell_deviation", comparison, MARCH, "v1") == first
    assert inputs_hash(month, "dwell_deviation", comparison, MARCH, "v2") != first


async def test_what_was_recorded_later_is_left_out(scene: Scene) -> None:
    """3.5.3-1: recorded_at ≤ snapshot"""
    visits = await visits_of(scene.tables, MARCH, RULES, as_of=day(3, 20))
    month = person_month("li", visits, Comparison.of(visits, TEAMS), MARCH, lasted)
    assert month.packages.required == 0


async def test_a_backfill_after_the_exit_raises_only_the_effective_completion(
    database: Callable[[str], Database],
) -> None:
    """3.5.7-4, 3.2.9-4"""
    story = [
        opened("d", "li", day(2)),
        satisfied("d", "li", "minutes", day(2)),
        satisfied("d", "li", "budget", day(2)),
        invalidated("d", "budget", day(2)),
        refused("d", "li", ["budget"], day(3)),
        advanced("d", "li", day(3), package=(2, 1, 0)),
        satisfied("d", "li", "budget", day(5), "backfill"),
    ]
    async with filled(database("kpi"), recorded(*story), STAGES) as tables:
        before = await visits_of(tables, MARCH, RULES, as_of=day(4))
        after = await visits_of(tables, MARCH, RULES)
        noted = await noted_in(tables, after)
        early = await noted_in(tables, before, day(4))
    months = [person_month("li", visits, Comparison.of(visits, TEAMS), MARCH, lasted) for visits in (before, after)]
    assert [month.packages.raw for month in months] == [Decimal("0.5"), Decimal("0.5")]
    assert [month.packages.effective for month in months] == [Decimal("0.5"), Decimal("0.75")]
    comparison = Comparison.of(after, TEAMS)
    then = facts_of("action_completion_raw", months[0], comparison, early, RULES, lasted)
    assert [(fact.part, fact.requirement) for fact in then] == [("missing", "budget"), ("on_time", "minutes")]
    now = facts_of("action_completion_raw", months[1], comparison, noted, RULES, lasted)
    assert [(fact.part, fact.requirement) for fact in now] == [("backfilled", "budget"), ("on_time", "minutes")]


def test_a_skip_leaves_out_a_stage_of_the_definition() -> None:
    """4.4, 3.2.3-3"""
    places = path_places(RULES, "default-b2b", 1)
    assert skips(places, "demand_diagnosis", "quotation")
    assert not skips(places, "demand_diagnosis", "solution_design")
    assert not skips(path_places(RULES, "unknown", 3), "demand_diagnosis", "quotation")


def test_a_month_is_that_of_the_calendars_zone() -> None:
    assert MARCH.start == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert CALENDAR.local_date(MARCH.end) == date(2026, 4, 1)
