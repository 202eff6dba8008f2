"""Reactions at work: each follows the log with a cursor of its own; its commands' ids derive from their causes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid5

import asyncpg
import structlog

from libs.events import metrics
from libs.events.batches import Batch, Parking, Raw, read_facts, read_raw, stream_place, trace_of
from libs.events.builds import Builds
from libs.events.clock import Clock
from libs.events.connections import ACQUIRE_SECONDS, BY_INDEX
from libs.events.effects import NewEffect, put
from libs.events.errors import Conflict, NewerCode, NotFound, Rejected
from libs.events.facts import Actor, Fact, Recorded
from libs.events.leases import INFRASTRUCTURE, Fenced, Lease
from libs.events.positions import Following, Positions, Reader
from libs.events.projecting import Group, Projection
from libs.events.reacting import Attempt, Effect, Reaction
from libs.events.rows import Place
from libs.events.running import Request, Runner
from libs.events.tracing import batch_span
from libs.events.waking import Head

BATCH = 200

logger = structlog.get_logger()


class Waits(Exception):
    """An attempt's subject has not arrived yet, or newer code is at work on it."""


def cursor_of(reaction: Reaction) -> str:
    """The name of a reaction's row in log.cursors, and of its lease."""
    return f"reaction:{reaction.name}"


def _nothing(projection_name: str) -> Projection:
    def fold(group: Group, recorded: Recorded[Any]) -> Sequence[Any]:
        return group.rows

    return Projection(projection_name, 1, (), (), lambda fact: [], fold)


