"""Reading: the rows of read models for one tenant, once they have folded what the caller has seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg

from libs.events import metrics
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.errors import NotYetVisible, ParkedKey, Unavailable
from libs.events.projecting import Projection
from libs.events.waking import Wake

POLL_SECONDS = 0.02
Seen = Mapping[str, int]
"""What a caller has seen: stream with its owner → version."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one tenant's rows. `seen` must be folded first; that is waited for at most `patience`.

    `reader(LEADS, PEOPLE)` names the read models of the next statements.
    """

    pool: asyncpg.Pool
    tenant: str
    wake: Wake
    seen: Seen = field(default_factory=dict)
    patience: timedelta = timedelta(seconds=2)
    listens: frozenset[str] = frozenset()

    def __call__(self, *projections: Projection) -> View:
        """The tables of these read models, as one snapshot per statement."""
        return View(self, tuple(projection.wanted for projection in projections))

    async def wait(self, wanted: Sequence[str]) -> None:
        """Until these read models have folded what was seen; raises NotYetVisible when patience ends, or ParkedKey."""
        here = {stream: version for stream, version in self.seen.items() if stream.split("/", 1)[0] in self.listens}
        if not here:
            return
        begun = time.monotonic()
        while True:
            try:
                async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                    missing = await connection.fetch(
                        "select log.missing($1, $2, $3, $4)", self.tenant, list(here), list(here.values()), list(wanted)
                    )
            except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError) as error:
                raise Unavailable("the database did not answer in time; try again") from error
            waited = time.monotonic() - begun
            if stuck := [row[0][1:] for row in missing if row[0].startswith("!")]:
                raise ParkedKey(f"{', '.join(stuck)} could not take this in; an operator has been told")
            if not missing:
                metrics.TOKEN_WAIT.observe(waited)
                self.wake.waits += 1
                return
            if waited >= self.patience.total_seconds():
                raise NotYetVisible([row[0] for row in missing])
            await self.wake.wait(POLL_SECONDS)
            await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class View:
    """Statements on some read models. In every statement `$1` is the tenant; the caller's values follow as `$2`…"""

    reader: Reader
    wanted: tuple[str, ...]

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """All rows; raises NotYetVisible, Unavailable."""
        await self.reader.wait(self.wanted)
        try:
            async with self.reader.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                await connection.execute(self._enter())
                rows: list[asyncpg.Record] = await connection.fetch(sql, self.reader.tenant, *values)
                await connection.execute("commit")  # where this is not reached, the pool rolls back
                return rows
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError) as error:
            raise Unavailable("the database did not answer in time; try again") from error

    def _enter(self) -> str:
        """Begin, and set tenant and read models, in one round trip: parameters would need a second one."""
        wanted = ", ".join(map(_literal, self.wanted))
        return f"begin; select log.enter({_literal(self.reader.tenant)}, array[{wanted}]::text[])"

    async def one(self, sql: str, *values: Any) -> asyncpg.Record | None:
        """The first row, or None."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = await self.one(sql, *values)
        return None if row is None else row[0]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
