"""The service on a real database, with the people of the example story, at a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import httpx2
import orjson
import pytest
from joserfc.jwk import ECKey
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.clock import FixedClock
from libs.events.connections import open_pool
from libs.events.contracts.examples.ids import TENANT
from libs.events.contracts.examples.lead_routing import EXAMPLES
from libs.events.contracts.lead_routing import DepartmentRegistered, RepRegistered, TeamRegistered
from libs.events.facts import Actor, Meta
from libs.events.waking import Wake
from libs.events.wire import Topics
from libs.events.worker import Plan, Worker
from libs.service.app import create_app
from libs.service.authority import TokenAuthority
from libs.service.equipment import Equipment
from libs.service.issuer import DemoPerson, access_token, signing_key
from libs.service.issuer_keys import IssuerKeys
from libs.service.opening import opened
from libs.service.settings import Settings
from services.collaboration.service import SERVICE
from services.collaboration.tests.people import EVERYBODY, local

ISSUER, AUDIENCE = "https://issuer.test", "salesloom"
ROLES = {person_id: roles for person_id, roles, _, _ in EVERYBODY}


def publishing(key: ECKey) -> httpx2.AsyncClient:
    """A client for which the issuer publishes this key."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/jwks":
            return httpx2.Response(200, json={"keys": [key.as_dict(private=False)]})
        return httpx2.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"})

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


async def tell_of_people(made: Database, now: datetime) -> None:
    """Put the people of the story into the empty log as received facts, as ingest would."""
    facts = [fact for fact, _ in EXAMPLES if isinstance(fact, DepartmentRegistered | TeamRegistered | RepRegistered)]
    meta = orjson.dumps(Meta(actor=Actor(id="test")).model_dump(mode="json", exclude_none=True)).decode()
    owner = await asyncpg.connect(made.owner_url)
    for seq, fact in enumerate(facts, 1):
        stream, data = f"lead-routing/{fact.stream()}", orjson.dumps(fact.data()).decode()
        await owner.execute(
            "insert into log.events values ($1, null, $2, $3, 1, $4, $5, $6, $7, $8, $8)",
            *(seq, TENANT, stream, uuid7(), fact.wire, data, meta, now),
        )
        await owner.execute("insert into log.streams values ($1, $2, 1)", TENANT, stream)
    await owner.close()


class Desk:
    """People of the story who send requests; each sees what anybody has written before."""

    def __init__(self, client: httpx2.AsyncClient, key: ECKey) -> None:
        self._client = client
        self._key = key
        self._tokens: list[str] = []

    async def __call__(self, person: str, method: str, path: str, json: Any = None, **headers: str) -> httpx2.Response:
        """The answer to a request of this person."""
        who = DemoPerson(person=person, tenant=TENANT, roles=ROLES[person])
        headers = {"Authorization": f"Bearer {access_token(self._key, ISSUER, AUDIENCE, who)}", **headers}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid7())
        if self._tokens:
            headers["Consistency-Token"] = ",".join(self._tokens[-3:])
        answer = await self._client.request(method, f"/v1{path}", json=json, headers=headers)
        if token := answer.headers.get("Consistency-Token"):
            self._tokens.append(token)
        return answer


@asynccontextmanager
async def working(equipment: Equipment, made: Database, bootstrap: str, topics: Topics) -> AsyncIterator[None]:
    """The worker of the service, without anybody to listen to, while the block lasts."""
    async with AsyncExitStack() as exits:
        pool = await open_pool(made.worker_url, size=12)
        exits.push_async_callback(pool.close)
        worker = Worker(
            Plan("collaboration", (), SERVICE.projections, SERVICE.reactions),
            log=equipment.log,
            pool=pool,
            runner=equipment.runner,
            clock=equipment.clock,
            bootstrap=bootstrap,
            topics=topics,
            folded=equipment.wake,
        )
        task = asyncio.create_task(worker.run())
        while await worker.built():  # noqa: ASYNC110 - a few milliseconds, once
            await asyncio.sleep(0.02)
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(scope="module")
async def desk(database: Callable[[str], Database], servers: Any, topic_prefix: str) -> AsyncIterator[Desk]:
    """The service with its worker, on Monday 2026-03-02 at 09:00 in Shanghai."""
    made = database("collaboration")
    await tell_of_people(made, local("2026-03-02 08:00"))
    key, clock, folded = signing_key(None), FixedClock(local("2026-03-02 09:00")), Wake()
    settings = Settings(
        service="collaboration",
        environment="development",
        api_url=SecretStr(made.api_url),
        worker_url=SecretStr(made.worker_url),
        issuer=ISSUER,
    )
    authority = TokenAuthority(IssuerKeys(ISSUER, publishing(key)), ISSUER, AUDIENCE, ("ES256",))
    async with (
        opened(SERVICE, settings, authority=authority, folded=folded, clock=clock) as equipment,
        working(equipment, made, servers.kafka, Topics(f"{topic_prefix}c.")),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(create_app(SERVICE, equipment)), base_url="http://collaboration"
        ) as client,
    ):
        yield Desk(client, key)
    await authority.close()
