"""The life of a rule document, the same in every service: draft, lint, simulate, approve, publish, and what follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import ValidationError

from libs.events.contracts.rules import (
    RuleApproved,
    RuleDrafted,
    RuleLinted,
    RulePublished,
    RuleResumed,
    RuleRetired,
    RuleRolledBack,
    RuleSimulated,
    RuleSuspended,
)
from libs.events.deciding import Decider, Given, States, StreamOf
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Fact
from libs.rules.documents import KINDS, RuleKind, document_hash
from libs.rules.rule_commands import (
    ApproveRule,
    DraftRule,
    LintRule,
    OnRule,
    PublishRule,
    ResumeRule,
    RetireRule,
    RollbackRule,
    SimulateRule,
    SuspendRule,
)
from libs.rules.rule_state import RULE, Draft, Rule

SIMULATION_LASTS = timedelta(hours=24)
R = TypeVar("R", bound=OnRule)


def _streams(states: States, command: OnRule, given: Given) -> list[StreamOf[Any]]:
    return [RULE.of(command.rule_id)]


def _existing(states: States, command: OnRule) -> Rule:
    rule = states[RULE.of(command.rule_id)]
    if rule.kind != command.kind:
        raise NotFound(command.kind, command.rule_id)
    return rule


def _drafted(states: States, command: OnRule) -> tuple[Rule, Draft]:
    rule = _existing(states, command)
    if rule.retired:
        raise Rejected("CONFLICT_STATE", "the rule is retired")
    if rule.draft is None:
        raise Rejected("CONFLICT_STATE", "the rule has no draft")
    return rule, rule.draft


def _published(states: States, command: OnRule) -> Rule:
    rule = _existing(states, command)
    if rule.retired:
        raise Rejected("CONFLICT_STATE", "the rule is retired")
    if not rule.current:
        raise Rejected("CONFLICT_STATE", "the rule has not been published yet")
    return rule


def _draft(states: States, command: DraftRule, given: Given) -> list[Fact]:
    rule = states[RULE.of(command.rule_id)]
    if rule.kind and rule.kind != command.kind:
        raise Rejected("CONFLICT_STATE", "a rule of another kind has this id")
    if rule.retired:
        raise Rejected("CONFLICT_STATE", "the rule is retired; draft it under a new id")
    document = _accepted(KINDS[command.kind], command.document)
    draft = Draft(command.name, command.scope, document, document_hash(document), command.explain, by=given.actor.id)
    if rule.draft and replace(rule.draft, by=draft.by) == draft:
        return []
    return [
        RuleDrafted(
            rule_id=command.rule_id,
            kind=command.kind,
            name=draft.name,
            scope=draft.scope,
            document=document,
            document_hash=draft.hash,
            explain=draft.explain,
            by=draft.by,
        )
    ]


def _accepted(kind: RuleKind, document: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return kind.normal(document)
    except ValidationError as error:
        errors = [
            {"pointer": "".join(f"/{part}" for part in ("document", *one["loc"])), "message": one["msg"]}
            for one in error.errors(include_url=False, include_context=False, include_input=False)[:50]
        ]
        raise Rejected("VALIDATION", f"the document is no {kind.kind}", errors=errors) from error


def _lint(states: States, command: LintRule, given: Given) -> list[Fact]:
    _, draft = _drafted(states, command)
    findings = [finding.model_dump(mode="json") for finding in KINDS[command.kind].findings(draft.document)]
    return [RuleLinted(rule_id=command.rule_id, document_hash=draft.hash, findings=findings)]


def _simulate(states: States, command: SimulateRule, given: Given) -> list[Fact]:
    _, draft = _drafted(states, command)
    if draft.hash != command.document_hash:
        raise Rejected("CONFLICT_STATE", "the draft changed while it was simulated")
    return [
        RuleSimulated(rule_id=command.rule_id, document_hash=draft.hash, report=command.report, simulated_at=given.now)
    ]


def _approve(states: States, command: ApproveRule, given: Given) -> list[Fact]:
    rule, draft = _drafted(states, command)
    by = given.actor.id
    if command.document_hash not in (None, draft.hash):
        raise Rejected("CONFLICT_STATE", "the draft changed since it was read", document_hash=draft.hash)
    if by in rule.approved_by:
        return []
    if KINDS[command.kind].four_eyes and by == draft.by:
        raise Rejected("NOT_PERMITTED", "another person than the drafter has to approve this")
    return [RuleApproved(rule_id=command.rule_id, document_hash=draft.hash, by=by)]


def _publish(states: States, command: PublishRule, given: Given) -> list[Fact]:
    rule = _existing(states, command)
    if rule.draft is None and rule.current and not rule.suspended and not rule.retired:
        return []
    rule, draft = _drafted(states, command)
    kind = KINDS[command.kind]
    errors = [found.model_dump(mode="json") for found in kind.findings(draft.document) if found.severity == "error"]
    if errors:
        raise Rejected("DRAFT_HAS_ERRORS", "correct what was found, draft it again and simulate that", findings=errors)
    if kind.four_eyes and not rule.approved_by - {draft.by}:
        raise Rejected("APPROVAL_REQUIRED", "another person than the drafter has to approve the draft first")
    if command.override is None and not _fresh(rule.simulated_at, given.now):
        why = "simulate this draft first (a simulation lasts 24 hours), or say in `override` why it cannot wait"
        raise Rejected("SIMULATION_REQUIRED", why, document_hash=draft.hash)
    return [
        RulePublished(
            rule_id=command.rule_id,
            kind=command.kind,
            name=draft.name,
            scope=draft.scope,
            version=max(rule.versions, default=0) + 1,
            document=dict(draft.document),
            document_hash=draft.hash,
            explain=draft.explain,
            by=given.actor.id,
            override=command.override,
            published_at=given.now,
        )
    ]


def _fresh(simulated_at: datetime | None, now: datetime) -> bool:
    return simulated_at is not None and now - simulated_at <= SIMULATION_LASTS


def _suspend(states: States, command: SuspendRule, given: Given) -> list[Fact]:
    if _published(states, command).suspended:
        return []
    return [RuleSuspended(rule_id=command.rule_id, kind=command.kind, reason=command.reason, by=given.actor.id)]


def _resume(states: States, command: ResumeRule, given: Given) -> list[Fact]:
    if not _published(states, command).suspended:
        return []
    return [RuleResumed(rule_id=command.rule_id, kind=command.kind, by=given.actor.id)]


def _retire(states: States, command: RetireRule, given: Given) -> list[Fact]:
    if _existing(states, command).retired:
        return []
    return [RuleRetired(rule_id=command.rule_id, kind=command.kind, reason=command.reason, by=given.actor.id)]


def _roll_back(states: States, command: RollbackRule, given: Given) -> list[Fact]:
    rule = _published(states, command)
    earlier = rule.versions.get(command.version) or _shipped(command)
    if earlier is None:
        raise NotFound(f"version {command.version} of", command.rule_id)
    now = rule.versions[rule.current]
    if (now.hash, now.name, now.scope) == (earlier.hash, earlier.name, earlier.scope) and not rule.suspended:
        return []
    return [
        RuleRolledBack(
            rule_id=command.rule_id,
            kind=command.kind,
            name=earlier.name,
            scope=earlier.scope,
            version=max(rule.versions) + 1,
            restored_version=command.version,
            document=dict(earlier.document),
            document_hash=earlier.hash,
            reason=command.reason,
            by=given.actor.id,
            published_at=given.now,
        )
    ]


def _shipped(command: RollbackRule) -> Draft | None:
    shipped = KINDS[command.kind].shipped.get(command.rule_id) if command.version == 0 else None
    if shipped is None:
        return None
    return Draft(shipped.name, shipped.scope, shipped.document, document_hash(shipped.document), "", by="")


def _decider(name: str, decide: Callable[[States, R, Given], list[Fact]]) -> Decider[R]:
    return Decider(name, _streams, decide)


DRAFT = _decider("draft-rule", _draft)
LINT = _decider("lint-rule", _lint)
SIMULATE = _decider("simulate-rule", _simulate)
APPROVE = _decider("approve-rule", _approve)
PUBLISH = _decider("publish-rule", _publish)
SUSPEND = _decider("suspend-rule", _suspend)
RESUME = _decider("resume-rule", _resume)
RETIRE = _decider("retire-rule", _retire)
ROLL_BACK = _decider("roll-back-rule", _roll_back)
