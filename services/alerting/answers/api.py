"""Answering an alert over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from libs.events.deciding import Moment, Text
from libs.service.callers import Worker
from libs.service.http import Accepted, Body, Run, problems
from services.alerting.answers.domain import (
    ACKNOWLEDGE,
    GIVE_FEEDBACK,
    RESOLVE,
    AcknowledgeAlert,
    GiveFeedback,
    ResolveAlert,
    Sentence,
    Verdict,
)
from services.alerting.paths import AlertPath

router = APIRouter(tags=["alerts"])


class AcknowledgeBody(
    Body, json_schema_extra={"examples": [{"until": "2026-03-04T18:00:00+08:00", "next_action": "明天上午上门拜访"}]}
):
    """What will be done next, and until when the alert may stay silent: at most three workdays."""

    until: Moment
    next_action: Sentence


class ResolveBody(Body, json_schema_extra={"examples": [{"cause": "已电话联系，客户周五回复"}]}):
    """How the alert was dealt with."""

    cause: Sentence


class FeedbackBody(Body, json_schema_extra={"examples": [{"verdict": "useful", "comment": "提醒得很及时"}]}):
    """Whether the alert was of use."""

    verdict: Verdict
    comment: Annotated[Text, Field(max_length=2_000)] = ""


@router.post(
    "/alerts/{alert_id}/ack",
    operation_id="acknowledgeAlert",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def acknowledge(alert_id: AlertPath, who: Worker, run: Run, body: AcknowledgeBody) -> Response:
    """Take care of an alert. When the time passes and nothing was done, it fires again one level higher."""
    return await run(ACKNOWLEDGE, AcknowledgeAlert(alert_id=alert_id, until=body.until, next_action=body.next_action))


@router.post(
    "/alerts/{alert_id}/resolve",
    operation_id="resolveAlert",
    response_model=Accepted,
    responses=problems(403, 404, 412, 422),
)
async def resolve(alert_id: AlertPath, who: Worker, run: Run, body: ResolveBody) -> Response:
    """Say that an alert is dealt with. The next violation opens a new one."""
    return await run(RESOLVE, ResolveAlert(alert_id=alert_id, cause=body.cause))


@router.post(
    "/alerts/{alert_id}/feedback",
    operation_id="giveFeedbackOnAlert",
    response_model=Accepted,
    responses=problems(403, 404, 412, 422),
)
async def give_feedback(alert_id: AlertPath, who: Worker, run: Run, body: FeedbackBody) -> Response:
    """Say whether an alert was of use; the last word of each person counts."""
    return await run(GIVE_FEEDBACK, GiveFeedback(alert_id=alert_id, verdict=body.verdict, comment=body.comment))
