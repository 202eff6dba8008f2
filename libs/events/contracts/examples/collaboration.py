"""Handoffs from sales to delivery: one is asked about, paused and delivered, one stalls, one is being written."""

from __future__ import annotations

from datetime import datetime

from libs.events.contracts.collaboration import (
    ClarificationAnswered,
    ClarificationAsked,
    CollabEventRecorded,
    Deliverable,
    HandoffAccepted,
    HandoffCancelled,
    HandoffCommented,
    HandoffConfirmed,
    HandoffDelivered,
    HandoffDrafted,
    HandoffItemDelivered,
    HandoffLedgerMoved,
    HandoffPaused,
    HandoffRefusedIncomplete,
    HandoffResumed,
    HandoffReturned,
    HandoffStalled,
    HandoffSubmitted,
    OwnerlessStepDetected,
    TodoCompleted,
    TodoCreated,
)
from libs.events.contracts.common import Elapsed, Subject
from libs.events.contracts.examples.ids import (
    DELIVERY_HEAD_WU,
    DELIVERY_QIAN,
    DEPARTMENT_DELIVERY,
    DEPARTMENT_SALES,
    HANDOFF_1,
    HANDOFF_2,
    MANAGER_ZHOU,
    OPPORTUNITY_1,
    OWNER_HE,
    REP_LI,
    TODO_1,
    at,
)
from libs.events.facts import Fact, RuleRef

COLLAB_EVENT_1, COLLAB_EVENT_2 = "01906a00-0000-7000-8000-000000000701", "01906a00-0000-7000-8000-000000000703"
CLARIFICATION_1 = "01906a00-0000-7000-8000-000000000702"
OWNERLESS_TODO = "01906a00-0000-7000-8000-000000000502"
DEAL = Subject(type="opportunity", id=OPPORTUNITY_1)
SOLUTION, LOCK = "solution_confirmation", "delivery_lock"
SOLUTION_RULE = RuleRef(rule_id=f"deliverables-{SOLUTION}", version=0)
LOCK_RULE = RuleRef(rule_id=f"deliverables-{LOCK}", version=0)
FLOW_RULE = RuleRef(rule_id="collab-flow", version=0)


def span(seconds: int) -> Elapsed:
    """A duration within working time: all clocks agree."""
    return Elapsed(wall=seconds, workday=seconds, business=seconds)


def handed(*codes: str) -> list[Deliverable]:
    """Items with links."""
    return [Deliverable(code=code, value=f"https://files.example.com/{code}") for code in codes]


def drafted(handoff_id: str, scene: str, subject: Subject, rule: RuleRef, instant: datetime) -> HandoffDrafted:
    """From Li in sales to Qian in delivery."""
    return HandoffDrafted(
        handoff_id=handoff_id,
        scene=scene,
        template_id=rule.rule_id,
        template_version=rule.version,
        subject=subject,
        from_person=REP_LI,
        from_department=DEPARTMENT_SALES,
        to_person=DELIVERY_QIAN,
        to_department=DEPARTMENT_DELIVERY,
        note="Customer wants to start in April",
        drafted_at=instant,
    )


def submitted(
    handoff_id: str, scene: str, subject: Subject, rule: RuleRef, instant: datetime, *codes: str
) -> HandoffSubmitted:
    """Everything is there."""
    return HandoffSubmitted(
        handoff_id=handoff_id,
        scene=scene,
        subject=subject,
        items=handed(*codes),
        completeness=f"{len(codes)}/{len(codes)}",
        from_person=REP_LI,
        to_person=DELIVERY_QIAN,
        submitted_at=instant,
        rule_refs=[rule],
    )


def ledger(scene: str, subject: Subject, handoff_id: str | None) -> HandoffLedgerMoved:
    """Which handoff is open."""
    return HandoffLedgerMoved(scene=scene, subject_type=subject.type, subject_id=subject.id, open_handoff=handoff_id)


