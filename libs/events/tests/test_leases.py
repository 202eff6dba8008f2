"""Leases and their fences on a real database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from dev.provision import Database
from libs.events.connections import open_pool
from libs.events.leases import CANCEL_SECONDS, Fenced, Lease, Leases

MOVE = "update log.cursors set seq = $3 where name = 'c' and seq = $4 and exists (select from held)"


@pytest.fixture
async def pool(database: Callable[[str], Database]) -> AsyncIterator[asyncpg.Pool]:
    """Connections of a worker, and a cursor to move."""
    found = await open_pool(database("lead-routing").worker_url, size=8)
    await found.execute("insert into log.cursors (name) values ('c')")
    yield found
    await found.close()


async def held_by(pool: asyncpg.Pool, holder: str, ttl: str = "4 seconds") -> dict[str, int]:
    """Take or keep the lease `r`."""
    rows = await pool.fetch("select role, epoch from log.hold($1, array['r'], $2::text::interval)", holder, ttl)
    return {row["role"]: row["epoch"] for row in rows}


async def test_one_holder_at_a_time_and_the_next_epoch_after_it_is_gone(pool: asyncpg.Pool) -> None:
    """Two at once never hold the same epoch."""
    assert await held_by(pool, "first", "200 milliseconds") == {"r": 1}
    assert await held_by(pool, "second") == {}
    async with asyncio.timeout(5):
        while not (held := await held_by(pool, "second")):  # noqa: ASYNC110 - the database's clock is waited for
            await asyncio.sleep(0.02)
    assert held == {"r": 2}
    assert await held_by(pool, "first") == {}


async def test_a_released_lease_is_taken_at_once(pool: asyncpg.Pool) -> None:
    """A graceful stop makes nobody wait."""
    await held_by(pool, "first")
    await pool.execute("select log.release('first')")
    assert await held_by(pool, "second") == {"r": 2}


async def test_a_holder_of_an_old_epoch_writes_nothing(pool: asyncpg.Pool) -> None:
    """I-14, I-20: even two holders do no harm."""
    await held_by(pool, "first")
    old = Lease("r", 1)
    async with pool.acquire() as connection, connection.transaction():
        await old.fence(connection, MOVE, 5, 0)
    await pool.execute("select log.release('first')")
    await held_by(pool, "second")
    with pytest.raises(Fenced):
        async with pool.acquire() as connection, connection.transaction():
            await old.fence(connection, MOVE, 9, 5)
    async with pool.acquire() as connection, connection.transaction():
        await Lease("r", 2).fence(connection, MOVE, 6, 5)
    assert await pool.fetchval("select seq from log.cursors") == 6


async def test_a_cursor_that_another_one_moved_is_refused(pool: asyncpg.Pool) -> None:
    """Compare and set."""
    await held_by(pool, "first")
    with pytest.raises(Fenced):
        async with pool.acquire() as connection, connection.transaction():
            await Lease("r", 1).fence(connection, MOVE, 5, 4)


async def test_an_open_transaction_with_a_fence_lets_the_lease_be_renewed_but_not_taken(pool: asyncpg.Pool) -> None:
    """Key share lets a renewal pass and holds off the next epoch until the transaction ends."""
    await held_by(pool, "first", "300 milliseconds")
    async with pool.acquire() as connection, connection.transaction():
        await Lease("r", 1).fence(connection, MOVE, 1, 0)
        assert await held_by(pool, "first", "100 milliseconds") == {"r": 1}
        await asyncio.sleep(0.2)
        assert await held_by(pool, "second") == {}  # skips the locked row
    assert await held_by(pool, "second") == {"r": 2}


async def test_a_role_that_fails_is_run_again_and_ends_with_its_lease(pool: asyncpg.Pool) -> None:
    """A bug in one role stops no other."""
    begun: list[str] = []
    running = asyncio.Event()

    async def failing(lease: Lease) -> None:
        begun.append("failing")
        raise ValueError("a bug")

    async def steady(lease: Lease) -> None:
        running.set()
        await asyncio.Event().wait()

    leases = Leases(pool, "me")
    leases.add("failing", failing)
    leases.add("steady", steady)
    task = asyncio.create_task(leases.keep())
    await running.wait()
    async with asyncio.timeout(5):
        while len(begun) < 3:  # noqa: ASYNC110 - a few milliseconds
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await pool.fetchval("select count(*) from log.leases where holder <> ''") == 0


async def test_a_role_that_a_stranger_cancels_is_run_again(pool: asyncpg.Pool) -> None:
    """What a library cancels on its own, the role that waited for it is not to end by."""
    begun: list[asyncio.Future[None]] = []

    async def waiting(lease: Lease) -> None:
        begun.append(asyncio.get_running_loop().create_future())
        await begun[-1]

    leases = Leases(pool, "me")
    leases.add("r", waiting)
    keeping = asyncio.create_task(leases.keep())
    async with asyncio.timeout(10):
        while len(begun) < 2:
            for future in begun:
                future.cancel()
            await asyncio.sleep(0.02)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert await pool.fetchval("select holder from log.leases where role = 'r'") == ""


async def test_a_role_whose_first_cancellation_is_swallowed_ends_even_so(pool: asyncpg.Pool) -> None:
    """A client of the broker that opens a connection may do that; the worker would otherwise wait for ever."""
    running = asyncio.Event()

    async def stubborn(lease: Lease) -> None:
        running.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    leases = Leases(pool, "me")
    leases.add("stubborn", stubborn)
    task = asyncio.create_task(leases.keep())
    await running.wait()
    task.cancel()
    async with asyncio.timeout(3 * CANCEL_SECONDS):
        await asyncio.gather(task, return_exceptions=True)
    assert await pool.fetchval("select count(*) from log.leases where holder <> ''") == 0
