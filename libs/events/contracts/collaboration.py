"""Facts the collaboration service writes: handoffs between departments, to-dos, collaboration events."""

from __future__ import annotations

from typing import Any, Literal

from libs.events.contracts.common import Elapsed, Identity, Label, Note, Subject
from libs.events.facts import Fact, Instant, RuleRef, Value


class CollaborationFact(Fact, owner="collaboration"):
    """A fact of this service."""


class CollabEventRecorded(
    CollaborationFact, type="collab-event-recorded.v1", stream="collab-event-{event_id}", partners=True
):
    """Something happened that several departments must know of; `kind` e.g. campaign_online, delivery_slot_locked."""

    event_id: Identity
    kind: Label
    subject: Subject
    payload: dict[str, Any] = {}
    happened_at: Instant
    rule_refs: list[RuleRef] = []


class TodoCreated(CollaborationFact, type="todo-created.v1", stream="todo-{todo_id}"):
    """Work found its person."""

    todo_id: Identity
    role: Label
    assignee: Identity
    title: Label
    subject: Subject
    source: Label
    due_at: Instant | None = None
    created_at: Instant


class TodoCompleted(CollaborationFact, type="todo-completed.v1", stream="todo-{todo_id}"):
    """The work is done; `outcome` says what came of it."""

    todo_id: Identity
    outcome: Note
    completed_by: Identity
    completed_at: Instant


class Deliverable(Value):
    """One item of a handoff: its code in the template, and a text or a link to what is handed over."""

    code: Identity
    value: Note


class HandoffLedgerMoved(
    CollaborationFact, type="handoff-ledger-moved.v1", stream="handoffs-{scene}-{subject_type}-{subject_id}"
):
    """Which handoff of a scene is open for a subject (absent: no longer any); at most one is."""

    scene: Identity
    subject_type: Identity
    subject_id: Identity
    open_handoff: Identity | None = None


class HandoffDrafted(CollaborationFact, type="handoff-drafted.v1", stream="handoff-{handoff_id}"):
    """Somebody prepares to hand something over to another department."""

    handoff_id: Identity
    scene: Identity
    template_id: Identity
    template_version: int
    subject: Subject
    from_person: Identity
    from_department: Identity | None = None
    to_person: Identity
    to_department: Identity | None = None
    note: Note | None = None
    drafted_at: Instant


class HandoffSubmitted(CollaborationFact, type="handoff-submitted.v1", stream="handoff-{handoff_id}", partners=True):
    """All required items are there; the receiver's clock runs from `submitted_at`. The receiver is the waiting side."""

    handoff_id: Identity
    scene: Identity
    subject: Subject
    items: list[Deliverable]
    completeness: str
    from_person: Identity
    to_person: Identity
    submitted_at: Instant
    accept_by: Instant | None = None
    rule_refs: list[RuleRef] = []


class HandoffRefusedIncomplete(
    CollaborationFact, type="handoff-refused-incomplete.v1", stream="handoff-{handoff_id}", refusal="RULE_VIOLATION"
):
    """A required item was missing at the submission."""

    handoff_id: Identity
    scene: Identity
    missing: list[Identity]
    refused_at: Instant
    rule_refs: list[RuleRef] = []


class HandoffAccepted(CollaborationFact, type="handoff-accepted.v1", stream="handoff-{handoff_id}", partners=True):
    """The receiver took it on; `elapsed` since the submission."""

    handoff_id: Identity
    accepted_by: Identity
    accepted_at: Instant
    elapsed: Elapsed


class HandoffReturned(CollaborationFact, type="handoff-returned.v1", stream="handoff-{handoff_id}", partners=True):
    """The receiver sent it back; the sender's clock starts at 0, or that of the `stand_in` of a sender on leave."""

    handoff_id: Identity
    reason_code: Label
    missing: list[Identity] = []
    note: Note | None = None
    stand_in: Identity | None = None
    returned_by: Identity
    returned_at: Instant


