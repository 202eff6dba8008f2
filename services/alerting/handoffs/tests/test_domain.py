"""A handoff that stands still is told to both superiors; progress resolves it."""

from __future__ import annotations

from libs.events.contracts.alerting import AlertEscalated, AlertRaised, AlertResolved
from libs.events.contracts.collaboration import HandoffCommented, HandoffStalled
from libs.events.contracts.common import Subject
from libs.events.contracts.examples.ids import (
    DELIVERY_HEAD_WU,
    DELIVERY_QIAN,
    DIRECTOR_SUN,
    HANDOFF_1,
    MANAGER_ZHOU,
    OPPORTUNITY_1,
    REP_LI,
)
from libs.events.facts import Fact
from libs.events.projecting import Group
from libs.events.reacting import Attempt
from libs.events.testing.decisions import Outcome, given
from libs.events.testing.folding import recorded
from services.alerting.handoffs.domain import RAISE_STALLED, SETTLE_STALLED, SettleStalledHandoff
from services.alerting.handoffs.reactions import react
from services.alerting.tests.story import CALENDARS, EVERYTHING, RULES, at

FIRED = at("02-28 10:00:01")


def stalled(level: int = 1, waiting: str | None = DELIVERY_HEAD_WU, other: str | None = MANAGER_ZHOU) -> HandoffStalled:
    return HandoffStalled(
        handoff_id=HANDOFF_1,
        scene="solution-design",
        subject=Subject(type="opportunity", id=OPPORTUNITY_1),
        episode=1,
        level=level,
        since=at("02-27 17:00"),
        clock="business",
        silent_for=7201,
        waiting_person=DELIVERY_QIAN,
        other_person=REP_LI,
        waiting_superior=waiting,
        other_superior=other,
        brief={},
        due_at=FIRED,
        fired_at=FIRED,
    )


def attempts(fact: Fact) -> list[Attempt]:
    (one,) = recorded((fact, FIRED))
    return react(one, Group(HANDOFF_1))


def told(fact: HandoffStalled, *before: Fact) -> Outcome:
    (attempt,) = attempts(fact)
    return given(RAISE_STALLED, *before).when(attempt.command, FIRED, CALENDARS, RULES, EVERYTHING)


def raised() -> list[Fact]:
    return [fact for fact in told(stalled()).facts if isinstance(fact, Fact)]


def test_the_superiors_of_both_sides_hear_of_a_standstill() -> None:
    """S-43, F6"""
    alert = told(stalled()).fact(AlertRaised)
    assert alert.recipients == [DELIVERY_HEAD_WU, MANAGER_ZHOU]
    assert alert.summary == "Handoff solution-design stands still since 2026-02-27 17:00"
    assert len(alert.evidence) == 1


def test_one_superior_of_both_sides_hears_of_it_once() -> None:
    """3.3.7"""
    assert told(stalled(waiting=MANAGER_ZHOU)).fact(AlertRaised).recipients == [MANAGER_ZHOU]


def test_missing_superiors_are_looked_up_at_the_time_of_firing() -> None:
    assert told(stalled(waiting=None, other=None)).fact(AlertRaised).recipients == [DELIVERY_HEAD_WU, MANAGER_ZHOU]


def test_a_higher_level_of_the_same_standstill_goes_to_the_people_of_that_level() -> None:
    higher = told(stalled(level=2, waiting=DELIVERY_HEAD_WU, other=DIRECTOR_SUN), *raised()).fact(AlertEscalated)
    assert (higher.level, higher.to) == (1, [DIRECTOR_SUN])
    told(stalled(), *raised()).then()


def test_progress_resolves_the_alert() -> None:
    command = SettleStalledHandoff(handoff_id=HANDOFF_1, cause="accepted")
    resolved = given(SETTLE_STALLED, *raised()).when(command, at("02-28 11:00")).fact(AlertResolved)
    assert (resolved.by, resolved.cause) == ("condition", "accepted")
    given(SETTLE_STALLED).when(command, at("02-28 11:00")).then()


def test_only_a_comment_with_content_is_progress() -> None:
    """3.3.3-3"""
    comment = HandoffCommented(
        handoff_id=HANDOFF_1, text="done", content=True, commented_by=REP_LI, commented_at=at("02-28 10:30")
    )
    assert len(attempts(comment)) == 1
    assert attempts(comment.model_copy(update={"content": False})) == []
