"""All signals, taken in or refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.events.contracts.alerting import SignalReceived, SignalRefused
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal as it came in last; `why` it was refused."""

    signal_id: str
    source: str
    external_id: str
    state: str
    received_at: datetime
    kind: str | None = None
    subject_type: str | None = None
    subject_id: str | None = None
    happened_at: datetime | None = None
    why: str | None = None


def keys(fact: Any) -> list[str]:
    """One group per signal."""
    return [fact.signal_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[SignalRow]:
    """The signal after one more fact of its stream."""
    fact = recorded.fact
    match fact:
        case SignalReceived():
            return [
                SignalRow(
                    signal_id=fact.signal_id,
                    source=fact.source,
                    external_id=fact.external_id,
                    state="received",
                    received_at=fact.received_at,
                    kind=fact.kind,
                    subject_type=fact.subject.type if fact.subject else None,
                    subject_id=fact.subject.id if fact.subject else None,
                    happened_at=fact.happened_at,
                )
            ]
        case SignalRefused():
            return [SignalRow(fact.signal_id, fact.source, fact.external_id, "refused", fact.received_at, why=fact.why)]
        case _:
            return group.all(SignalRow)


SIGNAL_LOG = Projection(
    name="signals",
    version=1,
    reads=(SignalReceived, SignalRefused),
    tables=(Table("signals", SignalRow, indexes=(("received_at", "signal_id"),)),),
    keys=keys,
    fold=fold,
)
