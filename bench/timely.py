"""How late a deadline fires, on the real clock."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from uuid_utils.compat import uuid7

from bench.frame import Figure, Ground, at_most
from libs.events.clock import RealClock
from libs.events.tests.counting import COUNT, COUNTERS, SILENCE, Count, CounterRow
from libs.events.tests.stacks import request, stack
from libs.events.wire import Topics
from libs.events.worker import Plan

AFTER = timedelta(seconds=2)


def _due(row: CounterRow, given: Any) -> Any:
    return None if row.silent or row.last is None else row.last + AFTER


async def figures(ground: Ground) -> list[Figure]:
    """The latest of many, two seconds after each was counted."""
    count = min(200, ground.scale.commands // 10)
    silence = replace(SILENCE, due=_due)
    counters = replace(COUNTERS, deadlines=(silence,))
    plan = Plan("lead-routing", projections=(counters,))
    topics = Topics(f"bench-{uuid7().hex[-8:]}.")
    async with stack(ground.database("lead-routing"), ground.kafka, topics, plan, RealClock()) as one:
        while await one.worker.built():
            await asyncio.sleep(0.05)
        for number in range(count):
            await one.runner.run(COUNT, Count(counter_id=f"c{number}"), request())
        fired = "select count(*) from log.events where type = 'test-silent.v1'"
        while await one.log.pool.fetchval(fired) < count:
            await asyncio.sleep(0.05)
        late = await one.log.pool.fetchval(
            "select max(extract(epoch from (data->>'fired_at')::timestamptz - (data->>'due_at')::timestamptz))::float8"
            " from log.events where type = 'test-silent.v1'"
        )
    return [at_most(f"latest of {count} deadlines", late * 1000, "ms late", 1000)]
