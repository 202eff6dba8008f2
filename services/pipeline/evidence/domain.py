"""Attaching a file to a deal as evidence, unless a content check or the rep's other deals say no (S-16)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any

from pydantic import Field

from libs.events.contracts.pipeline import EvidenceAttached, EvidenceRejected, EvidenceUsed, RequirementSatisfied
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamKind, StreamOf
from libs.events.errors import Rejected
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from libs.service.sealing import Sealer
from services.pipeline.definitions.domain import Pinned, Requirement
from services.pipeline.evidence.content import Failure, check_file
from services.pipeline.gates.domain import as_missing, rules_that_say_no
from services.pipeline.gates.fulfilling import required_here
from services.pipeline.opportunities.domain import OPPORTUNITY, Opportunity, definition_of, open_deal

REUSED = "EVIDENCE_REUSED"


class AttachEvidence(Command):
    """A file that was uploaded: `mime` by its bytes, `sha256` of them in hexadecimal, `object_key` where it lies.

    Without `requirement` it counts for the one of the present gate that asks for this `kind`, if there is one.
    """

    opportunity_id: Id
    evidence_id: Id
    requirement: Id | None = None
    kind: Id
    file_name: Line
    mime: Line
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    object_key: Line
    created_on: date | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """The deals for which a rep has used a content."""

    opportunities: frozenset[str] = frozenset()


def _use(usage: Usage, fact: Any) -> Usage:
    match fact:
        case EvidenceUsed():
            return replace(usage, opportunities=usage.opportunities | {fact.opportunity_id})
        case _:
            return usage


EVIDENCE = StreamKind("evidence", Usage(), _use)


def _streams(states: States, command: AttachEvidence, given: Given) -> list[StreamOf[Any]]:
    """The deal; once its owner is known, the ledger of that rep and content."""
    deal = OPPORTUNITY.of(command.opportunity_id)
    return [deal, *([_ledger(states[deal], command, given)] if states[deal].owner_id else [])]


def _ledger(deal: Opportunity, command: AttachEvidence, given: Given) -> StreamOf[Usage]:
    return EVIDENCE.of(deal.owner_id, given[Sealer].keyed_hash(command.sha256))


def _attach(states: States, command: AttachEvidence, given: Given) -> list[Fact]:
    deal = open_deal(states, command.opportunity_id, given)
    if command.evidence_id in deal.pieces:
        return []
    definition = definition_of(deal, given)
    wanted = _wanted(deal, definition, command)
    usage = states[_ledger(deal, command, given)]
    failures = _failures(deal, definition, wanted, usage, command, given)
    if failures and (wanted is None or wanted.on_fail == "block"):
        raise _refused(command, failures, wanted, definition, given)
    content_key = given[Sealer].keyed_hash(command.sha256)
    attached = EvidenceAttached(
        opportunity_id=command.opportunity_id,
        evidence_id=command.evidence_id,
        requirement=wanted.code if wanted else None,
        kind=command.kind,
        file_name=command.file_name,
        mime=command.mime,
        size=command.size,
        content_key=content_key,
        object_key=command.object_key,
        uploaded_by=given.actor.id,
        created_on=command.created_on,
        attached_at=given.now,
        warnings=[failure.check for failure in failures],
    )
    used = EvidenceUsed(rep_id=deal.owner_id, content_key=content_key, opportunity_id=command.opportunity_id)
    first_use = command.opportunity_id not in usage.opportunities
    return [attached, *([used] if first_use else []), *_fulfils(deal, wanted, attached, given)]


def _wanted(deal: Opportunity, definition: Pinned, command: AttachEvidence) -> Requirement | None:
    if command.requirement is None:
        gate = definition.definition.gate(deal.stage)
        asked = (one for one in gate.requirements if one.type == "attachment" and one.kind == command.kind)
        return next(asked, None)
    wanted = required_here(deal, definition, command.requirement)
    if wanted.type != "attachment" or wanted.kind != command.kind:
        why = f"{wanted.code} asks for {wanted.kind or wanted.type}, not for a file of kind {command.kind}"
        raise Rejected("VALIDATION", why, field="kind")
    return wanted


def _failures(
    deal: Opportunity,
    definition: Pinned,
    wanted: Requirement | None,
    usage: Usage,
    command: AttachEvidence,
    given: Given,
) -> list[Failure]:
    today = given[Calendars].of(deal.owner_id).local_date(given.now)
    checks = definition.definition.content_checks
    failures = check_file(command.mime, command.size, command.created_on, today, wanted, checks)
    if usage.opportunities - {command.opportunity_id}:
        used = Failure(REUSED, "该文件已用于同一销售的另一商机", "this file was used for another deal of the same rep")
        failures.insert(0, used)
    return failures


def _fulfils(deal: Opportunity, wanted: Requirement | None, attached: EvidenceAttached, given: Given) -> list[Fact]:
    """The requirement's fulfilment, once the visit has enough files of its kind."""
    if wanted is None or wanted.code in deal.fulfilled:
        return []
    here = (wanted.kind, deal.stage, deal.visit)
    before = [one for one, piece in deal.pieces.items() if (piece.kind, piece.stage, piece.visit) == here]
    if len(before) + 1 < wanted.min_count:
        return []
    return [
        RequirementSatisfied(
            opportunity_id=attached.opportunity_id,
            owner_id=deal.owner_id,
            stage=deal.stage,
            visit=deal.visit,
            requirement=wanted.code,
            evidence=[*before, attached.evidence_id],
            warnings=attached.warnings,
            satisfied_by=given.actor.id,
            satisfied_at=given.now,
        )
    ]


def _refused(
    command: AttachEvidence, failures: list[Failure], wanted: Requirement | None, definition: Pinned, given: Given
) -> Rejected:
    language = definition.definition.language
    explain = "；".join(failure.told_in(language) for failure in failures)
    first = failures[0].check
    fact = EvidenceRejected(
        opportunity_id=command.opportunity_id,
        evidence_id=command.evidence_id,
        requirement=wanted.code if wanted else None,
        check=first,
        explain=explain,
        content_key=given[Sealer].keyed_hash(command.sha256),
        uploaded_by=given.actor.id,
        rejected_at=given.now,
    )
    rules = rules_that_say_no([as_missing(wanted, language)], definition) if wanted else []
    code = REUSED if first == REUSED else "RULE_VIOLATION"
    checks = [failure.check for failure in failures]
    return Rejected(code, explain, record=[fact], rules=rules, check=first, checks=checks)


ATTACH = Decider("attach-evidence", _streams, _attach, consults=(Calendars, RuleBook, Reach, Sealer))
