"""Figures over HTTP: who sees which, and where each comes from."""

from __future__ import annotations

from decimal import Decimal

import pytest

from libs.events.contracts.examples.ids import (
    MANAGER_ZHOU,
    OPPORTUNITY_1,
    OWNER_HE,
    REP_CHEN,
    REP_LI,
    REP_WANG,
)
from libs.events.contracts.examples.pipeline import EXAMPLES
from libs.service.testing.office import PEOPLE, Office
from services.kpi.process_health.tests.deals import advanced, day, opened, refused, satisfied


@pytest.fixture(scope="module")
async def busy(office: Office) -> Office:
    """The office after the story's deals, ten more of Li's, and three refusals of one gate."""
    facts = [fact for fact, _ in EXAMPLES]
    for number in range(10):
        deal = f"deal-{number}"
        facts += [one for one, _ in (opened(deal, REP_LI, day(2)), satisfied(deal, REP_LI, "minutes", day(3)))]
        facts.append(advanced(deal, REP_LI, day(4), package=(2, 1, 0))[0])
    await office.hear(*facts)
    await office.hear(*(refused(f"gate-{rep}", rep, ["budget"], day(9))[0] for rep in (REP_LI, REP_WANG, REP_CHEN)))
    return office


async def test_the_funnel_shows_everybody_to_the_process_owner(busy: Office) -> None:
    """3.5.5"""
    report = await busy.get(OWNER_HE, "/reports/funnel", by="owner")
    assert report["zone"] == "Asia/Shanghai"
    rows = {row["group"]: row for row in report["rows"]}
    reps = {fact.rep_id for fact in PEOPLE if "rep" in getattr(fact, "roles", ())}
    assert reps <= set(rows)
    assert (rows[REP_LI]["opened"], rows[REP_LI]["won"], rows[REP_LI]["won_value"]) == (12, 1, {"CNY": "286000"})
    assert (rows[REP_WANG]["lost"], rows[REP_WANG]["win_rate"]) == (1, "0.000000")
    assert (report["totals"]["opened"], report["totals"]["win_rate"]) == (12, "0.500000")
    for by in ("manager", "region", "product"):
        grouped = await busy.get(OWNER_HE, "/reports/funnel", by=by)
        assert sum(row["opened"] for row in grouped["rows"]) == 12


async def test_a_rep_sees_own_rows_only(busy: Office) -> None:
    """3.5.3-9"""
    report = await busy.get(REP_WANG, "/reports/funnel", by="owner")
    assert [row["group"] for row in report["rows"]] == [REP_WANG]
    assert report["totals"]["opened"] == 0
    health = await busy.get(REP_WANG, "/reports/process-health", month="2026-03")
    assert [row["person_id"] for row in health["rows"]] == [REP_WANG]
    hidden = await busy.request(REP_WANG, "GET", f"/people/{REP_LI}/process-health?month=2026-03")
    unknown = await busy.request(REP_WANG, "GET", "/people/nobody/process-health?month=2026-03")
    assert hidden.status_code == unknown.status_code == 404
    metric = await busy.request(REP_WANG, "GET", f"/metrics/process_health?subject={REP_LI}&period=2026-03")
    assert metric.status_code == 404


async def test_the_facts_behind_a_figure_are_listed_in_pages(busy: Office) -> None:
    query = {"by": "owner", "group": REP_LI, "figure": "opened", "limit": 5}
    facts, cursor = [], None
    while True:
        page = await busy.get(OWNER_HE, "/reports/funnel/lineage", **query, **({"cursor": cursor} if cursor else {}))
        facts += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert len({fact["event_id"] for fact in facts}) == 12
    assert {fact["type"] for fact in facts} == {"opportunity-opened.v1"}


async def test_a_deals_stages_are_seen_in_three_clocks(busy: Office) -> None:
    history = await busy.get(REP_LI, f"/opportunities/{OPPORTUNITY_1}/stage-history")
    assert [visit["stage"] for visit in history["visits"]][:2] == ["first_contact", "demand_diagnosis"]
    assert history["visits"][0]["dwell"] == {"wall": 90_000, "workday": 90_000, "business": 30_600}
    assert (await busy.request(REP_WANG, "GET", f"/opportunities/{OPPORTUNITY_1}/stage-history")).status_code == 404
    open_one = await busy.get(REP_LI, "/opportunities/deal-0/stage-history")
    assert open_one["visits"][-1]["provisional"]
    assert open_one["visits"][-1]["dwell"]["wall"] == 7 * 24 * 3600


async def test_a_metric_is_recomputed_from_its_lineage(busy: Office) -> None:
    """3.5.7-8: of 26 required actions 16 on time, the others missing"""
    query = {"subject": REP_LI, "period": "2026-03"}
    metric = await busy.get(MANAGER_ZHOU, "/metrics/action_completion_raw", **query)
    page = await busy.get(MANAGER_ZHOU, "/metrics/action_completion_raw/lineage", **query, limit=200)
    parts = [fact["part"] for fact in page["items"]]
    assert (metric["n"], len(parts)) == (26, 26)
    assert round(Decimal(parts.count("on_time")) / len(parts), 6) == Decimal(metric["value"])
    first = await busy.get(MANAGER_ZHOU, "/metrics/action_completion_raw/lineage", **query, limit=20)
    rest = await busy.get(
        MANAGER_ZHOU, "/metrics/action_completion_raw/lineage", **query, limit=20, cursor=first["next"]
    )
    assert [*first["items"], *rest["items"]] == page["items"]


async def test_every_metric_answers(busy: Office) -> None:
    for code in ("action_completion_effective", "dwell_deviation", "jump_frequency", "process_health"):
        query = {"subject": REP_LI, "period": "2026-03"}
        metric = await busy.get(OWNER_HE, f"/metrics/{code}", **query)
        assert metric["neutral"] == (metric["value"] is None)
        assert len(metric["inputs_hash"]) == 64
        await busy.get(OWNER_HE, f"/metrics/{code}/lineage", **query)


async def test_a_neutral_month_says_why(busy: Office) -> None:
    """3.5.6"""
    health = await busy.get(OWNER_HE, f"/people/{REP_WANG}/process-health", month="2026-02")
    assert (health["score"], health["neutral"]) == (None, True)
    assert len(health["why"]) == 2


async def test_three_refusals_of_three_reps_are_found_by_themselves(busy: Office) -> None:
    """F4, S-65"""
    report = await busy.get(OWNER_HE, "/reports/gate-friction", **{"from": "2026-03-09"})
    (found,) = report["items"]
    assert (found["stage"], found["rejections"], found["reps"]) == ("demand_diagnosis", 3, 3)
    assert found["missing"] == {"budget": 3}
    assert found["found_at"] is not None


async def test_questions_that_make_no_sense_are_refused(busy: Office) -> None:
    for path in (
        "/reports/funnel?from=2026-03-02&to=2026-03-02",
        "/reports/funnel?by=weather",
        "/reports/process-health?month=2026-13",
        f"/metrics/luck?subject={REP_LI}&period=2026-03",
    ):
        assert (await busy.request(OWNER_HE, "GET", path)).status_code == 422
