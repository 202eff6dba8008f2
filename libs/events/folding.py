"""Folding: each projection's serving build follows the head of the log."""

from __future__ import annotations

import asyncpg

from libs.events import metrics
from libs.events.batches import Batch, Parking, read_facts, trace_of
from libs.events.builds import Builds
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.leases import Fenced, Lease
from libs.events.projecting import Projection
from libs.events.tracing import batch_span
from libs.events.waking import Head, Wake


class Folder:
    """Keeps the serving build of one projection at the head of the log; run by the holder of its lease."""

    def __init__(self, projection: Projection, pool: asyncpg.Pool, head: Head, folded: Wake) -> None:
        self.builds = Builds(pool, projection)
        self.projection = projection
        self.pool = pool
        self.head = head
        self.folded = folded
        self.cursor = 0

    async def run(self, lease: Lease) -> None:
        """Fold until cancelled; a version that has no build yet is built first."""
        await self.builds.ensure()
        while True:
            if not await self.step(lease):
                await self.head.beyond(self.cursor, 1.0)

    async def step(self, lease: Lease) -> bool:
        """Fold one batch; False when there was nothing to do."""
        projection, reader = self.projection, self.projection.wanted
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            build = await connection.fetchrow(
                "select build, schema_name, cursor, exists (select from log.parked where consumer = $3)"
                " or exists (select from log.skips where consumer = $3) as parked from log.builds"
                " where projection = $1 and version = $2 and state = 'serving'",
                projection.name,
                projection.version,
                reader,
            )
            if build is None:
                raise Fenced(f"{reader} has no serving build")
            self.cursor = build["cursor"]
            upto = await self.head.now()
            parking = await Parking.load(connection, reader) if build["parked"] else Parking(reader)
            if upto <= self.cursor and not parking.retry:
                return False
            raws, upto = await read_facts(connection, projection.wires, self.cursor, upto)
            if not raws and not parking.retry:
                await self._move(lease, connection, build, upto)
                self.cursor = upto
                self.folded()
                return True
            with batch_span(f"fold {reader}", [trace_of(raw) for raw in raws], facts=len(raws)):
                async with connection.transaction():
                    await connection.execute("set local synchronous_commit = off")
                    batch = Batch(projection, parking)
                    schema = build["schema_name"]
                    await batch.retry(connection, schema)
                    for raw, keys in await batch.load(connection, schema, raws):
                        for key in keys:
                            batch.fold(raw, key)
                    await batch.save(connection, schema)
                    await self._move(lease, connection, build, upto)
        self.cursor = upto
        self.folded()
        metrics.FOLDED.labels(reader).inc(len(raws))
        metrics.FOLD_BATCH.labels(reader).observe(len(raws))
        return True

    async def _move(self, lease: Lease, connection: asyncpg.Connection, build: asyncpg.Record, upto: int) -> None:
        """Move the build's cursor, if the lease is still held and nobody else moved it."""
        await lease.fence(
            connection,
            "update log.builds set cursor = $3 where projection = $4 and version = $5 and build = $6"
            " and state = 'serving' and cursor = $7 and exists (select from held)",
            upto,
            self.projection.name,
            self.projection.version,
            build["build"],
            self.cursor,
        )
