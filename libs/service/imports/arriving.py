"""Waiting until read models have folded what was written, here and at other services."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from libs.events.connections import ACQUIRE_SECONDS
from libs.events.errors import Unavailable
from libs.events.projecting import Projection

POLL_SECONDS = 0.05
FOLDED_WITHIN_SECONDS = 60.0


async def caught_up(pool: asyncpg.Pool, projections: Sequence[Projection]) -> None:
    """Return once these read models have folded all that is in the log now. Raises Unavailable after a minute."""
    wanted = [projection.wanted for projection in projections]
    deadline = time.monotonic() + FOLDED_WITHIN_SECONDS
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        head = await connection.fetchval("select seq from log.head()")
    while wanted:
        async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            folded = await connection.fetchval(
                "select count(*) from log.builds where state = 'serving' and cursor >= $1"
                " and projection || ':' || version = any($2)",
                head,
                wanted,
            )
        if folded == len(wanted):
            return
        if time.monotonic() > deadline:
            raise Unavailable(f"{', '.join(wanted)} did not fold the log within {FOLDED_WITHIN_SECONDS:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


class Arriving:
    """Whether what another service had written before an import began is here.

    Certain once that service's watermark has passed the beginning; after `patience` seconds it is taken for granted.
    """

    def __init__(self, pool: asyncpg.Pool, projections: Sequence[Projection], begun: datetime, patience: float) -> None:
        self._pool = pool
        self._projections = projections
        self._begun = begun
        self._deadline = time.monotonic() + patience

    async def __call__(self, source: str) -> bool:
        """Wait a moment, then say so; the read models have folded what is here when this returns."""
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            t = await connection.fetchval("select t from log.watermarks where source = $1", source)
        arrived = (t is not None and t > self._begun) or time.monotonic() >= self._deadline
        if not arrived:
            await asyncio.sleep(POLL_SECONDS)
        await caught_up(self._pool, self._projections)
        return arrived
