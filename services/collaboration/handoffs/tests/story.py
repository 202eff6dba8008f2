"""Facts of one marketing handoff from Li in sales to Qian in delivery, for the tests."""

from __future__ import annotations

from datetime import datetime

from libs.events.contracts.collaboration import (
    Deliverable,
    HandoffAccepted,
    HandoffDelivered,
    HandoffDrafted,
    HandoffLedgerMoved,
    HandoffReturned,
    HandoffSubmitted,
)
from libs.events.contracts.common import Elapsed, Subject
from libs.events.contracts.examples.ids import DELIVERY_QIAN, HANDOFF_1, LEAD_1, REP_LI
from libs.events.facts import RuleRef

SCENE = "marketing_lead_handoff"
SUBJECT = Subject(type="lead", id=LEAD_1)
CODES = ("customer_profile", "touch_records", "initial_intent_grade")
TEMPLATE = RuleRef(rule_id=f"deliverables-{SCENE}", version=0)


def drafted(at: datetime) -> tuple[HandoffDrafted, HandoffLedgerMoved]:
    """The draft and what it does to the ledger."""
    draft = HandoffDrafted(
        handoff_id=HANDOFF_1,
        scene=SCENE,
        template_id=TEMPLATE.rule_id,
        template_version=TEMPLATE.version,
        subject=SUBJECT,
        from_person=REP_LI,
        from_department="sales",
        to_person=DELIVERY_QIAN,
        to_department="delivery",
        drafted_at=at,
    )
    moved = HandoffLedgerMoved(scene=SCENE, subject_type=SUBJECT.type, subject_id=SUBJECT.id, open_handoff=HANDOFF_1)
    return draft, moved


def submitted(at: datetime) -> HandoffSubmitted:
    """With all three items."""
    return HandoffSubmitted(
        handoff_id=HANDOFF_1,
        scene=SCENE,
        subject=SUBJECT,
        items=[Deliverable(code=code, value="there") for code in CODES],
        completeness="3/3",
        from_person=REP_LI,
        to_person=DELIVERY_QIAN,
        submitted_at=at,
        rule_refs=[TEMPLATE],
    )


def accepted(at: datetime) -> HandoffAccepted:
    """By Qian."""
    nothing = Elapsed(wall=0, workday=0, business=0)
    return HandoffAccepted(handoff_id=HANDOFF_1, accepted_by=DELIVERY_QIAN, accepted_at=at, elapsed=nothing)


def returned(at: datetime) -> HandoffReturned:
    """By Qian, to Li."""
    return HandoffReturned(
        handoff_id=HANDOFF_1,
        reason_code="incomplete",
        missing=["touch_records"],
        returned_by=DELIVERY_QIAN,
        returned_at=at,
    )


def delivered(at: datetime) -> HandoffDelivered:
    """By Qian."""
    return HandoffDelivered(handoff_id=HANDOFF_1, delivered_by=DELIVERY_QIAN, delivered_at=at)
