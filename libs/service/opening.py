"""Opening and closing what the requests of a process stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.events.clock import Clock
from libs.events.log import close_log, open_log
from libs.events.reading import Reader
from libs.events.running import Runner
from libs.events.waking import Wake
from libs.service.app import providers_of
from libs.service.auth import Authority
from libs.service.authority import TokenAuthority
from libs.service.equipment import Equipment
from libs.service.issuer_keys import IssuerKeys
from libs.service.objects import Objects
from libs.service.service import Service
from libs.service.settings import Settings
from libs.service.surroundings import surround


@asynccontextmanager
async def opened(
    service: Service,
    settings: Settings,
    *,
    authority: Authority | None = None,
    folded: Wake | None = None,
    clock: Clock | None = None,
    wake: Wake | None = None,
    draining: asyncio.Event | None = None,
) -> AsyncIterator[Equipment]:
    """The equipment of an API process, until the block ends; `wake` and `folded` are shared with a worker beside it.

    Appends that wait are committed before it closes. Raises what connecting raises.
    """
    log = await open_log(service.name, settings.api_url.get_secret_value(), size=settings.pool_size, wake=wake)
    clock = clock or settings.business_clock()
    folded = folded or log.wake
    surround(folded, clock, settings.key("wrapping"), settings.master_keys)
    keys = None
    if authority is None:
        keys = IssuerKeys(settings.issuer)
        authority = TokenAuthority(keys, settings.issuer, settings.audience, settings.algorithms)
    runner = Runner(log, clock, providers_of(service), lambda tenant: Reader(log.pool, tenant, folded))
    equipment = Equipment(
        service=service,
        settings=settings,
        clock=clock,
        log=log,
        wake=folded,
        runner=runner,
        authority=authority,
        objects=Objects.at(settings.objects),
        draining=draining or asyncio.Event(),
    )
    try:
        yield equipment
    finally:
        await close_log(log)
        if keys is not None:
            await keys.close()
