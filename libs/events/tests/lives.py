"""One life of two services, from the first count to a rebuild; as a process of its own it may end at a named place."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import orjson

from dev.provision import Database
from libs.events.builds import Builds
from libs.events.clock import FixedClock
from libs.events.effects import EffectRow, EffectTools
from libs.events.failpoints import arm
from libs.events.tests.counting import COUNT, COUNTERS, ECHOES, HEARD, Count
from libs.events.tests.stacks import MONDAY, Stack, request, settled, stack
from libs.events.wire import Topics
from libs.events.worker import Plan

COUNTS, COUNTERS_COUNTED = 12, 3
_IDS = UUID("0d5b1c5e-8a58-5f0e-9c6e-0a7d9f1f2b11")


@dataclass(frozen=True, slots=True)
class Life:
    """Where it is lived: databases of lead-routing and kpi, a broker, topics, and a file that effects are posted to."""

    owner: Database
    listener: Database
    bootstrap: str
    prefix: str
    posted: Path

    def document(self) -> str:
        """For another process."""
        return orjson.dumps(asdict(self), default=str).decode()

    @asynccontextmanager
    async def services(self, clock: FixedClock) -> AsyncIterator[tuple[Stack, Stack]]:
        """Lead-routing counts, kpi hears of it, echoes it and posts it."""

        async def post(effect: EffectRow, tools: EffectTools) -> None:
            with self.posted.open("a") as file:
                file.write(f"{effect.effect_id}\n")

        counting = Plan("lead-routing", projections=(COUNTERS,))
        hearing = Plan("kpi", ("lead-routing",), (HEARD,), (ECHOES,), {"post": post})
        topics = Topics(self.prefix)
        async with (
            stack(self.owner, self.bootstrap, topics, counting, clock) as left,
            stack(self.listener, self.bootstrap, topics, hearing, clock) as right,
        ):
            await settled(left, right)
            yield left, right

    @asynccontextmanager
    async def lived(self) -> AsyncIterator[tuple[Stack, Stack]]:
        """Count, let an hour pass, rebuild. Lived again it sends the same commands under the same ids."""
        clock = FixedClock(MONDAY)
        async with self.services(clock) as (left, right):
            for n in range(COUNTS):
                again = replace(request(), command_id=uuid5(_IDS, str(n)))
                await left.runner.run(COUNT, Count(counter_id=f"c{n % COUNTERS_COUNTED}"), again)
            await settled(left, right)
            clock.advance(timedelta(hours=1))
            await settled(left, right)
            await Builds(left.log.pool, COUNTERS).rebuild()
            await settled(left, right)
            yield left, right


async def _main(failpoints: str, document: dict[str, Any]) -> None:
    owner, listener = Database(**document["owner"]), Database(**document["listener"])
    life = Life(owner, listener, document["bootstrap"], document["prefix"], Path(document["posted"]))
    async with life.services(FixedClock(MONDAY)) as (left, right):  # the first builds are not what is to fail
        while await left.worker.built() or await right.worker.built():  # noqa: ASYNC110 - a moment, once
            await asyncio.sleep(0.02)
    arm(failpoints)
    async with life.lived():
        pass


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], orjson.loads(sys.argv[2])))
