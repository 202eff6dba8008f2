"""A lost log comes back from Kafka, a lost topic from the log; what is wrong is found and said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events import doctor, doctor_topics, ingest, operating, publishing
from libs.events.broker import Broker
from libs.events.clock import FixedClock
from libs.events.connections import open_pool
from libs.events.effects import EffectRow, EffectTools
from libs.events.errors import Rejected, Restoring
from libs.events.leases import Fenced, Lease
from libs.events.publishing import Standstill, republish
from libs.events.relay import Relay
from libs.events.rereading import Hole, Reading
from libs.events.restoring import NotRestored, Restored, Restorer
from libs.events.tests.counting import COUNT, COUNTERS, ECHOES, HEARD, Count
from libs.events.tests.stacks import MONDAY, TENANT, Stack, request, settled, stack
from libs.events.tests.strangers import send_strangers
from libs.events.topics import partitions_of
from libs.events.wire import Topics, partition_of
from libs.events.worker import Plan

FACTS = (
    "select own_seq, tenant, stream, version, event_id, type, data, meta, occurred_at, recorded_at from log.events"
    " where own_seq is not null order by own_seq"
)


@dataclass
class Place:
    """lead-routing counts and kpi hears of it, on topics of their own; each on the database that is given."""

    bootstrap: str
    topics: Topics
    clock: FixedClock = field(default_factory=lambda: FixedClock(MONDAY))
    sent: list[EffectRow] = field(default_factory=list)

    async def _post(self, effect: EffectRow, tools: EffectTools) -> None:
        self.sent.append(effect)

    @property
    def plans(self) -> dict[str, Plan]:
        """What their workers do."""
        return {
            "lead-routing": Plan("lead-routing", projections=(COUNTERS,)),
            "kpi": Plan("kpi", ("lead-routing",), (HEARD,), (ECHOES,), {"post": self._post}),
        }

    @asynccontextmanager
    async def running(self, **databases: Database) -> AsyncIterator[list[Stack]]:
        """Run the services whose databases are given (`lead_routing`, `kpi`), settled at first."""
        plans = [(self.plans[name.replace("_", "-")], database) for name, database in databases.items()]
        async with _stacks(self, plans) as stacks:
            await settled(*stacks)
            yield stacks

    async def restore(self, service: str, database: Database, **options: Any) -> Restored:
        """Restore a service's database while nobody runs on it."""
        pool = await open_pool(database.worker_url, size=4)
        seen: list[Reading] = []
        try:
            restorer = Restorer(service, self.plans[service].reactions, pool, Broker(self.bootstrap), self.topics)
            done = await restorer.restore(seen.append, **options)
        finally:
            await pool.close()
        assert not seen or seen[-1].done == seen[-1].total
        return done


@asynccontextmanager
async def _stacks(place: Place, plans: Sequence[tuple[Plan, Database]]) -> AsyncIterator[list[Stack]]:
    if not plans:
        yield []
        return
    plan, database = plans[0]
    async with (
        stack(database, place.bootstrap, place.topics, plan, place.clock) as first,
        _stacks(place, plans[1:]) as more,
    ):
        yield [first, *more]


@pytest.fixture
def place(servers: Any, topic_prefix: str) -> Place:
    """Topics of this test."""
    return Place(servers.kafka, Topics(f"{topic_prefix}{uuid7().hex[-6:]}."))


async def _count(left: Stack, facts: int) -> None:
    for n in range(facts):
        await left.runner.run(COUNT, Count(counter_id=f"c{n % 5}"), request())


