"""A service with its API and its worker in this process, as `serve` runs them, on a real database and broker."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx2
import orjson
from joserfc.jwk import ECKey
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.clock import FixedClock
from libs.events.contracts.examples.ids import TENANT
from libs.events.contracts.examples.lead_routing import EXAMPLES
from libs.events.contracts.lead_routing import DepartmentRegistered, RepRegistered, TeamRegistered
from libs.events.facts import Actor, Fact, Meta
from libs.events.waking import Wake
from libs.events.worker import Worker
from libs.service.app import create_app
from libs.service.equipment import Equipment
from libs.service.issuer import DemoPerson, signing_key
from libs.service.opening import opened
from libs.service.service import Service
from libs.service.settings import Settings
from libs.service.testing.tokens import ISSUER, authority_of, bearer
from libs.service.working import opened_worker

PATIENCE_SECONDS = 60
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
META = Meta(actor=Actor(id="test")).model_dump_json(exclude_none=True)

PEOPLE: list[Fact] = [
    fact for fact, _ in EXAMPLES if isinstance(fact, DepartmentRegistered | TeamRegistered | RepRegistered)
]
"""The organisation of the example story, as lead-routing tells of it."""
ROLES: Mapping[str, Sequence[str]] = {fact.rep_id: fact.roles for fact in PEOPLE if isinstance(fact, RepRegistered)}
"""What the people of the example story are."""


class Office:
    """A running service: people send requests, facts of others arrive, time passes."""

    def __init__(
        self,
        equipment: Equipment,
        worker: Worker,
        work: asyncio.Task[None],
        clock: FixedClock,
        client: httpx2.AsyncClient,
        owner: asyncpg.Connection,
        key: ECKey,
        roles: Mapping[str, Sequence[str]],
    ) -> None:
        self.equipment = equipment
        self.worker = worker
        self.clock = clock
        self._work = work
        self._client = client
        self._owner = owner
        self._key = key
        self._roles = roles

    async def request(self, person: str, method: str, path: str, json: Any = None, **more: Any) -> httpx2.Response:
        """The answer to a request of this person, once everything that follows from it has happened.

        Whoever has no other roles is a rep.
        """
        who = DemoPerson(person=person, tenant=TENANT, roles=list(self._roles.get(person, ["rep"])))
        headers = {"Authorization": bearer(self._key, who)}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid7())
        answer = await self._client.request(method, f"/v1{path}", json=json, headers=headers, **more)
        if method == "POST":
            await self.settled()
        return answer

    async def get(self, person: str, path: str, **query: Any) -> Any:
        """What this person reads."""
        answer = await self.request(person, "GET", path, params=query or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def items(self, person: str, path: str, **query: Any) -> list[dict[str, Any]]:
        """The items of a list, or of its first page, as this person sees them."""
        found: list[dict[str, Any]] = (await self.get(person, path, **query))["items"]
        return found

    async def post(self, person: str, path: str, json: Any = None, **more: Any) -> dict[str, Any]:
        """The answer to a command that is taken."""
        answer = await self.request(person, "POST", path, json, **more)
        assert answer.is_success, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def refused(self, person: str, path: str, json: Any = None, **more: Any) -> dict[str, Any]:
        """The problem with which a command is refused."""
        answer = await self.request(person, "POST", path, json, **more)
        assert answer.is_client_error, answer.text
        problem: dict[str, Any] = answer.json()
        return problem

    async def hear(self, *facts: Fact) -> None:
        """Facts of other services arrive now, in one go."""
        async with self._owner.transaction():
            await self._owner.execute("select log.lock_append()")
            for fact in facts:
                await self._receive(fact)
        self.worker.log.wake()
        await self.settled()

    async def _receive(self, fact: Fact) -> None:
        """Keep a fact as ingest does."""
        await self._owner.execute(
            "with of as (insert into log.streams values ($1, $2, 1)"
            " on conflict (tenant, stream) do update set version = streams.version + 1 returning version)"
            " insert into log.events"
            " select head.seq + 1, null, $1, $2, of.version, $3, $4, $5, $6, $7, $7 from log.head() head, of",
            TENANT,
            f"{fact.owner}/{fact.stream()}",
            uuid7(),
            fact.wire,
            orjson.dumps(fact.data()).decode(),
            META,
            self.clock.now(),
        )

    async def until(self, end: datetime) -> None:
        """Time passes; whatever falls due on the way fires in its order."""
        while (due := await self.worker.firing.next_due()) is not None and due <= end:
            await self._at(max(due, self.clock.at))
        await self._at(end)

    async def _at(self, instant: datetime) -> None:
        self.clock.at = instant
        await self.settled()

    async def settled(self) -> None:
        """Until the service has folded, reacted to and fired all it knows; publishing it may take longer."""
        await self._until_no(self._busy)

    async def built(self) -> None:
        """Until all read models are there."""
        await self._until_no(self.worker.built)

    async def _busy(self) -> set[str]:
        return set((await self.worker.quiet()).busy) - {"relay"}

    async def _until_no(self, left: Callable[[], Awaitable[Collection[str]]]) -> None:
        """Until nothing is left; raises what ended the worker before that."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await left():
                if self._work.done():
                    await self._work
                await asyncio.sleep(0.02)


@asynccontextmanager
async def open_office(
    service: Service,
    database: Database,
    kafka: str,
    topics: str,
    start: datetime,
    roles: Mapping[str, Sequence[str]] = ROLES,
) -> AsyncIterator[Office]:
    """The service on a fresh database, its clock standing at `start`, until the block ends.

    `topics` is the prefix of its topics. The other services have told everything: no deadline waits for them.
    """
    key, clock, wake, folded = signing_key(None), FixedClock(start), Wake(), Wake()
    async with AsyncExitStack() as exits:
        settings = Settings(
            commands_at_once=512,
            service=service.name,
            environment="development",
            api_url=SecretStr(database.api_url),
            worker_url=SecretStr(database.worker_url),
            kafka=kafka,
            topic_prefix=topics,
            issuer=ISSUER,
            objects=exits.enter_context(tempfile.TemporaryDirectory()),
        )
        owner = await asyncpg.connect(database.owner_url)
        exits.push_async_callback(owner.close)
        await owner.execute("insert into log.watermarks select unnest($1::text[]), $2, 0", service.listens, FOR_EVER)
        authority = authority_of(key)
        exits.push_async_callback(authority.close)
        worker = await exits.enter_async_context(
            opened_worker(service, settings, clock=clock, wake=wake, folded=folded)
        )
        equipment = await exits.enter_async_context(
            opened(service, settings, authority=authority, clock=clock, wake=wake, folded=folded)
        )
        client = await exits.enter_async_context(
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(create_app(service, equipment)), base_url=f"http://{service.name}"
            )
        )
        work = asyncio.create_task(worker.run())
        exits.push_async_callback(_stopped, work)
        office = Office(equipment, worker, work, clock, client, owner, key, roles)
        await office.built()
        yield office


async def _stopped(work: asyncio.Task[None]) -> None:
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
