"""The evidence of every deal: what was accepted, and what was refused and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from libs.events.contracts.pipeline import EvidenceAttached, EvidenceRejected
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A file or text offered as evidence; `state` is accepted or rejected (then `failed` names the check)."""

    opportunity_id: str
    evidence_id: str
    state: str
    requirement: str | None
    uploaded_by: str
    content_key: str
    at: datetime
    kind: str | None = None
    file_name: str | None = None
    mime: str | None = None
    size: int | None = None
    object_key: str | None = None
    created_on: date | None = None
    warnings: list[str] | None = None
    failed: str | None = None
    explain: str | None = None


def keys(fact: Any) -> list[str]:
    """By deal."""
    return [fact.opportunity_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[EvidenceRow]:
    """The deal's evidence after one more piece."""
    rows = [row for row in group.all(EvidenceRow) if row.evidence_id != recorded.fact.evidence_id]
    match recorded.fact:
        case EvidenceAttached() as fact:
            row = EvidenceRow(
                opportunity_id=fact.opportunity_id,
                evidence_id=fact.evidence_id,
                state="accepted",
                requirement=fact.requirement,
                uploaded_by=fact.uploaded_by,
                content_key=fact.content_key,
                at=fact.attached_at,
                kind=fact.kind,
                file_name=fact.file_name,
                mime=fact.mime,
                size=fact.size,
                object_key=fact.object_key,
                created_on=fact.created_on,
                warnings=list(fact.warnings),
            )
        case EvidenceRejected() as fact:
            row = EvidenceRow(
                opportunity_id=fact.opportunity_id,
                evidence_id=fact.evidence_id,
                state="rejected",
                requirement=fact.requirement,
                uploaded_by=fact.uploaded_by,
                content_key=fact.content_key,
                at=fact.rejected_at,
                failed=fact.check,
                explain=fact.explain,
            )
        case _:
            return list(group.rows)
    return [*rows, row]


EVIDENCE_LIST = Projection(
    name="evidence-list",
    version=1,
    reads=(EvidenceAttached, EvidenceRejected),
    tables=(Table("evidence", EvidenceRow, identity=("evidence_id",), indexes=(("content_key",),)),),
    keys=keys,
    fold=fold,
)
