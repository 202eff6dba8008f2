"""The collaboration event centre: every recorded event (S-40)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.events.contracts.collaboration import CollabEventRecorded
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class CollabEventRow:
    """An event and who recorded it."""

    event_id: str
    kind: str
    subject_type: str
    subject_id: str
    payload: dict[str, Any]
    happened_at: datetime
    recorded_at: datetime
    recorded_by: str
    version: int = 1


def keys(fact: CollabEventRecorded) -> list[str]:
    """Each event is a key of its own."""
    return [fact.event_id]


def fold(group: Group, recorded: Recorded[CollabEventRecorded]) -> Sequence[CollabEventRow]:
    """The event's row."""
    fact = recorded.fact
    return [
        CollabEventRow(
            event_id=fact.event_id,
            kind=fact.kind,
            subject_type=fact.subject.type,
            subject_id=fact.subject.id,
            payload=fact.payload,
            happened_at=fact.happened_at,
            recorded_at=recorded.recorded_at,
            recorded_by=recorded.meta.actor.id,
            version=recorded.version,
        )
    ]


COLLAB_EVENTS = Projection(
    name="collab-events",
    version=1,
    reads=(CollabEventRecorded,),
    tables=(Table("collab_events", CollabEventRow, indexes=(("happened_at", "event_id"), ("kind",))),),
    keys=keys,
    fold=fold,
)
