"""A handoff from its draft to its confirmation."""

from datetime import timedelta

import pytest

from libs.events.contracts.collaboration import (
    HandoffAccepted,
    HandoffCancelled,
    HandoffConfirmed,
    HandoffDelivered,
    HandoffDrafted,
    HandoffLedgerMoved,
    HandoffRefusedIncomplete,
    HandoffReturned,
    HandoffSubmitted,
    OwnerlessStepDetected,
    TodoCompleted,
    TodoCreated,
)
from libs.events.contracts.common import Elapsed
from libs.events.contracts.examples.ids import (
    DELIVERY_HEAD_WU,
    DELIVERY_QIAN,
    HANDOFF_1,
    HANDOFF_2,
    LEAD_1,
    MANAGER_ZHOU,
    OWNER_HE,
    REP_LI,
)
from libs.events.errors import NotFound
from libs.events.testing.decisions import given
from libs.events.testing.instants import shanghai
from libs.rules.documents import PublishedRule, RuleBook
from services.collaboration.deliverables.domain import KIND, DeliverableTemplate, Item
from services.collaboration.handoffs.commands import (
    AcceptHandoff,
    CancelHandoff,
    ConfirmHandoff,
    DeliverHandoff,
    DraftHandoff,
    Handed,
    ReturnHandoff,
    SubmitHandoff,
)
from services.collaboration.handoffs.domain import ACCEPT, CANCEL, CONFIRM, DELIVER, RETURN
from services.collaboration.handoffs.submitting import DRAFT, SUBMIT
from services.collaboration.handoffs.tests.story import (
    CODES,
    SCENE,
    SUBJECT,
    TEMPLATE,
    accepted,
    delivered,
    drafted,
    returned,
    submitted,
)
from services.collaboration.tests.people import asks, leave, plain, without

MORNING = shanghai("2026-03-02 09:00")
DRAFT_IT = DraftHandoff(
    handoff_id=HANDOFF_1,
    scene=SCENE,
    subject_type="lead",
    subject_id=LEAD_1,
    from_person=REP_LI,
    to_person=DELIVERY_QIAN,
)
ALL_THREE = SubmitHandoff(handoff_id=HANDOFF_1, items=tuple(Handed(code=code, value="there") for code in CODES))
TWO = SubmitHandoff(
    handoff_id=HANDOFF_1, items=tuple(Handed(code=code, value="there") for code in CODES if code != "touch_records")
)
ACCEPT_IT = AcceptHandoff(handoff_id=HANDOFF_1)


def test_a_draft_names_the_template_and_both_sides_and_opens_the_ledger() -> None:
    asks(given(DRAFT), REP_LI, DRAFT_IT, MORNING).then(*drafted(MORNING))


def test_a_second_handoff_of_the_scene_for_the_subject_is_refused_and_names_the_open_one() -> None:
    """3.3.7"""
    again = DRAFT_IT.model_copy(update={"handoff_id": HANDOFF_2})
    refusal = asks(given(DRAFT, *drafted(MORNING)), REP_LI, again, MORNING).then_rejected("HANDOFF_OPEN")
    assert refusal.details["open_handoff"] == HANDOFF_1


def test_a_receiver_who_left_makes_the_step_ownerless_and_it_falls_to_the_process_owner() -> None:
    """3.3.3-2"""
    outcome = asks(given(DRAFT), REP_LI, DRAFT_IT, MORNING, without(DELIVERY_QIAN))
    assert plain(outcome) == [HandoffDrafted, HandoffLedgerMoved, OwnerlessStepDetected]
    assert outcome.fact(HandoffDrafted).to_person == OWNER_HE
    assert outcome.fact(OwnerlessStepDetected).fell_to == OWNER_HE


def test_without_even_a_process_owner_the_draft_is_refused_and_that_is_recorded() -> None:
    """3.3.3-2"""
    outcome = asks(given(DRAFT), REP_LI, DRAFT_IT, MORNING, without(DELIVERY_QIAN, OWNER_HE))
    refusal = outcome.then_rejected("CONFLICT_STATE")
    assert [type(fact) for fact in refusal.record] == [OwnerlessStepDetected]


def test_a_department_alone_means_its_head_and_a_role_somebody_in_it() -> None:
    to_department = DRAFT_IT.model_copy(update={"to_person": None, "to_department": "delivery"})
    found = asks(given(DRAFT), REP_LI, to_department, MORNING).fact(HandoffDrafted)
    assert (found.to_person, found.to_department) == (DELIVERY_HEAD_WU, "delivery")
    to_role = to_department.model_copy(update={"to_role": "rep"})
    assert asks(given(DRAFT), REP_LI, to_role, MORNING).fact(HandoffDrafted).to_person == DELIVERY_QIAN


