"""Builds of read models: cut off and resumed, in parts, under other versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events import making, operating
from libs.events.batches import Scope
from libs.events.builds import Build, Builds, ChangedTables, Progress
from libs.events.clock import RealClock
from libs.events.connections import open_pool
from libs.events.facts import Actor, Recorded
from libs.events.log import close_log, open_log
from libs.events.projecting import Projection, Table
from libs.events.running import Request, Runner
from libs.events.tests.counting import COUNT, HEARD, Count, CounterRow, fold

TENANTS = ("firsttenant", "secondtenant")


@pytest.fixture
async def place(database: Callable[[str], Database]) -> Database:
    """A log with 400 facts on 40 counters of two tenants."""
    made = database("lead-routing")
    log = await open_log("lead-routing", made.worker_url)
    runner = Runner(log, RealClock())
    await asyncio.gather(
        *(
            runner.run(COUNT, Count(counter_id=f"c{n % 20}"), Request(TENANTS[n // 20 % 2], Actor(id="t"), uuid7()))
            for n in range(400)
        )
    )
    await close_log(log)
    return made


@pytest.fixture
async def pool(place: Database) -> AsyncIterator[asyncpg.Pool]:
    """Connections of a worker."""
    found = await open_pool(place.worker_url, size=8)
    yield found
    await found.close()


async def test_a_build_that_was_cut_off_goes_on_after_its_last_part(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A.3: resumable after a kill; nothing twice, nothing missing."""
    monkeypatch.setattr(making, "FACTS_A_PART", 100)
    monkeypatch.setattr(making, "FACTS_A_READ", 50)

    class Killed(BaseException):
        """The process is gone."""

    def report(at: Progress) -> None:
        if at.done >= 450:  # in the middle of the second part
            raise Killed

    builds = Builds(pool, HEARD)
    with pytest.raises(Killed):
        await builds.ensure(report=report)
    cut = (await builds.all())[0]
    assert (cut.state, cut.parts_done, cut.parts) == ("building", 1, 4)
    done: list[Progress] = []
    build = await builds.ensure(report=done.append)
    assert build.number == cut.number
    assert (done[0].done, done[-1].done, done[-1].total) == (450, 1600, 1600)  # it reads all for each part
    assert done[-1].facts_per_second > 0
    assert (await builds.verify()).equal
    assert await pool.fetchval(f'select count(*) from "{build.schema}".heard') == 40
    assert await pool.fetchval(f'select sum(total) from "{build.schema}".heard') == 400


