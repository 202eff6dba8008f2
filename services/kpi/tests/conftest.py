"""The service with its worker on a real database, on Wednesday 2026-03-11 at noon in Shanghai."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
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
from libs.events.facts import Actor, Fact, Meta
from libs.events.waking import Wake
from libs.events.wire import Topics
from libs.events.worker import Plan, Worker
from libs.service.app import create_app
from libs.service.authority import TokenAuthority
from libs.service.issuer import DemoPerson, access_token, signing_key
from libs.service.issuer_keys import IssuerKeys
from libs.service.opening import opened
from libs.service.settings import Settings
from services.kpi.service import SERVICE

ISSUER, AUDIENCE = "https://issuer.test", "salesloom"
NOW = datetime(2026, 3, 11, 4, 0, tzinfo=UTC)
PEOPLE = [fact for fact, _ in EXAMPLES if isinstance(fact, DepartmentRegistered | TeamRegistered | RepRegistered)]
ROLES = {fact.rep_id: list(fact.roles) for fact in PEOPLE if isinstance(fact, RepRegistered)}


def publishing(key: ECKey) -> httpx2.AsyncClient:
    """A client for which the issuer publishes this key."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/jwks":
            return httpx2.Response(200, json={"keys": [key.as_dict(private=False)]})
        return httpx2.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"})

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


class Office:
    """A running service: facts of others arrive, people ask for figures."""

    def __init__(self, owner: asyncpg.Connection, worker: Worker, client: httpx2.AsyncClient, key: ECKey) -> None:
        self._owner = owner
        self._worker = worker
        self._client = client
        self._key = key

    async def get(self, person: str, path: str, **query: Any) -> httpx2.Response:
        """The answer to a query of this person."""
        who = DemoPerson(person=person, tenant=TENANT, roles=ROLES[person])
        headers = {"Authorization": f"Bearer {access_token(self._key, ISSUER, AUDIENCE, who)}"}
        return await self._client.get(f"/v1{path}", params=query, headers=headers)

    async def told(self, person: str, path: str, **query: Any) -> Any:
        """What this person is told."""
        answer = await self.get(person, path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def hear(self, *facts: Fact) -> None:
        """Facts of other services arrive now, in one go."""
        meta = orjson.dumps(Meta(actor=Actor(id="test")).model_dump(mode="json", exclude_none=True)).decode()
        async with self._owner.transaction():
            await self._owner.execute("select log.lock_append()")
            for fact in facts:
                stream, data = f"{fact.owner}/{fact.stream()}", orjson.dumps(fact.data()).decode()
                version = await self._owner.fetchval(
                    "insert into log.streams values ($1, $2, 1) on conflict (tenant, stream)"
                    " do update set version = streams.version + 1 returning version",
                    TENANT,
                    stream,
                )
                await self._owner.execute(
                    "insert into log.events select (select seq from log.head()) + 1, null,"
                    " $1, $2, $3, $4, $5, $6, $7, $8, $8",
                    *(TENANT, stream, version, uuid7(), fact.wire, data, meta, NOW),
                )
        async with asyncio.timeout(60):
            while set((await self._worker.quiet()).busy) - {"relay"}:  # noqa: ASYNC110 - as an operator would
                await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def office(database: Callable[[str], Database], servers: Any, topic_prefix: str) -> AsyncIterator[Office]:
    """The service, which knows the people of the story."""
    made, key, clock, wake = database("kpi"), signing_key(None), FixedClock(NOW), Wake()
    settings = Settings(
        service="kpi",
        environment="development",
        api_url=SecretStr(made.api_url),
        worker_url=SecretStr(made.worker_url),
        issuer=ISSUER,
    )
    authority = TokenAuthority(IssuerKeys(ISSUER, publishing(key)), ISSUER, AUDIENCE, ("ES256",))
    async with AsyncExitStack() as exits:
        exits.push_async_callback(authority.close)
        owner = await asyncpg.connect(made.owner_url)
        exits.push_async_callback(owner.close)
        pool = await open_pool(made.worker_url, size=20)
        exits.push_async_callback(pool.close)
        equipment = await exits.enter_async_context(
            opened(SERVICE, settings, authority=authority, clock=clock, wake=wake)
        )
        worker = Worker(
            Plan("kpi", (), SERVICE.projections, SERVICE.reactions, SERVICE.effects),
            log=equipment.log,
            pool=pool,
            runner=equipment.runner,
            clock=clock,
            bootstrap=servers.kafka,
            topics=Topics(f"{topic_prefix}k."),
            folded=equipment.wake,
        )
        client = await exits.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(create_app(SERVICE, equipment)), base_url="http://kpi")
        )
        task = asyncio.create_task(worker.run())
        while await worker.built():  # noqa: ASYNC110 - a few milliseconds, once
            await asyncio.sleep(0.02)
        running = Office(owner, worker, client, key)
        await running.hear(*PEOPLE)
        yield running
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
