"""Registering and removing webhooks over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from libs.events.deciding import Id
from libs.service.asking import is_dry_run
from libs.service.callers import Keeper
from libs.service.http import Accepted, Body, Page, PageQuery, Read, Run, View, problems
from libs.service.sealing import vault_of
from services.alerting.paths import WebhookPath
from services.alerting.webhooks.domain import (
    MOST_RECIPIENTS,
    REGISTER,
    REMOVE,
    Address,
    RegisterWebhook,
    RemoveWebhook,
    secret_of,
)
from services.alerting.webhooks.projections import WEBHOOKS

router = APIRouter(tags=["webhooks"])


class WebhookBody(
    Body, json_schema_extra={"examples": [{"url": "https://hooks.example.com/salesloom", "recipients": ["rep-li"]}]}
):
    """Where to send, and whose notifications (nobody named: everybody's)."""

    url: Address
    recipients: Annotated[tuple[Id, ...], Field(max_length=MOST_RECIPIENTS)] = ()


class RegisteredWebhook(Accepted):
    """What became of it, with the secret that messages are signed with (Standard Webhooks). It is not shown again."""

    secret: str


class WebhookView(View):
    """A webhook, without its secret."""

    webhook_id: str
    version: int
    url: str
    recipients: list[str]
    registered_by: str
    registered_at: datetime


@router.post(
    "/webhooks",
    operation_id="registerWebhook",
    status_code=201,
    response_model=RegisteredWebhook,
    responses=problems(403, 409, 422),
)
async def register_webhook(who: Keeper, run: Run, body: WebhookBody) -> Response:
    """Send notifications to an address: each is a CloudEvent with a Standard Webhooks signature."""
    webhook_id = run.derive("webhook")
    command = RegisterWebhook(webhook_id=webhook_id, url=body.url, recipients=body.recipients)
    answer = await run(REGISTER, command, id=webhook_id)
    if is_dry_run(run.http):
        return answer
    shown = {**orjson.loads(answer.body), "secret": secret_of(vault_of(run.reader), webhook_id)}
    headers = {name: value for name, value in answer.headers.items() if name not in {"content-length", "content-type"}}
    return Response(orjson.dumps(shown), answer.status_code, headers, "application/json")


@router.get("/webhooks", operation_id="listWebhooks", responses=problems(400, 403))
async def list_webhooks(who: Keeper, read: Read, page: PageQuery) -> Page[WebhookView]:
    """The webhooks that take notifications now, by id."""
    rows = await read(WEBHOOKS).fetch(
        "select * from webhooks where tenant = $1 and removed_at is null and ($2::text is null or webhook_id > $2)"
        " order by webhook_id limit $3",
        page.after[0] if page.after else None,
        page.limit + 1,
    )
    return page.cut(rows, WebhookView.of, by=("webhook_id",))


@router.post(
    "/webhooks/{webhook_id}/remove",
    operation_id="removeWebhook",
    response_model=Accepted,
    responses=problems(403, 404, 412, 422),
)
async def remove_webhook(webhook_id: WebhookPath, who: Keeper, run: Run) -> Response:
    """Send nothing more to an address. Messages that wait for it fail."""
    return await run(REMOVE, RemoveWebhook(webhook_id=webhook_id))
