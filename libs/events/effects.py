"""Effects: what goes outside, from an outbox, at least once, with growing pauses after failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from libs.events import metrics
from libs.events.clock import Clock
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.facts import Actor
from libs.events.failpoints import failpoint
from libs.events.leases import Lease
from libs.events.reading import Reader
from libs.events.running import Request, Runner
from libs.events.waking import Wake

AT_ONCE = 16
SEND_SECONDS = 20.0
POLL_SECONDS = 0.5
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800))

logger = structlog.get_logger()


class Retry(Exception):
    """Not delivered this time; tried again after `after`, or after the usual pause."""

    def __init__(self, why: str, after: timedelta | None = None) -> None:
        super().__init__(why)
        self.after = after


class Refused(Exception):
    """The other side will not take it, now or later."""


@dataclass(frozen=True, slots=True)
class NewEffect:
    """An effect on its way into the outbox; `held`: it may have gone out before a restore, so an operator decides."""

    effect_id: UUID
    tenant: str
    kind: str
    payload: Mapping[str, Any]
    held: bool = False


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One effect to deliver; `effect_id` is the same however often it is tried."""

    effect_id: UUID
    tenant: str
    kind: str
    payload: Mapping[str, Any]
    tries: int


@dataclass(frozen=True, slots=True)
class EffectTools:
    """What a sender may use; `request` is for commands that record what came of it."""

    runner: Runner
    reader: Reader
    now: datetime
    request: Request


Sender = Callable[[EffectRow, EffectTools], Awaitable[None]]


class Effects:
    """Delivers the outbox; run by the holder of the lease `effects`."""

    def __init__(
        self, pool: asyncpg.Pool, runner: Runner, clock: Clock, wake: Wake, senders: Mapping[str, Sender]
    ) -> None:
        self.pool = pool
        self.runner = runner
        self.clock = clock
        self.wake = wake
        self.senders = senders

    async def run(self, lease: Lease) -> None:
        """Deliver until cancelled."""
        while True:
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                rows = await connection.fetch(
                    "select effect_id, tenant, kind, payload, tries from log.effects"
                    " where state = 'waiting' and next_try <= clock_timestamp() and kind = any($2)"
                    " order by created_at, effect_id limit $1",
                    AT_ONCE,
                    list(self.senders),
                )
            await asyncio.gather(*(self._deliver(lease, EffectRow(*row)) for row in rows))
            if not rows:
                await self.wake.wait(POLL_SECONDS)

    async def _deliver(self, lease: Lease, effect: EffectRow) -> None:
        actor = Actor(kind="rule", id=f"effect-{effect.kind}")
        request = Request(
            effect.tenant, actor, UUID(int=effect.effect_id.int), roles=frozenset({"timer"}), channel="rule"
        )
        tools = EffectTools(self.runner, self.runner.reader(effect.tenant), self.clock.now(), request)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.senders[effect.kind](effect, tools)
            failpoint("effect.delivered")
        except Refused as refusal:
            await self._mark(lease, effect, "failed", str(refusal))
        except Exception as error:
            pause = error.after if isinstance(error, Retry) else None
            last = effect.tries + 1 >= len(PAUSES)
            logger.warning("effect not delivered", kind=effect.kind, tries=effect.tries + 1, error=type(error).__name__)
            await self._mark(
                lease, effect, "failed" if last else "waiting", f"{type(error).__name__}: {error}",
                pause or PAUSES[min(effect.tries, len(PAUSES) - 1)],
            )  # fmt: skip
        else:
            await self._mark(lease, effect, "done", "")

    async def _mark(
        self, lease: Lease, effect: EffectRow, state: str, detail: str, pause: timedelta = timedelta()
    ) -> None:
        metrics.EFFECTS.labels(effect.kind, state).inc()
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute(
                "with held as (select 1 from log.leases where role = $1 and epoch = $2 for key share)"
                " update log.effects set state = $4, detail = $5, tries = tries + 1,"
                " next_try = clock_timestamp() + $6::interval where effect_id = $3 and exists (select from held)",
                lease.role,
                lease.epoch,
                effect.effect_id,
                state,
                detail[:2000],
                pause,
            )


async def put(connection: asyncpg.Connection, effects: Sequence[NewEffect]) -> None:
    """Add to the outbox in the caller's transaction; one that is there stays as it is."""
    await connection.executemany(
        "insert into log.effects (effect_id, tenant, kind, payload, state) values ($1, $2, $3, $4, $5)"
        " on conflict do nothing",
        [
            (one.effect_id, one.tenant, one.kind, dict(one.payload), "held" if one.held else "waiting")
            for one in effects
        ],
    )
