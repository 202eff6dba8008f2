"""Bugs that are planted on purpose, each with a scenario that must find it, on a real PostgreSQL and a real Kafka.

A scenario gives the list of what it found: nothing without the bug, something with it. None of this is in the product.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events import ingest, publishing
from libs.events.builds import Builds
from libs.events.clock import FixedClock
from libs.events.connections import open_pool
from libs.events.folding import Folder
from libs.events.leases import Fenced, Lease
from libs.events.log import Append, Appended, Log, NewFact, close_log, open_log
from libs.events.projecting import Group
from libs.events.running import Runner
from libs.events.tests import counting
from libs.events.tests.counting import COUNT, COUNTERS, HEARD, Count
from libs.events.tests.stacks import MONDAY, TENANT, Stack, request, settled, stack
from libs.events.waking import Head, Wake
from libs.events.wire import LOG_PARTITIONS, Topics, read_record
from libs.events.worker import Plan
from tests.integration.topics import Record, read_topic

OWNER = Plan("lead-routing", projections=(COUNTERS,))
LISTENER = Plan("kpi", ("lead-routing",), (HEARD,))
WRITERS = 12


@dataclass(frozen=True, slots=True)
class Ground:
    """What a scenario stands on: fresh databases by service, a broker, topics of its own."""

    database: Callable[[str], Database]
    bootstrap: str
    topics: Topics

    @asynccontextmanager
    async def owner(self, database: Database) -> AsyncIterator[Stack]:
        """Lead-routing counts."""
        async with stack(database, self.bootstrap, self.topics, OWNER, FixedClock(MONDAY)) as left:
            await settled(left)
            yield left

    @asynccontextmanager
    async def listener(self, database: Database) -> AsyncIterator[Stack]:
        """Kpi hears of it."""
        async with stack(database, self.bootstrap, self.topics, LISTENER, FixedClock(MONDAY)) as right:
            yield right

    def records(self) -> list[Record]:
        """What is on lead-routing's topic."""
        return read_topic(self.bootstrap, self.topics.log("lead-routing"))


Scenario = Callable[[Ground, bool], Coroutine[Any, Any, list[str]]]


async def _count(one: Stack, facts: int, first: int = 0) -> None:
    for n in range(first, first + facts):
        await one.runner.run(COUNT, Count(counter_id=f"c{n % 5}"), request())


def _holes(records: Sequence[Record]) -> list[str]:
    """Where a partition's chain is broken, by what each partition has first."""
    found, last = [], dict.fromkeys(range(LOG_PARTITIONS), 0)
    for record in records:
        number, previous = record.number("ce_ownseq"), record.number("ce_prevownseq")
        if number > last[record.partition]:
            if previous != last[record.partition]:
                found.append(f"{record.partition}: {number} does not follow {last[record.partition]}")
            last[record.partition] = number
    return found


async def reply_before_commit(ground: Ground, planted: bool) -> list[str]:
    """A process dies right after it has answered: what it acknowledged must be there."""
    original = Log._commit

    async def hasty(self: Log, group: list[tuple[Append, Any, asyncio.Future[Appended]]]) -> None:
        for _, _, future in group:
            future.set_result(Appended("appended"))
        await asyncio.sleep(0.01)
        await original(self, group)

    database, acknowledged = ground.database("lead-routing"), list[UUID]()
    with patch.object(Log, "_commit", hasty) if planted else contextlib.nullcontext():
        log = await open_log("lead-routing", database.worker_url)
        runner, dead = Runner(log, FixedClock(MONDAY)), asyncio.Event()

        async def client(number: int) -> None:
            while not dead.is_set():
                asked = request()
                await runner.run(COUNT, Count(counter_id=f"c{number}"), asked)
                acknowledged.append(asked.command_id)
                if len(acknowledged) >= 40:
                    dead.set()

        clients = [asyncio.create_task(client(number)) for number in range(8)]
        await dead.wait()
        assert log._task is not None
        for task in (log._task, *clients):
            task.cancel()
        log.appends.terminate()
        log.pool.terminate()
        await asyncio.gather(log._task, *clients, return_exceptions=True)
    there = await _ids(database, "select command_id::text from log.commands")
    return [f"{one} was acknowledged and is gone" for one in acknowledged if str(one) not in there]


