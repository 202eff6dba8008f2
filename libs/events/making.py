"""Making a build of a read model: loaded from the log in parts, caught up in batches."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from libs.events import metrics
from libs.events.batches import WHOLE, Batch, Parking, Raw, Scope, read_facts
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.facts import REGISTRY
from libs.events.failpoints import failpoint
from libs.events.projecting import Projection
from libs.events.rows import Groups, columns_of

FACTS_A_PART = 250_000
FACTS_A_READ = 10_000
LONG_SECONDS = 3600.0
OWN_TENANT = "tenant = nullif(current_setting('app.tenant', true), '')"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is: facts of `total` done, at so many facts a second."""

    done: int
    total: int
    facts_per_second: float

    @property
    def left(self) -> timedelta:
        """The time it will still take at this speed."""
        return timedelta(seconds=(self.total - self.done) / self.facts_per_second if self.facts_per_second else 0)


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Build:
    """One build of a projection's version."""

    number: int
    schema: str
    state: str
    cursor: int
    target: int
    parts_done: int
    parts: int
    checksum: str
    scope: Scope = WHOLE


def build_of(row: asyncpg.Record) -> Build:
    """A row of the registry."""
    return Build(
        row["build"],
        row["schema_name"],
        row["state"],
        row["cursor"],
        row["target"],
        row["parts_done"],
        row["parts"],
        row["tables_checksum"],
        Scope(row["as_of"], row["recorded_by"], row["tenant"]),
    )


