"""What the two sides say to each other while a handoff runs: comments, pieces of the work, clarifications."""

from __future__ import annotations

from datetime import datetime

from libs.events.contracts.collaboration import (
    ClarificationAnswered,
    ClarificationAsked,
    Deliverable,
    HandoffCommented,
    HandoffItemDelivered,
)
from libs.events.deciding import Decider, Given, States
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.service.organisation import Reach
from services.collaboration.handoffs.commands import AnswerClarification, AskClarification, CommentHandoff, DeliverItem
from services.collaboration.handoffs.course import Course, Side
from services.collaboration.handoffs.sides import course_for, elapsed, in_step, sides_of, streams

CONTENT = 10
"""A comment of fewer characters, white space not counted twice, is no progress (as notes in domain.md 3.1.3-8)."""
MOST_QUESTIONS = 20
RUNNING = ("awaiting_acceptance", "returned", "accepted", "in_progress", "delivered")


def comment(states: States, command: CommentHandoff, given: Given) -> list[Fact]:
    """Either side writes; only a comment with content is progress."""
    course = course_for(states, command, given)
    _open(course)
    return [
        HandoffCommented(
            handoff_id=command.handoff_id,
            text=command.text,
            content=len(" ".join(command.text.split())) >= CONTENT,
            commented_by=given.actor.id,
            commented_at=given.now,
        )
    ]


def deliver_item(states: States, command: DeliverItem, given: Given) -> list[Fact]:
    """The receiver gives one piece of the work; giving the same again is nothing new."""
    course = course_for(states, command, given, "receiver")
    in_step(course, "accepted", "in_progress")
    item = Deliverable(code=command.item.code, value=command.item.value)
    if item.model_dump() in course.deliverables:
        return []
    return [
        HandoffItemDelivered(
            handoff_id=command.handoff_id, item=item, delivered_by=given.actor.id, delivered_at=given.now
        )
    ]


def ask(states: States, command: AskClarification, given: Given) -> list[Fact]:
    """One side asks; it is the other side's turn until it answers."""
    course = course_for(states, command, given)
    if any(question["id"] == command.clarification_id for question in course.questions):
        return []
    if course.step not in RUNNING:
        raise Rejected("CONFLICT_STATE", "questions are asked between submission and confirmation", state=course.step)
    if len(course.questions) >= MOST_QUESTIONS:
        raise Rejected("CONFLICT_STATE", f"{MOST_QUESTIONS} questions are open: answer them first")
    return [
        ClarificationAsked(
            handoff_id=command.handoff_id,
            clarification_id=command.clarification_id,
            side=_asking(course, given),
            item=command.item,
            question=command.question,
            asked_by=given.actor.id,
            asked_at=given.now,
        )
    ]


def answer(states: States, command: AnswerClarification, given: Given) -> list[Fact]:
    """The side that was asked answers; how long that took is measured by its calendar."""
    course = course_for(states, command, given)
    question = next((one for one in course.questions if one["id"] == command.clarification_id), None)
    if question is None:
        raise NotFound("open clarification", command.clarification_id)
    asked: Side = "sender" if question["by"] == "receiver" else "receiver"
    course_for(states, command, given, asked)
    calendar = given[Calendars].of(course.person(asked))
    return [
        ClarificationAnswered(
            handoff_id=command.handoff_id,
            clarification_id=command.clarification_id,
            answer=command.answer,
            answered_by=given.actor.id,
            answered_at=given.now,
            elapsed=elapsed(calendar, datetime.fromisoformat(question["at"]), given.now),
        )
    ]


def _open(course: Course) -> None:
    if not course.open:
        raise Rejected("CONFLICT_STATE", f"the handoff is {course.step}", state=course.step)


def _asking(course: Course, given: Given) -> Side:
    """The side the question comes from; somebody above both asks for the side whose turn it is."""
    mine = sides_of(course, given)
    if len(mine) == 1:
        return next(iter(mine))
    person = given.actor.id
    if person in {course.from_person, course.sender}:
        return "sender"
    return "receiver" if person == course.to_person else course.waiting_for or "receiver"


COMMENT = Decider("comment-handoff", streams, comment, consults=(Reach,))
DELIVER_ITEM = Decider("deliver-item", streams, deliver_item, consults=(Reach,))
ASK = Decider("ask-clarification", streams, ask, consults=(Reach,))
ANSWER = Decider("answer-clarification", streams, answer, consults=(Reach, Calendars))
