"""Connections to PostgreSQL with every wait bounded."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import asyncpg
import orjson

from libs.events import numerics

CONNECT_SECONDS = 3.0
ACQUIRE_SECONDS = 2.0
STATEMENT_SECONDS = 8.0
TRANSACTION_SECONDS = 10
BY_INDEX = "set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off"
"""For a transaction that looks up rows by keys: a plan made while a table was small, or without statistics, would read
all of a large one."""


def plain_url(url: str) -> str:
    """The URL as asyncpg wants it."""
    return url.replace("postgresql+asyncpg://", "postgresql://")


class Connection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection that is thrown away when the driver has lost track of it.

    Cut off at a bad moment, the driver may believe that something is still under way; every later use fails, and a pool
    that does not reset its connections would lend it out for ever.
    """

    async def execute(self, *values: Any, **options: Any) -> Any:
        """As the driver's."""
        return await self._checked(super().execute(*values, **options))

    async def executemany(self, *values: Any, **options: Any) -> Any:
        """As the driver's."""
        return await self._checked(super().executemany(*values, **options))

    async def fetch(self, *values: Any, **options: Any) -> Any:
        """As the driver's."""
        return await self._checked(super().fetch(*values, **options))

    async def fetchrow(self, *values: Any, **options: Any) -> Any:
        """As the driver's."""
        return await self._checked(super().fetchrow(*values, **options))

    async def fetchval(self, *values: Any, **options: Any) -> Any:
        """As the driver's."""
        return await self._checked(super().fetchval(*values, **options))

    async def _checked(self, work: Awaitable[Any]) -> Any:
        try:
            return await work
        except asyncpg.InternalClientError as error:
            self.terminate()
            raise asyncpg.InterfaceError(f"the connection is in no usable state: {error}") from error


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """JSON as Python values, numbers as they were written; binary, as COPY needs it (jsonb: a version byte first)."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda value: orjson.loads(value[1:]),
        format="binary",
    )
    await connection.set_type_codec(
        "numeric", schema="pg_catalog", encoder=numerics.encode, decoder=numerics.decode, format="binary"
    )


async def _leave(connection: asyncpg.Connection) -> None:
    """Nothing was changed on it for longer than its transaction, which has ended unless its caller was cut off."""
    if connection.is_in_transaction():
        await connection.execute("rollback")


async def open_pool(
    url: str,
    *,
    size: int = 8,
    name: str = "salesloom",
    transaction_seconds: int = TRANSACTION_SECONDS,
    keep_state: bool = False,
) -> asyncpg.Pool:
    """A pool with every wait bounded.

    The time of a transaction is bounded by the server: only that frees a lock whose client was cut off. `keep_state`
    spares the round trip that resets a connection's settings, for callers that set them for a transaction only.
    """
    return await asyncpg.create_pool(
        plain_url(url),
        min_size=1,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        init=prepare_connection,
        connection_class=Connection,
        reset=_leave if keep_state else None,
        server_settings={
            "application_name": name,
            "timezone": "UTC",
            "idle_in_transaction_session_timeout": "10s",
            "transaction_timeout": f"{transaction_seconds}s",
            "jit": "off",
        },
    )
