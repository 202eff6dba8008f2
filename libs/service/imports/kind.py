"""Imports as a kind of job."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from libs.events.builds import Builds
from libs.events.connections import ACQUIRE_SECONDS
from libs.service.imports.importing import Importer
from libs.service.imports.job import give_up, run_import
from libs.service.imports.projections import IMPORTS
from libs.service.jobs import Job, Open, Tools


def import_job(service: str, importers: Sequence[Importer]) -> Job:
    """The job that imports these entities of a service."""

    async def waiting(pool: asyncpg.Pool) -> list[Open]:
        build = await Builds(pool, IMPORTS).serving()
        if build is None:
            return []
        async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                f"select i.tenant, i.import_id, sum(f.done)::bigint as done, sum(f.rows)::bigint as rows"
                f' from "{build.schema}".imports i join "{build.schema}".import_files f using (tenant, key)'
                " where i.service = $1 and i.state = 'running'"
                " group by i.tenant, i.import_id, i.started_at order by i.started_at, i.import_id",
                service,
            )
        return [Open(*row) for row in rows]

    async def run(tools: Tools, tenant: str, import_id: str) -> None:
        await run_import(tools, tenant, import_id, importers)

    return Job(waiting, run, give_up)
