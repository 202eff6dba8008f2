"""Minimum deliverables per scene: the template documents (S-41), the shipped ones, and which one holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from libs.events.deciding import Line
from libs.events.facts import RuleRef
from libs.rules.calendars import ClockName
from libs.rules.documents import Finding, RuleBook

KIND = "deliverable-template"
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""A scene, a kind of subject, an item or a reason; holds no hyphen, so that a stream's name can be taken apart."""
Hours = Annotated[Decimal, Field(gt=0, le=1000)]


class Document(BaseModel):
    """A part of a rule document."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Item(Document):
    """One thing that is handed over, and how its value is checked."""

    code: Code
    name: Line
    required: bool = True
    check: Literal["text", "link", "number", "date"] = "text"


class Limit(Document):
    """A time limit in hours of a clock; `strict` means more than that."""

    limit_h: Hours
    clock: ClockName = "business"
    strict: bool = False


class PauseReason(Document):
    """Why the clock may stand still, and whether that must be shown."""

    code: Code
    evidence: bool = False


class Pauses(Document):
    """How often and how long a handoff may pause in all; then its clock runs."""

    most: Annotated[int, Field(ge=0, le=20)] = 3
    workdays: Annotated[int, Field(ge=0, le=60)] = 5
    reasons: Annotated[tuple[PauseReason, ...], Field(max_length=20)] = (
        PauseReason(code="waiting_for_customer", evidence=True),
        PauseReason(code="waiting_for_third_party"),
        PauseReason(code="later_start_agreed"),
    )


class DeliverableTemplate(Document):
    """What a scene must hand over. `escalations` are the further levels, each counted from the one before."""

    scene: Code
    name: Line
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=50)]
    acceptance: Limit = Limit(limit_h=Decimal(4))
    stall: Limit = Limit(limit_h=Decimal(2), strict=True)
    escalations: Annotated[tuple[Limit, ...], Field(max_length=2)] = (
        Limit(limit_h=Decimal(4)),
        Limit(limit_h=Decimal(24), clock="workday"),
    )
    pauses: Pauses = Pauses()
    return_reasons: Annotated[tuple[Code, ...], Field(min_length=1, max_length=20)] = (
        "incomplete",
        "wrong_content",
        "wrong_receiver",
        "not_ready",
    )


def lint(template: DeliverableTemplate) -> list[Finding]:
    """What is wrong with a template beyond its shape."""
    codes = [item.code for item in template.items]
    findings = [
        Finding(path="items", message=f"the item {code} is there twice")
        for code in sorted({code for code in codes if codes.count(code) > 1})
    ]
    if not any(item.required for item in template.items):
        findings.append(Finding(severity="warning", path="items", message="no item is required"))
    return findings


def missing(template: DeliverableTemplate, values: dict[str, str]) -> list[str]:
    """The required items that are not there, or whose value fails its check, in the template's order."""
    return [item.code for item in template.items if item.required and not _passes(item, values.get(item.code, ""))]


def _passes(item: Item, value: str) -> bool:
    value = value.strip()
    try:
        match item.check:
            case "text":
                return bool(value)
            case "link":
                return value.startswith(("http://", "https://", "/v1/"))
            case "number":
                return Decimal(value).is_finite()
            case "date":
                return bool(date.fromisoformat(value))
    except (InvalidOperation, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class Template:
    """A template in one version; 0 is the shipped one."""

    rule_id: str
    version: int
    document: DeliverableTemplate

    @property
    def ref(self) -> RuleRef:
        """For facts that rest on it."""
        return RuleRef(rule_id=self.rule_id, version=self.version)


def _shipped(scene: str, name: str, items: str) -> Template:
    described = tuple(Item(code=code, name=code.replace("_", " ").capitalize()) for code in items.split())
    document = DeliverableTemplate(scene=scene, name=name, items=described)
    return Template(f"deliverables-{scene}", 0, document)


SHIPPED: dict[str, Template] = {
    template.document.scene: template
    for template in (
        _shipped(
            "marketing_lead_handoff", "Marketing lead handoff", "customer_profile touch_records initial_intent_grade"
        ),
        _shipped(
            "solution_confirmation",
            "Technical solution confirmed",
            "requirement_list solution_document risk_list acceptance_criteria",
        ),
        _shipped(
            "delivery_lock",
            "Delivery slot locked",
            "contract_number scope dates site_readiness customer_contact",
        ),
        _shipped("legal_done", "Legal review done", "final_text_hash special_terms obligations"),
        _shipped("feedback", "Customer feedback", "feedback_scene impact count evidence"),
        _shipped("renewal", "Renewal", "health_card usage open_issues decision_map"),
    )
}
"""The templates of the scenes of domain.md 3.3.1, which hold until a tenant publishes its own."""


def template_of(scene: str, rules: RuleBook) -> Template | None:
    """The template that holds for a scene: the one published last, else the shipped one."""
    own = [rule for rule in rules.published(KIND) if rule.document.get("scene") == scene]
    if not own:
        return SHIPPED.get(scene)
    newest = max(own, key=lambda rule: (rule.published_at, rule.rule_id))
    return Template(newest.rule_id, newest.version, newest.parsed(DeliverableTemplate))


def template_at(rule_id: str, version: int, rules: RuleBook) -> Template | None:
    """The template in the version that a handoff was drafted with."""
    if version == 0:
        return next((shipped for shipped in SHIPPED.values() if shipped.rule_id == rule_id), None)
    rule = rules.version(rule_id, version)
    return None if rule is None else Template(rule.rule_id, rule.version, rule.parsed(DeliverableTemplate))
