"""Read models as sentences: facts in, rows out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from libs.events.facts import Actor, Fact, Meta, Recorded
from libs.events.projecting import Group, Projection

NAMESPACE = UUID("6f1d2c1e-6a1f-5b8e-9a54-1c1d7f0f7f10")
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def recorded(
    *facts: Fact | tuple[Fact, datetime], tenant: str = "demotenant", at: datetime = NOON, channel: str = "api"
) -> list[Recorded[Any]]:
    """Facts as the log would hold them; `(fact, instant)` gives one its own time."""
    versions: dict[str, int] = defaultdict(int)
    result: list[Recorded[Any]] = []
    for seq, entry in enumerate(facts, 1):
        fact, instant = entry if isinstance(entry, tuple) else (entry, at)
        stream = f"{fact.owner or 'lead-routing'}/{fact.stream()}"
        versions[stream] += 1
        result.append(
            Recorded(
                fact=fact,
                tenant=tenant,
                stream=stream,
                version=versions[stream],
                event_id=uuid5(NAMESPACE, f"{tenant} {stream} {versions[stream]}"),
                occurred_at=instant,
                recorded_at=instant,
                meta=Meta.model_validate({"actor": Actor(id="tester"), "channel": channel}),
                seq=seq,
                own_seq=seq,
            )
        )
    return result


def fold_all(projection: Projection, facts: Iterable[Recorded[Any]]) -> list[Any]:
    """All rows after these facts, as `(tenant, key, row)` in a stable order."""
    groups: dict[tuple[str, str], Sequence[Any]] = {}
    for one in facts:
        if not isinstance(one.fact, projection.reads):
            continue
        for key in projection.keys(one.fact):
            group = Group(key, tuple(groups.get((one.tenant, key), ())))
            groups[one.tenant, key] = projection.fold(group, one)
    rows = [(tenant, key, row) for (tenant, key), group in groups.items() for row in group]
    return sorted(rows, key=repr)
