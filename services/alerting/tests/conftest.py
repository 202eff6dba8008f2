"""The service with its worker on a real database, with the people of the example story and a clock that is moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
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
from services.alerting.service import SERVICE
from services.alerting.tests.story import at

ISSUER, AUDIENCE = "https://issuer.test", "salesloom"
PEOPLE = [fact for fact, _ in EXAMPLES if isinstance(fact, DepartmentRegistered | TeamRegistered | RepRegistered)]
INTEGRATION = "logistics-partner"
ROLES = {fact.rep_id: [*fact.roles] for fact in PEOPLE if isinstance(fact, RepRegistered)}
ROLES[INTEGRATION] = ["integration"]


def publishing(key: ECKey) -> httpx2.AsyncClient:
    """A client for which the issuer publishes this key."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/jwks":
            return httpx2.Response(200, json={"keys": [key.as_dict(private=False)]})
        return httpx2.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"})

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


class Office:
    """A running service: facts of others arrive, time passes, people send requests."""

    def __init__(
        self, owner: asyncpg.Connection, worker: Worker, clock: FixedClock, client: httpx2.AsyncClient, key: ECKey
    ) -> None:
        self.worker = worker
        self.clock = clock
        self._owner = owner
        self._client = client
        self._key = key

    async def __call__(self, person: str, method: str, path: str, json: Any = None) -> httpx2.Response:
        """The answer to a request of this person."""
        who = DemoPerson(person=person, tenant=TENANT, roles=ROLES[person])
        headers = {"Authorization": f"Bearer {access_token(self._key, ISSUER, AUDIENCE, who)}"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid7())
        return await self._client.request(method, f"/v1{path}", json=json, headers=headers)

    async def items(self, person: str, path: str) -> list[dict[str, Any]]:
        """The items of a list as this person sees it."""
        answer = await self(person, "GET", path)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def hear(self, *facts: Fact) -> None:
        """Facts of other services arrive now."""
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
                    *(TENANT, stream, version, uuid7(), fact.wire, data, meta, self.clock.now()),
                )
        await self.settled()

    async def until(self, local: str) -> None:
        """Time passes; whatever falls due on the way fires in its order."""
        while (due := await self.worker.firing.next_due()) is not None and due <= at(local):
            self.clock.at = max(due, self.clock.at)
            await self.settled()
        self.clock.at = at(local)
        await self.settled()

    async def settled(self) -> None:
        """Until the service has dealt with all it knows."""
        async with asyncio.timeout(60):
            while True:
                busy = set((await self.worker.quiet()).busy) - {"relay"}
                if not busy and not await self.worker.firing.unsettled():
                    return
                await asyncio.sleep(0.02)


async def _complete(owner: asyncpg.Connection, seen: datetime) -> None:
    """The others have told everything up to then."""
    for source in ("lead-routing", "collaboration"):
        await owner.execute("insert into log.watermarks values ($1, $2, 0)", source, seen)


@pytest.fixture(scope="module")
async def office(database: Callable[[str], Database], servers: Any, topic_prefix: str) -> AsyncIterator[Office]:
    """The service with its worker, on Friday 2026-03-06 at 17:00 in Shanghai."""
    made, key, clock, wake = database("alerting"), signing_key(None), FixedClock(at("03-06 17:00")), Wake()
    settings = Settings(
        service="alerting",
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
        await _complete(owner, at("12-31 00:00"))
        pool = await open_pool(made.worker_url, size=30)
        exits.push_async_callback(pool.close)
        equipment = await exits.enter_async_context(
            opened(SERVICE, settings, authority=authority, clock=clock, wake=wake)
        )
        behind = await exits.enter_async_context(
            opened(
                SERVICE,
                settings.model_copy(update={"api_url": settings.worker_url}),
                authority=authority,
                clock=clock,
                wake=wake,
            )
        )
        worker = Worker(
            Plan("alerting", (), SERVICE.projections, SERVICE.reactions, SERVICE.effects),
            log=behind.log,
            pool=pool,
            runner=behind.runner,
            clock=clock,
            bootstrap=servers.kafka,
            topics=Topics(f"{topic_prefix}a."),
            folded=equipment.wake,
        )
        client = await exits.enter_async_context(
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(create_app(SERVICE, equipment)), base_url="http://alerting"
            )
        )
        task = asyncio.create_task(worker.run())
        while await worker.built():  # noqa: ASYNC110 - a few milliseconds, once
            await asyncio.sleep(0.02)
        running = Office(owner, worker, clock, client, key)
        await running.hear(*PEOPLE)
        yield running
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
