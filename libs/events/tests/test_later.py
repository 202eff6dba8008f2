"""Facts of a later version than this code knows: nothing is passed over, nothing is decided without them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events import metrics
from libs.events.clock import FixedClock
from libs.events.effects import EffectRow, EffectTools
from libs.events.errors import LaterFact, NewerCode
from libs.events.facts import REGISTRY
from libs.events.log import Append, NewFact
from libs.events.tests.counting import COUNT, ECHOES, HEARD, Count, Counted
from libs.events.tests.stacks import MONDAY, TENANT, Stack, request, settled, stack
from libs.events.wire import Topics
from libs.events.worker import Plan

LATER = "test-counted.v2"


@pytest.fixture
async def pair(
    database: Callable[[str], Database], servers: Any, topic_prefix: str
) -> AsyncIterator[tuple[Stack, Stack]]:
    """Counters, and a service that hears of them and echoes each count."""

    async def post(effect: EffectRow, tools: EffectTools) -> None:
        """Nobody is told."""

    topics, clock = Topics(f"{topic_prefix}{uuid7().hex[-6:]}."), FixedClock(MONDAY)
    plans = (
        Plan("lead-routing", projections=(HEARD,)),
        Plan("kpi", ("lead-routing",), (HEARD,), (ECHOES,), {"post": post}),
    )
    async with AsyncExitStack() as exits:
        left, right = [
            await exits.enter_async_context(stack(database(plan.service), servers.kafka, topics, plan, clock))
            for plan in plans
        ]
        await settled(left, right)
        yield left, right


@pytest.fixture
def newer_code() -> Iterator[Callable[[], None]]:
    """From its call on, this code knows the later version."""

    def comes() -> None:
        class CountedOnce(Counted, type=LATER, stream="counter-{counter_id}"):
            """Counted by somebody who is named."""

            by_whom: str

    yield comes
    REGISTRY.types.pop(LATER, None)


async def _written_by_newer_code(left: Stack, counter_id: str, version: int) -> None:
    data = {"counter_id": counter_id, "by": 10, "at": MONDAY.isoformat(), "by_whom": "li"}
    stream = f"lead-routing/counter-{counter_id}"
    fact = NewFact(TENANT, stream, version, uuid7(), LATER, data, {"actor": {"id": "newer"}}, MONDAY)
    answer = {"main": [stream, counter_id], "facts": [], "streams": {stream: version}, "ids": {}}
    await left.log.append(Append(uuid7(), "", TENANT, {stream: version - 1}, [fact], answer), MONDAY)


async def _totals(one: Stack) -> dict[str, int]:
    rows = await one.reader(TENANT)(HEARD).fetch("select counter_id, total from heard where tenant = $1")
    return {row["counter_id"]: row["total"] for row in rows}


async def _echoes(one: Stack) -> dict[str, int]:
    rows = await one.log.pool.fetch("select stream, count(*) from log.events where type = 'test-echoed.v1' group by 1")
    return {row[0].removeprefix("kpi/echo-"): row[1] for row in rows}


async def _until(one: Stack, totals: dict[str, int], echoes: dict[str, int]) -> None:
    async with asyncio.timeout(20):
        while await _totals(one) != totals or await _echoes(one) != echoes:
            await one.worker.folded.wait(0.1)


def test_a_later_version_is_told_from_an_unknown_type() -> None:
    with pytest.raises(LaterFact, match="later version"):
        REGISTRY.read(LATER, {})
    assert REGISTRY.read("test-never-heard-of.v2", {}) is None
    assert REGISTRY.later_names(["test-counted.v1"])[:2] == ["test-counted.v2", "test-counted.v3"]


async def test_a_later_version_waits_for_code_that_knows_it_and_nothing_else_waits(
    pair: tuple[Stack, Stack], newer_code: Callable[[], None]
) -> None:
    """Read models and reactions of code that is not replaced yet lose nothing, and go on by themselves afterwards."""
    left, right = pair
    before = metrics.UNKNOWN_TYPES.labels(LATER)._value.get()
    for counter_id in ("new", "old"):
        await left.runner.run(COUNT, Count(counter_id=counter_id), request())
    await _written_by_newer_code(left, "new", 2)
    await _written_by_newer_code(left, "new", 3)
    await left.runner.run(COUNT, Count(counter_id="old"), request())
    await settled(left, right)
    await _until(right, {"new": 1, "old": 2}, {"new": 1, "old": 2})
    assert await _totals(left) == {"new": 1, "old": 2}
    waiting = await right.log.pool.fetch(
        "select consumer, key, count(*), bool_or(waits) from log.parked group by 1, 2 order by 1"
    )
    stream = "stream lead-routing/counter-new"
    assert [tuple(row) for row in waiting] == [("heard:1", stream, 2, True), ("reaction:echoes", stream, 2, True)]
    assert metrics.UNKNOWN_TYPES.labels(LATER)._value.get() > before
    newer_code()
    await _until(right, {"new": 21, "old": 2}, {"new": 3, "old": 2})
    async with asyncio.timeout(20):
        while await right.log.pool.fetchval("select count(*) from log.parked"):  # after the reaction's own facts
            await right.worker.folded.wait(0.1)
    await settled(left, right)
    assert await _totals(left) == {"new": 21, "old": 2}


async def test_nothing_is_decided_without_a_fact_that_only_newer_code_knows(
    pair: tuple[Stack, Stack], newer_code: Callable[[], None]
) -> None:
    """A limit that the later fact has reached is not passed; commands beside it are answered."""
    left, _ = pair
    await _written_by_newer_code(left, "new", 1)
    sent = request()
    beside = asyncio.gather(
        *(left.runner.run(COUNT, Count(counter_id=name), request()) for name in ("a", "b", "c")),
    )
    with pytest.raises(NewerCode, match="newer code is being rolled out"):
        await left.runner.run(COUNT, Count(counter_id="new", limit=10), sent)
    assert [outcome.identity for outcome in await beside] == ["a", "b", "c"]
    newer_code()
    outcome = await left.runner.run(COUNT, Count(counter_id="new", limit=11), sent)
    assert outcome.streams == {"lead-routing/counter-new": 2}
