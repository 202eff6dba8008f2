"""Moving a deal between stages: forward only through the gate, back with a reason (3.2.3-1 to -3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from libs.events.contracts.pipeline import (
    MissingRequirement,
    RequirementSatisfied,
    StageAdvanced,
    StageAdvanceRejected,
    StageRegressed,
)
from libs.events.deciding import Command, Decider, Given, Id, States, StreamOf
from libs.events.errors import Rejected
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.pipeline.catalogue.nearest import unknown
from services.pipeline.definitions.domain import Pinned, definition_from_now
from services.pipeline.gates.domain import as_missing, evaluate_deal, rules_that_say_no
from services.pipeline.opportunities.domain import Opportunity, definition_of, leave, one_deal, open_deal

QUIET = timedelta(seconds=10)
"""A refused advance leaves a fact at most this often per deal and person (3.2.3-10)."""
TRANSITION = "transition"
"""What a refusal names as missing when the matrix, not a requirement, says no."""


class AdvanceStage(Command):
    """Leave `from_stage` for `to_stage`; who names a stage the deal is no longer in was too late."""

    opportunity_id: Id
    from_stage: Id
    to_stage: Id


class RegressStage(Command):
    """Go back to an earlier stage."""

    opportunity_id: Id
    to_stage: Id
    reason_code: Id


def _streams(states: States, command: AdvanceStage | RegressStage, given: Given) -> list[StreamOf[Any]]:
    return one_deal(command.opportunity_id)


def _advance(states: States, command: AdvanceStage, given: Given) -> list[Fact]:
    deal = open_deal(states, command.opportunity_id, given)
    if deal.stage != command.from_stage:
        why = f"the opportunity is in {deal.stage}, not in {command.from_stage}"
        raise Rejected("CONFLICT_STATE", why, stage=deal.stage, visit=deal.visit)
    definition = definition_of(deal, given)
    _known_stage("to", command.to_stage, definition)
    if definition.definition.steps(deal.stage, command.to_stage) <= 0:
        raise Rejected("VALIDATION", f"{command.to_stage} does not lie ahead; regress leads back", field="to")
    verdict = evaluate_deal(deal, definition)
    missing = [as_missing(one, definition.definition.language) for one in verdict.blocking]
    if not definition.definition.may_advance(deal.stage, command.to_stage):
        missing.insert(0, _next_stage_first(deal, definition))
    if missing:
        raise refused_by_gate(command.opportunity_id, deal, definition, command.to_stage, missing, given)
    end = leave(deal, verdict.package, given)
    return [
        StageAdvanced(
            opportunity_id=command.opportunity_id,
            owner_id=deal.owner_id,
            from_stage=deal.stage,
            to_stage=command.to_stage,
            visit=deal.visit,
            next_visit=deal.next_visit(command.to_stage),
            entered_at=deal.entered_at,
            advanced_at=given.now,
            dwell=end.dwell,
            package=end.package,
            definition_version=definition_from_now(given[RuleBook], definition, command.to_stage).version,
            rule_refs=[definition.ref],
            calendar_version=end.calendar_version,
        ),
        *carried_over(command.opportunity_id, deal, command.to_stage, given),
    ]


def _regress(states: States, command: RegressStage, given: Given) -> list[Fact]:
    deal = open_deal(states, command.opportunity_id, given)
    definition = definition_of(deal, given)
    _known_stage("to", command.to_stage, definition)
    if command.reason_code not in definition.definition.regress_reasons:
        raise unknown("reason_code", command.reason_code, definition.definition.regress_reasons)
    steps = -definition.definition.steps(deal.stage, command.to_stage)
    if steps <= 0:
        raise Rejected("VALIDATION", f"{command.to_stage} does not lie behind; advance leads on", field="to")
    end = leave(deal, evaluate_deal(deal, definition).package, given)
    return [
        StageRegressed(
            opportunity_id=command.opportunity_id,
            owner_id=deal.owner_id,
            from_stage=deal.stage,
            to_stage=command.to_stage,
            visit=deal.visit,
            next_visit=deal.next_visit(command.to_stage),
            steps=steps,
            reason_code=command.reason_code,
            entered_at=deal.entered_at,
            regressed_at=given.now,
            dwell=end.dwell,
            package=end.package,
            definition_version=definition_from_now(given[RuleBook], definition, command.to_stage).version,
            calendar_version=end.calendar_version,
        ),
        *carried_over(command.opportunity_id, deal, command.to_stage, given),
    ]


def refused_by_gate(
    opportunity_id: str,
    deal: Opportunity,
    definition: Pinned,
    to_stage: str,
    missing: list[MissingRequirement],
    given: Given,
) -> Rejected:
    """The gate's no: RULE_VIOLATION that lists each missing requirement, and the fact unless one was just recorded."""
    before = deal.rejected_at.get(given.actor.id)
    said_just_now = before is not None and given.now - before < QUIET
    fact = StageAdvanceRejected(
        opportunity_id=opportunity_id,
        owner_id=deal.owner_id,
        stage=deal.stage,
        to_stage=to_stage,
        visit=deal.visit,
        missing=missing,
        seconds_since_open=max(0, int((given.now - deal.entered_at).total_seconds())),
        requested_by=given.actor.id,
        rejected_at=given.now,
        rule_refs=[definition.ref],
    )
    return Rejected(
        "RULE_VIOLATION",
        f"{len(missing)} requirement(s) of {deal.stage} are open",
        record=[] if said_just_now else [fact],
        rules=rules_that_say_no(missing, definition),
        stage=deal.stage,
    )


def carried_over(opportunity_id: str, deal: Opportunity, stage: str, given: Given) -> list[Fact]:
    """What an earlier visit of the stage has fulfilled and its gate keeps (`carry_over: keep`, 3.2.3-2)."""
    definition = definition_from_now(given[RuleBook], definition_of(deal, given), stage).definition
    gate, last = definition.gate(stage), deal.visits.get(stage, 0)
    earlier: Mapping[str, Any] = deal.ledger.get((stage, last), {}) if gate.carry_over == "keep" else {}
    return [
        RequirementSatisfied(
            opportunity_id=opportunity_id,
            owner_id=deal.owner_id,
            stage=stage,
            visit=last + 1,
            requirement=one.code,
            mode="carried-over",
            evidence=list(earlier[one.code].evidence),
            text=earlier[one.code].text,
            satisfied_by=given.actor.id,
            satisfied_at=given.now,
        )
        for one in gate.requirements
        if one.code in earlier
    ]


def _known_stage(field: str, stage: str, definition: Pinned) -> None:
    if stage not in definition.definition.codes:
        names = {one.code: one.name.told_in(definition.definition.language) for one in definition.definition.path}
        raise unknown(field, stage, names)


def _next_stage_first(deal: Opportunity, definition: Pinned) -> MissingRequirement:
    """Why a stage may not be skipped, as the refusal says it (S-14)."""
    path, following = definition.definition, definition.definition.next_after(deal.stage)
    names = {one.code: one.name.told_in(path.language) for one in path.path}
    step = names.get(following or "", following or "")
    if path.language == "zh":
        return MissingRequirement(
            requirement=TRANSITION, explain="不得跳过标准流程中的阶段", how_to_fix=f"请先进入下一阶段：{step}"
        )
    return MissingRequirement(
        requirement=TRANSITION, explain="stages are not skipped", how_to_fix=f"advance to the next stage first: {step}"
    )


ADVANCE = Decider("advance-stage", _streams, _advance, consults=(Calendars, RuleBook, Reach))
REGRESS = Decider("regress-stage", _streams, _regress, consults=(Calendars, RuleBook, Reach))