def test_a_receiver_on_leave_is_stood_in_for() -> None:
    away = leave(DELIVERY_QIAN, DELIVERY_HEAD_WU, MORNING, MORNING + timedelta(days=2))
    outcome = asks(given(SUBMIT, *drafted(MORNING)), REP_LI, ALL_THREE, MORNING, [*without(), away])
    assert outcome.fact(HandoffSubmitted).to_person == DELIVERY_HEAD_WU


def test_a_submission_without_touch_records_is_refused_and_recorded() -> None:
    """3.3.8-1, 3.3.3-1"""
    outcome = asks(given(SUBMIT, *drafted(MORNING)), REP_LI, TWO, MORNING)
    refused = HandoffRefusedIncomplete(
        handoff_id=HANDOFF_1, scene=SCENE, missing=["touch_records"], refused_at=MORNING, rule_refs=[TEMPLATE]
    )
    refusal = outcome.then_rejected("RULE_VIOLATION", refused)
    assert [rule["requirement"] for rule in refusal.details["rules"]] == ["touch_records"]


def test_a_blank_item_is_as_good_as_missing() -> None:
    """3.3.3-1"""
    blank = SubmitHandoff(handoff_id=HANDOFF_1, items=(*TWO.items, Handed(code="touch_records", value="  \n")))
    asks(given(SUBMIT, *drafted(MORNING)), REP_LI, blank, MORNING).then_rejected("RULE_VIOLATION")


def test_with_all_three_it_waits_for_the_acceptance_and_the_receiver_has_a_to_do() -> None:
    """3.3.8-1"""
    outcome = asks(given(SUBMIT, *drafted(MORNING)), REP_LI, ALL_THREE, MORNING)
    assert plain(outcome) == [HandoffSubmitted, TodoCreated]
    assert outcome.fact(HandoffSubmitted).completeness == "3/3"
    assert outcome.fact(HandoffSubmitted).accept_by == shanghai("2026-03-02 14:30")
    todo = outcome.fact(TodoCreated)
    assert (todo.assignee, todo.due_at) == (DELIVERY_QIAN, shanghai("2026-03-02 14:30"))


def test_after_a_return_only_what_was_missing_must_be_handed_over_again() -> None:
    scene = given(SUBMIT, *drafted(MORNING), submitted(MORNING), returned(MORNING))
    again = SubmitHandoff(handoff_id=HANDOFF_1, items=(Handed(code="touch_records", value="twelve calls"),))
    items = asks(scene, REP_LI, again, MORNING).fact(HandoffSubmitted).items
    assert {item.code: item.value for item in items}["touch_records"] == "twelve calls"
    assert len(items) == 3


def test_an_unknown_item_is_refused() -> None:
    unknown = SubmitHandoff(handoff_id=HANDOFF_1, items=(*ALL_THREE.items, Handed(code="horoscope", value="x")))
    asks(given(SUBMIT, *drafted(MORNING)), REP_LI, unknown, MORNING).then_rejected("VALIDATION")


def test_accepting_records_how_long_it_took_and_closes_the_to_do() -> None:
    """3.3.8-6"""
    first = asks(given(SUBMIT, *drafted(MORNING)), REP_LI, ALL_THREE, MORNING)
    scene = given(ACCEPT, *drafted(MORNING), *first.facts)  # type: ignore[arg-type]
    outcome = asks(scene, DELIVERY_QIAN, ACCEPT_IT, shanghai("2026-03-02 10:59"))
    assert plain(outcome) == [HandoffAccepted, TodoCompleted, TodoCreated]
    assert outcome.fact(HandoffAccepted).elapsed == Elapsed(wall=7140, workday=7140, business=7140)
    assert outcome.fact(TodoCompleted).todo_id == first.fact(TodoCreated).todo_id


def test_accepting_twice_is_harmless() -> None:
    asks(given(ACCEPT, *drafted(MORNING), submitted(MORNING), accepted(MORNING)), DELIVERY_QIAN, ACCEPT_IT).then()


