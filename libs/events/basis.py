"""What open deadlines rest on: where a calendar or a rule has changed since, they are to be computed again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from libs.events.clock import Clock
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.deciding import NO_COMMAND
from libs.events.facts import Actor
from libs.events.leases import Lease
from libs.events.running import Request, Runner

SPAN = 50_000
LOOK_SECONDS = 0.1
CURSOR = "deadlines"
NO_ID = UUID(int=0)
POSITIONS = f"""select
  coalesce((select seq from log.cursors where name = '{CURSOR}'), 0) as done,
  (select min(cursor) from log.builds where state = 'serving' and projection || ':' || version = any($1)) as folded"""
"""How far changes were looked for, and how far all read models ($1) are."""


class Basis:
    """Follows the log with a cursor of its own; what is consulted is remembered, and is another object once it changed.

    `wanted` are the read models as `name:version`; `consults` says what each deadline consults.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        runner: Runner,
        clock: Clock,
        wanted: Sequence[str],
        consults: Mapping[str, tuple[type, ...]],
    ) -> None:
        self.pool = pool
        self.runner = runner
        self.clock = clock
        self.wanted = list(wanted)
        self.consults = dict(consults)
        self._known: dict[tuple[str, str], tuple[Any, ...]] = {}
        self._looked = 0.0

    async def begin(self) -> None:
        """Forget what was consulted: somebody else may have computed since."""
        self._known.clear()
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute("insert into log.cursors (name) values ($1) on conflict do nothing", CURSOR)

    async def look(self, lease: Lease, *, now: bool = False) -> None:
        """Look through the facts that all read models hold by now, `now` or if the last look is 0.1 s ago.

        Open rows of tenants whose calendars or rules have changed with them lose their due instant.
        """
        if not now and time.monotonic() - self._looked < LOOK_SECONDS:
            return
        while await self._look_through_some(lease):
            pass
        self._looked = time.monotonic()

    async def consulted(self, tenant: str, name: str, kinds: Sequence[type]) -> dict[type, Any]:
        """What a deadline of that name consults of a tenant."""
        request = Request(tenant, Actor(kind="timer", id=name), NO_ID)
        reader, now = self.runner.reader(tenant), self.clock.now()
        return {kind: await self.runner.providers[kind](reader, request, NO_COMMAND, now) for kind in kinds}

    async def _look_through_some(self, lease: Lease) -> bool:
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            position = await connection.fetchrow(POSITIONS, self.wanted)
            if position["folded"] is None or position["done"] >= position["folded"]:
                return False
            upto = min(position["folded"], position["done"] + SPAN)
            open_ones = await connection.fetch(
                "select distinct deadline, tenant from log.dues where not done and deadline = any($1)"
                " and tenant in (select distinct tenant from log.events where seq > $2 and seq <= $3)",
                list(self.consults),
                position["done"],
                upto,
            )
        changed = await self._changed([(name, tenant) for name, tenant in open_ones])
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.executemany(
                "update log.dues set due_at = null where deadline = $1 and tenant = $2 and not done", changed
            )
            await lease.fence(
                connection,
                "update log.cursors set seq = $3 where name = $4 and seq = $5 and exists (select from held)",
                upto,
                CURSOR,
                position["done"],
            )
        return True

    async def _changed(self, open_ones: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of these deadlines of tenants that consult something else than when this was last asked."""
        found: dict[tuple[str, type], Any] = {}
        changed = []
        for name, tenant in open_ones:
            missing = [kind for kind in self.consults[name] if (tenant, kind) not in found]
            values = await self.consulted(tenant, name, missing)
            found |= {(tenant, kind): value for kind, value in values.items()}
            basis = tuple(found[tenant, kind] for kind in self.consults[name])
            known = self._known.get((name, tenant))
            if known is None or any(old is not new for old, new in zip(known, basis, strict=True)):
                changed.append((name, tenant))
            self._known[name, tenant] = basis
        return changed
