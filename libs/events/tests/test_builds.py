"""Builds of read models: cut off and resumed, in parts, under other versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events import making
from libs.events.builds import Builds, ChangedTables, Progress
from libs.events.clock import RealClock
from libs.events.connections import open_pool
from libs.events.facts import Actor
from libs.events.log import close_log, open_log
from libs.events.projecting import Projection, Table
from libs.events.running import Request, Runner
from libs.events.tests.counting import COUNT, HEARD, Count, CounterRow

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
