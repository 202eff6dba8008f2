"""The requirement ledger of every stage visit, and the advances that gates refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.pipeline import RequirementInvalidated, RequirementSatisfied, StageAdvanceRejected
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A requirement of a visit: `satisfied`, or `invalidated` for a cause."""

    opportunity_id: str
    stage: str
    visit: int
    requirement: str
    state: str
    mode: str | None = None
    evidence: list[str] | None = None
    text: str | None = None
    warnings: list[str] | None = None
    satisfied_by: str | None = None
    satisfied_at: datetime | None = None
    cause: str | None = None
    invalidated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RejectionRow:
    """One refused advance; `missing` are the open requirements, `version` the fact's place in the deal's stream."""

    opportunity_id: str
    version: int
    owner_id: str
    stage: str
    to_stage: str
    visit: int
    missing: list[str]
    seconds_since_open: int
    requested_by: str
    rejected_at: datetime
    rule_id: str | None = None
    rule_version: int | None = None


def keys(fact: Any) -> list[str]:
    """By deal."""
    return [fact.opportunity_id]


def fold_ledger(group: Group, recorded: Recorded[Any]) -> list[LedgerRow]:
    """The ledger after one more fulfilment, or one taken back."""
    fact, rows = recorded.fact, group.all(LedgerRow)
    place = (fact.stage, fact.visit, fact.requirement)
    others = [row for row in rows if (row.stage, row.visit, row.requirement) != place]
    match fact:
        case RequirementSatisfied():
            row = LedgerRow(
                fact.opportunity_id,
                *place,
                state="satisfied",
                mode=fact.mode,
                evidence=list(fact.evidence),
                text=fact.text,
                warnings=list(fact.warnings),
                satisfied_by=fact.satisfied_by,
                satisfied_at=fact.satisfied_at,
            )
            return [*others, row]
        case RequirementInvalidated():
            before = next((row for row in rows if row not in others), None)
            row = before or LedgerRow(fact.opportunity_id, *place, state="invalidated")
            taken_back = replace(row, state="invalidated", cause=fact.cause, invalidated_at=fact.invalidated_at)
            return [*others, taken_back]
        case _:
            return rows


def fold_rejections(group: Group, recorded: Recorded[StageAdvanceRejected]) -> list[RejectionRow]:
    """All refusals of a deal."""
    fact = recorded.fact
    rule = fact.rule_refs[0] if fact.rule_refs else None
    row = RejectionRow(
        opportunity_id=fact.opportunity_id,
        version=recorded.version,
        owner_id=fact.owner_id,
        stage=fact.stage,
        to_stage=fact.to_stage,
        visit=fact.visit,
        missing=[one.requirement for one in fact.missing],
        seconds_since_open=fact.seconds_since_open,
        requested_by=fact.requested_by,
        rejected_at=fact.rejected_at,
        rule_id=rule.rule_id if rule else None,
        rule_version=rule.version if rule else None,
    )
    return [*group.all(RejectionRow), row]


LEDGER = Projection(
    name="requirement-ledger",
    version=1,
    reads=(RequirementSatisfied, RequirementInvalidated),
    tables=(
        Table(
            "requirement_ledger",
            LedgerRow,
            identity=("stage", "visit", "requirement"),
            indexes=(("satisfied_by", "satisfied_at"),),
        ),
    ),
    keys=keys,
    fold=fold_ledger,
)
REJECTIONS = Projection(
    name="gate-rejections",
    version=1,
    reads=(StageAdvanceRejected,),
    tables=(Table("gate_rejections", RejectionRow, identity=("version",), indexes=(("rejected_at",), ("stage",))),),
    keys=keys,
    fold=fold_rejections,
)
