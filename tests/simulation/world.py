"""A log, a broker, two relays and two readers that crash, freeze and wake up, driven by the product's own decisions.

What the product decides is the product's code: `settled` and `chained` of the relay, `Partition` of ingest. What it
stands on (PostgreSQL, Kafka, time) is modelled: batches are lost, delayed, repeated; tails and beginnings of topics
vanish.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from libs.events.chain import Partition
from libs.events.publishing import Position, chained, settled

PARTITIONS, BATCH, PATIENCE, AGAIN = 3, 4, 1.0, 5.0
Record = tuple[int, int, UUID]
"""own_seq, the number before it in its partition, event id."""


class Wrong(AssertionError):
    """Something was lost, doubled, put into another order, or written by somebody who may not."""


@dataclass(slots=True)
class Store:
    """One database: what its processes have committed."""

    epoch: int = 0
    cursor: int = 0
    positions: dict[int, tuple[int, UUID]] = field(default_factory=dict)
    again_to: int = 0
    ends: dict[int, tuple[int, int]] = field(default_factory=dict)
    applied: dict[int, list[int]] = field(default_factory=lambda: {p: [] for p in range(PARTITIONS)})


@dataclass(slots=True)
class Worker:
    """A process: what it believes. `epoch` 0: it holds nothing; None as position or partitions: it starts anew."""

    epoch: int = 0
    frozen: bool = False
    position: Position | None = None
    partitions: dict[int, Partition] | None = None
    pending: list[Any] = field(default_factory=list)


class World:
    """One life, decided by a seed. `harsh`: the broker loses what it acknowledged, too."""

    def __init__(self, seed: int, *, harsh: bool) -> None:
        self.dice = random.Random(seed)
        self.harsh = harsh
        self.now = 0.0
        self.facts: list[tuple[int, UUID]] = []
        self.topic: dict[int, list[Record]] = {p: [] for p in range(PARTITIONS)}
        self.begins = dict.fromkeys(range(PARTITIONS), 0)
        self.late: list[tuple[int, list[Record]]] = []
        self.owner, self.listener = Store(), Store()
        self.relays, self.readers = [Worker(), Worker()], [Worker(), Worker()]
        self.damaged = False

    # the relay

    def relay(self, worker: Worker) -> None:
        """One batch: compare when it starts, send, and save unless somebody else holds the lease by now."""
        if worker.position is None:
            worker.position = self.compare()
        before, rows = worker.position.cursor, self.facts[worker.position.cursor : worker.position.cursor + BATCH]
        if not rows:
            return
        after = Position(before + len(rows), dict(worker.position.partitions))
        batches: dict[int, list[Record]] = {}
        numbered = ((n, p, (b"", {"event_id": i})) for n, (p, i) in enumerate(rows, before + 1))
        for number, partition, previous, (_, row) in chained(numbered, after):
            batches.setdefault(partition, []).append((number, previous, row["event_id"]))
        sent = [self.send(partition, records) for partition, records in batches.items()]
        if all(sent):
            self.acknowledged(worker, before, after)
        else:
            worker.position = None  # any error of a producer: throw it away, compare anew

    def compare(self) -> Position:
        """What the product settles, from what is stored and the last records of the broker."""
        store = self.owner
        last = {
            p: (records[-1][0], records[-1][2]) for p, records in self.topic.items() if len(records) > self.begins[p]
        }
        known = {n: self.facts[n - 1][1] for n, _ in last.values() if n <= len(self.facts)}
        stored = Position(store.cursor, dict(store.positions))
        found = settled(
            "t", stored, last, head=len(self.facts), known=known, partitions=PARTITIONS, again_to=store.again_to
        )
        store.cursor, store.positions = found.cursor, dict(found.partitions)
        return Position(found.cursor, dict(found.partitions))

    def send(self, partition: int, records: list[Record]) -> bool:
        """True when the broker acknowledged; otherwise the batch is gone, there already, or comes later."""
        chance = self.dice.random()
        if chance < 0.08:
            return False
        if chance < 0.14:
            self.late.append((partition, records))
            return False
        self.topic[partition] += records
        return chance > 0.2

    def acknowledged(self, worker: Worker, before: int, after: Position) -> None:
        """Save behind the fence: the lease is still this worker's, and nobody moved the cursor."""
        store = self.owner
        if worker.epoch != store.epoch or store.cursor != before:
            worker.position = None
            return
        store.cursor, store.positions, worker.position = after.cursor, dict(after.partitions), after

    # ingest

    def read(self, worker: Worker) -> None:
        """Some records of each partition, applied behind the fence."""
        if worker.partitions is None:
            ends = self.listener.ends
            worker.partitions = {p: Partition("s", *ends.get(p, (0, 0))) for p in range(PARTITIONS)}
        for number, partition in worker.partitions.items():
            self.read_one(worker, number, partition)
            if partition.wants_rereading(self.now, PATIENCE):
                partition.reread(len(self.topic[number]))

    def read_one(self, worker: Worker, number: int, partition: Partition) -> None:
        """One partition's next records; a reader that stands still takes none."""
        if partition.stopped_until is not None:
            return
        if not self.begins[number] <= partition.offset <= len(self.topic[number]):
            partition.offset = self.begins[number]  # an offset is a hint: outside, read everything
        start, fresh = partition.own_seq, list[int]()
        for record in self.topic[number][partition.offset : partition.offset + self.dice.randrange(1, 6)]:
            partition.offset += 1
            match partition.take(record[0], record[1], self.now):
                case "next":
                    fresh.append(record[0])
                case "forked":
                    raise Wrong(f"{number}: forked at {record}")
                case _:
                    pass
        if partition.missed:
            partition.stop(self.now + AGAIN)
            self.operator()
        if fresh:
            self.apply(worker, number, start, partition, fresh)

    def apply(self, worker: Worker, number: int, start: int, partition: Partition, fresh: list[int]) -> None:
        """Commit behind the fence: the lease is still this worker's, and the chain is where it was."""
        store = self.listener
        if self.dice.random() < 0.03 or worker.epoch != store.epoch or store.ends.get(number, (0, 0))[0] != start:
            worker.partitions = None  # it died, or is told that another one goes on
            return
        store.applied[number] += fresh
        store.ends[number] = (partition.own_seq, partition.offset)

    def operator(self) -> None:
        """Somebody is told that a topic has a hole, and has it published again."""
        if not self.damaged:
            raise Wrong("a hole where the broker lost nothing")
        self.owner.again_to = max(self.owner.cursor, self.owner.again_to)
        self.owner.cursor, self.owner.positions = 0, {}
        for relay in self.relays:
            relay.position = None

    # accidents

    def step(self, *, calm: bool = False) -> None:
        """A moment: somebody does something, or something happens."""
        self.now += 0.05
        for workers, store in ((self.relays, self.owner), (self.readers, self.listener)):
            if not any(one.epoch == store.epoch and not one.frozen for one in workers) or self.dice.random() < 0.01:
                store.epoch += 1
                self.dice.choice([one for one in workers if not one.frozen] or workers).epoch = store.epoch
        for relay in self.relays:
            if relay.epoch and not relay.frozen:
                self.relay(relay)
        for reader in self.readers:
            if reader.epoch and not reader.frozen:
                self.read(reader)
        if not calm:
            self.accident()

    def accident(self) -> None:
        """New facts, and what goes wrong."""
        for _ in range(self.dice.randrange(3)):
            self.facts.append((self.dice.randrange(PARTITIONS), UUID(int=self.dice.getrandbits(128))))
        chance, worker = self.dice.random(), self.dice.choice([*self.relays, *self.readers])
        if chance < 0.05:
            worker.position = worker.partitions = None  # killed, started again
            worker.epoch = 0
        elif chance < 0.12:
            worker.frozen = not worker.frozen
        elif chance < 0.2 and self.late:
            partition, records = self.late.pop(self.dice.randrange(len(self.late)))
            self.topic[partition] += records
        elif chance < 0.23 and self.harsh:
            self.damage()

    def damage(self) -> None:
        """The broker loses the end or the beginning of a partition; its clients lose their connections."""
        self.damaged = True
        partition = self.dice.randrange(PARTITIONS)
        records = self.topic[partition]
        if self.dice.random() < 0.7:
            kept = max(self.begins[partition], len(records) - self.dice.randrange(1, 6))
            del records[kept:]
        else:
            self.begins[partition] = min(len(records), self.begins[partition] + self.dice.randrange(1, 4))
        for relay in self.relays:
            relay.position = None