class HandoffPaused(CollaborationFact, type="handoff-paused.v1", stream="handoff-{handoff_id}"):
    """The clock stands still, with a reason and, when a customer is waited for, evidence."""

    handoff_id: Identity
    reason_code: Label
    evidence: Note | None = None
    paused_by: Identity
    paused_at: Instant


class HandoffResumed(CollaborationFact, type="handoff-resumed.v1", stream="handoff-{handoff_id}"):
    """The clock runs again."""

    handoff_id: Identity
    resumed_by: Identity
    resumed_at: Instant


class HandoffItemDelivered(CollaborationFact, type="handoff-item-delivered.v1", stream="handoff-{handoff_id}"):
    """One piece of the work is there, before all of it is."""

    handoff_id: Identity
    item: Deliverable
    delivered_by: Identity
    delivered_at: Instant


class HandoffCommented(CollaborationFact, type="handoff-commented.v1", stream="handoff-{handoff_id}"):
    """Somebody wrote about it; only a comment with `content` counts as progress."""

    handoff_id: Identity
    text: Note
    content: bool
    commented_by: Identity
    commented_at: Instant


class HandoffDelivered(CollaborationFact, type="handoff-delivered.v1", stream="handoff-{handoff_id}", partners=True):
    """The receiver has done the work."""

    handoff_id: Identity
    deliverables: list[Deliverable] = []
    delivered_by: Identity
    delivered_at: Instant


class HandoffConfirmed(CollaborationFact, type="handoff-confirmed.v1", stream="handoff-{handoff_id}", partners=True):
    """The sender has what was needed and rates it from 1 to 5; 2 or less with a reason."""

    handoff_id: Identity
    rating: int
    reason: Note | None = None
    confirmed_by: Identity
    confirmed_at: Instant


class HandoffCancelled(CollaborationFact, type="handoff-cancelled.v1", stream="handoff-{handoff_id}", partners=True):
    """It is no longer needed."""

    handoff_id: Identity
    cause: Note
    cancelled_by: Identity
    cancelled_at: Instant


class ClarificationAsked(CollaborationFact, type="clarification-asked.v1", stream="handoff-{handoff_id}"):
    """One side asked about an item; it is the other side's turn until it answers."""

    handoff_id: Identity
    clarification_id: Identity
    side: Literal["sender", "receiver"]
    item: Identity | None = None
    question: Note
    asked_by: Identity
    asked_at: Instant


class ClarificationAnswered(CollaborationFact, type="clarification-answered.v1", stream="handoff-{handoff_id}"):
    """The other side answered; `elapsed` since it was asked."""

    handoff_id: Identity
    clarification_id: Identity
    answer: Note
    answered_by: Identity
    answered_at: Instant
    elapsed: Elapsed


class HandoffStalled(CollaborationFact, type="handoff-stalled.v1", stream="handoff-{handoff_id}", partners=True):
    """No progress for more than the limit of the waiting side's clock; both superiors get the brief (S-43)."""

    handoff_id: Identity
    scene: Identity
    subject: Subject
    episode: int
    level: int = 1
    since: Instant
    clock: Literal["wall", "workday", "business"]
    silent_for: int
    waiting_person: Identity
    other_person: Identity
    waiting_superior: Identity | None = None
    other_superior: Identity | None = None
    brief: dict[str, Any]
    due_at: Instant
    fired_at: Instant
    late_by: int = 0
    rule_refs: list[RuleRef] = []
    calendar_version: Label | None = None


class OwnerlessStepDetected(
    CollaborationFact, type="ownerless-step-detected.v1", stream="ownerless-{step_id}", refusal="CONFLICT_STATE"
):
    """A step's role resolved to nobody; it fell to `fell_to`. `step_id` is that of the handoff or of the to-do."""

    step_id: Identity
    handoff_id: Identity | None = None
    subject: Subject
    step: Label
    role: Label
    fell_to: Identity | None = None
    detected_at: Instant
    rule_refs: list[RuleRef] = []
