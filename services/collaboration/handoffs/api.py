"""Handoffs over HTTP: commands of the two sides."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from libs.service.callers import Seller, Worker
from libs.service.http import Accepted, Run, problems
from libs.service.problems import register
from services.collaboration.handoffs import bodies, commands
from services.collaboration.handoffs.domain import ACCEPT, CANCEL, CONFIRM, DELIVER, RETURN
from services.collaboration.handoffs.exchange import ANSWER, ASK, COMMENT, DELIVER_ITEM
from services.collaboration.handoffs.pausing import PAUSE, RESUME
from services.collaboration.handoffs.submitting import DRAFT, SUBMIT
from services.collaboration.paths import ClarificationPath, HandoffPath

register(
    "HANDOFF_OPEN", 409, "A handoff of this scene is already open for this subject",
    zh="该对象在此场景已有未完成的交接",
    fix="Go on with `open_handoff`, or cancel it.", fix_zh="请继续处理 open_handoff，或先将其取消。",
)  # fmt: skip

router = APIRouter(tags=["handoffs"])
REFUSALS = problems(403, 404, 409, 412, 422)


@router.post("/handoffs", operation_id="draftHandoff", status_code=201, response_model=Accepted, responses=REFUSALS)
async def draft(who: Seller, run: Run, body: bodies.DraftBody) -> Response:
    """Prepare a handoff. One is open for each scene and subject: 409 HANDOFF_OPEN names it in `open_handoff`."""
    handoff_id = run.derive("handoff")
    fields = body.model_dump() | {"from_person": body.from_person or who.person_id}
    command = commands.DraftHandoff(handoff_id=handoff_id, **fields)
    return await run(DRAFT, command, id=handoff_id, location=f"/v1/handoffs/{handoff_id}")


@router.post("/handoffs/{handoff_id}/submit", operation_id="submitHandoff", response_model=Accepted, responses=REFUSALS)
async def submit(handoff_id: HandoffPath, who: Seller, run: Run, body: bodies.SubmissionBody) -> Response:
    """Hand it over. A missing required item refuses it (`RULE_VIOLATION`, `missing`), and that is recorded."""
    return await run(SUBMIT, commands.SubmitHandoff(handoff_id=handoff_id, items=body.items))


@router.post("/handoffs/{handoff_id}/accept", operation_id="acceptHandoff", response_model=Accepted, responses=REFUSALS)
async def accept(handoff_id: HandoffPath, who: Worker, run: Run) -> Response:
    """Take it on, as its receiver. Asking twice is harmless."""
    return await run(ACCEPT, commands.AcceptHandoff(handoff_id=handoff_id))


@router.post("/handoffs/{handoff_id}/return", operation_id="returnHandoff", response_model=Accepted, responses=REFUSALS)
async def give_back(handoff_id: HandoffPath, who: Worker, run: Run, body: bodies.ReturnBody) -> Response:
    """Send it back with a reason; the sender's clock starts."""
    return await run(RETURN, commands.ReturnHandoff(handoff_id=handoff_id, **body.model_dump()))


@router.post("/handoffs/{handoff_id}/pause", operation_id="pauseHandoff", response_model=Accepted, responses=REFUSALS)
async def pause(handoff_id: HandoffPath, who: Worker, run: Run, body: bodies.PauseBody) -> Response:
    """Let the clock stand still: three times and five workdays in all, unless the template says otherwise."""
    return await run(PAUSE, commands.PauseHandoff(handoff_id=handoff_id, **body.model_dump()))


@router.post("/handoffs/{handoff_id}/resume", operation_id="resumeHandoff", response_model=Accepted, responses=REFUSALS)
async def resume(handoff_id: HandoffPath, who: Worker, run: Run) -> Response:
    """Let the clock run again. Asking twice is harmless."""
    return await run(RESUME, commands.ResumeHandoff(handoff_id=handoff_id))


@router.post(
    "/handoffs/{handoff_id}/items", operation_id="deliverHandoffItem", response_model=Accepted, responses=REFUSALS
)
async def deliver_item(handoff_id: HandoffPath, who: Worker, run: Run, body: bodies.ItemBody) -> Response:
    """Give one piece of the work before all of it is done."""
    return await run(DELIVER_ITEM, commands.DeliverItem(handoff_id=handoff_id, item=body.item))


@router.post(
    "/handoffs/{handoff_id}/deliver", operation_id="deliverHandoff", response_model=Accepted, responses=REFUSALS
)
async def deliver(handoff_id: HandoffPath, who: Worker, run: Run, body: bodies.DeliveryBody) -> Response:
    """Say that the work is done; the sender's clock starts."""
    return await run(DELIVER, commands.DeliverHandoff(handoff_id=handoff_id, items=body.items))


@router.post(
    "/handoffs/{handoff_id}/confirm", operation_id="confirmHandoff", response_model=Accepted, responses=REFUSALS
)
async def confirm(handoff_id: HandoffPath, who: Worker, run: Run, body: bodies.ConfirmationBody) -> Response:
    """Say, as the sender, that it is what was needed, and rate it."""
    return await run(CONFIRM, commands.ConfirmHandoff(handoff_id=handoff_id, **body.model_dump()))


@router.post("/handoffs/{handoff_id}/cancel", operation_id="cancelHandoff", response_model=Accepted, responses=REFUSALS)
async def cancel(handoff_id: HandoffPath, who: Seller, run: Run, body: bodies.CancellationBody) -> Response:
    """Say, as the sender, that it is no longer needed."""
    return await run(CANCEL, commands.CancelHandoff(handoff_id=handoff_id, cause=body.cause))


@router.post(
    "/handoffs/{handoff_id}/comments", operation_id="commentHandoff", response_model=Accepted, responses=REFUSALS
)
async def comment(handoff_id: HandoffPath, who: Worker, run: Run, body: bodies.CommentBody) -> Response:
    """Write about it; a comment with content is progress."""
    return await run(COMMENT, commands.CommentHandoff(handoff_id=handoff_id, text=body.text))


@router.post(
    "/handoffs/{handoff_id}/clarifications",
    operation_id="askClarification",
    status_code=201,
    response_model=Accepted,
    responses=REFUSALS,
)
async def ask(handoff_id: HandoffPath, who: Worker, run: Run, body: bodies.QuestionBody) -> Response:
    """Ask the other side; it is its turn until it answers. `id` is that of the question."""
    question = run.derive("clarification")
    command = commands.AskClarification(handoff_id=handoff_id, clarification_id=question, **body.model_dump())
    return await run(ASK, command, id=question)


@router.post(
    "/handoffs/{handoff_id}/clarifications/{clarification_id}/answer",
    operation_id="answerClarification",
    response_model=Accepted,
    responses=REFUSALS,
)
async def answer(
    handoff_id: HandoffPath,
    clarification_id: ClarificationPath,
    who: Worker,
    run: Run,
    body: bodies.AnswerBody,
) -> Response:
    """Answer what the other side asked."""
    command = commands.AnswerClarification(handoff_id=handoff_id, clarification_id=clarification_id, answer=body.answer)
    return await run(ANSWER, command, id=clarification_id)