async def test_a_lost_log_comes_back_with_its_numbers_versions_and_answers(
    place: Place, database: Callable[[str], Database]
) -> None:
    """Promise 7: everything relayed; a command that was acknowledged is answered, not done again."""
    lost, anew, asked = database("lead-routing"), database("lead-routing"), request()
    async with place.running(lead_routing=lost) as (left,):
        await _count(left, 40)
        first = await left.runner.run(COUNT, Count(counter_id="asked"), asked)
        unlucky = request()
        await left.runner.run(COUNT, Count(counter_id="unlucky", by=665), request())
        with pytest.raises(Rejected):
            await left.runner.run(COUNT, Count(counter_id="unlucky"), unlucky)
        await settled(left)
        before = await left.log.pool.fetch(FACTS)
        counters = await left.reader(TENANT)(COUNTERS).fetch("select * from counters where tenant = $1 order by key")
    done = await place.restore("lead-routing", anew)
    assert (done.facts, done.own_seq, done.lost) == (len(before), len(before), True)
    async with place.running(lead_routing=anew) as (left,):
        assert await left.log.pool.fetch(FACTS) == before
        again = await left.runner.run(COUNT, Count(counter_id="asked"), asked)
        assert (again.replayed, again.facts, again.identity) == (True, first.facts, "asked")
        after = await left.runner.run(COUNT, Count(counter_id="asked"), request())
        assert after.streams == {"lead-routing/counter-asked": 2}
        await settled(left)
        rows = await left.reader(TENANT)(COUNTERS).fetch(
            "select * from counters where tenant = $1 and key <> 'asked' order by key"
        )
        assert rows == [row for row in counters if row["key"] != "asked"]
    assert (await place.restore("lead-routing", anew)).facts == 0  # the second time there is nothing to do


async def test_a_restore_sends_nothing_and_holds_what_may_have_gone_out(
    place: Place, database: Callable[[str], Database]
) -> None:
    """Promise 6: commands of reactions are known by their ids, effects wait for an operator."""
    owner, lost, anew = database("lead-routing"), database("kpi"), database("kpi")
    async with place.running(lead_routing=owner, kpi=lost) as (left, right):
        await _count(left, 30)
        await settled(left, right)
        rows = await right.reader(TENANT)(HEARD).fetch("select * from heard where tenant = $1 order by key")
        assert len(place.sent) == 30
    async with place.running(lead_routing=owner) as (left,):
        place.clock.advance(timedelta(minutes=10))
        await left.runner.run(COUNT, Count(counter_id="meanwhile"), request())  # while kpi is away
        await settled(left)
    await place.restore("kpi", anew)
    async with place.running(lead_routing=owner, kpi=anew) as (left, right):
        await settled(left, right)
        known = "select * from heard where tenant = $1 and key <> 'meanwhile' order by key"
        assert await right.reader(TENANT)(HEARD).fetch(known) == rows
        assert await right.log.pool.fetchval("select count(*) from log.events where type = 'test-echoed.v1'") == 31
        assert [effect.payload["counter"] for effect in place.sent[30:]] == ["meanwhile"]
        held = await operating.effects(right.log.pool)
        assert {one.state for one in held} == {"held"}
        assert {one.effect_id for one in held} == {effect.effect_id for effect in place.sent[:30]}
        assert await operating.send_effects(right.log.pool, "held", [held[0].effect_id]) == 1
        await settled(left, right)
        assert place.sent[-1].effect_id == held[0].effect_id
        assert await operating.drop_effects(right.log.pool, "held") == 29
        assert await operating.effects(right.log.pool) == []


async def test_a_restore_waits_for_the_workers_to_stop(place: Place, database: Callable[[str], Database]) -> None:
    """Nobody else may move what it moves."""
    owner = database("lead-routing")
    async with place.running(lead_routing=owner) as (left,):
        await _count(left, 3)
        with pytest.raises(NotRestored, match="stop the workers of lead-routing first"):
            await place.restore("lead-routing", owner)
        await left.runner.run(COUNT, Count(counter_id="goes-on"), request())


async def test_a_database_that_is_being_restored_takes_no_command(
    place: Place, database: Callable[[str], Database]
) -> None:
    """Nothing is written under numbers that others know, until the relay has compared."""
    owner, anew = database("lead-routing"), database("lead-routing")
    async with place.running(lead_routing=owner) as (left,):
        await _count(left, 3)
        await settled(left)
    await place.restore("lead-routing", anew)
    async with stack(anew, place.bootstrap, place.topics, Plan("lead-routing"), place.clock) as idle:
        if await idle.log.pool.fetchval("select verdict from log.verdict") == "restoring":
            with pytest.raises(Restoring):
                await idle.runner.run(COUNT, Count(counter_id="early"), request())


async def test_another_history_is_not_restored(place: Place, database: Callable[[str], Database]) -> None:
    """Two histories under the same numbers stop everything."""
    owner, other = database("lead-routing"), database("lead-routing")
    async with place.running(lead_routing=owner) as (left,):
        await _count(left, 10)
        await settled(left)
    elsewhere = Place(place.bootstrap, Topics(f"{place.topics.prefix}other."))
    async with elsewhere.running(lead_routing=other) as (left,):
        await _count(left, 3)
    with pytest.raises(Standstill, match="forked"):
        await place.restore("lead-routing", other)


