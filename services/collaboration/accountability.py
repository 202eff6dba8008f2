"""Who is accountable for a step: exactly one active person, a stand-in, or the process owner (domain.md 3.3.3-2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.events.contracts.collaboration import OwnerlessStepDetected
from libs.events.contracts.common import Subject
from libs.events.deciding import Given
from libs.events.errors import Rejected
from libs.events.facts import RuleRef
from libs.service.organisation import Reach


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom a step asks for: a person, else somebody with one of `roles` (in that order) in a department, else its head.

    `role` is what the step calls them.
    """

    role: str
    person_id: str | None = None
    roles: Sequence[str] = ()
    department_id: str | None = None


@dataclass(frozen=True, slots=True)
class Accountable:
    """Who has the step; `ownerless` if the process owner has it only because nobody else does."""

    person_id: str
    ownerless: bool


def present(reach: Reach, person_id: str, at: datetime) -> str | None:
    """The person, or the delegate of one on leave; None if neither is active."""
    delegate = reach.delegate_of(person_id, at)
    if delegate is not None and reach.active(delegate):
        return delegate
    return person_id if reach.active(person_id) else None


def resolve(reach: Reach, wanted: Wanted, at: datetime) -> Accountable | None:
    """Who is accountable; None if there is not even a process owner."""
    found = present(reach, wanted.person_id, at) if wanted.person_id else None
    found = found or _by_role(reach, wanted, at)
    if found is not None:
        return Accountable(found, ownerless=False)
    owner = reach.process_owner()
    return None if owner is None else Accountable(owner, ownerless=True)


def detected(
    given: Given,
    step_id: str,
    subject: Subject,
    step: str,
    role: str,
    fell_to: str | None,
    *refs: RuleRef,
    handoff_id: str | None = None,
) -> OwnerlessStepDetected:
    """The fact that a step's role resolved to nobody; goes to a stream of its own."""
    return OwnerlessStepDetected(
        step_id=step_id,
        handoff_id=handoff_id,
        subject=subject,
        step=step,
        role=role,
        fell_to=fell_to,
        detected_at=given.now,
        rule_refs=list(refs),
    )


def nobody(detection: OwnerlessStepDetected) -> Rejected:
    """The refusal when there is not even a process owner; the detection is recorded."""
    return Rejected(
        "CONFLICT_STATE",
        f"nobody can be accountable for the role {detection.role}, and there is no process owner",
        record=[detection],
        role=detection.role,
    )


def _by_role(reach: Reach, wanted: Wanted, at: datetime) -> str | None:
    """The first in order of ids, so that the same organisation gives the same person."""
    people = sorted(reach.people().items())
    for role in wanted.roles:
        for person_id, person in people:
            if role not in person.roles or not reach.active(person_id):
                continue
            if wanted.department_id not in {None, reach.department_of(person_id)}:
                continue
            if (found := present(reach, person_id, at)) is not None:
                return found
    department = reach.organisation.departments.get(wanted.department_id or "")
    return present(reach, department.head_id, at) if department and department.head_id else None
