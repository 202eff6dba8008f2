"""Opening and running a service's worker, alone or in the process of its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.events.clock import Clock
from libs.events.log import close_log, open_log
from libs.events.reading import Reader
from libs.events.running import Runner
from libs.events.waking import Wake
from libs.events.worker import Plan, Worker
from libs.service.app import providers_of
from libs.service.jobs import Jobs, Tools, module_of
from libs.service.objects import Objects
from libs.service.service import Service
from libs.service.settings import Settings
from libs.service.surroundings import surround

SPARE_CONNECTIONS = 8


def plan_of(service: Service) -> Plan:
    """The part of a service's page that its worker does."""
    return Plan(service.name, service.listens, service.projections, service.reactions, service.effects)


@asynccontextmanager
async def opened_worker(
    service: Service,
    settings: Settings,
    *,
    clock: Clock | None = None,
    wake: Wake | None = None,
    folded: Wake | None = None,
) -> AsyncIterator[Worker]:
    """A worker with connections of its own, until the block ends; `Worker.run` is the caller's to start.

    In the process of an API, `wake` and `folded` are those of its log and its readers, so that neither waits to look.
    """
    size = 2 * len(service.projections) + len(service.reactions) + SPARE_CONNECTIONS
    log = await open_log(service.name, settings.worker_url.get_secret_value(), size=size, wake=wake)
    clock = clock or settings.business_clock()
    folded = folded or Wake()
    surround(folded, clock, settings.key("wrapping"), settings.master_keys)
    sources = service.sources
    runner = Runner(
        log,
        clock,
        providers_of(service),
        lambda tenant: Reader(log.pool, tenant, folded, listens=sources),
    )
    worker = Worker(
        plan_of(service),
        log=log,
        pool=log.pool,
        runner=runner,
        clock=clock,
        broker=settings.broker,
        topics=settings.topics,
        folded=folded,
    )
    tools = Tools(settings, log, runner, Objects.at(settings.objects), clock)
    for role, made in service.roles.items():
        worker.leases.add(role, made(tools))
    if service.jobs:
        worker.leases.add("jobs", Jobs(service.jobs, tools, module_of(service)).run)
    try:
        yield worker
    finally:
        await close_log(log)
