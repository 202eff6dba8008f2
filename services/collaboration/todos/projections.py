"""The work list (work finds people), and the steps that fell to the process owner because nobody else had them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.collaboration import OwnerlessStepDetected, TodoCompleted, TodoCreated
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class TodoRow:
    """A to-do; `source` is the stream it came from, without its owner."""

    todo_id: str
    role: str
    assignee: str
    title: str
    subject_type: str
    subject_id: str
    source: str
    created_at: datetime
    due_at: datetime | None
    state: str = "open"
    outcome: str | None = None
    completed_by: str | None = None
    completed_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class OwnerlessRow:
    """A step whose role resolved to nobody, and to whom it fell."""

    step_id: str
    handoff_id: str | None
    subject_type: str
    subject_id: str
    step: str
    role: str
    fell_to: str | None
    detected_at: datetime


def todo_keys(fact: TodoCreated | TodoCompleted) -> list[str]:
    """Each to-do is a key of its own, all its facts are of one stream."""
    return [fact.todo_id]


def fold_todo(group: Group, recorded: Recorded[Any]) -> Sequence[TodoRow]:
    """The to-do after one more of its facts."""
    match recorded.fact:
        case TodoCreated() as fact:
            return [
                TodoRow(
                    todo_id=fact.todo_id,
                    role=fact.role,
                    assignee=fact.assignee,
                    title=fact.title,
                    subject_type=fact.subject.type,
                    subject_id=fact.subject.id,
                    source=fact.source,
                    created_at=fact.created_at,
                    due_at=fact.due_at,
                    version=recorded.version,
                )
            ]
        case TodoCompleted() as fact:
            return [
                replace(
                    row,
                    state="done",
                    outcome=fact.outcome,
                    completed_by=fact.completed_by,
                    completed_at=fact.completed_at,
                    version=recorded.version,
                )
                for row in group.all(TodoRow)
            ]
        case _:
            return group.all(TodoRow)


def ownerless_keys(fact: OwnerlessStepDetected) -> list[str]:
    """Each step is a key of its own."""
    return [fact.step_id]


def fold_ownerless(group: Group, recorded: Recorded[OwnerlessStepDetected]) -> Sequence[OwnerlessRow]:
    """The last detection of a step."""
    fact = recorded.fact
    return [
        OwnerlessRow(
            step_id=fact.step_id,
            handoff_id=fact.handoff_id,
            subject_type=fact.subject.type,
            subject_id=fact.subject.id,
            step=fact.step,
            role=fact.role,
            fell_to=fact.fell_to,
            detected_at=fact.detected_at,
        )
    ]


TODOS = Projection(
    name="todos",
    version=1,
    reads=(TodoCreated, TodoCompleted),
    tables=(Table("todos", TodoRow, indexes=(("assignee", "state"), ("todo_id",))),),
    keys=todo_keys,
    fold=fold_todo,
)
OWNERLESS_STEPS = Projection(
    name="ownerless-steps",
    version=1,
    reads=(OwnerlessStepDetected,),
    tables=(Table("ownerless_steps", OwnerlessRow, indexes=(("detected_at", "step_id"),)),),
    keys=ownerless_keys,
    fold=fold_ownerless,
)
