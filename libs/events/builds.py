"""Builds of read models: made from the log in a schema of their own, compared, put into service, taken back."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog

from libs.events.comparing import Comparison, compare
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.leases import Fenced
from libs.events.making import LONG_SECONDS, Build, Maker, Progress, Report, builds_of, head_of
from libs.events.projecting import Projection
from libs.events.rows import item_of

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
                await self.maker.catch_up(connection, build, upto or await head_of(connection))
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
                await self.maker.catch_up(connection, earlier, seq)
                await self._serve(connection, earlier)
        return earlier

    async def _beside(self, report: Report | None, *, serve: bool, repair: bool = False) -> tuple[Build, Comparison]:
        build = await self.maker.load(report=report)
        while True:
            live = await self.serving()
            if live is None:
                raise LookupError(f"{self.projection.wanted} has no serving build; start a worker first")
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
                await self.maker.catch_up(connection, build, live.cursor)
            if (await self.serving() or live).cursor - live.cursor < CLOSE and build.target <= live.cursor:
                break
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.execute("set local transaction_timeout = 0; set local lock_timeout = '30s'")
            seq = await self._hold(connection)
            await self.maker.catch_up(connection, build, seq)
            comparison = await compare(connection, self.projection, live, build, seq)
            if serve and (comparison.equal or repair):
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
            await connection.execute(
                "insert into log.dues (deadline, tenant, key, item, stamp)"
                " select $1, *, 0 from unnest($2::text[], $3::text[], $4::text[]) on conflict do nothing",
                f"{deadline.name}:{version}",
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


__all__ = ["Build", "Builds", "ChangedTables", "Comparison", "Progress", "Report"]
