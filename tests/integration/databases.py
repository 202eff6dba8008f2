"""Looking into the databases of the services with SQL."""

from __future__ import annotations

from typing import Any

import asyncpg

from dev.processes import call


def rows(url: str, sql: str, *values: Any) -> list[asyncpg.Record]:
    """The rows of a query."""
    return list(call(lambda: _fetch(url, sql, values)))


def value(url: str, sql: str, *values: Any) -> Any:
    """The first column of the first row."""
    (row,) = rows(url, sql, *values)
    return row[0]


async def _fetch(url: str, sql: str, values: tuple[Any, ...]) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return list(await connection.fetch(sql, *values))
    finally:
        await connection.close()
