"""The routes of a kind of rule document: the same life cycle for every kind, at a path of its own."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field, create_model
from starlette.responses import Response
from uuid_utils.compat import uuid7

from libs.events.deciding import Decider, Id, Line, Text
from libs.events.errors import NotFound
from libs.events.reading import Reader
from libs.rules import lifecycle, rule_commands
from libs.rules.documents import RuleKind
from libs.rules.rule_state import RULE, Draft, Rule
from libs.service.auth import ROLES
from libs.service.http import Accepted, Body, Page, PageQuery, Person, Read, Run, allowed, problems, versioned
from libs.service.problems import register
from libs.service.rule_views import RuleDetail, RuleState, RuleView, read_rule, read_rules

__all__ = ["Simulate", "rule_router"]

register(
    "SIMULATION_REQUIRED", 409, "The draft was not simulated in the last 24 hours", zh="草案在过去 24 小时内未经模拟",
    fix="Simulate it, or say in `override` why it cannot wait.", fix_zh="请先模拟，或在 override 中说明紧急原因。",
)  # fmt: skip
register(
    "APPROVAL_REQUIRED", 409, "Another person has to approve the draft", zh="草案需要他人批准",
    fix="Ask somebody else than the drafter to approve it.", fix_zh="请由起草人以外的人员批准。",
)  # fmt: skip
register(
    "DRAFT_HAS_ERRORS", 409, "The draft has errors", zh="草案存在错误",
    fix="Correct what `findings` names and draft it again.", fix_zh="请按 findings 修正后重新起草。",
)  # fmt: skip

Simulate = Callable[[Reader, Any, int], Awaitable[dict[str, Any]]]
"""`await simulate(reader, parsed document, days)`: what would have been different in the last so many days."""
NO_REPLAY = "rules of this kind have no replay: nothing was counted"
RuleId = Annotated[Id, Path(description="The rule's id")]


class SimulationBody(Body, json_schema_extra={"examples": [{"days": 28}]}):
    """How far back to replay."""

    days: Annotated[int, Field(ge=1, le=366)] = 28


class ApprovalBody(Body, json_schema_extra={"examples": [{}]}):
    """Which draft was read; another one is not approved."""

    document_hash: Annotated[str, Field(max_length=64)] | None = None


class PublicationBody(Body, json_schema_extra={"examples": [{"override": "新政策今晚生效，来不及模拟"}]}):
    """Why this cannot wait for a simulation (emergency); kept for ever."""

    override: Annotated[Text, Field(min_length=1)] | None = None


class ReasonBody(Body, json_schema_extra={"examples": [{"reason": "季度复盘后不再需要"}]}):
    """Why."""

    reason: Annotated[Text, Field(min_length=1)]


class RollbackBody(ReasonBody, json_schema_extra={"examples": [{"version": 1, "reason": "新版本误伤了老客户"}]}):
    """Which earlier version's document holds again, and why."""

    version: Annotated[int, Field(ge=0, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class _Step:
    verb: str
    decider: Decider[Any]
    command: type[Any]
    body: type[Body] | None
    about: str


_STEPS = (
    _Step("lint", lifecycle.LINT, rule_commands.LintRule, None, "Check the draft and keep what was found."),
    _Step("approve", lifecycle.APPROVE, rule_commands.ApproveRule, ApprovalBody, "Agree to the draft."),
    _Step("publish", lifecycle.PUBLISH, rule_commands.PublishRule, PublicationBody,
          "Let the draft hold as a new version, everywhere within 5 seconds. Needs a simulation not older than 24 h."),
    _Step("suspend", lifecycle.SUSPEND, rule_commands.SuspendRule, ReasonBody, "Let the rule stand still."),
    _Step("resume", lifecycle.RESUME, rule_commands.ResumeRule, None, "Let a suspended rule hold again."),
    _Step("retire", lifecycle.RETIRE, rule_commands.RetireRule, ReasonBody, "Let the rule go for good."),
    _Step("rollback", lifecycle.ROLL_BACK, rule_commands.RollbackRule, RollbackBody,
          "Let an earlier version's document hold again, as a new version."),
)  # fmt: skip


def rule_router(
    path: str,
    kind: RuleKind,
    roles: Sequence[str] = ("process-owner",),
    simulate: Simulate | None = None,
    readers: Sequence[str] = tuple(ROLES),
) -> APIRouter:
    """The routes `/{path}…` of a kind: everybody of `readers` may look, `roles` may draft, publish and so on.

    Operation ids come from the path and the kind: listRoutingPolicies, draftRoutingPolicy, publishRoutingPolicy.
    """
    router = APIRouter(prefix=f"/{path}", tags=[path])
    _add_queries(router, path, kind, allowed(*readers))
    _add_draft(router, path, kind, allowed(*roles))
    _add_simulation(router, kind, allowed(*roles), simulate)
    for step in _STEPS:
        _add_step(router, kind, step, allowed(*roles))
    return router


def _add_queries(router: APIRouter, path: str, kind: RuleKind, guard: Any) -> None:
    @router.get("", operation_id=f"list{_camel(path)}", response_model=Page[RuleView], responses=problems(400, 403))
    async def list_rules(
        who: Annotated[Person, guard], read: Read, page: PageQuery, state: RuleState | None = None
    ) -> Page[RuleView]:
        """All rules of this kind by id: drafts, published ones, and the shipped ones (version 0) nobody replaced."""
        rules = [rule for rule in await read_rules(read, kind) if state in (None, rule.state)]
        after = page.after[0] if page.after else ""
        rest = [rule for rule in rules if rule.rule_id > after]
        shown = rest[: page.limit]
        last = (shown[-1].rule_id,) if shown else ()
        return page.page(shown, last=last, more=len(rest) > len(shown))

    @router.get(
        "/{rule_id}",
        operation_id=f"get{_camel(kind.kind)}",
        response_model=RuleDetail,
        responses=problems(403, 404),
    )
    async def get_rule(rule_id: RuleId, who: Annotated[Person, guard], read: Read) -> Response:
        """One rule with all its versions; they never change."""
        rule = await read_rule(read, kind, rule_id)
        return versioned(rule, rule.stream_version)


def _shipped_as_draft(kind: RuleKind) -> dict[str, Any]:
    rule = kind.default
    return {"name": rule.name, "document": dict(rule.document), "explain": "与出厂规则相同"}


def _add_draft(router: APIRouter, path: str, kind: RuleKind, guard: Any) -> None:
    draft_body: Any = create_model(
        f"{_camel(kind.kind)}Draft",
        __base__=Body,
        __doc__="A draft; without `rule_id` of a new rule.",
        __cls_kwargs__={"json_schema_extra": {"examples": [_shipped_as_draft(kind)]}},
        rule_id=(Id | None, None),
        name=(Line, ...),
        scope=(Line, "tenant"),
        document=(kind.model, ...),
        explain=(Text, ""),
    )

    @router.post(
        "",
        operation_id=f"draft{_camel(kind.kind)}",
        status_code=201,
        response_model=Accepted,
        responses=problems(403, 409, 412, 413, 422),
    )
    async def draft_rule(who: Annotated[Person, guard], run: Run, body: draft_body) -> Response:
        """Write a draft, of a new rule or in place of an existing rule's draft."""
        given: Any = body
        rule_id = given.rule_id or run.derive("rule")
        command = rule_commands.DraftRule(
            rule_id=rule_id,
            kind=kind.kind,
            name=given.name,
            scope=given.scope,
            document=given.document.model_dump(mode="json"),
            explain=given.explain,
        )
        return await run(lifecycle.DRAFT, command, id=rule_id, location=f"/v1/{path}/{rule_id}")


def _add_simulation(router: APIRouter, kind: RuleKind, guard: Any, simulate: Simulate | None) -> None:
    no_body = SimulationBody()

    @router.post(
        "/{rule_id}/simulate",
        operation_id=f"simulate{_camel(kind.kind)}",
        response_model=Accepted,
        responses=problems(403, 404, 409, 412, 422),
    )
    async def simulate_rule(
        rule_id: RuleId, who: Annotated[Person, guard], run: Run, read: Read, body: SimulationBody = no_body
    ) -> Response:
        """Replay the log of the last days through the draft and keep what would have been different."""
        draft = await _draft_in_the_log(run, kind, rule_id)
        if simulate is None:
            report: dict[str, Any] = {"replayed": 0, "note": NO_REPLAY}
        else:
            report = await simulate(read, kind.parse(draft.document), body.days)
        command = rule_commands.SimulateRule(
            rule_id=rule_id, kind=kind.kind, document_hash=draft.hash, report={"days": body.days, **report}
        )
        return await run(lifecycle.SIMULATE, command, id=rule_id)


async def _draft_in_the_log(run: Run, kind: RuleKind, rule_id: str) -> Draft:
    """The draft as it is now: the read model may be a moment behind. Raises NotFound."""
    log, rule = run.equipment.log, Rule()
    stream = f"{log.service}/{RULE.of(rule_id).name}"
    loaded = await log.load(run.person.tenant, uuid7(), {stream: 0})
    for recorded in loaded.facts[stream]:
        rule = RULE.evolve(rule, recorded.fact)
    if rule.kind != kind.kind or rule.draft is None:
        raise NotFound(f"draft of {kind.kind}", rule_id)
    return rule.draft


def _add_step(router: APIRouter, kind: RuleKind, step: _Step, guard: Any) -> None:
    async def without_body(rule_id: RuleId, who: Annotated[Person, guard], run: Run) -> Response:
        return await run(step.decider, step.command(rule_id=rule_id, kind=kind.kind), id=rule_id)

    async def with_body(rule_id: RuleId, who: Annotated[Person, guard], run: Run, body: step.body) -> Response:  # type: ignore[name-defined]
        command = step.command(rule_id=rule_id, kind=kind.kind, **body.model_dump(exclude_unset=True))
        return await run(step.decider, command, id=rule_id)

    if step.body in (ApprovalBody, PublicationBody):
        with_body.__defaults__ = (step.body(),)  # all of it is optional: the request may have no body
    router.add_api_route(
        f"/{{rule_id}}/{step.verb}",
        without_body if step.body is None else with_body,
        methods=["POST"],
        operation_id=f"{step.verb}{_camel(kind.kind)}",
        summary=f"{step.verb.capitalize()} a rule of kind {kind.kind}",
        description=step.about,
        response_model=Accepted,
        responses=problems(403, 404, 409, 412, 422),
    )


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
