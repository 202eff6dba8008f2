"""Readers that have nothing to do are asked for and moved together; what one of them waits for holds nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.builds import Builds
from libs.events.clock import RealClock
from libs.events.connections import open_pool
from libs.events.facts import Actor
from libs.events.folding import Folder
from libs.events.leases import Fenced, Lease
from libs.events.log import Log, close_log, open_log
from libs.events.positions import Positions, Reader
from libs.events.projecting import Projection
from libs.events.running import Request, Runner
from libs.events.tests.counting import COUNT, HEARD, Count
from libs.events.waking import Head, Wake

NAMES = ("one", "two", "three")
TENANT = "testtenant"


def nobody(name: str) -> Projection:
    """A read model of facts that never come."""
    return replace(HEARD, name=name, reads=())


@pytest.fixture
async def place(database: Callable[[str], Database]) -> Database:
    """A service's database."""
    return database("lead-routing")


@pytest.fixture
async def pool(place: Database) -> AsyncIterator[asyncpg.Pool]:
    """Connections of a worker that keeps three read models nobody has facts for."""
    found = await open_pool(place.worker_url, size=8)
    for name in NAMES:
        await Builds(found, nobody(name)).ensure()
    yield found
    await found.close()


@pytest.fixture
async def log(place: Database) -> AsyncIterator[Log]:
    """The service's log."""
    found = await open_log("lead-routing", place.worker_url)
    yield found
    await close_log(found)


async def leases(pool: asyncpg.Pool) -> dict[str, Lease]:
    """Take the leases of the three."""
    rows = await pool.fetch("select role, epoch from log.hold('me', $1, '1 hour')", list(NAMES))
    return {row["role"]: Lease(row["role"], row["epoch"]) for row in rows}


async def cursors(pool: asyncpg.Pool) -> dict[str, int]:
    """How far the three are."""
    rows = await pool.fetch("select projection, cursor from log.builds where state = 'serving'")
    return {row["projection"]: row["cursor"] for row in rows}


async def count(log: Log, times: int) -> None:
    """Let the log grow by so many facts."""
    runner = Runner(log, RealClock())
    for _ in range(times):
        await runner.run(COUNT, Count(counter_id="c"), Request(TENANT, Actor(id="t"), uuid7()))


async def test_who_is_held_or_fenced_is_not_moved_and_holds_nobody(pool: asyncpg.Pool) -> None:
    """A rebuild that keeps one build where it is does not stop the others; an old epoch moves nothing (I-20)."""
    mine, positions = await leases(pool), Positions(pool)
    standing = {name: await positions.serving(Reader(f"{name}:1", name, 1)) for name in NAMES}
    assert {one.projection for one in standing.values() if one} == set(NAMES)
    async with pool.acquire() as rebuilding, rebuilding.transaction():
        await rebuilding.execute("select from log.builds where projection = 'one' and state = 'serving' for update")
        old = Lease("two", mine["two"].epoch - 1)
        moves = [positions.move(lease, standing[lease.role], 7) for lease in (mine["one"], old, mine["three"])]  # type: ignore[arg-type]
        async with asyncio.timeout(5):
            assert await asyncio.gather(*moves) == [False, False, True]
    assert await cursors(pool) == {"one": 0, "two": 0, "three": 7}


async def test_a_reader_without_facts_follows_the_head_and_one_that_is_fenced_says_so(
    pool: asyncpg.Pool, log: Log
) -> None:
    """It folds nothing, and queries that wait for a command find it at the command's position."""
    mine = await leases(pool)
    head = Head(pool, log.wake)
    folders = {name: Folder(nobody(name), pool, head, Wake()) for name in NAMES}
    watching = asyncio.create_task(head.watch())
    try:
        await count(log, 3)
        async with asyncio.timeout(10):
            await head.beyond(2, 10)
            assert [await folders[name].step(mine[name]) for name in NAMES] == [True] * 3
            assert await cursors(pool) == dict.fromkeys(NAMES, 3)
            assert not await folders["one"].step(mine["one"])
            await count(log, 2)
            await head.beyond(4, 10)
            assert not head.has((), 3)
            assert head.has(HEARD.wires, 3)
            assert not head.has(HEARD.wires, 5)
            with pytest.raises(Fenced):
                await folders["one"].step(Lease("one", mine["one"].epoch + 1))
            await folders["two"].step(mine["two"])
        assert await cursors(pool) == {"one": 3, "two": 5, "three": 3}
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
