"""The read models over the example story."""

from libs.events.contracts.collaboration import HandoffLedgerMoved
from libs.events.contracts.examples.collaboration import (
    CLARIFICATION_1,
    COLLAB_EVENT_1,
    COLLAB_EVENT_2,
    EXAMPLES,
    HANDOFF_OPEN,
    OWNERLESS_TODO,
)
from libs.events.contracts.examples.ids import DELIVERY_QIAN, HANDOFF_1, HANDOFF_2, OPPORTUNITY_1, OWNER_HE, TODO_1
from libs.events.contracts.examples.pipeline import EXAMPLES as PIPELINE
from libs.events.contracts.pipeline import OpportunityLost
from libs.events.projecting import Group, Projection
from libs.events.testing.folding import fold_all, recorded
from services.collaboration.collab_events.projections import COLLAB_EVENTS
from services.collaboration.handoffs.commands import CancelHandoff
from services.collaboration.handoffs.projections import HANDOFFS, Clarification, HandoffRow, HandoffStep
from services.collaboration.handoffs.reactions import LOST_DEALS, OpenHandoff, react
from services.collaboration.todos.projections import OWNERLESS_STEPS, TODOS

STORY = recorded(*EXAMPLES)


def rows(projection: Projection) -> list[object]:
    return [row for _, _, row in fold_all(projection, STORY)]


def test_the_board_shows_where_each_handoff_is_and_how_it_came_there() -> None:
    found = {row.handoff_id: row for row in rows(HANDOFFS) if isinstance(row, HandoffRow)}
    first, second = found[HANDOFF_1], found[HANDOFF_2]
    assert (first.state, first.rating, first.refusals, first.returns) == ("confirmed", 5, 1, 0)
    assert [item["code"] for item in first.deliverables] == ["interface_plan", "confirmed_solution"]
    assert (second.state, second.stalls, second.returns, second.waiting_person) == ("cancelled", 1, 1, None)
    steps = [row for row in rows(HANDOFFS) if isinstance(row, HandoffStep) and row.handoff_id == HANDOFF_1]
    assert [step.version for step in sorted(steps, key=lambda step: step.version)] == list(range(1, first.version + 1))


def test_a_question_is_shown_with_its_answer_and_how_long_that_took() -> None:
    (question,) = [row for row in rows(HANDOFFS) if isinstance(row, Clarification)]
    assert (question.clarification_id, question.side, question.business_s) == (CLARIFICATION_1, "receiver", 1800)


def test_a_paused_handoff_says_so_and_still_names_whose_turn_it_is() -> None:
    until_paused = STORY[: 1 + next(i for i, one in enumerate(STORY) if one.fact.wire == "handoff-paused.v1")]
    (row,) = [row for _, _, row in fold_all(HANDOFFS, until_paused) if isinstance(row, HandoffRow)]
    assert (row.state, row.step, row.pause_reason) == ("paused", "in_progress", "waiting_for_customer")
    assert row.waiting_person == DELIVERY_QIAN


def test_the_work_list_holds_open_and_done_to_dos() -> None:
    found = {row.todo_id: row for row in rows(TODOS)}  # type: ignore[attr-defined]
    assert {todo_id: (row.assignee, row.state) for todo_id, row in found.items()} == {  # type: ignore[attr-defined]
        TODO_1: (DELIVERY_QIAN, "done"),
        OWNERLESS_TODO: (OWNER_HE, "open"),
    }


def test_events_and_ownerless_steps_are_listed() -> None:
    assert {row.event_id for row in rows(COLLAB_EVENTS)} == {COLLAB_EVENT_1, COLLAB_EVENT_2}  # type: ignore[attr-defined]
    fallen = {(row.step_id, row.fell_to) for row in rows(OWNERLESS_STEPS)}  # type: ignore[attr-defined]
    assert fallen == {(OWNERLESS_TODO, OWNER_HE), (HANDOFF_OPEN, OWNER_HE)}


def test_a_lost_deal_cancels_the_handoffs_that_are_open_for_it() -> None:
    """3.3.7"""
    lost = next(fact for fact, _ in PIPELINE if isinstance(fact, OpportunityLost))
    group = Group(lost.opportunity_id, (OpenHandoff("delivery_lock", HANDOFF_2),))
    (attempt,) = react(recorded(lost)[0], group)
    assert isinstance(attempt.command, CancelHandoff)
    assert attempt.command.handoff_id == HANDOFF_2
    state = LOST_DEALS.state
    assert state is not None
    opened = [one for one in STORY if isinstance(one.fact, HandoffLedgerMoved)]
    assert [row for _, _, row in fold_all(state, opened[:1])] == [OpenHandoff("solution_confirmation", HANDOFF_1)]
    assert fold_all(state, opened[:-1]) == []
    assert [row for _, _, row in fold_all(state, opened)] == [OpenHandoff("delivery_lock", HANDOFF_OPEN)]
    assert state.keys(opened[0].fact) == [OPPORTUNITY_1]
