"""Folding: each projection's serving build follows the head of the log."""

from __future__ import annotations

import asyncpg

from libs.events import metrics
from libs.events.batches import Batch, Parking, read_facts, trace_of
from libs.events.builds import Builds
from libs.events.connections import ACQUIRE_SECONDS, BY_INDEX
from libs.events.leases import Fenced, Lease
from libs.events.positions import Positions, Reader, Serving
from libs.events.projecting import Projection
from libs.events.tracing import batch_span
from libs.events.waking import Head, Wake


class Folder:
    """Keeps the serving build of one projection at the head of the log; run by the holder of its lease."""

    def __init__(
        self, projection: Projection, pool: asyncpg.Pool, head: Head, folded: Wake, positions: Positions | None = None
    ) -> None:
        self.builds = Builds(pool, projection)
        self.projection = projection
        self.reader = Reader(projection.wanted, projection.name, projection.version)
        self.pool = pool
        self.head = head
        self.folded = folded
        self.positions = positions or Positions(pool)
        self.cursor = 0

    async def run(self, lease: Lease) -> None:
        """Fold until cancelled; a version that has no build yet is built first."""
        await self.builds.ensure()
        while True:
            await self.step(lease)
            await self.head.beyond(self.cursor, 1.0)

    async def step(self, lease: Lease) -> bool:
        """Fold one batch; False when there was nothing to do."""
        standing = await self.positions.serving(self.reader)
        if standing is None:
            raise Fenced(f"{self.reader.name} has no serving build")
        self.cursor = standing.seq
        upto = await self.head.now()
        if not standing.parked:
            if upto <= self.cursor:
                return False
            nothing = not self.head.has(self.projection.wires, self.cursor)
            if nothing and await self.positions.move(lease, standing, upto):
                self.cursor = upto
                self.folded()
                return True
        return await self._fold(lease, standing, upto)

    async def _fold(self, lease: Lease, standing: Serving, upto: int) -> bool:
        projection, reader = self.projection, self.reader.name
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            parking = await Parking.load(connection, reader) if standing.parked else Parking(reader)
            if upto <= self.cursor and not parking.retry:
                return False
            async with connection.transaction():
                await connection.execute(f"set local synchronous_commit = off; {BY_INDEX}")
                raws, upto = await read_facts(connection, projection.wires, self.cursor, max(upto, self.cursor))
                with batch_span(f"fold {reader}", [trace_of(raw) for raw in raws], facts=len(raws)):
                    batch = Batch(projection, parking)
                    await batch.retry(connection, standing.schema)
                    for raw, keys in await batch.load(connection, standing.schema, raws):
                        for key in keys:
                            batch.fold(raw, key)
                    await batch.save(connection, standing.schema)
                    await self._move(lease, connection, standing, upto)
        self.cursor = upto
        self.folded.changes[reader] += 1
        self.folded()
        metrics.FOLDED.labels(reader).inc(len(raws))
        metrics.FOLD_BATCH.labels(reader).observe(len(raws))
        return True

    async def _move(self, lease: Lease, connection: asyncpg.Connection, standing: Serving, upto: int) -> None:
        """Move the build's cursor, if the lease is still held and nobody else moved it."""
        await lease.fence(
            connection,
            "update log.builds set cursor = $3 where projection = $4 and version = $5 and build = $6"
            " and state = 'serving' and cursor = $7 and exists (select from held)",
            upto,
            standing.projection,
            standing.version,
            standing.build,
            standing.seq,
        )