SOLUTION_HANDOFF: list[tuple[Fact, datetime]] = [
    (drafted(HANDOFF_1, SOLUTION, DEAL, SOLUTION_RULE, at(25)), at(25)),
    (ledger(SOLUTION, DEAL, HANDOFF_1), at(25)),
    (
        HandoffRefusedIncomplete(
            handoff_id=HANDOFF_1,
            scene=SOLUTION,
            missing=["risk_list"],
            refused_at=at(25.1),
            rule_refs=[SOLUTION_RULE],
        ),
        at(25.1),
    ),
    (
        submitted(
            HANDOFF_1,
            SOLUTION,
            DEAL,
            SOLUTION_RULE,
            at(25.25),
            "requirement_list",
            "solution_document",
            "risk_list",
            "acceptance_criteria",
        ),
        at(25.25),
    ),
    (
        TodoCreated(
            todo_id=TODO_1,
            role="receiver",
            assignee=DELIVERY_QIAN,
            title="Accept or return the handoff: solution confirmation",
            subject=DEAL,
            source=f"handoff-{HANDOFF_1}",
            due_at=at(30.75),
            created_at=at(25.25),
        ),
        at(25.25),
    ),
    (
        ClarificationAsked(
            handoff_id=HANDOFF_1,
            clarification_id=CLARIFICATION_1,
            side="receiver",
            item="risk_list",
            question="Which of the risks has the customer seen?",
            asked_by=DELIVERY_QIAN,
            asked_at=at(25.5),
        ),
        at(25.5),
    ),
    (
        ClarificationAnswered(
            handoff_id=HANDOFF_1,
            clarification_id=CLARIFICATION_1,
            answer="The first three; the fourth is internal.",
            answered_by=REP_LI,
            answered_at=at(26),
            elapsed=span(1800),
        ),
        at(26),
    ),
    (
        HandoffAccepted(handoff_id=HANDOFF_1, accepted_by=DELIVERY_QIAN, accepted_at=at(26.25), elapsed=span(3600)),
        at(26.25),
    ),
    (
        TodoCompleted(todo_id=TODO_1, outcome="handoff-accepted", completed_by=DELIVERY_QIAN, completed_at=at(26.25)),
        at(26.25),
    ),
    (
        HandoffItemDelivered(
            handoff_id=HANDOFF_1,
            item=handed("interface_plan")[0],
            delivered_by=DELIVERY_QIAN,
            delivered_at=at(26.75),
        ),
        at(26.75),
    ),
    (
        HandoffPaused(
            handoff_id=HANDOFF_1,
            reason_code="waiting_for_customer",
            evidence="Mail of the customer of 3 March: access to the test system on Wednesday",
            paused_by=DELIVERY_QIAN,
            paused_at=at(27),
        ),
        at(27),
    ),
    (HandoffResumed(handoff_id=HANDOFF_1, resumed_by=DELIVERY_QIAN, resumed_at=at(48)), at(48)),
    (
        HandoffDelivered(
            handoff_id=HANDOFF_1,
            deliverables=handed("confirmed_solution"),
            delivered_by=DELIVERY_QIAN,
            delivered_at=at(49),
        ),
        at(49),
    ),
    (
        HandoffConfirmed(
            handoff_id=HANDOFF_1, rating=5, reason="Quick and complete", confirmed_by=REP_LI, confirmed_at=at(50)
        ),
        at(50),
    ),
    (ledger(SOLUTION, DEAL, None), at(50)),
]