async def builds_of(pool: asyncpg.Pool, projection: Projection) -> list[Build]:
    """Every build of a projection's version, the newest first."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        rows = await connection.fetch(
            "select * from log.builds where projection = $1 and version = $2 order by build desc",
            projection.name,
            projection.version,
        )
    return [build_of(row) for row in rows]


class Maker:
    """Makes builds of one projection's version."""

    def __init__(self, pool: asyncpg.Pool, projection: Projection) -> None:
        self.pool = pool
        self.projection = projection

    async def load(self, *, upto: int | None = None, scope: Scope = WHOLE, report: Report | None = None) -> Build:
        """A build loaded with everything up to its target; one that was cut off goes on after its last part."""
        build = next(
            (
                build
                for build in await builds_of(self.pool, self.projection)
                if build.state in {"building", "ready"} and build.scope == scope
            ),
            None,
        )
        if build is None or build.checksum != self.projection.tables_checksum:
            build = await self._create(scope.as_of if upto is None else upto, scope)
        if build.state == "ready":
            return build
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            total = await self._count(connection, build.target, scope)
        begun, before = time.monotonic(), total * build.parts_done
        done = before
        for part in range(build.parts_done, build.parts):
            groups: Groups = {}
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                parking = await Parking.load(connection, self.projection.wanted, build.number)
            parking.keys.clear()  # each part meets its own keys for the first time
            after = 0
            while after < build.target:
                async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                    raws, after = await read_facts(
                        connection, self.projection.wires, after, build.target, FACTS_A_READ, scope
                    )
                self._fold_part(raws, groups, parking, part, build.parts)
                done += len(raws)
                if report is not None:
                    speed = (done - before) / max(0.001, time.monotonic() - begun)
                    report(Progress(done, total * build.parts, speed))
                    metrics.REBUILD_RATE.labels(self.projection.name).set(speed)
            await self._copy(build, groups, part, parking)
        await self._finish(build)
        return next(found for found in await builds_of(self.pool, self.projection) if found.number == build.number)

    def _fold_part(self, raws: Sequence[Raw], groups: Groups, parking: Parking, part: int, parts: int) -> None:
        batch = Batch(self.projection, parking, live=False)
        batch.groups = groups
        for raw, keys in batch.places(raws):
            for key in keys:
                place = (raw.row["tenant"], key)
                if parts == 1 or zlib.crc32(f"{place[0]} {key}".encode()) % parts == part:
                    groups.setdefault(place, ())
                    batch.fold(raw, key)

    async def _copy(self, build: Build, groups: Groups, part: int, parking: Parking) -> None:
        """Load one part with COPY, on a connection of its own, outside any lease."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.execute(
                "set local transaction_timeout = 0; set local idle_in_transaction_session_timeout = 0"
            )
            for table in self.projection.tables:
                records = [
                    (*place, *(getattr(row, name) for name in table.fields))
                    for place, rows in groups.items()
                    for row in rows
                    if isinstance(row, table.row)
                ]
                await connection.copy_records_to_table(
                    table.name,
                    schema_name=build.schema,
                    columns=columns_of(table),
                    records=records,
                    timeout=LONG_SECONDS,
                )
                failpoint("rebuild.copying")
            await parking.save(connection)
            await connection.execute(
                "update log.builds set parts_done = $3 where projection = $1 and version = $2 and build = $4",
                self.projection.name,
                self.projection.version,
                part + 1,
                build.number,
            )

    async def _create(self, upto: int | None, scope: Scope) -> Build:
        projection = self.projection
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            number = await connection.fetchval(
                "select coalesce(max(build), 0) + 1 from log.builds where projection = $1 and version = $2",
                projection.name,
                projection.version,
            )
            target = upto if upto is not None else await head_of(connection)
            schema = f"{projection.name.replace('-', '_')}_v{projection.version}_b{number}"
            await connection.execute(f'create schema "{schema}"')
            for table in projection.tables:
                await connection.execute(table.create(schema=schema))
            parts = max(1, -(-await self._count(connection, target, scope) // FACTS_A_PART))
            row = await connection.fetchrow(
                "insert into log.builds (projection, version, build, schema_name, state, target, parts,"
                " tables_checksum, as_of, recorded_by, tenant)"
                " values ($1, $2, $3, $4, 'building', $5, $6, $7, $8, $9, $10) returning *",
                projection.name,
                projection.version,
                number,
                schema,
                target,
                parts,
                projection.tables_checksum,
                scope.as_of,
                scope.recorded_by,
                scope.tenant,
            )
        return build_of(row)

    async def _finish(self, build: Build) -> None:
        """Primary keys, indexes, row security and grants, once the rows are in."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.execute("set local transaction_timeout = 0")
            api = await connection.fetchval("select quote_ident(api_role) from log.service")
            statements = [f'grant usage on schema "{build.schema}" to {api}']
            for table in self.projection.tables:
                place = f'"{build.schema}"."{table.name}"'
                statements += table.constrain(schema=build.schema)
                statements += [
                    f"alter table {place} enable row level security",
                    f"create policy tenant on {place} for select to {api} using ({OWN_TENANT})",
                    f"grant select on {place} to {api}",
                    f"analyze {place}",
                ]
            for statement in statements:
                await connection.execute(statement, timeout=LONG_SECONDS)
            await connection.execute(
                "update log.builds set state = 'ready', cursor = target"
                " where projection = $1 and version = $2 and build = $3 and state = 'building'",
                self.projection.name,
                self.projection.version,
                build.number,
            )

    async def catch_up(self, connection: asyncpg.Connection, build: Build, upto: int) -> None:
        """Fold what came since into a build that does not serve; rows and position in the caller's transaction."""
        position: int = await connection.fetchval(
            "select cursor from log.builds where projection = $1 and version = $2 and build = $3",
            self.projection.name,
            self.projection.version,
            build.number,
        )
        parking = await Parking.load(connection, self.projection.wanted, build.number)
        while position < upto:
            raws, position = await read_facts(
                connection, self.projection.wires, position, upto, FACTS_A_READ, build.scope
            )
            batch = Batch(self.projection, parking, live=False)
            for raw, keys in await batch.load(connection, build.schema, raws):
                for key in keys:
                    batch.fold(raw, key)
            await batch.save(connection, build.schema)
        await parking.save(connection)
        await connection.execute(
            "update log.builds set cursor = greatest(cursor, $4) where projection = $1 and version = $2 and build = $3",
            self.projection.name,
            self.projection.version,
            build.number,
            upto,
        )

    async def _count(self, connection: asyncpg.Connection, upto: int, scope: Scope) -> int:
        condition, values = scope.condition(3)
        count: int = await connection.fetchval(
            f"select count(*) from log.events where type = any($1) and seq <= $2{condition}",
            REGISTRY.stored_names(self.projection.wires),
            upto,
            *values,
            timeout=LONG_SECONDS,
        )
        return count


async def head_of(connection: asyncpg.Connection) -> int:
    """The last position of the log."""
    seq: int = await connection.fetchval("select seq from log.head()")
    return seq
