"""A fact's way: command, log, Kafka, the other service's log, read models, reactions and effects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.builds import Builds
from libs.events.clock import FixedClock
from libs.events.effects import EffectRow, EffectTools
from libs.events.errors import ParkedKey
from libs.events.reading import Reader
from libs.events.tests.counting import COUNT, COUNTERS, ECHOES, HEARD, Count
from libs.events.tests.stacks import MONDAY, TENANT, Stack, request, settled, stack
from libs.events.wire import Topics
from libs.events.worker import Plan


@pytest.fixture
async def pair(
    database: Callable[[str], Database], servers: Any, topic_prefix: str
) -> AsyncIterator[tuple[Stack, Stack, list[EffectRow]]]:
    """lead-routing counts, kpi hears of it."""
    topics = Topics(f"{topic_prefix}{uuid7().hex[-6:]}.")
    clock = FixedClock(MONDAY)
    sent: list[EffectRow] = []

    async def post(effect: EffectRow, tools: EffectTools) -> None:
        sent.append(effect)

    owner = Plan("lead-routing", projections=(COUNTERS,))
    other = Plan("kpi", ("lead-routing",), (HEARD,), (ECHOES,), {"post": post})
    async with (
        stack(database("lead-routing"), servers.kafka, topics, owner, clock) as left,
        stack(database("kpi"), servers.kafka, topics, other, clock) as right,
    ):
        await settled(left, right)
        yield left, right, sent


async def test_a_fact_reaches_the_other_services_read_model_reaction_and_effect(
    pair: tuple[Stack, Stack, list[EffectRow]],
) -> None:
    """S-11: what happens is visible everywhere, once."""
    left, right, sent = pair
    for n in range(30):
        await left.runner.run(COUNT, Count(counter_id=f"c{n % 3}"), request())
    await settled(left, right)
    rows = await right.reader(TENANT)(HEARD).fetch("select counter_id, total from heard where tenant = $1 order by 1")
    assert [tuple(row) for row in rows] == [("c0", 10), ("c1", 10), ("c2", 10)]
    assert await right.log.pool.fetchval("select count(*) from log.events where type = 'test-echoed.v1'") == 30
    assert len({effect.effect_id for effect in sent}) == 30


async def test_a_query_with_a_token_shows_what_was_written(pair: tuple[Stack, Stack, list[EffectRow]]) -> None:
    """Read your writes, across services."""
    left, right, _ = pair
    for n in range(1, 6):
        outcome = await left.runner.run(COUNT, Count(counter_id="mine"), request())
        reader = right.reader(TENANT)
        reader = Reader(reader.pool, TENANT, reader.wake, outcome.streams, timedelta(seconds=5), reader.listens)
        assert await reader(HEARD).value("select total from heard where tenant = $1 and counter_id = 'mine'") == n


async def test_a_deadline_fires_once_when_the_clock_passes_it(pair: tuple[Stack, Stack, list[EffectRow]]) -> None:
    """Strictly at its instant, not before."""
    left, right, _ = pair
    await left.runner.run(COUNT, Count(counter_id="quiet"), request())
    await settled(left, right)
    assert isinstance(left.clock, FixedClock)
    left.clock.advance(timedelta(minutes=59))
    await settled(left, right)
    fired = "select count(*) from log.events where type = 'test-silent.v1'"
    assert await left.log.pool.fetchval(fired) == 0
    left.clock.advance(timedelta(minutes=1))
    await settled(left, right)
    assert await left.log.pool.fetchval(fired) == 1
    assert await right.reader(TENANT)(HEARD).value(
        "select silent from heard where tenant = $1 and counter_id = 'quiet'"
    )


async def test_a_rebuilt_read_model_equals_the_live_one_and_a_changed_row_is_named(
    pair: tuple[Stack, Stack, list[EffectRow]],
) -> None:
    """Promise 5."""
    left, right, _ = pair
    for n in range(200):
        await left.runner.run(COUNT, Count(counter_id=f"r{n % 7}"), request())
    await settled(left, right)
    builds = Builds(right.log.pool, HEARD)
    build, comparison = await builds.rebuild()
    assert comparison.equal
    assert comparison.rows["heard"] == (7, 7)
    assert (await builds.serving()) is not None
    await left.runner.run(COUNT, Count(counter_id="r0"), request())
    await settled(left, right)
    total = "select total from heard where tenant = $1 and counter_id = 'r0'"
    assert await right.reader(TENANT)(HEARD).value(total) == 30
    await right.log.pool.execute(f"update \"{build.schema}\".heard set total = 1 where counter_id = 'r3'")
    broken = await builds.verify()
    assert not broken.equal
    assert broken.differing == (("heard", TENANT, "r3"),)
    await builds.rollback()
    await settled(left, right)
    assert await right.reader(TENANT)(HEARD).value(total) == 30


async def test_a_fact_that_cannot_be_folded_parks_its_key_alone(pair: tuple[Stack, Stack, list[EffectRow]]) -> None:
    """Parked facts wait in order; other keys flow."""
    left, right, _ = pair
    await left.runner.run(COUNT, Count(counter_id="bad", poison=True), request())
    await left.runner.run(COUNT, Count(counter_id="bad"), request())
    await left.runner.run(COUNT, Count(counter_id="good"), request())
    await settled(left, right)
    rows = await right.reader(TENANT)(HEARD).fetch("select counter_id from heard where tenant = $1")
    assert [row[0] for row in rows] == ["good"]
    outcome = await left.runner.run(COUNT, Count(counter_id="bad"), request())
    await settled(left, right)
    reader = right.reader(TENANT)
    with pytest.raises(ParkedKey):
        await Reader(reader.pool, TENANT, reader.wake, outcome.streams, listens=reader.listens)(HEARD).fetch(
            "select $1"
        )
    parked = await right.log.pool.fetch("select key from log.parked where consumer = 'heard:1' order by seq")
    assert [row[0] for row in parked] == ["bad", "bad", "bad"]
