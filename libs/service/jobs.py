"""Jobs: long works, each a stream of facts, done one at a time in a limited child process under the lease `jobs`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import structlog
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from libs.events.clock import Clock
from libs.events.connections import ACQUIRE_SECONDS, open_pool
from libs.events.errors import Overloaded, Restoring, Unavailable
from libs.events.leases import INFRASTRUCTURE, Lease
from libs.events.log import Log, close_log, open_log
from libs.events.reading import Reader
from libs.events.running import Provider, Runner
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.app import providers_of
from libs.service.objects import Objects
from libs.service.organisation import Reach
from libs.service.service import Service
from libs.service.settings import Settings
from libs.service.surroundings import surround

MEMORY_BYTES = 2 * 1024**3
NICE = 2
CONNECTIONS = 8
STEADY_SECONDS = 0.5
LOOK_SECONDS = 0.5
PAUSES = (0.5, 1.0, 2.0, 4.0)
MAX_CRASHES = 5
"""So often a job may crash at one position before it is given up."""
EX_TEMPFAIL = 75
"""The child says: it was the surroundings, try again."""

logger = structlog.get_logger()


@dataclass(frozen=True)
class Tools:
    """What a job, or a further role of a worker, works with."""

    settings: Settings
    log: Log
    runner: Runner
    objects: Objects
    clock: Clock

    async def note_progress(self, job_id: str, done: int, refused: int) -> None:
        """Add to the job's row, for operators."""
        async with self.log.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute(
                "update log.jobs set done = done + $2, refused = refused + $3, updated_at = clock_timestamp()"
                " where job_id = $1",
                UUID(job_id),
                done,
                refused,
            )


@dataclass(frozen=True, slots=True)
class Open:
    """A job that has begun and not ended: `position` of `total` is dealt with."""

    tenant: str
    job_id: str
    position: int
    total: int


@dataclass(frozen=True, eq=False)
class Job:
    """A kind of job: `waiting(pool)` are the open ones, the oldest first; `run` goes on with one until its end.

    `give_up(tools, tenant, job_id, why)` records that it cannot be done.
    """

    waiting: Callable[[asyncpg.Pool], Awaitable[Sequence[Open]]]
    run: Callable[[Tools, str, str], Awaitable[None]]
    give_up: Callable[[Tools, str, str, str], Awaitable[None]]


@dataclass
class Jobs:
    """Runs open jobs, one after another; run by the holder of the lease `jobs`.

    A child that crashes is started again with growing pauses; its crashes are counted in the database.
    """

    jobs: Mapping[str, Job]
    tools: Tools
    module: str
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    pauses: Sequence[float] = PAUSES
    _done: set[str] = field(default_factory=set)

    async def run(self, lease: Lease) -> None:
        """Work until cancelled; the child then dies, and whoever holds the lease next goes on."""
        while True:
            for kind, job in self.jobs.items():
                for one in await job.waiting(self.tools.log.pool):
                    if one.job_id not in self._done:
                        await self._work(kind, job, one)
            await asyncio.sleep(LOOK_SECONDS)

    async def _work(self, kind: str, job: Job, one: Open) -> None:
        crashes = await self._begin(kind, one)
        if crashes >= MAX_CRASHES:
            why = f"it ended {crashes} times after {one.position} of {one.total} rows without getting further"
            await job.give_up(self.tools, one.tenant, one.job_id, why)
            await self._state(one, "failed")
            return
        await self._state(one, "running")
        code = await self._child(kind, one)
        if code == 0:
            self._done.add(one.job_id)
            await self._state(one, "done")
            return
        logger.warning("job ended early", kind=kind, job=one.job_id, code=code, crashes=crashes)
        await self._state(one, "waiting", crashed=code != EX_TEMPFAIL)
        await asyncio.sleep(self.pauses[min(crashes, len(self.pauses) - 1)])

    async def _child(self, kind: str, one: Open) -> int:
        """The exit code of a child process that does the job; it dies when its standard input closes."""
        command = (sys.executable, "-m", self.module, "job", "run", kind, one.tenant, one.job_id)
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, env=dict(self.environment)
        )
        try:
            return await child.wait()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()

    async def _begin(self, kind: str, one: Open) -> int:
        """Keep the job's row; how often it crashed at the position where it is now."""
        async with self.tools.log.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            detail = await connection.fetchval(
                "insert into log.jobs (job_id, tenant, kind, done, total, detail) values ($1, $2, $3, $4, $5, $6)"
                " on conflict (job_id) do update set done = excluded.done, updated_at = clock_timestamp(),"
                " detail = case when (jobs.detail ->> 'position')::bigint = $4"
                " then jobs.detail else excluded.detail end returning detail",
                UUID(one.job_id), one.tenant, kind, one.position, one.total,
                {"position": one.position, "crashes": 0},
            )  # fmt: skip
        return int(detail["crashes"])

    async def _state(self, one: Open, state: str, *, crashed: bool = False) -> None:
        async with self.tools.log.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute(
                "update log.jobs set state = $2, updated_at = clock_timestamp(),"
                " detail = jsonb_set(detail, '{crashes}', to_jsonb((detail ->> 'crashes')::integer + $3))"
                " where job_id = $1",
                UUID(one.job_id),
                state,
                int(crashed),
            )


