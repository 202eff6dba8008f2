"""Read models filled from facts in a real database, without a log: fold, copy, ask."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from dev.provision import Database
from libs.events.connections import prepare_connection
from libs.events.facts import Recorded
from libs.events.projecting import Projection
from libs.events.testing.folding import fold_all

TENANT = "demotenant"
SCHEMA = "figures"


class Tables:
    """The tables of some projections; asks like a view, whatever read models it is asked for."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    def __call__(self, *_: Projection) -> "Tables":
        return self

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        return await self.connection.fetch(sql, TENANT, *values)

    async def one(self, sql: str, *values: Any) -> asyncpg.Record | None:
        return await self.connection.fetchrow(sql, TENANT, *values)

    async def value(self, sql: str, *values: Any) -> Any:
        return await self.connection.fetchval(sql, TENANT, *values)

    async def fill(self, projection: Projection, facts: Iterable[Recorded[Any]]) -> None:
        """Make the projection's tables and put the rows of these facts into them."""
        rows = fold_all(projection, facts)
        for table in projection.tables:
            await self.connection.execute(table.create(schema=SCHEMA))
            records = [
                (tenant, key, *(getattr(row, name) for name in table.fields))
                for tenant, key, row in rows
                if isinstance(row, table.row)
            ]
            columns = ["tenant", "key", *table.fields]
            await self.connection.copy_records_to_table(
                table.name, schema_name=SCHEMA, columns=columns, records=records
            )
            for statement in table.constrain(schema=SCHEMA):
                await self.connection.execute(statement)
        await self.connection.execute("analyze")


@asynccontextmanager
async def filled(database: Database, facts: Iterable[Recorded[Any]], *projections: Projection) -> AsyncIterator[Tables]:
    """Tables of these projections after these facts."""
    connection = await asyncpg.connect(database.worker_url, server_settings={"search_path": SCHEMA, "timezone": "UTC"})
    try:
        await prepare_connection(connection)
        await connection.execute(f"create schema {SCHEMA}")
        tables = Tables(connection)
        facts = list(facts)
        for projection in projections:
            await tables.fill(projection, facts)
        yield tables
    finally:
        await connection.close(timeout=5)
