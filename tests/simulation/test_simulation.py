"""Whatever happens to processes, leases and topics: nothing is lost, doubled or put into another order."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import pytest

from libs.events.chain import Partition, Verdict
from libs.events.publishing import Position
from tests.simulation.world import World, Wrong, failures, live, named

SEEDS, ENOUGH = 400, 300
KEPT = Path(__file__).with_name("kept_seeds.txt")


@pytest.mark.parametrize("kept", KEPT.read_text().splitlines())
def test_a_seed_that_failed_once_does_so_no_more(kept: str) -> None:
    """Each line is as `make simulate` printed it."""
    live(named(kept))


def test_many_lives_end_well() -> None:
    """Promises 2, 3, 4, 8; `make simulate SEEDS=10000` tries more, and names what is to be kept."""
    assert failures(range(SEEDS)) == []


class HoleSkipped(World):
    """Ingest goes on behind a hole."""


class Windowed(World):
    """Ingest remembers only what came a moment ago."""


class NoEpoch(World):
    """A reader that was replaced still writes."""

    def apply(self, worker, number, start, partition, fresh):  # type: ignore[no-untyped-def]
        """No fence, no comparison."""
        self.listener.applied[number] += fresh
        self.listener.ends[number] = (partition.own_seq, partition.offset)


class Trusting(World):
    """The relay believes its cursor and not the broker."""

    def compare(self) -> Position:
        """What is stored."""
        return Position(self.owner.cursor, dict(self.owner.positions))


class Heedless(World):
    """The relay saves before the broker has acknowledged."""

    def send(self, partition, records):  # type: ignore[no-untyped-def]
        """Whatever the broker says."""
        super().send(partition, records)
        return True


class Expired(World):
    """A reader whose offset is outside the topic begins at its end."""

    def read_one(self, worker, number, partition):  # type: ignore[no-untyped-def]
        """As `auto.offset.reset=latest`."""
        if not self.begins[number] <= partition.offset <= len(self.topic[number]):
            partition.own_seq = max([partition.own_seq, *(record[0] for record in self.topic[number])])
        super().read_one(worker, number, partition)


@pytest.mark.parametrize("planted", [HoleSkipped, Windowed, NoEpoch, Trusting, Heedless, Expired])
def test_a_planted_bug_is_found(planted: type[World]) -> None:
    """A model that forgives everything would prove nothing; and a printed line must fail again when it is kept."""
    take = Partition.take

    def skipping(self: Partition, own_seq: int, previous: int, now: float | None = None) -> Verdict:
        verdict = take(self, own_seq, previous, now)
        if verdict == "gap" and planted is HoleSkipped:
            self.own_seq = own_seq
            return "next"
        if verdict == "repeated" and planted is Windowed and own_seq < self.own_seq - 8:
            return "next"
        return verdict

    with patch.object(Partition, "take", skipping):
        found = failures(range(ENOUGH), planted)
        assert found != []
        with pytest.raises(Wrong):
            live(named(found[0], planted))


def test_a_wrong_life_says_what_is_wrong() -> None:
    """The message is what somebody has to go by."""
    world = World(1, harsh=False)
    world.facts.append((0, UUID(int=1)))
    with pytest.raises(Wrong, match="1 of 1 facts never arrived"):
        live(world, steps=0, rest=0)
