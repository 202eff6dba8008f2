"""Leads over HTTP: they come in, find a rep, are worked on; who sees what; pools and their races."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from libs.events.testing.instants import shanghai
from libs.service.testing.office import Office

HE, ZHOU, SUN, CONNECTOR = "owner-he", "manager-zhou", "director-sun", "connector"
TAGS = [
    {"dimension": "industry", "value": "manufacturing/auto"},
    {"dimension": "budget", "value": "500k-2m"},
    {"dimension": "interaction", "value": "3"},
    {"dimension": "region", "value": "jiangsu/suzhou"},
]


@pytest.fixture(scope="module", autouse=True)
async def people(office: Office) -> None:
    """Two reps of Zhou's, of whom Wang fits better, and a pool."""
    await office.post(HE, "/departments", {"department_id": "sales", "name": "销售部", "head_id": SUN})
    await office.post(HE, "/teams", {"team_id": "east", "name": "华东一组", "department_id": "sales"})
    manager = {"rep_id": ZHOU, "name": "周经理", "roles": ["manager"], "team_id": "east"}
    await office.post(HE, "/reps", manager)
    for rep_id, region in (("li", "zhejiang"), ("wang", "jiangsu")):
        rep = {"rep_id": rep_id, "name": rep_id, "roles": ["rep"], "team_id": "east", "manager_id": ZHOU}
        await office.post(HE, "/reps", rep)
        await office.post(ZHOU, f"/reps/{rep_id}/skills", {"dimension": "region", "skills": [{"value": region}]})
        await office.post(ZHOU, f"/reps/{rep_id}/capacity", {"max_weighted_load": "2", "daily_new_cap": 100})
    await office.post(HE, "/pools", {"pool_id": "pool-east", "name": "华东公海"})
    await office.post(HE, "/pools/pool-east/rules", {"claims_per_day": 5})


async def capture(office: Office, external_id: str, channel: str = "expo", **more: Any) -> str:
    """The id of a lead that came in."""
    body = {
        "source": {"channel": channel, "external_id": external_id},
        "company": "苏州精工有限公司",
        "contacts": [{"name": "王芳", "phone": "13900000001"}],
        "tags": TAGS,
        **more,
    }
    return str((await office.post(CONNECTOR, "/leads", body))["id"])


async def test_a_lead_finds_its_rep_is_worked_on_and_becomes_an_opportunity(office: Office) -> None:
    """F2, F3, 3.1.6"""
    lead_id = await capture(office, "one")
    lead = await office.get("wang", f"/leads/{lead_id}")
    assert (lead["state"], lead["owner_id"], lead["tier"]) == ("assigned", "wang", "A")
    assert lead["contacts"][0]["phone"] == "13900000001"
    assert lead["accept_by"] == "2026-03-02T04:00:00Z"
    assert (await office.request("li", "GET", f"/leads/{lead_id}")).status_code == 404
    assert [one["owner_name"] for one in await office.items(ZHOU, "/leads")] == ["wang"]

    explained = await office.items("wang", f"/leads/{lead_id}/routing-explanations")
    assert [one["winner"] for one in explained] == ["wang"]
    assert {one["rep_id"] for one in explained[0]["candidates"]} == {"li", "wang"}

    note = {"kind": "call", "duration_s": 60, "direction": "out", "text": "客户确认三月底前需要报价"}
    await office.post("wang", f"/leads/{lead_id}/activities", note)
    await office.post("wang", f"/leads/{lead_id}/activities", note)
    history = await office.items("wang", f"/leads/{lead_id}/history")
    acts = [one["data"] for one in history if one["type"] == "lead-activity-recorded.v1"]
    assert [one.get("why_not") for one in acts] == [None, "REPEATED_TEXT"]
    assert "客户确认" not in str(history)
    assert "lead-first-responded.v1" in {one["type"] for one in history}

    body = {"amount": "300000", "currency": "CNY"}
    await office.post("wang", f"/leads/{lead_id}/convert", body)
    assert (await office.get("wang", f"/leads/{lead_id}"))["state"] == "converted"
    again = await office.refused("wang", f"/leads/{lead_id}/convert", body)
    assert (again["status"], again["code"]) == (409, "CONFLICT_STATE")


