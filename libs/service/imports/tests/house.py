"""A service with its API and its real worker in this process; its imports run in real child processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import orjson
from joserfc.jwk import ECKey
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.contracts.examples.ids import OWNER_HE, TENANT
from libs.events.facts import Actor, Fact, Meta
from libs.events.waking import Wake
from libs.events.worker import Worker
from libs.service.app import create_app
from libs.service.authority import TokenAuthority
from libs.service.issuer import DemoPerson, access_token, signing_key
from libs.service.issuer_keys import IssuerKeys
from libs.service.opening import opened
from libs.service.service import Service
from libs.service.settings import Settings
from libs.service.working import opened_worker

ISSUER, AUDIENCE = "https://issuer.test", "salesloom"
NOW = "fixed:2026-03-02T09:00:00+08:00"


def _publishing(key: ECKey) -> httpx2.AsyncClient:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/jwks":
            return httpx2.Response(200, json={"keys": [key.as_dict(private=False)]})
        return httpx2.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"})

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


class House:
    """Sends requests, starts imports and waits for their end."""

    def __init__(self, settings: Settings, worker: Worker, client: httpx2.AsyncClient, key: ECKey, owner: str) -> None:
        self.settings = settings
        self.worker = worker
        self._client = client
        self._key = key
        self._owner = owner

    async def ask(
        self, method: str, path: str, *, person: str = OWNER_HE, roles: Sequence[str] = ("process-owner",), **more: Any
    ) -> httpx2.Response:
        """The answer to a request."""
        who = DemoPerson(person=person, tenant=TENANT, roles=list(roles))
        headers = {"Authorization": f"Bearer {access_token(self._key, ISSUER, AUDIENCE, who)}"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid7())
        return await self._client.request(method, f"/v1{path}", headers=headers | more.pop("headers", {}), **more)

    async def start(self, path: str, mapping: Mapping[str, Any], files: Mapping[str, bytes | str]) -> httpx2.Response:
        """Send files and their mapping."""
        parts: list[Any] = [("mapping", ("mapping.json", orjson.dumps(mapping), "application/json"))]
        parts += [("files", (name, text.encode() if isinstance(text, str) else text)) for name, text in files.items()]
        return await self.ask("POST", path, files=parts)

    async def imported(
        self, path: str, mapping: Mapping[str, Any], files: Mapping[str, bytes | str]
    ) -> tuple[dict[str, Any], list[str]]:
        """An import once it has ended, and the lines of its refusals."""
        answer = await self.start(path, mapping, files)
        assert answer.status_code == 202, answer.text
        return await self.ended(path, answer.json()["id"])

    async def ended(self, path: str, import_id: str) -> tuple[dict[str, Any], list[str]]:
        """That import once it has ended, and the lines of its refusals."""
        view = await self.until(path, import_id, lambda view: view["state"] != "running")
        answer = await self.ask("GET", f"{path}/{import_id}/problems")
        return view, answer.content.decode("utf-8-sig").splitlines()[1:]

    async def until(self, path: str, import_id: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The import as soon as something holds of it."""
        async with asyncio.timeout(240):
            while True:
                answer = await self.ask("GET", f"{path}/{import_id}")
                if answer.status_code == 200 and holds(answer.json()):
                    view: dict[str, Any] = answer.json()
                    return view
                await asyncio.sleep(0.05)

    async def facts(self, kind: str) -> list[Any]:
        """The data and metadata of all facts of a type, in order."""
        rows = await self.worker.pool.fetch("select * from log.events where type = $1 order by seq", kind)
        return list(rows)

    async def receive(self, service: str, *facts: Fact) -> None:
        """Let facts of another service have arrived."""
        connection = await asyncpg.connect(self._owner)
        meta = Meta(actor=Actor(id="tester")).model_dump_json(exclude_none=True)
        for fact in facts:
            stream = f"{service}/{fact.stream()}"
            await connection.execute(
                "with l as (select log.lock_append()), v as (insert into log.streams values ($1, $2, 1)"
                " on conflict (tenant, stream) do update set version = streams.version + 1 returning version)"
                " insert into log.events select coalesce(max(seq), 0) + 1, null, $1, $2, (select version from v), $3,"
                " $4, $5::text::jsonb, $6::text::jsonb, now(), now() from log.events, l",
                TENANT, stream, uuid7(), fact.wire, orjson.dumps(fact.data()).decode(), meta,
            )  # fmt: skip
        await connection.close()
        self.worker.log.wake()


@asynccontextmanager
async def opened_house(service: Service, made: Database, kafka: str, prefix: str, folder: Path) -> AsyncIterator[House]:
    """The service on Monday 2026-03-02 at 09:00 in Shanghai; children find the same settings in the environment."""
    key, wake, folded = signing_key(None), Wake(), Wake()
    told = {
        "ENVIRONMENT": "development", "API_URL": made.api_url, "WORKER_URL": made.worker_url, "ISSUER": ISSUER,
        "KAFKA": kafka, "TOPIC_PREFIX": prefix, "OBJECTS": str(folder), "CLOCK": NOW,
    }  # fmt: skip
    os.environ.update({f"SALESLOOM_{name}": value for name, value in told.items()})
    settings = Settings(service=service.name)
    assert settings.worker_url == SecretStr(made.worker_url)
    authority = TokenAuthority(IssuerKeys(ISSUER, _publishing(key)), ISSUER, AUDIENCE, ("ES256",))
    clock = settings.business_clock()
    async with AsyncExitStack() as exits:
        exits.callback(lambda: [os.environ.pop(f"SALESLOOM_{name}") for name in told])
        exits.push_async_callback(authority.close)
        given: dict[str, Any] = {"clock": clock, "wake": wake, "folded": folded}
        worker = await exits.enter_async_context(opened_worker(service, settings, **given))
        equipment = await exits.enter_async_context(opened(service, settings, authority=authority, **given))
        transport = httpx2.ASGITransport(create_app(service, equipment))
        client = await exits.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://house"))
        task = asyncio.create_task(worker.run())
        exits.push_async_callback(_ended, task)
        while await _building(worker):  # noqa: ASYNC110 - a moment, once
            await asyncio.sleep(0.1)
        yield House(settings, worker, client, key, made.owner_url)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _building(worker: Worker) -> bool:
    """Whether read models are still built; a busy machine may take its time to answer."""
    try:
        return bool(await worker.built())
    except TimeoutError:
        return True
