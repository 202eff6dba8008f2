"""The log of messages over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter

from libs.service.callers import Employee
from libs.service.http import Page, PageQuery, Read, View, problems
from libs.service.organisation import visible_people
from services.alerting.alerts.api import Filter
from services.alerting.notifications.projections import NOTIFICATION_LOG

router = APIRouter(tags=["notifications"])
State = Literal["requested", "sent", "failed"]


class NotificationView(View):
    """One message to one person over one channel; `channel` is `console` or `webhook:<id>`, `why` why it failed."""

    notification_id: str
    recipient: str
    channel: str
    step: str
    title: str
    lines: list[str]
    alerts: list[str]
    state: State
    requested_at: datetime
    sent_at: datetime | None
    failed_at: datetime | None
    why: str | None


@router.get("/notifications", operation_id="listNotifications", responses=problems(400, 403))
async def list_notifications(
    who: Employee,
    read: Read,
    page: PageQuery,
    state: State | None = None,
    recipient: Filter = None,
    alert: Filter = None,
) -> Page[NotificationView]:
    """Messages to me and to people I am responsible for, the newest first."""
    after = page.after or (None, None)
    rows = await read(NOTIFICATION_LOG).fetch(
        "select * from notifications where tenant = $1 and ($2::text[] is null or recipient = any($2))"
        " and ($3::text is null or state = $3) and ($4::text is null or recipient = $4)"
        " and ($5::text is null or alerts ? $5)"
        " and ($6::text is null or (requested_at, notification_id) < ($6::text::timestamptz, $7::text))"
        " order by requested_at desc, notification_id desc limit $8",
        await visible_people(read, who),
        state,
        recipient,
        alert,
        *after,
        page.limit + 1,
    )
    return page.cut(rows, NotificationView.of, by=("requested_at", "notification_id"))
