"""Looking up alerts: what is told to me and what is about my people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from libs.events.contracts.alerting import Severity
from libs.events.errors import NotFound
from libs.service.callers import Employee
from libs.service.http import Page, PageQuery, Read, View, problems, versioned
from libs.service.organisation import visible_people
from services.alerting.alerts.projections import ALERTS
from services.alerting.alerts.queries import VISIBLE
from services.alerting.paths import AlertPath

router = APIRouter(tags=["alerts"])
Filter = Annotated[str | None, Query(min_length=1, max_length=80)]


class VerdictView(View):
    """What somebody said of an alert's use."""

    by: str
    verdict: Literal["useful", "false", "late"]
    comment: str
    at: datetime


class AlertView(View):
    """An alert. `reached` is everybody it was told to; `since` when the condition began; `late_by` in seconds."""

    alert_id: str
    version: int
    state: Literal["firing", "acknowledged", "resolved"]
    rule_code: str
    rule_id: str | None
    rule_version: int
    severity: Severity
    episode: int
    subject_type: str
    subject_id: str
    owner_id: str | None
    reached: list[str]
    summary: str
    evidence: list[str]
    boards: list[str]
    since: datetime | None
    due_at: datetime | None
    raised_at: datetime
    late_by: int
    level: int
    ack_by: str | None
    ack_until: datetime | None
    next_action: str | None
    resolved_at: datetime | None
    resolved_by: Literal["condition", "person"] | None
    person_id: str | None
    cause: str | None
    verdicts: list[VerdictView] | None


@router.get("/alerts", operation_id="listAlerts", responses=problems(400, 403))
async def list_alerts(
    who: Employee,
    read: Read,
    page: PageQuery,
    state: Literal["firing", "acknowledged", "resolved"] | None = None,
    recipient: Filter = None,
    rule: Filter = None,
    subject: Filter = None,
) -> Page[AlertView]:
    """Alerts that were told to me or are about people I am responsible for, the newest first."""
    visible = await visible_people(read, who)
    after = page.after or (None, None)
    rows = await read(ALERTS).fetch(
        f"select * from alerts where tenant = $1 and {VISIBLE}"
        " and ($4::text is null or state = $4) and ($5::text is null or reached ? $5)"
        " and ($6::text is null or rule_code = $6) and ($7::text is null or subject_id = $7)"
        " and ($8::text is null or (raised_at, alert_id) < ($8::text::timestamptz, $9::text))"
        " order by raised_at desc, alert_id desc limit $10",
        visible,
        who.person_id,
        state,
        recipient,
        rule,
        subject,
        *after,
        page.limit + 1,
    )
    return page.cut(rows, AlertView.of, by=("raised_at", "alert_id"))


@router.get("/alerts/{alert_id}", operation_id="getAlert", response_model=AlertView, responses=problems(403, 404))
async def get_alert(alert_id: AlertPath, who: Employee, read: Read) -> Response:
    """One alert with what became of it."""
    row = await read(ALERTS).one(
        f"select * from alerts where tenant = $1 and {VISIBLE} and alert_id = $4",
        await visible_people(read, who),
        who.person_id,
        alert_id,
    )
    if row is None:
        raise NotFound("alert", alert_id)
    return versioned(AlertView.of(row), row["version"])