async def test_a_hole_is_noticed_by_everybody_and_filled_by_publishing_again(
    place: Place, database: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 3: a loss is noticed, nothing is skipped. Promise 7: the topic gets back everything."""
    owner, listener, anew = database("lead-routing"), database("kpi"), database("lead-routing")
    topic = place.topics.log("lead-routing")
    monkeypatch.setattr(ingest, "AGAIN_SECONDS", 0.5)
    async with place.running(lead_routing=owner) as (left,):
        await _count(left, 40)
        await settled(left)
        partition = partition_of(f"{TENANT}|lead-routing/counter-c0".encode())
        await _delete_records(place.bootstrap, topic, partition, 3)
        found = await doctor_topics.whole_topic(_patient(place, left))
        assert [finding.check for finding in found] == ["broker"]
        assert f"{topic}/{partition} has a hole" in found[0].what
        with pytest.raises(Hole):
            await place.restore("lead-routing", anew)
        async with stack(listener, place.bootstrap, place.topics, place.plans["kpi"], place.clock) as right:
            await _until(
                right, f"select count(*) = 1 from log.ingested where state = 'gap' and partition = {partition}"
            )
            stands = await doctor.complete(_patient(place, right))
            assert any(finding.check == "ingest" and "republish" in finding.remedy for finding in stands)
            assert await republish(left.log.pool, "relay", "relay", topic) == 40
            await settled(left)
            assert await doctor_topics.whole_topic(_patient(place, left)) == []
            await _until(right, "select count(*) = 40 from log.events where type = 'test-counted.v1'")
            await settled(left, right)
            assert await doctor.complete(_patient(place, right)) == []
            total = "select sum(total) from heard where tenant = $1"
            assert await right.reader(TENANT)(HEARD).value(total) == 40
    assert (await place.restore("lead-routing", anew)).facts == 40


async def test_a_topic_that_was_deleted_is_filled_again(place: Place, database: Callable[[str], Database]) -> None:
    """Promise 7: from the database a lost topic gets back everything, under the same numbers."""
    owner, anew = database("lead-routing"), database("lead-routing")
    async with place.running(lead_routing=owner) as (left,):
        await _count(left, 20)
        await settled(left)
        before = await left.log.pool.fetch(FACTS)
    admin = AIOKafkaAdminClient(bootstrap_servers=place.bootstrap)
    await admin.start()
    await admin.delete_topics([place.topics.log("lead-routing")])
    await admin.close()
    async with place.running(lead_routing=owner) as (left,):
        await _count(left, 1)
        await settled(left)
    assert (await place.restore("lead-routing", anew)).facts == 21
    async with place.running(lead_routing=anew) as (left,):
        assert (await left.log.pool.fetch(FACTS))[:20] == before


async def test_records_that_are_no_facts_are_passed_over(place: Place, database: Callable[[str], Database]) -> None:
    """Sixteen kinds on every partition, also as its last record: nothing stops, nothing is lost or published twice."""
    owner, listener, anew = database("lead-routing"), database("kpi"), database("lead-routing")
    topic = place.topics.log("lead-routing")
    async with place.running(lead_routing=owner, kpi=listener) as stacks:
        await _count(stacks[0], 20)
        await settled(*stacks)
        await send_strangers(place.bootstrap, topic)
        await _count(stacks[0], 5)
        await settled(*stacks)
    await send_strangers(place.bootstrap, topic)
    published = await _ends(place.bootstrap, topic)
    async with place.running(lead_routing=owner, kpi=listener) as stacks:
        assert await _ends(place.bootstrap, topic) == published  # whatever comes last, the relay found its own facts
        await _count(stacks[0], 5)
        await settled(*stacks)
        for one in stacks:
            assert await doctor.complete(_patient(place, one)) == []
        heard = "select count(*) from log.events where type = 'test-counted.v1'"
        assert [await one.log.pool.fetchval(heard) for one in stacks] == [30, 30]
    await send_strangers(place.bootstrap, topic)
    assert (await place.restore("lead-routing", anew)).facts == 30


async def test_the_doctor_finds_nothing_in_a_healthy_service_and_names_what_is_wrong(
    place: Place, database: Callable[[str], Database]
) -> None:
    """Each finding says what to do about it."""
    owner, listener = database("lead-routing"), database("kpi")
    async with place.running(lead_routing=owner, kpi=listener) as (left, right):
        await _count(left, 20)
        await settled(left, right)
        heard = await _owner(listener)
        await heard.execute(
            "insert into log.leases (role, epoch, holder, expires_at)"
            " values ('fold:heard:0', 1, '', '-infinity'), ('effects-of-before', 1, '', '-infinity')"
        )
        assert await _examined(place, left) == {}
        assert [one.what for one in (await _examined(place, right))["leases"]] == ["nobody does: effects-of-before"]
        await heard.execute("delete from log.leases where role = 'effects-of-before'")
        await heard.close()
        assert await _examined(place, right) == {}
        await right.log.pool.execute("update heard_v1_b1.heard set total = 1 where key = 'c1'")
        await right.log.pool.execute("update log.effects set state = 'failed'")
        await left.runner.run(COUNT, Count(counter_id="bad", poison=True), request())
        await settled(left, right)
        found = await _examined(place, right)
        assert found.keys() == {"parity", "effects", "parked"}
        assert "heard testtenant c1" in found["parity"][0].what
        assert "rebuild heard --repair" in found["parity"][0].remedy
        assert "parked show heard:1 testtenant bad" in found["parked"][0].remedy
        admin = await _owner(owner)
        await admin.execute("delete from log.events where own_seq = 7")
        await admin.execute(
            "delete from log.commands where command_id = (select min(command_id::text)::uuid from log.commands)"
        )
        await admin.close()
        found = await _examined(place, left)
        assert {"gapless", "streams", "commands"} <= found.keys()
        assert all(finding.remedy for findings in found.values() for finding in findings)


async def test_facts_published_by_another_holder_meanwhile_are_no_other_history(
    place: Place, database: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay that lost its lease while it compared must not find, nor say, that this database was restored."""
    async with place.running(lead_routing=database("lead-routing")) as (left,):
        await _count(left, 5)
        await settled(left)
        original = publishing.last_records

        async def slowly(*place: Any) -> Any:
            await _count(left, 5)
            await settled(left)  # the holder has published them
            return await original(*place)

        monkeypatch.setattr(publishing, "last_records", slowly)
        late = Relay("lead-routing", left.log.pool, left.log.wake, place.clock, Broker(place.bootstrap), place.topics)
        old = Lease("relay", left.worker.leases.held["relay"] - 1)
        with pytest.raises(Fenced):
            await late.publisher.compare(old)
        with pytest.raises(Fenced):
            await late._judge(old, "restoring", "an old finding")
        assert await left.log.pool.fetchval("select verdict from log.verdict") == "ok"


async def _examined(place: Place, one: Stack) -> dict[str, list[doctor.Finding]]:
    found: dict[str, list[doctor.Finding]] = {}
    for check in (*doctor.QUICK, *doctor.THOROUGH, *doctor_topics.QUICK, *doctor_topics.THOROUGH):
        for finding in await check(_patient(place, one)):
            found.setdefault(finding.check, []).append(finding)
    return found


def _patient(place: Place, one: Stack) -> doctor.Patient:
    plan = one.worker.plan
    return doctor.Patient(
        plan.service,
        plan.listens,
        plan.projections,
        one.log.pool,
        Broker(place.bootstrap),
        place.topics,
        place.clock.now(),
    )


async def _owner(database: Database) -> Any:
    import asyncpg

    return await asyncpg.connect(database.owner_url)


async def _until(one: Stack, sql: str) -> None:
    async with asyncio.timeout(30):
        while not await one.log.pool.fetchval(sql):
            await one.log.wake.wait(0.1)


async def _ends(bootstrap: str, topic: str) -> int:
    """How many records a topic has."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, one) for one in await partitions_of(consumer, topic)]
        return sum((await consumer.end_offsets(partitions)).values())
    finally:
        await consumer.stop()


async def _delete_records(bootstrap: str, topic: str, partition: int, before: int) -> None:
    """Delete the first records of a partition, as a wrong retention would."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=before)})
    await admin.close()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    begins = await consumer.beginning_offsets([TopicPartition(topic, partition)])
    await consumer.stop()
    assert list(begins.values()) == [before]
