"""Every fold gives the same rows for every interleaving of streams: there is no causal order between topics."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table
from libs.events.testing.folding import fold_all
from libs.events.testing.stories import interleaved, reads, story
from tests.services import all_projections

STORY = story()
FOUND = all_projections()


class MovedNothing(AssertionError):
    """The shuffle did not change the order of what the projection reads: the test would prove nothing."""


def prove(projection: Projection, facts: list[Recorded[Any]], examples: int = 80) -> None:
    """Fold many interleavings and compare with the told order. Raises MovedNothing, AssertionError."""
    told = fold_all(projection, facts)
    assert told, f"the story leaves no row in {projection.name}: add examples that do"
    order = [one.event_id for one in reads(projection, facts)]
    moved = 0

    @settings(max_examples=examples, deadline=None, database=None, derandomize=True)
    @given(st.integers(min_value=0, max_value=2**32))
    def shuffled(seed: int) -> None:
        nonlocal moved
        other = interleaved(facts, random.Random(seed))
        moved += [one.event_id for one in reads(projection, other)] != order
        assert fold_all(projection, other) == told

    shuffled()
    if not moved:
        raise MovedNothing(projection.name)


@pytest.mark.parametrize(("service", "projection"), FOUND, ids=[f"{name}-{p.name}" for name, p in FOUND])
def test_rows_do_not_depend_on_the_order_of_topics(service: str, projection: Projection) -> None:
    """I-18, I-19: calendars and rules included."""
    prove(projection, STORY)


def test_every_service_has_its_read_models_calendars_and_rules_found() -> None:
    """By discovery: nothing to forget."""
    names = {(service, projection.name) for service, projection in FOUND}
    assert {service for service, _ in names} == {"lead-routing", "pipeline", "collaboration", "alerting", "kpi"}
    for service in ("lead-routing", "pipeline", "collaboration", "alerting", "kpi"):
        assert {(service, "reference"), (service, "people")} <= names


@dataclass(frozen=True, slots=True)
class LastRow:
    """What a fold that depends on the order would keep."""

    key: str
    stream: str


def test_a_fold_that_depends_on_the_order_is_found() -> None:
    """The proof can fail: the last stream to arrive wins."""

    def fold(group: Group, recorded: Recorded[Any]) -> list[LastRow]:
        return [LastRow("all", recorded.stream)]

    kinds = tuple({type(one.fact) for one in STORY})
    broken = Projection("broken", 1, kinds, (Table("broken", LastRow, ("key",)),), lambda fact: ["all"], fold)
    with pytest.raises(AssertionError):
        prove(broken, STORY)


def test_a_shuffle_that_moves_nothing_is_found() -> None:
    """One stream alone cannot be interleaved."""
    projection = FOUND[0][1]
    one = reads(projection, STORY)[0]
    alone = [replace(fact) for fact in STORY if fact.stream == one.stream]
    with pytest.raises((MovedNothing, AssertionError)):
        prove(projection, alone)
