"""Read models: folding live, rebuilding, with little and with much history, and the memory of a rebuild."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bench.frame import Figure, Ground, against, at_least
from bench.history import fill
from dev.provision import Database
from libs.events.builds import Builds
from libs.events.connections import open_pool
from libs.events.facts import Fact, Recorded
from libs.events.folding import Folder
from libs.events.garbage import collect_rarely
from libs.events.leases import Lease
from libs.events.projecting import Group, Projection, Table
from libs.events.tests.counting import Counted
from libs.events.waking import Head, Wake

MEASURE = "import asyncio, sys; from bench.projecting import rebuild_here; asyncio.run(rebuild_here(sys.argv[1]))"


@dataclass(frozen=True, slots=True)
class TallyRow:
    """A counter as a list shows it."""

    counter_id: str
    total: int
    facts: int
    last: datetime | None


def fold(group: Group, recorded: Recorded[Fact]) -> Sequence[TallyRow]:
    """Add up."""
    row = group.one(TallyRow) or TallyRow(group.key, 0, 0, None)
    assert isinstance(recorded.fact, Counted)
    return [replace(row, total=row.total + recorded.fact.by, facts=row.facts + 1, last=recorded.fact.at)]


TALLY = Projection(
    "tally", 1, (Counted,), (Table("tally", TallyRow, ("counter_id",)),), lambda fact: [fact.counter_id], fold
)
"""A typical read model with a key: one row a counter, ten facts each."""


async def figures(ground: Ground) -> list[Figure]:
    """Facts a second in one process; goals are absolute, the machine has two cores."""
    facts, stored = ground.scale.facts, ground.scale.stored
    live = await _fold(ground, 0, facts)
    rebuilt = await _rebuild(ground, max(facts, stored // 4))
    little, much = await _fold(ground, stored // 20, facts // 4), await _fold(ground, stored, facts // 4)
    return [
        at_least("live projection", live, "facts/s", 15_000),
        at_least("rebuild of a read model", rebuilt, "facts/s", 40_000),
        against(
            f"projection with {stored:,} facts stored, of that with {stored // 20:,}", much, little, "facts/s", 0.8
        ),
        await asyncio.to_thread(_memory, ground),
    ]


async def _fold(ground: Ground, before: int, facts: int) -> float:
    """Fold `facts` live, behind a build that has folded `before`."""
    database = ground.database("lead-routing")
    await fill(database, before + facts)
    pool = await open_pool(database.worker_url, size=4)
    try:
        await Builds(pool, TALLY).ensure(upto=before)
        rows = await pool.fetch("select epoch from log.hold('bench', array['fold'], '1 hour')")
        head = Head(pool, Wake())
        folder, lease = Folder(TALLY, pool, head, Wake()), Lease("fold", rows[0]["epoch"])
        await head.now()
        begun = time.perf_counter()
        while await folder.step(lease):
            pass
        return facts / (time.perf_counter() - begun)
    finally:
        await pool.close()


async def _rebuild(ground: Ground, facts: int) -> float:
    database = ground.database("lead-routing")
    await fill(database, facts)
    begun = time.perf_counter()
    await rebuild_here(database.worker_url)
    return facts / (time.perf_counter() - begun)


async def rebuild_here(url: str) -> None:
    """Build it from the log in this process."""
    collect_rarely()
    pool = await open_pool(url, size=4)
    try:
        await Builds(pool, TALLY).ensure()
    finally:
        await pool.close()


def _memory(ground: Ground) -> Figure:
    """The most memory that a process needs which builds a read model, with four times the history of another."""
    facts = ground.scale.facts
    peaks = [_peak(ground.database("lead-routing"), count, facts // 2) for count in (facts, 4 * facts)]
    ratio = peaks[1] / peaks[0]
    name = f"memory of a rebuild of {4 * facts:,} facts, of that of {facts:,}"
    return Figure(name, round(peaks[1], 1), "MB", round(peaks[0], 1), round(ratio, 2), "≤ 1.2", ratio <= 1.2)


def _peak(database: Database, facts: int, part: int) -> float:
    asyncio.run(fill(database, facts))
    code = f"from libs.events import making; making.FACTS_A_PART = {part}; import resource; {MEASURE}"
    code += "; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code, database.worker_url], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024
