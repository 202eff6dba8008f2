"""Races for a pooled lead over HTTP: one winner, and a limit a day."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from uuid_utils.compat import uuid7

from dev.clients import Clients
from dev.timeline import Timeline
from tests.integration.databases import value
from tests.integration.organisations import HE, LI, POOL, Person, build_organisation, pooled_lead, register

HONG = "hong"
SHANGHAI = ZoneInfo("Asia/Shanghai")
CLAIMERS = [f"claimer-{number}" for number in range(100)]


@pytest.fixture
def office(clients: Clients) -> Clients:
    """A tenant with an organisation and a pool; Hong claims leads and is given none."""
    build_organisation(clients)
    register(clients, Person(HONG, "洪销售", a_day=0))
    return clients


async def _sent(http: httpx2.AsyncClient, url: str, token: str, body: Any = None) -> httpx2.Response:
    """The answer to a command; sent again, with the same key, while it is not known whether it was taken."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid7())}
    while True:
        answer = await http.post(url, json=body, headers=headers)
        if answer.status_code != 503 and (answer.status_code != 429 or answer.json()["code"] != "RATE_LIMITED"):
            return answer
        await asyncio.sleep(float(answer.headers["Retry-After"]))


async def _hired(http: httpx2.AsyncClient, clients: Clients, person: str) -> str:
    """Somebody who works here from now on; their access token."""
    issuer, who = clients.stack.issuer, {"person": person, "tenant": clients.tenant}
    await http.post(f"{issuer}/people", json={**who, "name": person, "roles": ["rep"]})
    token = str((await http.post(f"{issuer}/token", json=who)).json()["access_token"])
    body = {"rep_id": person, "name": person, "roles": ["rep"]}
    url = f"{clients.stack.url('lead-routing')}/v1/reps"
    registered = await _sent(http, url, clients.token(clients.admin), body)
    assert registered.status_code == 201, registered.text
    return token


async def test_of_a_hundred_who_claim_a_lead_at_once_exactly_one_gets_it(office: Clients, timeline: Timeline) -> None:
    """3.1.8-2"""
    lead_id = pooled_lead(office, "raced")
    url = f"{office.stack.url('lead-routing')}/v1/leads/{lead_id}/claim"
    async with httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=len(CLAIMERS))) as http:
        tokens = await asyncio.gather(*(_hired(http, office, person) for person in CLAIMERS))
        answers = await asyncio.gather(*(_sent(http, url, token) for token in tokens))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 99}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"LEAD_ALREADY_CLAIMED"}
    (won,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert [fact["type"] for fact in won["facts"]][:2] == ["lead-claimed.v1", "claim-counted.v1"]
    assert _count(office, "lead-claimed.v1") == _count(office, "claim-counted.v1") == 1
    timeline.drain()
    owner = office.get(HE, "lead-routing", f"/v1/leads/{lead_id}")["owner_id"]
    assert owner in CLAIMERS
    reps = office.get(HE, "lead-routing", "/v1/reps?limit=200")["items"]
    assert [rep["rep_id"] for rep in reps if rep["load"] != "0"] == [owner]


def _count(clients: Clients, wire: str) -> int:
    """How many facts of a type the tenant's log has."""
    url = clients.stack.members["lead-routing"].database.owner_url
    sql = "select count(*) from log.events where tenant = $1 and type = $2 and own_seq is not null"
    found: int = value(url, sql, clients.tenant, wire)
    return found


def test_the_sixth_claim_of_a_day_waits_for_the_next_one(office: Clients, timeline: Timeline) -> None:
    """3.1.8-3"""
    leads = [pooled_lead(office, f"wanted-{number}") for number in range(6)]
    used = [_claim(office, HONG, lead_id) for lead_id in leads]
    assert [answer.status_code for answer in used] == [200] * 5 + [429]
    refused = used[-1].json()
    assert refused["code"] == "QUOTA"
    midnight = (timeline.now.astimezone(SHANGHAI) + timedelta(days=1)).replace(hour=0, minute=0)
    assert datetime.fromisoformat(refused["resets_at"]) == midnight
    assert "Retry-After" in used[-1].headers
    listed = office.get(LI, "lead-routing", f"/v1/pools/{POOL}/leads")["items"]
    assert [one["lead_id"] for one in listed] == [leads[-1]]


def _claim(clients: Clients, person: str, lead_id: str, **headers: str) -> httpx2.Response:
    return clients.ask(person, "POST", "lead-routing", f"/v1/leads/{lead_id}/claim", {}, headers=headers)


def test_the_same_key_gets_the_same_answer(office: Clients) -> None:
    """3.1.8-2"""
    lead_id, key = pooled_lead(office, "twice"), str(uuid7())
    first = _claim(office, HONG, lead_id, **{"Idempotency-Key": key})
    again = _claim(office, HONG, lead_id, **{"Idempotency-Key": key})
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert first.headers["Consistency-Token"] == again.headers["Consistency-Token"]
    other: Any = office.ask(
        HONG, "POST", "lead-routing", f"/v1/leads/{lead_id}/release", {"reason": "x"}, headers={"Idempotency-Key": key}
    )
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert _count(office, "lead-claimed.v1") == 1
