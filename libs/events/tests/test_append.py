"""The append race: many writers in several processes, conflicts, rollbacks, a stuck client, readers by position."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.clock import RealClock
from libs.events.connections import open_pool
from libs.events.errors import Conflict, FactTooLarge, IdempotencyMismatch, Rejected
from libs.events.facts import Actor
from libs.events.log import Append, Log, NewFact
from libs.events.running import Request, Runner
from libs.events.tests.counting import COUNT, Count

PROCESSES, WRITERS, SECONDS = 3, 8, 4.0
TENANT = "racetenant"

WRITER = """
import asyncio, json, random, sys, time
from datetime import UTC, datetime
from uuid_utils.compat import uuid7
from libs.events.connections import open_pool
from libs.events.log import Append, Log, NewFact

async def main(url: str, seed: int, writers: int, seconds: float) -> None:
    pool = await open_pool(url, size=6, name="race")
    log = Log("lead-routing", pool)
    await log.start()
    done: list[str] = []
    conflicts = 0
    end = time.monotonic() + seconds
    async def writer(number: int) -> None:
        nonlocal conflicts
        dice = random.Random(seed * 100 + number)
        while time.monotonic() < end:
            name = f"lead-routing/counter-{dice.randrange(40)}"
            command = uuid7()
            loaded = await log.load("racetenant", command, {name: 1_000_000})
            version = loaded.heads[name]
            if dice.random() < 0.1:
                await asyncio.sleep(dice.random() * 0.02)
            facts = [
                NewFact("racetenant", name, version + n, uuid7(), "test-counted.v1",
                        {"counter_id": name[21:], "by": 1, "at": "2026-03-02T01:00:00Z"}, {"actor": {"id": "w"}},
                        datetime.now(UTC))
                for n in range(1, dice.randrange(1, 4))
            ]
            if dice.random() < 0.02:   # poisons its batch: NUL, which jsonb refuses
                data = {"x": "\\x00"}
                bad = NewFact("racetenant", name, version + 1, uuid7(), "test-x.v1", data, {}, datetime.now(UTC))
                try:
                    await log.append(Append(uuid7(), "", "racetenant", {name: version}, [bad], {}), datetime.now(UTC))
                except Exception:
                    continue
                raise SystemExit("a NUL was stored")
            if not facts:
                continue
            result = await log.append(Append(command, "", "racetenant", {name: version}, facts, {}), datetime.now(UTC))
            if result.status == "appended":
                done.extend(str(fact.event_id) for fact in facts)
            else:
                conflicts += 1
    await asyncio.gather(*(writer(n) for n in range(writers)))
    await log.stop()
    print(json.dumps({"done": done, "conflicts": conflicts}))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
