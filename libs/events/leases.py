"""Leases: which worker does which background role; on database time, every writing transaction fenced by its epoch."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import asyncpg
import structlog
from aiokafka.errors import KafkaError

from libs.events import metrics
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.errors import NotYetVisible, Overloaded, Restoring, Unavailable

TTL_SECONDS = 4.0
RENEW_SECONDS = 1.0
STEP_DOWN_SECONDS = 3.0
BACKOFF_SECONDS = (0.05, 0.1, 0.3, 1.0, 2.0)
CANCEL_SECONDS = 2.0
"""So long a role may take to end before it is cancelled again: a library may have swallowed the cancellation."""
CALM_SECONDS = 10.0
"""So long a role must run for its failures to be forgotten."""
INFRASTRUCTURE = (
    OSError,
    TimeoutError,
    KafkaError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InsufficientResourcesError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    NotYetVisible,
    Overloaded,
    Restoring,
    Unavailable,
)
"""Errors of the surroundings, after which the same work is tried again."""

logger = structlog.get_logger()


class Fenced(Exception):
    """Another worker holds the lease now, or moved the cursor; nothing was written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A role held by this worker in one epoch."""

    role: str
    epoch: int

    async def fence(self, connection: asyncpg.Connection, move: str, *values: object) -> None:
        """End a transaction: lock the epoch and move a cursor in one statement. Raises Fenced when either has moved on.

        `move` is an UPDATE with `$1`, `$2` the role and the epoch; it must touch exactly one row. (A plain read of the
        lease is no fence, and FOR SHARE would block its renewal.)
        """
        sql = f"with held as (select 1 from log.leases where role = $1 and epoch = $2 for key share) {move}"
        moved = await connection.execute(sql, self.role, self.epoch, *values)
        if moved != "UPDATE 1":
            raise Fenced(f"{self.role} in epoch {self.epoch}")


Role = Callable[[Lease], Awaitable[None]]


class Leases:
    """Takes and keeps leases for roles, and runs each role while its lease is held."""

    def __init__(self, pool: asyncpg.Pool, holder: str) -> None:
        self.pool = pool
        self.holder = holder
        self.held: dict[str, int] = {}
        self._roles: dict[str, Role] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._renewed = time.monotonic()

    def add(self, role: str, run: Role) -> None:
        """Run `run(lease)` whenever this worker holds that role. It is cancelled when the lease is lost."""
        self._roles[role] = run

    async def keep(self) -> None:
        """Renew, take over and step down, until cancelled; then release everything."""
        try:
            while True:
                begun = time.monotonic()
                try:
                    await self._renew()
                except INFRASTRUCTURE as error:
                    logger.warning("leases not renewed", error=type(error).__name__)
                    if time.monotonic() - self._renewed > STEP_DOWN_SECONDS:
                        await self._settle({})
                await asyncio.sleep(max(0.05, RENEW_SECONDS - (time.monotonic() - begun)))
        finally:
            await self._settle({})
            with contextlib.suppress(*INFRASTRUCTURE):
                async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                    await connection.execute("select log.release($1)", self.holder, timeout=2)

    async def _renew(self) -> None:
        asked = time.monotonic()
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                "select role, epoch from log.hold($1, $2, $3::float8 * interval '1 second')",
                self.holder,
                sorted(self._roles),
                TTL_SECONDS,
                timeout=STEP_DOWN_SECONDS,
            )
        self._renewed = asked
        await self._settle({row["role"]: row["epoch"] for row in rows})

    async def _settle(self, held: dict[str, int]) -> None:
        gone = [role for role, epoch in self.held.items() if held.get(role) != epoch]
        await self._cancel(gone)
        self.held = held
        for role in self._roles:
            metrics.LEASE_EPOCH.labels(role).set(held.get(role, 0))
        for role, epoch in held.items():
            task = self._running.get(role)
            if task is not None and task.cancelled():
                logger.warning("role ended by a cancellation that was not ours; run again", role=role)
            if task is None or task.cancelled():
                self._running[role] = asyncio.create_task(self._run(Lease(role, epoch)), name=role)

    async def _cancel(self, roles: Iterable[str]) -> None:
        roles_of = {self._running[role]: role for role in roles if role in self._running}
        waiting = set(roles_of)
        while waiting:
            for task in waiting:
                task.cancel()
            ended, waiting = await asyncio.wait(waiting, timeout=CANCEL_SECONDS)
            for task in ended:
                del self._running[roles_of[task]]

    async def _run(self, lease: Lease) -> None:
        """Run a role again after errors, with growing pauses; only losing the lease ends it."""
        failures, alarm = 0, metrics.ALARM.labels(lease.role)
        while True:
            begun = time.monotonic()
            calm = asyncio.get_running_loop().call_later(CALM_SECONDS, alarm.set, 0) if failures else None
            try:
                await self._roles[lease.role](lease)
                return
            except Fenced as fenced:
                logger.info("role fenced", role=lease.role, why=str(fenced))
                await asyncio.sleep(RENEW_SECONDS / 4)
            except INFRASTRUCTURE as error:
                logger.warning("role held up", role=lease.role, error=f"{type(error).__name__}: {error}")
            except Exception:
                logger.exception("role failed", role=lease.role)
                alarm.set(1)
            finally:
                if calm is not None:
                    calm.cancel()
            if time.monotonic() - begun > CALM_SECONDS:
                failures = 0
            await asyncio.sleep(BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)])
            failures += 1
