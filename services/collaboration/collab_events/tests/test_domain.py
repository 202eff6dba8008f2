"""Collaboration events and the to-dos that follow."""

from libs.events.contracts.collaboration import CollabEventRecorded, OwnerlessStepDetected, TodoCompleted, TodoCreated
from libs.events.contracts.examples.ids import DELIVERY_HEAD_WU, DELIVERY_QIAN, OPPORTUNITY_1, OWNER_HE, REP_LI
from libs.events.testing.decisions import given
from libs.events.testing.instants import shanghai
from libs.rules.documents import PublishedRule, RuleBook
from services.collaboration.collab_events.domain import RECORD, RecordCollabEvent
from services.collaboration.collab_events.flows import KIND, SHIPPED, Filler, Flow, FlowStep, lint
from services.collaboration.tests.people import asks, plain, without
from services.collaboration.todos.domain import COMPLETE, CompleteTodo

MORNING = shanghai("2026-03-02 09:00")
LEGAL = RecordCollabEvent(
    event_id="event-1", kind="legal_review_done", subject_type="opportunity", subject_id=OPPORTUNITY_1
)


def test_after_the_legal_review_the_delivery_manager_prepares_the_implementation() -> None:
    """S-39"""
    outcome = asks(given(RECORD), REP_LI, LEGAL, MORNING)
    assert plain(outcome) == [CollabEventRecorded, TodoCreated]
    todo = outcome.fact(TodoCreated)
    assert (todo.role, todo.assignee) == ("delivery_manager", DELIVERY_HEAD_WU)
    assert todo.title == "Start implementation preparation"
    assert todo.due_at == shanghai("2026-03-03 09:30")


def test_a_role_without_an_active_member_falls_to_the_process_owner_and_is_detected() -> None:
    """3.3.8-7, 3.3.3-2"""
    outcome = asks(given(RECORD), REP_LI, LEGAL, MORNING, without(DELIVERY_HEAD_WU))
    assert plain(outcome) == [CollabEventRecorded, TodoCreated, OwnerlessStepDetected]
    assert outcome.fact(TodoCreated).assignee == OWNER_HE
    detected = outcome.fact(OwnerlessStepDetected)
    assert (detected.step_id, detected.fell_to) == (outcome.fact(TodoCreated).todo_id, OWNER_HE)
    assert detected.detected_at == MORNING


def test_every_linked_role_of_an_event_gets_a_to_do() -> None:
    """S-40"""
    for kind, steps in SHIPPED.events.items():
        outcome = asks(given(RECORD), REP_LI, LEGAL.model_copy(update={"kind": kind}), MORNING)
        assert plain(outcome).count(TodoCreated) == len(steps)


def test_the_event_may_name_who_fills_a_role() -> None:
    named = LEGAL.model_copy(update={"people": {"delivery_manager": DELIVERY_QIAN}})
    assert asks(given(RECORD), REP_LI, named, MORNING).fact(TodoCreated).assignee == DELIVERY_QIAN


def test_an_event_no_flow_knows_is_recorded_and_one_recorded_already_is_nothing_new() -> None:
    unknown = LEGAL.model_copy(update={"kind": "birthday"})
    outcome = asks(given(RECORD), REP_LI, unknown, MORNING)
    assert plain(outcome) == [CollabEventRecorded]
    asks(given(RECORD, *outcome.facts), REP_LI, unknown, MORNING).then()  # type: ignore[arg-type]


def test_a_published_flow_replaces_the_shipped_one_for_its_events() -> None:
    """S-47"""
    flow = Flow(
        roles={"pm": Filler(person_id=DELIVERY_QIAN)},
        events={"legal_review_done": (FlowStep(role="pm", title="Call the customer"),)},
    )
    rules = RuleBook([PublishedRule("our-flow", 1, KIND, document=flow.model_dump(mode="json"))])
    todo = asks(given(RECORD), REP_LI, LEGAL, MORNING, rules=rules).fact(TodoCreated)
    assert (todo.title, todo.assignee, todo.due_at) == ("Call the customer", DELIVERY_QIAN, None)


def test_a_role_that_nobody_can_fill_is_an_error_of_the_flow() -> None:
    """3.3.8-7"""
    flow = Flow(roles={}, events={"legal_review_done": (FlowStep(role="pm", title="Prepare"),)})
    assert [(finding.severity, finding.path) for finding in lint(flow)] == [
        ("error", "events.legal_review_done.0.role")
    ]
    assert lint(SHIPPED) == []


def test_a_to_do_is_done_once_by_its_person_or_somebody_above() -> None:
    todo = asks(given(RECORD), REP_LI, LEGAL, MORNING).fact(TodoCreated)
    done = CompleteTodo(todo_id=todo.todo_id, outcome="plan is there")
    completed = asks(given(COMPLETE, todo), DELIVERY_HEAD_WU, done).fact(TodoCompleted)
    asks(given(COMPLETE, todo, completed), DELIVERY_HEAD_WU, done).then()
