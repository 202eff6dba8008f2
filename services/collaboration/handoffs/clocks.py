"""When a handoff stalls: the business clock of the waiting side, pauses left out (domain.md 3.3.3-3, 3.3.3-4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.rules.calendars import Calendar, ClockName
from services.collaboration.deliverables.domain import DeliverableTemplate, Limit
from services.collaboration.handoffs.course import Course

ONE_SECOND = timedelta(seconds=1)
WORKDAY = timedelta(hours=24)
"""A day of the workday clock."""
NOTHING = timedelta()


@dataclass(frozen=True, slots=True)
class Pause:
    """From when until when a handoff's clock stood still."""

    begin: datetime
    end: datetime


def stalls_at(course: Course, template: DeliverableTemplate, calendar: Calendar) -> datetime | None:
    """When the silence is reported next, at the level after `course.level`; None while nobody is waited for.

    `calendar` is that of the person whose turn it is. A pause that has not ended counts until its allowance is used up.
    """
    limits = (template.stall, *template.escalations)
    if course.since is None or course.waiting_for is None or course.level >= len(limits):
        return None
    pauses = pauses_of(course, template, calendar)
    at = course.since
    for limit in limits[: course.level + 1]:
        at = _runs_out(calendar, at, _duration(limit), limit.clock, pauses)
    return at


def silent_for(course: Course, template: DeliverableTemplate, calendar: Calendar, now: datetime) -> timedelta:
    """How long nothing has happened until `now`, in the clock of the stall limit, pauses left out."""
    if course.since is None:
        return NOTHING
    return running(calendar, course.since, now, template.stall.clock, pauses_of(course, template, calendar, now))


def pauses_of(
    course: Course, template: DeliverableTemplate, calendar: Calendar, now: datetime | None = None
) -> list[Pause]:
    """The pauses as far as the allowance of workdays reaches, in order; an open one ends with it, or `now`."""
    left = template.pauses.workdays * WORKDAY
    pauses = []
    for pause in course.pauses:
        begin = datetime.fromisoformat(pause["from"])
        end = calendar.add(begin, left, "workday").at
        ended = datetime.fromisoformat(pause["to"]) if pause["to"] else now
        if ended is not None:
            end = min(end, max(ended, begin))
        left -= calendar.elapsed(begin, end, "workday")
        pauses.append(Pause(begin, end))
    return pauses


def pause_left(course: Course, template: DeliverableTemplate, calendar: Calendar, now: datetime) -> timedelta:
    """What is left of the allowance at `now`, in the workday clock (24 h a workday)."""
    used = sum(
        (calendar.elapsed(one.begin, one.end, "workday") for one in pauses_of(course, template, calendar, now)), NOTHING
    )
    return max(NOTHING, template.pauses.workdays * WORKDAY - used)


def running(calendar: Calendar, start: datetime, end: datetime, clock: ClockName, pauses: list[Pause]) -> timedelta:
    """How long the clock ran from `start` to `end` outside the pauses."""
    ran, at = NOTHING, start
    for pause in pauses:
        if pause.end > at and pause.begin < end:
            ran += calendar.elapsed(at, max(at, pause.begin), clock)
            at = pause.end
    return ran + calendar.elapsed(at, end, clock) if at < end else ran


def _runs_out(calendar: Calendar, start: datetime, left: timedelta, clock: ClockName, pauses: list[Pause]) -> datetime:
    """The first instant at which the clock has run for `left` outside the pauses."""
    at = start
    for pause in pauses:
        if pause.end <= at:
            continue
        ran = calendar.elapsed(at, max(at, pause.begin), clock)
        if ran >= left:
            break
        left, at = left - ran, pause.end
    return calendar.add(at, left, clock).at


def _duration(limit: Limit) -> timedelta:
    length = timedelta(hours=float(limit.limit_h))
    return length + ONE_SECOND if limit.strict else length