STALLED_HANDOFF: list[tuple[Fact, datetime]] = [
    (drafted(HANDOFF_2, LOCK, DEAL, LOCK_RULE, at(51)), at(51)),
    (ledger(LOCK, DEAL, HANDOFF_2), at(51)),
    (
        submitted(
            HANDOFF_2,
            LOCK,
            DEAL,
            LOCK_RULE,
            at(53),
            "contract_number",
            "scope",
            "dates",
            "site_readiness",
            "customer_contact",
        ),
        at(53),
    ),
    (
        HandoffStalled(
            handoff_id=HANDOFF_2,
            scene=LOCK,
            subject=DEAL,
            episode=1,
            level=1,
            since=at(53),
            clock="business",
            silent_for=7201,
            waiting_person=DELIVERY_QIAN,
            other_person=REP_LI,
            waiting_superior=DELIVERY_HEAD_WU,
            other_superior=MANAGER_ZHOU,
            brief={
                "what": {"scene": LOCK, "subject": {"type": "opportunity", "id": OPPORTUNITY_1}},
                "state": "awaiting_acceptance",
                "since": at(53).isoformat(),
                "waiting": {"side": "receiver", "person": DELIVERY_QIAN},
                "other": {"side": "sender", "person": REP_LI},
                "missing": ["acceptance"],
                "notified": [DELIVERY_HEAD_WU, MANAGER_ZHOU],
                "both_sides": False,
                "links": {"handoff": f"/v1/handoffs/{HANDOFF_2}"},
            },
            due_at=at(55 + 1 / 3600),
            fired_at=at(55 + 1 / 3600),
            rule_refs=[LOCK_RULE],
        ),
        at(55 + 1 / 3600),
    ),
    (
        HandoffCommented(
            handoff_id=HANDOFF_2,
            text="We are checking whether the site is ready.",
            content=True,
            commented_by=DELIVERY_QIAN,
            commented_at=at(55.25),
        ),
        at(55.25),
    ),
    (
        HandoffReturned(
            handoff_id=HANDOFF_2,
            reason_code="not_ready",
            missing=["site_readiness"],
            note="The hall has no power yet",
            returned_by=DELIVERY_QIAN,
            returned_at=at(55.5),
        ),
        at(55.5),
    ),
    (
        HandoffCancelled(
            handoff_id=HANDOFF_2,
            cause="The customer has moved the start to summer",
            cancelled_by=REP_LI,
            cancelled_at=at(56),
        ),
        at(56),
    ),
    (ledger(LOCK, DEAL, None), at(56)),
]

LEGAL_REVIEW: list[tuple[Fact, datetime]] = [
    (
        CollabEventRecorded(
            event_id=COLLAB_EVENT_1,
            kind="legal_review_done",
            subject=DEAL,
            payload={"contract": "HT-2026-0031", "special_terms": False},
            happened_at=at(57),
            rule_refs=[FLOW_RULE],
        ),
        at(57),
    ),
    (
        TodoCreated(
            todo_id=OWNERLESS_TODO,
            role="delivery_manager",
            assignee=OWNER_HE,
            title="Start implementation preparation",
            subject=DEAL,
            source=f"collab-event-{COLLAB_EVENT_1}",
            due_at=at(80),
            created_at=at(57),
        ),
        at(57),
    ),
    (
        OwnerlessStepDetected(
            step_id=OWNERLESS_TODO,
            subject=DEAL,
            step="Start implementation preparation",
            role="delivery_manager",
            fell_to=OWNER_HE,
            detected_at=at(57),
            rule_refs=[FLOW_RULE],
        ),
        at(57),
    ),
]

HANDOFF_OPEN = "01906a00-0000-7000-8000-000000000403"
AFTER_SIGNING: list[tuple[Fact, datetime]] = [
    (drafted(HANDOFF_OPEN, LOCK, DEAL, LOCK_RULE, at(104)), at(104)),
    (ledger(LOCK, DEAL, HANDOFF_OPEN), at(104)),
    (
        OwnerlessStepDetected(
            step_id=HANDOFF_OPEN,
            handoff_id=HANDOFF_OPEN,
            subject=DEAL,
            step="Accept or return the handoff: delivery lock",
            role="receiver",
            fell_to=OWNER_HE,
            detected_at=at(104),
            rule_refs=[LOCK_RULE],
        ),
        at(104),
    ),
    (
        CollabEventRecorded(
            event_id=COLLAB_EVENT_2,
            kind="legal_review_done",
            subject=DEAL,
            payload={"contract": "HT-2026-0032", "special_terms": True},
            happened_at=at(104.5),
            rule_refs=[FLOW_RULE],
        ),
        at(104.5),
    ),
]

EXAMPLES: list[tuple[Fact, datetime]] = [*SOLUTION_HANDOFF, *STALLED_HANDOFF, *LEGAL_REVIEW, *AFTER_SIGNING]
