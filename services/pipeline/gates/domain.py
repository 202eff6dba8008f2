"""The gate at the exit of a stage: which requirements a visit still lacks, and what its package counts (3.2.3, 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from libs.events.contracts.pipeline import MissingRequirement, Package
from services.pipeline.definitions.domain import Gate, Language, Pinned, Requirement
from services.pipeline.opportunities.domain import Fulfilled, Opportunity


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate found: requirements that keep the deal (`blocking`), those that only warn, and the counts."""

    package: Package
    blocking: tuple[Requirement, ...]
    warning: tuple[Requirement, ...]


def evaluate(gate: Gate, fulfilled: Mapping[str, Fulfilled], fields: Mapping[str, Any]) -> Verdict:
    """Hold a visit against its gate. Backfilled requirements let it pass but are not on time (4.3)."""
    missing = [one for one in gate.requirements if not _is_met(one, fulfilled, fields)]
    backfilled = sum(1 for one in gate.requirements if _mode(one, fulfilled) == "backfill")
    required = len(gate.requirements)
    return Verdict(
        package=Package(required=required, on_time=required - len(missing) - backfilled, backfilled=backfilled),
        blocking=tuple(one for one in missing if one.on_fail == "block"),
        warning=tuple(one for one in missing if one.on_fail == "warn"),
    )


def evaluate_deal(deal: Opportunity, definition: Pinned) -> Verdict:
    """Hold the present visit of a deal against the gate of its stage."""
    return evaluate(definition.definition.gate(deal.stage), deal.fulfilled, fields_of(deal))


def fields_of(deal: Opportunity) -> dict[str, Any]:
    """The fields that `field_present` can ask for."""
    return {
        "amount": deal.amount,
        "expected_close": deal.expected_close,
        "account_id": deal.account_id,
        "product_id": deal.product_id,
        "tier": deal.tier,
    }


def _is_met(one: Requirement, fulfilled: Mapping[str, Fulfilled], fields: Mapping[str, Any]) -> bool:
    if one.type == "field_present":
        return fields.get(one.field or "") not in (None, "")
    return one.code in fulfilled


def _mode(one: Requirement, fulfilled: Mapping[str, Fulfilled]) -> str | None:
    done = fulfilled.get(one.code)
    return done.mode if done else None


def as_missing(one: Requirement, language: Language) -> MissingRequirement:
    """A requirement as a refusal records it."""
    return MissingRequirement(
        requirement=one.code, explain=one.explain.told_in(language), how_to_fix=one.how_to_fix.told_in(language)
    )


def rules_that_say_no(missing: list[MissingRequirement], definition: Pinned) -> list[dict[str, Any]]:
    """A refusal's `rules`: each requirement with the rule and version that asks for it, and how to fulfil it."""
    rule = {"rule_id": definition.rule_id, "version": definition.version}
    return [rule | one.model_dump(mode="json") for one in missing]
