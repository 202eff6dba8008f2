"""Bodies of requests about handoffs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from libs.events.contracts.common import Role
from libs.events.deciding import Id, Text
from libs.service.http import Body
from services.collaboration.deliverables.domain import Code
from services.collaboration.handoffs.commands import Handed, Items, Words


class DraftBody(
    Body,
    json_schema_extra={
        "examples": [
            {"scene": "marketing_lead_handoff", "subject_type": "lead", "subject_id": "0190f3c2", "to_role": "manager"}
        ]
    },
):
    """What is handed over to whom: a person, somebody with a role, or the head of a department."""

    scene: Code
    subject_type: Code
    subject_id: Id
    from_person: Annotated[Id | None, Field(description="The sender; without it whoever asks")] = None
    to_person: Id | None = None
    to_role: Role | None = None
    to_department: Id | None = None
    note: Text | None = None


class SubmissionBody(
    Body, json_schema_extra={"examples": [{"items": [{"code": "customer_profile", "value": "年产三万台，两条产线"}]}]}
):
    """The items; those handed over before need not be sent again."""

    items: Items = ()


class ReturnBody(
    Body,
    json_schema_extra={
        "examples": [{"reason_code": "incomplete", "missing": ["touch_records"], "note": "缺少三月的通话记录"}]
    },
):
    """Why it goes back; the template says which reasons there are."""

    reason_code: Code
    missing: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    note: Text | None = None


class PauseBody(
    Body, json_schema_extra={"examples": [{"reason_code": "waiting_for_customer", "evidence": "客户邮件：下周一回复"}]}
):
    """Why the clock stands still; waiting for a customer needs evidence."""

    reason_code: Code
    evidence: Words | None = None


class ItemBody(
    Body, json_schema_extra={"examples": [{"item": {"code": "first_call", "value": "已完成，客户约周四上门"}}]}
):
    """One piece of the work."""

    item: Handed


class DeliveryBody(Body, json_schema_extra={"examples": [{"items": [{"code": "quotation", "value": "报价单第二版"}]}]}):
    """What is delivered."""

    items: Items = ()


class ConfirmationBody(Body, json_schema_extra={"examples": [{"rating": 4}]}):
    """How good it was; 2 or less needs a reason."""

    rating: Annotated[int, Field(ge=1, le=5)]
    reason: Words | None = None


class CancellationBody(Body, json_schema_extra={"examples": [{"cause": "客户取消了项目"}]}):
    """Why it is no longer needed."""

    cause: Words


class CommentBody(Body, json_schema_extra={"examples": [{"text": "客户更希望线下沟通，请提前一天约时间"}]}):
    """What there is to say; ten characters or more count as progress."""

    text: Words


class QuestionBody(
    Body, json_schema_extra={"examples": [{"question": "客户的预算是多少？", "item": "customer_profile"}]}
):
    """What the other side shall explain."""

    item: Code | None = None
    question: Words


class AnswerBody(Body, json_schema_extra={"examples": [{"answer": "三十万左右，含安装"}]}):
    """The answer."""

    answer: Words
