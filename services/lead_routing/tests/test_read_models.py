"""Every read model of the service gives the same rows in whatever order the streams of the story arrive."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from libs.events.contracts.examples.lead_routing import EXAMPLES
from libs.events.facts import Recorded
from libs.events.projecting import Projection
from libs.events.testing import fold_all, recorded
from services.lead_routing.service import SERVICE

STORY = recorded(*EXAMPLES)


def interleaved(seed: int) -> list[Recorded[object]]:
    """The story with its streams in another order among each other."""
    chance, waiting = random.Random(seed), defaultdict(list)
    for one in STORY:
        waiting[one.stream].append(one)
    order = []
    while waiting:
        stream = chance.choice(sorted(waiting))
        order.append(waiting[stream].pop(0))
        if not waiting[stream]:
            del waiting[stream]
    return order


@pytest.mark.parametrize("projection", SERVICE.projections, ids=lambda projection: projection.name)
def test_any_order_of_streams_tells_the_same(projection: Projection) -> None:
    rows = fold_all(projection, STORY)
    assert rows
    for seed in range(5):
        assert fold_all(projection, interleaved(seed)) == rows


def test_no_table_is_declared_twice() -> None:
    names = [table.name for projection in SERVICE.projections for table in projection.tables]
    assert len(names) == len(set(names))