def test_a_return_goes_to_the_sender_or_to_whoever_stands_in() -> None:
    """3.3.3-5, 3.3.7"""
    back = ReturnHandoff(handoff_id=HANDOFF_1, reason_code="incomplete", missing=("touch_records",))
    scene = given(RETURN, *drafted(MORNING), submitted(MORNING))
    outcome = asks(scene, DELIVERY_QIAN, back, MORNING)
    assert plain(outcome) == [HandoffReturned, TodoCreated]
    assert (outcome.fact(HandoffReturned).stand_in, outcome.fact(TodoCreated).assignee) == (None, REP_LI)
    away = leave(REP_LI, "rep-chen", MORNING, MORNING + timedelta(days=2))
    outcome = asks(scene, DELIVERY_QIAN, back, MORNING, [*without(), away])
    assert outcome.fact(HandoffReturned).stand_in == "rep-chen"
    assert outcome.fact(TodoCreated).assignee == "rep-chen"


def test_a_return_needs_a_reason_of_the_template() -> None:
    back = ReturnHandoff(handoff_id=HANDOFF_1, reason_code="no_mood")
    asks(given(RETURN, *drafted(MORNING), submitted(MORNING)), DELIVERY_QIAN, back).then_rejected("VALIDATION")


def test_delivery_and_confirmation_end_it_and_close_the_ledger() -> None:
    facts = [*drafted(MORNING), submitted(MORNING), accepted(MORNING)]
    outcome = asks(given(DELIVER, *facts), DELIVERY_QIAN, DeliverHandoff(handoff_id=HANDOFF_1))
    assert plain(outcome) == [HandoffDelivered, TodoCreated]
    rated = ConfirmHandoff(handoff_id=HANDOFF_1, rating=5)
    outcome = asks(given(CONFIRM, *facts, delivered(MORNING)), REP_LI, rated)
    assert plain(outcome) == [HandoffConfirmed, HandoffLedgerMoved]
    assert outcome.fact(HandoffLedgerMoved).open_handoff is None


def test_a_poor_rating_needs_a_reason() -> None:
    """3.3.7"""
    facts = [*drafted(MORNING), submitted(MORNING), accepted(MORNING), delivered(MORNING)]
    asks(given(CONFIRM, *facts), REP_LI, ConfirmHandoff(handoff_id=HANDOFF_1, rating=2)).then_rejected("VALIDATION")
    poor = ConfirmHandoff(handoff_id=HANDOFF_1, rating=2, reason="half of it was missing")
    assert asks(given(CONFIRM, *facts), REP_LI, poor).fact(HandoffConfirmed).confirmed_by == REP_LI


def test_a_cancelled_handoff_makes_room_for_the_next_one() -> None:
    cancel = CancelHandoff(handoff_id=HANDOFF_1, cause="the customer has gone")
    outcome = asks(given(CANCEL, *drafted(MORNING)), REP_LI, cancel)
    assert plain(outcome) == [HandoffCancelled, HandoffLedgerMoved]
    again = DRAFT_IT.model_copy(update={"handoff_id": HANDOFF_2})
    scene = given(DRAFT, *drafted(MORNING), *outcome.facts)  # type: ignore[arg-type]
    assert asks(scene, REP_LI, again).fact(HandoffDrafted).handoff_id == HANDOFF_2


def test_only_the_right_side_or_somebody_above_it_may_act() -> None:
    scene = given(ACCEPT, *drafted(MORNING), submitted(MORNING))
    asks(scene, REP_LI, ACCEPT_IT).then_rejected("NOT_PERMITTED")
    assert HandoffAccepted in plain(asks(scene, DELIVERY_HEAD_WU, ACCEPT_IT))
    assert HandoffAccepted in plain(asks(scene, OWNER_HE, ACCEPT_IT))
    asks(scene, MANAGER_ZHOU, ACCEPT_IT).then_rejected("NOT_PERMITTED")
    with pytest.raises(NotFound):
        asks(scene, "rep-chen", ACCEPT_IT)


def test_a_published_template_holds_for_new_drafts_and_the_old_version_for_old_ones() -> None:
    own = DeliverableTemplate(scene=SCENE, name="Ours", items=(Item(code="budget", name="Budget"),))
    rule = PublishedRule("our-template", 3, KIND, document=own.model_dump(mode="json"))
    rules = RuleBook([rule])
    fresh = asks(given(DRAFT), REP_LI, DRAFT_IT, MORNING, rules=rules).fact(HandoffDrafted)
    assert (fresh.template_id, fresh.template_version) == ("our-template", 3)
    old = asks(given(SUBMIT, *drafted(MORNING)), REP_LI, ALL_THREE, MORNING, rules=rules)
    assert old.fact(HandoffSubmitted).subject == SUBJECT
