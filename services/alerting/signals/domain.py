"""What partners tell us, once for each source and id: logistics, production, surveys, marketing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid5

from pydantic import Field

from libs.events.contracts.alerting import AlertingFact, SignalReceived, SignalRefused
from libs.events.contracts.common import Subject
from libs.events.deciding import Command, Decider, Given, Line, Moment, States, StreamKind, StreamOf
from libs.events.errors import Rejected

SIGNALS = UUID("5c6f3f0e-1f86-5a7e-8b1d-2f1b7c0d4e03")
SKEW = timedelta(minutes=5)
Kind = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,119}$")]


@dataclass(frozen=True, slots=True)
class Signal:
    """Whether a signal has been taken in, or why it was refused last."""

    received: bool = False
    refused: str | None = None


def evolve(signal: Signal, fact: Any) -> Signal:
    """What a fact changes."""
    match fact:
        case SignalReceived():
            return Signal(received=True)
        case SignalRefused():
            return Signal(refused=fact.why)
        case _:
            return signal


SIGNAL = StreamKind("signal", Signal(), evolve)


class ReceiveSignal(Command):
    """A signal as its source wrote it; `subject` is `type/id` or nothing."""

    source: Line
    external_id: Line
    kind: Kind
    subject: Line | None = None
    payload: dict[str, Any]
    happened_at: Moment


class RefuseSignal(Command):
    """A signal that cannot even be read; `why` names the place and the matter, nothing of its content."""

    source: Line
    external_id: Line
    code: Line
    why: Line


def signal_id(tenant: str, source: str, external_id: str) -> str:
    """The same signal has the same id whenever and however it comes in."""
    return str(uuid5(SIGNALS, f"{tenant}\n{source}\n{external_id}"))


def streams(states: States, command: ReceiveSignal | RefuseSignal, given: Given) -> list[StreamOf[Any]]:
    """The signal alone."""
    return [SIGNAL.of(signal_id(given.tenant, command.source, command.external_id))]


def receive(states: States, command: ReceiveSignal, given: Given) -> list[AlertingFact]:
    """Taken in once; one that cannot be used is refused with the reason, and may be sent again put right."""
    identity = signal_id(given.tenant, command.source, command.external_id)
    signal = states[SIGNAL.of(identity)]
    if signal.received:
        return []
    why = unusable(command, given.now)
    if why is not None:
        refusal = RefuseSignal(source=command.source, external_id=command.external_id, code="VALIDATION", why=why)
        raise Rejected("VALIDATION", why, record=refuse(states, refusal, given))
    return [
        SignalReceived(
            signal_id=identity,
            source=command.source,
            external_id=command.external_id,
            kind=command.kind,
            subject=_subject(command.subject),
            payload=command.payload,
            happened_at=command.happened_at,
            received_at=given.now,
        )
    ]


def refuse(states: States, command: RefuseSignal, given: Given) -> list[AlertingFact]:
    """Told once for each reason, and not at all of a signal that was taken in."""
    identity = signal_id(given.tenant, command.source, command.external_id)
    signal = states[SIGNAL.of(identity)]
    if signal.received or signal.refused == command.why:
        return []
    return [
        SignalRefused(
            signal_id=identity,
            source=command.source,
            external_id=command.external_id,
            code=command.code,
            why=command.why,
            received_at=given.now,
        )
    ]


def unusable(command: ReceiveSignal, now: datetime) -> str | None:
    """Why a signal cannot be used; None if it can."""
    if command.happened_at > now + SKEW:
        return "its time lies in the future"
    if command.subject is not None and _subject(command.subject) is None:
        return "its subject is not written type/id, at most 80 characters each"
    return None


def _subject(written: str | None) -> Subject | None:
    kind, slash, identity = (written or "").partition("/")
    fits = slash and 0 < len(kind) <= 80 and 0 < len(identity) <= 80
    return Subject(type=kind, id=identity) if fits else None


RECEIVE = Decider("receive-signal", streams, receive)
REFUSE = Decider("refuse-signal", streams, refuse)
