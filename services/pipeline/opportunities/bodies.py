"""Bodies of requests about deals."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from libs.events.contracts.common import Tier
from libs.events.deciding import Day, Id, Line, Text
from libs.events.facts import Money
from libs.service.http import Body
from services.pipeline.opportunities.closing import Reason
from services.pipeline.opportunities.opening import Tags


class OpeningBody(
    Body,
    json_schema_extra={
        "examples": [
            {"name": "精工二期产线", "amount": {"amount": "300000", "currency": "CNY"}, "expected_close": "2026-04-30"}
        ]
    },
):
    """A new deal; without `owner_id` it belongs to who asks, without `definition_id` the last published one holds."""

    name: Line
    owner_id: Id | None = None
    account_id: Id | None = None
    product_id: Id | None = None
    definition_id: Id | None = None
    amount: Money | None = None
    expected_close: Day | None = None
    tier: Tier | None = None
    tags: Tags = Field(default_factory=dict)


class AdvanceBody(Body, json_schema_extra={"examples": [{"from": "first_contact", "to": "demand_diagnosis"}]}):
    """From which stage to which; `from` is the stage that was seen, so that two people do not advance twice."""

    from_stage: Annotated[Id, Field(alias="from")]
    to_stage: Annotated[Id, Field(alias="to")]


class RegressBody(
    Body, json_schema_extra={"examples": [{"to": "demand_diagnosis", "reason_code": "customer_changed_need"}]}
):
    """Back to which stage, and for which of the definition's regress reasons."""

    to_stage: Annotated[Id, Field(alias="to")]
    reason_code: Id


class WinBody(
    Body,
    json_schema_extra={
        "examples": [{"amount": {"amount": "300000", "currency": "CNY"}, "contract_id": "HT-2026-0007"}]
    },
):
    """For how much, if not for the deal's own amount."""

    amount: Money | None = None
    contract_id: Line | None = None


class LossBody(Body, json_schema_extra={"examples": [{"reason_code": "price", "competitor": "老对手"}]}):
    """For which of the definition's loss reasons, and to whom."""

    reason_code: Id
    competitor: Line | None = None


class ReopeningBody(Body, json_schema_extra={"examples": [{"reason": "客户重新立项", "approver": "director-sun"}]}):
    """Why, and which other manager has approved it."""

    reason: Reason
    approver: Id


class TransferBody(Body, json_schema_extra={"examples": [{"to_owner": "rep-wang", "handover": "客户偏好线下拜访"}]}):
    """To whom, and what they should know."""

    to_owner: Id
    handover: Text | None = None
