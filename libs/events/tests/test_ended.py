"""A process ends itself at each named place, as if killed; whoever comes after finishes its work, once."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from dev.places import ROOT
from dev.provision import Database
from libs.events.builds import Builds
from libs.events.failpoints import EXIT_CODE, POINTS
from libs.events.tests.counting import COUNTERS, HEARD
from libs.events.tests.lives import COUNTERS_COUNTED, COUNTS, Life
from libs.events.tests.stacks import Stack

AT = {"append.before": 3, "append.committed": 3, "relay.sent": 2, "deadline.fired": 2, "effect.delivered": 2}
"""Not the first time, where there are more: some of the work is done then, some is not."""
LEFT = {"rebuild.copying": ["building"], "rebuild.before_move": ["ready"]}
"""What a rebuild that ended there leaves beside the build that serves."""
ELSEWHERE = {"import.row"}
"""Shown where imports are."""


@pytest.fixture
def life(database: Callable[[str], Database], servers: Any, topic_prefix: str, tmp_path: Path) -> Life:
    """Fresh databases, topics of their own."""
    owner, listener = database("lead-routing"), database("kpi")
    return Life(owner, listener, servers.kafka, f"{topic_prefix}{uuid7().hex[-6:]}.", tmp_path / "posted")


async def _ends_at(life: Life, place: str) -> None:
    """Live until that place, in a process of its own."""
    command = (sys.executable, "-m", __name__.replace("test_ended", "lives"))
    child = await asyncio.create_subprocess_exec(
        *command,
        f"{place}=crash@{AT.get(place, 1)}",
        life.document(),
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await asyncio.wait_for(child.communicate(), 90)
    finally:
        if child.returncode is None:
            child.kill()
    assert child.returncode == EXIT_CODE, said.decode()[-2000:]


async def _builds(life: Life) -> list[str]:
    """What became of lead-routing's builds, in their order."""
    connection = await asyncpg.connect(life.owner.worker_url)
    try:
        return [row["state"] for row in await connection.fetch("select state from log.builds order by build")]
    finally:
        await connection.close()


async def _numbers(one: Stack) -> Counter[str]:
    """How many facts of each type a service's log has."""
    rows = await one.log.pool.fetch("select type, count(*) as n from log.events group by type")
    return Counter({row["type"]: row["n"] for row in rows})


@pytest.mark.parametrize("place", sorted(POINTS.keys() - ELSEWHERE))
async def test_what_ended_at_a_place_is_finished_by_the_next_once(life: Life, place: str) -> None:
    """Promises 1, 4, 5 and 8."""
    await _ends_at(life, place)
    assert await _builds(life) == ["serving", *LEFT.get(place, ())]
    async with life.lived() as (left, right):
        counted = {"test-counted.v1": COUNTS, "test-silent.v1": COUNTERS_COUNTED}
        assert await _numbers(left) == counted
        assert await _numbers(right) == counted | {"test-echoed.v1": COUNTS}
        left_over = "select count(*) from log.effects where state <> 'done'"
        assert await right.log.pool.fetchval(left_over) == 0
        posted = Counter(life.posted.read_text().split())
        assert len(posted) == COUNTS
        repeated = posted.total() - COUNTS
        assert repeated > 0 if place == "effect.delivered" else repeated == 0  # outside, at least once
        assert (await Builds(left.log.pool, COUNTERS).verify()).equal
        assert (await Builds(right.log.pool, HEARD).verify()).equal
        assert set(await _builds(life)) <= {"serving", "old", "dropped"}
