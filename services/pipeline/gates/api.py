"""Gates over HTTP: what blocks a deal, fulfilling requirements, and where gates cause friction."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from starlette.responses import Response

from libs.events.deciding import Id, Line, Moment, Text
from libs.service.callers import Anybody, Leader, Seller
from libs.service.http import Accepted, Body, Read, Run, View, problems
from libs.service.organisation import visible_people
from services.pipeline.definitions.domain import Requirement, Words
from services.pipeline.gates import queries
from services.pipeline.gates.fulfilling import COMPLETE, INVALIDATE, CompleteRequirement, Ids, InvalidateRequirement
from services.pipeline.opportunities.queries import visible_opportunity
from services.pipeline.opportunities.views import PackageView
from services.pipeline.paths import OpportunityPath, RequirementPath

router = APIRouter(tags=["gates"])


class OpenRequirement(View):
    """A requirement that is open: what it asks for, and how to fulfil it."""

    requirement: str
    type: str
    kind: str | None
    mime: list[str]
    field: str | None
    items: list[str]
    min_count: int
    explain: Words
    how_to_fix: Words
    on_fail: Literal["block", "warn"]

    @classmethod
    def asked(cls, one: Requirement) -> Self:
        """A requirement of a definition."""
        return cls.model_validate({**one.model_dump(), "requirement": one.code})


class FulfilledRequirement(View):
    """A requirement that the present visit has fulfilled."""

    requirement: str
    mode: str
    evidence: list[str]
    text: str | None
    warnings: list[str]
    satisfied_by: str
    satisfied_at: datetime


class BlockersView(View):
    """What keeps a deal from its next stage. `next_stage` is null at the end of the path."""

    opportunity_id: str
    state: str
    stage: str
    visit: int
    rule_id: str
    version: int
    next_stage: str | None
    may_win: bool
    package: PackageView
    blocking: list[OpenRequirement]
    warning: list[OpenRequirement]
    fulfilled: list[FulfilledRequirement]


class FrictionView(View):
    """How often one open requirement of a stage has stopped deals."""

    stage: str
    requirement: str
    rejections: int
    people: int
    opportunities: int


class FrictionReport(View):
    """Refused advances by stage and requirement, the most frequent first."""

    items: list[FrictionView]


class CompletionBody(Body, json_schema_extra={"examples": [{"text": "客户已口头确认预算，周五前发正式邮件"}]}):
    """What the requirement's type asks for: a text, a confirmation, ticked items, activities, or accepted files."""

    text: Text | None = None
    confirmed: bool = False
    items: Ids = ()
    activities: Ids = ()
    evidence: Ids = ()


class InvalidationBody(Body, json_schema_extra={"examples": [{"cause": "会议纪要没有客户签字"}]}):
    """Why it does not count."""

    cause: Line


@router.get(
    "/opportunities/{opportunity_id}/blockers", operation_id="getOpportunityBlockers", responses=problems(403, 404)
)
async def get_blockers(opportunity_id: OpportunityPath, who: Anybody, read: Read) -> BlockersView:
    """What blocks this deal, with how to fix it, in Chinese and English."""
    deal = await visible_opportunity(read, who, opportunity_id)
    ledger = await queries.ledger_of(read, deal)
    definition, verdict = await queries.verdict_on(read, deal, ledger)
    return BlockersView(
        opportunity_id=opportunity_id,
        state=deal["state"],
        stage=deal["stage"],
        visit=deal["visit"],
        rule_id=definition.rule_id,
        version=definition.version,
        next_stage=definition.definition.next_after(deal["stage"]),
        may_win=definition.definition.may_win(deal["stage"]),
        package=PackageView.model_validate(verdict.package.model_dump()),
        blocking=[OpenRequirement.asked(one) for one in verdict.blocking],
        warning=[OpenRequirement.asked(one) for one in verdict.warning],
        fulfilled=[FulfilledRequirement.of(row) for row in ledger],
    )


@router.post(
    "/opportunities/{opportunity_id}/requirements/{requirement}/complete",
    operation_id="completeRequirement",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def complete_requirement(
    opportunity_id: OpportunityPath, requirement: RequirementPath, who: Seller, run: Run, body: CompletionBody
) -> Response:
    """Fulfil a requirement of the present stage visit. Files are uploaded to /evidence instead, which fulfils too."""
    command = CompleteRequirement(
        opportunity_id=opportunity_id, requirement=requirement, attempt_id=run.derive("attempt"), **body.model_dump()
    )
    return await run(COMPLETE, command)


@router.post(
    "/opportunities/{opportunity_id}/requirements/{requirement}/invalidate",
    operation_id="invalidateRequirement",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def invalidate_requirement(
    opportunity_id: OpportunityPath, requirement: RequirementPath, who: Leader, run: Run, body: InvalidationBody
) -> Response:
    """Say that a fulfilment does not count; the deal stays in its stage and its gate blocks until it is mended."""
    command = InvalidateRequirement(opportunity_id=opportunity_id, requirement=requirement, cause=body.cause)
    return await run(INVALIDATE, command)


@router.get("/reports/gate-friction", operation_id="getGateFriction", responses=problems(403))
async def get_gate_friction(
    who: Anybody,
    read: Read,
    since: Annotated[Moment | None, Query(description="Refused at this instant or later")] = None,
    until: Annotated[Moment | None, Query(description="Refused before this instant")] = None,
    stage: Id | None = None,
) -> FrictionReport:
    """Where gates stop deals, of the people you may see (S-65)."""
    rows = await queries.friction(read, await visible_people(read, who), since, until, stage)
    return FrictionReport(items=[FrictionView.of(row) for row in rows])
