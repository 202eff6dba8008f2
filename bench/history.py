"""A log with a history, written at the server's own speed: streams and versions fit, as if commands had made it."""

from __future__ import annotations

import asyncpg

from bench.frame import TENANT
from dev.provision import Database

A_STREAM = 10
"""Facts of one stream."""


async def fill(database: Database, facts: int, tenant: str = TENANT) -> None:
    """So many own facts, ten to a stream, about 300 bytes each."""
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(
            "insert into log.events select n, n, $2, 'lead-routing/counter-c' || ((n - 1) / $3),"
            " ((n - 1) % $3 + 1)::int, gen_random_uuid(), 'test-counted.v1',"
            " jsonb_build_object('counter_id', 'c' || ((n - 1) / $3), 'by', 1, 'at', '2026-03-02T01:00:00Z',"
            " 'note', repeat('n', 150)),"
            ' \'{"actor": {"id": "somebody", "kind": "user"}, "channel": "api"}\','
            " timestamptz '2026-03-02T01:00:00Z', timestamptz '2026-03-02T01:00:00Z'"
            " from generate_series(1, $1::bigint) n",
            facts,
            tenant,
            A_STREAM,
            timeout=600,
        )
        await connection.execute(
            "insert into log.streams select tenant, stream, max(version) from log.events group by tenant, stream",
            timeout=600,
        )
        await connection.execute("analyze log.events", timeout=600)
    finally:
        await connection.close()
