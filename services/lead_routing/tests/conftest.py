"""The service with its worker on a real database, and people who send requests at a clock that is moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.clock import FixedClock
from libs.events.connections import open_pool
from libs.events.contracts.examples.ids import TENANT
from libs.events.waking import Wake
from libs.events.wire import Topics
from libs.events.worker import Plan, Worker
from libs.service.app import create_app
from libs.service.authority import TokenAuthority
from libs.service.issuer import DemoPerson, access_token, signing_key
from libs.service.issuer_keys import IssuerKeys
from libs.service.opening import opened
from libs.service.settings import Settings
from services.lead_routing.service import SERVICE
from services.lead_routing.tests.scenes import shanghai

ISSUER, AUDIENCE = "https://issuer.test", "salesloom"
ROLES = {
    "owner-he": ["process-owner", "operator"],
    "director-sun": ["director"],
    "manager-zhou": ["manager"],
    "connector": ["integration"],
}


def publishing(key: ECKey) -> httpx2.AsyncClient:
    """A client for which the issuer publishes this key."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/jwks":
            return httpx2.Response(200, json={"keys": [key.as_dict(private=False)]})
        return httpx2.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"})

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


class Office:
    """A running service: people send requests, time passes. Whoever has no role of another kind is a rep."""

    def __init__(self, worker: Worker, clock: FixedClock, client: httpx2.AsyncClient, key: ECKey) -> None:
        self.worker = worker
        self.clock = clock
        self._client = client
        self._key = key

    async def __call__(
        self, person: str, method: str, path: str, json: Any = None, key: str | None = None
    ) -> httpx2.Response:
        """The answer to a request of this person."""
        who = DemoPerson(person=person, tenant=TENANT, roles=ROLES.get(person, ["rep"]))
        headers = {"Authorization": f"Bearer {access_token(self._key, ISSUER, AUDIENCE, who)}"}
        if method == "POST":
            headers["Idempotency-Key"] = key or str(uuid7())
        return await self._client.request(method, f"/v1{path}", json=json, headers=headers)

    async def post(self, person: str, path: str, json: Any = None) -> dict[str, Any]:
        """The answer to a command that is taken, once everything that follows from it has happened."""
        answer = await self(person, "POST", path, json)
        assert answer.status_code in {200, 201}, answer.text
        await self.settled()
        body: dict[str, Any] = answer.json()
        return body

    async def get(self, person: str, path: str) -> dict[str, Any]:
        """What this person reads."""
        answer = await self(person, "GET", path)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def until(self, local: str) -> None:
        """Time passes; whatever falls due on the way fires in its order."""
        end = shanghai(local)
        while (due := await self.worker.firing.next_due()) is not None and due <= end:
            await self._at(max(due, self.clock.at))
        await self._at(end)

    async def _at(self, instant: datetime) -> None:
        self.clock.at = instant
        await self.settled()

    async def settled(self) -> None:
        """Until the service has dealt with all it knows."""
        async with asyncio.timeout(60):
            while True:
                busy = set((await self.worker.quiet()).busy) - {"relay"}
                if not busy and not await self.worker.firing.unsettled():
                    return
                await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def office(database: Callable[[str], Database], servers: Any, topic_prefix: str) -> AsyncIterator[Office]:
    """The service with its worker, on Monday 2026-03-02 at 10:00 in Shanghai."""
    made, key, clock, wake = (
        database("lead-routing"),
        signing_key(None),
        FixedClock(shanghai("2026-03-02 10:00")),
        Wake(),
    )
    settings = Settings(
        service="lead-routing",
        environment="development",
        api_url=SecretStr(made.api_url),
        worker_url=SecretStr(made.worker_url),
        issuer=ISSUER,
    )
    of_the_worker = settings.model_copy(update={"api_url": settings.worker_url})
    authority = TokenAuthority(IssuerKeys(ISSUER, publishing(key)), ISSUER, AUDIENCE, ("ES256",))
    async with AsyncExitStack() as exits:
        exits.push_async_callback(authority.close)
        pool = await open_pool(made.worker_url, size=30)
        exits.push_async_callback(pool.close)
        given: dict[str, Any] = {"authority": authority, "clock": clock, "wake": wake}
        equipment = await exits.enter_async_context(opened(SERVICE, settings, **given))
        behind = await exits.enter_async_context(opened(SERVICE, of_the_worker, **given))
        worker = Worker(
            Plan("lead-routing", (), SERVICE.projections, SERVICE.reactions),
            log=behind.log,
            pool=pool,
            runner=behind.runner,
            clock=clock,
            bootstrap=servers.kafka,
            topics=Topics(f"{topic_prefix}l."),
            folded=equipment.wake,
        )
        transport = httpx2.ASGITransport(create_app(SERVICE, equipment))
        client = await exits.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://leads"))
        task = asyncio.create_task(worker.run())
        while await worker.built():  # noqa: ASYNC110 - a few milliseconds, once
            await asyncio.sleep(0.02)
        yield Office(worker, clock, client, key)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
