"""A throw-away service on a real database, and tokens of an issuer made for the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey
from pydantic import SecretStr

from dev.provision import Database
from libs.events.builds import Builds
from libs.events.clock import FixedClock
from libs.events.connections import open_pool
from libs.events.folding import Folder
from libs.events.leases import Lease
from libs.events.waking import Head
from libs.service.app import create_app
from libs.service.authority import TokenAuthority
from libs.service.equipment import Equipment
from libs.service.issuer import DemoPerson, access_token, signing_key
from libs.service.issuer_keys import IssuerKeys
from libs.service.opening import opened
from libs.service.settings import Settings
from libs.service.tests.pond import POND, STONES

Folded = Callable[[], Awaitable[None]]
ISSUER = "https://issuer.test"
AUDIENCE = "salesloom"
TENANT = "tenantalpha"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
REP = DemoPerson(person="rep-li", tenant=TENANT, roles=["rep"])
MANAGER = DemoPerson(person="manager-wu", tenant=TENANT, roles=["manager"])
STRANGER = DemoPerson(person="rep-li", tenant="tenantbeta0", roles=["rep"])


@pytest.fixture(scope="module")
def key() -> ECKey:
    """The issuer's key."""
    return signing_key(None)


def issuer_that_answers(keys: list[dict[str, Any]], asked: list[str] | None = None) -> httpx2.AsyncClient:
    """A client for which the issuer publishes these keys; `asked` collects the paths."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if asked is not None:
            asked.append(request.url.path)
        if request.url.path == "/jwks":
            return httpx2.Response(200, json={"keys": keys})
        return httpx2.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"})

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


@pytest.fixture(scope="module")
def settings(pond_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a test process."""
    return Settings(
        service="lead-routing",
        environment="development",
        api_url=SecretStr(pond_database.api_url),
        worker_url=SecretStr(pond_database.worker_url),
        issuer=ISSUER,
        objects=str(tmp_path_factory.mktemp("objects")),
    )


@pytest.fixture(scope="module")
def pond_database(database: Callable[[str], Database]) -> Database:
    """The service's database."""
    return database("lead-routing")


@pytest.fixture(scope="module")
async def equipment(settings: Settings, key: ECKey) -> AsyncIterator[Equipment]:
    """The equipment of the service, with the clock at noon."""
    keys = IssuerKeys(ISSUER, issuer_that_answers([key.as_dict(private=False)]))
    authority = TokenAuthority(keys, ISSUER, AUDIENCE, ("EdDSA", "ES256", "RS256"))
    async with opened(POND, settings, authority=authority, clock=FixedClock(NOON)) as made:
        yield made
    await authority.close()


@pytest.fixture(scope="module")
def app(equipment: Equipment) -> FastAPI:
    """The service's application."""
    return create_app(POND, equipment)


@pytest.fixture
async def anybody(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A caller without a token."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://pond") as client:
        yield client


@pytest.fixture
def rep(anybody: httpx2.AsyncClient, key: ECKey) -> httpx2.AsyncClient:
    """A rep of the tenant."""
    anybody.headers["Authorization"] = bearer(key, REP)
    return anybody


def bearer(key: ECKey, person: DemoPerson) -> str:
    """The Authorization header of somebody."""
    return f"Bearer {access_token(key, ISSUER, AUDIENCE, person)}"


@pytest.fixture(scope="module")
async def folded(pond_database: Database, equipment: Equipment) -> AsyncIterator[Folded]:
    """Brings the read model to the head of the log; nothing does so by itself."""
    pool = await open_pool(pond_database.worker_url, size=4)
    await Builds(pool, STONES).ensure()
    epoch = await pool.fetchval("select epoch from log.hold('tester', array['fold:stones:1'], interval '1 hour')")

    async def fold() -> None:
        folder = Folder(STONES, pool, Head(pool, equipment.log.wake), equipment.wake)
        while await folder.step(Lease("fold:stones:1", epoch)):
            pass

    await fold()
    yield fold
    await pool.close()