async def cursor_before_acknowledgement(ground: Ground, planted: bool) -> list[str]:
    """The broker fails one batch of several: nothing may be left out."""
    original, failures = AIOKafkaProducer.send_batch, iter([False] * 3 + [True] + [False] * 1_000_000)

    async def failing(self: AIOKafkaProducer, builder: Any, topic: str, *, partition: int) -> Any:
        if topic.endswith(".log.v1") and next(failures):
            future = asyncio.get_running_loop().create_future()
            future.set_exception(asyncpg.InterfaceError("the broker did not take it"))
            return future
        return await original(self, builder, topic, partition=partition)

    async def heedless(*futures: Any) -> None:
        await asyncio.gather(*futures, return_exceptions=True)

    class Heedless:
        """Asyncio as the module knows it, but for errors of acknowledgements."""

        gather = staticmethod(heedless)

        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

    with (
        patch.object(AIOKafkaProducer, "send_batch", failing),
        patch.object(publishing, "asyncio", Heedless()) if planted else contextlib.nullcontext(),
    ):
        async with ground.owner(ground.database("lead-routing")) as left:
            await _count(left, 40)
            await settled(left)
            await _count(left, 10)
            await settled(left)
    records = ground.records()
    missing = set(range(1, 51)) - {record.number("ce_ownseq") for record in records}
    return [f"{len(missing)} facts are not on the topic", *_holes(records)] if missing else _holes(records)


async def read_by_identity_column(ground: Ground, planted: bool) -> list[str]:
    """Twelve writers append to streams of their own, and a reader follows by position."""
    database = ground.database("lead-routing")
    if planted:  # numbers drawn from a sequence when a row is inserted, and seen only when it is committed
        await _execute(
            database,
            "create sequence log.identity; grant usage on sequence log.identity to public;"
            " create function log.drawn() returns trigger language plpgsql as $$ begin"
            " new.seq := nextval('log.identity'); new.own_seq := new.seq; perform pg_sleep(random() * 0.02);"
            " return new; end $$;"
            " create trigger drawn before insert on log.events for each row execute function log.drawn();"
            " create or replace function log.lock_append() returns void language sql as $$ select null::void $$",
        )
    pool = await open_pool(database.worker_url, size=WRITERS + 1)
    seen: set[UUID] = set()
    written: set[UUID] = set()
    try:
        writers = [asyncio.create_task(_write(pool, number, written)) for number in range(WRITERS)]
        cursor, idle = 0, 0
        while idle < 3:
            rows = await pool.fetch("select seq, event_id from log.events where seq > $1 order by seq", cursor)
            seen |= {row["event_id"] for row in rows}
            cursor = rows[-1]["seq"] if rows else cursor
            idle = 0 if rows or not all(task.done() for task in writers) else idle + 1
        await asyncio.gather(*writers)
    finally:
        await pool.close()
    return [f"a reader missed {len(written - seen)} of {len(written)} facts"] if written - seen else []


async def _write(pool: asyncpg.Pool, number: int, written: set[UUID]) -> None:
    name = f"lead-routing/counter-{number}"
    log = Log("lead-routing", pool)
    version = 0
    while version < 40:
        fact = NewFact(TENANT, name, version + 1, uuid7(), "test-x.v1", {}, {"actor": {"id": "w"}}, MONDAY)
        with contextlib.suppress(asyncpg.DeadlockDetectedError):  # without the lock; the product never waits for two
            await log.append_batch([Append(uuid7(), "", TENANT, {name: version}, [fact], {})], MONDAY)
            written.add(fact.event_id)
            version += 1


