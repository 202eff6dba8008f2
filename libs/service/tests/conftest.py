"""A throw-away service on a real database, and tokens of an issuer made for the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

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
from libs.service.equipment import Equipment
from libs.service.issuer import DemoPerson, signing_key
from libs.service.opening import opened
from libs.service.settings import Settings
from libs.service.testing.tokens import ISSUER, authority_of, bearer
from libs.service.tests.pond import POND, STONES

Folded = Callable[[], Awaitable[None]]
TENANT = "tenantalpha"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
REP = DemoPerson(person="rep-li", tenant=TENANT, roles=["rep"])
MANAGER = DemoPerson(person="manager-wu", tenant=TENANT, roles=["manager"])
STRANGER = DemoPerson(person="rep-li", tenant="tenantbeta0", roles=["rep"])


@pytest.fixture(scope="module")
def key() -> ECKey:
    """The issuer's key."""
    return signing_key(None)


@pytest.fixture(scope="module")
def settings(pond_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a test process."""
    return Settings(
        commands_at_once=512,
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
    authority = authority_of(key)
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
