"""Partners' signals over HTTP, as CloudEvents in JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from libs.events.deciding import Line, Moment
from libs.service.http import Accepted, Body, Page, PageQuery, Person, Read, Run, allowed, problems
from services.alerting.signals.domain import RECEIVE, Kind, ReceiveSignal, signal_id
from services.alerting.signals.projections import SIGNAL_LOG

router = APIRouter(tags=["signals"])


class CloudEvent(Body):
    """A CloudEvent 1.0 in JSON; `subject` is `type/id`, such as order/7. The token decides whose it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "specversion": "1.0",
                    "id": "wms-4711",
                    "source": "/partners/wms",
                    "type": "shipment.delayed",
                    "time": "2026-03-02T09:00:00+08:00",
                    "subject": "order/7",
                    "data": {"days": 3},
                }
            ]
        }
    )

    specversion: Literal["1.0"]
    id: Line
    source: Line
    type: Kind
    time: Moment
    subject: Line | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Line | None = None
    data: dict[str, Any]


class SignalView(BaseModel):
    """A signal as it came in last, and why it was refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    signal_id: str
    source: str
    external_id: str
    state: Literal["received", "refused"]
    received_at: datetime
    kind: str | None
    subject_type: str | None
    subject_id: str | None
    happened_at: datetime | None
    why: str | None


@router.post(
    "/signals",
    operation_id="sendSignal",
    status_code=202,
    response_model=Accepted,
    responses=problems(403, 413, 415, 422),
)
async def send_signal(who: Annotated[Person, allowed("integration")], run: Run, body: CloudEvent) -> Response:
    """Tell us something. The same source and id count once for ever; a refused signal may be sent again put right."""
    command = ReceiveSignal(
        source=body.source,
        external_id=body.id,
        kind=body.type,
        subject=body.subject,
        payload=body.data,
        happened_at=body.time,
    )
    return await run(RECEIVE, command, id=signal_id(who.tenant, body.source, body.id))


@router.get("/signals", operation_id="listSignals", responses=problems(400, 403))
async def list_signals(
    who: Annotated[Person, allowed("integration", "process-owner", "operator")],
    read: Read,
    page: PageQuery,
    state: Literal["received", "refused"] | None = None,
) -> Page[SignalView]:
    """Signals, the newest first; refused ones with the reason."""
    after = page.after or (None, None)
    rows = await read(SIGNAL_LOG).fetch(
        "select * from signals where tenant = $1 and ($2::text is null or state = $2)"
        " and ($3::text is null or (received_at, signal_id) < ($3::text::timestamptz, $4::text))"
        " order by received_at desc, signal_id desc limit $5",
        state,
        *after,
        page.limit + 1,
    )
    shown = [SignalView.model_validate(dict(row)) for row in rows[: page.limit]]
    last = (shown[-1].received_at, shown[-1].signal_id) if shown else ()
    return page.page(shown, last=last, more=len(rows) > page.limit)
