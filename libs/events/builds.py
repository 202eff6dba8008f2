"""Builds of read models: made from the log in a schema of their own, compared, put into service, taken back."""

from __future__ import annotations

import time
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import structlog

from libs.events import metrics
from libs.events.batches import Batch, Parking, Raw, read_facts
from libs.events.facts import REGISTRY
from libs.events.leases import Fenced
from libs.events.log import ACQUIRE_SECONDS
from libs.events.projecting import Projection, Table
from libs.events.rows import Groups, columns_of, item_of

FACTS_A_PART = 250_000
FACTS_A_READ = 10_000
LONG_SECONDS = 3600.0
CLOSE = 200
OWN_TENANT = "tenant = nullif(current_setting('app.tenant', true), '')"
NOT_PARKED = "not exists (select from log.parked p where p.consumer = $1 and p.tenant = t.tenant and p.key = t.key)"

logger = structlog.get_logger()


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


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two builds at the same position: rows and checksum of each table, and the keys that differ (at most 100)."""

    seq: int
    rows: dict[str, tuple[int, int]]
    checksums: dict[str, tuple[str, str]]
    differing: tuple[tuple[str, str, str], ...]

    @property
    def equal(self) -> bool:
        """True if both are the same, bit for bit."""
        return all(left == right for left, right in self.checksums.values()) and not self.differing


class ChangedTables(Exception):
    """The tables of a projection were changed without giving it a new version."""


class Builds:
    """The builds of one projection's version in one database."""

    def __init__(self, pool: asyncpg.Pool, projection: Projection) -> None:
        self.pool = pool
        self.projection = projection

    async def all(self) -> list[Build]:
        """Every build there is, the newest first."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                "select * from log.builds where projection = $1 and version = $2 order by build desc",
                self.projection.name,
                self.projection.version,
            )
        return [_build(row) for row in rows]

    async def serving(self) -> Build | None:
        """The build that queries read."""
        return next((build for build in await self.all() if build.state == "serving"), None)

    async def ensure(self, *, upto: int | None = None, report: Report | None = None) -> Build:
        """The serving build, made from the log if this version has none. Raises ChangedTables."""
        async with self._alone():
            serving = await self.serving()
            if serving is not None:
                self._check(serving)
                return serving
            build = await self._load(upto=upto, report=report)
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
                await self._catch_up(connection, build, upto or await _head(connection))
                await self._serve(connection, build)
        logger.info("read model built", projection=self.projection.wanted, build=build.number)
        return build

    async def rebuild(self, report: Report | None = None) -> tuple[Build, Comparison]:
        """Make another build beside the live one, compare at the same position, and put it into service if equal."""
        async with self._alone():
            build, comparison = await self._beside(report, serve=True)
            await (self._drop_older() if comparison.equal else self._drop(build))
        return build, comparison

    async def verify(self, report: Report | None = None) -> Comparison:
        """Compare the live build with one made anew from the log; the new one is dropped afterwards."""
        async with self._alone():
            build, comparison = await self._beside(report, serve=False)
            await self._drop(build)
        return comparison

    async def rollback(self) -> Build:
        """Put the build that served before back into service, after catching it up. Raises LookupError without one."""
        async with self._alone():
            earlier = next((build for build in await self.all() if build.state == "old"), None)
            if earlier is None:
                raise LookupError(f"{self.projection.name} has no earlier build of version {self.projection.version}")
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
                seq = await self._hold(connection)
                await self._catch_up(connection, earlier, seq)
                await self._serve(connection, earlier)
        return earlier

    async def compare(self, connection: asyncpg.Connection, left: Build, right: Build, seq: int) -> Comparison:
        """Rows, order-independent checksums and differing keys of two builds; parked keys are left out."""
        rows: dict[str, tuple[int, int]] = {}
        checksums: dict[str, tuple[str, str]] = {}
        differing: list[tuple[str, str, str]] = []
        for table in self.projection.tables:
            sums = [await self._checksum(connection, build.schema, table) for build in (left, right)]
            rows[table.name] = (sums[0][0], sums[1][0])
            checksums[table.name] = (sums[0][1], sums[1][1])
            if sums[0] != sums[1]:
                differing += await self._differing(connection, left.schema, right.schema, table)
        return Comparison(seq, rows, checksums, tuple(differing[:100]))

    async def _beside(self, report: Report | None, *, serve: bool) -> tuple[Build, Comparison]:
        build = await self._load(report=report)
        while True:
            live = await self.serving()
            if live is None:
                raise LookupError(f"{self.projection.wanted} has no serving build; start a worker first")
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
                await self._catch_up(connection, build, live.cursor)
            if (await self.serving() or live).cursor - live.cursor < CLOSE and build.target <= live.cursor:
                break
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.execute("set local transaction_timeout = 0; set local lock_timeout = '30s'")
            seq = await self._hold(connection)
            await self._catch_up(connection, build, seq)
            comparison = await self.compare(connection, live, build, seq)
            if serve and comparison.equal:
                await self._serve(connection, build)
        return build, comparison

    async def _hold(self, connection: asyncpg.Connection) -> int:
        """Keep the live build where it is until the transaction ends; its position."""
        seq: int | None = await connection.fetchval(
            "select cursor from log.builds where projection = $1 and version = $2 and state = 'serving' for update",
            self.projection.name,
            self.projection.version,
            timeout=LONG_SECONDS,
        )
        if seq is None:
            raise Fenced(self.projection.wanted)
        return seq

    async def _load(self, *, upto: int | None = None, report: Report | None = None) -> Build:
        """A build loaded with everything up to its target; one that was cut off goes on after its last part."""
        build = next((build for build in await self.all() if build.state in {"building", "ready"}), None)
        if build is None or build.checksum != self.projection.tables_checksum:
            build = await self._create(upto)
        if build.state == "ready":
            return build
        total = await self._count(build.target)
        begun, done = time.monotonic(), 0
        for part in range(build.parts_done, build.parts):
            groups: Groups = {}
            parking = await self._parking()
            after = 0
            while after < build.target:
                async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                    raws, after = await read_facts(connection, self.projection.wires, after, build.target, FACTS_A_READ)
                self._fold_part(raws, groups, parking, part, build.parts)
                done += len(raws)
                if report is not None:
                    speed = done / max(0.001, time.monotonic() - begun)
                    report(Progress(done, total * build.parts, speed))
                    metrics.REBUILD_RATE.labels(self.projection.name).set(speed)
            await self._copy(build, groups, part)
        await self._finish(build)
        return next(found for found in await self.all() if found.number == build.number)

    def _fold_part(self, raws: Sequence[Raw], groups: Groups, parking: Parking, part: int, parts: int) -> None:
        batch = Batch(self.projection, parking, live=False)
        batch.groups = groups
        for raw, keys in batch.places(raws):
            for key in keys:
                place = (raw.row["tenant"], key)
                if parts == 1 or zlib.crc32(f"{place[0]} {key}".encode()) % parts == part:
                    groups.setdefault(place, ())
                    batch.fold(raw, key)

    async def _copy(self, build: Build, groups: Groups, part: int) -> None:
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
            await connection.execute(
                "update log.builds set parts_done = $3 where projection = $1 and version = $2 and build = $4",
                self.projection.name,
                self.projection.version,
                part + 1,
                build.number,
            )

    async def _create(self, upto: int | None) -> Build:
        projection = self.projection
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            number = await connection.fetchval(
                "select coalesce(max(build), 0) + 1 from log.builds where projection = $1 and version = $2",
                projection.name,
                projection.version,
            )
            target = upto if upto is not None else await _head(connection)
            schema = f"{projection.name.replace('-', '_')}_v{projection.version}_b{number}"
            await connection.execute(f'create schema "{schema}"')
            for table in projection.tables:
                await connection.execute(table.create(schema=schema))
            parts = max(1, -(-await self._count(target) // FACTS_A_PART))
            row = await connection.fetchrow(
                "insert into log.builds"
                " (projection, version, build, schema_name, state, target, parts, tables_checksum)"
                " values ($1, $2, $3, $4, 'building', $5, $6, $7) returning *",
                projection.name,
                projection.version,
                number,
                schema,
                target,
                parts,
                projection.tables_checksum,
            )
        return _build(row)

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

    async def _catch_up(self, connection: asyncpg.Connection, build: Build, upto: int) -> None:
        """Fold what came since into a build that does not serve; rows and position in the caller's transaction."""
        position: int = await connection.fetchval(
            "select cursor from log.builds where projection = $1 and version = $2 and build = $3",
            self.projection.name,
            self.projection.version,
            build.number,
        )
        parking = await Parking.load(connection, self.projection.wanted)
        parking.keys.clear()
        while position < upto:
            raws, position = await read_facts(connection, self.projection.wires, position, upto, FACTS_A_READ)
            batch = Batch(self.projection, parking, live=False)
            for raw, keys in await batch.load(connection, build.schema, raws):
                for key in keys:
                    batch.fold(raw, key)
            await batch.save(connection, build.schema)
        await connection.execute(
            "update log.builds set cursor = greatest(cursor, $4) where projection = $1 and version = $2 and build = $3",
            self.projection.name,
            self.projection.version,
            build.number,
            upto,
        )

    async def _serve(self, connection: asyncpg.Connection, build: Build) -> None:
        """Move the registry to this build."""
        name, version = self.projection.name, self.projection.version
        await connection.execute(
            "update log.builds set state = 'old' where projection = $1 and version = $2 and state = 'serving'",
            name,
            version,
        )
        await connection.execute(
            "update log.builds set state = 'serving' where projection = $1 and version = $2 and build = $3",
            name,
            version,
            build.number,
        )
        for deadline in self.projection.deadlines:
            table = deadline.table
            fields = ", ".join(f'"{field}"' for field in table.fields)
            rows = await connection.fetch(f'select tenant, key, {fields} from "{build.schema}"."{table.name}"')
            await connection.executemany(
                "insert into log.dues (deadline, tenant, key, item, stamp) values ($1, $2, $3, $4, 0)"
                " on conflict do nothing",
                [(f"{deadline.name}:{version}", row[0], row[1], item_of(table, table.row(*row[2:]))) for row in rows],
            )

    async def _checksum(self, connection: asyncpg.Connection, schema: str, table: Table[Any]) -> tuple[int, str]:
        row = await connection.fetchrow(
            "select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text"
            f' from "{schema}"."{table.name}" t where {NOT_PARKED}',
            self.projection.wanted,
            timeout=LONG_SECONDS,
        )
        return row[0], row[1]

    async def _differing(
        self, connection: asyncpg.Connection, left: str, right: str, table: Table[Any]
    ) -> list[tuple[str, str, str]]:
        def sums(schema: str) -> str:
            return (
                "select tenant, key, sum(hashtextextended(t::text, 0)::numeric) as sum"
                f' from "{schema}"."{table.name}" t where {NOT_PARKED} group by tenant, key'
            )

        rows = await connection.fetch(
            f"select tenant, key from ({sums(left)}) l full join ({sums(right)}) r using (tenant, key)"
            " where l.sum is distinct from r.sum order by tenant, key limit 100",
            self.projection.wanted,
            timeout=LONG_SECONDS,
        )
        return [(table.name, row["tenant"], row["key"]) for row in rows]

    async def _count(self, upto: int) -> int:
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            count: int = await connection.fetchval(
                "select count(*) from log.events where type = any($1) and seq <= $2",
                REGISTRY.stored_names(self.projection.wires),
                upto,
                timeout=LONG_SECONDS,
            )
        return count

    async def _parking(self) -> Parking:
        """What operators decided to skip; a build starts with nothing parked."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            parking = await Parking.load(connection, self.projection.wanted)
        parking.keys.clear()
        return parking

    async def _drop_older(self) -> None:
        """Keep the build that served before, for a rollback; drop those before it."""
        for build in [build for build in await self.all() if build.state == "old"][1:]:
            await self._drop(build)

    async def _drop(self, build: Build) -> None:
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.execute(f'drop schema if exists "{build.schema}" cascade')
            await connection.execute(
                "update log.builds set state = 'dropped' where projection = $1 and version = $2 and build = $3",
                self.projection.name,
                self.projection.version,
                build.number,
            )

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One builder of a version at a time; a second one waits."""
        key = zlib.crc32(self.projection.wanted.encode())
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute(
                "select pg_advisory_lock(4702, $1::bigint::bit(32)::int)", key, timeout=LONG_SECONDS
            )
            try:
                yield
            finally:
                if not connection.is_closed():
                    await connection.execute("select pg_advisory_unlock(4702, $1::bigint::bit(32)::int)", key)

    def _check(self, build: Build) -> None:
        if build.checksum != self.projection.tables_checksum:
            raise ChangedTables(
                f"{self.projection.name}: its tables changed, so version {self.projection.version} must too"
            )


async def _head(connection: asyncpg.Connection) -> int:
    seq: int = await connection.fetchval("select seq from log.head()")
    return seq


def _build(row: asyncpg.Record) -> Build:
    return Build(
        row["build"],
        row["schema_name"],
        row["state"],
        row["cursor"],
        row["target"],
        row["parts_done"],
        row["parts"],
        row["tables_checksum"],
    )
