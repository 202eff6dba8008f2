"""What decisions on a rule document need to know: its draft, what happened to that, and the versions published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.rules import (
    RuleApproved,
    RuleDrafted,
    RulePublished,
    RuleResumed,
    RuleRetired,
    RuleRolledBack,
    RuleSimulated,
    RuleSuspended,
)
from libs.events.deciding import StreamKind


@dataclass(frozen=True, slots=True)
class Draft:
    """What waits to be published."""

    name: str
    scope: str
    document: Mapping[str, Any]
    hash: str
    explain: str
    by: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What decisions need of one rule: the draft with what happened to it, and the versions published so far."""

    kind: str = ""
    draft: Draft | None = None
    approved_by: frozenset[str] = frozenset()
    simulated_at: datetime | None = None
    versions: Mapping[int, Draft] = field(default_factory=dict)
    current: int = 0
    suspended: bool = False
    retired: bool = False


def evolve(rule: Rule, fact: Any) -> Rule:
    """What a fact changes. A new draft needs new approvals, and a new simulation unless only its words changed."""
    match fact:
        case RuleDrafted():
            draft = Draft(fact.name, fact.scope, fact.document, fact.document_hash, fact.explain, fact.by)
            same = rule.draft and (rule.draft.hash, rule.draft.scope) == (draft.hash, draft.scope)
            simulated_at = rule.simulated_at if same else None
            return replace(rule, kind=fact.kind, draft=draft, approved_by=frozenset(), simulated_at=simulated_at)
        case RuleSimulated() if rule.draft and rule.draft.hash == fact.document_hash:
            return replace(rule, simulated_at=fact.simulated_at)
        case RuleApproved() if rule.draft and rule.draft.hash == fact.document_hash:
            return replace(rule, approved_by=rule.approved_by | {fact.by})
        case RulePublished():
            published = Draft(fact.name, fact.scope, fact.document, fact.document_hash, fact.explain, fact.by)
            return Rule(kind=fact.kind, versions={**rule.versions, fact.version: published}, current=fact.version)
        case RuleRolledBack():
            restored = Draft(fact.name, fact.scope, fact.document, fact.document_hash, "", fact.by)
            versions = {**rule.versions, fact.version: restored}
            return replace(rule, kind=fact.kind, versions=versions, current=fact.version, suspended=False)
        case RuleSuspended():
            return replace(rule, suspended=True)
        case RuleResumed():
            return replace(rule, suspended=False)
        case RuleRetired():
            return replace(rule, retired=True)
        case _:
            return rule


RULE = StreamKind("rule", Rule(), evolve)
