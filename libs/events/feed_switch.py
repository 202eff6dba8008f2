"""Whose feeds are on: a tenant's topics for partners are served from when it is turned on until it is turned off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg

from libs.events.batches import read_facts
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.contracts.lead_routing import FeedTurnedOff, FeedTurnedOn

WIRES = (FeedTurnedOn.wire, FeedTurnedOff.wire)
LOOK_SECONDS = 2.0

Work = Callable[[str, int], Coroutine[Any, Any, None]]
"""Something that goes on for one tenant, whose topics have so many partitions, until it is cancelled."""


class FeedSwitch:
    """Follows in the log which tenants' feeds are on."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self._read = 0
        self._on: dict[str, int] = {}

    async def turned_on(self) -> dict[str, int]:
        """Tenants whose last word on it is on, with their partition counts; reads on from where it last was."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            head = await connection.fetchval("select seq from log.head()")
            while self._read < head:
                raws, self._read = await read_facts(connection, WIRES, self._read, head)
                for raw in raws:
                    fact = raw.recorded.fact if raw.recorded is not None else None
                    if isinstance(fact, FeedTurnedOn):
                        self._on[raw.row["tenant"]] = fact.partitions
                    elif isinstance(fact, FeedTurnedOff):
                        self._on.pop(raw.row["tenant"], None)
        return dict(self._on)

    async def while_on(self, *works: Work) -> None:
        """Have all `works` go on for each tenant whose feed is on, until cancelled; raises what one of them raises."""
        running: dict[tuple[str, Work], asyncio.Task[None]] = {}
        try:
            while True:
                wanted = await self.turned_on()
                for place in [place for place in running if place[0] not in wanted]:
                    running.pop(place).cancel()
                for tenant, partitions in wanted.items():
                    for work in works:
                        if (tenant, work) not in running:
                            running[tenant, work] = asyncio.create_task(work(tenant, partitions), name=f"feed {tenant}")
                for place, task in list(running.items()):
                    if task.done():
                        del running[place]
                        task.result()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)
