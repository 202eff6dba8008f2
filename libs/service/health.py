"""The health application, on a port of its own: is the process alive, can it serve, what does it measure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field

import asyncpg
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from libs.events.schema.migrate import newest_revision
from libs.events.worker import Worker
from libs.service.equipment import Equipment

BEAT_SECONDS = 0.5
STALLED_SECONDS = 10.0
CHECK_SECONDS = 3.0
_log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[str | None]]
"""Says what is wrong, or None."""


@dataclass(slots=True)
class Heart:
    """Beats in the event loop; whoever works in the background beats by its own name with `beat`."""

    beats: dict[str, float] = field(default_factory=dict)

    def beat(self, name: str) -> None:
        """`name` is making progress."""
        self.beats[name] = time.monotonic()

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self.beat("loop")
            await asyncio.sleep(BEAT_SECONDS)

    def stalled(self) -> list[str]:
        """Who has not made progress for ten seconds."""
        now = time.monotonic()
        return sorted(name for name, at in self.beats.items() if now - at > STALLED_SECONDS)


def health_app(
    heart: Heart, checks: Mapping[str, Check], draining: asyncio.Event, worker: Worker | None = None
) -> Starlette:
    """`/livez` from the heart, `/readyz` from real calls, `/metrics` for Prometheus.

    With a worker (development only) also `/quiet`: whether it has dealt with all it knows, and what is due next.
    """

    async def livez(_request: Request) -> Response:
        stalled = heart.stalled()
        return JSONResponse({"stalled": stalled}, status_code=503 if stalled else 200)

    async def readyz(_request: Request) -> Response:
        found = {"draining": "this process is stopping"} if draining.is_set() else {}
        for name, check in checks.items():
            wrong = await _asked(check)
            if wrong is not None:
                found[name] = wrong
        return JSONResponse({"ready": not found, "problems": found}, status_code=503 if found else 200)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def quiet(_request: Request) -> Response:
        assert worker is not None
        found = await worker.quiet()
        body = {**asdict(found), "next_due": found.next_due.isoformat() if found.next_due else None}
        return JSONResponse(body)

    routes = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
    return Starlette(routes=[*routes, Route("/quiet", quiet)] if worker is not None else routes)


async def _asked(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return f"no answer ({type(error).__name__})"


def api_checks(equipment: Equipment) -> Mapping[str, Check]:
    """What must hold before an API process takes requests."""
    wanted = [projection.wanted for projection in equipment.service.projections]

    async def database() -> str | None:
        async with equipment.pool.acquire(timeout=CHECK_SECONDS) as connection:
            role = await connection.fetchrow(
                "select rolsuper or rolbypassrls as powerful from pg_roles where rolname = current_user"
            )
        return "the api role could pass by row-level security" if role["powerful"] else None

    async def schema() -> str | None:
        async with equipment.pool.acquire(timeout=CHECK_SECONDS) as connection:
            service = await connection.fetchval("select name from log.service")
            revision = await connection.fetchval("select version_num from public.migrations")
        if service != equipment.service.name:
            return f"this is the database of {service}"
        return None if revision >= newest_revision() else f"schema {revision}, this code needs {newest_revision()}"

    async def read_models() -> str | None:
        missing = sorted(set(wanted) - set(await equipment.cursors(max_age=0)))
        return f"no build serves {', '.join(missing)}" if missing else None

    async def verdict() -> str | None:
        async with equipment.pool.acquire(timeout=CHECK_SECONDS) as connection:
            found = await connection.fetchval("select verdict from log.verdict")
        return None if found == "ok" else f"the log is {found}"

    return {"database": database, "schema": schema, "read models": read_models, "verdict": verdict}


def worker_checks(worker: Worker) -> Mapping[str, Check]:
    """What must hold before a worker counts as working; a broker that is down is a metric, not a reason to restart."""

    async def built() -> str | None:
        missing = await worker.built()
        return f"still building {', '.join(missing)}" if missing else None

    return {"builds": built}