"""


async def race(database: Database) -> dict[str, Any]:
    """Run the writers; watch the log by position meanwhile. What was acknowledged, and what a reader saw."""
    pool = await open_pool(database.worker_url, size=4)
    children = [
        subprocess.Popen(  # noqa: ASYNC220 - it returns at once
            [sys.executable, "-c", WRITER, database.worker_url, str(seed), str(WRITERS), str(SECONDS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for seed in range(PROCESSES)
    ]
    said = [asyncio.create_task(asyncio.to_thread(child.communicate)) for child in children]
    seen: list[tuple[int, str, int, UUID]] = []
    stuck = await asyncpg.connect(database.worker_url)  # reads, and then never says anything again
    await stuck.execute("begin")
    await stuck.fetch("select count(*) from log.events")
    try:
        cursor, quiet = 0, 0
        while quiet < 3:
            rows = await pool.fetch(
                "select seq, stream, version, event_id from log.events where seq > $1 order by seq limit 500", cursor
            )
            seen += [tuple(row) for row in rows]
            cursor = seen[-1][0] if seen else 0
            running = not all(task.done() for task in said)
            quiet = 0 if rows or running else quiet + 1
            await asyncio.sleep(0.001)
    finally:
        outputs = [json.loads((await task)[0]) for task in said]
        await stuck.close()
        await pool.close()
    return {
        "done": [event for output in outputs for event in output["done"]],
        "conflicts": sum(output["conflicts"] for output in outputs),
        "seen": seen,
    }


def faults_of(outcome: dict[str, Any]) -> list[str]:
    """What a reader by position would have got wrong."""
    seen = outcome["seen"]
    faults = []
    if missing := set(outcome["done"]) - {str(event) for *_, event in seen}:
        faults.append(f"{len(missing)} lost")
    if [seq for seq, *_ in seen] != list(range(1, len(seen) + 1)):
        faults.append("the log has gaps or repeats")
    heads: dict[str, int] = {}
    for _, stream, version, _ in seen:
        if version != heads.get(stream, 0) + 1:
            faults.append(f"{stream} inverted at {version}")
        heads[stream] = version
    return faults


async def test_the_append_race_loses_nothing_inverts_nothing_and_leaves_no_gap(
    database: Callable[[str], Database],
) -> None:
    """I-1, I-5, I-7: 24 writers in three processes with conflicts, refused batches and a stuck client."""
    outcome = await race(database("lead-routing"))
    assert len(outcome["done"]) > 500
    assert outcome["conflicts"] > 0
    assert faults_of(outcome) == []


async def test_the_race_fails_without_the_lock(database: Callable[[str], Database]) -> None:
    """The test above would notice: the lock taken out, writers trip over each other."""
    place = database("lead-routing")
    owner = await asyncpg.connect(place.owner_url)
    await owner.execute("create or replace function log.lock_append() returns void language sql as $$ select $$")
    await owner.close()
    try:
        faults = faults_of(await race(place))
    except (json.JSONDecodeError, AssertionError):  # a writer died of a repeated seq
        return
    assert faults


@pytest.fixture
async def runner(database: Callable[[str], Database]) -> Any:
    """Commands on a fresh log."""
    pool = await open_pool(database("lead-routing").worker_url)
    log = Log("lead-routing", pool)
    await log.start()
    yield Runner(log, RealClock())
    await log.stop()
    await pool.close()


def ask(key: UUID | None = None, **changes: Any) -> Request:
    """A request, with an id of its own unless given."""
    return Request(TENANT, Actor(id="tester"), key or uuid7(), **changes)


async def test_a_command_sent_again_has_the_same_answer_and_one_effect(runner: Runner) -> None:
    """I-3, I-4: eight at once, then again; another request under the same key is refused."""
    key = uuid7()
    outcomes = await asyncio.gather(
        *(runner.run(COUNT, Count(counter_id="a"), ask(key, fingerprint="x")) for _ in range(8))
    )
    assert len({outcome.facts for outcome in outcomes}) == 1
    assert await runner.log.pool.fetchval("select count(*) from log.events") == 1
    with pytest.raises(IdempotencyMismatch):
        await runner.run(COUNT, Count(counter_id="b"), ask(key, fingerprint="y"))


async def test_a_refusal_leaves_only_what_it_records_and_is_the_same_when_repeated(runner: Runner) -> None:
    """Promise 1."""
    await runner.run(COUNT, Count(counter_id="a", by=665), ask())
    key = uuid7()
    for _ in range(2):
        with pytest.raises(Rejected, match="666") as refusal:
            await runner.run(COUNT, Count(counter_id="a", by=1), ask(key))
        assert refusal.value.code == "UNLUCKY"
    assert await runner.log.pool.fetchval("select count(*) from log.events") == 2
    with pytest.raises(Rejected):
        await runner.run(COUNT, Count(counter_id="a", by=500, limit=10), ask())
    assert await runner.log.pool.fetchval("select count(*) from log.events") == 2


async def test_if_match_has_one_winner_and_without_it_everybody_counts(runner: Runner) -> None:
    """I-5."""
    await runner.run(COUNT, Count(counter_id="a"), ask())
    results = await asyncio.gather(
        *(runner.run(COUNT, Count(counter_id="a"), ask(if_match=1)) for _ in range(10)), return_exceptions=True
    )
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert all(isinstance(result, Conflict) for result in results if isinstance(result, Exception))
    await asyncio.gather(*(runner.run(COUNT, Count(counter_id="a"), ask()) for _ in range(100)))
    assert await runner.log.pool.fetchval("select max(version) from log.events") == 102


async def test_two_processes_on_one_stream_conflict_and_decide_again(runner: Runner) -> None:
    """Every count of both is there."""
    pool = await open_pool(str(runner.log.pool._connect_args[0]) if runner.log.pool._connect_args else "")
    other = Runner(Log("lead-routing", pool), RealClock())
    await other.log.start()
    dice = random.Random(7)
    await asyncio.gather(
        *((dice.choice([runner, other])).run(COUNT, Count(counter_id="shared"), ask()) for _ in range(200))
    )
    assert await runner.log.pool.fetchval("select max(version) from log.events") == 200
    await other.log.stop()
    await pool.close()


async def test_oversize_facts_are_refused_at_the_command(runner: Runner) -> None:
    """I-17."""
    from libs.events.contracts.collaboration import CollabEventRecorded
    from libs.events.contracts.common import Subject

    fact = CollabEventRecorded(
        event_id="x",
        kind="k",
        subject=Subject(type="lead", id="1"),
        payload={"big": "x" * 300_000},
        happened_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    with pytest.raises(FactTooLarge):
        fact.data()


async def test_one_poisonous_command_does_not_spoil_its_batch(runner: Runner) -> None:
    """The batch is tried singly: a repeated event id fails alone."""
    event = uuid7()

    def command(name: str, event_id: UUID) -> Append:
        stream = f"lead-routing/counter-{name}"
        data = {"counter_id": name, "by": 1, "at": "2026-03-02T01:00:00Z"}
        fact = NewFact(TENANT, stream, 1, event_id, "test-counted.v1", data, {"actor": {"id": "t"}}, datetime.now(UTC))
        return Append(uuid7(), "", TENANT, {stream: 0}, [fact], {})

    now = datetime.now(UTC)
    await runner.log.append(command("first", event), now)
    results = await asyncio.gather(
        *(runner.log.append(command(f"n{n}", event if n == 5 else uuid7()), now) for n in range(10)),
        return_exceptions=True,
    )
    assert [n for n, result in enumerate(results) if isinstance(result, Exception)] == [5]
    assert await runner.log.pool.fetchval("select count(*) from log.events") == 10


async def test_what_a_command_looks_at_is_found_by_index_also_without_statistics(
    database: Callable[[str], Database],
) -> None:
    """A fresh log grows faster than PostgreSQL learns about it: a load must not read all of it meanwhile."""
    place = database("lead-routing")
    pool = await open_pool(place.worker_url, size=1)
    log = Log("lead-routing", pool)
    now = datetime.now(UTC)
    for _ in range(20):
        appends = []
        for _ in range(100):
            stream = f"lead-routing/counter-{uuid7()}"
            data = {"counter_id": stream[21:], "by": 1, "at": "2026-03-02T01:00:00Z"}
            fact = NewFact(TENANT, stream, 1, uuid7(), "test-counted.v1", data, {"actor": {"id": "w"}}, now)
            appends.append(Append(uuid7(), "", TENANT, {stream: 0}, [fact], {}))
        await log.append_batch(appends, now)

    async def scanned() -> dict[str, int]:
        await pool.execute("select pg_stat_force_next_flush()")
        rows = await pool.fetch(
            "select relname, seq_tup_read from pg_stat_user_tables where schemaname = 'log'"
            " and relname in ('events', 'streams', 'commands')"
        )
        return {row["relname"]: row["seq_tup_read"] for row in rows}

    before = await scanned()
    for append in appends[:30]:
        await log.load(TENANT, uuid7(), dict.fromkeys(append.loaded, 0))
        await pool.fetch("select * from log.grown(1900)")
        await pool.fetch("select log.missing($1, $2, $3, $4)", TENANT, list(append.loaded), [1], ["heard:1"])
    assert await scanned() == before
    await pool.close()
