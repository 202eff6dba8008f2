"""Builds of read models: made from the log in a schema of their own, compared, put into service, taken back."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog

from libs.events.batches import WHOLE, Scope, parked_in
from libs.events.comparing import Comparison, compare
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.failpoints import failpoint
from libs.events.leases import Fenced
from libs.events.making import LONG_SECONDS, Build, Maker, Progress, Report, builds_of, head_of
from libs.events.projecting import Projection
from libs.events.rows import item_of

AGAIN_SECONDS = 0.1
CLOSE = 200
"""Facts behind the live build from which on the last step is taken while that is held."""

logger = structlog.get_logger()


class ChangedTables(Exception):
    """The tables of a projection were changed without giving it a new version."""


class Builds:
    """The builds of one projection's version in one database."""

    def __init__(self, pool: asyncpg.Pool, projection: Projection) -> None:
        self.pool = pool
        self.projection = projection
        self.maker = Maker(pool, projection)

    async def all(self) -> list[Build]:
        """Every build there is, the newest first."""
        return await builds_of(self.pool, self.projection)

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
            build = await self.maker.load(upto=upto, report=report)
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
                await self.maker.catch_up(connection, build, await head_of(connection) if upto is None else upto)
                await self._serve(connection, build)
        logger.info("read model built", projection=self.projection.wanted, build=build.number)
        return build

    async def rebuild(self, report: Report | None = None, *, repair: bool = False) -> tuple[Build, Comparison]:
        """Make another build beside the live one, compare at the same position, and put it into service if equal.

        With `repair` also if the live one differs: the log is right.
        """
        async with self._alone():
            build, comparison = await self._beside(report, serve=True, repair=repair)
            await (self._drop_older() if comparison.equal or repair else self._drop(build))
        return build, comparison

    async def look_back(self, scope: Scope, report: Report | None = None) -> Build:
        """A build of what was known at an earlier position or instant, beside the live one; it never serves."""
        async with self._alone():
            return await self.maker.load(scope=scope, report=report)

    async def rebuild_tenant(self, tenant: str, report: Report | None = None, *, repair: bool = False) -> Comparison:
        """Make one tenant's rows anew and compare them; with `repair` put them in the place of those that differ."""
        async with self._alone():
            build, comparison = await self._beside(report, scope=Scope(tenant=tenant), repair=repair)
            await self._drop(build)
        return comparison

    async def drop(self, number: int) -> Build:
        """Drop a build that does not serve. Raises LookupError without one."""
        async with self._alone():
            build = next((build for build in await self.all() if build.number == number), None)
            if build is None or build.state in {"serving", "dropped"}:
                raise LookupError(f"{self.projection.wanted} has no build {number} that could be dropped")
            await self._drop(build)
        return build

    async def forget(self) -> None:
        """Drop every build, also the one that serves: the next worker begins anew."""
        async with self._alone():
            for build in await self.all():
                if build.state != "dropped":
                    await self._drop(build)

    async def verify(self, report: Report | None = None) -> Comparison:
        """Compare the live build with one made anew from the log; the new one is dropped afterwards."""
        async with self._alone():
            build, comparison = await self._beside(report)
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
                await self.maker.catch_up(connection, earlier, seq)
                await self._serve(connection, earlier)
        return earlier

    async def _beside(
        self, report: Report | None, *, scope: Scope = WHOLE, serve: bool = False, repair: bool = False
    ) -> tuple[Build, Comparison]:
        live = await self._live()
        build = await self.maker.load(upto=live.cursor, scope=scope, report=report)
        while True:
            before, live = live, await self._live()
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
                await self.maker.catch_up(connection, build, live.cursor)
            if live.cursor - before.cursor < CLOSE:
                break
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.execute("set local transaction_timeout = 0; set local lock_timeout = '30s'")
            seq = await self._hold(connection)
            await self.maker.catch_up(connection, build, seq)
            comparison = await compare(connection, self.projection, live, build, seq)
            if serve and (comparison.equal or repair):
                await self._serve(connection, build)
            elif repair and not comparison.equal:
                await self._replace(connection, live, build)
            if repair and not comparison.equal:
                await self._compute_again(connection, scope.tenant)
        return build, comparison

    async def _live(self) -> Build:
        live = await self.serving()
        if live is None:
            raise LookupError(f"{self.projection.wanted} has no serving build; start a worker first")
        return live

    async def _replace(self, connection: asyncpg.Connection, live: Build, build: Build) -> None:
        """Put the rows of a tenant's build in the place of those the live one has."""
        tenant = build.scope.tenant
        for table in self.projection.tables:
            await connection.execute(
                f'delete from "{live.schema}"."{table.name}" where tenant = $1', tenant, timeout=LONG_SECONDS
            )
            await connection.execute(
                f'insert into "{live.schema}"."{table.name}" select * from "{build.schema}"."{table.name}"',
                timeout=LONG_SECONDS,
            )
        await connection.execute(
            "delete from log.parked where consumer = $1 and tenant = $2", self.projection.wanted, tenant
        )
        await self._adopt_parked(connection, build)
        await self._open_dues(connection, live.schema)

    async def _compute_again(self, connection: asyncpg.Connection, tenant: str | None) -> None:
        """Have open deadlines computed from the rows as they are now."""
        await connection.execute(
            "update log.dues set due_at = null where not done and deadline = any($1)"
            " and ($2::text is null or tenant = $2)",
            [f"{deadline.name}:{self.projection.version}" for deadline in self.projection.deadlines],
            tenant,
        )

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

    async def _serve(self, connection: asyncpg.Connection, build: Build) -> None:
        """Move the registry to this build; what is parked in each goes with it."""
        failpoint("rebuild.before_move")
        name, version = self.projection.name, self.projection.version
        before = await connection.fetchval(
            "update log.builds set state = 'old' where projection = $1 and version = $2 and state = 'serving'"
            " returning build",
            name,
            version,
        )
        if before is not None:
            await connection.execute(
                "update log.parked set consumer = $2 where consumer = $1",
                self.projection.wanted,
                parked_in(self.projection.wanted, before),
            )
        await self._adopt_parked(connection, build)
        await connection.execute(
            "update log.builds set state = 'serving' where projection = $1 and version = $2 and build = $3",
            name,
            version,
            build.number,
        )
        await self._open_dues(connection, build.schema)

    async def _adopt_parked(self, connection: asyncpg.Connection, build: Build) -> None:
        await connection.execute(
            "update log.parked set consumer = $1 where consumer = $2",
            self.projection.wanted,
            parked_in(self.projection.wanted, build.number),
        )

    async def _open_dues(self, connection: asyncpg.Connection, schema: str) -> None:
        """Open the deadlines of rows that the live build never had."""
        for deadline in self.projection.deadlines:
            table = deadline.table
            fields = ", ".join(f'"{field}"' for field in table.fields)
            rows = await connection.fetch(f'select tenant, key, {fields} from "{schema}"."{table.name}"')
            await connection.execute(
                "insert into log.dues (deadline, tenant, key, item, stamp)"
                " select $1, *, 0 from unnest($2::text[], $3::text[], $4::text[]) on conflict do nothing",
                f"{deadline.name}:{self.projection.version}",
                [row["tenant"] for row in rows],
                [row["key"] for row in rows],
                [item_of(table, table.row(*row[2:])) for row in rows],
            )

    async def _drop_older(self) -> None:
        """Keep the build that served before, for a rollback; drop those before it."""
        for build in [build for build in await self.all() if build.state == "old"][1:]:
            await self._drop(build)

    async def _drop(self, build: Build) -> None:
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.execute(f'drop schema if exists "{build.schema}" cascade')
            await connection.execute(
                "delete from log.parked where consumer = $1", parked_in(self.projection.wanted, build.number)
            )
            await connection.execute(
                "update log.builds set state = 'dropped' where projection = $1 and version = $2 and build = $3",
                self.projection.name,
                self.projection.version,
                build.number,
            )

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One builder of a version at a time; a second one waits."""
        key, told = zlib.crc32(self.projection.wanted.encode()), False
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            try:
                while not await connection.fetchval("select pg_try_advisory_lock(4702, $1::bigint::bit(32)::int)", key):
                    if not told:
                        logger.info("another builder is at work; waiting for it", projection=self.projection.wanted)
                        told = True
                    await asyncio.sleep(AGAIN_SECONDS)
                yield
                await connection.execute("select pg_advisory_unlock(4702, $1::bigint::bit(32)::int)", key)
            except BaseException:
                connection.terminate()  # the lock ends with its session, whatever became of the statement
                raise

    def _check(self, build: Build) -> None:
        if build.checksum != self.projection.tables_checksum:
            raise ChangedTables(
                f"{self.projection.name}: its tables changed, so version {self.projection.version} must too"
            )


__all__ = ["Build", "Builds", "ChangedTables", "Comparison", "Progress", "Report"]
