"""Fulfilling the requirements of a stage visit, and taking a fulfilment back (3.2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from libs.events.contracts.pipeline import EvidenceRejected, RequirementInvalidated, RequirementSatisfied
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf, Text
from libs.events.errors import Rejected
from libs.events.facts import Fact
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from libs.service.sealing import Sealer
from services.pipeline.catalogue.nearest import unknown
from services.pipeline.definitions.domain import Pinned, Requirement
from services.pipeline.evidence.content import Failure, check_text
from services.pipeline.gates.domain import as_missing, rules_that_say_no
from services.pipeline.opportunities.domain import Opportunity, definition_of, one_deal, open_deal

Ids = Annotated[tuple[Id, ...], Field(max_length=50)]


class CompleteRequirement(Command):
    """Fulfil one requirement of the present visit, by what its type asks for.

    `evidence` names accepted files of the deal, `items` the ticked ones of a checklist, `activities` what was done.
    """

    opportunity_id: Id
    requirement: Id
    attempt_id: Id
    text: Text | None = None
    confirmed: bool = False
    items: Ids = ()
    activities: Ids = ()
    evidence: Ids = ()


class InvalidateRequirement(Command):
    """Take back a fulfilment of the present visit; the deal stays where it is, its gate blocks until it is mended."""

    opportunity_id: Id
    requirement: Id
    cause: Line


@dataclass(frozen=True, slots=True)
class RecentTexts:
    """What the person wrote last, newest first; consulted, so that nobody pastes the same words again."""

    texts: Sequence[str] = ()


def _streams(states: States, command: CompleteRequirement | InvalidateRequirement, given: Given) -> list[StreamOf[Any]]:
    return one_deal(command.opportunity_id)


def _complete(states: States, command: CompleteRequirement, given: Given) -> list[Fact]:
    deal = open_deal(states, command.opportunity_id, given)
    definition = definition_of(deal, given)
    wanted = required_here(deal, definition, command.requirement)
    if wanted.code in deal.fulfilled:
        return []
    if why := _lacks(wanted, command, deal, definition):
        rules = rules_that_say_no([as_missing(wanted, definition.definition.language)], definition)
        raise Rejected("RULE_VIOLATION", why, rules=rules, stage=deal.stage)
    failures = _text_failures(wanted, command, definition, given)
    if failures and wanted.on_fail == "block":
        raise _refused_text(command, failures[0], wanted, definition, given)
    return [
        RequirementSatisfied(
            opportunity_id=command.opportunity_id,
            owner_id=deal.owner_id,
            stage=deal.stage,
            visit=deal.visit,
            requirement=wanted.code,
            evidence=[*command.evidence, *command.activities],
            text=command.text,
            warnings=[failure.check for failure in failures],
            satisfied_by=given.actor.id,
            satisfied_at=given.now,
        )
    ]


def required_here(deal: Opportunity, definition: Pinned, code: str) -> Requirement:
    """A requirement of the present stage's gate; 422 that names the nearest one if there is none of this code."""
    wanted = definition.definition.requirement(deal.stage, code)
    if wanted is None:
        language = definition.definition.language
        gate = definition.definition.gate(deal.stage)
        raise unknown("requirement", code, {one.code: one.explain.told_in(language) for one in gate.requirements})
    return wanted


def _lacks(wanted: Requirement, command: CompleteRequirement, deal: Opportunity, definition: Pinned) -> str | None:
    """What the type asks for and the command does not bring; None if nothing."""
    match wanted.type:
        case "attachment":
            fits = [one for one in set(command.evidence) if _is_proof(one, wanted, deal, definition)]
            needed = f"{wanted.min_count} accepted file(s) of kind {wanted.kind} are needed, named in `evidence`"
            return None if len(fits) >= wanted.min_count else needed
        case "text":
            return None if command.text else "a text is needed"
        case "confirmation":
            return None if command.confirmed else "it has to be confirmed: send `confirmed`: true"
        case "checklist":
            open_items = [item for item in wanted.items if item not in command.items]
            return f"not ticked: {', '.join(open_items)}" if open_items else None
        case "activity":
            done = len(set(command.activities))
            return None if done >= wanted.min_count else f"{wanted.min_count} activities are needed, not {done}"
        case "field_present":
            return f"the field {wanted.field} fulfils this by itself"


def _is_proof(evidence_id: str, wanted: Requirement, deal: Opportunity, definition: Pinned) -> bool:
    piece = deal.pieces.get(evidence_id)
    if piece is None or piece.kind != wanted.kind:
        return False
    fresh = (piece.stage, piece.visit) == (deal.stage, deal.visit)
    return fresh or definition.definition.gate(deal.stage).carry_over != "reset"


def _text_failures(
    wanted: Requirement, command: CompleteRequirement, definition: Pinned, given: Given
) -> list[Failure]:
    if command.text is None:
        return []
    return check_text(command.text, wanted.min_length, given[RecentTexts].texts, definition.definition.content_checks)


def _refused_text(
    command: CompleteRequirement, failure: Failure, wanted: Requirement, definition: Pinned, given: Given
) -> Rejected:
    explain = failure.told_in(definition.definition.language)
    fact = EvidenceRejected(
        opportunity_id=command.opportunity_id,
        evidence_id=command.attempt_id,
        requirement=wanted.code,
        check=failure.check,
        explain=explain,
        content_key=given[Sealer].keyed_hash(command.text or ""),
        uploaded_by=given.actor.id,
        rejected_at=given.now,
    )
    rules = rules_that_say_no([as_missing(wanted, definition.definition.language)], definition)
    return Rejected("RULE_VIOLATION", explain, record=[fact], rules=rules, check=failure.check)


def _invalidate(states: States, command: InvalidateRequirement, given: Given) -> list[Fact]:
    deal = open_deal(states, command.opportunity_id, given)
    wanted = required_here(deal, definition_of(deal, given), command.requirement)
    if wanted.code not in deal.fulfilled:
        return []
    return [
        RequirementInvalidated(
            opportunity_id=command.opportunity_id,
            stage=deal.stage,
            visit=deal.visit,
            requirement=wanted.code,
            cause=command.cause,
            invalidated_at=given.now,
        )
    ]


COMPLETE = Decider("complete-requirement", _streams, _complete, consults=(RuleBook, Reach, Sealer, RecentTexts))
INVALIDATE = Decider("invalidate-requirement", _streams, _invalidate, consults=(RuleBook, Reach))
