"""Evidence over HTTP: uploading a file, and what was accepted or refused so far."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form, UploadFile
from starlette.responses import Response

from libs.events.deciding import Day, Id
from libs.service.asking import is_dry_run
from libs.service.callers import Anybody, Seller
from libs.service.http import Accepted, Page, PageQuery, Problem, Read, Run, View, problems
from libs.service.problems import register
from services.pipeline.definitions.domain import MAX_BYTES
from services.pipeline.evidence.content import sniff
from services.pipeline.evidence.domain import ATTACH, REUSED, AttachEvidence
from services.pipeline.evidence.projections import EVIDENCE_LIST
from services.pipeline.opportunities.queries import visible_opportunity
from services.pipeline.paths import OpportunityPath

register(
    REUSED, 422, "This file was used for another deal of the same rep", zh="该文件已用于同一销售的另一商机",
    fix="Upload a file that belongs to this deal.", fix_zh="请上传属于本商机的文件。",
)  # fmt: skip

FORM_BYTES = 64 * 1024
"""Room for the form around the file."""
EXAMPLE = {"file": "会议纪要：客户确认三条产线", "kind": "meeting_minutes", "created_on": "2026-03-02"}
router = APIRouter(tags=["evidence"])


class EvidenceView(View):
    """A file or text offered as evidence; a rejected one names the check that `failed`."""

    evidence_id: str
    state: Literal["accepted", "rejected"]
    requirement: str | None
    kind: str | None
    file_name: str | None
    mime: str | None
    size: int | None
    created_on: date | None
    uploaded_by: str
    at: datetime
    warnings: list[str] | None
    failed: str | None
    explain: str | None


@router.post(
    "/opportunities/{opportunity_id}/evidence",
    operation_id="attachEvidence",
    status_code=201,
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 413, 422),
    max_body_size=MAX_BYTES + FORM_BYTES,
    openapi_extra={"requestBody": {"content": {"multipart/form-data": {"example": EXAMPLE}}}},
)
async def attach_evidence(
    opportunity_id: OpportunityPath,
    who: Seller,
    run: Run,
    file: UploadFile,
    kind: Annotated[Id, Form(description="What it is, e.g. meeting_minutes")],
    requirement: Annotated[
        Id | None, Form(description="Which requirement it fulfils; else the one of this kind")
    ] = None,
    created_on: Annotated[Day | None, Form(description="The day the file was made")] = None,
) -> Response:
    """Upload a file (20 MB at most). Its type is told by its content; a refused file leaves a fact, too."""
    content = await file.read()
    if len(content) > MAX_BYTES:
        raise Problem("TOO_LARGE", f"a file may have {MAX_BYTES} bytes")
    evidence_id = run.derive("evidence")
    object_key = f"evidence/{opportunity_id}/{evidence_id}"
    if not is_dry_run(run.http):
        await run.objects.put(object_key, content)
    command = AttachEvidence(
        opportunity_id=opportunity_id,
        evidence_id=evidence_id,
        requirement=requirement,
        kind=kind,
        file_name=_file_name(file.filename),
        mime=sniff(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        object_key=object_key,
        created_on=created_on,
    )
    return await run(ATTACH, command, id=evidence_id)


@router.get("/opportunities/{opportunity_id}/evidence", operation_id="listEvidence", responses=problems(400, 403, 404))
async def list_evidence(
    opportunity_id: OpportunityPath, who: Anybody, read: Read, page: PageQuery
) -> Page[EvidenceView]:
    """The deal's evidence by time, refused pieces included."""
    await visible_opportunity(read, who, opportunity_id)
    at, last_id = page.after or (None, None)
    rows = await read(EVIDENCE_LIST).fetch(
        "select * from evidence where tenant = $1 and key = $2"
        ' and ($3::text is null or ("at", evidence_id) > ($3::text::timestamptz, $4::text))'
        ' order by "at", evidence_id limit $5',
        opportunity_id,
        at,
        last_id,
        page.limit + 1,
    )
    return page.cut(rows, EvidenceView.of, by=("at", "evidence_id"))


def _file_name(given: str | None) -> str:
    """The last part of the client's name for it, printable and short."""
    name = (given or "").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in name if char.isprintable())[:200] or "file"
