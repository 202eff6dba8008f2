"""Letting the clock of a handoff stand still: with a reason, three times and five workdays in all (3.3.3-4)."""

from __future__ import annotations

from libs.events.contracts.collaboration import HandoffPaused, HandoffResumed
from libs.events.deciding import Decider, Given, States
from libs.events.errors import Rejected
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.collaboration.handoffs.clocks import NOTHING, pause_left
from services.collaboration.handoffs.commands import PauseHandoff, ResumeHandoff
from services.collaboration.handoffs.exchange import RUNNING
from services.collaboration.handoffs.sides import course_for, in_step, pinned, streams


def pause(states: States, command: PauseHandoff, given: Given) -> list[Fact]:
    """Refused without a known reason, without the evidence that it needs, or when the allowance is used up."""
    course = course_for(states, command, given)
    if course.paused:
        return []
    in_step(course, *RUNNING)
    template = pinned(course, given).document
    reasons = {reason.code: reason for reason in template.pauses.reasons}
    reason = reasons.get(command.reason_code)
    if reason is None:
        raise Rejected("VALIDATION", f"{command.reason_code} is no reason of this template", reasons=list(reasons))
    if reason.evidence and not (command.evidence or "").strip():
        raise Rejected("VALIDATION", f"a pause because of {reason.code.replace('_', ' ')} needs evidence")
    if len(course.pauses) >= template.pauses.most:
        raise Rejected("CONFLICT_STATE", f"it has paused {len(course.pauses)} times", most=template.pauses.most)
    calendar = given[Calendars].of(course.person(course.waiting_for or "receiver"))
    if pause_left(course, template, calendar, given.now) <= NOTHING:
        workdays = template.pauses.workdays
        raise Rejected("CONFLICT_STATE", f"its {workdays} workdays of pauses are used up", workdays=workdays)
    return [
        HandoffPaused(
            handoff_id=command.handoff_id,
            reason_code=command.reason_code,
            evidence=command.evidence,
            paused_by=given.actor.id,
            paused_at=given.now,
        )
    ]


def resume(states: States, command: ResumeHandoff, given: Given) -> list[Fact]:
    """The clock runs again; nothing new if it does already."""
    course = course_for(states, command, given)
    if not course.paused:
        return []
    return [HandoffResumed(handoff_id=command.handoff_id, resumed_by=given.actor.id, resumed_at=given.now)]


PAUSE = Decider("pause-handoff", streams, pause, consults=(Reach, RuleBook, Calendars))
RESUME = Decider("resume-handoff", streams, resume, consults=(Reach,))
