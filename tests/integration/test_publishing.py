"""A relay that has much to publish makes the next batch while the last one is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dev.provision import Database
from libs.events import publishing
from libs.events.broker import Broker
from libs.events.clients import producing
from libs.events.clock import RealClock
from libs.events.connections import open_pool
from libs.events.leases import Fenced, Lease
from libs.events.log import close_log, open_log
from libs.events.publishing import Publisher
from libs.events.relay import OwnFacts
from libs.events.running import Runner
from libs.events.tests.counting import COUNT, Count
from libs.events.tests.stacks import request
from libs.events.topics import ensure_topics
from libs.events.wire import LOG_PARTITIONS, Topics
from tests.integration.topics import read_topic


async def test_batches_follow_each_other_in_order_and_the_cursor_stays_behind_what_is_acknowledged(
    database: Callable[[str], Database], servers: Any, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I-9, I-10: 45 facts in batches of ten; a holder that was fenced meanwhile saves nothing."""
    monkeypatch.setattr("libs.events.publishing.BATCH", 10)
    monkeypatch.setattr("libs.events.relay.BATCH", 10)
    place, broker, topics = database("lead-routing"), Broker(servers.kafka), Topics(topic_prefix)
    log = await open_log("lead-routing", place.worker_url)
    runner, topic = Runner(log, RealClock()), topics.log("lead-routing")
    await asyncio.gather(*(runner.run(COUNT, Count(counter_id=f"c{n % 7}"), request()) for n in range(45)))
    await close_log(log)
    pool = await open_pool(place.worker_url, size=4, keep_state=True)
    await ensure_topics(broker, {topic: LOG_PARTITIONS})
    epoch = await pool.fetchval("select epoch from log.hold('me', array['relay'], '1 hour')")
    lease = Lease("relay", epoch)
    publisher = Publisher(OwnFacts("lead-routing", topic), pool, broker, topics.schemas)
    async with producing(broker, "zstd") as producer:
        await publisher.compare(lease)
        saved = []
        for _ in range(5):
            assert await publisher.publish(lease, producer) in {5, 10}
            saved.append(await pool.fetchval("select seq from log.cursors where name = 'relay'"))
        assert saved == [0, 10, 20, 30, 45]
        assert await publisher.publish(lease, producer) == 0
        await pool.execute("update log.leases set epoch = epoch + 1 where role = 'relay'")
        with pytest.raises(Fenced):
            await publisher._save(lease, publishing.Position(99, {}), 45)
        assert await pool.fetchval("select seq from log.cursors where name = 'relay'") == 45
        assert await pool.fetchval("select max(own_seq) from log.published where topic = $1", topic) == 45
    await pool.close()
    records = await asyncio.to_thread(read_topic, servers.kafka, topic)
    numbers: dict[int, list[int]] = {}
    for record in records:
        numbers.setdefault(record.partition, []).append(int(record.headers["ce_ownseq"]))
    assert sorted(number for part in numbers.values() for number in part) == list(range(1, 46))
    assert all(part == sorted(part) for part in numbers.values())