async def lock_without_epoch(ground: Ground, planted: bool) -> list[str]:
    """A holder is frozen, another takes over, the first one wakes up in the middle of its work."""

    async def fence(self: Lease, connection: asyncpg.Connection, move: str, *values: object) -> None:
        await connection.execute(f"with held as (select $1::text, $2::bigint) {move}", self.role, self.epoch, *values)

    database = ground.database("lead-routing")
    log = await open_log("lead-routing", database.worker_url)
    try:
        runner = Runner(log, FixedClock(MONDAY))
        await Builds(log.pool, COUNTERS).ensure()
        await runner.run(COUNT, Count(counter_id="c"), request())
        await log.pool.fetch("select * from log.hold('first', array['r'], '1 millisecond')")
        await asyncio.sleep(0.01)
        await log.pool.fetch("select * from log.hold('second', array['r'], '1 minute')")
        frozen = Folder(COUNTERS, log.pool, Head(log.pool, log.wake), Wake())
        with patch.object(Lease, "fence", fence) if planted else contextlib.nullcontext():
            try:
                await frozen.step(Lease("r", 1))
            except Fenced:
                return []
        return ["who no longer holds the lease has written rows"]
    finally:
        await close_log(log)


async def answer_in_a_second_transaction(ground: Ground, planted: bool) -> list[str]:
    """A process dies between its commits, and the client sends the same command again."""
    database, asked = ground.database("lead-routing"), request()
    if planted:
        await _execute(
            database,
            "create function log.forgetful() returns trigger language plpgsql as $$ begin return null; end $$;"
            " create trigger forgetful before insert on log.commands for each row execute function log.forgetful()",
        )  # the second transaction is the one that never comes
    for _ in range(2):
        log = await open_log("lead-routing", database.worker_url)
        await Runner(log, FixedClock(MONDAY)).run(COUNT, Count(counter_id="c"), asked)
        await close_log(log)
    facts = await _ids(database, "select event_id::text from log.events")
    return [f"one command has {len(facts)} facts"] if len(facts) != 1 else []


async def tenant_set_per_session(ground: Ground, planted: bool) -> list[str]:
    """A request without a tenant, on the connection of a request that had one."""
    database = ground.database("lead-routing")
    async with ground.owner(database) as left:
        await _count(left, 10)
        await settled(left)
        if planted:
            body = await left.log.pool.fetchval("select prosrc from pg_proc where proname = 'enter'")
            await _execute(
                database,
                "create or replace function log.enter(p_tenant text, p_wanted text[]) returns text language sql"
                f" as $$ {body.replace(', true)', ', false)')} $$",
            )
        pool = await open_pool(database.api_url, size=1, keep_state=True)
        try:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(f"select log.enter('{TENANT}', array['counters:1'])")
                assert await connection.fetchval("select count(*) from counters") == 5
            async with pool.acquire() as connection:
                seen = await connection.fetchval("select count(*) from counters_v1_b1.counters")
        finally:
            await pool.close()
    return [f"{seen} rows of a tenant are seen by a request that has none"] if seen else []


async def effect_inside_a_fold(ground: Ground, planted: bool) -> list[str]:
    """Everything is rebuilt: nothing may go outside."""
    sent: list[str] = []

    def telling(group: Group, recorded: Any) -> Sequence[Any]:
        if planted:
            sent.append(str(recorded.event_id))
        return counting.fold(group, recorded)

    projection = replace(COUNTERS, fold=telling)
    database = ground.database("lead-routing")
    async with stack(
        database, ground.bootstrap, ground.topics, Plan("lead-routing", projections=(projection,)), FixedClock(MONDAY)
    ) as left:
        await _count(left, 10)
        await settled(left)
        before = len(sent)
        await Builds(left.log.pool, projection).rebuild()
    return [f"{len(sent) - before} messages went out during a rebuild"] if len(sent) > before else []


