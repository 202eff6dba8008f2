"""The life of a rule document; every service writes these for the kinds of rules it owns."""

from __future__ import annotations

from typing import Any

from libs.events.contracts.common import Identity, Label, Note
from libs.events.facts import Fact, Instant


class RuleDrafted(Fact, type="rule-drafted.v1", stream="rule-{rule_id}"):
    """A draft was written or replaced; `document_hash` is the SHA-256 of its canonical JSON."""

    rule_id: Identity
    kind: Label
    name: Label
    scope: Label = "tenant"
    document: dict[str, Any]
    document_hash: str
    explain: Note = ""
    by: Identity


class RuleLinted(Fact, type="rule-linted.v1", stream="rule-{rule_id}"):
    """A draft was checked; no findings of severity error means it can go on."""

    rule_id: Identity
    document_hash: str
    findings: list[dict[str, Any]]


class RuleSimulated(Fact, type="rule-simulated.v1", stream="rule-{rule_id}"):
    """A draft was replayed over the log; `report` says what would have been different."""

    rule_id: Identity
    document_hash: str
    report: dict[str, Any]
    simulated_at: Instant


class RuleApproved(Fact, type="rule-approved.v1", stream="rule-{rule_id}"):
    """A second person agreed to this draft."""

    rule_id: Identity
    document_hash: str
    by: Identity


class RulePublished(Fact, type="rule-published.v1", stream="rule-{rule_id}"):
    """From now on this version holds; it never changes. `override` is why it was published without a simulation."""

    rule_id: Identity
    kind: Label
    name: Label
    scope: Label = "tenant"
    version: int
    document: dict[str, Any]
    document_hash: str
    explain: Note = ""
    by: Identity
    override: Note | None = None
    published_at: Instant


class RuleSuspended(Fact, type="rule-suspended.v1", stream="rule-{rule_id}"):
    """The rule stands still until it is published again or resumed."""

    rule_id: Identity
    kind: Label
    reason: Note
    by: Identity


class RuleResumed(Fact, type="rule-resumed.v1", stream="rule-{rule_id}"):
    """A suspended rule holds again in its last version."""

    rule_id: Identity
    kind: Label
    by: Identity


class RuleRetired(Fact, type="rule-retired.v1", stream="rule-{rule_id}"):
    """The rule will not come back."""

    rule_id: Identity
    kind: Label
    reason: Note
    by: Identity


class RuleRolledBack(Fact, type="rule-rolled-back.v1", stream="rule-{rule_id}"):
    """An earlier version's document holds again, as a new version."""

    rule_id: Identity
    kind: Label
    name: Label
    scope: Label = "tenant"
    version: int
    restored_version: int
    document: dict[str, Any]
    document_hash: str
    reason: Note
    by: Identity
    published_at: Instant
