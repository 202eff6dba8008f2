"""The bare endpoint that POST /v1/leads is compared with: a body is checked, one row is inserted, an id is answered."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from uuid_utils.compat import uuid7


class Lead(BaseModel):
    """What comes in."""

    source: dict[str, Any]
    company: str


def application(url: str) -> FastAPI:
    """One route, one pool."""

    @asynccontextmanager
    async def connected(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool = await asyncpg.create_pool(url, min_size=4, max_size=8)
        await app.state.pool.execute("create table if not exists bare (id uuid primary key, data jsonb not null)")
        yield
        await app.state.pool.close()

    app = FastAPI(lifespan=connected)

    @app.post("/leads", status_code=201)
    async def capture(lead: Lead) -> dict[str, str]:
        lead_id = uuid7()
        data = orjson.dumps(lead.model_dump()).decode()
        await app.state.pool.execute("insert into bare values ($1, $2)", lead_id, data)
        return {"id": str(lead_id)}

    return app


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), port=int(sys.argv[2]), log_level="error", http="httptools", loop="uvloop")