async def dedupe_with_a_time_window(ground: Ground, planted: bool) -> list[str]:
    """Old records come again after newer ones, long after they came first."""

    def windowed(self: ingest.Ingest, part: Any, received: Any) -> None:
        if received.own_seq > part.partition.own_seq - 2:  # it remembers what came in a moment ago
            original(self, part, received)
            return
        part.facts.append(received.fact)

    original = ingest.Ingest._take
    with patch.object(ingest.Ingest, "_take", windowed) if planted else contextlib.nullcontext():
        async with (
            ground.owner(ground.database("lead-routing")) as left,
            ground.listener(ground.database("kpi")) as right,
        ):
            await _count(left, 40)
            await settled(left, right)
            await _again(ground, ground.records()[::3] * 3)
            await _count(left, 10)
            try:
                await settled(left, right, seconds=8)
                async with asyncio.timeout(8):
                    while await _heard(right) < 50:
                        await right.log.wake.wait(0.1)
            except TimeoutError:
                return [f"kpi has stopped listening after {await _heard(right)} facts"]
            facts = await right.log.pool.fetchval("select count(*) from log.events")
            return [f"50 facts were applied {facts} times"] if facts != 50 else []


async def cursor_trusted_over_the_broker(ground: Ground, planted: bool) -> list[str]:
    """The topic is deleted while the relay is down."""

    async def trusting(self: publishing.Publisher, lease: Lease) -> None:
        async with self.pool.acquire() as connection:
            await connection.execute("insert into log.cursors (name) values ('relay') on conflict do nothing")
            cursor = await connection.fetchval("select seq from log.cursors where name = 'relay'")
            rows = await connection.fetch("select * from log.published where topic = $1", self.source.topic)
        self.position = publishing.Position(
            cursor, {row["partition"]: (row["own_seq"], row["event_id"]) for row in rows}
        )

    database = ground.database("lead-routing")
    with patch.object(publishing.Publisher, "compare", trusting) if planted else contextlib.nullcontext():
        async with ground.owner(database) as left:
            await _count(left, 20)
            await settled(left)
        admin = AIOKafkaAdminClient(bootstrap_servers=ground.bootstrap)
        await admin.start()
        await admin.delete_topics([ground.topics.log("lead-routing")])
        await admin.close()
        async with ground.owner(database) as left:
            await _count(left, 5)
            await settled(left)
    missing = set(range(1, 26)) - {record.number("ce_ownseq") for record in ground.records()}
    return [f"{len(missing)} facts are not on the topic"] if missing else []


PLANTED: Mapping[str, Scenario] = {
    "reply before commit": reply_before_commit,
    "cursor before acknowledgement": cursor_before_acknowledgement,
    "read by identity column": read_by_identity_column,
    "lock without epoch": lock_without_epoch,
    "answer of a command stored in a second transaction": answer_in_a_second_transaction,
    "tenant set per session": tenant_set_per_session,
    "effect inside a fold": effect_inside_a_fold,
    "dedupe with a time window": dedupe_with_a_time_window,
    "cursor trusted over the broker": cursor_trusted_over_the_broker,
}


async def _again(ground: Ground, records: Sequence[Record]) -> None:
    """Put records on their partition once more."""
    producer = AIOKafkaProducer(bootstrap_servers=ground.bootstrap)
    await producer.start()
    topic = ground.topics.log("lead-routing")
    for record in records:
        headers = [(name, text.encode()) for name, text in record.headers.items()]
        assert read_record(record.value, headers) is not None
        await producer.send(topic, record.value, record.key.encode(), record.partition, headers=headers)
    await producer.stop()


async def _heard(right: Stack) -> int:
    found: int = await right.log.pool.fetchval("select count(distinct event_id) from log.events")
    return found


async def _ids(database: Database, sql: str) -> set[str]:
    connection = await asyncpg.connect(database.owner_url)
    try:
        return {row[0] for row in await connection.fetch(sql)}
    finally:
        await connection.close()


async def _execute(database: Database, sql: str) -> None:
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def ground_of(database: Callable[[str], Database], bootstrap: str, prefix: str) -> Ground:
    """Topics that no other scenario uses."""
    return Ground(database, bootstrap, Topics(f"{prefix}{uuid7().hex[-8:]}."))
