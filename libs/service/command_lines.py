"""What the operators' commands stand on: the service's database as the worker's role, a console, exit codes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import typer
from rich.console import Console

from libs.events.connections import open_pool
from libs.service.settings import Settings

Configured = Callable[[], Settings]
EXIT_DIFFERENT = 1
EXIT_UNKNOWN = 2

console = Console()


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """A few connections as the worker's role, without the time limits of live work."""
    pool = await open_pool(
        settings.worker_url.get_secret_value(), size=4, name=f"{settings.service} operator", transaction_seconds=0
    )
    try:
        yield pool
    finally:
        await pool.close()


def run(configured: Configured, work: Callable[[asyncpg.Pool], Awaitable[Any]]) -> Any:
    """Do something with the service's database; what operators can put right is said without a traceback."""

    async def inside() -> Any:
        async with connected(configured()) as pool:
            return await work(pool)

    try:
        return asyncio.run(inside())
    except LookupError as unknown:
        console.print(f"[red]{unknown.args[0]}[/]")
        raise typer.Exit(EXIT_UNKNOWN) from None
