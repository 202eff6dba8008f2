"""Connections to PostgreSQL with every wait bounded."""

from __future__ import annotations

import asyncpg
import orjson

CONNECT_SECONDS = 3.0
ACQUIRE_SECONDS = 2.0
STATEMENT_SECONDS = 8.0
TRANSACTION_SECONDS = 10


def plain_url(url: str) -> str:
    """The URL as asyncpg wants it."""
    return url.replace("postgresql+asyncpg://", "postgresql://")


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """JSON in and out as Python values, in the binary format that COPY needs too (jsonb: a version byte, then text)."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda value: orjson.loads(value[1:]),
        format="binary",
    )


async def _leave(connection: asyncpg.Connection) -> None:
    """Nothing was changed on it."""


async def open_pool(
    url: str,
    *,
    size: int = 8,
    name: str = "salesloom",
    transaction_seconds: int = TRANSACTION_SECONDS,
    keep_state: bool = False,
) -> asyncpg.Pool:
    """A pool with every wait bounded; session settings are reset by asyncpg on release.

    The time of a transaction is bounded by the server: only that frees a lock whose client was cut off. `keep_state`
    spares the round trip of that reset, for connections that only call functions of the log.
    """
    return await asyncpg.create_pool(
        plain_url(url),
        min_size=1,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        init=prepare_connection,
        reset=_leave if keep_state else None,
        server_settings={
            "application_name": name,
            "timezone": "UTC",
            "idle_in_transaction_session_timeout": "10s",
            "transaction_timeout": f"{transaction_seconds}s",
            "jit": "off",
        },
    )
