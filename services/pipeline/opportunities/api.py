"""Deals over HTTP: opening, moving through gates, closing. There is no way to set a stage but these."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from libs.events.deciding import Id, Moment
from libs.service.callers import Anybody, Leader, Seller
from libs.service.http import Accepted, Page, PageQuery, Read, Run, problems, versioned
from services.pipeline.opportunities import bodies, closing, moves, opening, queries
from services.pipeline.opportunities.projections import BOARD
from services.pipeline.opportunities.views import ChangeView, HistoryView, OpportunityView, VisitView
from services.pipeline.opportunities.visits import VISITS
from services.pipeline.paths import OpportunityPath

router = APIRouter(tags=["opportunities"])
AsOf = Annotated[Moment | None, Query(description="As it was known at this instant (recorded time)")]
EffectiveAt = Annotated[Moment | None, Query(description="As it was at this instant (business time)")]


@router.post(
    "/opportunities",
    operation_id="openOpportunity",
    status_code=201,
    response_model=Accepted,
    responses=problems(403, 404, 409, 422),
)
async def open_opportunity(who: Seller, run: Run, body: bodies.OpeningBody) -> Response:
    """Open a deal in the first stage. An unknown account or product is refused with the nearest known one."""
    opportunity_id = run.derive("opportunity")
    command = opening.OpenOpportunity(
        opportunity_id=opportunity_id,
        owner_id=body.owner_id or who.person_id,
        **body.model_dump(exclude={"owner_id"}),
    )
    return await run(opening.OPEN, command, id=opportunity_id, location=f"/v1/opportunities/{opportunity_id}")


@router.get("/opportunities", operation_id="listOpportunities", responses=problems(400, 403))
async def list_opportunities(
    who: Anybody,
    read: Read,
    page: PageQuery,
    stage: Id | None = None,
    owner: Id | None = None,
    state: Literal["open", "won", "lost"] | None = None,
    definition: Id | None = None,
    account: Id | None = None,
    product: Id | None = None,
) -> Page[OpportunityView]:
    """Deals that you may see, the newest first. The kanban is this list by stage."""
    wanted = (stage, owner, state, definition, account, product)
    filters = dict(zip(queries.FILTERS, wanted, strict=True))
    rows = await queries.list_of_opportunities(read, who, filters, page.after, page.limit + 1)
    return page.cut(rows, OpportunityView.of, by=("opened_at", "opportunity_id"))


@router.get(
    "/opportunities/{opportunity_id}",
    operation_id="getOpportunity",
    response_model=OpportunityView,
    responses=problems(403, 404),
)
async def get_opportunity(
    opportunity_id: OpportunityPath, who: Anybody, read: Read, as_of: AsOf = None, effective_at: EffectiveAt = None
) -> Response:
    """One deal, now or as it was."""
    row = await queries.visible_opportunity(read, who, opportunity_id)
    if as_of is None and effective_at is None:
        return versioned(OpportunityView.of(row), row["version"])
    past = await queries.past_of(read, opportunity_id, as_of, effective_at)
    return versioned(OpportunityView.model_validate(past["deal"]), past["version"])


@router.get(
    "/opportunities/{opportunity_id}/history",
    operation_id="getOpportunityHistory",
    responses=problems(403, 404),
)
async def get_history(
    opportunity_id: OpportunityPath, who: Anybody, read: Read, as_of: AsOf = None, effective_at: EffectiveAt = None
) -> HistoryView:
    """Every stage visit with its three clocks, and every change (of those recorded and effective by then)."""
    await queries.visible_opportunity(read, who, opportunity_id)
    visits = await read(VISITS).fetch(
        "select * from stage_visits where tenant = $1 and key = $2 order by entered_at, left_at, stage, visit",
        opportunity_id,
    )
    changes = await read(BOARD).fetch(
        "select p.*, p.deal->>'state' as state, p.deal->>'stage' as stage, (p.deal->>'visit')::bigint as visit"
        " from opportunity_past p where tenant = $1 and key = $2"
        " and ($3::timestamptz is null or recorded_at <= $3) and ($4::timestamptz is null or occurred_at <= $4)"
        " order by version",
        opportunity_id,
        as_of,
        effective_at,
    )
    return HistoryView(
        opportunity_id=opportunity_id,
        visits=[VisitView.of(row) for row in visits],
        changes=[ChangeView.of(row) for row in changes],
    )


@router.post(
    "/opportunities/{opportunity_id}/advance",
    operation_id="advanceOpportunity",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def advance(opportunity_id: OpportunityPath, who: Seller, run: Run, body: bodies.AdvanceBody) -> Response:
    """Leave a stage through its gate. 422 RULE_VIOLATION lists in `rules` each requirement that is missing."""
    command = moves.AdvanceStage(opportunity_id=opportunity_id, from_stage=body.from_stage, to_stage=body.to_stage)
    return await run(moves.ADVANCE, command)


@router.post(
    "/opportunities/{opportunity_id}/regress",
    operation_id="regressOpportunity",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def regress(opportunity_id: OpportunityPath, who: Seller, run: Run, body: bodies.RegressBody) -> Response:
    """Go back to an earlier stage; it opens a new visit there."""
    command = moves.RegressStage(opportunity_id=opportunity_id, to_stage=body.to_stage, reason_code=body.reason_code)
    return await run(moves.REGRESS, command)


@router.post(
    "/opportunities/{opportunity_id}/win",
    operation_id="winOpportunity",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def win(opportunity_id: OpportunityPath, who: Seller, run: Run, body: bodies.WinBody) -> Response:
    """The contract is signed; the amount is frozen from now on."""
    command = closing.WinOpportunity(opportunity_id=opportunity_id, amount=body.amount, contract_id=body.contract_id)
    return await run(closing.WIN, command)


@router.post(
    "/opportunities/{opportunity_id}/lose",
    operation_id="loseOpportunity",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def lose(opportunity_id: OpportunityPath, who: Seller, run: Run, body: bodies.LossBody) -> Response:
    """The customer said no."""
    command = closing.LoseOpportunity(
        opportunity_id=opportunity_id, reason_code=body.reason_code, competitor=body.competitor
    )
    return await run(closing.LOSE, command)


@router.post(
    "/opportunities/{opportunity_id}/reopen",
    operation_id="reopenOpportunity",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def reopen(opportunity_id: OpportunityPath, who: Leader, run: Run, body: bodies.ReopeningBody) -> Response:
    """Work on a closed deal again, in a new visit of the stage it was closed in. The approver is somebody else."""
    command = closing.ReopenOpportunity(opportunity_id=opportunity_id, reason=body.reason, approver=body.approver)
    return await run(closing.REOPEN, command)


@router.post(
    "/opportunities/{opportunity_id}/transfer",
    operation_id="transferOpportunity",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def transfer(opportunity_id: OpportunityPath, who: Leader, run: Run, body: bodies.TransferBody) -> Response:
    """Give the deal to another person."""
    command = closing.TransferOpportunity(opportunity_id=opportunity_id, to_owner=body.to_owner, handover=body.handover)
    return await run(closing.TRANSFER, command)
