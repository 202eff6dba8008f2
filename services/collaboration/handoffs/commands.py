"""What people want of a handoff."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import Field

from libs.events.contracts.common import Role
from libs.events.deciding import Command, Id, Text
from services.collaboration.deliverables.domain import Code

Words = Annotated[Text, Field(min_length=1)]
"""Text that is not empty."""


class Handed(Command):
    """One item: its code in the template, and a text or a link to what is handed over."""

    code: Code
    value: Words


Items = Annotated[tuple[Handed, ...], Field(max_length=50)]


class OnHandoff(Command):
    """Names the handoff."""

    handoff_id: Id


H = TypeVar("H", bound=OnHandoff)


class DraftHandoff(OnHandoff):
    """Prepare to hand something over to a person, or to whoever has a role in a department."""

    scene: Code
    subject_type: Code
    subject_id: Id
    from_person: Id
    to_person: Id | None = None
    to_role: Role | None = None
    to_department: Id | None = None
    note: Text | None = None


class SubmitHandoff(OnHandoff):
    """Hand it over; items that were handed over before need not be sent again."""

    items: Items


class AcceptHandoff(OnHandoff):
    """Take it on."""


class ReturnHandoff(OnHandoff):
    """Send it back, with a reason of the template."""

    reason_code: Code
    missing: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    note: Text | None = None


class PauseHandoff(OnHandoff):
    """Let the clock stand still, with a reason of the template."""

    reason_code: Code
    evidence: Words | None = None


class ResumeHandoff(OnHandoff):
    """Let the clock run again."""


class DeliverItem(OnHandoff):
    """Give one piece of the work."""

    item: Handed


class DeliverHandoff(OnHandoff):
    """Say that the work is done; `items` are what is delivered."""

    items: Items = ()


class ConfirmHandoff(OnHandoff):
    """Say that it is what was needed, with a rating from 1 to 5; 2 or less needs a reason."""

    rating: Annotated[int, Field(ge=1, le=5)]
    reason: Words | None = None


class CancelHandoff(OnHandoff):
    """Say that it is no longer needed."""

    cause: Words


class CommentHandoff(OnHandoff):
    """Write about it."""

    text: Words


class AskClarification(OnHandoff):
    """Ask the other side, about an item or in general."""

    clarification_id: Id
    item: Code | None = None
    question: Words


class AnswerClarification(OnHandoff):
    """Answer what the other side asked."""

    clarification_id: Id
    answer: Words


class RecordStall(OnHandoff):
    """The silence of an episode has reached the limit of a level."""

    episode: int
    level: int
    due_at: datetime
