"""Comparing two builds of a read model at the same position, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from libs.events.making import LONG_SECONDS, Build
from libs.events.projecting import Projection, Table

MOST_KEYS = 100
COMPARED = (
    "($2::text is null or t.tenant = $2)"
    " and not exists (select from log.parked p where p.consumer = $1 and p.tenant = t.tenant and p.key = t.key)"
)
"""Rows that are compared: of one tenant or of all, parked keys left out."""


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


async def compare(
    connection: asyncpg.Connection, projection: Projection, left: Build, right: Build, seq: int
) -> Comparison:
    """Rows, order-independent checksums and differing keys of two builds; parked keys are left out.

    Where the right one is of one tenant, only that tenant's rows are compared.
    """
    tenant = right.scope.tenant
    rows: dict[str, tuple[int, int]] = {}
    checksums: dict[str, tuple[str, str]] = {}
    differing: list[tuple[str, str, str]] = []
    for table in projection.tables:
        sums = [await _checksum(connection, projection, build.schema, table, tenant) for build in (left, right)]
        rows[table.name] = (sums[0][0], sums[1][0])
        checksums[table.name] = (sums[0][1], sums[1][1])
        if sums[0] != sums[1]:
            differing += await _differing(connection, projection, left.schema, right.schema, table, tenant)
    return Comparison(seq, rows, checksums, tuple(differing[:MOST_KEYS]))


async def _checksum(
    connection: asyncpg.Connection, projection: Projection, schema: str, table: Table[Any], tenant: str | None
) -> tuple[int, str]:
    row = await connection.fetchrow(
        "select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text"
        f' from "{schema}"."{table.name}" t where {COMPARED}',
        projection.wanted,
        tenant,
        timeout=LONG_SECONDS,
    )
    return row[0], row[1]


async def _differing(
    connection: asyncpg.Connection,
    projection: Projection,
    left: str,
    right: str,
    table: Table[Any],
    tenant: str | None,
) -> list[tuple[str, str, str]]:
    def sums(schema: str) -> str:
        return (
            "select tenant, key, sum(hashtextextended(t::text, 0)::numeric) as sum"
            f' from "{schema}"."{table.name}" t where {COMPARED} group by tenant, key'
        )

    rows = await connection.fetch(
        f"select tenant, key from ({sums(left)}) l full join ({sums(right)}) r using (tenant, key)"
        f" where l.sum is distinct from r.sum order by tenant, key limit {MOST_KEYS}",
        projection.wanted,
        tenant,
        timeout=LONG_SECONDS,
    )
    return [(table.name, row["tenant"], row["key"]) for row in rows]
