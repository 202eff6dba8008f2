"""Deadlines: when a row is due is computed beside the fold; only firing is live, and waits until facts are complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import structlog

from libs.events import metrics
from libs.events.basis import POSITIONS, Basis
from libs.events.clock import Clock
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.deciding import Given
from libs.events.errors import Conflict, NotFound, Rejected
from libs.events.facts import Actor
from libs.events.failpoints import failpoint
from libs.events.leases import Lease
from libs.events.log import Log
from libs.events.projecting import Deadline, Projection
from libs.events.rows import item_of, load_groups
from libs.events.running import Request, Runner

BATCH = 500
POLL_SECONDS = 0.1
FIRINGS = UUID("3c3ad9e5-4f0a-5c49-9a3c-6fd1a1b1f4d1")
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Stored as the due instant of a row for which nothing runs."""

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Due:
    """A row of `log.dues`."""

    deadline: str
    tenant: str
    key: str
    item: str
    stamp: int
    due_at: datetime | None


class Firing:
    """Computes and fires the deadlines of all projections of a service; run by the holder of the lease `deadlines`."""

    def __init__(
        self, log: Log, pool: asyncpg.Pool, runner: Runner, clock: Clock, projections: Sequence[Projection]
    ) -> None:
        self.log = log
        self.pool = pool
        self.runner = runner
        self.clock = clock
        self.wanted = [projection.wanted for projection in projections]
        self.deadlines: dict[str, tuple[Projection, Deadline[Any]]] = {
            f"{deadline.name}:{projection.version}": (projection, deadline)
            for projection in projections
            for deadline in projection.deadlines
        }
        consults = {name: deadline.consults for name, (_, deadline) in self.deadlines.items()}
        self.basis = Basis(pool, runner, clock, self.wanted, consults)

    async def run(self, lease: Lease) -> None:
        """Compute and fire until cancelled."""
        await self.basis.begin()
        while True:
            if not await self.step(lease):
                await self.log.wake.wait(POLL_SECONDS)

    async def step(self, lease: Lease) -> bool:
        """One round; True when something fired."""
        await self.basis.look(lease)
        await self._compute_unknown()
        now = self.clock.now()
        if not await self._anything_due(now):
            return False
        complete, seq = await self._complete(now)
        if not await self._folded(seq):
            return False
        await self.basis.look(lease, now=True)
        await self._compute_unknown()
        fired = False
        for name in self.deadlines:
            fired |= await self._fire(lease, name, complete, now)
        return fired

    async def next_due(self) -> datetime | None:
        """The next instant at which something is due; None when nothing is."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            at: datetime | None = await connection.fetchval(
                "select min(due_at) from log.dues where not done and due_at < $2 and deadline = any($1)",
                list(self.deadlines),
                NEVER,
            )
        return at

    async def unsettled(self) -> bool:
        """True while a due instant is to be computed, perhaps anew, or something due by now has not fired."""
        if not self.deadlines:
            return False
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            found: bool = await connection.fetchval(
                f"select exists (select from ({POSITIONS}) p where done < folded)"
                " or exists (select from log.dues where deadline = any($2)"
                " and not done and (due_at is null or due_at <= $3))",
                self.wanted,
                list(self.deadlines),
                self.clock.now(),
            )
        return found

    async def _unknown(self) -> list[Due]:
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                "select deadline, tenant, key, item, stamp, due_at from log.dues"
                " where due_at is null and deadline = any($1) limit $2",
                list(self.deadlines),
                4 * BATCH,
            )
        return [Due(*row) for row in rows]

    async def _anything_due(self, now: datetime) -> bool:
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            found: bool = await connection.fetchval(
                "select exists (select from log.dues where not done and due_at <= $1 and deadline = any($2))",
                now,
                list(self.deadlines),
            )
        return found

    async def _complete(self, now: datetime) -> tuple[Mapping[str, datetime], int]:
        """Up to when each source's facts are in this log (own ones: until now), and the position that holds them."""
        own, _, seq = await self.log.tick(now)
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch("select source, t, seq from log.watermarks")
        complete = {row["source"]: row["t"] for row in rows}
        complete[self.log.service] = own
        return complete, max([seq, *(row["seq"] for row in rows)])

    async def _folded(self, seq: int) -> bool:
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            behind: bool = await connection.fetchval(
                "select exists (select from log.builds where state = 'serving'"
                " and projection || ':' || version = any($1) and cursor < $2)",
                self.wanted,
                seq,
            )
        return not behind

    async def _given(self, tenant: str, deadline: Deadline[Any]) -> Given:
        values = await self.basis.consulted(tenant, deadline.name, deadline.consults)
        return Given(self.clock.now(), tenant, Actor(kind="timer", id=deadline.name), consulted=values)

    async def _compute_unknown(self) -> None:
        while unknown := await self._unknown():
            await self._compute(unknown)

    async def _compute(self, dues: Sequence[Due]) -> None:
        for name in {due.deadline for due in dues}:
            for tenant in {due.tenant for due in dues if due.deadline == name}:
                mine = [due for due in dues if due.deadline == name and due.tenant == tenant]
                deadline = self.deadlines[name][1]
                given = await self._given(tenant, deadline)
                rows = await self._rows(name, mine)
                instants = [deadline.due(rows[due], given) if due in rows else None for due in mine]
                async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                    await connection.execute(
                        "update log.dues d set due_at = r.due_at"
                        " from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[])"
                        " r(key, item, stamp, due_at)"
                        " where d.deadline = $5 and d.tenant = $6 and d.key = r.key and d.item = r.item"
                        " and d.stamp = r.stamp",
                        [due.key for due in mine],
                        [due.item for due in mine],
                        [due.stamp for due in mine],
                        [instant or NEVER for instant in instants],
                        name,
                        tenant,
                    )

    async def _rows(self, name: str, dues: Sequence[Due]) -> dict[Due, Any]:
        """The row of each due entry, where it is still there."""
        projection, deadline = self.deadlines[name]
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            schema = await connection.fetchval(
                "select schema_name from log.builds where projection = $1 and version = $2 and state = 'serving'",
                projection.name,
                projection.version,
            )
            places = {(due.tenant, due.key) for due in dues}
            groups = await load_groups(connection, schema, (deadline.table,), places)
        found = {(place, item_of(deadline.table, row)): row for place, rows in groups.items() for row in rows}
        return {due: row for due in dues if (row := found.get(((due.tenant, due.key), due.item))) is not None}

    async def _fire(self, lease: Lease, name: str, complete: Mapping[str, datetime], now: datetime) -> bool:
        deadline = self.deadlines[name][1]
        upto = min([now, *(complete.get(source, datetime.min.replace(tzinfo=UTC)) for source in deadline.sources)])
        upto = min(upto, complete[self.log.service])
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                "select deadline, tenant, key, item, stamp, due_at from log.dues"
                " where deadline = $1 and not done and due_at <= $2 order by due_at, tenant, key limit $3",
                name,
                upto,
                BATCH,
            )
        dues = [Due(*row) for row in rows]
        found = await self._rows(name, dues) if dues else {}
        for due in dues:
            if due in found:
                await self._run(deadline, due, found[due], now)
        if dues:
            await self._done(lease, dues)
        return bool(dues)

    async def _run(self, deadline: Deadline[Any], due: Due, row: Any, now: datetime) -> None:
        assert due.due_at is not None
        attempt = deadline.fire(row, due.due_at)
        cause = f"{deadline.name} {due.tenant} {due.key} {due.item} {due.due_at.isoformat()}"
        request = Request(
            tenant=due.tenant,
            actor=Actor(kind="timer", id=deadline.name),
            command_id=uuid5(FIRINGS, cause),
            roles=frozenset({"timer"}),
            channel="rule",
        )
        try:
            await self.runner.run(attempt.decider, attempt.command, request)
        except (Rejected, NotFound, Conflict) as refusal:
            logger.info("deadline refused", deadline=deadline.name, key=due.key, why=str(refusal))
            return
        failpoint("deadline.fired")
        metrics.DEADLINES_FIRED.labels(deadline.name).inc()
        metrics.DEADLINE_LATE.labels(deadline.name).observe((now - due.due_at).total_seconds())

    async def _done(self, lease: Lease, dues: Sequence[Due]) -> None:
        """Mark them fired; a row that has changed since is computed anew by its fold."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute(
                "with held as (select 1 from log.leases where role = $1 and epoch = $2 for key share)"
                " update log.dues d set done = true from unnest($3::text[], $4::text[], $5::text[], $6::bigint[])"
                " r(tenant, key, item, stamp) where d.deadline = $7 and d.tenant = r.tenant and d.key = r.key"
                " and d.item = r.item and d.stamp = r.stamp and exists (select from held)",
                lease.role,
                lease.epoch,
                [due.tenant for due in dues],
                [due.key for due in dues],
                [due.item for due in dues],
                [due.stamp for due in dues],
                dues[0].deadline,
            )