def module_of(service: Service) -> str:
    """What `python -m` runs a service's command line with."""
    return f"services.{service.name.replace('-', '_')}"


def add_jobs(line: typer.Typer, service: Service, configured: Callable[[], Settings]) -> None:
    """Add `job` to the command line of a service that has any."""
    jobs = typer.Typer(help="Long works: imports.", no_args_is_help=True)
    line.add_typer(jobs, name="job")

    @jobs.command()
    def run(kind: str, tenant: str, job_id: str) -> None:
        """Do a job in this process; the worker calls this. It ends when standard input does."""
        raise typer.Exit(uvloop.run(child(service, configured(), kind, tenant, job_id)))

    @jobs.command("list")
    def list_jobs() -> None:
        """The last hundred jobs, the newest first."""
        rows = asyncio.run(_last(configured()))
        table = Table("job", "kind", "tenant", "state", "rows", "refused", "crashes", "changed")
        for row in rows:
            done = f"{row['done']:,} of {row['total']:,}"
            table.add_row(str(row["job_id"]), row["kind"], row["tenant"], row["state"], done, f"{row['refused']:,}",
                          str(row["detail"].get("crashes", 0)), f"{row['updated_at']:%Y-%m-%d %H:%M:%S}")  # fmt: skip
        Console().print(table)


async def _last(settings: Settings) -> list[asyncpg.Record]:
    pool = await open_pool(settings.worker_url.get_secret_value(), size=1)
    try:
        rows: list[asyncpg.Record] = await pool.fetch("select * from log.jobs order by updated_at desc limit 100")
        return rows
    finally:
        await pool.close()


async def child(service: Service, settings: Settings, kind: str, tenant: str, job_id: str) -> int:
    """Do one job in this process; the exit code."""
    _limit()
    try:
        async with opened_tools(service, settings) as tools:
            await service.jobs[kind].run(tools, tenant, job_id)
    except (*INFRASTRUCTURE, Unavailable, Overloaded, Restoring) as error:
        logger.warning("job held up", kind=kind, job=job_id, error=f"{type(error).__name__}: {error}")
        return EX_TEMPFAIL
    return 0


@asynccontextmanager
async def opened_tools(service: Service, settings: Settings) -> AsyncIterator[Tools]:
    """A small pool and a log of one's own. What decisions consult of people and rules is at most half a second old."""
    log = await open_log(service.name, settings.worker_url.get_secret_value(), size=CONNECTIONS)
    clock = settings.business_clock()
    surround(log.wake, clock, settings.key("wrapping"), settings.master_keys)
    providers = dict(providers_of(service))
    for kind in (Calendars, RuleBook, Reach):
        providers[kind] = _steady(providers[kind])
    runner = Runner(log, clock, providers, lambda tenant: Reader(log.pool, tenant, log.wake, listens=service.sources))
    try:
        yield Tools(settings, log, runner, Objects.at(settings.objects), clock)
    finally:
        await close_log(log)


def _steady(provider: Provider) -> Provider:
    """Ask once in a while for all commands: a job's commands have one tenant and one actor."""
    lock, kept = asyncio.Lock(), list[Any]()
    asked = float("-inf")

    async def provide(*about: Any) -> Any:
        nonlocal asked
        async with lock:
            if time.monotonic() - asked > STEADY_SECONDS:
                kept[:] = [await provider(*about)]
                asked = time.monotonic()
            return kept[0]

    return provide


def _limit() -> None:
    """Take little: 2 GiB, after those who serve people; and end with the parent, whose end closes standard input."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with contextlib.suppress(OSError):
        os.nice(NICE)

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
