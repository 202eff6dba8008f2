"""A kind of rule for tests, and the facts of one such rule."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from libs.events.contracts.rules import (
    RuleApproved,
    RuleDrafted,
    RulePublished,
    RuleRetired,
    RuleRolledBack,
    RuleSimulated,
    RuleSuspended,
)
from libs.events.facts import Actor
from libs.events.testing.decisions import NOON
from libs.rules.documents import Finding, RuleKind, document_hash, register_kind

HE, SUN = Actor(id="owner-he"), Actor(id="director-sun")


class Limits(BaseModel):
    """A document for these tests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: int = Field(ge=1)
    note: str | None = None


def lint(document: Limits) -> list[Finding]:
    """More than a week is an error, more than two days a warning."""
    if document.hours > 168:
        return [Finding(path="hours", message="longer than a week")]
    return [Finding(severity="warning", path="hours", message="long")] if document.hours > 48 else []


KIND = register_kind(RuleKind("test-limits", Limits, "limits", {"hours": 24}, lint=lint))
STRICT = register_kind(RuleKind("test-strict", Limits, "strict", {"hours": 24}, four_eyes=True))


def normal(hours: int) -> dict[str, object]:
    return {"hours": hours, "note": None}


def drafted(hours: int = 12, kind: RuleKind = KIND, by: str = HE.id, scope: str = "tenant") -> RuleDrafted:
    return RuleDrafted(
        rule_id="limits",
        kind=kind.kind,
        name="Limits",
        scope=scope,
        document=normal(hours),
        document_hash=document_hash(normal(hours)),
        by=by,
    )


def simulated(hours: int = 12) -> RuleSimulated:
    return RuleSimulated(
        rule_id="limits", document_hash=document_hash(normal(hours)), report={"replayed": 3}, simulated_at=NOON
    )


def approved(by: str, hours: int = 12) -> RuleApproved:
    return RuleApproved(rule_id="limits", document_hash=document_hash(normal(hours)), by=by)


def published(version: int = 1, hours: int = 12, override: str | None = None, kind: RuleKind = KIND) -> RulePublished:
    return RulePublished(
        rule_id="limits",
        kind=kind.kind,
        name="Limits",
        version=version,
        document=normal(hours),
        document_hash=document_hash(normal(hours)),
        by=HE.id,
        override=override,
        published_at=NOON,
    )


def rolled_back(version: int, restored: int, hours: int, name: str = "Limits") -> RuleRolledBack:
    return RuleRolledBack(
        rule_id="limits",
        kind=KIND.kind,
        name=name,
        version=version,
        restored_version=restored,
        document=normal(hours),
        document_hash=document_hash(normal(hours)),
        reason="worse",
        by=HE.id,
        published_at=NOON,
    )


SUSPENDED = RuleSuspended(rule_id="limits", kind=KIND.kind, reason="too loud", by=HE.id)
RETIRED = RuleRetired(rule_id="limits", kind=KIND.kind, reason="over", by=HE.id)
