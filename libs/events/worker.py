"""The worker of a service: every background role behind its lease, in one process or spread over several."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import asyncpg

from libs.events import metrics
from libs.events.broker import Broker
from libs.events.builds import Builds
from libs.events.clock import Clock
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.effects import Effects, Sender
from libs.events.feeds import Feeds
from libs.events.firing import Firing
from libs.events.folding import Folder
from libs.events.following import Follower
from libs.events.forgetting import CURSOR, Forgetter, erasing_types
from libs.events.ingest import Ingest
from libs.events.leases import INFRASTRUCTURE, Leases
from libs.events.log import Log
from libs.events.positions import Positions
from libs.events.projecting import Projection
from libs.events.reacting import Reaction
from libs.events.relay import Relay
from libs.events.running import Runner
from libs.events.waking import Head, Wake
from libs.events.wire import Topics

MEASURE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker of one service does."""

    service: str
    listens: tuple[str, ...] = ()
    projections: tuple[Projection, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    senders: Mapping[str, Sender] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Whether a service has dealt with all it knows: own facts published, everything folded and reacted to."""

    settled: bool
    own_seq: int
    ingested: Mapping[str, int]
    next_due: datetime | None
    busy: tuple[str, ...] = ()


class Worker:
    """Runs the roles of a plan while it holds their leases. Several workers of a service share the roles."""

    def __init__(
        self,
        plan: Plan,
        *,
        log: Log,
        pool: asyncpg.Pool,
        runner: Runner,
        clock: Clock,
        broker: Broker,
        topics: Topics,
        folded: Wake | None = None,
    ) -> None:
        self.plan = plan
        self.log = log
        self.pool = pool
        self.clock = clock
        self.folded = folded or Wake()
        self.head = Head(pool, log.wake)
        self.leases = Leases(pool, f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}")
        self.relay = Relay(plan.service, pool, self.head.grown, clock, broker, topics)
        self.firing = Firing(log, pool, runner, clock, plan.projections)
        positions = Positions(pool)
        self.followers = [Follower(reaction, pool, runner, clock, self.head, positions) for reaction in plan.reactions]
        self.leases.add("relay", self.relay.run)
        self.leases.add("feeds", Feeds(plan.service, pool, self.head.grown, broker, topics).run)
        if plan.listens:
            self.ingest = Ingest(plan.service, plan.listens, pool, log.wake, broker, topics)
            self.leases.add("ingest", self.ingest.run)
        for projection in plan.projections:
            folder = Folder(projection, pool, self.head, self.folded, positions)
            self.leases.add(f"fold:{projection.name}:{projection.version}", folder.run)
        for follower in self.followers:
            self.leases.add(follower.name, follower.run)
        if erasing_types(plan.service):
            self.leases.add(CURSOR, Forgetter(plan.service, pool, self.head, positions).run)
        if self.firing.deadlines:
            self.leases.add("deadlines", self.firing.run)
        if plan.senders:
            self.leases.add("effects", Effects(pool, runner, clock, log.wake, plan.senders).run)

    async def run(self) -> None:
        """Work until cancelled; leases are released at the end, so that a standby takes over at once."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.head.watch(), name="head")
            group.create_task(self.leases.keep(), name="leases")
            group.create_task(self._measure(), name="lag")

    async def _measure(self) -> None:
        """Measure every reader against the head of the log, also those that stand still or run elsewhere."""
        while True:
            await asyncio.sleep(MEASURE_SECONDS)
            with contextlib.suppress(*INFRASTRUCTURE):
                for reader, behind in (await self._behind()).items():
                    metrics.lag(reader, behind)

    async def _behind(self) -> dict[str, int]:
        """How many facts each reader is behind the head of what it reads."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            head = await connection.fetchrow("select seq, own_seq from log.head()")
            cursors = await connection.fetch("select name, seq from log.cursors where name !~ '^(feed|signals):'")
            builds = await connection.fetch(
                "select projection || ':' || version as name, cursor from log.builds where state = 'serving'"
            )
        behind = {row["name"]: head["seq"] - row["cursor"] for row in builds}
        behind |= {row["name"]: head["seq"] - row["seq"] for row in cursors}
        relayed = next((row["seq"] for row in cursors if row["name"] == "relay"), 0)
        return {**behind, "relay": head["own_seq"] - relayed}

    async def built(self) -> list[str]:
        """The read models that have no serving build yet; the API is ready when there are none."""
        missing = []
        for projection in self.plan.projections:
            if await Builds(self.pool, projection).serving() is None:
                missing.append(projection.wanted)
        return missing

    async def quiet(self) -> Quiet:
        """How far this service has come; what it still has to do is named in `busy`."""
        behind = await self._behind()
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            own_seq = await connection.fetchval("select own_seq from log.head()")
            ingested = await connection.fetch(
                "select source, max(own_seq) as own_seq from log.ingested group by source"
            )
            effects = await connection.fetchval(
                "select count(*) from log.effects where state = 'waiting' and tries = 0 and kind = any($1)",
                list(self.plan.senders),
            )
        wanted = {projection.wanted for projection in self.plan.projections}
        wanted |= {follower.name for follower in self.followers} | {"relay"}
        wanted |= {CURSOR} if erasing_types(self.plan.service) else set()
        busy = [name for name in sorted(wanted) if behind.get(name, 1) > 0]
        busy += ["effects"] if effects else []
        busy += ["deadlines"] if await self.firing.unsettled() else []
        return Quiet(
            settled=not busy,
            own_seq=own_seq,
            ingested={row["source"]: row["own_seq"] for row in ingested},
            next_due=await self.firing.next_due(),
            busy=tuple(busy),
        )