class Follower:
    """Runs one reaction."""

    def __init__(
        self,
        reaction: Reaction,
        pool: asyncpg.Pool,
        runner: Runner,
        clock: Clock,
        head: Head,
        positions: Positions | None = None,
    ) -> None:
        self.reaction = reaction
        self.name = cursor_of(reaction)
        self.state = reaction.state or _nothing(self.name)
        self.reads: tuple[type[Fact], ...] = tuple(dict.fromkeys((*reaction.reads, *self.state.reads)))
        self.wires = tuple(kind.wire for kind in self.reads)
        self.pool = pool
        self.runner = runner
        self.clock = clock
        self.head = head
        self.positions = positions or Positions(pool)
        self.reader = Reader(self.name, self.state.name, self.state.version)
        self.cursor = 0

    async def run(self, lease: Lease) -> None:
        """Follow until cancelled."""
        await self._begin()
        while True:
            await self.step(lease)
            await self.head.beyond(self.cursor, 1.0)

    async def _begin(self) -> None:
        """At the first deployment begin at the head: earlier facts only build the state."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            start = 0 if self.reaction.history else await connection.fetchval("select seq from log.head()")
            await connection.execute(
                "insert into log.cursors (name, seq, live_from, live_since) values ($1, $2, $2, $3)"
                " on conflict do nothing",
                self.name,
                start,
                self.clock.now(),
            )
            self.cursor = await connection.fetchval("select seq from log.cursors where name = $1", self.name)
        if self.reaction.state is not None:
            await Builds(self.pool, self.state).ensure(upto=self.cursor)

    async def step(self, lease: Lease) -> bool:
        """React to one batch; False when there was nothing to do."""
        standing = await self.positions.following(self.reader)
        if standing is None:
            raise Fenced(f"{self.name} has no cursor")
        self.cursor = standing.seq
        upto = await self.head.now()
        if not standing.parked:
            if upto <= self.cursor:
                return False
            if not self.head.has(self.wires, self.cursor) and await self.positions.move(lease, standing, upto):
                self.cursor = upto
                return True
        return await self._follow(lease, standing, upto)

    async def _follow(self, lease: Lease, standing: Following, upto: int) -> bool:
        schema = standing.schema
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.execute(BY_INDEX)
            parking = await Parking.load(connection, self.name) if standing.parked else Parking(self.name)
            retried = await self._parked(connection, parking)
            if upto <= self.cursor and not retried:
                return False
            raws, upto = await read_facts(connection, self.wires, self.cursor, max(upto, self.cursor), BATCH)
            batch = Batch(self.state, parking)
            await batch.retry(connection, schema)
            placed = await batch.load(connection, schema, raws)
        with batch_span(f"react {self.reaction.name}", [trace_of(raw) for raw in raws], facts=len(raws)):
            effects = await self._react(batch, [*retried, *placed], standing)
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
                await batch.save(connection, schema)
                await put(connection, effects)
                if self.reaction.state is not None:
                    await connection.execute(
                        "update log.builds set cursor = $3"
                        " where projection = $1 and version = $2 and state = 'serving'",
                        self.state.name,
                        self.state.version,
                        upto,
                    )
                await lease.fence(
                    connection,
                    "update log.cursors set seq = $3 where name = $4 and seq = $5 and exists (select from held)",
                    upto,
                    self.name,
                    self.cursor,
                )
        self.cursor = upto
        metrics.FOLDED.labels(self.name).inc(len(raws))
        return True

    async def _parked(self, connection: asyncpg.Connection, parking: Parking) -> list[tuple[Raw, list[str]]]:
        """Facts of parked streams that are to be tried again, in order."""
        again: list[tuple[Raw, list[str]]] = []
        for place in sorted(place for place in parking.retry if place[1].startswith("stream ")):
            seqs = parking.keys.get(place, [])
            rows = await connection.fetch("select * from log.events where seq = any($1) order by seq", seqs)
            parking.clear(place)
            again += [(raw, []) for raw in map(read_raw, rows)]
            parking.retry.discard(place)
        return again

    async def _react(
        self, batch: Batch, placed: Sequence[tuple[Raw, list[str]]], standing: Following
    ) -> list[NewEffect]:
        """Fold and ask each fact in order, then run what follows: streams beside each other, each in its order."""
        wanted: dict[Place, list[tuple[Raw, Attempt]]] = {}
        effects: list[NewEffect] = []
        for raw, keys in placed:
            place, seq = stream_place(raw), raw.row["seq"]
            if (*place, seq) in batch.parking.skips:
                continue
            if place in batch.parking.keys or raw.recorded is None:
                batch.parking.park(place, seq, raw.error, waits=raw.waits)
                continue
            groups = [group for key in keys if (group := batch.fold(raw, key)) is not None]
            if keys and not groups:
                continue
            if not isinstance(raw.recorded.fact, self.reaction.reads) or not self._live(raw, standing):
                continue
            try:
                follows = self.reaction.react(raw.recorded, groups[0] if groups else Group(""))
            except INFRASTRUCTURE:
                raise
            except Exception as error:
                batch.parking.park(place, seq, f"react: {type(error).__name__}: {error}")
                continue
            for one in follows:
                if isinstance(one, Effect):
                    effect_id = uuid5(raw.recorded.event_id, f"{self.reaction.name}|{one.kind}|{one.target}")
                    until = standing.held_until
                    held = until is not None and raw.recorded.recorded_at <= until
                    effects.append(NewEffect(effect_id, raw.recorded.tenant, one.kind, one.payload, held))
                else:
                    wanted.setdefault(place, []).append((raw, one))
        await asyncio.gather(*(self._attempt(batch.parking, place, mine) for place, mine in wanted.items()))
        return effects

    def _live(self, raw: Raw, standing: Following) -> bool:
        """Facts from before the first deployment, and imported history, lead to nothing."""
        if self.reaction.history:
            return True
        assert raw.recorded is not None
        return (
            raw.row["seq"] > standing.live_from
            and raw.recorded.recorded_at >= standing.live_since
            and raw.recorded.meta.channel != "migration"
        )

    async def _attempt(self, parking: Parking, place: Place, attempts: Sequence[tuple[Raw, Attempt]]) -> None:
        held = False
        for raw, attempt in attempts:
            seq = raw.row["seq"]
            if held:
                parking.park(place, seq)
                continue
            try:
                await self._run(raw, attempt)
            except Waits as waits:
                held = True
                parking.park(place, seq, str(waits), waits=True)
            except INFRASTRUCTURE:
                raise
            except (ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
                held = True
                parking.park(place, seq, f"{attempt.decider.name}: {type(error).__name__}: {error}")

    async def _run(self, raw: Raw, attempt: Attempt) -> None:
        recorded = raw.recorded
        assert recorded is not None
        identity = f"{self.reaction.name}|{attempt.decider.name}|{attempt.target}"
        request = Request(
            tenant=recorded.tenant,
            actor=Actor(kind="rule", id=self.reaction.name),
            command_id=uuid5(recorded.event_id, identity),
            roles=frozenset({"rule"}),
            channel="rule",
            correlation_id=recorded.meta.correlation_id,
            causation_id=recorded.event_id,
            traceparent=recorded.meta.traceparent,
        )
        try:
            await self.runner.run(attempt.decider, attempt.command, request)
        except Rejected as refusal:
            logger.info("reaction refused", reaction=self.reaction.name, code=refusal.code, why=refusal.why)
        except NotFound as missing:
            raise Waits(str(missing)) from missing
        except (Conflict, NewerCode) as held:
            raise Waits(str(held)) from held