async def test_the_second_capture_answers_the_first_ones_id(office: Office) -> None:
    """3.1.3-9"""
    body = {"source": {"channel": "form", "external_id": "twice"}, "company": "A", "tags": TAGS}
    first = await office.request(CONNECTOR, "POST", "/leads", body)
    second = await office.request(CONNECTOR, "POST", "/leads", {**body, "company": "A Ltd"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert (await office.get(HE, f"/leads/{first.json()['id']}"))["captures"] == 2
    await office.post(HE, f"/leads/{first.json()['id']}/disqualify", {"reason_code": "test"})


async def test_a_lead_that_is_not_accepted_in_time_goes_to_the_next_rep(office: Office) -> None:
    """3.1.2"""
    lead_id = await capture(office, "slow")
    assert (await office.get(ZHOU, f"/leads/{lead_id}"))["owner_id"] == "wang"
    await office.until(shanghai("2026-03-02 17:00"))
    moved = await office.get(ZHOU, f"/leads/{lead_id}")
    assert (moved["owner_id"], moved["state"]) == ("li", "assigned")
    await office.post("li", f"/leads/{lead_id}/accept")
    await office.post("li", f"/leads/{lead_id}/disqualify", {"reason_code": "no_need"})


async def test_when_all_are_full_a_lead_is_held_and_routed_as_soon_as_there_is_room(office: Office) -> None:
    """3.1.7"""
    taken = [await capture(office, f"full-{number}") for number in range(4)]
    waiting = await capture(office, "full-4")
    held = await office.items(ZHOU, "/leads?held=true")
    assert [(one["lead_id"], one["held_reason"]) for one in held] == [(waiting, "FULL")]
    owner = (await office.get(ZHOU, f"/leads/{taken[0]}"))["owner_id"]
    await office.post(owner, f"/leads/{taken[0]}/disqualify", {"reason_code": "no_need"})
    assert (await office.get(ZHOU, f"/leads/{waiting}"))["owner_id"] == owner
    for lead_id in (*taken[1:], waiting):
        await office.post(ZHOU, f"/leads/{lead_id}/disqualify", {"reason_code": "test"})


async def test_a_pooled_lead_is_masked_and_claimed_by_exactly_one(office: Office) -> None:
    """3.1.8-2, 3.1.3-10"""
    claimers = [f"claimer-{number}" for number in range(8)]
    for rep_id in claimers:
        await office.post(HE, "/reps", {"rep_id": rep_id, "name": rep_id, "roles": ["rep"]})
    lead_id = await capture(office, "pooled")
    await office.post(HE, f"/leads/{lead_id}/assign", {"rep_id": "li", "reason": "老客户"})
    await office.post("li", f"/leads/{lead_id}/release", {"reason": "北方客户", "pool_id": "pool-east"})

    (listed,) = await office.items("claimer-0", "/pools/pool-east/leads")
    assert (listed["company"], listed["contacts"]) == ("苏州***", 1)
    masked = await office.get("claimer-0", f"/leads/{lead_id}")
    assert (masked["masked"], masked["contacts"], masked["company"]) == (True, [], "苏州***")
    cooling = await office.refused("li", f"/leads/{lead_id}/claim")
    assert (cooling["status"], cooling["code"]) == (409, "COOL_DOWN")

    answers = await asyncio.gather(*(office.request(rep_id, "POST", f"/leads/{lead_id}/claim") for rep_id in claimers))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 7}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {one["code"] for one in refused} == {"LEAD_ALREADY_CLAIMED"}
    assert all("claimed_at" in one for one in refused)
    assert await office.items("claimer-0", "/pools/pool-east/leads") == []


async def test_a_policy_is_simulated_over_the_stored_evaluations(office: Office) -> None:
    """3.1.8-9"""
    weights = {"industry": "0.30", "budget": "0.20", "interaction": "0.15", "region": "0.00", "product": "0.35"}
    draft = {"rule_id": "routing-default", "name": "x", "document": {"weights": weights}}
    await office.post(HE, "/routing-policies", draft)
    refused = await office.refused(HE, "/routing-policies/routing-default/publish")
    assert (refused["status"], refused["code"]) == (409, "SIMULATION_REQUIRED")
    await office.post(HE, "/routing-policies/routing-default/simulate", {"days": 30})
    report = (await office.get(HE, "/routing-policies/routing-default"))["draft"]["simulation"]
    assert report["replayed"] > 0
    assert report["changed"] >= 0
    await office.post(HE, "/routing-policies/routing-default/publish")


async def test_reps_calendars_and_teams_can_be_read_page_by_page(office: Office) -> None:
    """3.1.6"""
    first = await office.get(HE, "/reps?limit=3")
    assert len(first["items"]) == 3
    second = await office.get(HE, f"/reps?limit=3&cursor={first['next']}")
    assert first["items"][-1]["rep_id"] < second["items"][0]["rep_id"]
    assert [one["rep_id"] for one in await office.items("li", "/reps")] == ["li"]
    assert (await office.request("li", "GET", "/reps/wang")).status_code == 404
    assert (await office.get(ZHOU, "/reps/wang"))["skills"] == {"region": {"jiangsu": "1"}}
    calendar = {"calendar_id": "urumqi", "version": "1", "zone": "Asia/Urumqi"}
    await office.post(HE, "/calendars", calendar)
    await office.post(HE, "/calendars/urumqi/assign", {"scope": "person", "subject_id": "li"})
    (listed,) = await office.items("li", "/calendars")
    assert listed["assigned_to"] == ["person:li"]
    assert [one["team_id"] for one in await office.items("li", "/teams")] == ["east"]
    assert [one["head_id"] for one in await office.items("li", "/departments")] == [SUN]
    assert [one["pool_id"] for one in await office.items("li", "/pools")] == ["pool-east"]
    pages = await office.get(HE, "/leads?limit=1")
    more = await office.get(HE, f"/leads?limit=1&cursor={pages['next']}")
    assert pages["items"][0]["lead_id"] != more["items"][0]["lead_id"]
