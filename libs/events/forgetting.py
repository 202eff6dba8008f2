"""Forgetting: once a fact says that people are erased, their keys are destroyed, and again after every restore."""

from __future__ import annotations

import asyncpg
import structlog

from libs.events.batches import read_facts
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.errors import Unavailable
from libs.events.facts import REGISTRY
from libs.events.leases import Fenced, Lease
from libs.events.positions import Positions, Reader
from libs.events.waking import Head

CURSOR = "forget"

logger = structlog.get_logger()


def erasing_types(service: str) -> tuple[str, ...]:
    """The wire names of a service's facts that say whose keys are to be destroyed."""
    return tuple(sorted(wire for wire, kind in REGISTRY.types.items() if kind.erases and kind.owner in {None, service}))


class Forgetter:
    """Follows the log with a cursor of its own, from the beginning; run by the holder of the lease `forget`.

    The log is the journal of erasures: a restored database, or an older backup of the keys, is read through again.
    """

    def __init__(self, service: str, pool: asyncpg.Pool, head: Head, positions: Positions) -> None:
        self.wires = erasing_types(service)
        self.pool = pool
        self.head = head
        self.positions = positions

    async def run(self, lease: Lease) -> None:
        """Forget until cancelled."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute("insert into log.cursors (name) values ($1) on conflict do nothing", CURSOR)
        cursor = -1
        while True:
            moved = await self._step(lease)
            if moved == cursor:
                await self.head.beyond(cursor, 1.0)
            cursor = moved

    async def _step(self, lease: Lease) -> int:
        """Destroy the keys that some more facts name; how far it has come."""
        standing = await self.positions.following(Reader(CURSOR, "", 0))
        if standing is None:
            raise Fenced(CURSOR)
        before, upto = standing.seq, await self.head.now()
        if upto <= before:
            return before
        if not self.head.has(self.wires, before) and await self.positions.move(lease, standing, upto):
            return upto
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            raws, upto = await read_facts(connection, self.wires, before, upto)
            if later := [raw.error for raw in raws if raw.waits]:
                raise Unavailable(later[0])  # nobody is passed over: newer code goes on from here
            erased = [
                (raw.row["tenant"], str(subject))
                for raw in raws
                if raw.recorded is not None and raw.recorded.own_seq is not None
                for subject in getattr(raw.recorded.fact, raw.recorded.fact.erases or "", ())
            ]
            async with connection.transaction():
                if erased:
                    await connection.execute("select log.forget($1, $2)", *map(list, zip(*erased, strict=True)))
                await lease.fence(
                    connection,
                    "update log.cursors set seq = $3 where name = $4 and seq = $5 and exists (select from held)",
                    upto,
                    CURSOR,
                    before,
                )
            if erased:
                await connection.execute("vacuum log.subject_keys")  # the old rows are in its file until then
                logger.info("keys destroyed", subjects=len(erased))
        return upto