def live(world: World, steps: int = 60, rest: int = 900) -> None:
    """Accidents for a while, then calm until everything has arrived. Raises Wrong."""
    for _ in range(steps):
        world.step()
        check(world, whole=False)
    for worker in (*world.relays, *world.readers):
        worker.frozen = False
    for relay in world.relays:
        relay.position = None
    for _ in range(rest):
        world.step(calm=True)
        if sum(map(len, world.listener.applied.values())) >= len(world.facts):
            break
    check(world, whole=True)


def check(world: World, *, whole: bool) -> None:
    """Each partition was applied from its beginning, in order, once; `whole`: to its end."""
    for partition, applied in world.listener.applied.items():
        wanted = [number for number, (place, _) in enumerate(world.facts, 1) if place == partition]
        if applied != wanted[: len(applied)]:
            raise Wrong(f"{partition}: {applied[-5:]} is not how it happened")
        if whole and len(applied) != len(wanted):
            raise Wrong(f"{partition}: {len(wanted) - len(applied)} of {len(wanted)} facts never arrived")


def failures(seeds: range, kind: type[World] = World, profiles: Mapping[str, bool] | None = None) -> list[str]:
    """The seeds that end in Wrong, as `profile seed: why`."""
    found = []
    for profile, harsh in (profiles or {"gentle": False, "harsh": True}).items():
        for seed in seeds:
            try:
                live(kind(seed, harsh=harsh))
            except Wrong as wrong:
                found.append(f"{profile} {seed}: {wrong}")
    return found


def named(line: str, kind: type[World] = World) -> World:
    """The world of a line of `failures`, before it lives."""
    profile, seed = line.partition(":")[0].split()
    return kind(int(seed), harsh=profile == "harsh")
