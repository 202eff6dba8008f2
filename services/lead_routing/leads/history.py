"""What happened to a lead, fact by fact, without anything sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.events.contracts import lead_routing
from libs.events.facts import Fact, Recorded
from libs.events.projecting import Group, Projection, Table

LEFT_OUT = frozenset({"lead_id", "contacts", "note", "candidates", "raw_hash", "content_hash"})
"""Sealed or hashed personal content, and what the routing explanations hold."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One fact of a lead; `data` is the rest of its payload."""

    lead_id: str
    version: int
    type: str
    occurred_at: datetime
    recorded_at: datetime
    actor_kind: str
    actor_id: str
    data: dict[str, Any]


def keys(fact: Any) -> list[str]:
    """One lead is one key, and one stream."""
    return [fact.lead_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[HistoryEntry]:
    """All entries with one more."""
    entry = HistoryEntry(
        lead_id=recorded.fact.lead_id,
        version=recorded.version,
        type=recorded.fact.wire,
        occurred_at=recorded.occurred_at,
        recorded_at=recorded.recorded_at,
        actor_kind=recorded.meta.actor.kind,
        actor_id=recorded.meta.actor.id,
        data={name: value for name, value in recorded.fact.data().items() if name not in LEFT_OUT},
    )
    return [*group.rows, entry]


def _facts_of_leads() -> tuple[type[Fact], ...]:
    declared = (value for value in vars(lead_routing).values() if isinstance(value, type) and issubclass(value, Fact))
    return tuple(kind for kind in declared if kind.template == "lead-{lead_id}")


LEAD_HISTORY = Projection(
    name="lead-history",
    version=1,
    reads=_facts_of_leads(),
    tables=(Table("lead_history", HistoryEntry, identity=("version",), indexes=(("lead_id", "version"),)),),
    keys=keys,
    fold=fold,
)
