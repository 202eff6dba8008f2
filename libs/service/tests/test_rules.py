"""A kind of rule over HTTP on a real database: its life, its versions, and what decisions see of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from dev.provision import Database
from libs.events.contracts.examples.ids import TENANT
from libs.events.reading import Reader
from libs.rules.reference import REFERENCE, load_calendars, load_rulebook
from libs.rules.tests.limits import KIND, STRICT, Limits
from libs.service.organisation import PEOPLE
from libs.service.rules import rule_router
from libs.service.service import Service
from libs.service.testing.office import Office, open_office
from libs.service.tests.conftest import NOON

LIMITS = {"name": "Limits", "document": {"hours": 12}}
Call = Callable[..., Awaitable[httpx2.Response]]


async def count_leads(read: Reader, document: Limits, days: int) -> dict[str, Any]:
    """A replay that needs no log."""
    return {"replayed": document.hours * days}


SERVICE = Service(
    name="lead-routing",
    title="Limits",
    routers=(rule_router("limits", KIND, simulate=count_leads), rule_router("strict-limits", STRICT)),
    projections=(REFERENCE, PEOPLE),
)


@pytest.fixture(scope="module")
async def office(database: Callable[[str], Database], servers: Any, topic_prefix: str) -> AsyncIterator[Office]:
    """Two who may change rules, and everybody else."""
    roles = {"he": ["process-owner"], "sun": ["process-owner"]}
    async with open_office(SERVICE, database(SERVICE.name), servers.kafka, topic_prefix, NOON, roles) as running:
        yield running


@pytest.fixture
def call(office: Office) -> Call:
    """`await call("/limits", {...}, who="li")`: a POST, or without a body a GET."""

    async def send(path: str, body: Any = None, *, who: str = "he", **params: Any) -> httpx2.Response:
        return await office.request(who, "GET" if body is None else "POST", path, body or None, params=params or None)

    return send


async def publish(call: Call, rule_id: str, hours: int) -> None:
    """Draft, simulate, publish."""
    await call("/limits", {**LIMITS, "rule_id": rule_id, "document": {"hours": hours}})
    await call(f"/limits/{rule_id}/simulate", {})
    answer = await call(f"/limits/{rule_id}/publish", {})
    assert answer.status_code == 200, answer.text


async def test_a_rule_is_drafted_checked_simulated_approved_and_published(call: Call) -> None:
    drafted = await call("/limits", {**LIMITS, "document": {"hours": 72}})
    rule_id = drafted.json()["id"]
    assert (drafted.status_code, drafted.headers["location"]) == (201, f"/v1/limits/{rule_id}")
    refused = await call(f"/limits/{rule_id}/publish", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "SIMULATION_REQUIRED")
    for step in ("lint", "simulate", "approve", "publish"):
        answer = await call(f"/limits/{rule_id}/{step}", {"days": 7} if step == "simulate" else {})
        assert answer.status_code == 200, answer.text
        if step == "approve":
            draft = (await call(f"/limits/{rule_id}")).json()["draft"]
            assert draft["simulation"] == {"days": 7, "replayed": 72 * 7}
            assert (draft["findings"][0]["severity"], draft["approved_by"]) == ("warning", ["he"])
    shown = await call(f"/limits/{rule_id}")
    body = shown.json()
    assert (body["state"], body["version"], body["document"]["hours"], body["draft"]) == ("published", 1, 72, None)
    assert shown.headers["etag"] == f'"{body["stream_version"]}"' == '"5"'


async def test_versions_stay_as_they_were(call: Call) -> None:
    await publish(call, "kept", 12)
    await publish(call, "kept", 13)
    await call("/limits/kept/rollback", {"version": 1, "reason": "worse"})
    versions = (await call("/limits/kept")).json()["versions"]
    told = [(one["version"], one["document"]["hours"], one["restored_version"]) for one in versions]
    assert told == [(1, 12, None), (2, 13, None), (3, 12, 1)]


async def test_a_rule_stands_still_is_resumed_and_goes(call: Call) -> None:
    await publish(call, "moody", 12)
    states = []
    for step, body in (("suspend", {"reason": "loud"}), ("resume", {}), ("retire", {"reason": "over"})):
        answer = await call(f"/limits/moody/{step}", body)
        assert answer.status_code == 200, answer.text
        states.append((await call("/limits/moody")).json()["state"])
    assert states == ["suspended", "published", "retired"]


async def test_a_document_that_does_not_fit_is_refused_by_its_field(call: Call) -> None:
    answer = await call("/limits", {**LIMITS, "document": {"hours": 0, "extra": 1}})
    assert (answer.status_code, answer.json()["code"]) == (422, "VALIDATION")
    assert {one["pointer"] for one in answer.json()["errors"]} == {"/document/hours", "/document/extra"}


async def test_a_reason_is_needed_to_suspend(call: Call) -> None:
    await publish(call, "reasons", 12)
    assert (await call("/limits/reasons/suspend", {"reason": ""})).status_code == 422


async def test_four_eyes_over_http(call: Call) -> None:
    await call("/strict-limits", {**LIMITS, "rule_id": "four"})
    assert (await call("/strict-limits/four/approve", {})).status_code == 403
    refused = await call("/strict-limits/four/publish", {"override": "now"})
    assert (refused.status_code, refused.json()["code"]) == (409, "APPROVAL_REQUIRED")
    assert (await call("/strict-limits/four/approve", {}, who="sun")).status_code == 200
    simulated = await call("/strict-limits/four/simulate", {})
    assert simulated.status_code == 200
    report = (await call("/strict-limits/four")).json()["draft"]["simulation"]
    assert (report["replayed"], "no replay" in report["note"]) == (0, True)
    assert (await call("/strict-limits/four/publish", {})).status_code == 200


async def test_only_those_who_may_change_rules_do_and_all_may_look(call: Call) -> None:
    assert (await call("/limits", LIMITS, who="li")).status_code == 403
    assert (await call("/limits", who="li")).status_code == 200


async def test_a_rule_of_another_kind_or_none_is_not_found(call: Call) -> None:
    await publish(call, "ours", 12)
    assert (await call("/strict-limits/ours")).status_code == 404
    assert (await call("/strict-limits/ours/publish", {})).status_code == 404
    assert (await call("/strict-limits/ours/simulate", {})).status_code == 404
    assert (await call("/limits/nothing")).status_code == 404


async def test_the_list_shows_shipped_drafted_and_published_rules_in_pages(call: Call) -> None:
    await publish(call, "zz-published", 12)
    await call("/limits", {**LIMITS, "rule_id": "zz-draft"})
    first = (await call("/limits", limit=1)).json()
    found, cursor = [*first["items"]], first["next"]
    while cursor:
        page = (await call("/limits", limit=1, cursor=cursor)).json()
        found, cursor = [*found, *page["items"]], page["next"]
    ids = [one["rule_id"] for one in found]
    assert ids == sorted(ids)
    states = {one["rule_id"]: (one["state"], one["version"]) for one in found}
    assert states["limits"] == ("shipped", 0)
    assert states["zz-draft"] == ("draft", None)
    assert states["zz-published"] == ("published", 1)
    drafts = (await call("/limits", state="draft")).json()["items"]
    assert {one["state"] for one in drafts} == {"draft"}


async def test_a_published_rule_holds_for_the_next_decision(call: Call, office: Office) -> None:
    """S-30: a publication is seen by the next command, without any restart."""
    reader = office.equipment.runner.reader(TENANT)
    await publish(call, "seen", 12)
    before = await load_rulebook(reader)
    assert await load_rulebook(reader) is before
    await publish(call, "seen", 13)
    after = await load_rulebook(reader)
    newest, earlier = after.get("seen"), after.version("seen", 1)
    assert newest is not None
    assert earlier is not None
    assert (newest.parsed(Limits).hours, earlier.parsed(Limits).hours) == (13, 12)
    assert (await load_rulebook(replace(reader, tenant="tenantother"))).get("seen") is None


async def test_calendars_are_the_same_object_while_nothing_changes(office: Office) -> None:
    reader = office.equipment.runner.reader(TENANT)
    calendars = await load_calendars(reader, NOON)
    assert await load_calendars(reader, NOON + timedelta(days=1)) is calendars
    assert calendars.of("li").calendar_id == calendars.tenant_default


async def test_a_dry_run_shows_what_would_happen(call: Call) -> None:
    answer = await call("/limits", {**LIMITS, "rule_id": "dry"}, dry_run="true")
    assert [fact["type"] for fact in answer.json()["facts"]] == ["rule-drafted.v1"]
    assert (await call("/limits/dry")).status_code == 404
