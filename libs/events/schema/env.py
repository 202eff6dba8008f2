"""Alembic's entry: runs the migrations of the log as its owner, inside one transaction."""

from __future__ import annotations

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from libs.events.connections import plain_url

OWNER_URL: str = context.config.attributes["owner_url"]


def migrate(connection: Connection) -> None:
    """Run what is missing; a second migration process waits for this one."""
    context.configure(connection=connection, version_table="migrations", version_table_schema="public")
    with context.begin_transaction():
        connection.exec_driver_sql("select pg_advisory_xact_lock(4700)")
        context.run_migrations()


async def run() -> None:
    """Connect as the owner and migrate. The driver reads the URL, as elsewhere: SQLAlchemy knows no `sslmode`."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(plain_url(OWNER_URL)), poolclass=pool.NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()


asyncio.run(run())
