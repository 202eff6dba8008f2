"""Bodies of requests about handoffs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from libs.events.contracts.common import Role
from libs.events.deciding import Id, Text
from libs.service.http import Body
from services.collaboration.deliverables.domain import Code
from services.collaboration.handoffs.commands import Handed, Items, Words


class DraftBody(Body):
    """What is handed over to whom: a person, somebody with a role, or the head of a department."""

    scene: Code
    subject_type: Code
    subject_id: Id
    from_person: Annotated[Id | None, Field(description="The sender; without it whoever asks")] = None
    to_person: Id | None = None
    to_role: Role | None = None
    to_department: Id | None = None
    note: Text | None = None


class SubmissionBody(Body):
    """The items; those handed over before need not be sent again."""

    items: Items = ()


class ReturnBody(Body):
    """Why it goes back; the template says which reasons there are."""

    reason_code: Code
    missing: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    note: Text | None = None


class PauseBody(Body):
    """Why the clock stands still; waiting for a customer needs evidence."""

    reason_code: Code
    evidence: Words | None = None


class ItemBody(Body):
    """One piece of the work."""

    item: Handed


class DeliveryBody(Body):
    """What is delivered."""

    items: Items = ()


class ConfirmationBody(Body):
    """How good it was; 2 or less needs a reason."""

    rating: Annotated[int, Field(ge=1, le=5)]
    reason: Words | None = None


class CancellationBody(Body):
    """Why it is no longer needed."""

    cause: Words


class CommentBody(Body):
    """What there is to say; ten characters or more count as progress."""

    text: Words


class QuestionBody(Body):
    """What the other side shall explain."""

    item: Code | None = None
    question: Words


class AnswerBody(Body):
    """The answer."""

    answer: Words
