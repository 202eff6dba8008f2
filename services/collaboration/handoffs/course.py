"""The course of a handoff: its step, who must act now, since when nothing happened. Folded for decisions and rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from libs.events.contracts.collaboration import (
    ClarificationAnswered,
    ClarificationAsked,
    HandoffAccepted,
    HandoffCancelled,
    HandoffCommented,
    HandoffConfirmed,
    HandoffDelivered,
    HandoffDrafted,
    HandoffItemDelivered,
    HandoffLedgerMoved,
    HandoffPaused,
    HandoffResumed,
    HandoffReturned,
    HandoffStalled,
    HandoffSubmitted,
)
from libs.events.deciding import StreamKind

Step = Literal[
    "", "drafted", "awaiting_acceptance", "returned", "accepted", "in_progress", "delivered", "confirmed", "cancelled"
]
Side = Literal["sender", "receiver"]
OPEN: tuple[Step, ...] = ("drafted", "awaiting_acceptance", "returned", "accepted", "in_progress", "delivered")
_TURN: dict[str, Side] = {
    "awaiting_acceptance": "receiver",
    "returned": "sender",
    "accepted": "receiver",
    "in_progress": "receiver",
    "delivered": "sender",
}


@dataclass(frozen=True, slots=True)
class Course:
    """How far a handoff is. `since` is the last progress, `level` how often its silence was reported since then.

    `items` and `deliverables` are {code, value}; `questions` are open clarifications {id, by, item}; `pauses` are
    {from, to} in ISO format, the last one without `to` while the handoff is paused.
    """

    scene: str = ""
    subject_type: str = ""
    subject_id: str = ""
    template_id: str = ""
    template_version: int = 0
    from_person: str = ""
    to_person: str = ""
    stand_in: str | None = None
    step: Step = ""
    turn: int = 0
    items: list[dict[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    deliverables: list[dict[str, str]] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[dict[str, Any]] = field(default_factory=list)
    submitted_at: datetime | None = None
    accept_by: datetime | None = None
    episode: int = 0
    since: datetime | None = None
    level: int = 0

    @property
    def open(self) -> bool:
        """Neither confirmed nor cancelled."""
        return self.step in OPEN

    @property
    def paused(self) -> bool:
        """Whether its last pause has not ended."""
        return bool(self.pauses) and self.pauses[-1]["to"] is None

    @property
    def sender(self) -> str:
        """Who acts for the sending side: the stand-in of a sender on leave."""
        return self.stand_in or self.from_person

    @property
    def waiting_for(self) -> Side | None:
        """Whose turn it is: the side that was asked last, else the side that the step waits for."""
        turn = _TURN.get(self.step)
        if turn is None or not self.questions:
            return turn
        return "sender" if self.questions[-1]["by"] == "receiver" else "receiver"

    def person(self, side: Side) -> str:
        """Who acts for a side."""
        return self.sender if side == "sender" else self.to_person


C = TypeVar("C", bound=Course)


def evolve(course: C, fact: Any) -> C:
    """The course after a fact of the handoff's stream."""
    match fact:
        case HandoffDrafted():
            return replace(
                course,
                scene=fact.scene,
                subject_type=fact.subject.type,
                subject_id=fact.subject.id,
                template_id=fact.template_id,
                template_version=fact.template_version,
                from_person=fact.from_person,
                to_person=fact.to_person,
                step="drafted",
            )
        case HandoffSubmitted():
            items = [item.model_dump() for item in fact.items]
            moved = replace(
                course, items=items, missing=[], to_person=fact.to_person, stand_in=None, accept_by=fact.accept_by
            )
            return _moved(replace(moved, submitted_at=fact.submitted_at), "awaiting_acceptance", fact.submitted_at)
        case HandoffAccepted():
            return _moved(course, "accepted", fact.accepted_at)
        case HandoffReturned():
            returned = replace(course, missing=list(fact.missing), stand_in=fact.stand_in)
            return _moved(returned, "returned", fact.returned_at)
        case HandoffDelivered():
            delivered = replace(course, deliverables=_merged(course.deliverables, fact.deliverables))
            return _moved(delivered, "delivered", fact.delivered_at)
        case HandoffConfirmed() | HandoffCancelled():
            step: Step = "confirmed" if isinstance(fact, HandoffConfirmed) else "cancelled"
            return replace(course, step=step, turn=course.turn + 1, since=None, level=0, questions=[])
        case _:
            return _inside(course, fact)


def _inside(course: C, fact: Any) -> C:
    """What happens without handing the turn over for good."""
    match fact:
        case HandoffItemDelivered():
            delivered = replace(course, deliverables=_merged(course.deliverables, [fact.item]))
            return _worked(delivered, fact.delivered_at)
        case HandoffCommented():
            return _worked(course, fact.commented_at) if fact.content else course
        case ClarificationAsked():
            asked = {"id": fact.clarification_id, "by": fact.side, "item": fact.item, "at": _iso(fact.asked_at)}
            return _worked(replace(course, questions=[*course.questions, asked]), fact.asked_at)
        case ClarificationAnswered():
            left = [question for question in course.questions if question["id"] != fact.clarification_id]
            return _worked(replace(course, questions=left), fact.answered_at)
        case HandoffPaused():
            return replace(course, pauses=[*course.pauses, {"from": _iso(fact.paused_at), "to": None}])
        case HandoffResumed() if course.paused:
            ended = course.pauses[-1] | {"to": _iso(fact.resumed_at)}
            return replace(course, pauses=[*course.pauses[:-1], ended])
        case HandoffStalled(episode=episode, level=level) if episode == course.episode:
            return replace(course, level=level)
        case _:
            return course


def _moved(course: C, step: Step, at: datetime) -> C:
    return _progress(replace(course, step=step, turn=course.turn + 1), at)


def _progress(course: C, at: datetime) -> C:
    """A progress event: the silence begins anew."""
    return replace(course, since=at, level=0, episode=course.episode + 1)


def _worked(course: C, at: datetime) -> C:
    """A progress event inside a step; the first one after the acceptance shows that the work has begun."""
    return _progress(replace(course, step="in_progress") if course.step == "accepted" else course, at)


def _merged(known: list[dict[str, str]], new: list[Any]) -> list[dict[str, str]]:
    values = {item["code"]: item["value"] for item in known} | {item.code: item.value for item in new}
    return [{"code": code, "value": value} for code, value in values.items()]


def _iso(at: datetime) -> str:
    return at.isoformat()


@dataclass(frozen=True, slots=True)
class Ledger:
    """The handoff of a scene that is open for a subject."""

    open_handoff: str | None = None


def evolve_ledger(ledger: Ledger, fact: Any) -> Ledger:
    """The ledger after a fact of its stream."""
    match fact:
        case HandoffLedgerMoved():
            return replace(ledger, open_handoff=fact.open_handoff)
        case _:
            return ledger


HANDOFF = StreamKind("handoff", initial=Course(), evolve=evolve)
LEDGER = StreamKind("handoffs", initial=Ledger(), evolve=evolve_ledger)
OWNERLESS = StreamKind("ownerless", initial=None, evolve=lambda state, fact: state)
