"""One or two services of the runtime in this process, for tests of what happens between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.broker import Broker
from libs.events.clock import Clock
from libs.events.facts import Actor
from libs.events.log import Log, close_log, open_log
from libs.events.reading import Reader
from libs.events.running import Request, Runner
from libs.events.wire import Topics
from libs.events.worker import Plan, Quiet, Worker

TENANT = "testtenant"
MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def request(tenant: str = TENANT, **changes: Any) -> Request:
    """A request of its own."""
    return Request(tenant, Actor(id="tester"), uuid7(), **changes)


@dataclass
class Stack:
    """One service in this process."""

    log: Log
    runner: Runner
    worker: Worker
    clock: Clock
    reader: Callable[[str], Reader]


@asynccontextmanager
async def stack(
    database: Database, kafka: str | Broker, topics: Topics, plan: Plan, clock: Clock
) -> AsyncIterator[Stack]:
    """A service's log and worker, started and stopped."""
    broker = kafka if isinstance(kafka, Broker) else Broker(kafka)
    async with AsyncExitStack() as exits:
        log = await open_log(plan.service, database.worker_url, size=16)
        exits.push_async_callback(close_log, log)
        runner = Runner(log, clock)
        worker = Worker(plan, log=log, pool=log.pool, runner=runner, clock=clock, broker=broker, topics=topics)
        task = asyncio.create_task(worker.run())

        def reader(tenant: str) -> Reader:
            return Reader(log.pool, tenant, worker.folded, listens=frozenset({plan.service, *plan.listens}))

        try:
            yield Stack(log, runner, worker, clock, reader)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def settled(*stacks: Stack, seconds: float = 30) -> None:
    """Wait until all services have dealt with everything, and each other's facts."""
    async with asyncio.timeout(seconds):
        while True:
            quiets: dict[str, Quiet] = {one.worker.plan.service: await one.worker.quiet() for one in stacks}
            heard = all(
                quiet.ingested.get(source, 0) == quiets[source].own_seq
                for one in stacks
                for quiet in [quiets[one.worker.plan.service]]
                for source in one.worker.plan.listens
                if source in quiets
            )
            if heard and all(quiet.settled for quiet in quiets.values()):
                return
            await asyncio.sleep(0.02)