async def test_a_builder_that_is_cut_off_keeps_nobody_waiting(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither at work nor while it waits for another one; what it was doing is not waited for."""
    begun, first, second = asyncio.Event(), Builds(pool, HEARD), Builds(pool, HEARD)

    async def for_ever(**_: object) -> Build:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(first.maker, "load", for_ever)
    working = asyncio.create_task(first.ensure())
    await begun.wait()
    waiting = asyncio.create_task(second.ensure())
    await asyncio.sleep(0.05)
    for task in (waiting, working):
        task.cancel()
    await asyncio.gather(waiting, working, return_exceptions=True)
    async with asyncio.timeout(10):
        assert (await second.ensure()).number == 1


async def test_tables_that_changed_need_a_new_version(pool: asyncpg.Pool) -> None:
    """A read model is never migrated, it is rebuilt."""
    await Builds(pool, HEARD).ensure()
    table = Table("heard", CounterRow, ("counter_id",), indexes=(("last",),))
    with pytest.raises(ChangedTables):
        await Builds(pool, replace(HEARD, tables=(table,))).ensure()


@dataclass(frozen=True, slots=True)
class OnlyTotal:
    """What the next version keeps."""

    counter_id: str
    total: int


async def test_two_versions_are_served_side_by_side(pool: asyncpg.Pool, place: Database) -> None:
    """During a roll-out old and new code each read their own tables, under row-level security."""
    new = Projection(
        "heard",
        2,
        HEARD.reads,
        (Table("heard", OnlyTotal, ("counter_id",)),),
        HEARD.keys,
        lambda group, recorded: [OnlyTotal(group.key, sum(row.total for row in group.rows) + 1)],
    )
    await Builds(pool, HEARD).ensure()
    await Builds(pool, new).ensure()
    for wanted, columns in (("heard:1", 7), ("heard:2", 4)):
        api = await asyncpg.connect(place.api_url)  # each version's code has connections of its own
        async with api.transaction():
            await api.execute("select log.enter($1, array[$2])", TENANTS[0], wanted)
            rows = await api.fetch("select * from heard")
        assert (len(rows), len(rows[0])) == (20, columns)
        assert {row["tenant"] for row in rows} == {TENANTS[0]}
        schema = (await Builds(pool, new).all())[0].schema
        assert await api.fetch(f'select * from "{schema}".heard') == []  # no tenant, no rows (I-38)
        await api.close()


async def test_a_rollback_without_an_earlier_build_says_so(pool: asyncpg.Pool) -> None:
    """In an operator's words."""
    await Builds(pool, HEARD).ensure()
    with pytest.raises(LookupError, match="no earlier build"):
        await Builds(pool, HEARD).rollback()


async def test_a_look_back_shows_what_was_known_and_never_serves(pool: asyncpg.Pool, place: Database) -> None:
    """B.1: as of a position, or of an instant, of all tenants or of one; a killed one goes on; it can be dropped."""
    builds = Builds(pool, HEARD)
    live = await builds.ensure()

    async def total(build: Build) -> int:
        found: int = await pool.fetchval(f'select coalesce(sum(total), 0)::int from "{build.schema}".heard')
        return found

    assert await total(await builds.look_back(Scope(as_of=150))) == 150
    half = await pool.fetchval("select count(*) from log.events where seq <= 200 and tenant = $1", TENANTS[0])
    assert await total(await builds.look_back(Scope(as_of=200, tenant=TENANTS[0]))) == half
    instant = await pool.fetchval("select recorded_at from log.events where seq = 400")
    await _count(place, False)
    by_then = await builds.look_back(Scope(recorded_by=instant))
    assert await total(by_then) == 400
    assert (await builds.look_back(Scope(recorded_by=instant))).number == by_then.number  # asked twice, made once
    assert (await builds.serving() or live).number == live.number
    assert (await builds.rebuild())[1].equal  # it takes none of them for its own half-done work
    await builds.drop(by_then.number)
    with pytest.raises(LookupError, match="could be dropped"):
        await builds.drop(by_then.number)
    with pytest.raises(LookupError, match="could be dropped"):
        await builds.drop((await builds.all())[0].number)  # the one that serves


async def test_one_tenants_rows_are_compared_and_put_right(pool: asyncpg.Pool) -> None:
    """B.1: the other tenants' rows are not touched, right or wrong."""
    builds = Builds(pool, HEARD)
    live = await builds.ensure()
    heard = f'"{live.schema}".heard'
    assert (await builds.rebuild_tenant(TENANTS[0])).equal
    await pool.execute(f"update {heard} set total = 0 where key in ('c1', 'c2')")
    await pool.execute(f"delete from {heard} where key = 'c3' and tenant = $1", TENANTS[0])
    broken = await builds.rebuild_tenant(TENANTS[0])
    assert [key for _, _, key in broken.differing] == ["c1", "c2", "c3"]
    assert await pool.fetchval(f"select count(*) from {heard} where total = 0") == 4  # it only looked
    await builds.rebuild_tenant(TENANTS[0], repair=True)
    assert (await builds.rebuild_tenant(TENANTS[0])).equal
    assert {row["tenant"] for row in await pool.fetch(f"select * from {heard} where total = 0")} == {TENANTS[1]}
    assert (await builds.serving() or live).number == live.number == 1


async def test_a_rebuild_takes_over_what_is_parked_in_it_and_clears_what_it_repaired(
    pool: asyncpg.Pool, place: Database
) -> None:
    """Nothing is folded twice by a retry after a rebuild, and a rollback finds what was parked before."""
    await _count(place, False, True, False)
    builds = Builds(pool, HEARD)
    await builds.ensure()
    parked = [row["seq"] for row in await pool.fetch("select seq from log.parked where consumer = 'heard:1'")]
    assert len(parked) == 2  # the poison and the fact behind it
    mended = Builds(pool, replace(HEARD, fold=lambda group, recorded: fold(group, _harmless(recorded))))
    build, comparison = await mended.rebuild()
    assert comparison.equal  # parked keys are left out
    assert await operating.parked(pool) == []
    assert await operating.retry(pool, "heard:1", TENANTS[0], "bad") == 0
    assert await pool.fetchval(f"select total from \"{build.schema}\".heard where key = 'bad'") == 3
    await mended.rollback()
    assert [key.facts for key in await operating.parked(pool)] == [2]


async def _count(place: Database, *poisons: bool) -> None:
    """Count one more counter up."""
    log = await open_log("lead-routing", place.worker_url)
    for poison in poisons:
        request = Request(TENANTS[0], Actor(id="t"), uuid7())
        await Runner(log, RealClock()).run(COUNT, Count(counter_id="bad", poison=poison), request)
    await close_log(log)


def _harmless(recorded: Recorded[Any]) -> Recorded[Any]:
    return replace(recorded, fact=recorded.fact.model_copy(update={"poison": False}))


async def test_a_build_from_the_beginning_is_empty(pool: asyncpg.Pool) -> None:
    """A reaction that begins at 0 folds everything itself: its state must not have it already."""
    build = await Builds(pool, HEARD).ensure(upto=0)
    assert await pool.fetchval(f'select count(*) from "{build.schema}".heard') == 0
    assert (await Builds(pool, HEARD).all())[0].cursor == 0
