"""A deal in its demand diagnosis, the people around it, and what decisions consult."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from libs.events.contracts.pipeline import (
    EvidenceAttached,
    OpportunityOpened,
    Package,
    RequirementSatisfied,
    StageAdvanced,
)
from libs.events.facts import Actor, Money
from libs.rules.calendars import Calendars
from libs.rules.documents import PublishedRule, RuleBook
from libs.service.organisation import Organisation, Reach
from libs.service.people import PersonRow, ReportingRow
from libs.service.sealing import Sealer
from services.pipeline.catalogue.domain import Catalogue
from services.pipeline.definitions.default import DEFAULT_DEFINITION, DEFAULT_ID
from services.pipeline.definitions.domain import PipelineDefinition, definition_for
from services.pipeline.definitions.kind import PIPELINE_DEFINITION
from services.pipeline.gates.fulfilling import RecentTexts
from services.pipeline.opportunities.domain import dwell_of

DEAL, OTHER_DEAL = "deal-1", "deal-2"
LI, WANG, ZHOU, SUN, HE = "rep-li", "rep-wang", "manager-zhou", "director-sun", "owner-he"
ROLES = {LI: "rep", WANG: "rep", ZHOU: "manager", SUN: "director", HE: "process-owner"}
MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""09:00 in Shanghai."""
TUESDAY = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
"""10:00 in Shanghai."""
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

CALENDARS = Calendars.default()
RULES = RuleBook()
SEALER = Sealer.for_tests()
CATALOGUE = Catalogue({"acme": "Acme Corporation"}, {"gtx-pro": "GTX Pro", "mg-special": "MG Special"})
NO_TEXTS = RecentTexts()
YUAN = Money(amount=Decimal(300_000), currency="CNY")
NOTHING_REQUIRED = Package(required=0, on_time=0)
THE_THREE = ("meeting_minutes", "competitor_comparison_table", "budget_confirmation_screenshot")

ORGANISATION = Organisation(
    [
        *(PersonRow(person, person, [role], registered_at=LONG_AGO) for person, role in ROLES.items()),
        ReportingRow(LI, LONG_AGO, ZHOU),
        ReportingRow(WANG, LONG_AGO, ZHOU),
        ReportingRow(ZHOU, LONG_AGO, SUN),
    ]
)


def reach(person_id: str, *more_roles: str) -> Reach:
    """What a person may touch."""
    everything = ROLES[person_id] == "process-owner"
    return Reach(person_id, frozenset({ROLES[person_id], *more_roles}), ORGANISATION, everything=everything)


def consulted(person_id: str = LI, rules: RuleBook = RULES) -> tuple[Any, ...]:
    """Everything that a decision may consult, for one person."""
    return CALENDARS, rules, reach(person_id), SEALER, CATALOGUE, NO_TEXTS


def actor(person_id: str = LI) -> Actor:
    """A person as facts name them."""
    return Actor(id=person_id)


def published(version: int, **changes: Any) -> PublishedRule:
    """The shipped definition with changes, as the tenant published it."""
    document = PipelineDefinition.model_validate({**DEFAULT_DEFINITION, **changes}).model_dump(mode="json")
    return PublishedRule(DEFAULT_ID, version, PIPELINE_DEFINITION.kind, document=document)


def opened(opportunity_id: str = DEAL, owner_id: str = LI, **changes: Any) -> OpportunityOpened:
    """A deal that began on Monday."""
    known: dict[str, Any] = {
        "opportunity_id": opportunity_id,
        "name": "Acme",
        "owner_id": owner_id,
        "definition_id": DEFAULT_ID,
        "definition_version": 0,
        "stage": "first_contact",
        "amount": YUAN,
        "opened_at": MONDAY,
    }
    return OpportunityOpened(**{**known, **changes})


def advanced(from_stage: str, to_stage: str, at: datetime = MONDAY, **changes: Any) -> StageAdvanced:
    """A first visit ended after no time at all."""
    known: dict[str, Any] = {
        "opportunity_id": DEAL,
        "owner_id": LI,
        "from_stage": from_stage,
        "to_stage": to_stage,
        "visit": 1,
        "next_visit": 1,
        "entered_at": at,
        "advanced_at": at,
        "dwell": dwell_of(at, at, CALENDARS.of(LI)),
        "package": NOTHING_REQUIRED,
        "definition_version": 0,
        "rule_refs": [definition_for(RULES, DEFAULT_ID, 0).ref],
        "calendar_version": CALENDARS.of(LI).version,
    }
    return StageAdvanced(**{**known, **changes})


def path_to(stage: str, opportunity_id: str = DEAL) -> list[Any]:
    """The facts that bring the deal into a stage on Monday morning."""
    codes = PipelineDefinition.model_validate(DEFAULT_DEFINITION).codes
    passed = codes[: codes.index(stage) + 1]
    return [
        opened(opportunity_id),
        *(advanced(one, two, opportunity_id=opportunity_id) for one, two in pairwise(passed)),
    ]


def satisfied(requirement: str, visit: int = 1, **changes: Any) -> RequirementSatisfied:
    """A requirement of the demand diagnosis was fulfilled."""
    known: dict[str, Any] = {
        "opportunity_id": DEAL,
        "owner_id": LI,
        "stage": "demand_diagnosis",
        "visit": visit,
        "requirement": requirement,
        "satisfied_by": LI,
        "satisfied_at": TUESDAY,
    }
    return RequirementSatisfied(**{**known, **changes})


def attached(evidence_id: str, kind: str, **changes: Any) -> EvidenceAttached:
    """A file was accepted."""
    known: dict[str, Any] = {
        "opportunity_id": DEAL,
        "evidence_id": evidence_id,
        "requirement": kind,
        "kind": kind,
        "file_name": "file.pdf",
        "mime": "application/pdf",
        "size": 4_000,
        "content_key": "key",
        "object_key": "evidence/deal-1/one",
        "uploaded_by": LI,
        "attached_at": TUESDAY,
    }
    return EvidenceAttached(**{**known, **changes})
