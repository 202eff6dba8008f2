"""What the two sides say to each other."""

import pytest

from libs.events.contracts.collaboration import (
    ClarificationAnswered,
    ClarificationAsked,
    HandoffCommented,
    HandoffItemDelivered,
)
from libs.events.contracts.common import Elapsed
from libs.events.contracts.examples.ids import DELIVERY_QIAN, HANDOFF_1, REP_LI
from libs.events.errors import NotFound
from libs.events.testing.decisions import given
from libs.events.testing.instants import shanghai
from services.collaboration.handoffs.commands import (
    AnswerClarification,
    AskClarification,
    CommentHandoff,
    DeliverItem,
    Handed,
)
from services.collaboration.handoffs.exchange import ANSWER, ASK, COMMENT, DELIVER_ITEM
from services.collaboration.handoffs.tests.story import accepted, drafted, submitted
from services.collaboration.tests.people import asks

MORNING = shanghai("2026-03-02 09:00")
RUNNING = (*drafted(MORNING), submitted(MORNING))
QUESTION = AskClarification(handoff_id=HANDOFF_1, clarification_id="c1", question="Which budget?")
ANSWERED = AnswerClarification(handoff_id=HANDOFF_1, clarification_id="c1", answer="80,000")


def test_a_comment_has_content_from_ten_characters_on() -> None:
    """3.3.3-3"""
    for text, content in (("ok      thx", False), ("We look at it now", True)):
        comment = CommentHandoff(handoff_id=HANDOFF_1, text=text)
        assert asks(given(COMMENT, *RUNNING), REP_LI, comment).fact(HandoffCommented).content is content


def test_a_question_is_answered_by_the_other_side_and_the_wait_is_measured() -> None:
    """3.3.2, S-45"""
    asked = asks(given(ASK, *RUNNING), DELIVERY_QIAN, QUESTION, MORNING).fact(ClarificationAsked)
    assert asked.side == "receiver"
    scene = given(ANSWER, *RUNNING, asked)
    asks(scene, DELIVERY_QIAN, ANSWERED).then_rejected("NOT_PERMITTED")
    answered = asks(scene, REP_LI, ANSWERED, shanghai("2026-03-02 13:30")).fact(ClarificationAnswered)
    assert answered.elapsed == Elapsed(wall=16_200, workday=16_200, business=10_800)
    with pytest.raises(NotFound):
        asks(given(ANSWER, *RUNNING, asked, answered), REP_LI, ANSWERED)


def test_questions_belong_between_submission_and_confirmation() -> None:
    asks(given(ASK, *drafted(MORNING)), DELIVERY_QIAN, QUESTION).then_rejected("CONFLICT_STATE")


def test_the_same_piece_of_work_counts_once() -> None:
    piece = DeliverItem(handoff_id=HANDOFF_1, item=Handed(code="plan", value="https://example.com/plan"))
    facts = (*RUNNING, accepted(MORNING))
    given_once = asks(given(DELIVER_ITEM, *facts), DELIVERY_QIAN, piece).fact(HandoffItemDelivered)
    asks(given(DELIVER_ITEM, *facts, given_once), DELIVERY_QIAN, piece).then()
